/* What a device's host has made before. A buffer or an image like an earlier one is made without
 * waiting to hear that it was, and its memory requirements are known without asking.
 *
 * Of buffers Vulkan 1.3 says ("Resource Memory Association") that alignment and types of memory are
 * the same for all of the same flags, usage and handle types, and that the size is at most the
 * buffer's, aligned; whether a host says that or the buffer's own is seen once a size is no
 * multiple of the alignment. On older hosts, the size has to be the same, too. Images have to be
 * the same in every member of their create info. What is sparse, protected, captured, disjoint or
 * shared between queue families has no precedent, nor have external images, nor whatever has
 * structures chained that are not looked at here.
 * That such a one cannot be made can only mean that the host has no memory left for its own
 * account.
 *
 * Two direct-mapped tables, so memory is bounded and an unlucky pair merely asks again. Any thread
 * may call. */
#ifndef DRV_PRECEDENTS_H
#define DRV_PRECEDENTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/requirements.h"

enum {
    DRV_PRECEDENT_BUFFERS = 64,
    DRV_PRECEDENT_IMAGES = 256,
    DRV_PRECEDENT_VIEW_FORMATS = 8, /* of an image; those with more have no precedent */
};

/* What buffers have in common. No padding: compared as bytes, like that of images. */
struct drv_buffer_kind {
    VkBufferUsageFlags2 usage;
    VkBufferCreateFlags flags;
    VkExternalMemoryHandleTypeFlags handle_types;
};

struct drv_image_kind {
    VkImageCreateFlags flags;
    VkImageType type;
    VkFormat format;
    VkExtent3D extent;
    uint32_t mip_levels, array_layers;
    VkSampleCountFlagBits samples;
    VkImageTiling tiling;
    VkImageUsageFlags usage, stencil_usage;
    VkImageLayout initial_layout;
    uint32_t view_format_count;
    VkFormat view_formats[DRV_PRECEDENT_VIEW_FORMATS];
};

struct drv_buffer_precedent {
    struct drv_buffer_kind kind;
    VkDeviceSize largest;   /* that the host has made; 0: the slot is free */
    struct drv_needs needs; /* the largest one's */
    /* What the host has said of sizes that are no multiples of the alignment. */
    VkDeviceSize granule; /* of multiples of this power of two the buffer's own; 0: never that */
    bool rounds;          /* the size aligned */
};

struct drv_image_precedent {
    struct drv_image_kind kind;
    bool filled;
    struct drv_needs needs;
};

struct drv_precedents {
    bool has_rules;       /* the host is of Vulkan 1.3; constant */
    pthread_mutex_t lock; /* guards the rest */
    struct drv_buffer_precedent buffers[DRV_PRECEDENT_BUFFERS];
    struct drv_image_precedent images[DRV_PRECEDENT_IMAGES];
};

/* `host_version`: the device's, which says what it guarantees. */
void drv_precedents_init(struct drv_precedents *precedents, uint32_t host_version);
void drv_precedents_finish(struct drv_precedents *precedents);

/* False: such a buffer or image has no precedent. */
BASE_MUST_CHECK bool drv_buffer_kind_of(const VkBufferCreateInfo *info,
                                        struct drv_buffer_kind *out);
BASE_MUST_CHECK bool drv_image_kind_of(const VkImageCreateInfo *info, struct drv_image_kind *out);

/* False: not known. *made: the host has made one of that size, or does so for certain. */
BASE_MUST_CHECK bool drv_precedents_find_buffer(struct drv_precedents *precedents,
                                                const struct drv_buffer_kind *kind,
                                                VkDeviceSize size, bool *made,
                                                struct drv_needs *out);
BASE_MUST_CHECK bool drv_precedents_find_image(struct drv_precedents *precedents,
                                               const struct drv_image_kind *kind,
                                               struct drv_needs *out);

/* The host has made one, which needs that. Buffers that do not follow the rule are not remembered.
 */
void drv_precedents_add_buffer(struct drv_precedents *precedents,
                               const struct drv_buffer_kind *kind, VkDeviceSize size,
                               const struct drv_needs *needs);
void drv_precedents_add_image(struct drv_precedents *precedents, const struct drv_image_kind *kind,
                              const struct drv_needs *needs);

#endif
