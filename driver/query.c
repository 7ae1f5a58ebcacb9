#include "driver/query.h"

#include <string.h>

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/scratch.h"
#include "driver/struct_chain.h"
#include "driver/sync.h"
#include "driver/sync_wait.h"
#include "protocol/proto_encode.h"

/* One value for each bit. */
static uint32_t
feedback_count(const VkQueryPoolCreateInfo *info)
{
    const VkQueryPoolVideoEncodeFeedbackCreateInfoKHR *feedback = drv_find_struct(
        info->pNext, VK_STRUCTURE_TYPE_QUERY_POOL_VIDEO_ENCODE_FEEDBACK_CREATE_INFO_KHR);
    return feedback ? (uint32_t)__builtin_popcount(feedback->encodeFeedbackFlags) : 0;
}

uint32_t
drv_query_value_count(const VkQueryPoolCreateInfo *info)
{
    switch (info->queryType) {
    case VK_QUERY_TYPE_OCCLUSION:
    case VK_QUERY_TYPE_TIMESTAMP:
    case VK_QUERY_TYPE_PRIMITIVES_GENERATED_EXT:
    case VK_QUERY_TYPE_MESH_PRIMITIVES_GENERATED_EXT:
    case VK_QUERY_TYPE_ACCELERATION_STRUCTURE_COMPACTED_SIZE_KHR:
    case VK_QUERY_TYPE_ACCELERATION_STRUCTURE_COMPACTED_SIZE_NV:
    case VK_QUERY_TYPE_ACCELERATION_STRUCTURE_SERIALIZATION_SIZE_KHR:
    case VK_QUERY_TYPE_ACCELERATION_STRUCTURE_SERIALIZATION_BOTTOM_LEVEL_POINTERS_KHR:
    case VK_QUERY_TYPE_ACCELERATION_STRUCTURE_SIZE_KHR: return 1;
    case VK_QUERY_TYPE_TRANSFORM_FEEDBACK_STREAM_EXT: return 2;
    case VK_QUERY_TYPE_PIPELINE_STATISTICS:
        return (uint32_t)__builtin_popcount(info->pipelineStatistics);
    case VK_QUERY_TYPE_VIDEO_ENCODE_FEEDBACK_KHR: return feedback_count(info);
    default: return 0;
    }
}

