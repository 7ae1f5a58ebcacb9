#include "driver/wsi/road.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/wsi/swapchain.h"

static bool
offers(const struct drv_physical_device *device, const char *extension)
{
    return drv_extension_set_has_name(&device->extensions, extension);
}

/* VESPER_WINDOW_DMA_BUFS=0 is for a window system that takes them and shows them wrong; =copy for
 * one that shows linear ones right, but not the device's own. */
static enum wsi_road
best_wanted(void)
{
    const char *value = getenv("VESPER_WINDOW_DMA_BUFS");
    if (value && strcmp(value, "0") == 0) {
        return WSI_ROAD_SHARED_MEMORY;
    }
    return value && strcmp(value, "copy") == 0 ? WSI_ROAD_COPIED : WSI_ROAD_DIRECT;
}

/* Whether the device makes dma-bufs that images can be copied to. */
static bool
makes_dma_bufs(struct drv_physical_device *device)
{
    const VkPhysicalDeviceExternalBufferInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    VkExternalBufferProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
    };
    drv_GetPhysicalDeviceExternalBufferProperties((VkPhysicalDevice)device, &info, &properties);
    return properties.externalMemoryProperties.externalMemoryFeatures &
           VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
}

/* The planes of images with several layers have no place in the protocols. */
static bool
agrees_on_modifiers(const struct wsi_swapchain *swapchain, const struct wsi_offers *offered,
                    struct wsi_modifiers *out)
{
    if (swapchain->image_info.arrayLayers > 1 || offered->count == 0 ||
        !offers(swapchain->device->physical_device,
                VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME)) {
        return false;
    }
    wsi_modifiers_agree(swapchain, offered, out);
    return out->count > 0;
}

enum wsi_road
wsi_road_limit(const struct wsi_swapchain *swapchain, enum wsi_road best)
{
    enum wsi_road wanted = best_wanted();
    if (!offers(swapchain->device->physical_device,
                VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME)) {
        return WSI_ROAD_SHARED_MEMORY;
    }
    return wanted < best ? wanted : best;
}

static enum wsi_road
choose(const struct wsi_swapchain *swapchain, const struct wsi_offers *offered, enum wsi_road best,
       struct wsi_modifiers *out)
{
    if (best == WSI_ROAD_SHARED_MEMORY) {
        return WSI_ROAD_SHARED_MEMORY;
    }
    if (best == WSI_ROAD_DIRECT && agrees_on_modifiers(swapchain, offered, out)) {
        return WSI_ROAD_DIRECT;
    }
    return offered->takes_linear && makes_dma_bufs(swapchain->device->physical_device)
               ? WSI_ROAD_COPIED
               : WSI_ROAD_SHARED_MEMORY;
}

enum wsi_road
wsi_road_choose(struct wsi_swapchain *swapchain, enum wsi_road best)
{
    swapchain->road_limit = best;
    return swapchain->target
               ? choose(swapchain, &swapchain->target->offers, best, &swapchain->modifiers)
               : WSI_ROAD_SHARED_MEMORY;
}

/* The device has chosen one of the modifiers that there were: what counts is whether it still may.
 */
bool
wsi_road_has_changed(const struct wsi_swapchain *swapchain, const struct wsi_offers *offered)
{
    struct wsi_modifiers modifiers = {0};
    enum wsi_road road = choose(swapchain, offered, swapchain->road_limit, &modifiers);
    bool may_stay = road != WSI_ROAD_DIRECT;
    for (uint32_t i = 0; i < modifiers.count; i++) {
        may_stay |= modifiers.values[i] == swapchain->images[0].pixels.modifier;
    }
    return road != swapchain->road || !may_stay;
}

bool
wsi_road_passes_pages(const struct wsi_swapchain *swapchain)
{
    return swapchain->device->ring->transport->same_kernel ||
           best_wanted() > WSI_ROAD_SHARED_MEMORY;
}

void
wsi_road_log(const struct wsi_swapchain *swapchain)
{
    const struct wsi_pixels *pixels = &swapchain->images[0].pixels;
    switch (swapchain->road) {
    case WSI_ROAD_DIRECT:
        base_log_info("vkCreateSwapchainKHR: frames are not copied: dma-bufs of modifier "
                      "0x%016" PRIx64 ", %u planes",
                      pixels->modifier, pixels->plane_count);
        break;
    case WSI_ROAD_COPIED:
        base_log_info("vkCreateSwapchainKHR: frames are copied into linear dma-bufs");
        break;
    case WSI_ROAD_SHARED_MEMORY:
        base_log_info("vkCreateSwapchainKHR: frames go through shared memory%s",
                      swapchain->target && pixels->fd == -1
                          ? " that cannot be passed on: the CPU copies them"
                          : "");
        break;
    }
}

void
wsi_road_log_refusal(const struct wsi_swapchain *swapchain, VkResult result)
{
    base_log_info("vkCreateSwapchainKHR: dma-bufs %s of %ux%u pixels, format %d, %s (VkResult %d)",
                  swapchain->road == WSI_ROAD_DIRECT ? "with modifiers" : "to copy to",
                  swapchain->image_info.extent.width, swapchain->image_info.extent.height,
                  swapchain->image_info.format,
                  result == VK_ERROR_FORMAT_NOT_SUPPORTED ? "are refused" : "cannot be made",
                  result);
}

static const char *
find_obstacle(struct drv_physical_device *device)
{
    if (!device->shares_memory) {
        return "no descriptors pass between the driver and this renderer";
    }
    if (!offers(device, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME)) {
        return "the host has no VK_EXT_external_memory_dma_buf";
    }
    return makes_dma_bufs(device) ? NULL : "the host exports no dma-bufs";
}

/* For the format that every window system takes, and the least that applications do with it. */
static uint32_t
count_modifiers(struct drv_physical_device *device)
{
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_B8G8R8A8_UNORM,
        .extent = {1, 1, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
    };
    const struct wsi_image_kind kind = {.device = device, .info = &info};
    struct wsi_modifiers made;
    wsi_modifiers_made(&kind, &made);
    return made.count;
}

/* `vesper info` reads this. */
void
wsi_road_explain(struct drv_physical_device *device)
{
    const char *name = device->properties.deviceName;
    if (!base_log_enabled(BASE_LOG_DEBUG)) {
        return; /* it takes round trips */
    }
    const char *obstacle = find_obstacle(device);
    if (obstacle) {
        base_log_debug("frames of \"%s\": copied into shared memory: %s", name, obstacle);
        return;
    }
    bool knows = offers(device, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME);
    uint32_t count = knows ? count_modifiers(device) : 0;
    if (count > 0) {
        base_log_debug("frames of \"%s\": not copied where the window system takes dma-bufs of one "
                       "of the host's %u modifiers",
                       name, count);
    } else {
        base_log_debug(
            "frames of \"%s\": copied into linear dma-bufs where the window system takes "
            "them: %s",
            name,
            knows ? "the host exports no images with modifiers"
                  : "the host has no VK_EXT_image_drm_format_modifier");
    }
}

uint32_t
wsi_foreign_family(const struct wsi_swapchain *swapchain)
{
    return offers(swapchain->device->physical_device, VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME)
               ? VK_QUEUE_FAMILY_FOREIGN_EXT
               : VK_QUEUE_FAMILY_EXTERNAL;
}
