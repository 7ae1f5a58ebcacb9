/* VkDeferredOperationKHR: work that the application wants done on its own threads. The command that
 * is deferred waits here until a thread joins the operation, which then runs it to its end. Any
 * thread. */
#ifndef DRV_DEFERRED_OPERATION_H
#define DRV_DEFERRED_OPERATION_H

#include <vulkan/vulkan_core.h>

/* A deferred vkCreateRayTracingPipelinesKHR. What the pointers lead to stays as it is until the
 * operation is complete: the specification asks that of the application. */
struct drv_deferred_pipelines {
    VkDevice device;
    VkPipelineCache cache;
    uint32_t count;
    const VkRayTracingPipelineCreateInfoKHR *infos;
    const VkAllocationCallbacks *allocator;
    VkPipeline *pipelines;
};

/* The operation is not pending: nobody may defer a second command before the first is complete. */
void drv_deferred_operation_defer(VkDeferredOperationKHR operation,
                                  const struct drv_deferred_pipelines *work);

/* Of pipeline.c: does the work. */
VkResult drv_create_ray_tracing_pipelines(const struct drv_deferred_pipelines *work);

#endif
