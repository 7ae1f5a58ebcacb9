#include "driver/descriptor_account.h"

#include <string.h>

#include "driver/descriptor_layout.h"
#include "driver/struct_chain.h"

void
drv_descriptor_account_init(struct drv_descriptor_account *account,
                            const VkDescriptorPoolCreateInfo *info)
{
    const VkDescriptorPoolInlineUniformBlockCreateInfo *inline_info = drv_find_struct(
        info->pNext, VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_INLINE_UNIFORM_BLOCK_CREATE_INFO);

    *account = (struct drv_descriptor_account){.max_sets = info->maxSets, .alike = true};
    for (uint32_t i = 0; i < info->poolSizeCount; i++) {
        drv_descriptor_counts_add(&account->capacity, info->pPoolSizes[i].type,
                                  info->pPoolSizes[i].descriptorCount);
    }
    account->capacity.inline_bindings =
        inline_info ? inline_info->maxInlineUniformBlockBindings : 0;
}

void
drv_descriptor_account_reset(struct drv_descriptor_account *account)
{
    account->sets = 0;
    memset(&account->used, 0, sizeof(account->used));
    account->freed = false;
    account->alike = true;
}

/* How much a pool holds of these depends on more than a number: on lists of types that must agree,
 * or on rules that this driver does not know. */
static bool
is_beyond_us(const struct drv_descriptor_counts *set)
{
    return set->kinds[DRV_DESCRIPTOR_MUTABLE] > 0 || set->kinds[DRV_DESCRIPTOR_OTHER] > 0;
}

static bool
exceeds(uint64_t used, uint32_t wanted, uint32_t capacity)
{
    return wanted > 0 && used + wanted > capacity;
}

static bool
has_room(const struct drv_descriptor_account *account, const struct drv_descriptor_counts *set)
{
    const struct drv_descriptor_counts *capacity = &account->capacity;

    if (exceeds(account->sets, 1, account->max_sets)) {
        return false;
    }
    for (uint32_t i = 0; i < DRV_DESCRIPTOR_MUTABLE; i++) {
        if (exceeds(account->used.kinds[i], set->kinds[i], capacity->kinds[i])) {
            return false;
        }
    }
    return !exceeds(account->used.inline_bindings, set->inline_bindings, capacity->inline_bindings);
}

static void
book(struct drv_descriptor_account *account, const struct drv_descriptor_counts *set)
{
    if (account->alike && account->sets == 0 && !account->freed) {
        account->shape = *set;
    } else if (memcmp(&account->shape, set, sizeof(*set)) != 0) {
        account->alike = false;
    }
    account->sets++;
    for (uint32_t i = 0; i < DRV_DESCRIPTOR_KIND_COUNT; i++) {
        account->used.kinds[i] += set->kinds[i];
    }
    account->used.inline_bindings += set->inline_bindings;
    account->used.converting += set->converting;
}

enum drv_descriptor_room
drv_descriptor_account_take(struct drv_descriptor_account *account,
                            const struct drv_descriptor_counts *set)
{
    bool fits = has_room(account, set);

    book(account, set);
    bool may_be_fragmented = account->freed && !account->alike;
    /* This set's, or those of another that has taken more than we have booked. */
    bool converts = account->used.converting > 0;
    return fits && !may_be_fragmented && !converts && !is_beyond_us(set) ? DRV_DESCRIPTOR_FITS
                                                                         : DRV_DESCRIPTOR_ASK;
}

void
drv_descriptor_account_untake(struct drv_descriptor_account *account,
                              const struct drv_descriptor_counts *set)
{
    account->sets--;
    for (uint32_t i = 0; i < DRV_DESCRIPTOR_KIND_COUNT; i++) {
        account->used.kinds[i] -= set->kinds[i];
    }
    account->used.inline_bindings -= set->inline_bindings;
    account->used.converting -= set->converting;
}

void
drv_descriptor_account_give(struct drv_descriptor_account *account,
                            const struct drv_descriptor_counts *set)
{
    drv_descriptor_account_untake(account, set);
    account->freed = true;
}
