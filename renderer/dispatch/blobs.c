/* Commands that make the host write an array into memory whose length the guest states twice. The
 * host's driver goes by one of the two, so they are compared here. */
#include <inttypes.h>
#include <string.h>

#include "renderer/call_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

enum {
    /* More than any query's result has: the most are a pipeline's statistics and its availability,
     * but for feedback on each partition of an encoded picture, of which policy.xml allows 4096. */
    LARGEST_RESULT = 32 * sizeof(uint64_t),
    LARGEST_FEEDBACK = 4096 * 3 * sizeof(uint64_t),
    LARGEST_GROUP_HANDLE = 256,
    LARGEST_STRUCTURE_HANDLE = 64, /* by which instances name them; NVIDIA's has 8 */
};

/* Results begin `stride` apart; how long the last one is only the host knows, so it gets room for
 * any. */
void
rnd_do_vkGetQueryPoolResults(struct rnd_call *call, struct proto_vkGetQueryPoolResults *args)
{
    uint64_t last;
    if (args->queryCount == 0 || args->dataSize == 0) {
        args->ret = VK_SUCCESS; /* not valid, and not worth a context */
        return;
    }
    if (__builtin_mul_overflow((uint64_t)args->queryCount - 1, args->stride, &last) ||
        last >= args->dataSize) {
        rnd_call_fail(call, "%u results, %" PRIu64 " bytes apart, do not fit into %zu",
                      args->queryCount, (uint64_t)args->stride, args->dataSize);
        return;
    }
    size_t most = LARGEST_RESULT;
    if (rnd_call_device(call)->encode_feedback2) {
        most += LARGEST_FEEDBACK;
    }
    uint8_t *results = rnd_call_alloc(call, 1, args->dataSize + most);
    if (!results) {
        return;
    }
    args->ret = call->device_table->GetQueryPoolResults(
        args->device, args->queryPool, args->firstQuery, args->queryCount, args->dataSize, results,
        args->stride, args->flags);
    memcpy(args->pData, results, args->dataSize);
}

/* Memory for the handles, longer than what the guest gets to see; NULL: the call has failed. */
static void *
handle_memory(struct rnd_call *call, uint32_t group_count, size_t size)
{
    if (size == 0) {
        rnd_call_fail(call, "it has no room for a handle");
        return NULL;
    }
    uint64_t most = (uint64_t)group_count * LARGEST_GROUP_HANDLE;
    return rnd_call_alloc(call, 1, most > size ? most : size);
}

void
rnd_do_vkGetRayTracingShaderGroupHandlesKHR(struct rnd_call *call,
                                            struct proto_vkGetRayTracingShaderGroupHandlesKHR *args)
{
    if (!call->device_table->GetRayTracingShaderGroupHandlesKHR) {
        rnd_call_missing(call);
        return;
    }
    void *handles = handle_memory(call, args->groupCount, args->dataSize);
    if (handles) {
        args->ret = call->device_table->GetRayTracingShaderGroupHandlesKHR(
            args->device, args->pipeline, args->firstGroup, args->groupCount, args->dataSize,
            handles);
        memcpy(args->pData, handles, args->dataSize);
    }
}

void
rnd_do_vkGetRayTracingCaptureReplayShaderGroupHandlesKHR(
    struct rnd_call *call, struct proto_vkGetRayTracingCaptureReplayShaderGroupHandlesKHR *args)
{
    if (!call->device_table->GetRayTracingCaptureReplayShaderGroupHandlesKHR) {
        rnd_call_missing(call);
        return;
    }
    void *handles = handle_memory(call, args->groupCount, args->dataSize);
    if (handles) {
        args->ret = call->device_table->GetRayTracingCaptureReplayShaderGroupHandlesKHR(
            args->device, args->pipeline, args->firstGroup, args->groupCount, args->dataSize,
            handles);
        memcpy(args->pData, handles, args->dataSize);
    }
}

/* The host goes by the size of its handle as much as by the size that the guest states. */
void
rnd_do_vkGetAccelerationStructureHandleNV(struct rnd_call *call,
                                          struct proto_vkGetAccelerationStructureHandleNV *args)
{
    if (!call->device_table->GetAccelerationStructureHandleNV) {
        rnd_call_missing(call);
        return;
    }
    if (args->dataSize == 0) {
        rnd_call_fail(call, "it has no room for a handle");
        return;
    }
    size_t room = args->dataSize > LARGEST_STRUCTURE_HANDLE ? args->dataSize
                                                            : (size_t)LARGEST_STRUCTURE_HANDLE;
    void *handle = rnd_call_alloc(call, 1, room);
    if (handle) {
        args->ret = call->device_table->GetAccelerationStructureHandleNV(
            args->device, args->accelerationStructure, args->dataSize, handle);
        memcpy(args->pData, handle, args->dataSize);
    }
}
