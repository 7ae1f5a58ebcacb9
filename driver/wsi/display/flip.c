#include "driver/wsi/display/flip.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { PATIENCE_S = 5 }; /* a virtual machine without KVM may take long */

/* Held while events are read, so that no read sleeps; nothing is locked inside. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct base_list flips = {&flips, &flips};
static uintptr_t last_tag;

bool
wsi_flip_init(struct wsi_flip *flip)
{
    flip->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (flip->wake == -1) {
        return false;
    }
    flip->pending = false;
    flip->sequence = 0;
    pthread_mutex_lock(&lock);
    flip->tag = (void *)++last_tag;
    base_list_push(&flips, &flip->link);
    pthread_mutex_unlock(&lock);
    return true;
}

void
wsi_flip_finish(struct wsi_flip *flip)
{
    pthread_mutex_lock(&lock);
    base_list_remove(&flip->link);
    pthread_mutex_unlock(&lock);
    base_fd_close(&flip->wake);
}

void
wsi_flip_expect(struct wsi_flip *flip, bool expects)
{
    pthread_mutex_lock(&lock);
    flip->pending = expects;
    pthread_mutex_unlock(&lock);
}

static void
on_flip(int fd, unsigned int sequence, unsigned int seconds, unsigned int microseconds,
        unsigned int crtc, void *tag)
{
    base_list_for_each (flip, &flips, struct wsi_flip, link) {
        if (flip->tag == tag && flip->pending) {
            flip->pending = false;
            flip->sequence = sequence;
            (void)eventfd_write(flip->wake, 1);
        }
    }
}

static bool
is_readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 0) == 1 && ready.revents & POLLIN;
}

/* Reads what there is; true if ours was among it, now or before. */
static bool
has_come(struct wsi_flip *flip, const struct wsi_display_library *drm, int fd,
         uint32_t *out_sequence)
{
    drmEventContext context = {.version = 3, .page_flip_handler2 = on_flip};

    pthread_mutex_lock(&lock);
    if (flip->pending && is_readable(fd)) {
        (void)drm->drmHandleEvent(fd, &context);
    }
    bool come = !flip->pending;
    if (come) {
        *out_sequence = flip->sequence;
    }
    pthread_mutex_unlock(&lock);
    return come;
}

enum wsi_flip_result
wsi_flip_wait(struct wsi_flip *flip, const struct wsi_display_library *drm, int fd,
              uint32_t *out_sequence)
{
    uint64_t deadline_ns = base_clock_deadline_ns(PATIENCE_S * UINT64_C(1000000000));
    eventfd_t ignored;

    (void)eventfd_read(flip->wake, &ignored);
    while (!has_come(flip, drm, fd, out_sequence)) {
        struct pollfd ready[] = {{.fd = fd, .events = POLLIN},
                                 {.fd = flip->wake, .events = POLLIN}};
        uint64_t now = base_clock_now_ns();
        if (now >= deadline_ns) {
            return WSI_FLIP_LATE;
        }
        if (poll(ready, 2, (int)((deadline_ns - now) / 1000000) + 1) == -1 && errno != EINTR) {
            return WSI_FLIP_FAILED;
        }
        if (ready[0].revents & (POLLERR | POLLHUP | POLLNVAL)) {
            return WSI_FLIP_FAILED;
        }
    }
    return WSI_FLIP_DONE;
}
