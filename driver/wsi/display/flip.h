/* Waiting for the kernel to say that a frame is on the screen.
 *
 * All swapchains on a descriptor share its events, and whoever reads one for another passes it on.
 * A flip belongs to one thread, which expects and awaits it. */
#ifndef WSI_DISPLAY_FLIP_H
#define WSI_DISPLAY_FLIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"
#include "driver/wsi/display/library.h"

struct wsi_flip {
    int wake;  /* readable once an event of ours has come by another thread; an eventfd */
    void *tag; /* what the kernel is told to return with the event; constant */

    /* Guarded by the lock of all flips. */
    struct base_list link;
    bool pending;
    uint32_t sequence; /* of the last event; 0: the device does not count frames */
};

enum wsi_flip_result {
    WSI_FLIP_DONE,
    WSI_FLIP_LATE,   /* nothing within seconds */
    WSI_FLIP_FAILED, /* the descriptor is dead */
};

/* False and errno if no descriptor is left. */
BASE_MUST_CHECK bool wsi_flip_init(struct wsi_flip *flip);
/* An event that comes later is for nobody. */
void wsi_flip_finish(struct wsi_flip *flip);
/* Before the kernel is asked; `expects` false takes it back. */
void wsi_flip_expect(struct wsi_flip *flip, bool expects);
/* Sleeps until the event is there. */
BASE_MUST_CHECK enum wsi_flip_result wsi_flip_wait(struct wsi_flip *flip,
                                                   const struct wsi_display_library *drm, int fd,
                                                   uint32_t *out_sequence);

#endif
