/* The guest's VkDevice on the host, with all its queues. */
#ifndef RND_DEVICE_H
#define RND_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/group_handles.h"
#include "renderer/host_table.h"
#include "renderer/object.h"
#include "renderer/physical_device.h"
#include "renderer/plain_buffer.h"
#include "renderer/preinitialized.h"

struct rnd_context;
struct rnd_queue;

struct rnd_device {
    struct rnd_object object; /* first */

    /* Constant after creation. */
    VkDevice handle;
    struct rnd_context *context;
    struct rnd_physical_device *physical_device;
    struct rnd_device_table table;
    struct rnd_queue **queues; /* all that the guest asked for */
    uint32_t queue_count;
    bool host_image_copy;  /* enabled */
    bool encode_feedback2; /* enabled: results of queries may be long */

    struct rnd_preinitialized preinitialized;
    struct rnd_group_handles group_handles; /* that pipelines were made again with */
    _Atomic bool had_signaled_imports;      /* some semaphore may have a signaled_import */
    _Atomic enum rnd_plain_buffers plain_buffers;

    /* What the sync threads of the queues publish; see queue.h. */
    pthread_mutex_t sync_lock;
    pthread_mutex_t copies_lock; /* of copied memory, while it is mapped, copied or freed */
    pthread_cond_t sync_done;    /* somebody waits until an object's `use.pending` is 0 */
};

/* Creates the host's device and fetches its queues. `info` may be changed in its decoder's memory.
 */
BASE_MUST_CHECK VkResult rnd_device_create(struct rnd_context *ctx,
                                           struct rnd_physical_device *physical_device,
                                           const VkDeviceCreateInfo *info, struct rnd_device **out);
/* Destroys a device that never got into the object table. */
void rnd_device_discard(struct rnd_device *device);
/* The two ends of a teardown (teardown.h): first the device falls idle and its queues' threads and
 * timelines go; when its objects are destroyed, the host's device follows. The memory stays. */
void rnd_device_stop(struct rnd_device *device);
void rnd_device_finish(struct rnd_device *device);

/* Destroys one object's host handle and gives back what it holds; its children go with it (pools).
 */
void rnd_device_destroy_object(struct rnd_device *device, struct rnd_object *object);

/* NULL if the device has no such queue. */
struct rnd_queue *rnd_device_find_queue(struct rnd_device *device, VkDeviceQueueCreateFlags flags,
                                        uint32_t family, uint32_t index);

#endif
