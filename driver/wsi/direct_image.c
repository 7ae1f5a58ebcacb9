#include "driver/wsi/direct_image.h"

#include <fcntl.h>

#include "base/fd.h"
#include "driver/drv_entry.h"
#include "driver/wsi/image_memory.h"
#include "driver/wsi/swapchain.h"

#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

/* --- images --- */

/* The swapchain's image, laid out as `layout` in its chain says. */
static VkResult
create(struct wsi_swapchain *swapchain, const void *layout, const VkAllocationCallbacks *allocator,
       VkImage *out)
{
    const VkExternalMemoryImageCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
        .pNext = layout,
        .handleTypes = DMA_BUF,
    };
    const VkImageFormatListCreateInfo formats = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO,
        .pNext = &external,
        .viewFormatCount = swapchain->view_format_count,
        .pViewFormats = swapchain->view_formats,
    };
    VkImageCreateInfo info = swapchain->image_info;
    info.pNext = swapchain->view_format_count > 0 ? (const void *)&formats : &external;
    info.tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    return drv_CreateImage((VkDevice)swapchain->device, &info, allocator, out);
}

VkResult
wsi_direct_image_create_alias(struct wsi_swapchain *swapchain,
                              const VkAllocationCallbacks *allocator, VkImage *out)
{
    const struct wsi_pixels *pixels = &swapchain->images[0].pixels;
    VkSubresourceLayout planes[WSI_MAX_PLANES] = {0};
    for (uint32_t i = 0; i < pixels->plane_count; i++) {
        planes[i].offset = pixels->planes[i].offset;
        planes[i].rowPitch = pixels->planes[i].pitch;
    }
    const VkImageDrmFormatModifierExplicitCreateInfoEXT layout = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
        .drmFormatModifier = pixels->modifier,
        .drmFormatModifierPlaneCount = pixels->plane_count,
        .pPlaneLayouts = planes,
    };
    return create(swapchain, &layout, allocator, out);
}

/* --- memory --- */

/* Always dedicated: some devices share images in no other memory. */
static VkResult
allocate(const struct wsi_swapchain *swapchain, VkImage image, uint64_t modifier, const void *chain,
         uint32_t mask, const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
    const VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .pNext = chain,
        .image = image,
    };
    VkMemoryRequirements requirements;
    drv_GetImageMemoryRequirements((VkDevice)swapchain->device, image, &requirements);
    int type =
        wsi_find_dma_buf_memory_type(swapchain, requirements.memoryTypeBits & mask, modifier);
    return wsi_allocate(swapchain, &requirements, type, &dedicated, allocator, out);
}

static VkResult
allocate_for_export(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    const VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = DMA_BUF,
    };
    VkResult result = allocate(swapchain, image->image, image->pixels.modifier, &export, UINT32_MAX,
                               swapchain->allocator, &image->memory);
    if (result == VK_SUCCESS) {
        result = drv_BindImageMemory((VkDevice)swapchain->device, image->image, image->memory, 0);
    }
    return result == VK_SUCCESS
               ? wsi_export_dma_buf(swapchain, image->memory, &image->pixels.dma_buf)
               : result;
}

VkResult
wsi_direct_image_import(struct wsi_swapchain *swapchain, uint32_t index, VkImage alias,
                        VkDeviceMemory *out)
{
    VkImportMemoryFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .handleType = DMA_BUF,
        .fd = fcntl(swapchain->images[index].pixels.dma_buf, F_DUPFD_CLOEXEC, 0),
    };
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    if (import.fd == -1) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result =
        drv_GetMemoryFdPropertiesKHR((VkDevice)swapchain->device, DMA_BUF, import.fd, &properties);
    if (result == VK_SUCCESS) {
        result = allocate(swapchain, alias, swapchain->images[index].pixels.modifier, &import,
                          properties.memoryTypeBits, NULL, out);
    }
    if (result != VK_SUCCESS) {
        base_fd_close(&import.fd); /* success hands it over */
    }
    return result;
}

/* --- layout: which of the modifiers it has become, and where its planes are --- */

static uint32_t
count_planes(const struct wsi_modifiers *modifiers, uint64_t modifier)
{
    for (uint32_t i = 0; i < modifiers->count; i++) {
        if (modifiers->values[i] == modifier) {
            return modifiers->plane_counts[i];
        }
    }
    return 0; /* none of those that were asked for */
}

static VkResult
read_layout(const struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    static const VkImageAspectFlagBits aspects[WSI_MAX_PLANES] = {
        VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT,
        VK_IMAGE_ASPECT_MEMORY_PLANE_1_BIT_EXT,
        VK_IMAGE_ASPECT_MEMORY_PLANE_2_BIT_EXT,
        VK_IMAGE_ASPECT_MEMORY_PLANE_3_BIT_EXT,
    };
    struct wsi_pixels *pixels = &image->pixels;
    VkImageDrmFormatModifierPropertiesEXT chosen = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT,
    };
    VkResult result = drv_GetImageDrmFormatModifierPropertiesEXT((VkDevice)swapchain->device,
                                                                 image->image, &chosen);
    if (result != VK_SUCCESS) {
        return result;
    }
    pixels->modifier = chosen.drmFormatModifier;
    pixels->plane_count = count_planes(&swapchain->modifiers, chosen.drmFormatModifier);
    for (uint32_t i = 0; i < pixels->plane_count; i++) {
        const VkImageSubresource plane = {.aspectMask = aspects[i]};
        VkSubresourceLayout layout;
        drv_GetImageSubresourceLayout((VkDevice)swapchain->device, image->image, &plane, &layout);
        if (layout.offset > UINT32_MAX || layout.rowPitch > UINT32_MAX) {
            return VK_ERROR_FORMAT_NOT_SUPPORTED; /* protocols say it in 32 bits */
        }
        pixels->planes[i] = (struct wsi_plane){(uint32_t)layout.offset, (uint32_t)layout.rowPitch};
    }
    return pixels->plane_count > 0 ? VK_SUCCESS : VK_ERROR_FORMAT_NOT_SUPPORTED;
}

VkResult
wsi_direct_image_init(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    const VkImageDrmFormatModifierListCreateInfoEXT layout = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
        .drmFormatModifierCount = swapchain->modifiers.count,
        .pDrmFormatModifiers = swapchain->modifiers.values,
    };
    VkResult result = create(swapchain, &layout, swapchain->allocator, &image->image);
    if (result == VK_SUCCESS) {
        result = read_layout(swapchain, image);
    }
    return result == VK_SUCCESS ? allocate_for_export(swapchain, image) : result;
}
