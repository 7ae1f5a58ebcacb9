/* What a physical device says of itself: the host's words, except where something cannot be
 * carried. */
#include "renderer/physical_device.h"

#include <string.h>

#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/external.h"
#include "renderer/rnd_dispatch.h"

static const struct rnd_physical_device *
physical_device(const struct rnd_call *call)
{
    return rnd_physical_device_from(call->leading);
}

/* --- properties --- */

void
rnd_do_vkGetPhysicalDeviceProperties(struct rnd_call *call,
                                     struct proto_vkGetPhysicalDeviceProperties *args)
{
    *args->pProperties = physical_device(call)->properties;
}

/* Images that the host copies may lie in memory that can be mapped, and others may not. */
static void
tell_types_apart(VkPhysicalDeviceProperties2 *properties)
{
    VkPhysicalDeviceHostImageCopyProperties *copies = rnd_chain_find(
        properties->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_IMAGE_COPY_PROPERTIES);
    VkPhysicalDeviceVulkan14Properties *core =
        rnd_chain_find(properties->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_4_PROPERTIES);
    if (copies) {
        copies->identicalMemoryTypeRequirements = VK_FALSE;
    }
    if (core) {
        core->identicalMemoryTypeRequirements = VK_FALSE;
    }
}

void
rnd_do_vkGetPhysicalDeviceProperties2(struct rnd_call *call,
                                      struct proto_vkGetPhysicalDeviceProperties2 *args)
{
    call->instance_table->GetPhysicalDeviceProperties2(args->physicalDevice, args->pProperties);
    args->pProperties->properties = physical_device(call)->properties;
    tell_types_apart(args->pProperties);
}

void
rnd_do_vkGetPhysicalDeviceMemoryProperties(struct rnd_call *call,
                                           struct proto_vkGetPhysicalDeviceMemoryProperties *args)
{
    *args->pMemoryProperties = physical_device(call)->memory_types.guest;
}

/* A guest that asks beforehand need not meet the bound of what its context may hold. */
static void
bound_budgets(const struct rnd_call *call, VkPhysicalDeviceMemoryProperties2 *properties)
{
    const struct rnd_physical_device *physical = physical_device(call);
    const uint64_t limit = call->context->budget.memory.limit;
    VkPhysicalDeviceMemoryBudgetPropertiesEXT *budgets = rnd_chain_find(
        properties->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);
    for (uint32_t i = 0; budgets && i < physical->memory_types.guest.memoryHeapCount; i++) {
        if (rnd_physical_device_heap_is_ram(physical, i) && budgets->heapBudget[i] > limit) {
            budgets->heapBudget[i] = limit;
        }
    }
}

/* Heaps are the host's, so budgets in the chain need no translation. */
void
rnd_do_vkGetPhysicalDeviceMemoryProperties2(struct rnd_call *call,
                                            struct proto_vkGetPhysicalDeviceMemoryProperties2 *args)
{
    call->instance_table->GetPhysicalDeviceMemoryProperties2(args->physicalDevice,
                                                             args->pMemoryProperties);
    args->pMemoryProperties->memoryProperties = physical_device(call)->memory_types.guest;
    bound_budgets(call, args->pMemoryProperties);
}

/* --- features --- */

void
rnd_do_vkGetPhysicalDeviceFeatures(struct rnd_call *call,
                                   struct proto_vkGetPhysicalDeviceFeatures *args)
{
    call->instance_table->GetPhysicalDeviceFeatures(args->physicalDevice, args->pFeatures);
}

void
rnd_do_vkGetPhysicalDeviceFeatures2(struct rnd_call *call,
                                    struct proto_vkGetPhysicalDeviceFeatures2 *args)
{
    call->instance_table->GetPhysicalDeviceFeatures2(args->physicalDevice, args->pFeatures);
    proto_chain_withhold(rnd_instance_of(call->leading)->private_extensions,
                         args->pFeatures->pNext);
}

/* --- external handles --- */

void
rnd_do_vkGetPhysicalDeviceExternalBufferProperties(
    struct rnd_call *call, struct proto_vkGetPhysicalDeviceExternalBufferProperties *args)
{
    rnd_external_buffer_properties(physical_device(call), args->pExternalBufferInfo,
                                   &args->pExternalBufferProperties->externalMemoryProperties);
}

