/* Features of the device extensions about presenting, which the renderer knows nothing of. */
#ifndef WSI_FEATURES_H
#define WSI_FEATURES_H

/* Fills in those of a chain behind VkPhysicalDeviceFeatures2. */
void wsi_get_features(void *chain);

#endif
