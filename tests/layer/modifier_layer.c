/* A Vulkan layer for tests: gives a driver that has linear images (lavapipe) the look of one with
 * VK_EXT_image_drm_format_modifier, so that images can be shared as with a GPU's driver.
 *
 * There are two modifiers: LINEAR, and one of a vendor that does not exist, the same with a plane
 * of metadata behind, which nobody reads. Planes may lie anywhere and rows be as long as is wanted:
 * the driver's image below is as wide as a row, and its planes are bound one by one. Images like
 * dma-bufs best dedicated, as those of many drivers. What does not fit is refused with the error
 * that Vulkan has for it. With VESPER_TEST_LINEAR_ONLY=1 there is LINEAR alone, as on a device that
 * draws by software.
 *
 * Lies above hostmem_layer.c, which makes dma-bufs of memfds. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "base/list.h"
#include "tests/layer/layer.h"
#include "tests/layer/modifiers.h"

enum {
    MAX_PLANES = 4,
    PLANE_ALIGNMENT = 4096, /* of the planes whose place the layer chooses */
};

#define EXTENSION VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME

/* Formats that have modifiers here. */
static const struct layer_format {
    VkFormat format;
    uint32_t planes, texel_size; /* bytes, in plane 0 */
} formats[] = {
    {VK_FORMAT_B8G8R8A8_UNORM, 1, 4},
    {VK_FORMAT_B8G8R8A8_SRGB, 1, 4},
    {VK_FORMAT_R8G8B8A8_UNORM, 1, 4},
    {VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, 2, 1},
    {VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16, 2, 2},
    {VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM, 3, 1},
};

struct layer_instance {
    struct layer_instance_base base;
    PFN_vkGetPhysicalDeviceFormatProperties2 GetPhysicalDeviceFormatProperties2;
    PFN_vkGetPhysicalDeviceImageFormatProperties2 GetPhysicalDeviceImageFormatProperties2;
};

struct layer_device {
    struct layer_device_base base;
    PFN_vkCreateImage CreateImage;
    PFN_vkDestroyImage DestroyImage;
    PFN_vkGetImageMemoryRequirements2 GetImageMemoryRequirements2;
    PFN_vkGetImageSubresourceLayout GetImageSubresourceLayout;
    PFN_vkBindImageMemory2 BindImageMemory2;
};

struct layer_image {
    struct base_list link; /* images */
    VkImage handle;
    const struct layer_format *format;
    uint64_t modifier;
    bool disjoint, external;
    uint32_t plane_count; /* of memory: the format's, and metadata */
    VkSubresourceLayout planes[MAX_PLANES];
    VkMemoryRequirements requirements[MAX_PLANES]; /* of each plane by itself */
};

static struct base_list images = {&images, &images};

LAYER_FINDERS

/* NULL: an image that the driver made as it was asked to. */
static struct layer_image *
find_image(VkImage handle)
{
    struct layer_image *found = NULL;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, &images, struct layer_image, link) {
        found = it->handle == handle ? it : found;
    }
    pthread_mutex_unlock(&layer_lock);
    return found;
}

/* A structure that the driver is not to see is taken out of the application's chain for the call.
 */
struct cut {
    VkBaseOutStructure *before, *item; /* item: NULL if there was none */
};

static struct cut
cut_out(const void *base, VkStructureType type)
{
    struct cut cut = {.before = (VkBaseOutStructure *)base};
    while (cut.before->pNext && cut.before->pNext->sType != type) {
        cut.before = cut.before->pNext;
    }
    cut.item = cut.before->pNext;
    if (cut.item) {
        cut.before->pNext = cut.item->pNext;
    }
    return cut;
}

static void
put_back(const struct cut *cut)
{
    if (cut->item) {
        cut->before->pNext = cut->item;
    }
}

/* --- formats --- */

static const struct layer_format *
find_format(VkFormat format)
{
    for (size_t i = 0; i < BASE_COUNT_OF(formats); i++) {
        if (formats[i].format == format) {
            return &formats[i];
        }
    }
    return NULL;
}

static bool
linear_only(void)
{
    const char *value = getenv("VESPER_TEST_LINEAR_ONLY");
    return value && strcmp(value, "1") == 0;
}

/* Planes of memory; 0: the format has no such modifier. */
static uint32_t
count_planes(const struct layer_format *format, uint64_t modifier)
{
    if (!format) {
        return 0;
    }
    if (modifier == TEST_MODIFIER_METADATA) {
        return format->planes == 1 && !linear_only() ? 2 : 0;
    }
    return modifier == TEST_MODIFIER_LINEAR ? format->planes : 0;
}

