#include "driver/format_cache.h"

#include <string.h>

void
drv_format_cache_init(struct drv_format_cache *cache)
{
    memset(cache, 0, sizeof(*cache));
    pthread_mutex_init(&cache->lock, NULL);
}

void
drv_format_cache_finish(struct drv_format_cache *cache)
{
    pthread_mutex_destroy(&cache->lock);
}

static uint32_t
mix(uint32_t hash, uint32_t value)
{
    hash = (hash ^ value) * 0x9e3779b1u;
    return hash ^ hash >> 15;
}

static struct drv_format_answer *
format_slot(struct drv_format_cache *cache, VkFormat format)
{
    return &cache->formats[mix(0, format) % DRV_FORMAT_CACHE_FORMATS];
}

static struct drv_image_format_answer *
image_slot(struct drv_format_cache *cache, const struct drv_image_format_question *question)
{
    uint32_t hash = mix(0, question->format);
    hash = mix(hash, question->type);
    hash = mix(hash, question->tiling);
    hash = mix(hash, question->usage);
    hash = mix(hash, question->flags);
    return &cache->images[hash % DRV_FORMAT_CACHE_IMAGES];
}

static bool
same_question(const struct drv_image_format_question *a, const struct drv_image_format_question *b)
{
    return a->format == b->format && a->type == b->type && a->tiling == b->tiling &&
           a->usage == b->usage && a->flags == b->flags;
}

bool
drv_format_cache_find(struct drv_format_cache *cache, VkFormat format,
                      struct drv_format_answer *out)
{
    pthread_mutex_lock(&cache->lock);
    const struct drv_format_answer *slot = format_slot(cache, format);
    bool found = slot->filled && slot->format == format;
    if (found) {
        *out = *slot;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void
drv_format_cache_remember(struct drv_format_cache *cache, const struct drv_format_answer *answer)
{
    pthread_mutex_lock(&cache->lock);
    struct drv_format_answer *slot = format_slot(cache, answer->format);
    *slot = *answer;
    slot->filled = true;
    pthread_mutex_unlock(&cache->lock);
}

bool
drv_format_cache_find_image(struct drv_format_cache *cache, struct drv_image_format_answer *out)
{
    pthread_mutex_lock(&cache->lock);
    const struct drv_image_format_answer *slot = image_slot(cache, &out->question);
    bool found = slot->filled && same_question(&slot->question, &out->question);
    if (found) {
        *out = *slot;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void
drv_format_cache_remember_image(struct drv_format_cache *cache,
                                const struct drv_image_format_answer *answer)
{
    pthread_mutex_lock(&cache->lock);
    struct drv_image_format_answer *slot = image_slot(cache, &answer->question);
    *slot = *answer;
    slot->filled = true;
    pthread_mutex_unlock(&cache->lock);
}
