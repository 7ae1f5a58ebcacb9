#include "driver/wsi/modifiers.h"

#include "driver/drv_entry.h"
#include "driver/scratch.h"
#include "driver/wsi/swapchain.h"

/* --- what the device makes --- */

/* The modifiers of the format. False: out of host memory. */
static bool
list_modifiers(const struct wsi_image_kind *kind, VkFormat format, struct drv_scratch *scratch,
               VkDrmFormatModifierPropertiesListEXT *list)
{
    VkPhysicalDevice device = (VkPhysicalDevice)kind->device;
    VkFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
        .pNext = list,
    };
    *list = (VkDrmFormatModifierPropertiesListEXT){
        .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
    };
    drv_GetPhysicalDeviceFormatProperties2(device, format, &properties);
    list->pDrmFormatModifierProperties = drv_scratch_array(
        scratch, list->drmFormatModifierCount, sizeof(*list->pDrmFormatModifierProperties));
    if (!list->pDrmFormatModifierProperties) {
        return false;
    }
    drv_GetPhysicalDeviceFormatProperties2(device, format, &properties);
    return true;
}

static bool
fits(const VkImageFormatProperties *limits, const VkImageCreateInfo *info)
{
    return info->extent.width <= limits->maxExtent.width &&
           info->extent.height <= limits->maxExtent.height &&
           info->arrayLayers <= limits->maxArrayLayers;
}

/* Whether such images can be dma-bufs with that modifier. */
static bool
makes(const struct wsi_image_kind *kind, uint64_t modifier)
{
    const VkImageCreateInfo *image = kind->info;
    const VkImageFormatListCreateInfo formats = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO,
        .viewFormatCount = kind->view_format_count,
        .pViewFormats = kind->view_formats,
    };
    const VkPhysicalDeviceExternalImageFormatInfo external = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
        .pNext = kind->view_format_count > 0 ? &formats : NULL,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    const VkPhysicalDeviceImageDrmFormatModifierInfoEXT by_modifier = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
        .pNext = &external,
        .drmFormatModifier = modifier,
        .sharingMode = image->sharingMode,
        .queueFamilyIndexCount = image->queueFamilyIndexCount,
        .pQueueFamilyIndices = image->pQueueFamilyIndices,
    };
    const VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .pNext = &by_modifier,
        .format = image->format,
        .type = image->imageType,
        .tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
        .usage = image->usage,
        .flags = image->flags,
    };
    VkExternalImageFormatProperties shared = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
    };
    VkImageFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
        .pNext = &shared,
    };
    VkResult result = drv_GetPhysicalDeviceImageFormatProperties2((VkPhysicalDevice)kind->device,
                                                                  &info, &properties);
    return result == VK_SUCCESS && fits(&properties.imageFormatProperties, image) &&
           (shared.externalMemoryProperties.externalMemoryFeatures &
            VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT);
}

static bool
has(const VkDrmFormatModifierPropertiesListEXT *list, uint64_t modifier)
{
    for (uint32_t i = 0; i < list->drmFormatModifierCount; i++) {
        if (list->pDrmFormatModifierProperties[i].drmFormatModifier == modifier) {
            return true;
        }
    }
    return false;
}

static void
keep_those_of(const VkDrmFormatModifierPropertiesListEXT *list, struct wsi_modifiers *modifiers)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < modifiers->count; i++) {
        if (has(list, modifiers->values[i])) {
            modifiers->values[kept] = modifiers->values[i];
            modifiers->plane_counts[kept] = modifiers->plane_counts[i];
            kept++;
        }
    }
    modifiers->count = kept;
}

/* A view of another format needs that to have the modifier, too. */
static void
keep_those_of_views(const struct wsi_image_kind *kind, struct drv_scratch *scratch,
                    struct wsi_modifiers *modifiers)
{
    for (uint32_t i = 0; i < kind->view_format_count; i++) {
        VkDrmFormatModifierPropertiesListEXT list = {0};
        if (list_modifiers(kind, kind->view_formats[i], scratch, &list)) {
            keep_those_of(&list, modifiers);
        } else {
            modifiers->count = 0;
        }
    }
}

/* --- both --- */

static bool
is_offered(const struct wsi_offers *offers, uint64_t modifier, uint32_t rank)
{
    for (uint32_t i = 0; i < offers->count; i++) {
        if (offers->modifiers[i].modifier == modifier && offers->modifiers[i].rank == rank) {
            return true;
        }
    }
    return false;
}

static uint32_t
highest_rank(const struct wsi_offers *offers)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < offers->count; i++) {
        uint32_t rank = offers->modifiers[i].rank;
        highest = rank > highest ? rank : highest;
    }
    return highest;
}

void
wsi_modifiers_made(const struct wsi_image_kind *kind, struct wsi_modifiers *out)
{
    VkDrmFormatModifierPropertiesListEXT list;
    struct drv_scratch scratch;

    *out = (struct wsi_modifiers){0};
    drv_scratch_init(&scratch);
    bool listed = list_modifiers(kind, kind->info->format, &scratch, &list);
    for (uint32_t i = 0; listed && i < list.drmFormatModifierCount; i++) {
        const VkDrmFormatModifierPropertiesEXT *known = &list.pDrmFormatModifierProperties[i];
        if (out->count < WSI_MAX_MODIFIERS && known->drmFormatModifierPlaneCount > 0 &&
            known->drmFormatModifierPlaneCount <= WSI_MAX_PLANES &&
            makes(kind, known->drmFormatModifier)) {
            out->values[out->count] = known->drmFormatModifier;
            out->plane_counts[out->count] = (uint8_t)known->drmFormatModifierPlaneCount;
            out->count++;
        }
    }
    keep_those_of_views(kind, &scratch, out);
    drv_scratch_finish(&scratch);
}

static void
agree_on_rank(const struct wsi_offers *offers, const struct wsi_modifiers *made, uint32_t rank,
              struct wsi_modifiers *out)
{
    for (uint32_t i = 0; i < made->count; i++) {
        if (is_offered(offers, made->values[i], rank)) {
            out->values[out->count] = made->values[i];
            out->plane_counts[out->count] = made->plane_counts[i];
            out->count++;
        }
    }
}

/* Drawing into linear images is slow on a GPU that has others: there a copy costs less. */
static bool
is_worth_it(const struct wsi_modifiers *agreed, const struct wsi_modifiers *made)
{
    bool only_linear = agreed->count == 1 && agreed->values[0] == WSI_MODIFIER_LINEAR;
    return !only_linear || made->count == 1;
}

void
wsi_modifiers_agree(const struct wsi_swapchain *swapchain, const struct wsi_offers *offers,
                    struct wsi_modifiers *out)
{
    const struct wsi_image_kind kind = {
        .device = swapchain->device->physical_device,
        .info = &swapchain->image_info,
        .view_formats = swapchain->view_formats,
        .view_format_count = swapchain->view_format_count,
    };
    struct wsi_modifiers made;
    wsi_modifiers_made(&kind, &made);

    uint32_t highest = highest_rank(offers);
    *out = (struct wsi_modifiers){0};
    for (uint32_t rank = 0; rank <= highest && out->count == 0 && made.count > 0; rank++) {
        agree_on_rank(offers, &made, rank, out);
        if (!is_worth_it(out, &made)) {
            out->count = 0;
        }
    }
}
