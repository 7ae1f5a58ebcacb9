/* Between the exchange's own files: threads and what they do (driver/exchange_job.c). */
#ifndef DRV_EXCHANGE_PRIVATE_H
#define DRV_EXCHANGE_PRIVATE_H

#include "driver/exchange.h"

/* A timeline that a thread of ours signals for a waiting submission. In the list while idle. */
struct drv_inlet {
    struct base_list link;
    VkSemaphore timeline;
    uint64_t last; /* signalled so far, or to be by the job that has it */
};

enum drv_job_kind {
    DRV_JOB_DELIVER, /* until no delivery waits */
    DRV_JOB_INLET,   /* signal the inlet with its last value, give it back */
    DRV_JOB_FILE,    /* signal a sync file */
    DRV_JOB_WATCH,   /* wake the device's sleepers */
};

/* Something to wait for, and to do then. Owned by its thread, which ends what is left of it. */
struct drv_job {
    struct base_list link;
    enum drv_job_kind kind;
    /* What is waited for: a payload (a reference) and its value, or a sync file (ours). */
    struct drv_payload *payload;
    uint64_t value;
    int file; /* -1: none */
    /* What for. */
    struct drv_inlet *inlet;
    int signal;              /* -1: none */
    struct drv_watch *watch; /* a reference */
};

/* NULL: out of memory. */
BASE_MUST_CHECK struct drv_job *drv_job_create(enum drv_job_kind kind);
/* With all that it holds. */
void drv_job_destroy(struct drv_exchange *exchange, struct drv_job *job);
/* Hands it to a thread. False: none can be had, and the job is still the caller's. */
BASE_MUST_CHECK bool drv_job_start(struct drv_exchange *exchange, struct drv_job *job);
/* Does and destroys it, if what it waits for has happened. */
BASE_MUST_CHECK bool drv_job_run_if_ready(struct drv_exchange *exchange, struct drv_job *job);
/* Ends all threads; what they wait for does not matter any more. */
void drv_jobs_finish(struct drv_exchange *exchange);

/* Sleeps until no delivery waits, the device is lost, the exchange stops or the time is over. */
void drv_exchange_deliver_all(struct drv_exchange *exchange, uint64_t timeout_ns);

void drv_watch_unref(struct drv_watch *watch);

#endif