/* The format's modifiers, the best first; returns how many. */
static uint32_t
list_modifiers(VkFormat format, VkFormatFeatureFlags features,
               VkDrmFormatModifierProperties2EXT out[2])
{
    static const uint64_t modifiers[] = {TEST_MODIFIER_METADATA, TEST_MODIFIER_LINEAR};
    uint32_t count = 0;
    for (size_t i = 0; i < BASE_COUNT_OF(modifiers); i++) {
        uint32_t planes = count_planes(find_format(format), modifiers[i]);
        if (planes > 0) {
            out[count++] = (VkDrmFormatModifierProperties2EXT){
                .drmFormatModifier = modifiers[i],
                .drmFormatModifierPlaneCount = planes,
                .drmFormatModifierTilingFeatures = features,
            };
        }
    }
    return count;
}

static void
answer(const VkDrmFormatModifierProperties2EXT *known, uint32_t count,
       VkDrmFormatModifierPropertiesListEXT *out)
{
    VkDrmFormatModifierPropertiesEXT *items = out->pDrmFormatModifierProperties;
    uint32_t copied =
        items && out->drmFormatModifierCount < count ? out->drmFormatModifierCount : count;
    for (uint32_t i = 0; items && i < copied; i++) {
        items[i] = (VkDrmFormatModifierPropertiesEXT){
            .drmFormatModifier = known[i].drmFormatModifier,
            .drmFormatModifierPlaneCount = known[i].drmFormatModifierPlaneCount,
            .drmFormatModifierTilingFeatures =
                (VkFormatFeatureFlags)known[i].drmFormatModifierTilingFeatures,
        };
    }
    out->drmFormatModifierCount = copied;
}

