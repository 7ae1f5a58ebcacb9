#include "driver/private_data.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/table.h"
#include "driver/device.h"
#include "driver/drv_entry.h"

struct private_data_slot {
    struct proto_object object;
    struct base_list link;    /* slots; guarded by lock */
    struct base_table values; /* object id -> struct value; guarded by lock */
};

struct value {
    uint64_t data; /* not 0: that is what objects have anyway */
};

/* Ids are unique in the process, so one lock and one list of slots serve all devices. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct base_list slots = {.prev = &slots, .next = &slots};
static _Atomic size_t value_count; /* changes under lock; read anywhere */

static struct private_data_slot *
slot_from(VkPrivateDataSlot handle)
{
    return (struct private_data_slot *)(uintptr_t)handle;
}

static void
forget_locked(struct private_data_slot *slot, uint64_t id)
{
    struct value *value = base_table_remove(&slot->values, id);

    if (value) {
        free(value);
        atomic_fetch_sub_explicit(&value_count, 1, memory_order_relaxed);
    }
}

void
drv_private_data_forget(uint64_t id)
{
    if (atomic_load_explicit(&value_count, memory_order_relaxed) == 0) {
        return;
    }
    pthread_mutex_lock(&lock);
    base_list_for_each (slot, &slots, struct private_data_slot, link) {
        forget_locked(slot, id);
    }
    pthread_mutex_unlock(&lock);
}

static VkResult
set_locked(struct private_data_slot *slot, uint64_t id, uint64_t data)
{
    struct value *value = base_table_find(&slot->values, id);

    if (data == 0) {
        forget_locked(slot, id);
        return VK_SUCCESS;
    }
    if (!value) {
        value = malloc(sizeof(*value));
        if (!value || !base_table_insert(&slot->values, id, value)) {
            free(value);
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        atomic_fetch_add_explicit(&value_count, 1, memory_order_relaxed);
    }
    value->data = data;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreatePrivateDataSlot(VkDevice device, const VkPrivateDataSlotCreateInfo *pCreateInfo,
                          const VkAllocationCallbacks *pAllocator,
                          VkPrivateDataSlot *pPrivateDataSlot)
{
    struct private_data_slot *slot = drv_device_object_create(
        drv_device_from(device), pAllocator, sizeof(*slot), VK_OBJECT_TYPE_PRIVATE_DATA_SLOT);

    if (!slot) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    base_table_init(&slot->values);
    pthread_mutex_lock(&lock);
    base_list_push(&slots, &slot->link);
    pthread_mutex_unlock(&lock);
    *pPrivateDataSlot = (VkPrivateDataSlot)(uintptr_t)slot;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyPrivateDataSlot(VkDevice device, VkPrivateDataSlot privateDataSlot,
                           const VkAllocationCallbacks *pAllocator)
{
    struct private_data_slot *slot = slot_from(privateDataSlot);
    struct value *value;
    size_t cursor = 0;

    if (!slot) {
        return;
    }
    pthread_mutex_lock(&lock);
    base_list_remove(&slot->link);
    while ((value = base_table_next(&slot->values, &cursor))) {
        free(value);
        atomic_fetch_sub_explicit(&value_count, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&lock);
    base_table_finish(&slot->values);
    drv_device_object_destroy(drv_device_from(device), pAllocator, slot);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_SetPrivateData(VkDevice device, VkObjectType objectType, uint64_t objectHandle,
                   VkPrivateDataSlot privateDataSlot, uint64_t data)
{
    pthread_mutex_lock(&lock);
    VkResult result = set_locked(slot_from(privateDataSlot), proto_object_id(objectHandle), data);
    pthread_mutex_unlock(&lock);
    return result;
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPrivateData(VkDevice device, VkObjectType objectType, uint64_t objectHandle,
                   VkPrivateDataSlot privateDataSlot, uint64_t *pData)
{
    pthread_mutex_lock(&lock);
    const struct value *value =
        base_table_find(&slot_from(privateDataSlot)->values, proto_object_id(objectHandle));
    *pData = value ? value->data : 0;
    pthread_mutex_unlock(&lock);
}