uint32_t
drv_query_tail_count(const VkQueryPoolCreateInfo *info)
{
#ifdef VK_KHR_video_encode_feedback2
    const VkQueryPoolVideoEncodePerPartitionFeedbackCreateInfoKHR *parts = drv_find_struct(
        info->pNext,
        VK_STRUCTURE_TYPE_QUERY_POOL_VIDEO_ENCODE_PER_PARTITION_FEEDBACK_CREATE_INFO_KHR);
    if (parts) {
        return parts->maxPerPartitionFeedbackEntries *
               (uint32_t)__builtin_popcount(parts->perPartitionEncodeFeedbackFlags);
    }
#endif
    (void)info;
    return 0;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateQueryPool(VkDevice device, const VkQueryPoolCreateInfo *pCreateInfo,
                    const VkAllocationCallbacks *pAllocator, VkQueryPool *pQueryPool)
{
    struct drv_device *dev = drv_device_from(device);

    struct drv_query_pool *pool =
        drv_device_object_create(dev, pAllocator, sizeof(*pool), VK_OBJECT_TYPE_QUERY_POOL);
    if (!pool) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    pool->value_count = drv_query_value_count(pCreateInfo);
    pool->tail_count = drv_query_tail_count(pCreateInfo);
    pool->has_status = pCreateInfo->queryType == VK_QUERY_TYPE_RESULT_STATUS_ONLY_KHR;
    VkQueryPool handle = (VkQueryPool)(uintptr_t)pool;
    VkResult result =
        proto_send_vkCreateQueryPool(dev->object.client, device, pCreateInfo, NULL, &handle);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(dev, pAllocator, pool);
        return result;
    }
    *pQueryPool = handle;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyQueryPool(VkDevice device, VkQueryPool queryPool,
                     const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *dev = drv_device_from(device);

    if (queryPool) {
        (void)proto_send_vkDestroyQueryPool(dev->object.client, device, queryPool, NULL);
        drv_device_object_destroy(dev, pAllocator, drv_query_pool_from(queryPool));
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_ResetQueryPool(VkDevice device, VkQueryPool queryPool, uint32_t firstQuery, uint32_t queryCount)
{
    (void)proto_send_vkResetQueryPool(drv_device_from(device)->object.client, device, queryPool,
                                      firstQuery, queryCount);
}

/* --- results --- */

/* One or the other. */
#define WITH_STATE (VK_QUERY_RESULT_WITH_AVAILABILITY_BIT | VK_QUERY_RESULT_WITH_STATUS_BIT_KHR)

static size_t
value_size(VkQueryResultFlags flags)
{
    return flags & VK_QUERY_RESULT_64_BIT ? sizeof(uint64_t) : sizeof(uint32_t);
}

static bool
is_zero(const uint8_t *value, size_t size)
{
    static const uint8_t zero[sizeof(uint64_t)];
    return memcmp(value, zero, size) == 0;
}

bool
drv_query_scatter(const void *packed, uint32_t query_count, const struct drv_query_pool *pool,
                  void *data, VkDeviceSize stride, VkQueryResultFlags flags)
{
    size_t width = value_size(flags), values = pool->value_count * width;
    size_t tail = pool->tail_count * width, state = flags & WITH_STATE ? width : 0;
    const uint8_t *from = packed;
    bool all = true;

    for (uint32_t i = 0; i < query_count; i++, from += values + width + tail) {
        uint8_t *to = (uint8_t *)data + i * stride;
        bool available = !is_zero(from + values, width);
        if (available || (flags & VK_QUERY_RESULT_PARTIAL_BIT)) {
            memcpy(to, from, values);
            memcpy(to + values + state, from + values + width, tail);
        }
        memcpy(to + values, from + values, state);
        all &= available;
    }
    return all;
}

/* One vkGetQueryPoolResults of the application. */
struct query_read {
    struct drv_device *device;
    const struct drv_query_pool *pool;
    uint32_t first, count;
    void *data;
    VkDeviceSize stride;
    VkQueryResultFlags flags;
    void *packed; /* what the renderer sends */
    size_t packed_size;
};

/* The answer of the moment. The renderer is never asked to wait: that would block every command
 * behind the question, perhaps even the one that it waits for. */
static VkResult
look_at_results(void *user)
{
    const struct query_read *read = user;
    /* Asked to wait, only final results count. */
    VkQueryResultFlags flags = read->flags & VK_QUERY_RESULT_WAIT_BIT
                                   ? read->flags & ~VK_QUERY_RESULT_PARTIAL_BIT
                                   : read->flags;
    bool status = read->pool->has_status || (flags & VK_QUERY_RESULT_WITH_STATUS_BIT_KHR);
    VkQueryResultFlags asked =
        (flags & (VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_PARTIAL_BIT)) |
        (status ? VK_QUERY_RESULT_WITH_STATUS_BIT_KHR : VK_QUERY_RESULT_WITH_AVAILABILITY_BIT);

    VkResult result = proto_call_vkGetQueryPoolResults(
        read->device->object.client, (VkDevice)read->device, (VkQueryPool)(uintptr_t)read->pool,
        read->first, read->count, read->packed_size, read->packed, read->packed_size / read->count,
        asked);
    if (result < 0) {
        return result;
    }
    bool all =
        drv_query_scatter(read->packed, read->count, read->pool, read->data, read->stride, flags);
    return all || (flags & VK_QUERY_RESULT_PARTIAL_BIT) ? VK_SUCCESS : VK_NOT_READY;
}

/* A fence behind everything that was submitted to the queue so far. Other threads may be submitting
 * there: the ring keeps commands apart, and none of the queue's own state is touched. */
static VkFence
submit_marker(struct drv_queue *queue)
{
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence = VK_NULL_HANDLE;

    if (drv_CreateFence((VkDevice)queue->device, &info, NULL, &fence) != VK_SUCCESS) {
        return VK_NULL_HANDLE;
    }
    drv_fence_begin_submission(fence, queue, 0); /* 0: no mark of the queue stands for it */
    if (proto_send_vkQueueSubmit(queue->object.client, (VkQueue)queue, 0, NULL, fence) !=
        VK_SUCCESS) {
        drv_fence_cancel_submission(fence);
    }
    return fence;
}

/* Results appear when submissions complete. A renderer that publishes fences wakes us then, if
 * there are fences to publish: so we add one to each queue. Results of what ran before other work
 * that is held up come without one, at the next look. Other renderers are asked again after
 * growing sleeps. */
static VkResult
wait_for_results(struct query_read *read)
{
    struct drv_device *device = read->device;
    struct drv_scratch scratch;

    if (!device->ring->transport->same_kernel ||
        !(device->object.client->caps->vesper_features & WIRE_FEATURE_SYNC_FEEDBACK)) {
        return drv_sync_wait(device, look_at_results, read, false, UINT64_MAX);
    }
    drv_scratch_init(&scratch);
    VkFence *markers = drv_scratch_array(&scratch, device->queue_count, sizeof(*markers));
    bool published = markers;
    for (uint32_t i = 0; markers && i < device->queue_count; i++) {
        markers[i] = submit_marker(&device->queues[i]);
        published &= markers[i] && drv_fence_from(markers[i])->slot.value;
    }
    VkResult result =
        published ? drv_sync_sleep_until_published(device, look_at_results, read, UINT64_MAX)
                  : drv_sync_wait(device, look_at_results, read, false, UINT64_MAX);
    for (uint32_t i = 0; markers && i < device->queue_count; i++) {
        drv_markers_put_aside(&device->markers, device, markers[i]);
    }
    drv_scratch_finish(&scratch);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetQueryPoolResults(VkDevice device, VkQueryPool queryPool, uint32_t firstQuery,
                        uint32_t queryCount, size_t dataSize, void *pData, VkDeviceSize stride,
                        VkQueryResultFlags flags)
{
    if (queryCount == 0) {
        return VK_SUCCESS;
    }
    struct query_read read = {
        .device = drv_device_from(device),
        .pool = drv_query_pool_from(queryPool),
        .first = firstQuery,
        .count = queryCount,
        .data = pData,
        .stride = stride,
        .flags = flags,
    };
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    size_t values = (size_t)read.pool->value_count + 1 + read.pool->tail_count;
    read.packed_size = queryCount * values * value_size(flags);
    read.packed = drv_scratch_alloc(&scratch, read.packed_size);
    VkResult result = read.packed ? look_at_results(&read) : VK_ERROR_OUT_OF_HOST_MEMORY;
    if (result == VK_NOT_READY && (flags & VK_QUERY_RESULT_WAIT_BIT)) {
        result = wait_for_results(&read);
    }
    drv_scratch_finish(&scratch);
    return result;
}
