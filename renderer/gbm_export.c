#include "renderer/gbm_export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/drm_format.h"
#include "renderer/external.h"
#include "renderer/external_choice.h"
#include "renderer/gbm_allocator.h"
#include "renderer/memory.h"

#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

/* --- what an image has to be --- */

static bool
is_for_export(const struct rnd_physical_device *physical, const VkImageCreateInfo *info,
              const struct rnd_external *external)
{
    return physical->gbm && info->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT &&
           external->guest != 0 && external->host == DMA_BUF;
}

/* NULL, or why libgbm has no such image. */
static const char *
find_obstacle(const VkImageCreateInfo *info)
{
    if (info->imageType != VK_IMAGE_TYPE_2D || info->mipLevels != 1 || info->arrayLayers != 1 ||
        info->samples != VK_SAMPLE_COUNT_1_BIT) {
        return "libgbm has two dimensions, one level, one layer and one sample";
    }
    if (info->flags & VK_IMAGE_CREATE_DISJOINT_BIT) {
        return "memory is not dedicated to disjoint images";
    }
    return rnd_drm_format(info->format) ? NULL : "DRM has no name for its format";
}

static struct rnd_gbm_layout
describe(const VkImageCreateInfo *info)
{
    return (struct rnd_gbm_layout){
        .fourcc = rnd_drm_format(info->format),
        .width = info->extent.width,
        .height = info->extent.height,
    };
}

/* --- modifiers --- */

/* Moves those that the host imports such an image in to the front of the guest's list, whose order
 * says nothing, and returns how many they are. */
static uint32_t
sort_modifiers(const struct rnd_physical_device *physical, const VkImageCreateInfo *info,
               VkImageDrmFormatModifierListCreateInfoEXT *list)
{
    uint64_t *modifiers = (uint64_t *)list->pDrmFormatModifiers;
    uint32_t count = list->drmFormatModifierCount, importable = 0;
    list->drmFormatModifierCount = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t modifier = modifiers[i];
        VkExternalMemoryProperties properties;
        list->pDrmFormatModifiers = &modifier;
        if (rnd_external_ask_image(physical, (void *)info, DMA_BUF, &properties) &&
            (properties.externalMemoryFeatures & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)) {
            modifiers[i] = modifiers[importable];
            modifiers[importable++] = modifier;
        }
    }
    list->drmFormatModifierCount = count;
    list->pDrmFormatModifiers = modifiers;
    return importable;
}

/* Planes of memory in the host's eyes; 0: it does not know the modifier. */
static uint32_t
count_planes(const struct rnd_physical_device *physical, VkFormat format, uint64_t modifier)
{
    VkDrmFormatModifierPropertiesListEXT list = {
        .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
    };
    VkFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
        .pNext = &list,
    };
    const struct rnd_instance_table *table = &physical->instance->table;
    table->GetPhysicalDeviceFormatProperties2(physical->handle, format, &properties);
    VkDrmFormatModifierPropertiesEXT *known = calloc(list.drmFormatModifierCount, sizeof(*known));
    uint32_t planes = 0;
    if (known) {
        list.pDrmFormatModifierProperties = known;
        table->GetPhysicalDeviceFormatProperties2(physical->handle, format, &properties);
        for (uint32_t i = 0; i < list.drmFormatModifierCount; i++) {
            planes = known[i].drmFormatModifier == modifier ? known[i].drmFormatModifierPlaneCount
                                                            : planes;
        }
    }
    free(known);
    return planes;
}

/* --- creating --- */

/* With the planes where libgbm has them, in place of the guest's list. */
static VkResult
create_laid_out(const struct rnd_device *device, const VkImageCreateInfo *info,
                const struct rnd_gbm_layout *layout, VkImage *out)
{
    VkSubresourceLayout planes[RND_GBM_MAX_PLANES] = {0};
    for (uint32_t i = 0; i < layout->plane_count; i++) {
        planes[i].offset = layout->planes[i].offset;
        planes[i].rowPitch = layout->planes[i].row_pitch;
    }
    VkImageDrmFormatModifierExplicitCreateInfoEXT explicit = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
        .drmFormatModifier = layout->modifier,
        .drmFormatModifierPlaneCount = layout->plane_count,
        .pPlaneLayouts = planes,
    };
    void *list =
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
    rnd_chain_push(info, &explicit);
    VkResult result = device->table.CreateImage(device->handle, info, NULL, out);
    rnd_chain_remove(info, explicit.sType);
    rnd_chain_push(info, list);
    return result;
}

/* NULL, or why the host would not import that dma-buf as the image's memory. */
static const char *
check_memory(const struct rnd_device *device, VkImage handle, int fd, struct rnd_external *external)
{
    VkMemoryRequirements requirements;
    uint32_t types = rnd_memory_dma_buf_types(device, fd);
    device->table.GetImageMemoryRequirements(device->handle, handle, &requirements);
    if ((uint64_t)lseek(fd, 0, SEEK_END) < requirements.size) {
        return "the host wants more bytes than libgbm's buffer has";
    }
    if ((requirements.memoryTypeBits & types) == 0) {
        return "the host imports libgbm's buffer as no memory type of the image";
    }
    external->never = ~types;
    external->dedicate = true;
    return NULL;
}

