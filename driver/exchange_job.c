/* The exchange's threads. Each takes a job, waits for what it is about, does it, and takes the
 * next; a job always finds a thread of its own, since what it waits for may depend on another job.
 */
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/thread.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/exchange_private.h"
#include "driver/sync_file.h"

enum {
    /* How long a thread sleeps without looking whether it is still wanted. */
    LOOK_UP_NS = 50 * 1000 * 1000,
    LOOK_UP_MS = LOOK_UP_NS / 1000 / 1000,
};

struct drv_watch {
    struct drv_exchange *exchange;
    _Atomic unsigned references;
    _Atomic bool ended;
};

/* --- jobs --- */

struct drv_job *
drv_job_create(enum drv_job_kind kind)
{
    struct drv_job *job = calloc(1, sizeof(*job));
    if (job) {
        base_list_init(&job->link);
        job->kind = kind;
        job->file = -1;
        job->signal = -1;
    }
    return job;
}

static void
give_inlet_back(struct drv_exchange *exchange, struct drv_inlet *inlet)
{
    if (inlet) {
        pthread_mutex_lock(&exchange->lock);
        base_list_push(&exchange->inlets, &inlet->link);
        pthread_mutex_unlock(&exchange->lock);
    }
}

void
drv_job_destroy(struct drv_exchange *exchange, struct drv_job *job)
{
    give_inlet_back(exchange, job->inlet);
    drv_exchange_unref(exchange, job->payload);
    base_fd_close(&job->file);
    drv_sync_file_signal(&job->signal);
    drv_watch_unref(job->watch);
    free(job);
}

static bool
has_happened(const struct drv_job *job)
{
    return job->payload ? drv_payload_reached(job->payload) >= job->value
                        : job->file < 0 || drv_sync_file_has_signaled(job->file);
}

static bool
is_unwanted(const struct drv_exchange *exchange, const struct drv_job *job)
{
    return atomic_load(&exchange->stop) || (job->watch && atomic_load(&job->watch->ended)) ||
           drv_ring_is_lost(exchange->device->ring);
}

static void
sleep_on(const struct drv_exchange *exchange, const struct drv_job *job)
{
    if (job->payload) {
        drv_payload_sleep(job->payload, job->value, LOOK_UP_NS);
    } else {
        drv_sync_file_sleep(job->file, exchange->stop_fd, LOOK_UP_MS);
    }
}

static void
signal_inlet(struct drv_exchange *exchange, const struct drv_inlet *inlet)
{
    const VkSemaphoreSignalInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = inlet->timeline,
        .value = inlet->last,
    };
    /* What fails here is the connection, and everybody will notice. */
    (void)drv_SignalSemaphore((VkDevice)exchange->device, &info);
}

static void
do_job(struct drv_exchange *exchange, struct drv_job *job)
{
    switch (job->kind) {
    case DRV_JOB_DELIVER: break;
    case DRV_JOB_INLET: signal_inlet(exchange, job->inlet); break;
    case DRV_JOB_FILE: drv_sync_file_signal(&job->signal); break;
    case DRV_JOB_WATCH: drv_feedback_kick(&exchange->device->feedback); break;
    }
}

bool
drv_job_run_if_ready(struct drv_exchange *exchange, struct drv_job *job)
{
    if (!has_happened(job)) {
        return false;
    }
    do_job(exchange, job);
    drv_job_destroy(exchange, job);
    return true;
}

/* Until a moment in which nothing is left: whoever adds something after that starts us anew. */
static void
deliver_until_nothing_is_left(struct drv_exchange *exchange)
{
    bool more = true;
    while (more) {
        drv_exchange_deliver_all(exchange, UINT64_MAX);
        pthread_mutex_lock(&exchange->lock);
        more = !base_list_empty(&exchange->deliveries) && !atomic_load(&exchange->stop);
        exchange->delivering = more;
        pthread_mutex_unlock(&exchange->lock);
    }
}

static void
run_job(struct drv_exchange *exchange, struct drv_job *job)
{
    if (job->kind == DRV_JOB_DELIVER) {
        deliver_until_nothing_is_left(exchange);
    } else {
        while (!has_happened(job) && !is_unwanted(exchange, job)) {
            sleep_on(exchange, job);
        }
        if (has_happened(job)) {
            do_job(exchange, job);
        }
    }
    drv_job_destroy(exchange, job);
}

/* --- threads --- */

/* NULL: the thread is to end. */
static struct drv_job *
next_job(struct drv_exchange *exchange)
{
    struct drv_job *job = NULL;
    pthread_mutex_lock(&exchange->lock);
    exchange->idle_threads++;
    while (exchange->job_count == 0 && !atomic_load(&exchange->stop)) {
        pthread_cond_wait(&exchange->work, &exchange->lock);
    }
    exchange->idle_threads--;
    if (exchange->job_count > 0) {
        job = base_list_entry(exchange->jobs.next, struct drv_job, link);
        base_list_remove(&job->link);
        exchange->job_count--;
    }
    pthread_mutex_unlock(&exchange->lock);
    return job;
}

