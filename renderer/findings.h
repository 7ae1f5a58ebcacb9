/* Which memory types of a host device a guest can come to share, as a throw-away device has shown
 * (memory_probe.h): kept by the server, so that workers that follow need not make one.
 *
 * Only a warm-up adds to them (warm_up.h), in a process that no guest has reached yet: what a
 * worker says that has served one is not to be trusted by another. Any thread may call.
 * Servers carry them from one process to another, see warm_up.h. */
#ifndef RND_FINDINGS_H
#define RND_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/memory_types.h"

enum {
    RND_MAX_FINDINGS = 8, /* devices; of more, the rest is tried by each worker */
    RND_GBM_NODE_SIZE = 64,
};

/* All that the answer depends on: another device, driver or version of it, or another set of types
 * or extensions (a layer was added), is another key. All bytes count: set it to zero first. */
struct rnd_finding_key {
    uint8_t device_uuid[VK_UUID_SIZE], driver_uuid[VK_UUID_SIZE];
    uint32_t vendor, device, api_version, driver_version;
    char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
    uint64_t import_alignment;
    uint32_t has_external_memory_host, has_external_memory_fd, has_dma_bufs;
    char gbm_node[RND_GBM_NODE_SIZE]; /* where dma-bufs come from; "": from the host */
    uint32_t type_count;
    VkMemoryPropertyFlags type_flags[VK_MAX_MEMORY_TYPES];
};

/* False: that has not been found out yet. */
BASE_MUST_CHECK bool rnd_findings_look_up(const struct rnd_finding_key *key,
                                          struct rnd_memory_abilities *out);
/* The first RND_MAX_FINDINGS are kept. */
void rnd_findings_add(const struct rnd_finding_key *key,
                      const struct rnd_memory_abilities *abilities);

#endif
