#include "driver/heap_use.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Of no instance, so no instance's allocator has it. */
struct drv_heap_totals {
    struct drv_heap_totals *next;
    unsigned users;
    uint8_t uuid[VK_UUID_SIZE];
    _Atomic VkDeviceSize bytes[VK_MAX_MEMORY_HEAPS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct drv_heap_totals *all_totals; /* guarded by the lock, as are next and users */

static struct drv_heap_totals *
find_locked(const uint8_t uuid[VK_UUID_SIZE])
{
    struct drv_heap_totals *totals = all_totals;
    while (totals && memcmp(totals->uuid, uuid, VK_UUID_SIZE) != 0) {
        totals = totals->next;
    }
    return totals;
}

static struct drv_heap_totals *
add_locked(const uint8_t uuid[VK_UUID_SIZE])
{
    struct drv_heap_totals *totals = calloc(1, sizeof(*totals));
    if (totals) {
        memcpy(totals->uuid, uuid, VK_UUID_SIZE);
        totals->next = all_totals;
        all_totals = totals;
    }
    return totals;
}

void
drv_heap_use_init(struct drv_heap_use *use, const uint8_t device_uuid[VK_UUID_SIZE])
{
    pthread_mutex_lock(&lock);
    struct drv_heap_totals *totals = find_locked(device_uuid);
    if (!totals) {
        totals = add_locked(device_uuid);
    }
    if (totals) {
        totals->users++;
    }
    pthread_mutex_unlock(&lock);
    use->totals = totals;
}

static void
remove_locked(struct drv_heap_totals *totals)
{
    struct drv_heap_totals **at = &all_totals;
    while (*at != totals) {
        at = &(*at)->next;
    }
    *at = totals->next;
    free(totals);
}

void
drv_heap_use_finish(struct drv_heap_use *use)
{
    for (uint32_t i = 0; i < VK_MAX_MEMORY_HEAPS; i++) {
        drv_heap_use_take_away(use, i, use->bytes[i]);
    }
    pthread_mutex_lock(&lock);
    if (use->totals && --use->totals->users == 0) {
        remove_locked(use->totals);
    }
    pthread_mutex_unlock(&lock);
    use->totals = NULL;
}

void
drv_heap_use_add(struct drv_heap_use *use, uint32_t heap, VkDeviceSize bytes)
{
    if (use->totals) {
        atomic_fetch_add_explicit(&use->bytes[heap], bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&use->totals->bytes[heap], bytes, memory_order_relaxed);
    }
}

void
drv_heap_use_take_away(struct drv_heap_use *use, uint32_t heap, VkDeviceSize bytes)
{
    if (use->totals) {
        atomic_fetch_sub_explicit(&use->totals->bytes[heap], bytes, memory_order_relaxed);
        atomic_fetch_sub_explicit(&use->bytes[heap], bytes, memory_order_relaxed);
    }
}

VkDeviceSize
drv_heap_use_of_others(const struct drv_heap_use *use, uint32_t heap)
{
    if (!use->totals) {
        return 0;
    }
    VkDeviceSize ours = atomic_load_explicit(&use->bytes[heap], memory_order_relaxed);
    VkDeviceSize total = atomic_load_explicit(&use->totals->bytes[heap], memory_order_relaxed);
    return total > ours ? total - ours : 0; /* the two are not read at the same moment */
}
