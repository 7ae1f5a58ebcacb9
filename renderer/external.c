#include "renderer/external.h"

#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/device.h"

#define HANDLE_TYPE VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT

static bool
importable(const VkExternalMemoryProperties *properties)
{
    VkExternalMemoryFeatureFlags features = properties->externalMemoryFeatures;
    return (features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) &&
           !(features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT);
}

static bool
buffer_may_be_external(const struct rnd_physical_device *physical, const VkBufferCreateInfo *info)
{
    const VkBufferCreateFlags never =
        VK_BUFFER_CREATE_SPARSE_BINDING_BIT | VK_BUFFER_CREATE_SPARSE_RESIDENCY_BIT |
        VK_BUFFER_CREATE_SPARSE_ALIASED_BIT | VK_BUFFER_CREATE_PROTECTED_BIT;
    if (info->flags & never) {
        return false;
    }
    VkPhysicalDeviceExternalBufferInfo query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .flags = info->flags,
        .usage = info->usage,
        .handleType = HANDLE_TYPE,
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
    return importable(&properties.externalMemoryProperties);
}

bool
rnd_external_buffer(struct rnd_call *call, const VkBufferCreateInfo *info, bool *external)
{
    *external = false;
    rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
    if (!buffer_may_be_external(rnd_call_device(call)->physical_device, info)) {
        return true;
    }
    VkExternalMemoryBufferCreateInfo *structure = rnd_call_alloc(call, 1, sizeof(*structure));
    if (!structure) {
        return false;
    }
    structure->sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO;
    structure->handleTypes = HANDLE_TYPE;
    rnd_chain_push(info, structure);
    *external = true;
    return true;
}

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
fill_query(struct format_query *query, const VkImageCreateInfo *info)
{
    *query = (struct format_query){
        .info = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
                 .format = info->format,
                 .type = info->imageType,
                 .tiling = info->tiling,
                 .usage = info->usage,
                 .flags = info->flags},
        .external = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
                     .handleType = HANDLE_TYPE},
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
image_may_be_external(const struct rnd_physical_device *physical, const VkImageCreateInfo *info)
{
    if (!kind_may_be_external(info)) {
        return false;
    }
    struct format_query query;
    fill_query(&query, info);
    VkExternalImageFormatProperties external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
    };
    VkImageFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
        .pNext = &external,
    };
    VkResult result = physical->instance->table.GetPhysicalDeviceImageFormatProperties2(
        physical->handle, &query.info, &properties);
    return result == VK_SUCCESS && importable(&external.externalMemoryProperties) &&
           within_limits(info, &properties.imageFormatProperties);
}

bool
rnd_external_image(struct rnd_call *call, const VkImageCreateInfo *info, bool *external)
{
    *external = false;
    rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    if (!image_may_be_external(rnd_call_device(call)->physical_device, info)) {
        return true;
    }
    VkExternalMemoryImageCreateInfo *structure = rnd_call_alloc(call, 1, sizeof(*structure));
    if (!structure) {
        return false;
    }
    structure->sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO;
    structure->handleTypes = HANDLE_TYPE;
    rnd_chain_push(info, structure);
    ((VkImageCreateInfo *)info)->initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
    *external = true;
    return true;
}
