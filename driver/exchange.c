#include "driver/exchange.h"

#include <stdlib.h>

#include "base/fd.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/exchange_private.h"
#include "driver/ring_private.h"
#include "driver/sync.h"
#include "driver/sync_file.h"
#include "driver/sync_wait.h"
#include "protocol/proto_encode.h"

/* Something of a payload's or a sync file's that happens when an outlet has got somewhere. */
struct drv_delivery {
    struct base_list link;
    struct drv_queue *queue;
    uint64_t at;
    struct drv_payload *payload; /* a reference; NULL: a sync file */
    uint64_t value;
    int signal; /* -1: a payload */
};

/* An outlet that has got this far is a lost device's: it has done all it will do, and whoever waits
 * for it elsewhere must not wait for ever. */
#define LOST UINT64_MAX

/* An application that destroys a busy device breaks a rule, and gets no more than this. */
#define PATIENCE_NS (UINT64_C(2) * 1000 * 1000 * 1000)

static void end_delivery_locked(struct drv_delivery *delivery);

void
drv_exchange_init(struct drv_exchange *exchange, struct drv_device *device)
{
    *exchange = (struct drv_exchange){.device = device, .stop_fd = -1};
    pthread_mutex_init(&exchange->lock, NULL);
    pthread_cond_init(&exchange->work, NULL);
    base_list_init(&exchange->shared);
    base_list_init(&exchange->deliveries);
    base_list_init(&exchange->inlets);
    base_list_init(&exchange->jobs);
}

static void
destroy_timelines(struct drv_exchange *exchange)
{
    struct drv_device *device = exchange->device;
    for (uint32_t i = 0; i < device->queue_count; i++) {
        drv_DestroySemaphore((VkDevice)device, device->queues[i].outlet.timeline, NULL);
    }
    base_list_for_each_safe (inlet, &exchange->inlets, struct drv_inlet, link) {
        base_list_remove(&inlet->link);
        drv_DestroySemaphore((VkDevice)device, inlet->timeline, NULL);
        free(inlet);
    }
}

static void
end_deliveries(struct drv_exchange *exchange)
{
    drv_jobs_finish(exchange);
    base_list_for_each_safe (delivery, &exchange->deliveries, struct drv_delivery, link) {
        drv_sync_file_signal(&delivery->signal);
        end_delivery_locked(delivery); /* nobody else is there any more */
    }
}

void
drv_exchange_finish(struct drv_exchange *exchange)
{
    drv_exchange_deliver_all(exchange, PATIENCE_NS);
    end_deliveries(exchange);
    destroy_timelines(exchange);
    base_fd_close(&exchange->stop_fd);
    pthread_cond_destroy(&exchange->work);
    pthread_mutex_destroy(&exchange->lock);
}

/* --- payloads --- */

struct drv_payload *
drv_exchange_create_payload(struct drv_exchange *exchange, enum drv_payload_kind kind,
                            uint64_t reached)
{
    struct drv_payload *payload = drv_payload_create(kind, reached);
    if (payload) {
        atomic_store(&exchange->used, true);
    }
    return payload;
}

static struct drv_payload *
find_shared_locked(struct drv_exchange *exchange, const struct drv_payload *like)
{
    base_list_for_each (payload, &exchange->shared, struct drv_payload, link) {
        if (payload->fs == like->fs && payload->inode == like->inode) {
            return payload;
        }
    }
    return NULL;
}

/* The same words are the same payload, so that what the device signals itself is known as such. */
VkResult
drv_exchange_import(struct drv_exchange *exchange, enum drv_payload_kind kind, int fd,
                    struct drv_payload **out)
{
    struct drv_payload *payload = drv_payload_import(kind, fd);
    if (!payload) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    atomic_store(&exchange->used, true);
    pthread_mutex_lock(&exchange->lock);
    struct drv_payload *known = find_shared_locked(exchange, payload);
    if (known) {
        known->references++;
    } else {
        base_list_push(&exchange->shared, &payload->link);
    }
    pthread_mutex_unlock(&exchange->lock);
    if (known) {
        drv_payload_destroy(payload); /* the fd too, which is ours by now */
    }
    *out = known ? known : payload;
    return VK_SUCCESS;
}

