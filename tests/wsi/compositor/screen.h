/* What the test's compositor shows and has counted, in a file that it shares with tests: "screen"
 * in $XDG_RUNTIME_DIR. The compositor writes, others look at it whenever they like. */
#ifndef TEST_WSI_SCREEN_H
#define TEST_WSI_SCREEN_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    SCREEN_MAX_WIDTH = 640,
    SCREEN_MAX_HEIGHT = 480,
};

/* Places of screen.color. */
enum {
    SCREEN_COLOR_OBJECT, /* whether the window has one */
    SCREEN_SCRGB,
    SCREEN_PRIMARIES,
    SCREEN_TRANSFER,
    SCREEN_DARKEST,
    SCREEN_BRIGHTEST,
    SCREEN_CONTENT,
    SCREEN_AVERAGE,
    SCREEN_MASTERING, /* the first of eight: red, green, blue, white: x and y */
    SCREEN_COLOR_FIGURES = SCREEN_MASTERING + 8,
};

struct screen {
    /* bench/presenting.py and compare_frame.py know the order of what is above the pixels. */
    uint64_t refresh_ns; /* constant; of the only output */
    _Atomic uint32_t width, height;
    /* Frames, so far. */
    _Atomic uint32_t shown;    /* could be seen */
    _Atomic uint32_t dropped;  /* a later one took their place */
    _Atomic uint32_t late;     /* refreshes between two frames at which there was none to show */
    _Atomic uint32_t dma_bufs; /* of those shown: as dma-bufs */
    _Atomic uint32_t torn;     /* were allowed to tear */
    _Atomic uint32_t barriers; /* waited behind another by fifo-v1 */
    _Atomic uint32_t timed;    /* came with a time by commit-timing-v1 */
    uint8_t pixels[SCREEN_MAX_WIDTH * SCREEN_MAX_HEIGHT * 4]; /* BGRX, rows without gaps */
    /* What color-management-v1 says of the picture, in its numbers; zeroes: nothing. */
    _Atomic int32_t color[SCREEN_COLOR_FIGURES];
    _Atomic uint64_t modifier; /* of the dma-buf that was shown last */
    _Atomic uint32_t synced;   /* frames shown that came with points by linux-drm-syncobj-v1 */
    _Atomic uint32_t shared_dma_bufs; /* frames of wl_shm shown, whose pool is a dma-buf */
    _Atomic uint32_t committed;       /* frames, shown or not yet */
    _Atomic uint32_t early;           /* of those: before they could be read, by their points */
    _Atomic uint32_t color_objects;   /* of color-management-v1, of surfaces; at the moment */
    _Atomic uint32_t own_commits;     /* commits without a frame */
};

#endif
