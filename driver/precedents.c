#include "driver/precedents.h"

#include <string.h>

/* The least that VkPhysicalDeviceMaintenance4Properties::maxBufferSize may be: a host of Vulkan 1.3
 * makes buffers of that size, unless they are for descriptor heaps, which have limits of their own.
 */
#define LEAST_MAX_BUFFER_SIZE ((VkDeviceSize)1 << 30)

/* Flags that say nothing but how images are viewed. */
static const VkImageCreateFlags ORDINARY_IMAGE_FLAGS =
    VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT | VK_IMAGE_CREATE_CUBE_COMPATIBLE_BIT |
    VK_IMAGE_CREATE_2D_ARRAY_COMPATIBLE_BIT | VK_IMAGE_CREATE_BLOCK_TEXEL_VIEW_COMPATIBLE_BIT |
    VK_IMAGE_CREATE_EXTENDED_USAGE_BIT | VK_IMAGE_CREATE_2D_VIEW_COMPATIBLE_BIT_EXT;

void
drv_precedents_init(struct drv_precedents *precedents, uint32_t host_version)
{
    memset(precedents, 0, sizeof(*precedents));
    pthread_mutex_init(&precedents->lock, NULL);
    precedents->has_rules = host_version >= VK_API_VERSION_1_3;
}

void
drv_precedents_finish(struct drv_precedents *precedents)
{
    pthread_mutex_destroy(&precedents->lock);
}

/* --- kinds --- */

bool
drv_buffer_kind_of(const VkBufferCreateInfo *info, struct drv_buffer_kind *out)
{
    if (info->flags != 0 || info->sharingMode != VK_SHARING_MODE_EXCLUSIVE) {
        return false;
    }
    *out = (struct drv_buffer_kind){.usage = info->usage};
    for (const VkBaseInStructure *it = info->pNext; it; it = it->pNext) {
        switch (it->sType) {
        case VK_STRUCTURE_TYPE_BUFFER_USAGE_FLAGS_2_CREATE_INFO:
            out->usage = ((const VkBufferUsageFlags2CreateInfo *)it)->usage;
            break;
        case VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO:
            out->handle_types = ((const VkExternalMemoryBufferCreateInfo *)it)->handleTypes;
            break;
        default: return false;
        }
    }
    return true;
}

static bool
note_view_formats(const VkImageFormatListCreateInfo *list, struct drv_image_kind *out)
{
    if (list->viewFormatCount > DRV_PRECEDENT_VIEW_FORMATS) {
        return false;
    }
    out->view_format_count = list->viewFormatCount;
    for (uint32_t i = 0; i < list->viewFormatCount; i++) {
        out->view_formats[i] = list->pViewFormats[i];
    }
    return true;
}

static bool
note_chain(const VkImageCreateInfo *info, struct drv_image_kind *out)
{
    for (const VkBaseInStructure *it = info->pNext; it; it = it->pNext) {
        switch (it->sType) {
        case VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO:
            if (!note_view_formats((const VkImageFormatListCreateInfo *)it, out)) {
                return false;
            }
            break;
        case VK_STRUCTURE_TYPE_IMAGE_STENCIL_USAGE_CREATE_INFO:
            out->stencil_usage = ((const VkImageStencilUsageCreateInfo *)it)->stencilUsage;
            break;
        default: return false;
        }
    }
    return true;
}

bool
drv_image_kind_of(const VkImageCreateInfo *info, struct drv_image_kind *out)
{
    if ((info->flags & ~ORDINARY_IMAGE_FLAGS) || info->tiling > VK_IMAGE_TILING_LINEAR ||
        info->sharingMode != VK_SHARING_MODE_EXCLUSIVE) {
        return false;
    }
    *out = (struct drv_image_kind){
        .flags = info->flags,
        .type = info->imageType,
        .format = info->format,
        .extent = info->extent,
        .mip_levels = info->mipLevels,
        .array_layers = info->arrayLayers,
        .samples = info->samples,
        .tiling = info->tiling,
        .usage = info->usage,
        .initial_layout = info->initialLayout,
    };
    return note_chain(info, out);
}

/* --- tables --- */

static uint32_t
hash_of(const void *kind, size_t size)
{
    const uint32_t *words = kind;
    uint32_t hash = 0;
    for (size_t i = 0; i < size / sizeof(*words); i++) {
        hash = (hash ^ words[i]) * 0x9e3779b1u;
        hash ^= hash >> 15;
    }
    return hash;
}

static struct drv_buffer_precedent *
buffer_slot(struct drv_precedents *precedents, const struct drv_buffer_kind *kind)
{
    return &precedents->buffers[hash_of(kind, sizeof(*kind)) % DRV_PRECEDENT_BUFFERS];
}