struct drv_payload *
drv_exchange_ref(struct drv_exchange *exchange, struct drv_payload *payload)
{
    pthread_mutex_lock(&exchange->lock);
    payload->references++;
    pthread_mutex_unlock(&exchange->lock);
    return payload;
}

static bool
unref_locked(struct drv_payload *payload)
{
    if (--payload->references > 0) {
        return false;
    }
    base_list_remove(&payload->link);
    return true;
}

void
drv_exchange_unref(struct drv_exchange *exchange, struct drv_payload *payload)
{
    if (!payload) {
        return;
    }
    pthread_mutex_lock(&exchange->lock);
    bool last = unref_locked(payload);
    pthread_mutex_unlock(&exchange->lock);
    if (last) {
        drv_payload_destroy(payload);
    }
}

uint64_t
drv_payload_promised(struct drv_payload *payload)
{
    return atomic_load(&drv_payload_words(payload)->promised);
}

/* --- outlets --- */

static VkSemaphore
create_timeline(struct drv_device *device)
{
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    VkSemaphore timeline = VK_NULL_HANDLE;
    VkResult result = drv_CreateSemaphore((VkDevice)device, &info, NULL, &timeline);
    return result == VK_SUCCESS ? timeline : VK_NULL_HANDLE;
}

VkResult
drv_exchange_next_point(struct drv_queue *queue, struct drv_point *out)
{
    struct drv_outlet *outlet = &queue->outlet;
    if (!outlet->timeline) {
        VkSemaphore timeline = create_timeline(queue->device);
        if (!timeline) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        pthread_mutex_lock(&queue->device->exchange.lock);
        outlet->timeline = timeline;
        pthread_mutex_unlock(&queue->device->exchange.lock);
    }
    *out = (struct drv_point){outlet->timeline, ++outlet->last};
    return VK_SUCCESS;
}

static VkSemaphore
timeline_of(struct drv_queue *queue)
{
    struct drv_exchange *exchange = &queue->device->exchange;
    pthread_mutex_lock(&exchange->lock);
    VkSemaphore timeline = queue->outlet.timeline;
    pthread_mutex_unlock(&exchange->lock);
    return timeline;
}

/* Where the outlet is, by what is published or else by asking. */
static void
look_at_outlet(struct drv_queue *queue)
{
    struct drv_device *device = queue->device;
    struct drv_outlet *outlet = &queue->outlet;
    uint64_t value = 0;
    VkSemaphore timeline = timeline_of(queue);
    if (!timeline || atomic_load(&outlet->reached) == LOST) {
        return;
    }
    VkResult result = drv_semaphore_value(device, drv_semaphore_from(timeline), &value);
    if (result != VK_SUCCESS || drv_ring_is_lost(device->ring)) {
        value = LOST;
    }
    uint64_t reached = atomic_load(&outlet->reached);
    while (reached < value && !atomic_compare_exchange_weak(&outlet->reached, &reached, value)) {
    }
}

/* --- deliveries --- */

struct drv_delivery *
drv_delivery_alloc(void)
{
    return calloc(1, sizeof(struct drv_delivery));
}

static void
deliver(struct drv_delivery *delivery)
{
    if (delivery->payload) {
        drv_payload_raise(delivery->payload, delivery->value);
    }
    drv_sync_file_signal(&delivery->signal);
}

static void
end_delivery_locked(struct drv_delivery *delivery)
{
    base_list_remove(&delivery->link);
    if (delivery->payload && unref_locked(delivery->payload)) {
        drv_payload_destroy(delivery->payload);
    }
    free(delivery);
}

