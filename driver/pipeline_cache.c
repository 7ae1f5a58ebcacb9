/* Pipeline caches. Their data is the host's, header included, passed through unchanged: the
 * identity in it is that of the host's device, which is also what our physical devices report. */
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreatePipelineCache(VkDevice device, const VkPipelineCacheCreateInfo *pCreateInfo,
                        const VkAllocationCallbacks *pAllocator, VkPipelineCache *pPipelineCache)
{
    struct drv_device *dev = drv_device_from(device);

    struct drv_simple_object *cache =
        drv_device_object_create(dev, pAllocator, sizeof(*cache), VK_OBJECT_TYPE_PIPELINE_CACHE);
    if (!cache) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkPipelineCacheCreateInfo info = *pCreateInfo;
    if (info.initialDataSize == 0) {
        info.pInitialData = NULL; /* then ignored */
    }
    VkPipelineCache handle = (VkPipelineCache)(uintptr_t)cache;
    VkResult result =
        proto_send_vkCreatePipelineCache(dev->object.client, device, &info, NULL, &handle);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(dev, pAllocator, cache);
        return result;
    }
    *pPipelineCache = handle;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyPipelineCache(VkDevice device, VkPipelineCache pipelineCache,
                         const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *dev = drv_device_from(device);

    if (pipelineCache) {
        (void)proto_send_vkDestroyPipelineCache(dev->object.client, device, pipelineCache, NULL);
        drv_device_object_destroy(dev, pAllocator, (void *)(uintptr_t)pipelineCache);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPipelineCacheData(VkDevice device, VkPipelineCache pipelineCache, size_t *pDataSize,
                         void *pData)
{
    struct drv_lanes *lanes = &drv_device_from(device)->instance->lanes;

    /* By a lane: megabytes may come, from a cache that a compiler is busy with. */
    struct proto_client *lane = drv_lanes_take(lanes);
    VkResult result =
        proto_call_vkGetPipelineCacheData(lane, device, pipelineCache, pDataSize, pData);
    drv_lanes_give_back(lanes, lane);
    if (result < 0) {
        *pDataSize = 0;
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_MergePipelineCaches(VkDevice device, VkPipelineCache dstCache, uint32_t srcCacheCount,
                        const VkPipelineCache *pSrcCaches)
{
    return proto_send_vkMergePipelineCaches(drv_device_from(device)->object.client, device,
                                            dstCache, srcCacheCount, pSrcCaches);
}
