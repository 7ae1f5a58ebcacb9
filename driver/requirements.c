#include "driver/requirements.h"

#include "driver/struct_chain.h"

void
drv_requirements_prepare(struct drv_requirements_reply *reply)
{
    *reply = (struct drv_requirements_reply){
        .dedicated = {.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS},
        .requirements = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
                         .pNext = &reply->dedicated},
    };
}

struct drv_needs
drv_requirements_read(const struct drv_requirements_reply *reply)
{
    return (struct drv_needs){
        .memory = reply->requirements.memoryRequirements,
        .prefers_dedicated = reply->dedicated.prefersDedicatedAllocation,
        .requires_dedicated = reply->dedicated.requiresDedicatedAllocation,
    };
}

bool
drv_requirements_recall(struct drv_requirements *known, VkMemoryRequirements2 *out)
{
    if (atomic_load_explicit(&known->state, memory_order_acquire) != DRV_REQUIREMENTS_KNOWN) {
        return false;
    }
    drv_requirements_answer(&known->needs, out);
    return true;
}

void
drv_requirements_remember(struct drv_requirements *known, const struct drv_needs *needs)
{
    uint32_t expected = DRV_REQUIREMENTS_UNKNOWN;
    if (!atomic_compare_exchange_strong(&known->state, &expected, DRV_REQUIREMENTS_BEING_WRITTEN)) {
        return;
    }
    known->needs = *needs;
    atomic_store_explicit(&known->state, DRV_REQUIREMENTS_KNOWN, memory_order_release);
}

void
drv_requirements_answer(const struct drv_needs *needs, VkMemoryRequirements2 *out)
{
    static const struct drv_needs none = {.memory = {.alignment = 1}};
    VkMemoryDedicatedRequirements *dedicated =
        drv_find_out_struct(out->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS);
    needs = needs ? needs : &none;
    out->memoryRequirements = needs->memory;
    if (dedicated) {
        dedicated->prefersDedicatedAllocation = needs->prefers_dedicated;
        dedicated->requiresDedicatedAllocation = needs->requires_dedicated;
    }
}
