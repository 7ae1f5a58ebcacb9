#include "driver/image.h"

#include "driver/bind.h"
#include "driver/capture_replay.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/memory.h"
#include "driver/memory_copy.h"
#include "driver/scratch.h"
#include "driver/wsi/swapchain.h"
#include "protocol/proto_encode.h"

/* An image that will share the memory of a swapchain's is created just like those. */
static const VkSwapchainKHR *
swapchain_of(const VkImageCreateInfo *info)
{
    const VkImageSwapchainCreateInfoKHR *swapchain =
        drv_find_struct(info->pNext, VK_STRUCTURE_TYPE_IMAGE_SWAPCHAIN_CREATE_INFO_KHR);
    return swapchain && swapchain->swapchain ? &swapchain->swapchain : NULL;
}

/* `planes`: what is chained to the question. */
static VkResult
ask_needs(struct drv_device *device, VkImage image, const void *planes, struct drv_needs *out)
{
    const VkImageMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
        .pNext = planes,
        .image = image,
    };
    struct drv_requirements_reply reply;
    drv_requirements_prepare(&reply);
    VkResult result = proto_call_vkGetImageMemoryRequirements2(
        device->object.client, (VkDevice)device, &info, &reply.requirements);
    *out = drv_requirements_read(&reply);
    return result;
}

/* Hosts do refuse images, for their size above all: the application has to know. */
static VkResult
create_unprecedented(struct drv_device *device, const VkImageCreateInfo *info, VkImage *handle)
{
    VkOpaqueCaptureDataVESPER replayed;
    VkImageCreateInfo replaying = *info;
    replaying.pNext = drv_replayed_chain(device, DRV_CAPTURED_IMAGE, info->pNext, &replayed);
    return proto_call_vkCreateImage(device->object.client, (VkDevice)device, &replaying, NULL,
                                    handle);
}

