#include "driver/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "driver/ring_private.h"
#include "protocol/proto_encode.h"
#include "tests/driver/fake_renderer.h"
#include "tests/unit/test.h"

#define SECOND_NS (1000ull * 1000 * 1000)

static struct drv_ring *
start(struct fake_renderer *fake)
{
    struct drv_ring *ring;
    bool no_device;
    fake_renderer_start(fake);
    assert_int_equal(drv_ring_create(&ring, &no_device), VK_SUCCESS);
    return ring;
}

static void
finish(struct fake_renderer *fake, struct drv_ring *ring)
{
    drv_ring_destroy(ring);
    assert_int_equal(atomic_load(&fake->broken_packets), 0);
    assert_int_equal(atomic_load(&fake->live_blobs), 0);
    fake_renderer_finish(fake);
}

static VkResult
send_packet(struct drv_ring *ring, uint32_t sender, uint32_t counter, uint32_t size,
            uint32_t *seqno)
{
    uint32_t *words = malloc(size);
    words[0] = FAKE_PACKET;
    words[1] = size;
    words[2] = sender;
    words[3] = counter;
    for (uint32_t i = 4; i < size / 4; i++) {
        words[i] = counter;
    }
    VkResult result = drv_ring_submit(ring, words, size, seqno);
    free(words);
    return result;
}

/* All sizes around the limits: the smallest, what wraps, what goes through a stream, what is larger
 * than a block of the pool. */
static uint32_t
size_of_packet(uint32_t i)
{
    static const uint32_t sizes[] = {16,
                                     20,
                                     36,
                                     256,
                                     4096,
                                     DRV_RING_DIRECT_LIMIT - 4,
                                     DRV_RING_DIRECT_LIMIT,
                                     DRV_RING_DIRECT_LIMIT + 4,
                                     100000};
    return i % 1000 == 999 ? 3u << 20 : sizes[i % BASE_COUNT_OF(sizes)];
}

static void
send_many(struct drv_ring *ring, uint32_t sender, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (send_packet(ring, sender, i, size_of_packet(i * (sender + 1)), NULL) != VK_SUCCESS) {
            return;
        }
    }
}

static void
expect_packets_of_all_sizes(bool vesper)
{
    struct fake_renderer fake = {.vesper = vesper};
    struct drv_ring *ring = start(&fake);
    uint32_t seqno;

    send_many(ring, 0, 2000);
    assert_int_equal(send_packet(ring, 0, 2000, 16, &seqno), VK_SUCCESS);
    assert_true(drv_ring_wait(ring, seqno));
    assert_int_equal(atomic_load(&fake.packets[0]), 2001);
    finish(&fake, ring);
}

TEST(packets_of_all_sizes_arrive_in_order)
{
    expect_packets_of_all_sizes(true);
}

TEST(packets_of_all_sizes_arrive_at_a_peer_that_is_not_ours)
{
    expect_packets_of_all_sizes(false);
}

TEST(a_question_gets_its_answer)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_ring *ring = start(&fake);
    uint32_t version = 0;
    assert_int_equal(proto_call_vkEnumerateInstanceVersion(&ring->client, &version), VK_SUCCESS);
    assert_int_equal(version, FAKE_VERSION);
    finish(&fake, ring);
}

struct sender {
    struct drv_ring *ring;
    uint32_t index;
    uint32_t wrong_answers;
};

static void *
send_and_ask(void *argument)
{
    struct sender *sender = argument;
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t version = 0;
        (void)!send_packet(sender->ring, sender->index, i, size_of_packet(i + sender->index), NULL);
        (void)proto_call_vkEnumerateInstanceVersion(&sender->ring->client, &version);
        sender->wrong_answers += version != FAKE_VERSION;
    }
    return NULL;
}

TEST(threads_do_not_mix_their_commands_or_answers)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_ring *ring = start(&fake);
    struct sender senders[4];
    pthread_t threads[4];

    for (uint32_t i = 0; i < 4; i++) {
        senders[i] = (struct sender){.ring = ring, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_and_ask, &senders[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(senders[i].wrong_answers, 0);
        assert_int_equal(atomic_load(&fake.packets[i]), 500);
    }
    finish(&fake, ring);
}

TEST(transport_numbers_reach_both_ways_in_order)
{
    struct fake_renderer fake = {.vesper = true};
    struct drv_ring *ring = start(&fake);
    uint32_t version;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(drv_ring_order_after_transport(ring), VK_SUCCESS);
    }
    assert_int_equal(proto_call_vkEnumerateInstanceVersion(&ring->client, &version), VK_SUCCESS);
    assert_int_equal(atomic_load(&fake.transport_seqno), 100);
    finish(&fake, ring);
}

/* --- what happens when it dies --- */

