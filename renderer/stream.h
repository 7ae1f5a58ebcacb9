/* One executing dispatcher: decodes commands, runs them, writes replies. Each ring has one and so
 * has the context; they share the context's objects, resources and fatal flag, nothing else.
 *
 * One thread at a time. */
#ifndef RND_STREAM_H
#define RND_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "renderer/object_table.h"
#include "wire/arena.h"
#include "wire/writer.h"

struct rnd_call;
struct rnd_context;
struct rnd_ring;
struct rnd_shm;

/* Where replies go. */
struct rnd_reply_stream {
    struct rnd_shm *shm; /* a reference; NULL before vkSetReplyCommandStreamMESA */
    uint64_t offset;     /* of the stream in the memory */
    uint64_t size;       /* declared; bounds seeking, and nothing else */
    uint64_t position;   /* of the next reply, from offset */
};

struct rnd_stream {
    /* Constant after init. */
    struct rnd_context *context; /* owns us, or owns the ring that does */
    struct rnd_ring *ring;       /* NULL: the context's own stream */

    struct rnd_object_reader reader;
    struct rnd_reply_stream reply;
    struct wire_arena arena;        /* of the command being executed */
    struct wire_arena nested_arena; /* of the one inside vkExecuteCommandStreamsMESA */
    bool nested;
    bool interrupted; /* the command under way gave up because its ring is to stop: nobody is to
                         blame */
    int capture;      /* of rnd_capture_open() */
    const uint8_t *capture_from; /* what of the batch is not captured yet begins here */
    uint8_t *scratch; /* copy of a stream in shared memory; kept for the next one if small */
    size_t scratch_size;
    unsigned commands; /* since the object table was last told that we hold nothing */
};

void rnd_stream_init(struct rnd_stream *stream, struct rnd_context *context, struct rnd_ring *ring);
void rnd_stream_finish(struct rnd_stream *stream);

/* Called after each top-level command with the bytes consumed so far; false stops the execution. */
typedef bool (*rnd_stream_progress_fn)(void *user, size_t consumed);

/* Executes whole commands. `bytes` must not be memory that the guest can write. False when the
 * context has become fatal or `progress` (may be NULL) said so. */
bool rnd_stream_execute(struct rnd_stream *stream, const void *bytes, size_t size,
                        rnd_stream_progress_fn progress, void *user);
/* The same inside a command of this stream (vkExecuteCommandStreamsMESA), over bytes that the guest
 * can write: copies them first. False: the context has become fatal, or NULL memory. */
bool rnd_stream_execute_nested(struct rnd_stream *stream, const struct rnd_call *outer,
                               const uint8_t *shared, size_t size);

/* Whose commands this thread is executing; NULL: no stream's. */
const struct rnd_stream *rnd_stream_current(void);

/* Takes over the reference. */
void rnd_stream_set_reply(struct rnd_stream *stream, struct rnd_shm *shm, uint64_t offset,
                          uint64_t size);
/* False: no stream, or beyond its declared size. */
BASE_MUST_CHECK bool rnd_stream_seek_reply(struct rnd_stream *stream, uint64_t position);

#endif
