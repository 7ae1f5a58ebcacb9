#include "driver/feedback.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/futex.h"
#include "tests/driver/fake_renderer.h"
#include "tests/unit/test.h"

static struct drv_ring *
start(struct fake_renderer *fake, struct drv_feedback *feedback)
{
    struct drv_ring *ring;
    bool no_device;
    fake_renderer_start(fake);
    assert_int_equal(drv_ring_create(&ring, &no_device), VK_SUCCESS);
    drv_feedback_init(feedback, ring);
    return ring;
}

static void
finish(struct fake_renderer *fake, struct drv_feedback *feedback, struct drv_ring *ring)
{
    drv_feedback_finish(feedback);
    drv_ring_destroy(ring);
    assert_int_equal(atomic_load(&fake->live_blobs), 0);
    fake_renderer_finish(fake);
}

TEST(a_peer_that_is_not_ours_gets_no_slots)
{
    struct fake_renderer fake = {0};
    struct drv_feedback feedback;
    struct drv_ring *ring = start(&fake, &feedback);
    assert_null(drv_feedback_take(&feedback, 7).value);
    finish(&fake, &feedback, ring);
}

TEST(a_slot_holds_its_initial_value_and_is_nobody_elses)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_feedback feedback;
    struct drv_ring *ring = start(&fake, &feedback);
    struct drv_feedback_slot a = drv_feedback_take(&feedback, 7);
    struct drv_feedback_slot b = drv_feedback_take(&feedback, 8);
    assert_int_equal(atomic_load(a.value), 7);
    assert_int_equal(atomic_load(b.value), 8);
    assert_int_not_equal(a.offset, b.offset);
    assert_int_equal(a.offset % 8, 0);
    finish(&fake, &feedback, ring);
}

TEST(a_slot_is_not_used_again_before_its_last_publication)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_feedback feedback;
    struct drv_ring *ring = start(&fake, &feedback);
    struct drv_feedback_slot old = drv_feedback_take(&feedback, 0);
    drv_feedback_give_back(&feedback, old, 3);

    struct drv_feedback_slot other = drv_feedback_take(&feedback, 0);
    assert_int_not_equal(other.offset, old.offset);
    atomic_store(old.value, 3);
    struct drv_feedback_slot again = drv_feedback_take(&feedback, 0);
    assert_int_equal(again.offset, old.offset);
    assert_int_equal(atomic_load(again.value), 0);
    finish(&fake, &feedback, ring);
}

TEST(slots_run_out_and_come_back)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_feedback feedback;
    struct drv_ring *ring = start(&fake, &feedback);
    struct drv_feedback_slot slot, last = {0};
    uint32_t count = 0;
    while ((slot = drv_feedback_take(&feedback, 0)).value) {
        last = slot;
        count++;
    }
    assert_true(count > 100000);
    drv_feedback_give_back(&feedback, last, 0);
    assert_int_equal(drv_feedback_take(&feedback, 0).offset, last.offset);
    finish(&fake, &feedback, ring);
}

/* A busy machine may hold any one attempt up; a wake-up that does not come holds up all of them. */
enum {
    ATTEMPTS = 8,
    PROMPT_NS = 90 * 1000 * 1000, /* less than the slice after which a sleeper looks again anyway */
};

struct publication {
    struct drv_feedback *feedback;
    _Atomic uint64_t *slot;
};

static void *
publish(void *argument)
{
    const struct publication *publication = argument;
    struct wire_feedback_header *header = publication->feedback->memory.map;
    while (atomic_load(&header->waiters) == 0) {
    }
    usleep(1000);
    atomic_store(publication->slot, 1);
    atomic_fetch_add(&header->generation, 1);
    base_futex_wake(&header->generation);
    return NULL;
}

/* How long a waiter took that keeps to the protocol of wire/ring.h. */
static uint64_t
wait_for_publication(struct drv_feedback *feedback, _Atomic uint64_t *slot)
{
    struct publication publication = {feedback, slot};
    pthread_t thread;
    atomic_store(slot, 0);
    uint64_t start_ns = base_clock_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, publish, &publication), 0);
    drv_feedback_begin_wait(feedback);
    for (;;) {
        uint32_t generation = drv_feedback_generation(feedback);
        if (atomic_load(slot) != 0) {
            break;
        }
        drv_feedback_sleep(feedback, generation, UINT64_MAX);
    }
    drv_feedback_end_wait(feedback);
    pthread_join(thread, NULL);
    return base_clock_now_ns() - start_ns;
}

TEST(a_publication_wakes_a_sleeper)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_feedback feedback;
    struct drv_ring *ring = start(&fake, &feedback);
    struct drv_feedback_slot slot = drv_feedback_take(&feedback, 0);
    assert_non_null(slot.value);

    bool prompt = false;
    for (int i = 0; i < ATTEMPTS && !prompt; i++) {
        prompt = wait_for_publication(&feedback, slot.value) < PROMPT_NS;
    }
    assert_true(prompt);
    finish(&fake, &feedback, ring);
}

TEST(a_sleep_ends_at_its_deadline)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_feedback feedback;
    struct drv_ring *ring = start(&fake, &feedback);
    assert_non_null(drv_feedback_take(&feedback, 0).value);

    bool prompt = false;
    for (int i = 0; i < ATTEMPTS && !prompt; i++) {
        uint64_t start_ns = base_clock_now_ns();
        drv_feedback_sleep(&feedback, drv_feedback_generation(&feedback), start_ns + 2000000);
        uint64_t slept_ns = base_clock_now_ns() - start_ns;
        assert_true(slept_ns >= 2000000);
        prompt = slept_ns < PROMPT_NS;
    }
    assert_true(prompt);
    finish(&fake, &feedback, ring);
}
