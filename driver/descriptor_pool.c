#include "driver/descriptor_pool.h"

#include <string.h>

#include "driver/drv_entry.h"
#include "driver/struct_chain.h"
#include "protocol/proto_encode.h"

static void
destroy_set(struct drv_descriptor_set *set)
{
    struct drv_descriptor_pool *pool = set->pool;

    drv_descriptor_set_layout_unref(set->layout);
    base_list_remove(&set->link);
    drv_device_object_destroy(pool->device, pool->allocator, set);
}

static void
destroy_all_sets(struct drv_descriptor_pool *pool)
{
    base_list_for_each_safe (set, &pool->sets, struct drv_descriptor_set, link) {
        destroy_set(set);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateDescriptorPool(VkDevice device, const VkDescriptorPoolCreateInfo *pCreateInfo,
                         const VkAllocationCallbacks *pAllocator, VkDescriptorPool *pDescriptorPool)
{
    struct drv_device *dev = drv_device_from(device);

    struct drv_descriptor_pool *pool =
        drv_device_object_create(dev, pAllocator, sizeof(*pool), VK_OBJECT_TYPE_DESCRIPTOR_POOL);
    if (!pool) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    pool->device = dev;
    if (pAllocator) {
        pool->allocator_storage = *pAllocator;
        pool->allocator = &pool->allocator_storage;
    }
    base_list_init(&pool->sets);
    drv_descriptor_account_init(&pool->account, pCreateInfo);

    /* With a reply: how large a pool may be is for the host to say, and sets are handed out on its
     * word. */
    VkDescriptorPool handle = (VkDescriptorPool)(uintptr_t)pool;
    VkResult result =
        proto_call_vkCreateDescriptorPool(dev->object.client, device, pCreateInfo, NULL, &handle);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(dev, pAllocator, pool);
        return result;
    }
    *pDescriptorPool = (VkDescriptorPool)(uintptr_t)pool;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyDescriptorPool(VkDevice device, VkDescriptorPool descriptorPool,
                          const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *dev = drv_device_from(device);
    struct drv_descriptor_pool *pool = drv_descriptor_pool_from(descriptorPool);

    if (pool) {
        (void)proto_send_vkDestroyDescriptorPool(dev->object.client, device, descriptorPool, NULL);
        destroy_all_sets(pool);
        drv_device_object_destroy(dev, pAllocator, pool);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ResetDescriptorPool(VkDevice device, VkDescriptorPool descriptorPool,
                        VkDescriptorPoolResetFlags flags)
{
    struct drv_descriptor_pool *pool = drv_descriptor_pool_from(descriptorPool);

    VkResult result =
        proto_send_vkResetDescriptorPool(pool->object.client, device, descriptorPool, flags);
    destroy_all_sets(pool);
    drv_descriptor_account_reset(&pool->account);
    return result;
}

static struct drv_descriptor_counts
counts_of(const struct drv_descriptor_set *set)
{
    return drv_descriptor_set_layout_counts(set->layout, set->variable_count);
}

/* A set that is booked in its pool and unknown to the renderer; *room is raised to its own answer.
 */
static VkResult
create_set(struct drv_descriptor_pool *pool, VkDescriptorSetLayout layout, uint32_t variable_count,
           enum drv_descriptor_room *room, VkDescriptorSet *out)
{
    struct drv_descriptor_set_layout *set_layout = drv_descriptor_set_layout_from(layout);
    struct drv_descriptor_counts counts =
        drv_descriptor_set_layout_counts(set_layout, variable_count);

    enum drv_descriptor_room answer = drv_descriptor_account_take(&pool->account, &counts);
    struct drv_descriptor_set *set = drv_device_object_create(
        pool->device, pool->allocator, sizeof(*set), VK_OBJECT_TYPE_DESCRIPTOR_SET);
    if (!set) {
        drv_descriptor_account_untake(&pool->account, &counts);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    set->pool = pool;
    set->layout = drv_descriptor_set_layout_ref(set_layout);
    set->variable_count = variable_count;
    base_list_push(&pool->sets, &set->link);
    *room = answer > *room ? answer : *room;
    *out = (VkDescriptorSet)(uintptr_t)set;
    return VK_SUCCESS;
}

/* The newest `count` sets of the pool never came to be. */
static void
undo_sets(struct drv_descriptor_pool *pool, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct drv_descriptor_set *set =
            base_list_entry(pool->sets.prev, struct drv_descriptor_set, link);
        struct drv_descriptor_counts counts = counts_of(set);
        drv_descriptor_account_untake(&pool->account, &counts);
        destroy_set(set);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_AllocateDescriptorSets(VkDevice device, const VkDescriptorSetAllocateInfo *pAllocateInfo,
                           VkDescriptorSet *pDescriptorSets)
{
    struct drv_descriptor_pool *pool = drv_descriptor_pool_from(pAllocateInfo->descriptorPool);
    const VkDescriptorSetVariableDescriptorCountAllocateInfo *variable =
        drv_find_struct(pAllocateInfo->pNext,
                        VK_STRUCTURE_TYPE_DESCRIPTOR_SET_VARIABLE_DESCRIPTOR_COUNT_ALLOCATE_INFO);
    enum drv_descriptor_room room = DRV_DESCRIPTOR_FITS;
    VkResult result = VK_SUCCESS;
    uint32_t made = 0;

    while (made < pAllocateInfo->descriptorSetCount) {
        bool sized = variable && made < variable->descriptorSetCount;
        result = create_set(pool, pAllocateInfo->pSetLayouts[made],
                            sized ? variable->pDescriptorCounts[made] : 0, &room,
                            &pDescriptorSets[made]);
        if (result != VK_SUCCESS) {
            break;
        }
        made++;
    }
    if (result == VK_SUCCESS) {
        result = room == DRV_DESCRIPTOR_FITS
                     ? proto_send_vkAllocateDescriptorSets(pool->object.client, device,
                                                           pAllocateInfo, pDescriptorSets)
                     : proto_call_vkAllocateDescriptorSets(pool->object.client, device,
                                                           pAllocateInfo, pDescriptorSets);
    }
    if (result != VK_SUCCESS) {
        undo_sets(pool, made);
        memset(pDescriptorSets, 0, pAllocateInfo->descriptorSetCount * sizeof(*pDescriptorSets));
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_FreeDescriptorSets(VkDevice device, VkDescriptorPool descriptorPool,
                       uint32_t descriptorSetCount, const VkDescriptorSet *pDescriptorSets)
{
    struct drv_descriptor_pool *pool = drv_descriptor_pool_from(descriptorPool);

    VkResult result = proto_send_vkFreeDescriptorSets(pool->object.client, device, descriptorPool,
                                                      descriptorSetCount, pDescriptorSets);
    for (uint32_t i = 0; i < descriptorSetCount; i++) {
        struct drv_descriptor_set *set = drv_descriptor_set_from(pDescriptorSets[i]);
        if (set) {
            struct drv_descriptor_counts counts = counts_of(set);
            drv_descriptor_account_give(&pool->account, &counts);
            destroy_set(set);
        }
    }
    return result;
}
