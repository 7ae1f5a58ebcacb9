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

static void
fill(VkMemoryRequirements2 *out, const VkMemoryRequirements *memory, VkBool32 prefers,
     VkBool32 requires)
{
    VkMemoryDedicatedRequirements *dedicated =
        drv_find_out_struct(out->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS);
    out->memoryRequirements = *memory;
    if (dedicated) {
        dedicated->prefersDedicatedAllocation = prefers;
        dedicated->requiresDedicatedAllocation = requires;
    }
}

bool
drv_requirements_recall(struct drv_requirements *known, VkMemoryRequirements2 *out)
{
    if (atomic_load_explicit(&known->state, memory_order_acquire) != DRV_REQUIREMENTS_KNOWN) {
        return false;
    }
    fill(out, &known->memory, known->prefers_dedicated, known->requires_dedicated);
    return true;
}

void
drv_requirements_remember(struct drv_requirements *known,
                          const struct drv_requirements_reply *reply)
{
    uint32_t expected = DRV_REQUIREMENTS_UNKNOWN;
    if (!atomic_compare_exchange_strong(&known->state, &expected, DRV_REQUIREMENTS_BEING_WRITTEN)) {
        return;
    }
    known->memory = reply->requirements.memoryRequirements;
    known->prefers_dedicated = reply->dedicated.prefersDedicatedAllocation;
    known->requires_dedicated = reply->dedicated.requiresDedicatedAllocation;
    atomic_store_explicit(&known->state, DRV_REQUIREMENTS_KNOWN, memory_order_release);
}

void
drv_requirements_answer(const struct drv_requirements_reply *reply, VkMemoryRequirements2 *out)
{
    static const VkMemoryRequirements none = {.alignment = 1};
    if (reply) {
        fill(out, &reply->requirements.memoryRequirements,
             reply->dedicated.prefersDedicatedAllocation,
             reply->dedicated.requiresDedicatedAllocation);
    } else {
        fill(out, &none, VK_FALSE, VK_FALSE);
    }
}