/* As with buffers. */
static VkResult
create(struct drv_device *device, const VkImageCreateInfo *info, struct drv_image *image)
{
    VkImage handle = (VkImage)(uintptr_t)image;
    struct drv_image_kind kind;
    struct drv_needs needs;
    if (!drv_image_kind_of(info, &kind)) {
        return create_unprecedented(device, info, &handle);
    }
    if (drv_precedents_find_image(&device->precedents, &kind, &needs)) {
        drv_requirements_remember(&image->requirements, &needs);
        return proto_send_vkCreateImage(device->object.client, (VkDevice)device, info, NULL,
                                        &handle);
    }
    VkResult result = create_unprecedented(device, info, &handle);
    if (result == VK_SUCCESS && ask_needs(device, handle, NULL, &needs) == VK_SUCCESS) {
        drv_requirements_remember(&image->requirements, &needs);
        drv_precedents_add_image(&device->precedents, &kind, &needs);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateImage(VkDevice handle, const VkImageCreateInfo *pCreateInfo,
                const VkAllocationCallbacks *pAllocator, VkImage *pImage)
{
    const VkSwapchainKHR *swapchain = swapchain_of(pCreateInfo);
    if (swapchain) {
        return wsi_swapchain_create_image(wsi_swapchain_from(*swapchain), pAllocator, pImage);
    }
    struct drv_device *device = drv_device_from(handle);
    struct drv_image *image =
        drv_device_object_create(device, pAllocator, sizeof(*image), VK_OBJECT_TYPE_IMAGE);
    if (!image) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    image->flags = pCreateInfo->flags;
    image->type = pCreateInfo->imageType;
    image->format = pCreateInfo->format;
    image->extent = pCreateInfo->extent;
    image->mip_levels = pCreateInfo->mipLevels;
    image->array_layers = pCreateInfo->arrayLayers;
    image->tiling = pCreateInfo->tiling;
    image->initial_layout = pCreateInfo->initialLayout;

    VkResult result = create(device, pCreateInfo, image);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(device, pAllocator, image);
        return result;
    }
    *pImage = (VkImage)(uintptr_t)image;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyImage(VkDevice handle, VkImage image, const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *device = drv_device_from(handle);
    if (image) {
        VkDeviceMemory imported = drv_image_from(image)->imported;
        (void)proto_send_vkDestroyImage(device->object.client, handle, image, NULL);
        drv_FreeMemory(handle, imported, NULL);
        drv_device_object_destroy(device, pAllocator, drv_image_from(image));
    }
}

/* --- requirements --- */

/* NULL: a plane that we do not know, which is asked for each time. */
static struct drv_requirements *
remembered_requirements(struct drv_image *image, const VkImageMemoryRequirementsInfo2 *info)
{
    const VkImagePlaneMemoryRequirementsInfo *plane =
        drv_find_struct(info->pNext, VK_STRUCTURE_TYPE_IMAGE_PLANE_MEMORY_REQUIREMENTS_INFO);
    if (!plane) {
        return &image->requirements;
    }
    switch (plane->planeAspect) {
    case VK_IMAGE_ASPECT_PLANE_0_BIT: return &image->plane_requirements[0];
    case VK_IMAGE_ASPECT_PLANE_1_BIT: return &image->plane_requirements[1];
    case VK_IMAGE_ASPECT_PLANE_2_BIT: return &image->plane_requirements[2];
    default: return NULL;
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_GetImageMemoryRequirements2(VkDevice handle, const VkImageMemoryRequirementsInfo2 *pInfo,
                                VkMemoryRequirements2 *pMemoryRequirements)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_requirements *known = remembered_requirements(drv_image_from(pInfo->image), pInfo);
    struct drv_needs needs;

    if (known && drv_requirements_recall(known, pMemoryRequirements)) {
        return;
    }
    if (ask_needs(device, pInfo->image, pInfo->pNext, &needs) != VK_SUCCESS) {
        drv_requirements_answer(NULL, pMemoryRequirements);
        return;
    }
    if (known) {
        drv_requirements_remember(known, &needs);
    }
    drv_requirements_answer(&needs, pMemoryRequirements);
}

VKAPI_ATTR void VKAPI_CALL
drv_GetImageMemoryRequirements(VkDevice handle, VkImage image,
                               VkMemoryRequirements *pMemoryRequirements)
{
    const VkImageMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
        .image = image,
    };
    VkMemoryRequirements2 requirements = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    drv_GetImageMemoryRequirements2(handle, &info, &requirements);
    *pMemoryRequirements = requirements.memoryRequirements;
}

VKAPI_ATTR void VKAPI_CALL
drv_GetDeviceImageMemoryRequirements(VkDevice handle, const VkDeviceImageMemoryRequirements *pInfo,
                                     VkMemoryRequirements2 *pMemoryRequirements)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_image_kind kind;
    struct drv_requirements_reply reply;
    struct drv_needs needs;

    if (drv_image_kind_of(pInfo->pCreateInfo, &kind) &&
        drv_precedents_find_image(&device->precedents, &kind, &needs)) {
        drv_requirements_answer(&needs, pMemoryRequirements);
        return;
    }
    drv_requirements_prepare(&reply);
    VkResult result = proto_call_vkGetDeviceImageMemoryRequirements(device->object.client, handle,
                                                                    pInfo, &reply.requirements);
    needs = drv_requirements_read(&reply);
    drv_requirements_answer(result == VK_SUCCESS ? &needs : NULL, pMemoryRequirements);
}

/* --- binding: asynchronous. A host that runs out of memory here loses the device. --- */

/* Once an image that starts preinitialized is bound, the application may write what it is to start
 * with; the renderer has to be done with it by then. A captured one the host may refuse. */
static bool
must_be_heard_of(uint32_t count, const VkBindImageMemoryInfo *binds)
{
    VkImageCreateFlags replays = VK_IMAGE_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT;
    for (uint32_t i = 0; i < count; i++) {
        const struct drv_image *image = drv_image_from(binds[i].image);
        if (image->initial_layout == VK_IMAGE_LAYOUT_PREINITIALIZED || (image->flags & replays)) {
            return true;
        }
    }
    return false;
}

/* The memory of a swapchain's image is named by the image. The encoder knows neither swapchains nor
 * that structure. */
static VkResult
resolve_swapchains(struct drv_scratch *scratch, uint32_t count, const VkBindImageMemoryInfo *infos,
                   const VkBindImageMemoryInfo **out)
{
    VkBindImageMemoryInfo *resolved = NULL;
    *out = infos;
    for (uint32_t i = 0; i < count; i++) {
        const VkBindImageMemorySwapchainInfoKHR *info =
            drv_find_struct(infos[i].pNext, VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_SWAPCHAIN_INFO_KHR);
        if (!info || !info->swapchain) {
            continue;
        }
        if (!resolved) {
            resolved = drv_scratch_copy(scratch, infos, count * sizeof(*infos));
        }
        if (!resolved) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        struct drv_image *image = drv_image_from(infos[i].image);
        VkResult result = wsi_swapchain_get_memory(wsi_swapchain_from(info->swapchain), image,
                                                   info->imageIndex, &resolved[i].memory);
        if (result != VK_SUCCESS) {
            return result;
        }
        resolved[i].memoryOffset = 0;
        *out = resolved;
    }
    return VK_SUCCESS;
}

static VkResult
bind_images(struct drv_device *device, uint32_t count, const VkBindImageMemoryInfo *infos)
{
    VkResult (*bind)(struct proto_client *, VkDevice, uint32_t, const VkBindImageMemoryInfo *) =
        must_be_heard_of(count, infos) ? proto_call_vkBindImageMemory2
                                       : proto_send_vkBindImageMemory2;
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    const VkBindImageMemoryInfo *resolved;
    VkResult result = resolve_swapchains(&scratch, count, infos, &resolved);
    if (result == VK_SUCCESS) {
        result = bind(device->object.client, (VkDevice)device, count, resolved);
    }
    drv_scratch_finish(&scratch);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_BindImageMemory2(VkDevice handle, uint32_t bindInfoCount,
                     const VkBindImageMemoryInfo *pBindInfos)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < bindInfoCount && result == VK_SUCCESS; i++) {
        result = drv_memory_copy_note_bound(device, drv_memory_from(pBindInfos[i].memory));
    }
    if (result == VK_SUCCESS) {
        result = bind_images(device, bindInfoCount, pBindInfos);
    }
    for (uint32_t i = 0; i < bindInfoCount; i++) {
        drv_bind_report(pBindInfos[i].pNext, result);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_BindImageMemory(VkDevice handle, VkImage image, VkDeviceMemory memory,
                    VkDeviceSize memoryOffset)
{
    const VkBindImageMemoryInfo info = {
        .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_INFO,
        .image = image,
        .memory = memory,
        .memoryOffset = memoryOffset,
    };
    return drv_BindImageMemory2(handle, 1, &info);
}
