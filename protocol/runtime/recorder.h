/* The head of a command buffer: where generated vkCmd* entry points write. A command buffer of the
 * driver embeds this first. Vulkan lets one thread record at a time, so nothing is locked. */
#ifndef PROTO_RECORDER_H
#define PROTO_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "protocol/runtime/caps.h"
#include "protocol/runtime/object.h"
#include "wire/writer.h"

struct proto_recorder {
    struct proto_object object;
    const struct proto_caps *caps; /* constant */
    /* [start, at) is recorded, [at, end) is free. All NULL before the first command. */
    uint8_t *start, *at, *end;
    /* First error since vkBeginCommandBuffer, reported by vkEndCommandBuffer; while it is set
     * nothing more is recorded. */
    VkResult error;
};

/* Makes room for at least `size` more bytes, or sets `error` and returns false. Slow path. */
bool proto_recorder_grow(struct proto_recorder *recorder, size_t size);

static inline struct proto_recorder *
proto_recorder_from(VkCommandBuffer command_buffer)
{
    return (struct proto_recorder *)command_buffer;
}

/* A writer over `size` bytes of room; false if there is none (the error is kept for the end). */
static inline bool
proto_recorder_begin(struct proto_recorder *recorder, size_t size, struct wire_writer *out)
{
    if ((size_t)(recorder->end - recorder->at) < size && !proto_recorder_grow(recorder, size)) {
        return false;
    }
    *out = wire_writer_over(recorder->at, size);
    return true;
}

static inline void
proto_recorder_commit(struct proto_recorder *recorder, const struct wire_writer *out)
{
    recorder->at = out->at;
}

#endif