static bool
nothing_to_deliver(struct drv_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool nothing = base_list_empty(&exchange->deliveries);
    pthread_mutex_unlock(&exchange->lock);
    return nothing;
}

void
drv_exchange_settle(struct drv_exchange *exchange)
{
    struct drv_device *device = exchange->device;
    if (!drv_exchange_is_used(exchange) || nothing_to_deliver(exchange)) {
        return;
    }
    for (uint32_t i = 0; i < device->queue_count; i++) {
        look_at_outlet(&device->queues[i]);
    }
    pthread_mutex_lock(&exchange->lock);
    base_list_for_each_safe (delivery, &exchange->deliveries, struct drv_delivery, link) {
        if (delivery->at <= atomic_load(&delivery->queue->outlet.reached)) {
            deliver(delivery);
            end_delivery_locked(delivery);
        }
    }
    pthread_mutex_unlock(&exchange->lock);
}

static VkResult
look_for_deliveries(void *user)
{
    struct drv_exchange *exchange = user;
    drv_exchange_settle(exchange);
    return atomic_load(&exchange->stop) || nothing_to_deliver(exchange) ? VK_SUCCESS : VK_NOT_READY;
}

static bool
outlets_are_published(struct drv_device *device)
{
    for (uint32_t i = 0; i < device->queue_count; i++) {
        VkSemaphore timeline = timeline_of(&device->queues[i]);
        if (timeline && !drv_semaphore_from(timeline)->slot.value) {
            return false;
        }
    }
    return true;
}

void
drv_exchange_deliver_all(struct drv_exchange *exchange, uint64_t timeout_ns)
{
    bool published = outlets_are_published(exchange->device);
    if (!nothing_to_deliver(exchange)) {
        (void)!drv_sync_wait(exchange->device, look_for_deliveries, exchange, published,
                             timeout_ns);
        drv_exchange_settle(exchange); /* where it was lost */
    }
}

static VkResult
start_delivering(struct drv_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool running = exchange->delivering;
    exchange->delivering = true;
    pthread_mutex_unlock(&exchange->lock);
    if (running) {
        return VK_SUCCESS;
    }
    struct drv_job *job = drv_job_create(DRV_JOB_DELIVER);
    if (job && drv_job_start(exchange, job)) {
        return VK_SUCCESS;
    }
    free(job);
    pthread_mutex_lock(&exchange->lock);
    exchange->delivering = false;
    pthread_mutex_unlock(&exchange->lock);
    return VK_ERROR_OUT_OF_HOST_MEMORY;
}

/* Everybody but this device sees what is in shared words only, and a timeline's value is nowhere
 * else. */
static bool
needs_delivery_locked(const struct drv_payload *payload)
{
    return payload->fd >= 0 || payload->kind == DRV_PAYLOAD_TIMELINE;
}

VkResult
drv_exchange_promise(struct drv_queue *queue, uint64_t at, struct drv_payload *payload,
                     uint64_t value, struct drv_delivery *delivery)
{
    struct drv_exchange *exchange = &queue->device->exchange;
    pthread_mutex_lock(&exchange->lock);
    if (payload->kind == DRV_PAYLOAD_BINARY) {
        value = atomic_fetch_add(&drv_payload_words(payload)->promised, 1) + 1;
    }
    payload->queue = queue;
    payload->at = at;
    payload->value = value;
    bool deliver = needs_delivery_locked(payload);
    if (deliver) {
        *delivery = (struct drv_delivery){
            .queue = queue, .at = at, .payload = payload, .value = value, .signal = -1};
        payload->references++;
        base_list_push(&exchange->deliveries, &delivery->link);
    }
    pthread_mutex_unlock(&exchange->lock);
    if (!deliver) {
        free(delivery);
        return VK_SUCCESS;
    }
    return start_delivering(exchange);
}

/* --- looking and signalling --- */

/* A signal operation of this device brings the payload to just that value. Of a shared fence that
 * counts until it is delivered: afterwards others may have reset it. */
