/* Features of the device extensions about presenting, which the renderer knows nothing of. */
#ifndef WSI_FEATURES_H
#define WSI_FEATURES_H

/* Tells the debug log, and by it `vesper info`, by which road frames come into windows, and why. */
void wsi_explain_road(void);
/* Fills in those of a chain behind VkPhysicalDeviceFeatures2. */
void wsi_get_features(void *chain);

#endif
