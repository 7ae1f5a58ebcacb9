/* Finds out which memory types take pages of a memfd. */
#ifndef RND_MEMORY_PROBE_H
#define RND_MEMORY_PROBE_H

#include <stdint.h>

struct rnd_physical_device;

/* One bit for each host type; 0 if the host would not even tell. Only a logical device can answer,
 * so this creates one, imports a little into each type and throws it away. The physical device has
 * VK_EXT_external_memory_host, and its import_alignment is set. */
uint32_t rnd_memory_probe_importable(const struct rnd_physical_device *device);

#endif
