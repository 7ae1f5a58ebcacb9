/* Memory requirements, remembered with the object they belong to. */
#ifndef DRV_REQUIREMENTS_H
#define DRV_REQUIREMENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

/* What an application may ask for. */
struct drv_needs {
    VkMemoryRequirements memory;
    VkBool32 prefers_dedicated, requires_dedicated;
};

/* Threads that ask at the same time fill in the same answer; whoever is first publishes it. */
struct drv_requirements {
    _Atomic uint32_t state; /* enum drv_requirements_state */
    struct drv_needs needs;
};

enum drv_requirements_state {
    DRV_REQUIREMENTS_UNKNOWN,
    DRV_REQUIREMENTS_BEING_WRITTEN,
    DRV_REQUIREMENTS_KNOWN,
};

/* The structures that the renderer fills in. */
struct drv_requirements_reply {
    VkMemoryDedicatedRequirements dedicated;
    VkMemoryRequirements2 requirements;
};

/* Ready to be passed as output; stays where it is, since it is chained. */
void drv_requirements_prepare(struct drv_requirements_reply *reply);
struct drv_needs drv_requirements_read(const struct drv_requirements_reply *reply);

/* False: not known yet. */
bool drv_requirements_recall(struct drv_requirements *known, VkMemoryRequirements2 *out);
void drv_requirements_remember(struct drv_requirements *known, const struct drv_needs *needs);
/* Gives an answer to the application; NULL: the renderer is gone, nothing fits anywhere. */
void drv_requirements_answer(const struct drv_needs *needs, VkMemoryRequirements2 *out);

#endif