/* Linear images must find memory that can be mapped, and none of ours may be bound to sparse ones
 * (renderer/external.c). Those with sparse residency need none: they cannot be created
 * (VUID-VkImageCreateInfo-tiling-04121), and what the host says of them stands. */
static bool
would_lack_memory(VkImageTiling tiling, VkImageCreateFlags flags)
{
    VkImageCreateFlags sparse =
        flags & (VK_IMAGE_CREATE_SPARSE_BINDING_BIT | VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT);
    return tiling == VK_IMAGE_TILING_LINEAR && sparse == VK_IMAGE_CREATE_SPARSE_BINDING_BIT;
}

void
rnd_do_vkGetPhysicalDeviceImageFormatProperties(
    struct rnd_call *call, struct proto_vkGetPhysicalDeviceImageFormatProperties *args)
{
    if (would_lack_memory(args->tiling, args->flags)) {
        *args->pImageFormatProperties = (VkImageFormatProperties){0};
        args->ret = VK_ERROR_FORMAT_NOT_SUPPORTED;
        return;
    }
    args->ret = call->instance_table->GetPhysicalDeviceImageFormatProperties(
        args->physicalDevice, args->format, args->type, args->tiling, args->usage, args->flags,
        args->pImageFormatProperties);
}

void
rnd_do_vkGetPhysicalDeviceImageFormatProperties2(
    struct rnd_call *call, struct proto_vkGetPhysicalDeviceImageFormatProperties2 *args)
{
    const VkPhysicalDeviceExternalImageFormatInfo *external =
        rnd_chain_find(args->pImageFormatInfo->pNext,
                       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    if (would_lack_memory(args->pImageFormatInfo->tiling, args->pImageFormatInfo->flags)) {
        args->pImageFormatProperties->imageFormatProperties = (VkImageFormatProperties){0};
        args->ret = VK_ERROR_FORMAT_NOT_SUPPORTED;
        return;
    }
    if (external && external->handleType != 0) {
        args->ret = rnd_external_image_properties(physical_device(call), args->pImageFormatInfo,
                                                  args->pImageFormatProperties);
        return;
    }
    args->ret = call->instance_table->GetPhysicalDeviceImageFormatProperties2(
        args->physicalDevice, args->pImageFormatInfo, args->pImageFormatProperties);
}

/* Sync files can be stood in for by resources (vkResetFenceResourceMESA and its kin); nothing else
 * can. Of the host's abilities only one is never missed: to import what has signalled already. */
void
rnd_do_vkGetPhysicalDeviceExternalFenceProperties(
    struct rnd_call *call, struct proto_vkGetPhysicalDeviceExternalFenceProperties *args)
{
    VkExternalFenceHandleTypeFlagBits type = args->pExternalFenceInfo->handleType;
    if (type == VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT) {
        call->instance_table->GetPhysicalDeviceExternalFenceProperties(
            args->physicalDevice, args->pExternalFenceInfo, args->pExternalFenceProperties);
    }
}

static bool
is_timeline(const VkPhysicalDeviceExternalSemaphoreInfo *info)
{
    const VkSemaphoreTypeCreateInfo *type =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
    return type && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE;
}

void
rnd_do_vkGetPhysicalDeviceExternalSemaphoreProperties(
    struct rnd_call *call, struct proto_vkGetPhysicalDeviceExternalSemaphoreProperties *args)
{
    VkExternalSemaphoreHandleTypeFlagBits type = args->pExternalSemaphoreInfo->handleType;
    if (type == VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT) {
        call->instance_table->GetPhysicalDeviceExternalSemaphoreProperties(
            args->physicalDevice, args->pExternalSemaphoreInfo, args->pExternalSemaphoreProperties);
        if (!is_timeline(args->pExternalSemaphoreInfo)) {
            args->pExternalSemaphoreProperties->compatibleHandleTypes |= type;
            args->pExternalSemaphoreProperties->externalSemaphoreFeatures |=
                VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
        }
    }
}