static struct drv_image_precedent *
image_slot(struct drv_precedents *precedents, const struct drv_image_kind *kind)
{
    return &precedents->images[hash_of(kind, sizeof(*kind)) % DRV_PRECEDENT_IMAGES];
}

static VkDeviceSize
aligned(VkDeviceSize size, VkDeviceSize alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

/* --- buffers --- */

static bool
is_made_for_certain(const struct drv_buffer_kind *kind, VkDeviceSize size)
{
#ifdef VK_EXT_descriptor_heap
    if (kind->usage & VK_BUFFER_USAGE_2_DESCRIPTOR_HEAP_BIT_EXT) {
        return false;
    }
#endif
    return size <= LEAST_MAX_BUFFER_SIZE;
}

static bool
is_precedent_of(const struct drv_buffer_precedent *slot, const struct drv_buffer_kind *kind)
{
    return slot->largest > 0 && memcmp(&slot->kind, kind, sizeof(*kind)) == 0;
}

/* What a buffer of that size needs; 0: not known. */
static VkDeviceSize
needed_size(const struct drv_precedents *precedents, const struct drv_buffer_precedent *slot,
            VkDeviceSize size)
{
    VkDeviceSize rounded = aligned(size, slot->needs.memory.alignment);
    if (size == slot->largest) {
        return slot->needs.memory.size;
    }
    if (!precedents->has_rules) {
        return 0;
    }
    if (rounded == size || (slot->granule > 0 && size % slot->granule == 0)) {
        return size;
    }
    return slot->rounds ? rounded : 0;
}

bool
drv_precedents_find_buffer(struct drv_precedents *precedents, const struct drv_buffer_kind *kind,
                           VkDeviceSize size, bool *made, struct drv_needs *out)
{
    VkDeviceSize needed = 0;
    pthread_mutex_lock(&precedents->lock);
    const struct drv_buffer_precedent *slot = buffer_slot(precedents, kind);
    if (size > 0 && is_precedent_of(slot, kind)) {
        needed = needed_size(precedents, slot, size);
        *out = slot->needs;
        out->memory.size = needed;
        *made = size <= slot->largest || is_made_for_certain(kind, size);
    }
    pthread_mutex_unlock(&precedents->lock);
    return needed > 0;
}

static void
note_rule(struct drv_buffer_precedent *slot, VkDeviceSize size, const VkMemoryRequirements *memory)
{
    VkDeviceSize granule = size & -size;
    if (size % memory->alignment == 0) {
        return; /* that was clear before */
    }
    if (memory->size != size) {
        slot->rounds = true;
    } else if (slot->granule == 0 || granule < slot->granule) {
        slot->granule = granule;
    }
}

/* A host may have a rule of its own about the size, and may want some buffers alone in their
 * memory. */
void
drv_precedents_add_buffer(struct drv_precedents *precedents, const struct drv_buffer_kind *kind,
                          VkDeviceSize size, const struct drv_needs *needs)
{
    const VkMemoryRequirements *memory = &needs->memory;
    if (size == 0 || memory->alignment == 0 || needs->prefers_dedicated ||
        needs->requires_dedicated ||
        (memory->size != size && memory->size != aligned(size, memory->alignment))) {
        return;
    }
    pthread_mutex_lock(&precedents->lock);
    struct drv_buffer_precedent *slot = buffer_slot(precedents, kind);
    if (!is_precedent_of(slot, kind)) {
        *slot = (struct drv_buffer_precedent){.kind = *kind};
    }
    if (size > slot->largest) {
        slot->largest = size;
        slot->needs = *needs;
    }
    note_rule(slot, size, memory);
    pthread_mutex_unlock(&precedents->lock);
}

/* --- images --- */

bool
drv_precedents_find_image(struct drv_precedents *precedents, const struct drv_image_kind *kind,
                          struct drv_needs *out)
{
    pthread_mutex_lock(&precedents->lock);
    const struct drv_image_precedent *slot = image_slot(precedents, kind);
    bool found = slot->filled && memcmp(&slot->kind, kind, sizeof(*kind)) == 0;
    if (found) {
        *out = slot->needs;
    }
    pthread_mutex_unlock(&precedents->lock);
    return found;
}

void
drv_precedents_add_image(struct drv_precedents *precedents, const struct drv_image_kind *kind,
                         const struct drv_needs *needs)
{
    pthread_mutex_lock(&precedents->lock);
    *image_slot(precedents, kind) = (struct drv_image_precedent){*kind, true, *needs};
    pthread_mutex_unlock(&precedents->lock);
}
