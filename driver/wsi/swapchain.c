#include "driver/wsi/swapchain.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "driver/drv_entry.h"
#include "driver/struct_chain.h"

/* --- creation --- */

static void *
alloc(struct wsi_swapchain *swapchain, size_t count, size_t size)
{
    return drv_alloc(swapchain->device->allocator, swapchain->allocator, count * size,
                     VK_SYSTEM_ALLOCATION_SCOPE_OBJECT);
}

static VkImageCreateFlags
image_flags(VkSwapchainCreateFlagsKHR flags)
{
    /* vkCreateImage with VkImageSwapchainCreateInfoKHR makes aliases of these images. */
    VkImageCreateFlags result = VK_IMAGE_CREATE_ALIAS_BIT;
    if (flags & VK_SWAPCHAIN_CREATE_MUTABLE_FORMAT_BIT_KHR) {
        result |= VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT | VK_IMAGE_CREATE_EXTENDED_USAGE_BIT;
    }
    return result;
}

/* VESPER_PRESENT_WAITS=1 is for applications whose own requests to the window system must come
 * behind their frames. */
static bool
wants_to_wait(void)
{
    const char *value = getenv("VESPER_PRESENT_WAITS");
    return value && strcmp(value, "1") == 0;
}

static VkResult
init_info(struct wsi_swapchain *swapchain, const VkSwapchainCreateInfoKHR *info)
{
    const VkImageFormatListCreateInfo *list =
        drv_find_struct(info->pNext, VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO);
    bool shared = info->imageSharingMode == VK_SHARING_MODE_CONCURRENT;
    uint32_t family_count = shared ? info->queueFamilyIndexCount : 0;
    uint32_t view_count = list ? list->viewFormatCount : 0;

    swapchain->families = alloc(swapchain, family_count, sizeof(*swapchain->families));
    swapchain->view_formats = alloc(swapchain, view_count, sizeof(*swapchain->view_formats));
    if ((family_count > 0 && !swapchain->families) ||
        (view_count > 0 && !swapchain->view_formats)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (family_count > 0) {
        memcpy(swapchain->families, info->pQueueFamilyIndices,
               family_count * sizeof(*swapchain->families));
    }
    if (view_count > 0) {
        memcpy(swapchain->view_formats, list->pViewFormats,
               view_count * sizeof(*swapchain->view_formats));
    }
    swapchain->view_format_count = view_count;
    swapchain->mode = info->presentMode;
    swapchain->waits = wants_to_wait();
    swapchain->color_space = info->imageColorSpace;
    swapchain->is_opaque = info->compositeAlpha == VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR;
    swapchain->image_info = (VkImageCreateInfo){
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .flags = image_flags(info->flags),
        .imageType = VK_IMAGE_TYPE_2D,
        .format = info->imageFormat,
        .extent = {info->imageExtent.width, info->imageExtent.height, 1},
        .mipLevels = 1,
        .arrayLayers = info->imageArrayLayers,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_OPTIMAL,
        .usage = info->imageUsage | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
        .sharingMode = info->imageSharingMode,
        .queueFamilyIndexCount = family_count,
        .pQueueFamilyIndices = swapchain->families,
    };
    return VK_SUCCESS;
}

static VkResult
init_images(struct wsi_swapchain *swapchain, uint32_t count)
{
    swapchain->images = alloc(swapchain, count, sizeof(*swapchain->images));
    swapchain->frames = alloc(swapchain, count, sizeof(*swapchain->frames));
    swapchain->pools = alloc(swapchain, swapchain->device->physical_device->queue_family_count,
                             sizeof(*swapchain->pools));
    if (!swapchain->images || !swapchain->frames || !swapchain->pools) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        swapchain->image_count = i + 1; /* what wsi_image_finish() has to undo */
        VkResult result = wsi_image_init(swapchain, &swapchain->images[i]);
        if (result == VK_SUCCESS && swapchain->target) {
            result = swapchain->target->ops->add_image(swapchain->target, i,
                                                       &swapchain->images[i].pixels);
        }
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    return VK_SUCCESS;
}

static void
init_lock(struct wsi_swapchain *swapchain)
{
    base_cond_init(&swapchain->changed);
    pthread_mutex_init(&swapchain->lock, NULL);
    pthread_mutex_init(&swapchain->recording_lock, NULL);
}

/* The thread has ended, or never ran. */
static void
finish_images(struct wsi_swapchain *swapchain)
{
    struct drv_device *device = swapchain->device;
    const VkAllocationCallbacks *allocator = swapchain->allocator;

    for (uint32_t i = 0; swapchain->images && i < swapchain->image_count; i++) {
        struct wsi_image *image = &swapchain->images[i];
        if (image->submitted) { /* a lost device has nothing in flight */
            (void)drv_WaitForFences((VkDevice)device, 1, &image->copied, VK_TRUE, UINT64_MAX);
        }
    }
    if (swapchain->target) {
        swapchain->target->ops->destroy(swapchain->target);
    }
    for (uint32_t i = 0; swapchain->images && i < swapchain->image_count; i++) {
        wsi_image_finish(swapchain, &swapchain->images[i]);
    }
    for (uint32_t i = 0; swapchain->pools && i < device->physical_device->queue_family_count; i++) {
        drv_DestroyCommandPool((VkDevice)device, swapchain->pools[i], allocator);
    }
    drv_free(device->allocator, allocator, swapchain->pools);
    wsi_results_finish(swapchain);
    drv_free(device->allocator, allocator, swapchain->frames);
    drv_free(device->allocator, allocator, swapchain->images);
    swapchain->target = NULL;
    swapchain->pools = NULL;
    swapchain->frames = NULL;
    swapchain->images = NULL;
    swapchain->image_count = 0;
}

static void
finish(struct wsi_swapchain *swapchain)
{
    struct drv_device *device = swapchain->device;
    const VkAllocationCallbacks *allocator = swapchain->allocator;

    finish_images(swapchain);
    drv_free(device->allocator, allocator, swapchain->view_formats);
    drv_free(device->allocator, allocator, swapchain->families);
    pthread_mutex_destroy(&swapchain->recording_lock);
    pthread_cond_destroy(&swapchain->changed);
    pthread_mutex_destroy(&swapchain->lock);
    /* The callbacks may live in what they are about to free. */
    VkAllocationCallbacks storage = swapchain->allocator_storage;
    drv_device_object_destroy(device, allocator ? &storage : NULL, swapchain);
}

/* A window system may refuse dma-bufs that it seemed to take, and a device may fail to make one. */
static bool
may_try_again(const struct wsi_swapchain *swapchain, VkResult result)
{
    return result != VK_SUCCESS && result != VK_ERROR_DEVICE_LOST &&
           result != VK_ERROR_SURFACE_LOST_KHR && swapchain->road != WSI_ROAD_SHARED_MEMORY;
}

/* Target and images on the best road, all on the same one: what is refused once is not tried again
 * on that surface. */
static VkResult
init_road(struct wsi_swapchain *swapchain, uint32_t image_count)
{
    struct wsi_surface *surface = swapchain->surface;
    enum wsi_road best = wsi_road_limit(swapchain, surface->best_road);
    for (;;) {
        swapchain->road = best;
        VkResult result = surface->ops->create_target
                              ? surface->ops->create_target(surface, swapchain, &swapchain->target)
                              : VK_SUCCESS;
        if (result != VK_SUCCESS) {
            return result;
        }
        swapchain->road = wsi_road_choose(swapchain, best);
        if (swapchain->road == WSI_ROAD_SHARED_MEMORY && swapchain->target &&
            swapchain->target->needs_dma_bufs) {
            best = WSI_ROAD_SHARED_MEMORY;
            finish_images(swapchain);
            continue;
        }
        result = init_images(swapchain, image_count);
        if (!may_try_again(swapchain, result)) {
            return result;
        }
        wsi_road_log_refusal(swapchain, result);
        best = (enum wsi_road)(swapchain->road - 1);
        if (result == VK_ERROR_FORMAT_NOT_SUPPORTED) {
            surface->best_road = best;
        }
        finish_images(swapchain);
    }
}

static VkResult
init(struct wsi_swapchain *swapchain, const VkSwapchainCreateInfoKHR *info)
{
    struct wsi_window window;
    VkResult result = swapchain->surface->ops->describe(swapchain->surface, &window);
    if (result == VK_SUCCESS) {
        result = init_info(swapchain, info);
    }
    if (result != VK_SUCCESS) {
        return result;
    }
    uint32_t count =
        info->minImageCount > window.min_images ? info->minImageCount : window.min_images;
    result = init_road(swapchain, count);
    if (result == VK_SUCCESS) {
        wsi_road_log(swapchain);
        result = wsi_present_thread_start(swapchain);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateSwapchainKHR(VkDevice handle, const VkSwapchainCreateInfoKHR *pCreateInfo,
                       const VkAllocationCallbacks *pAllocator, VkSwapchainKHR *pSwapchain)
{
    struct drv_device *device = drv_device_from(handle);

    /* It is retired even if its successor cannot be made. */
    if (pCreateInfo->oldSwapchain) {
        wsi_present_thread_retire(wsi_swapchain_from(pCreateInfo->oldSwapchain));
    }
    struct wsi_swapchain *swapchain = drv_device_object_create(
        device, pAllocator, sizeof(*swapchain), VK_OBJECT_TYPE_SWAPCHAIN_KHR);
    if (!swapchain) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    swapchain->device = device;
    swapchain->surface = wsi_surface_from(pCreateInfo->surface);
    if (pAllocator) {
        swapchain->allocator_storage = *pAllocator;
        swapchain->allocator = &swapchain->allocator_storage;
    }
    init_lock(swapchain);
    wsi_timing_init(&swapchain->timing);
    VkResult result = init(swapchain, pCreateInfo);
    if (result != VK_SUCCESS) {
        finish(swapchain);
        return result;
    }
    pthread_mutex_lock(&device->swapchains_lock);
    base_list_push(&device->swapchains, &swapchain->link);
    pthread_mutex_unlock(&device->swapchains_lock);
    *pSwapchain = (VkSwapchainKHR)(uintptr_t)swapchain;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroySwapchainKHR(VkDevice handle, VkSwapchainKHR swapchain_handle,
                        const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *device = drv_device_from(handle);
    struct wsi_swapchain *swapchain = wsi_swapchain_from(swapchain_handle);
    if (!swapchain) {
        return;
    }
    pthread_mutex_lock(&device->swapchains_lock);
    base_list_remove(&swapchain->link);
    pthread_mutex_unlock(&device->swapchains_lock);
    wsi_present_thread_stop(swapchain);
    finish(swapchain);
}

void
wsi_destroy_swapchains(struct drv_device *device)
{
    base_list_for_each_safe (swapchain, &device->swapchains, struct wsi_swapchain, link) {
        drv_DestroySwapchainKHR((VkDevice)device, (VkSwapchainKHR)(uintptr_t)swapchain, NULL);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetSwapchainImagesKHR(VkDevice device, VkSwapchainKHR handle, uint32_t *pSwapchainImageCount,
                          VkImage *pSwapchainImages)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(handle);
    uint32_t count = swapchain->image_count;
    if (!pSwapchainImages) {
        *pSwapchainImageCount = count;
        return VK_SUCCESS;
    }
    VkResult result = *pSwapchainImageCount < count ? VK_INCOMPLETE : VK_SUCCESS;
    if (*pSwapchainImageCount > count) {
        *pSwapchainImageCount = count;
    }
    for (uint32_t i = 0; i < *pSwapchainImageCount; i++) {
        pSwapchainImages[i] = swapchain->images[i].image;
    }
    return result;
}
