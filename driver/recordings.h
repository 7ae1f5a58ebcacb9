/* Command buffers that are being recorded, and the pipeline layouts that they keep.
 *
 * An application may destroy a pipeline layout as soon as it has recorded what names it, but the
 * renderer sees these commands only when the recording ends (command_buffer.h). So a layout that is
 * destroyed meanwhile is retired: the renderer is told once all recordings that had begun have
 * ended. Any thread may call; the lock is held for a few loads and stores. */
#ifndef DRV_RECORDINGS_H
#define DRV_RECORDINGS_H

#include <pthread.h>
#include <stdint.h>

#include "base/list.h"
#include "protocol/runtime/object.h"

struct drv_device;

/* Part of a command buffer; zeroes: not being recorded. */
struct drv_recording {
    struct base_list link; /* drv_recordings.open */
    uint64_t began;        /* 0: not open */
};

/* What remains of a pipeline layout: its name. */
struct drv_retired_layout {
    struct proto_object object; /* first: a handle, for the encoders */
    struct base_list link;      /* drv_recordings.retired */
    uint64_t since;
};

struct drv_recordings {
    pthread_mutex_t lock;
    /* Guarded by the lock. */
    uint64_t clock;
    struct base_list open;    /* drv_recording.link, the oldest first */
    struct base_list retired; /* drv_retired_layout.link, the oldest first */
};

void drv_recordings_init(struct drv_recordings *recordings);
/* Frees what is retired without telling the renderer: the device is gone. */
void drv_recordings_finish(struct drv_recordings *recordings);

void drv_recordings_begin(struct drv_recordings *recordings, struct drv_recording *recording);
/* Its commands are on the ring, or will never be. Harmless if it is not open. */
void drv_recordings_end(struct drv_device *device, struct drv_recording *recording);
/* Tells the renderer that the layout is destroyed, now or later. Takes it over: it is from
 * malloc(). */
void drv_recordings_retire(struct drv_device *device, struct drv_retired_layout *layout);

#endif