static void *
run(void *user)
{
    struct drv_exchange *exchange = user;
    drv_address_reports_stay_out();
    for (struct drv_job *job; (job = next_job(exchange));) {
        run_job(exchange, job);
    }
    return NULL;
}

static bool
reserve_thread_locked(struct drv_exchange *exchange)
{
    if (exchange->stop_fd < 0) {
        exchange->stop_fd = eventfd(0, EFD_CLOEXEC);
        if (exchange->stop_fd < 0) {
            return false;
        }
    }
    if (exchange->thread_count < exchange->thread_room) {
        return true;
    }
    unsigned room = exchange->thread_room ? 2 * exchange->thread_room : 4;
    pthread_t *threads = realloc(exchange->threads, room * sizeof(*threads));
    if (!threads) {
        return false;
    }
    exchange->threads = threads;
    exchange->thread_room = room;
    return true;
}

static bool
add_thread_locked(struct drv_exchange *exchange)
{
    if (!reserve_thread_locked(exchange)) {
        return false;
    }
    pthread_t *thread = &exchange->threads[exchange->thread_count];
    if (base_thread_start(thread, "vesper-sync", run, exchange) != 0) {
        base_log_warn("no thread to wait for fences and semaphores of others: raise the limit of "
                      "threads (ulimit -u)");
        return false;
    }
    exchange->thread_count++;
    return true;
}

bool
drv_job_start(struct drv_exchange *exchange, struct drv_job *job)
{
    pthread_mutex_lock(&exchange->lock);
    bool has_thread = exchange->job_count < exchange->idle_threads || add_thread_locked(exchange);
    if (has_thread) {
        base_list_push(&exchange->jobs, &job->link);
        exchange->job_count++;
        pthread_cond_signal(&exchange->work);
    }
    pthread_mutex_unlock(&exchange->lock);
    return has_thread;
}

/* Those who sleep on one look whether they still want to. */
static void
wake_payloads(struct drv_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    base_list_for_each (payload, &exchange->shared, struct drv_payload, link) {
        drv_payload_wake(payload);
    }
    pthread_mutex_unlock(&exchange->lock);
}

static void
wake_threads(struct drv_exchange *exchange)
{
    uint64_t one = 1;
    (void)!base_fd_write(exchange->stop_fd, &one, sizeof(one));
    pthread_mutex_lock(&exchange->lock);
    pthread_cond_broadcast(&exchange->work);
    pthread_mutex_unlock(&exchange->lock);
    wake_payloads(exchange);
    drv_feedback_kick(&exchange->device->feedback);
}

void
drv_jobs_finish(struct drv_exchange *exchange)
{
    atomic_store(&exchange->stop, true);
    if (exchange->thread_count > 0) {
        wake_threads(exchange);
    }
    for (unsigned i = 0; i < exchange->thread_count; i++) {
        pthread_join(exchange->threads[i], NULL);
    }
    free(exchange->threads);
    base_list_for_each_safe (job, &exchange->jobs, struct drv_job, link) {
        base_list_remove(&job->link);
        drv_job_destroy(exchange, job);
    }
}

/* --- watches --- */

void
drv_watch_unref(struct drv_watch *watch)
{
    if (watch && atomic_fetch_sub(&watch->references, 1) == 1) {
        free(watch);
    }
}

struct drv_watch *
drv_watch_begin(struct drv_exchange *exchange)
{
    struct drv_watch *watch = calloc(1, sizeof(*watch));
    if (watch) {
        watch->exchange = exchange;
        atomic_init(&watch->references, 1);
    }
    return watch;
}

/* Takes the job over. */
static bool
start_watching(struct drv_watch *watch, struct drv_job *job)
{
    atomic_fetch_add(&watch->references, 1);
    job->watch = watch;
    if (!drv_job_start(watch->exchange, job)) {
        drv_job_destroy(watch->exchange, job);
        return false;
    }
    return true;
}

bool
drv_watch_payload(struct drv_watch *watch, struct drv_payload *payload, uint64_t value)
{
    struct drv_exchange *exchange = watch->exchange;
    struct drv_job *job = drv_job_create(DRV_JOB_WATCH);
    if (!job) {
        return false;
    }
    job->value = value;
    pthread_mutex_lock(&exchange->lock);
    payload->references++;
    job->payload = payload;
    pthread_mutex_unlock(&exchange->lock);
    return start_watching(watch, job);
}

bool
drv_watch_sync_file(struct drv_watch *watch, int fd)
{
    struct drv_job *job = drv_job_create(DRV_JOB_WATCH);
    if (!job) {
        return false;
    }
    job->file = base_fd_duplicate(fd);
    if (job->file < 0) {
        drv_job_destroy(watch->exchange, job);
        return false;
    }
    return start_watching(watch, job);
}

/* Its threads notice within a moment, and nobody needs to wait for them. */
void
drv_watch_end(struct drv_watch *watch)
{
    if (watch) {
        atomic_store(&watch->ended, true);
        wake_payloads(watch->exchange);
        drv_watch_unref(watch);
    }
}
