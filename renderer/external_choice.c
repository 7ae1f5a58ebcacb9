#include "renderer/external_choice.h"

#include <string.h>

#include "base/attributes.h"
#include "renderer/chain.h"

#define PAGES VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define IMPORTABLE VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT
#define EXPORTABLE VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT
#define DEDICATED_ONLY VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT

/* --- asking --- */

bool
rnd_external_ask_buffer(const struct rnd_physical_device *physical, void *what,
                        VkExternalMemoryHandleTypeFlagBits type, VkExternalMemoryProperties *out)
{
    const VkBufferCreateInfo *info = what;
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
    VkPhysicalDeviceImageDrmFormatModifierInfoEXT modifier;
    VkImageFormatListCreateInfo formats;
    VkImageStencilUsageCreateInfo stencil;
    VkVideoProfileListInfoKHR profiles;
};

/* Of a list of modifiers the first stands for all: valid is only what every one of them allows. */
static void
add_modifier(struct format_query *query, const VkImageCreateInfo *info)
{
    const VkImageDrmFormatModifierExplicitCreateInfoEXT *one = rnd_chain_find(
        info->pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
    const VkImageDrmFormatModifierListCreateInfoEXT *list = rnd_chain_find(
        info->pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
    if (one || (list && list->drmFormatModifierCount > 0)) {
        query->modifier = (VkPhysicalDeviceImageDrmFormatModifierInfoEXT){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
            .drmFormatModifier = one ? one->drmFormatModifier : list->pDrmFormatModifiers[0],
            .sharingMode = info->sharingMode,
            .queueFamilyIndexCount = info->queueFamilyIndexCount,
            .pQueueFamilyIndices = info->pQueueFamilyIndices,
        };
        rnd_chain_push(&query->info, &query->modifier);
    }
}

/* The image's own structure of that type, if it has one, into the question's `place`. */
static void
carry(struct format_query *query, const VkImageCreateInfo *info, VkStructureType type, void *place,
      size_t size)
{
    const void *given = rnd_chain_find(info->pNext, type);
    if (given) {
        memcpy(place, given, size);
        rnd_chain_push(&query->info, place);
    }
}

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

    carry(query, info, VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO, &query->formats,
          sizeof(query->formats));
    carry(query, info, VK_STRUCTURE_TYPE_IMAGE_STENCIL_USAGE_CREATE_INFO, &query->stencil,
          sizeof(query->stencil));
    carry(query, info, VK_STRUCTURE_TYPE_VIDEO_PROFILE_LIST_INFO_KHR, &query->profiles,
          sizeof(query->profiles));
    if (info->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        add_modifier(query, info);
    }
}

bool
rnd_external_ask_image(const struct rnd_physical_device *physical, void *what,
                       VkExternalMemoryHandleTypeFlagBits type, VkExternalMemoryProperties *out)
{
    const VkImageCreateInfo *info = what;
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

/* --- choosing --- */

static const VkExternalMemoryHandleTypeFlagBits pages_first[] = {PAGES, DMA_BUF, OPAQUE};
/* Hosts with memory of their own put there what nobody maps, and import no pages into it. */
static const VkExternalMemoryHandleTypeFlagBits pages_last[] = {DMA_BUF, OPAQUE, PAGES};

/* Whether the memory comes from us rather than from the host, which imports it then. */
static bool
is_ours(const struct rnd_physical_device *physical, VkExternalMemoryHandleTypeFlagBits type)
{
    return type == PAGES || (type == DMA_BUF && physical->gbm);
}

/* For mapping: dma-bufs of the host's are exported, and imported where a guest names their
 * resource. */
static bool
serves_mapping(const struct rnd_physical_device *physical, VkExternalMemoryHandleTypeFlagBits type,
               const VkExternalMemoryProperties *properties)
{
    VkExternalMemoryFeatureFlags needed =
        is_ours(physical, type) ? IMPORTABLE : IMPORTABLE | EXPORTABLE;
    VkExternalMemoryFeatureFlags features = properties->externalMemoryFeatures;
    return (features & needed) == needed && !(features & DEDICATED_ONLY);
}

/* An object may be external only to types each of which is compatible with all. */
VkExternalMemoryHandleTypeFlags
rnd_external_choose(const struct rnd_physical_device *physical, rnd_external_ask ask, void *what)
{
    VkExternalMemoryHandleTypeFlags chosen = 0, compatible = ~UINT32_C(0);
    for (size_t i = 0; i < BASE_COUNT_OF(pages_first); i++) {
        VkExternalMemoryHandleTypeFlagBits type = pages_first[i];
        VkExternalMemoryProperties properties;
        if ((physical->memory_types.handles & compatible & type) &&
            ask(physical, what, type, &properties) && serves_mapping(physical, type, &properties) &&
            (chosen & ~properties.compatibleHandleTypes) == 0) {
            chosen |= type;
            compatible &= properties.compatibleHandleTypes;
        }
    }
    return chosen;
}

/* What the guest can do with `exported` by way of a handle type of the host's; what is ours we can
 * give out, but pages of the guest's own only enter. */
static VkExternalMemoryFeatureFlags
features_for_guest(const struct rnd_physical_device *physical,
                   VkExternalMemoryHandleTypeFlagBits type,
                   VkExternalMemoryHandleTypeFlags exported,
                   const VkExternalMemoryProperties *properties)
{
    VkExternalMemoryFeatureFlags features = properties->externalMemoryFeatures;
    if (type == PAGES) {
        VkExternalMemoryFeatureFlags ways =
            exported == PAGES ? IMPORTABLE : IMPORTABLE | EXPORTABLE;
        return serves_mapping(physical, type, properties) ? ways : 0;
    }
    if (is_ours(physical, type)) { /* libgbm's, which may be dedicated */
        return features & IMPORTABLE ? features | EXPORTABLE : 0;
    }
    return features & (IMPORTABLE | EXPORTABLE) ? features : 0;
}

/* What an object that is external to `exported` by way of `type` is compatible with. */
static VkExternalMemoryHandleTypeFlags
compatible_with(const struct rnd_physical_device *physical, VkExternalMemoryHandleTypeFlagBits type,
                VkExternalMemoryHandleTypeFlags exported)
{
    const VkExternalMemoryHandleTypeFlags both = OPAQUE | DMA_BUF;
    bool same =
        (exported & both) && rnd_memory_types_carriers(&physical->memory_types, both) == type;
    return same ? both : exported;
}

VkExternalMemoryHandleTypeFlags
rnd_external_choose_for_guest(const struct rnd_physical_device *physical, rnd_external_ask ask,
                              void *what, VkExternalMemoryHandleTypeFlags exported,
                              bool addressable, VkExternalMemoryProperties *out)
{
    const VkExternalMemoryHandleTypeFlagBits *order = addressable ? pages_first : pages_last;
    VkExternalMemoryHandleTypeFlags carriers =
        rnd_memory_types_carriers(&physical->memory_types, exported);
    for (size_t i = 0; i < BASE_COUNT_OF(pages_last); i++) {
        VkExternalMemoryHandleTypeFlagBits type = order[i];
        VkExternalMemoryProperties properties;
        if (!(carriers & type) || !ask(physical, what, type, &properties)) {
            continue;
        }
        VkExternalMemoryFeatureFlags features =
            features_for_guest(physical, type, exported, &properties);
        if (features == 0) {
            continue;
        }
        if (out) {
            bool again =
                is_ours(physical, type) || (properties.exportFromImportedHandleTypes & type);
            *out = (VkExternalMemoryProperties){
                .externalMemoryFeatures = features,
                .exportFromImportedHandleTypes = again && exported != PAGES ? exported : 0,
                .compatibleHandleTypes = compatible_with(physical, type, exported),
            };
        }
        return type;
    }
    return 0;
}
