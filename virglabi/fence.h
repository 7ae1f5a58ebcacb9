/* Fences, from their creation by the machine monitor to the callback that tells it of their end.
 *
 *     pending    in its context's list for its timeline, or in the list of context 0's
 *     retired    in one list, in the order in which callbacks are due
 *     gone       the callback has returned
 *
 * A monitor that knows no fences of contexts (QEMU up to 10.0) makes all of them in context 0.
 * There such a fence stands for everything that every context was given before it: it is pending
 * until each context's worker has reached a barrier. A context that needs more than a second for
 * one is left out until it has caught up, since the guest's display waits for the same fences.
 *
 * All functions with _locked in their names want the library's lock held. */
#ifndef ABI_FENCE_H
#define ABI_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"

struct abi_context;

struct abi_fence {
    struct base_list link;
    uint32_t context_id; /* 0: of context 0 */
    uint32_t ring_idx;
    uint64_t id;          /* the monitor's */
    uint64_t seqno;       /* ours, of its timeline */
    uint32_t barriers;    /* of context 0: not reached so far */
    uint64_t deadline_ns; /* of context 0: until when barriers count */
    int event_fd;         /* -1, or what abi_fence_export() has made */
};

/* What a fence of context 0 waits for in one context. */
struct abi_barrier {
    struct base_list link; /* abi_context.barriers */
    uint64_t seqno;
    struct abi_fence *fence; /* NULL: it is not waited for any more */
};

struct abi_fences {
    struct base_list of_context_0; /* pending, oldest first */
    struct base_list retired;      /* oldest first */
    uint64_t last_id;              /* the highest that was ever created */
};

void abi_fences_init(struct abi_fences *fences);
/* Frees all that are retired or of context 0, without a callback. */
void abi_fences_drop_locked(struct abi_fences *fences);

/* NULL: no memory. */
BASE_MUST_CHECK struct abi_fence *abi_fence_create_locked(uint32_t context_id, uint32_t ring_idx,
                                                          uint64_t id);
/* A fence of context 0 whose creator had one of its barriers, and so the fence, for himself: it may
 * retire from now on, and its second begins. */
void abi_fence_let_go_locked(struct abi_fence *fence);
/* Takes the fence over. */
void abi_fence_retire_locked(struct abi_fence *fence);
void abi_fence_destroy(struct abi_fence *fence);

/* Moves what the workers have finished, and what has waited too long, to the retired. */
void abi_fences_collect_locked(void);
/* The same for a context that will finish nothing any more. */
void abi_fences_retire_all_locked(struct abi_context *ctx);
/* When abi_fences_collect_locked() has to be called again though nothing was finished; UINT64_MAX:
 * never. */
uint64_t abi_fences_next_deadline_locked(void);
/* NULL: nothing is due. context_id UINT32_MAX: of any. The caller owns it. */
struct abi_fence *abi_fences_take_retired_locked(uint32_t context_id);

/* False also for one that there never was. */
bool abi_fence_has_retired_locked(uint64_t id);
/* A descriptor that becomes readable when the fence has retired: a sync file where the context's
 * worker has one, else an eventfd. 0, or EINVAL: there never was such a fence; or what eventfd()
 * says. The lock is not held, that of calls is. */
BASE_MUST_CHECK int abi_fence_export(uint64_t id, int *out_fd);
/* One that is readable, or -1. A sync file where the kernel has one for us. */
BASE_MUST_CHECK int abi_fence_export_signalled(void);

#endif
