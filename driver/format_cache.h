/* Answers to format queries, remembered: a host does not change its mind. Two direct-mapped tables,
 * so memory is bounded and an unlucky pair of questions merely asks again. Any thread may call. */
#ifndef DRV_FORMAT_CACHE_H
#define DRV_FORMAT_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

enum {
    DRV_FORMAT_CACHE_FORMATS = 256,
    DRV_FORMAT_CACHE_IMAGES = 256,
};

struct drv_format_answer {
    VkFormat format;
    bool filled;
    VkFormatProperties properties;
    /* VkFormatProperties3; zero where the renderer does not know that structure. */
    VkFormatFeatureFlags2 linear, optimal, buffer;
};

/* What a question about an image without chained structures consists of. */
struct drv_image_format_question {
    VkFormat format;
    VkImageType type;
    VkImageTiling tiling;
    VkImageUsageFlags usage;
    VkImageCreateFlags flags;
};

struct drv_image_format_answer {
    struct drv_image_format_question question;
    bool filled;
    VkResult result;
    VkImageFormatProperties properties;
};

struct drv_format_cache {
    pthread_mutex_t lock;
    struct drv_format_answer formats[DRV_FORMAT_CACHE_FORMATS];
    struct drv_image_format_answer images[DRV_FORMAT_CACHE_IMAGES];
};

void drv_format_cache_init(struct drv_format_cache *cache);
void drv_format_cache_finish(struct drv_format_cache *cache);

/* False: not remembered. */
bool drv_format_cache_find(struct drv_format_cache *cache, VkFormat format,
                           struct drv_format_answer *out);
void drv_format_cache_remember(struct drv_format_cache *cache,
                               const struct drv_format_answer *answer);

/* out->question is filled by the caller. False: not remembered. */
bool drv_format_cache_find_image(struct drv_format_cache *cache,
                                 struct drv_image_format_answer *out);
void drv_format_cache_remember_image(struct drv_format_cache *cache,
                                     const struct drv_image_format_answer *answer);

#endif
