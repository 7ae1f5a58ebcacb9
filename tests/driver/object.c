#include "driver/object.h"

#include <stdlib.h>

#include "tests/unit/test.h"

struct counts {
    int allocations, frees;
    VkSystemAllocationScope scope;
};

static void *VKAPI_PTR
allocate(void *user, size_t size, size_t alignment, VkSystemAllocationScope scope)
{
    struct counts *counts = user;
    counts->allocations++;
    counts->scope = scope;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void *VKAPI_PTR
reallocate(void *user, void *memory, size_t size, size_t alignment, VkSystemAllocationScope scope)
{
    return realloc(memory, size);
}

static void VKAPI_PTR
release(void *user, void *memory)
{
    struct counts *counts = user;
    counts->frees++;
    free(memory);
}

static VkAllocationCallbacks
callbacks(struct counts *counts)
{
    return (VkAllocationCallbacks){
        .pUserData = counts,
        .pfnAllocation = allocate,
        .pfnReallocation = reallocate,
        .pfnFree = release,
    };
}

TEST(ids_are_never_zero_and_never_the_same)
{
    struct proto_object a, b;
    drv_object_init(&a, NULL, VK_OBJECT_TYPE_FENCE);
    drv_object_init(&b, NULL, VK_OBJECT_TYPE_QUEUE);
    assert_int_not_equal(a.id, 0);
    assert_int_not_equal(a.id, b.id);
}

TEST(dispatchable_objects_carry_the_loaders_word)
{
    struct proto_object object;
    drv_object_init(&object, NULL, VK_OBJECT_TYPE_QUEUE);
    assert_int_equal(object.loader_data, 0x01CDC0DE);
    drv_object_init(&object, NULL, VK_OBJECT_TYPE_FENCE);
    assert_int_equal(object.loader_data, 0);
}

TEST(the_calls_own_callbacks_come_first)
{
    struct counts own = {0}, parents = {0};
    VkAllocationCallbacks own_callbacks = callbacks(&own), parent_callbacks = callbacks(&parents);
    void *object =
        drv_object_create(NULL, &parent_callbacks, &own_callbacks, 100, VK_OBJECT_TYPE_FENCE);
    assert_non_null(object);
    assert_int_equal(own.allocations, 1);
    assert_int_equal(parents.allocations, 0);
    drv_object_destroy(&parent_callbacks, &own_callbacks, object);
    assert_int_equal(own.frees, 1);
}

TEST(the_parents_callbacks_come_second)
{
    struct counts parents = {0};
    VkAllocationCallbacks parent_callbacks = callbacks(&parents);
    void *object = drv_object_create(NULL, &parent_callbacks, NULL, 100, VK_OBJECT_TYPE_DEVICE);
    assert_int_equal(parents.allocations, 1);
    assert_int_equal(parents.scope, VK_SYSTEM_ALLOCATION_SCOPE_DEVICE);
    drv_object_destroy(&parent_callbacks, NULL, object);
    assert_int_equal(parents.frees, 1);
}

TEST(destroying_nothing_calls_nobody)
{
    struct counts own = {0};
    VkAllocationCallbacks own_callbacks = callbacks(&own);
    drv_object_destroy(NULL, &own_callbacks, NULL);
    drv_object_destroy(NULL, NULL, NULL);
    assert_int_equal(own.frees, 0);
}