static const char *
create_for_dma_buf(const struct rnd_device *device, const VkImageCreateInfo *info, int fd,
                   struct rnd_image *image, VkImage *out)
{
    const struct rnd_physical_device *physical = device->physical_device;
    if (count_planes(physical, info->format, image->gbm.modifier) != image->gbm.plane_count) {
        return "the host counts the planes of libgbm's buffer differently";
    }
    if (create_laid_out(device, info, &image->gbm, out) != VK_SUCCESS) {
        return "the host does not take the layout of libgbm's buffer";
    }
    const char *reason = check_memory(device, *out, fd, &image->external);
    if (reason) {
        device->table.DestroyImage(device->handle, *out, NULL);
    }
    return reason;
}

/* The buffer that shows the layout is given back at once: a guest may want the image's memory
 * never, or twice. NULL, or why there is no image. */
static const char *
create_by_gbm(const struct rnd_device *device, const VkImageCreateInfo *info,
              struct rnd_image *image, VkImage *out)
{
    const struct rnd_physical_device *physical = device->physical_device;
    VkImageDrmFormatModifierListCreateInfoEXT *list = rnd_chain_find(
        info->pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
    uint32_t count = list ? sort_modifiers(physical, info, list) : 0;
    if (count == 0) {
        return "the host imports dma-bufs in none of the modifiers";
    }
    const char *reason;
    image->gbm = describe(info);
    int fd = rnd_gbm_image_allocate(physical->gbm, list->pDrmFormatModifiers, count, &image->gbm,
                                    &reason);
    if (fd < 0) {
        return reason;
    }
    reason = create_for_dma_buf(device, info, fd, image, out);
    base_fd_close(&fd);
    return reason;
}

/* The guest has fixed the layout, mostly to import: libgbm is asked when memory is allocated. */
static void
note_layout(const VkImageCreateInfo *info,
            const VkImageDrmFormatModifierExplicitCreateInfoEXT *explicit,
            struct rnd_gbm_layout *out)
{
    if (explicit->drmFormatModifierPlaneCount > RND_GBM_MAX_PLANES) {
        return;
    }
    *out = describe(info);
    out->modifier = explicit->drmFormatModifier;
    out->plane_count = explicit->drmFormatModifierPlaneCount;
    for (uint32_t i = 0; i < out->plane_count; i++) {
        out->planes[i].offset = explicit->pPlaneLayouts[i].offset;
        out->planes[i].row_pitch = explicit->pPlaneLayouts[i].rowPitch;
    }
}

static const char *
create_for_export(const struct rnd_device *device, const VkImageCreateInfo *info,
                  struct rnd_image *image, VkImage *out)
{
    const char *obstacle = find_obstacle(info);
    return obstacle ? obstacle : create_by_gbm(device, info, image, out);
}

VkResult
rnd_gbm_export_create_image(struct rnd_call *call, const VkImageCreateInfo *info,
                            struct rnd_image *image, VkImage *out)
{
    const struct rnd_device *device = rnd_call_device(call);
    const VkImageDrmFormatModifierExplicitCreateInfoEXT *explicit = rnd_chain_find(
        info->pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
    if (!is_for_export(device->physical_device, info, &image->external)) {
        return device->table.CreateImage(device->handle, info, NULL, out);
    }
    if (explicit) {
        if (!find_obstacle(info)) {
            note_layout(info, explicit, &image->gbm);
        }
        return device->table.CreateImage(device->handle, info, NULL, out);
    }
    const char *reason = create_for_export(device, info, image, out);
    if (!reason) {
        base_log_debug("an image of format %d, %ux%u, is laid out by libgbm: modifier %#" PRIx64
                       ", %u planes",
                       info->format, info->extent.width, info->extent.height, image->gbm.modifier,
                       image->gbm.plane_count);
        return VK_SUCCESS;
    }
    base_log_info("an image of format %d, %ux%u, is laid out by the host and not by libgbm: %s",
                  info->format, info->extent.width, info->extent.height, reason);
    image->gbm = (struct rnd_gbm_layout){0};
    return device->table.CreateImage(device->handle, info, NULL, out);
}

/* --- memory --- */

int
rnd_gbm_export_allocate(struct rnd_call *call, const VkMemoryAllocateInfo *info)
{
    struct rnd_gbm *gbm = rnd_call_device(call)->physical_device->gbm;
    const VkMemoryDedicatedAllocateInfo *dedicated =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);
    const struct rnd_image *image =
        dedicated ? (struct rnd_image *)rnd_call_seen(call, VK_OBJECT_TYPE_IMAGE,
                                                      RND_HANDLE(dedicated->image))
                  : NULL;
    int fd = -1;
    if (image && image->gbm.plane_count > 0) {
        fd = rnd_gbm_image_allocate_like(gbm, &image->gbm, info->allocationSize);
    }
    /* Bytes are as good to the host, whatever the layout: only displays may mind. */
    return fd >= 0 ? fd : rnd_gbm_allocate(gbm, info->allocationSize);
}
