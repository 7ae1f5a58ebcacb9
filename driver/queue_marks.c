#include "driver/queue_marks.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "driver/ring.h"
#include "driver/ring_private.h"
#include "protocol/proto_encode.h"

void
drv_queue_marks_init(struct drv_queue_marks *marks, struct drv_ring *ring, uint32_t timeline)
{
    *marks = (struct drv_queue_marks){
        .ring = ring->transport->ops->submit_fenced ? ring : NULL,
        .timeline = timeline,
    };
    pthread_mutex_init(&marks->lock, NULL);
}

void
drv_queue_marks_finish(struct drv_queue_marks *marks)
{
    for (uint32_t i = 0; i < marks->kept_count; i++) {
        base_fd_close(&marks->kept[i].fd);
    }
    pthread_mutex_destroy(&marks->lock);
}

/* A sync file behind everything that was sent. The renderer must have come to it on the ring
 * before it looks at the timeline. */
static int
make_sync_file(struct drv_queue_marks *marks)
{
    struct drv_ring *ring = marks->ring;
    uint8_t bytes[DRV_RING_SMALL_COMMAND_SIZE];
    struct wire_writer out = wire_writer_over(bytes, sizeof(bytes));
    int fd = -1;

    proto_encode_vkWaitRingSeqnoMESA(&out, &ring->caps, 0, ring->id, drv_ring_current_seqno(ring));
    enum tp_result res = ring->transport->ops->submit_fenced(
        ring->transport, bytes, (size_t)(out.at - bytes), marks->timeline, &fd);
    if (res == TP_LOST) {
        drv_ring_set_lost(ring, "the connection is closed");
    }
    return res == TP_OK ? fd : -1;
}

static void
drop_first_locked(struct drv_queue_marks *marks)
{
    base_fd_close(&marks->kept[0].fd);
    marks->kept_count--;
    memmove(&marks->kept[0], &marks->kept[1], marks->kept_count * sizeof(marks->kept[0]));
}

/* Who waits for one that had to go gets the next, and may wait a little longer. */
static void
make_room_locked(struct drv_queue_marks *marks)
{
    uint64_t completed = atomic_load_explicit(&marks->completed, memory_order_relaxed);

    while (marks->kept_count > 0 &&
           (marks->kept[0].number <= completed || marks->kept_count == DRV_QUEUE_MARKS_KEPT)) {
        drop_first_locked(marks);
    }
}

/* Marks the last submission that was sent. False if that cannot be. */
static bool
mark_locked(struct drv_queue_marks *marks)
{
    int fd = make_sync_file(marks);

    if (fd == -1) {
        return false;
    }
    make_room_locked(marks);
    marks->kept[marks->kept_count++] = (struct drv_queue_mark){.number = marks->sent, .fd = fd};
    return true;
}

static bool
is_marked_locked(const struct drv_queue_marks *marks)
{
    return marks->kept_count > 0 && marks->kept[marks->kept_count - 1].number == marks->sent;
}

uint64_t
drv_queue_marks_begin(struct drv_queue_marks *marks)
{
    if (!marks->ring) {
        return 0;
    }
    pthread_mutex_lock(&marks->lock);
    bool done = atomic_load_explicit(&marks->completed, memory_order_relaxed) >= marks->sent;
    if (marks->awaited && !done && !is_marked_locked(marks)) {
        (void)mark_locked(marks);
    }
    uint64_t number = marks->sent + 1;
    pthread_mutex_unlock(&marks->lock);
    return number;
}

void
drv_queue_marks_end(struct drv_queue_marks *marks, bool awaited)
{
    if (!marks->ring) {
        return;
    }
    pthread_mutex_lock(&marks->lock);
    marks->sent++;
    marks->awaited = awaited;
    pthread_mutex_unlock(&marks->lock);
}

void
drv_queue_marks_completed(struct drv_queue_marks *marks, uint64_t number)
{
    uint64_t known = atomic_load_explicit(&marks->completed, memory_order_relaxed);

    while (known < number && !atomic_compare_exchange_weak(&marks->completed, &known, number)) {
    }
}

int
drv_queue_marks_open(struct drv_queue_marks *marks, uint64_t number)
{
    int fd = -1;

    if (!marks->ring || number == 0) {
        return -1;
    }
    pthread_mutex_lock(&marks->lock);
    if (number <= marks->sent && (is_marked_locked(marks) || mark_locked(marks))) {
        uint32_t i = 0;
        while (marks->kept[i].number < number) {
            i++; /* ends: the last one covers everything */
        }
        fd = fcntl(marks->kept[i].fd, F_DUPFD_CLOEXEC, 0);
    }
    pthread_mutex_unlock(&marks->lock);
    return fd;
}
