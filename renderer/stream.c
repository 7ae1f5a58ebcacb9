#include "renderer/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "base/log.h"
#include "protocol/proto_commands.h"
#include "renderer/call.h"
#include "renderer/call_impl.h"
#include "renderer/capture.h"
#include "renderer/context_impl.h"
#include "renderer/resource.h"

/* Temporary memory that one decoder may hold: upstream's limit, which real applications get near
 * when they upload whole textures inline. */
#define ARENA_BUDGET ((size_t)1 << 30)

enum {
    /* A scratch buffer up to this size is kept between streams. */
    SCRATCH_KEPT = 1 << 20,
    /* After so many commands the objects they removed may be freed, to be allocated again soon. */
    COMMANDS_PER_EPOCH = 8,
};

static BASE_THREAD_LOCAL const struct rnd_stream *current;

const struct rnd_stream *
rnd_stream_current(void)
{
    return current;
}

void
rnd_stream_init(struct rnd_stream *stream, struct rnd_context *context, struct rnd_ring *ring)
{
    memset(stream, 0, sizeof(*stream));
    stream->context = context;
    stream->ring = ring;
    wire_arena_init(&stream->arena, ARENA_BUDGET);
    wire_arena_init(&stream->nested_arena, ARENA_BUDGET);
    wire_arena_set_account(&stream->arena, &context->budget.decoding);
    wire_arena_set_account(&stream->nested_arena, &context->budget.decoding);
    rnd_object_reader_init(&context->objects, &stream->reader);
    stream->capture = rnd_capture_open(ring ? "ring" : "context");
}

static void
drop_scratch(struct rnd_stream *stream)
{
    free(stream->scratch);
    base_account_give_back(&stream->context->budget.decoding, stream->scratch_size);
    stream->scratch = NULL;
    stream->scratch_size = 0;
}

void
rnd_stream_finish(struct rnd_stream *stream)
{
    rnd_object_reader_finish(&stream->context->objects, &stream->reader);
    rnd_shm_unref(stream->reply.shm);
    wire_arena_finish(&stream->arena);
    wire_arena_finish(&stream->nested_arena);
    drop_scratch(stream);
    rnd_capture_close(&stream->capture);
}

/* Everything of the batch up to `end`, so that what a command executes comes right behind it. */
static void
capture_until(struct rnd_stream *stream, const uint8_t *end)
{
    rnd_capture_write(&stream->capture, stream->capture_from, (size_t)(end - stream->capture_from));
    stream->capture_from = end;
}

/* Why decoding stopped, unless the command has said so itself. */
static void
explain_failure(struct rnd_call *call)
{
    const char *name = call->name ? call->name : "a command's header";
    if (call->decoder.error[0]) {
        rnd_context_fail(call->context, "%s: %s", name, call->decoder.error);
    } else {
        rnd_context_fail(call->context, "%s: the stream ends inside it", name);
    }
}

static void
dispatch(struct rnd_call *call, uint32_t number)
{
    const uint32_t index = proto_command_index(number);
    if (index >= PROTO_COMMAND_COUNT || !rnd_dispatch_table[index].name) {
        rnd_call_fail(
            call, "command number %u is unknown, the last one is %u, and the last private one %u",
            number, PROTO_PUBLIC_COMMANDS - 1, PROTO_PRIVATE_FIRST + PROTO_PRIVATE_COMMANDS - 1);
        return;
    }
    const struct rnd_dispatch_entry *entry = &rnd_dispatch_table[index];
    call->name = entry->name;
    if (!entry->fn) {
        rnd_call_fail(call, "%s is refused: %s", entry->name,
                      entry->refused ? entry->refused : "it has no wire form");
        return;
    }
    if (base_log_enabled(BASE_LOG_TRACE)) {
        base_log(BASE_LOG_TRACE, "context %s: %s%s", call->context->info.name, entry->name,
                 call->flags & PROTO_COMMAND_GENERATE_REPLY ? " (reply)" : "");
    }
    entry->fn(call);
}

static bool
execute_one(struct rnd_stream *stream, struct wire_reader *in, struct wire_arena *arena)
{
    struct rnd_call call;
    rnd_call_init(&call, stream, in, arena);

    uint32_t number = wire_read_u32(in);
    call.flags = wire_read_u32(in);
    if (!in->failed) {
        dispatch(&call, number);
    }
    if (in->failed && !stream->interrupted) {
        explain_failure(&call);
    }
    wire_arena_reset(arena);
    return !stream->interrupted && !rnd_context_is_fatal(stream->context);
}

/* Between two commands a stream holds no object. */
static void
let_go_of_objects(struct rnd_stream *stream)
{
    if (++stream->commands >= COMMANDS_PER_EPOCH ||
        rnd_object_table_is_waited_for(&stream->context->objects)) {
        stream->commands = 0;
        rnd_object_reader_begin(&stream->context->objects, &stream->reader);
    }
}

bool
rnd_stream_execute(struct rnd_stream *stream, const void *bytes, size_t size,
                   rnd_stream_progress_fn progress, void *user)
{
    struct wire_reader in = wire_reader_over(bytes, size);
    bool alive = !rnd_context_is_fatal(stream->context);

    stream->capture_from = bytes;
    current = stream;
    rnd_object_reader_begin(&stream->context->objects, &stream->reader);
    while (alive && wire_reader_left(&in) > 0) {
        alive = execute_one(stream, &in, &stream->arena);
        if (alive && progress) {
            alive = progress(user, size - wire_reader_left(&in));
        }
        let_go_of_objects(stream);
    }
    rnd_object_reader_end(&stream->context->objects, &stream->reader);
    current = NULL;
    capture_until(stream, in.at);
    return alive;
}

static bool
reserve_scratch(struct rnd_stream *stream, size_t size)
{
    struct rnd_context *ctx = stream->context;
    if (stream->scratch_size >= size) {
        return true;
    }
    drop_scratch(stream);
    stream->scratch = rnd_budget_alloc(&ctx->budget, &ctx->budget.decoding, ctx->info.name,
                                       "a stream's commands", size);
    stream->scratch_size = stream->scratch ? size : 0;
    return stream->scratch != NULL;
}

bool
rnd_stream_execute_nested(struct rnd_stream *stream, const struct rnd_call *outer,
                          const uint8_t *shared, size_t size)
{
    if (!reserve_scratch(stream, size)) {
        rnd_context_fail(stream->context, "%s: no memory to copy a stream of %zu bytes",
                         outer->name, size);
        return false;
    }
    memcpy(stream->scratch, shared, size);
    capture_until(stream, outer->decoder.in->at);
    rnd_capture_write(&stream->capture, stream->scratch, size);

    struct wire_reader in = wire_reader_over(stream->scratch, size);
    bool alive = true;
    stream->nested = true;
    while (alive && wire_reader_left(&in) > 0) {
        alive = execute_one(stream, &in, &stream->nested_arena);
        let_go_of_objects(stream);
    }
    stream->nested = false;
    if (stream->scratch_size > SCRATCH_KEPT) {
        drop_scratch(stream);
    }
    return alive;
}

void
rnd_stream_set_reply(struct rnd_stream *stream, struct rnd_shm *shm, uint64_t offset, uint64_t size)
{
    rnd_shm_unref(stream->reply.shm);
    stream->reply = (struct rnd_reply_stream){.shm = shm, .offset = offset, .size = size};
}

bool
rnd_stream_seek_reply(struct rnd_stream *stream, uint64_t position)
{
    if (!stream->reply.shm || position > stream->reply.size) {
        return false;
    }
    stream->reply.position = position;
    return true;
}
