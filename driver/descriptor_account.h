/* How full a descriptor pool is: lets vkAllocateDescriptorSets answer without asking the renderer.
 *
 * Vulkan promises that an allocation succeeds while the pool has enough sets and descriptors left
 * and cannot be fragmented. Otherwise only the host knows: after frees in a pool whose sets differ,
 * and once the pool holds what it was made for, where some hosts give more and applications count
 * on it; and as long as it holds sets that convert Y'CbCr (descriptor_type.h). Pure arithmetic; the
 * pool's owner synchronises. */
#ifndef DRV_DESCRIPTOR_ACCOUNT_H
#define DRV_DESCRIPTOR_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/descriptor_type.h"

enum drv_descriptor_room {
    DRV_DESCRIPTOR_FITS, /* the host cannot refuse */
    DRV_DESCRIPTOR_ASK,  /* the host must be asked */
};

struct drv_descriptor_account {
    uint32_t max_sets, sets;
    struct drv_descriptor_counts capacity;
    struct {
        uint64_t kinds[DRV_DESCRIPTOR_KIND_COUNT]; /* sums of absurd numbers do not wrap around */
        uint64_t inline_bindings;
        uint64_t converting;
    } used;

    /* Since creation or the last reset. */
    bool freed;                         /* some set was freed */
    bool alike;                         /* all sets took `shape`; true before the first */
    struct drv_descriptor_counts shape; /* of the first set */
};

void drv_descriptor_account_init(struct drv_descriptor_account *account,
                                 const VkDescriptorPoolCreateInfo *info);
/* All sets are gone. */
void drv_descriptor_account_reset(struct drv_descriptor_account *account);

/* Books one set. */
enum drv_descriptor_room drv_descriptor_account_take(struct drv_descriptor_account *account,
                                                     const struct drv_descriptor_counts *set);
/* Undoes a take: the set never came to be. */
void drv_descriptor_account_untake(struct drv_descriptor_account *account,
                                   const struct drv_descriptor_counts *set);
/* The set was freed. */
void drv_descriptor_account_give(struct drv_descriptor_account *account,
                                 const struct drv_descriptor_counts *set);

#endif
