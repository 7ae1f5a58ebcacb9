/* Mapping memory: at an address of ours, or placed at one of the application's. */
#ifndef DRV_MEMORY_MAP_H
#define DRV_MEMORY_MAP_H

/* What VK_EXT_map_memory_placed says of itself, in a chain of features or of properties. */
void drv_memory_map_get_features(void *chain);
void drv_memory_map_get_properties(void *chain);

#endif