static bool
is_ours_locked(struct drv_exchange *exchange, const struct drv_payload *payload, uint64_t value,
               struct drv_queue **queue, uint64_t *at)
{
    bool shared_fence = payload->kind == DRV_PAYLOAD_FENCE && payload->fd >= 0;
    if (payload->queue && payload->value == value && !shared_fence) {
        *queue = payload->queue;
        *at = payload->at;
        return true;
    }
    base_list_for_each (delivery, &exchange->deliveries, struct drv_delivery, link) {
        if (delivery->payload == payload && delivery->value == value) {
            *queue = delivery->queue;
            *at = delivery->at;
            return true;
        }
    }
    return false;
}

static VkResult
look_at_point(struct drv_queue *queue, uint64_t at)
{
    if (atomic_load(&queue->outlet.reached) < at) {
        look_at_outlet(queue);
    }
    uint64_t reached = atomic_load(&queue->outlet.reached);
    if (reached == LOST) {
        return VK_ERROR_DEVICE_LOST;
    }
    return reached >= at ? VK_SUCCESS : VK_NOT_READY;
}

VkResult
drv_exchange_look(struct drv_exchange *exchange, struct drv_payload *payload, uint64_t value)
{
    struct drv_queue *queue;
    uint64_t at;
    if (drv_payload_reached(payload) >= value) {
        return VK_SUCCESS;
    }
    pthread_mutex_lock(&exchange->lock);
    bool ours = is_ours_locked(exchange, payload, value, &queue, &at);
    pthread_mutex_unlock(&exchange->lock);
    if (ours) {
        return look_at_point(queue, at);
    }
    drv_exchange_settle(exchange);
    return drv_payload_reached(payload) >= value ? VK_SUCCESS : VK_NOT_READY;
}

/* What is under way here, the outlet's slot tells; what is private, nobody else can touch. */
bool
drv_exchange_needs_watch(struct drv_exchange *exchange, struct drv_payload *payload, uint64_t value)
{
    struct drv_queue *queue;
    uint64_t at;
    pthread_mutex_lock(&exchange->lock);
    bool needs = payload->fd >= 0 && !is_ours_locked(exchange, payload, value, &queue, &at);
    pthread_mutex_unlock(&exchange->lock);
    return needs;
}

void
drv_exchange_signal(struct drv_exchange *exchange, struct drv_payload *payload, uint64_t value)
{
    pthread_mutex_lock(&exchange->lock); /* the words may be about to move */
    drv_payload_raise(payload, value);
    pthread_mutex_unlock(&exchange->lock);
    drv_feedback_kick(&exchange->device->feedback);
}

/* What was under way has happened, as Vulkan wants it, though it may not have been delivered. */
void
drv_exchange_reset(struct drv_exchange *exchange, struct drv_payload *payload)
{
    pthread_mutex_lock(&exchange->lock);
    base_list_for_each_safe (delivery, &exchange->deliveries, struct drv_delivery, link) {
        if (delivery->payload == payload) {
            end_delivery_locked(delivery); /* the caller has a reference, too */
        }
    }
    payload->queue = NULL;
    drv_payload_reset(payload);
    pthread_mutex_unlock(&exchange->lock);
}

/* --- descriptors --- */

