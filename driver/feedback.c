#include "driver/feedback.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/futex.h"

enum {
    /* Sparse: a page of it exists once a slot in it is used. */
    MEMORY_SIZE = 1 << 20,
    SLOT_COUNT = (MEMORY_SIZE - (int)sizeof(struct wire_feedback_header)) / (int)sizeof(uint64_t),
};

struct drv_feedback_used {
    uint32_t slot;
    uint64_t last; /* the slot is quiet once it holds this */
};

void
drv_feedback_init(struct drv_feedback *feedback, struct drv_ring *ring)
{
    *feedback = (struct drv_feedback){.ring = ring};
    pthread_mutex_init(&feedback->lock, NULL);
    feedback->unavailable = !(ring->caps.vesper_features & WIRE_FEATURE_SYNC_FEEDBACK);
}

void
drv_feedback_finish(struct drv_feedback *feedback)
{
    struct tp_transport *transport = feedback->ring->transport;
    transport->ops->destroy_blob(transport, &feedback->memory);
    free(feedback->used);
    pthread_mutex_destroy(&feedback->lock);
}

static struct wire_feedback_header *
header_of(const struct drv_feedback *feedback)
{
    return feedback->memory.map;
}

static size_t
offset_of(uint32_t slot)
{
    return sizeof(struct wire_feedback_header) + slot * sizeof(uint64_t);
}

static _Atomic uint64_t *
value_of(const struct drv_feedback *feedback, uint32_t slot)
{
    return (_Atomic uint64_t *)((uint8_t *)feedback->memory.map + offset_of(slot));
}

static bool
create_memory_locked(struct drv_feedback *feedback)
{
    struct tp_transport *transport = feedback->ring->transport;
    if (feedback->memory.map) {
        return true;
    }
    feedback->used = calloc(SLOT_COUNT, sizeof(*feedback->used));
    if (!feedback->used ||
        transport->ops->create_shared_memory(transport, MEMORY_SIZE, &feedback->memory) != TP_OK) {
        feedback->unavailable = true;
        return false;
    }
    return true;
}

/* The oldest that was given back, if nothing more will be published there; else a fresh one. */
static bool
find_slot_locked(struct drv_feedback *feedback, uint32_t *slot)
{
    if (feedback->used_count > 0) {
        const struct drv_feedback_used *oldest = &feedback->used[feedback->used_first];
        uint64_t value =
            atomic_load_explicit(value_of(feedback, oldest->slot), memory_order_acquire);
        if (value >= oldest->last) {
            *slot = oldest->slot;
            feedback->used_first = (feedback->used_first + 1) % SLOT_COUNT;
            feedback->used_count--;
            return true;
        }
    }
    if (feedback->next_slot == SLOT_COUNT) {
        return false;
    }
    *slot = feedback->next_slot++;
    return true;
}

struct drv_feedback_slot
drv_feedback_take(struct drv_feedback *feedback, uint64_t initial)
{
    struct drv_feedback_slot taken = {0};
    uint32_t slot;

    pthread_mutex_lock(&feedback->lock);
    if (!feedback->unavailable && create_memory_locked(feedback) &&
        find_slot_locked(feedback, &slot)) {
        taken = (struct drv_feedback_slot){
            .value = value_of(feedback, slot),
            .resource_id = feedback->memory.resource_id,
            .offset = offset_of(slot),
        };
        atomic_store_explicit(taken.value, initial, memory_order_relaxed);
    }
    pthread_mutex_unlock(&feedback->lock);
    return taken;
}

void
drv_feedback_give_back(struct drv_feedback *feedback, struct drv_feedback_slot slot, uint64_t last)
{
    if (!slot.value) {
        return;
    }
    pthread_mutex_lock(&feedback->lock);
    if (feedback->used_count == 0) {
        feedback->used_first = 0; /* not through all of the array for the sake of one slot */
    }
    uint32_t at = (feedback->used_first + feedback->used_count) % SLOT_COUNT;
    feedback->used[at] = (struct drv_feedback_used){
        .slot = (uint32_t)((slot.offset - sizeof(struct wire_feedback_header)) / sizeof(uint64_t)),
        .last = last,
    };
    feedback->used_count++;
    pthread_mutex_unlock(&feedback->lock);
}

bool
drv_feedback_prepare(struct drv_feedback *feedback)
{
    pthread_mutex_lock(&feedback->lock);
    bool there = !feedback->unavailable && create_memory_locked(feedback);
    pthread_mutex_unlock(&feedback->lock);
    return there;
}

void
drv_feedback_kick(struct drv_feedback *feedback)
{
    pthread_mutex_lock(&feedback->lock);
    struct wire_feedback_header *header = header_of(feedback);
    pthread_mutex_unlock(&feedback->lock);
    if (!header) {
        return; /* nobody can sleep on it */
    }
    atomic_fetch_add(&header->generation, 1);
    if (atomic_load(&header->waiters) != 0) {
        base_futex_wake(&header->generation);
    }
}

void
drv_feedback_begin_wait(struct drv_feedback *feedback)
{
    atomic_fetch_add(&header_of(feedback)->waiters, 1);
}

uint32_t
drv_feedback_generation(struct drv_feedback *feedback)
{
    return atomic_load(&header_of(feedback)->generation);
}

void
drv_feedback_sleep(struct drv_feedback *feedback, uint32_t generation, uint64_t deadline_ns)
{
    uint64_t now = base_clock_now_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    base_futex_wait(&header_of(feedback)->generation, generation,
                    left < DRV_RING_LONGEST_SLEEP_NS ? left : DRV_RING_LONGEST_SLEEP_NS);
}

void
drv_feedback_end_wait(struct drv_feedback *feedback)
{
    atomic_fetch_sub(&header_of(feedback)->waiters, 1);
}
