#include "renderer/external.h"

#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/device.h"

#define PAGES VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

/* Asks the host about one handle type; false: not for such an object. `info` is the create info. */
typedef bool (*ask_fn)(const struct rnd_physical_device *physical, const void *info,
                       VkExternalMemoryHandleTypeFlagBits type, VkExternalMemoryProperties *out);

/* Pages are imported; dma-bufs exported, and imported where a guest names their resource. */
static bool
is_usable(VkExternalMemoryHandleTypeFlagBits type, const VkExternalMemoryProperties *properties)
{
    VkExternalMemoryFeatureFlags needed = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
    if (type == DMA_BUF) {
        needed |= VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
    }
    VkExternalMemoryFeatureFlags features = properties->externalMemoryFeatures;
    return (features & needed) == needed &&
           !(features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT);
}

/* All handle types that the memory types need, or as many of them as the host takes together: an
 * object may be external only to types each of which is compatible with all. */
static VkExternalMemoryHandleTypeFlags
choose_handles(const struct rnd_physical_device *physical, ask_fn ask, const void *info)
{
    static const VkExternalMemoryHandleTypeFlagBits in_order[] = {PAGES, DMA_BUF};
    VkExternalMemoryHandleTypeFlags chosen = 0, compatible = ~UINT32_C(0);
    for (size_t i = 0; i < BASE_COUNT_OF(in_order); i++) {
        VkExternalMemoryHandleTypeFlagBits type = in_order[i];
        VkExternalMemoryProperties properties;
        if ((physical->memory_types.handles & compatible & type) &&
            ask(physical, info, type, &properties) && is_usable(type, &properties) &&
            (chosen & ~properties.compatibleHandleTypes) == 0) {
            chosen |= type;
            compatible &= properties.compatibleHandleTypes;
        }
    }
    return chosen;
}

/* --- buffers --- */

static bool
ask_about_buffer(const struct rnd_physical_device *physical, const void *create_info,
                 VkExternalMemoryHandleTypeFlagBits type, VkExternalMemoryProperties *out)
{
    const VkBufferCreateInfo *info = create_info;
    VkPhysicalDeviceExternalBufferInfo query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .flags = info->flags,
        .usage = info->usage,
        .handleType = type,
    };
    VkBufferUsageFlags2CreateInfo usage2;
    const VkBufferUsageFlags2CreateInfo *given =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_BUFFER_USAGE_FLAGS_2_CREATE_INFO);
    if (given) {
        usage2 = *given;
        usage2.pNext = NULL;
        query.pNext = &usage2;
    }
    VkExternalBufferProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
    };
    physical->instance->table.GetPhysicalDeviceExternalBufferProperties(physical->handle, &query,
                                                                        &properties);
    *out = properties.externalMemoryProperties;
    return true;
}

bool
rnd_external_buffer(struct rnd_call *call, const VkBufferCreateInfo *info,
                    VkExternalMemoryHandleTypeFlags *handles)
{
    const VkBufferCreateFlags never =
        VK_BUFFER_CREATE_SPARSE_BINDING_BIT | VK_BUFFER_CREATE_SPARSE_RESIDENCY_BIT |
        VK_BUFFER_CREATE_SPARSE_ALIASED_BIT | VK_BUFFER_CREATE_PROTECTED_BIT;
    rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
    *handles = info->flags & never
                   ? 0
                   : choose_handles(rnd_call_device(call)->physical_device, ask_about_buffer, info);
    if (*handles == 0) {
        return true;
    }
    VkExternalMemoryBufferCreateInfo *structure = rnd_call_alloc(call, 1, sizeof(*structure));
    if (!structure) {
        return false;
    }
    structure->sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO;
    structure->handleTypes = *handles;
    rnd_chain_push(info, structure);
    return true;
}

/* --- images --- */

/* Only linear images: nobody reads other ones through a mapping, and being external costs some
 * drivers the compression that makes optimal images fast. */
static bool
kind_may_be_external(const VkImageCreateInfo *info)
{
    const VkImageCreateFlags never =
        VK_IMAGE_CREATE_SPARSE_BINDING_BIT | VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT |
        VK_IMAGE_CREATE_SPARSE_ALIASED_BIT | VK_IMAGE_CREATE_PROTECTED_BIT;
    return info->tiling == VK_IMAGE_TILING_LINEAR && !(info->flags & never);
}

static bool
within_limits(const VkImageCreateInfo *info, const VkImageFormatProperties *limits)
{
    return info->extent.width <= limits->maxExtent.width &&
           info->extent.height <= limits->maxExtent.height &&
           info->extent.depth <= limits->maxExtent.depth &&
           info->mipLevels <= limits->maxMipLevels && info->arrayLayers <= limits->maxArrayLayers &&
           (limits->sampleCounts & info->samples);
}

/* What changes the answer travels with the question. */
struct format_query {
    VkPhysicalDeviceImageFormatInfo2 info;
    VkPhysicalDeviceExternalImageFormatInfo external;
    VkImageFormatListCreateInfo formats;
    VkImageStencilUsageCreateInfo stencil;
};

static void
fill_query(struct format_query *query, const VkImageCreateInfo *info,
           VkExternalMemoryHandleTypeFlagBits type)
{
    *query = (struct format_query){
        .info = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
                 .format = info->format,
                 .type = info->imageType,
                 .tiling = info->tiling,
                 .usage = info->usage,
                 .flags = info->flags},
        .external = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
                     .handleType = type},
    };
    rnd_chain_push(&query->info, &query->external);

    const VkImageFormatListCreateInfo *formats =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO);
    if (formats) {
        query->formats = *formats;
        rnd_chain_push(&query->info, &query->formats);
    }
    const VkImageStencilUsageCreateInfo *stencil =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_IMAGE_STENCIL_USAGE_CREATE_INFO);
    if (stencil) {
        query->stencil = *stencil;
        rnd_chain_push(&query->info, &query->stencil);
    }
}

static bool
ask_about_image(const struct rnd_physical_device *physical, const void *create_info,
                VkExternalMemoryHandleTypeFlagBits type, VkExternalMemoryProperties *out)
{
    const VkImageCreateInfo *info = create_info;
    struct format_query query;
    fill_query(&query, info, type);
    VkExternalImageFormatProperties external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
    };
    VkImageFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
        .pNext = &external,
    };
    VkResult result = physical->instance->table.GetPhysicalDeviceImageFormatProperties2(
        physical->handle, &query.info, &properties);
    *out = external.externalMemoryProperties;
    return result == VK_SUCCESS && within_limits(info, &properties.imageFormatProperties);
}

bool
rnd_external_image(struct rnd_call *call, const VkImageCreateInfo *info,
                   VkExternalMemoryHandleTypeFlags *handles)
{
    rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    *handles = kind_may_be_external(info)
                   ? choose_handles(rnd_call_device(call)->physical_device, ask_about_image, info)
                   : 0;
    if (*handles == 0) {
        return true;
    }
    VkExternalMemoryImageCreateInfo *structure = rnd_call_alloc(call, 1, sizeof(*structure));
    if (!structure) {
        return false;
    }
    structure->sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO;
    structure->handleTypes = *handles;
    rnd_chain_push(info, structure);
    ((VkImageCreateInfo *)info)->initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
    return true;
}