static void
expect_quiet_loss(struct drv_ring *ring)
{
    uint32_t version;
    uint64_t start_ns = base_clock_now_ns();
    assert_true(drv_ring_is_lost(ring));
    assert_int_equal(proto_call_vkEnumerateInstanceVersion(&ring->client, &version),
                     VK_ERROR_DEVICE_LOST);
    assert_int_equal(send_packet(ring, 0, 0, 16, NULL), VK_ERROR_DEVICE_LOST);
    assert_int_equal(send_packet(ring, 0, 0, 100000, NULL), VK_ERROR_DEVICE_LOST);
    assert_int_equal(drv_ring_order_after_transport(ring), VK_ERROR_DEVICE_LOST);
    /* Four times without the shortest wait for a heartbeat, on a busy machine, too. */
    assert_true(base_clock_now_ns() - start_ns < 2 * SECOND_NS);
}

/* Moments, most of the time; but a machine may have something else to do meanwhile. */
static void
expect_loss(struct fake_renderer *fake, struct drv_ring *ring)
{
    uint32_t version;
    uint64_t start_ns = base_clock_now_ns();
    assert_int_equal(proto_call_vkEnumerateInstanceVersion(&ring->client, &version),
                     VK_ERROR_DEVICE_LOST);
    assert_true(base_clock_now_ns() - start_ns < 20 * SECOND_NS);
    expect_quiet_loss(ring);
    finish(fake, ring);
}

TEST(a_refused_command_loses_the_device)
{
    struct fake_renderer fake = {.vesper = true, .fatal = true};
    expect_loss(&fake, start(&fake));
}

TEST(a_closed_connection_loses_the_device)
{
    struct fake_renderer fake = {.vesper = true, .stopped = true};
    struct drv_ring *ring = start(&fake);
    atomic_store(&fake.closed, true);
    expect_loss(&fake, ring);
}

TEST(a_missing_heartbeat_loses_the_device)
{
    struct fake_renderer fake = {.other_kernel = true, .stopped = true, .mute = true};
    struct drv_ring *ring = start(&fake);
    atomic_store(&fake.dead, true);
    expect_loss(&fake, ring);
}

TEST(a_stopped_renderer_of_ours_loses_the_device)
{
    struct fake_renderer fake = {
        .vesper = true, .other_kernel = true, .stopped = true, .mute = true};
    struct drv_ring *ring = start(&fake);
    atomic_store(&fake.dead, true);
    expect_loss(&fake, ring);
}

static void *
awake_later(void *user)
{
    struct fake_renderer *fake = user;
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL); /* thrice what is waited for a heartbeat */
    atomic_store(&fake->stopped, false);
    return NULL;
}

TEST(a_starved_host_of_a_virtual_machine_loses_nothing)
{
    struct fake_renderer fake = {.other_kernel = true, .stopped = true, .mute = true};
    struct drv_ring *ring = start(&fake);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, awake_later, &fake), 0);
    uint32_t version;
    assert_int_equal(proto_call_vkEnumerateInstanceVersion(&ring->client, &version), VK_SUCCESS);
    assert_int_equal(version, FAKE_VERSION);
    pthread_join(thread, NULL);
    finish(&fake, ring);
}

TEST(a_starved_renderer_of_this_kernel_is_given_time)
{
    struct fake_renderer fake = {.vesper = true, .stopped = true, .mute = true};
    struct drv_ring *ring = start(&fake);
    uint64_t start_ns = base_clock_now_ns();
    expect_loss(&fake, ring);
    assert_true(base_clock_now_ns() - start_ns > 4 * SECOND_NS);
}

TEST(a_full_ring_is_no_trap_when_the_renderer_dies)
{
    struct fake_renderer fake = {.vesper = true, .stopped = true};
    struct drv_ring *ring = start(&fake);
    for (uint32_t i = 0; i < DRV_RING_BUFFER_SIZE / 4096; i++) {
        assert_int_equal(send_packet(ring, 0, i, 4096, NULL), VK_SUCCESS);
    }
    atomic_store(&fake.closed, true);
    assert_int_equal(send_packet(ring, 0, 0, 4096, NULL), VK_ERROR_DEVICE_LOST);
    expect_quiet_loss(ring);
    finish(&fake, ring);
}

TEST(a_sleeping_peer_is_notified_through_the_transport)
{
    struct fake_renderer fake = {0};
    struct drv_ring *ring = start(&fake);
    uint32_t version;
    for (int i = 0; i < 200 && atomic_load(&fake.notifications) == 0; i++) {
        while (!(atomic_load(ring->view.status) & WIRE_RING_STATUS_IDLE)) {
        }
        assert_int_equal(proto_call_vkEnumerateInstanceVersion(&ring->client, &version),
                         VK_SUCCESS);
    }
    assert_int_not_equal(atomic_load(&fake.notifications), 0);
    finish(&fake, ring);
}

TEST(no_device_is_no_error)
{
    struct drv_ring *ring;
    bool no_device;
    assert_int_equal(drv_ring_create(&ring, &no_device), VK_ERROR_INCOMPATIBLE_DRIVER);
    assert_true(no_device);
}