/* From now on others look at it: what is under way must be delivered. */
static VkResult
share(struct drv_exchange *exchange, struct drv_payload *payload)
{
    struct drv_delivery *delivery = drv_delivery_alloc();
    if (!delivery) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    pthread_mutex_lock(&exchange->lock);
    bool had_deliveries = needs_delivery_locked(payload);
    if (payload->fd < 0 && !drv_payload_share_locked(payload)) {
        pthread_mutex_unlock(&exchange->lock);
        free(delivery);
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    if (base_list_empty(&payload->link)) {
        base_list_push(&exchange->shared, &payload->link);
    }
    bool deliver = !had_deliveries && payload->queue;
    if (deliver) {
        *delivery = (struct drv_delivery){.queue = payload->queue,
                                          .at = payload->at,
                                          .payload = payload,
                                          .value = payload->value,
                                          .signal = -1};
        payload->references++;
        base_list_push(&exchange->deliveries, &delivery->link);
    }
    pthread_mutex_unlock(&exchange->lock);
    if (!deliver) {
        free(delivery);
        return VK_SUCCESS;
    }
    drv_exchange_settle(exchange);
    return start_delivering(exchange);
}

VkResult
drv_exchange_export(struct drv_exchange *exchange, struct drv_payload *payload, int *fd)
{
    VkResult result = share(exchange, payload);
    if (result != VK_SUCCESS) {
        return result;
    }
    int copy = base_fd_duplicate(payload->fd);
    if (copy < 0) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    *fd = copy;
    return VK_SUCCESS;
}

/* Takes `signal` over. */
static VkResult
signal_with_outlet(struct drv_exchange *exchange, struct drv_queue *queue, uint64_t at, int signal)
{
    struct drv_delivery *delivery = drv_delivery_alloc();
    if (!delivery) {
        base_fd_close(&signal);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    *delivery = (struct drv_delivery){.queue = queue, .at = at, .signal = signal};
    pthread_mutex_lock(&exchange->lock);
    base_list_push(&exchange->deliveries, &delivery->link);
    pthread_mutex_unlock(&exchange->lock);
    return start_delivering(exchange);
}

static VkResult
signal_with_payload(struct drv_exchange *exchange, struct drv_payload *payload, uint64_t value,
                    int signal)
{
    struct drv_job *job = drv_job_create(DRV_JOB_FILE);
    if (!job) {
        base_fd_close(&signal);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    job->signal = signal;
    job->value = value;
    pthread_mutex_lock(&exchange->lock);
    payload->references++;
    job->payload = payload;
    pthread_mutex_unlock(&exchange->lock);
    if (!drv_job_start(exchange, job)) {
        drv_job_destroy(exchange, job);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return VK_SUCCESS;
}

/* A sync file of the kernel's, where the transport has them: behind the commands, and on a queue's
 * timeline behind all that the queue was given. False: there is none. */
static bool
get_kernel_sync_file(struct drv_ring *ring, uint32_t timeline, const struct wire_writer *out,
                     const uint8_t *bytes, int *fd)
{
    struct tp_transport *transport = ring->transport;
    return transport->ops->submit_fenced &&
           transport->ops->submit_fenced(transport, bytes, (size_t)(out->at - bytes), timeline,
                                         fd) == TP_OK;
}

/* It signals once the queue has done what the ring has brought it so far. */
static bool
get_sync_file_of_queue(const struct drv_queue *queue, int *fd)
{
    struct drv_ring *ring = queue->device->ring;
    uint8_t bytes[DRV_RING_SMALL_COMMAND_SIZE];
    struct wire_writer out = wire_writer_over(bytes, sizeof(bytes));
    proto_encode_vkWaitRingSeqnoMESA(&out, &ring->caps, 0, ring->id, drv_ring_current_seqno(ring));
    return get_kernel_sync_file(ring, queue->timeline, &out, bytes, fd);
}

/* It signals in a moment: the kernel has none that has signalled already. The command only wakes
 * the ring. */
static bool
get_signaled_sync_file(struct drv_ring *ring, int *fd)
{
    uint8_t bytes[DRV_RING_SMALL_COMMAND_SIZE];
    struct wire_writer out = wire_writer_over(bytes, sizeof(bytes));
    proto_encode_vkNotifyRingMESA(&out, &ring->caps, 0, ring->id, drv_ring_current_seqno(ring), 0);
    return get_kernel_sync_file(ring, 0, &out, bytes, fd);
}

VkResult
drv_exchange_export_signaled(struct drv_exchange *exchange, int *fd)
{
    int signal;
    if (get_signaled_sync_file(exchange->device->ring, fd)) {
        return VK_SUCCESS;
    }
    if (!drv_sync_file_create(&signal, fd)) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    drv_sync_file_signal(&signal);
    return VK_SUCCESS;
}

VkResult
drv_exchange_export_sync_file(struct drv_exchange *exchange, struct drv_payload *payload,
                              uint64_t value, int *fd)
{
    struct drv_queue *queue;
    uint64_t at;
    int signal, file;
    pthread_mutex_lock(&exchange->lock);
    bool ours = is_ours_locked(exchange, payload, value, &queue, &at);
    pthread_mutex_unlock(&exchange->lock);
    if (ours && get_sync_file_of_queue(queue, fd)) {
        return VK_SUCCESS;
    }
    if (drv_exchange_look(exchange, payload, value) != VK_NOT_READY) {
        return drv_exchange_export_signaled(exchange, fd);
    }
    if (!drv_sync_file_create(&signal, &file)) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }

    VkResult result = ours ? signal_with_outlet(exchange, queue, at, signal)
                           : signal_with_payload(exchange, payload, value, signal);
    if (result != VK_SUCCESS) {
        base_fd_close(&file);
        return result;
    }
    *fd = file;
    return VK_SUCCESS;
}

/* --- what a submission waits for --- */

static struct drv_inlet *
take_inlet(struct drv_exchange *exchange)
{
    struct drv_inlet *inlet = NULL;
    pthread_mutex_lock(&exchange->lock);
    if (!base_list_empty(&exchange->inlets)) {
        inlet = base_list_entry(exchange->inlets.next, struct drv_inlet, link);
        base_list_remove(&inlet->link);
    }
    pthread_mutex_unlock(&exchange->lock);
    if (inlet) {
        return inlet;
    }
    inlet = calloc(1, sizeof(*inlet));
    if (!inlet) {
        return NULL;
    }
    base_list_init(&inlet->link);
    inlet->timeline = create_timeline(exchange->device);
    if (!inlet->timeline) {
        free(inlet);
        return NULL;
    }
    return inlet;
}

/* Takes the job over. It waits for what the caller has put into it. */
static VkResult
wait_at_inlet(struct drv_exchange *exchange, struct drv_job *job, struct drv_point *out)
{
    struct drv_inlet *inlet = take_inlet(exchange);
    if (!inlet) {
        drv_job_destroy(exchange, job);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    job->inlet = inlet;
    *out = (struct drv_point){inlet->timeline, ++inlet->last};
    if (drv_job_run_if_ready(exchange, job)) {
        return VK_SUCCESS;
    }
    if (!drv_job_start(exchange, job)) {
        drv_job_destroy(exchange, job); /* its value of the inlet is lost, the next one is higher */
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return VK_SUCCESS;
}

VkResult
drv_exchange_point_of(struct drv_exchange *exchange, struct drv_payload *payload, uint64_t value,
                      struct drv_point *out)
{
    struct drv_queue *queue;
    uint64_t at;
    pthread_mutex_lock(&exchange->lock);
    bool ours = is_ours_locked(exchange, payload, value, &queue, &at);
    pthread_mutex_unlock(&exchange->lock);
    if (ours) {
        *out = (struct drv_point){queue->outlet.timeline, at};
        return VK_SUCCESS;
    }
    struct drv_job *job = drv_job_create(DRV_JOB_INLET);
    if (!job) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    job->value = value;
    pthread_mutex_lock(&exchange->lock);
    payload->references++;
    job->payload = payload;
    pthread_mutex_unlock(&exchange->lock);
    return wait_at_inlet(exchange, job, out);
}

VkResult
drv_exchange_point_of_file(struct drv_exchange *exchange, int fd, struct drv_point *out)
{
    struct drv_job *job = drv_job_create(DRV_JOB_INLET);
    if (!job) {
        base_fd_close(&fd);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    job->file = fd;
    return wait_at_inlet(exchange, job, out);
}
