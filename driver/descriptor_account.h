/* How full a descriptor pool is: lets vkAllocateDescriptorSets answer without asking the renderer.
 *
 * Vulkan promises that an allocation succeeds while the pool has enough sets and descriptors left
 * and cannot be fragmented, and allows it to fail once the pool has not. In between, after frees in
 * a pool whose sets differ, only the host knows. Pure arithmetic; the pool's owner synchronises. */
#ifndef DRV_DESCRIPTOR_ACCOUNT_H
#define DRV_DESCRIPTOR_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/descriptor_type.h"

enum drv_descriptor_room {
    DRV_DESCRIPTOR_FITS,    /* the host cannot refuse */
    DRV_DESCRIPTOR_ASK,     /* the host must be asked */
    DRV_DESCRIPTOR_NO_ROOM, /* VK_ERROR_OUT_OF_POOL_MEMORY */
};

struct drv_descriptor_account {
    uint32_t max_sets, sets;
    struct drv_descriptor_counts capacity, used;
    bool unbounded; /* the pool may hand out more than it was made for */

    /* Since creation or the last reset. */
    bool freed;                         /* some set was freed */
    bool alike;                         /* all sets took `shape`; true before the first */
    struct drv_descriptor_counts shape; /* of the first set */
};

void drv_descriptor_account_init(struct drv_descriptor_account *account,
                                 const VkDescriptorPoolCreateInfo *info);
/* All sets are gone. */
void drv_descriptor_account_reset(struct drv_descriptor_account *account);

/* Books one set unless the answer is NO_ROOM. */
enum drv_descriptor_room drv_descriptor_account_take(struct drv_descriptor_account *account,
                                                     const struct drv_descriptor_counts *set);
/* Undoes a take: the set never came to be. */
void drv_descriptor_account_untake(struct drv_descriptor_account *account,
                                   const struct drv_descriptor_counts *set);
/* The set was freed. */
void drv_descriptor_account_give(struct drv_descriptor_account *account,
                                 const struct drv_descriptor_counts *set);

#endif