/* For those who know Vulkan 1.3's flags. */
static void
answer_2(const VkDrmFormatModifierProperties2EXT *known, uint32_t count,
         VkDrmFormatModifierPropertiesList2EXT *out)
{
    VkDrmFormatModifierProperties2EXT *items = out->pDrmFormatModifierProperties;
    uint32_t copied =
        items && out->drmFormatModifierCount < count ? out->drmFormatModifierCount : count;
    if (items) {
        memcpy(items, known, copied * sizeof(*items));
    }
    out->drmFormatModifierCount = copied;
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceFormatProperties2(VkPhysicalDevice physical_device, VkFormat format,
                                         VkFormatProperties2 *out)
{
    struct cut list = cut_out(out, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT);
    struct cut list_2 = cut_out(out, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT);
    find_instance(physical_device)
        ->GetPhysicalDeviceFormatProperties2(physical_device, format, out);
    put_back(&list_2);
    put_back(&list);

    VkDrmFormatModifierProperties2EXT known[2];
    uint32_t count = list_modifiers(format, out->formatProperties.linearTilingFeatures, known);
    if (list.item) {
        answer(known, count, (VkDrmFormatModifierPropertiesListEXT *)list.item);
    }
    if (list_2.item) {
        answer_2(known, count, (VkDrmFormatModifierPropertiesList2EXT *)list_2.item);
    }
}

/* Memory is dedicated to images but not to parts of them. */
static void
prefer_dedicated(const VkPhysicalDeviceImageFormatInfo2 *info, VkImageFormatProperties2 *out)
{
    VkExternalImageFormatProperties *external =
        (void *)layer_find_in_chain(out->pNext, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);
    if (external && external->externalMemoryProperties.externalMemoryFeatures != 0 &&
        !(info->flags & VK_IMAGE_CREATE_DISJOINT_BIT)) {
        external->externalMemoryProperties.externalMemoryFeatures |=
            VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT;
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetPhysicalDeviceImageFormatProperties2(VkPhysicalDevice physical_device,
                                              const VkPhysicalDeviceImageFormatInfo2 *info,
                                              VkImageFormatProperties2 *out)
{
    struct layer_instance *instance = find_instance(physical_device);
    const VkPhysicalDeviceImageDrmFormatModifierInfoEXT *modifier = layer_find_in_chain(
        info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT);
    if (info->tiling != VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        return instance->GetPhysicalDeviceImageFormatProperties2(physical_device, info, out);
    }
    if (!modifier || count_planes(find_format(info->format), modifier->drmFormatModifier) == 0) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    VkPhysicalDeviceImageFormatInfo2 linear = *info;
    linear.tiling = VK_IMAGE_TILING_LINEAR;
    struct cut cut = cut_out(&linear, modifier->sType);
    VkResult result =
        instance->GetPhysicalDeviceImageFormatProperties2(physical_device, &linear, out);
    put_back(&cut);
    if (result == VK_SUCCESS) {
        prefer_dedicated(info, out);
    }
    return result;
}

/* --- images --- */

static const VkImageAspectFlagBits format_aspects[] = {
    VK_IMAGE_ASPECT_PLANE_0_BIT, VK_IMAGE_ASPECT_PLANE_1_BIT, VK_IMAGE_ASPECT_PLANE_2_BIT};
static const VkImageAspectFlagBits memory_aspects[] = {
    VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT, VK_IMAGE_ASPECT_MEMORY_PLANE_1_BIT_EXT,
    VK_IMAGE_ASPECT_MEMORY_PLANE_2_BIT_EXT, VK_IMAGE_ASPECT_MEMORY_PLANE_3_BIT_EXT};

static uint32_t
plane_of(VkImageAspectFlags aspect)
{
    for (uint32_t i = 0; i < MAX_PLANES; i++) {
        if (memory_aspects[i] == aspect) {
            return i;
        }
    }
    return 0;
}

/* How the driver has it, each plane by itself. */
static void
ask_driver(const struct layer_device *device, VkDevice handle, struct layer_image *image,
           uint32_t plane, VkSubresourceLayout *layout)
{
    bool alone = image->format->planes == 1;
    VkImageSubresource subresource = {
        .aspectMask = alone ? VK_IMAGE_ASPECT_COLOR_BIT : format_aspects[plane],
    };
    VkImagePlaneMemoryRequirementsInfo plane_info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_PLANE_MEMORY_REQUIREMENTS_INFO,
        .planeAspect = format_aspects[plane],
    };
    VkImageMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
        .pNext = alone ? NULL : &plane_info,
        .image = image->handle,
    };
    VkMemoryRequirements2 requirements = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    device->GetImageSubresourceLayout(handle, image->handle, &subresource, layout);
    device->GetImageMemoryRequirements2(handle, &info, &requirements);
    image->requirements[plane] = requirements.memoryRequirements;
}

/* False: the driver has other rows, or cannot begin there. */
static bool
lay_out(const struct layer_device *device, VkDevice handle, struct layer_image *image,
        const VkImageDrmFormatModifierExplicitCreateInfoEXT *explicit)
{
    VkDeviceSize end = 0;
    for (uint32_t i = 0; i < image->plane_count; i++) {
        VkSubresourceLayout layout = {.rowPitch = 64, .size = PLANE_ALIGNMENT};
        image->requirements[i].size = PLANE_ALIGNMENT; /* metadata's */
        image->requirements[i].alignment = 1;
        if (i < image->format->planes) {
            ask_driver(device, handle, image, i, &layout);
        }
        layout.offset = (end + PLANE_ALIGNMENT - 1) & ~(VkDeviceSize)(PLANE_ALIGNMENT - 1);
        if (explicit) {
            if (i < image->format->planes &&
                layout.rowPitch != explicit->pPlaneLayouts[i].rowPitch) {
                return false;
            }
            layout.rowPitch = explicit->pPlaneLayouts[i].rowPitch;
            layout.offset = explicit->pPlaneLayouts[i].offset;
        }
        if (layout.offset % image->requirements[i].alignment != 0) {
            return false;
        }
        image->planes[i] = layout;
        end = layout.offset + image->requirements[i].size;
    }
    return true;
}

/* As wide as a row of plane 0; the driver's rows of other planes follow from that. */
static VkResult
create_linear(const struct layer_device *device, VkDevice handle, const VkImageCreateInfo *info,
              const VkAllocationCallbacks *allocator, uint32_t width, struct layer_image *image)
{
    VkImageCreateInfo linear = *info;
    linear.tiling = VK_IMAGE_TILING_LINEAR;
    linear.extent.width = width;
    if (image->format->planes > 1) {
        linear.flags |= VK_IMAGE_CREATE_DISJOINT_BIT;
    }
    struct cut list =
        cut_out(&linear, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
    struct cut explicit =
        cut_out(&linear, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
    VkResult result = device->CreateImage(handle, &linear, allocator, &image->handle);
    put_back(&explicit);
    put_back(&list);
    return result;
}

static VkResult
create_in(struct layer_device *device, VkDevice handle, const VkImageCreateInfo *info,
          const VkAllocationCallbacks *allocator, struct layer_image *image)
{
    const VkImageDrmFormatModifierExplicitCreateInfoEXT *explicit = layer_find_in_chain(
        info->pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
    const VkImageDrmFormatModifierListCreateInfoEXT *list = layer_find_in_chain(
        info->pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
    image->modifier = explicit ? explicit->drmFormatModifier : list->pDrmFormatModifiers[0];
    image->plane_count = count_planes(image->format, image->modifier);
    uint32_t width = info->extent.width;
    if (explicit) {
        width = (uint32_t) explicit->pPlaneLayouts[0].rowPitch / image->format->texel_size;
        if (explicit->drmFormatModifierPlaneCount != image->plane_count ||
            width < info->extent.width) {
            return VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT;
        }
    }
    VkResult result = create_linear(device, handle, info, allocator, width, image);
    if (result == VK_SUCCESS && !lay_out(device, handle, image, explicit)) {
        device->DestroyImage(handle, image->handle, allocator);
        return VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT;
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateImage(VkDevice handle, const VkImageCreateInfo *info,
                  const VkAllocationCallbacks *allocator, VkImage *out)
{
    struct layer_device *device = find_device(handle);
    if (info->tiling != VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        return device->CreateImage(handle, info, allocator, out);
    }
    const VkExternalMemoryImageCreateInfo *external =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    struct layer_image *image = calloc(1, sizeof(*image));
    if (!image) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    image->format = find_format(info->format);
    image->disjoint = info->flags & VK_IMAGE_CREATE_DISJOINT_BIT;
    image->external = external && external->handleTypes != 0;
    VkResult result = create_in(device, handle, info, allocator, image);
    if (result != VK_SUCCESS) {
        free(image);
        return result;
    }
    *out = image->handle;
    layer_publish(&images, &image->link);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyImage(VkDevice handle, VkImage image_handle, const VkAllocationCallbacks *allocator)
{
    struct layer_image *image = find_image(image_handle);
    if (image) {
        layer_unpublish(&image->link);
        free(image);
    }
    find_device(handle)->DestroyImage(handle, image_handle, allocator);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetImageDrmFormatModifierPropertiesEXT(VkDevice handle, VkImage image,
                                             VkImageDrmFormatModifierPropertiesEXT *out)
{
    out->drmFormatModifier = find_image(image)->modifier;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetImageSubresourceLayout(VkDevice handle, VkImage image_handle,
                                const VkImageSubresource *subresource, VkSubresourceLayout *out)
{
    const struct layer_image *image = find_image(image_handle);
    if (image) {
        *out = image->planes[plane_of(subresource->aspectMask)];
    } else {
        find_device(handle)->GetImageSubresourceLayout(handle, image_handle, subresource, out);
    }
}

static VkMemoryRequirements
sum_up(const struct layer_image *image, uint32_t first, uint32_t count)
{
    VkMemoryRequirements sum = {.alignment = 1, .memoryTypeBits = UINT32_MAX};
    for (uint32_t i = first; i < first + count; i++) {
        const VkMemoryRequirements *plane = &image->requirements[i];
        VkDeviceSize end = image->planes[i].offset + plane->size;
        sum.size = end > sum.size ? end : sum.size;
        sum.alignment = plane->alignment > sum.alignment ? plane->alignment : sum.alignment;
        sum.memoryTypeBits &= plane->memoryTypeBits ? plane->memoryTypeBits : UINT32_MAX;
    }
    return sum;
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetImageMemoryRequirements2(VkDevice handle, const VkImageMemoryRequirementsInfo2 *info,
                                  VkMemoryRequirements2 *out)
{
    const struct layer_image *image = find_image(info->image);
    const VkImagePlaneMemoryRequirementsInfo *plane =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_IMAGE_PLANE_MEMORY_REQUIREMENTS_INFO);
    VkMemoryDedicatedRequirements *dedicated =
        (void *)layer_find_in_chain(out->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS);
    if (!image) {
        find_device(handle)->GetImageMemoryRequirements2(handle, info, out);
        return;
    }
    out->memoryRequirements = plane ? sum_up(image, plane_of(plane->planeAspect), 1)
                                    : sum_up(image, 0, image->plane_count);
    if (dedicated) {
        dedicated->requiresDedicatedAllocation = image->external && !image->disjoint;
        dedicated->prefersDedicatedAllocation = dedicated->requiresDedicatedAllocation;
    }
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetImageMemoryRequirements(VkDevice handle, VkImage image, VkMemoryRequirements *out)
{
    VkImageMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
        .image = image,
    };
    VkMemoryRequirements2 requirements = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    layer_GetImageMemoryRequirements2(handle, &info, &requirements);
    *out = requirements.memoryRequirements;
}

static VkResult
bind_plane(struct layer_device *device, VkDevice handle, const struct layer_image *image,
           uint32_t plane, const VkBindImageMemoryInfo *info)
{
    VkBindImagePlaneMemoryInfo plane_info = {
        .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_PLANE_MEMORY_INFO,
        .planeAspect = format_aspects[plane],
    };
    VkBindImageMemoryInfo bind = {
        .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_INFO,
        .pNext = image->format->planes > 1 ? &plane_info : NULL,
        .image = info->image,
        .memory = info->memory,
        .memoryOffset = info->memoryOffset + image->planes[plane].offset,
    };
    return device->BindImageMemory2(handle, 1, &bind);
}

static VkResult
bind_image(struct layer_device *device, VkDevice handle, const VkBindImageMemoryInfo *info)
{
    const struct layer_image *image = find_image(info->image);
    const VkBindImagePlaneMemoryInfo *plane =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_BIND_IMAGE_PLANE_MEMORY_INFO);
    VkResult result = VK_SUCCESS;
    if (!image) {
        return device->BindImageMemory2(handle, 1, info);
    }
    if (plane) {
        return bind_plane(device, handle, image, plane_of(plane->planeAspect), info);
    }
    for (uint32_t i = 0; result == VK_SUCCESS && i < image->format->planes; i++) {
        result = bind_plane(device, handle, image, i, info);
    }
    return result;
}

/* One after the other: lavapipe wants no planes together, and nothing here wants them apart. */
static VKAPI_ATTR VkResult VKAPI_CALL
layer_BindImageMemory2(VkDevice handle, uint32_t count, const VkBindImageMemoryInfo *infos)
{
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; result == VK_SUCCESS && i < count; i++) {
        result = bind_image(find_device(handle), handle, &infos[i]);
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_BindImageMemory(VkDevice handle, VkImage image, VkDeviceMemory memory, VkDeviceSize offset)
{
    VkBindImageMemoryInfo info = {
        .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_INFO,
        .image = image,
        .memory = memory,
        .memoryOffset = offset,
    };
    return layer_BindImageMemory2(handle, 1, &info);
}

/* --- the layer --- */

static void
load_instance(struct layer_instance_base *base)
{
    struct layer_instance *instance = (struct layer_instance *)base;
    LAYER_LOAD(instance, GetPhysicalDeviceFormatProperties2);
    LAYER_LOAD(instance, GetPhysicalDeviceImageFormatProperties2);
}

static void
load_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    LAYER_LOAD(device, CreateImage);
    LAYER_LOAD(device, DestroyImage);
    LAYER_LOAD(device, GetImageMemoryRequirements2);
    LAYER_LOAD(device, GetImageSubresourceLayout);
    LAYER_LOAD(device, BindImageMemory2);
}

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(GetPhysicalDeviceFormatProperties2),
    LAYER_HOOK_ALIAS(GetPhysicalDeviceFormatProperties2),
    LAYER_HOOK(GetPhysicalDeviceImageFormatProperties2),
    LAYER_HOOK_ALIAS(GetPhysicalDeviceImageFormatProperties2),
    {0},
};
static const struct layer_function device_functions[] = {
    LAYER_HOOK(CreateImage),
    LAYER_HOOK(DestroyImage),
    LAYER_HOOK(GetImageDrmFormatModifierPropertiesEXT),
    LAYER_HOOK(GetImageSubresourceLayout),
    LAYER_HOOK(GetImageMemoryRequirements),
    LAYER_HOOK(GetImageMemoryRequirements2),
    LAYER_HOOK_ALIAS(GetImageMemoryRequirements2),
    LAYER_HOOK(BindImageMemory),
    LAYER_HOOK(BindImageMemory2),
    LAYER_HOOK_ALIAS(BindImageMemory2),
    {0},
};

static const VkExtensionProperties extension = {EXTENSION,
                                                VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_SPEC_VERSION};

const struct layer_definition layer_definition = {
    .instance_size = sizeof(struct layer_instance),
    .device_size = sizeof(struct layer_device),
    .load_instance = load_instance,
    .load_device = load_device,
    .extensions = &extension,
    .extension_count = 1,
    .instance_functions = instance_functions,
    .device_functions = device_functions,
};
