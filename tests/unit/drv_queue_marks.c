#include "tests/unit/test.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "driver/queue_marks.h"
#include "driver/ring.h"

enum { TIMELINE = 5 };

/* A transport whose sync files are eventfds; it remembers what each is behind. */
static struct {
    uint32_t files;
    uint64_t seqno; /* that the last one is behind */
    bool fails;
} kernel;

static enum tp_result
submit_fenced(struct tp_transport *transport, const void *commands, size_t size, uint32_t timeline,
              int *out_fd)
{
    assert_int_equal(timeline, TIMELINE);
    assert_int_equal(size, 24); /* vkWaitRingSeqnoMESA: type, flags, ring, seqno */
    memcpy(&kernel.seqno, (const uint8_t *)commands + 16, sizeof(kernel.seqno));
    if (kernel.fails) {
        return TP_NO_MEMORY;
    }
    kernel.files++;
    *out_fd = eventfd(0, EFD_CLOEXEC);
    return TP_OK;
}

static const struct tp_ops with_files = {.name = "test", .submit_fenced = submit_fenced};
static const struct tp_ops without_files = {.name = "test"};

struct fixture {
    struct tp_transport transport;
    _Atomic uint32_t tail;
    struct drv_ring ring;
    struct drv_queue_marks marks;
};

static void
start(struct fixture *fixture, const struct tp_ops *ops)
{
    memset(fixture, 0, sizeof(*fixture));
    memset(&kernel, 0, sizeof(kernel));
    fixture->transport.ops = ops;
    fixture->ring.first = &fixture->ring;
    fixture->ring.transport = &fixture->transport;
    fixture->ring.view.tail = &fixture->tail;
    drv_queue_marks_init(&fixture->marks, &fixture->ring, TIMELINE);
}

/* A submission takes 100 bytes of the ring. */
static uint64_t
submit(struct fixture *fixture, bool awaited)
{
    uint64_t number = drv_queue_marks_begin(&fixture->marks);
    fixture->tail += 100;
    drv_queue_marks_end(&fixture->marks, awaited);
    return number;
}

static bool
can_open(struct fixture *fixture, uint64_t number)
{
    int fd = drv_queue_marks_open(&fixture->marks, number);
    bool opened = fd != -1;
    base_fd_close(&fd);
    return opened;
}

TEST(transports_without_sync_files_have_no_marks)
{
    struct fixture fixture;
    start(&fixture, &without_files);
    uint64_t number = submit(&fixture, true);
    assert_false(can_open(&fixture, number));
    drv_queue_marks_finish(&fixture.marks);
}

TEST(what_is_still_being_sent_has_no_mark)
{
    struct fixture fixture;
    start(&fixture, &with_files);
    uint64_t number = drv_queue_marks_begin(&fixture.marks);
    assert_false(can_open(&fixture, number));
    drv_queue_marks_end(&fixture.marks, true);
    assert_true(can_open(&fixture, number));
    drv_queue_marks_finish(&fixture.marks);
}

TEST(all_who_wait_for_one_submission_share_one_file)
{
    struct fixture fixture;
    start(&fixture, &with_files);
    uint64_t number = submit(&fixture, true);
    assert_int_equal(kernel.files, 0); /* nobody waits yet */
    assert_true(can_open(&fixture, number));
    assert_true(can_open(&fixture, number));
    assert_int_equal(kernel.files, 1);
    assert_int_equal(kernel.seqno, 100);
    drv_queue_marks_finish(&fixture.marks);
}

TEST(the_next_submission_marks_one_that_somebody_may_wait_for)
{
    struct fixture fixture;
    start(&fixture, &with_files);
    uint64_t first = submit(&fixture, true);
    uint64_t second = submit(&fixture, false);
    assert_int_equal(kernel.files, 1);
    assert_int_equal(kernel.seqno, 100); /* behind the first alone */
    submit(&fixture, true);
    assert_int_equal(kernel.files, 1); /* nobody waits for the second */
    assert_true(can_open(&fixture, second));
    assert_int_equal(kernel.files, 2);
    assert_int_equal(kernel.seqno, 300);
    assert_true(can_open(&fixture, first));
    assert_int_equal(kernel.files, 2);
    drv_queue_marks_finish(&fixture.marks);
}

TEST(what_is_known_to_be_done_is_not_marked)
{
    struct fixture fixture;
    start(&fixture, &with_files);
    for (int i = 0; i < 10; i++) {
        drv_queue_marks_completed(&fixture.marks, submit(&fixture, true));
    }
    assert_int_equal(kernel.files, 0);
    drv_queue_marks_finish(&fixture.marks);
}

TEST(more_submissions_than_are_kept_share_the_next_mark)
{
    struct fixture fixture;
    start(&fixture, &with_files);
    uint64_t first = submit(&fixture, true);
    for (int i = 0; i < 3 * DRV_QUEUE_MARKS_KEPT; i++) {
        submit(&fixture, true);
    }
    assert_int_equal(fixture.marks.kept_count, DRV_QUEUE_MARKS_KEPT);
    assert_true(can_open(&fixture, first));
    drv_queue_marks_finish(&fixture.marks);
}

TEST(without_descriptors_there_is_no_mark_and_nothing_is_lost)
{
    struct fixture fixture;
    start(&fixture, &with_files);
    kernel.fails = true;
    uint64_t number = submit(&fixture, true);
    submit(&fixture, true);
    assert_false(can_open(&fixture, number));
    assert_false(drv_ring_is_lost(&fixture.ring));
    drv_queue_marks_finish(&fixture.marks);
}
