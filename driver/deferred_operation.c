#include "driver/deferred_operation.h"

#include <pthread.h>

#include "driver/device.h"
#include "driver/drv_entry.h"

enum state {
    COMPLETE, /* also before anything was deferred */
    WAITING,
    RUNNING,
};

struct deferred_operation {
    struct proto_object object;
    pthread_mutex_t lock;
    /* Guarded by lock. */
    enum state state;
    VkResult result;
    struct drv_deferred_pipelines work;
};

static struct deferred_operation *
operation_from(VkDeferredOperationKHR handle)
{
    return (struct deferred_operation *)(uintptr_t)handle;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateDeferredOperationKHR(VkDevice device, const VkAllocationCallbacks *pAllocator,
                               VkDeferredOperationKHR *pDeferredOperation)
{
    struct deferred_operation *operation =
        drv_device_object_create(drv_device_from(device), pAllocator, sizeof(*operation),
                                 VK_OBJECT_TYPE_DEFERRED_OPERATION_KHR);
    if (!operation) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    pthread_mutex_init(&operation->lock, NULL);
    operation->result = VK_SUCCESS;
    *pDeferredOperation = (VkDeferredOperationKHR)(uintptr_t)operation;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyDeferredOperationKHR(VkDevice device, VkDeferredOperationKHR handle,
                                const VkAllocationCallbacks *pAllocator)
{
    struct deferred_operation *operation = operation_from(handle);

    if (operation) {
        pthread_mutex_destroy(&operation->lock);
        drv_device_object_destroy(drv_device_from(device), pAllocator, operation);
    }
}

void
drv_deferred_operation_defer(VkDeferredOperationKHR handle,
                             const struct drv_deferred_pipelines *work)
{
    struct deferred_operation *operation = operation_from(handle);

    pthread_mutex_lock(&operation->lock);
    operation->work = *work;
    operation->state = WAITING;
    pthread_mutex_unlock(&operation->lock);
}

/* One thread does it all; there is nothing in it to share with a second one. */
VKAPI_ATTR uint32_t VKAPI_CALL
drv_GetDeferredOperationMaxConcurrencyKHR(VkDevice device, VkDeferredOperationKHR handle)
{
    struct deferred_operation *operation = operation_from(handle);

    pthread_mutex_lock(&operation->lock);
    uint32_t threads = operation->state == WAITING ? 1 : 0;
    pthread_mutex_unlock(&operation->lock);
    return threads;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDeferredOperationResultKHR(VkDevice device, VkDeferredOperationKHR handle)
{
    struct deferred_operation *operation = operation_from(handle);

    pthread_mutex_lock(&operation->lock);
    VkResult result = operation->state == COMPLETE ? operation->result : VK_NOT_READY;
    pthread_mutex_unlock(&operation->lock);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_DeferredOperationJoinKHR(VkDevice device, VkDeferredOperationKHR handle)
{
    struct deferred_operation *operation = operation_from(handle);

    pthread_mutex_lock(&operation->lock);
    enum state state = operation->state;
    if (state == WAITING) {
        operation->state = RUNNING;
    }
    pthread_mutex_unlock(&operation->lock);
    if (state != WAITING) {
        return state == COMPLETE ? VK_SUCCESS : VK_THREAD_DONE_KHR;
    }

    VkResult result = drv_create_ray_tracing_pipelines(&operation->work);
    pthread_mutex_lock(&operation->lock);
    operation->state = COMPLETE;
    operation->result = result;
    pthread_mutex_unlock(&operation->lock);
    return VK_SUCCESS;
}
