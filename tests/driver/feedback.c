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

static void *
publish(void *argument)
{
    struct drv_feedback *feedback = argument;
    struct wire_feedback_header *header = feedback->memory.map;
    while (atomic_load(&header->waiters) == 0) {
    }
    usleep(1000);
    atomic_fetch_add(&header->generation, 1);
    base_futex_wake(&header->generation);
    return NULL;
}

TEST(a_publication_wakes_a_sleeper)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_feedback feedback;
    struct drv_ring *ring = start(&fake, &feedback);
    pthread_t thread;
    assert_non_null(drv_feedback_take(&feedback, 0).value);

    uint64_t start_ns = base_clock_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, publish, &feedback), 0);
    drv_feedback_begin_wait(&feedback);
    uint32_t before = drv_feedback_generation(&feedback);
    drv_feedback_sleep(&feedback, before, UINT64_MAX);
    assert_int_not_equal(drv_feedback_generation(&feedback), before);
    drv_feedback_end_wait(&feedback);
    pthread_join(thread, NULL);
    assert_true(base_clock_now_ns() - start_ns < 90 * 1000 * 1000);
    finish(&fake, &feedback, ring);
}

TEST(a_sleep_ends_at_its_deadline)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_feedback feedback;
    struct drv_ring *ring = start(&fake, &feedback);
    assert_non_null(drv_feedback_take(&feedback, 0).value);
    uint64_t start_ns = base_clock_now_ns();
    drv_feedback_sleep(&feedback, drv_feedback_generation(&feedback), start_ns + 2000000);
    uint64_t slept_ns = base_clock_now_ns() - start_ns;
    assert_true(slept_ns >= 2000000 && slept_ns < 90 * 1000 * 1000);
    finish(&fake, &feedback, ring);
}
