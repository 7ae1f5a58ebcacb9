/* State of decoding one command on the renderer's side. Generated decoders read `in`, allocate from
 * `arena`, and turn ids into host handles through `ops`. Nothing here trusts the peer. Single
 * thread. */
#ifndef PROTO_DECODER_H
#define PROTO_DECODER_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "wire/arena.h"
#include "wire/reader.h"

struct proto_decoder;

struct proto_decoder_ops {
    /* The host handle of the live object with this id and type, as an integer. `id` is not 0. On
     * failure calls proto_decoder_fail() and returns 0. */
    uint64_t (*lookup)(struct proto_decoder *d, uint64_t id, VkObjectType type);
    /* The same for the command's first parameter when it is a dispatchable handle; the owner keeps
     * the object, since it decides which host functions the command uses. Id 0 is passed too. */
    uint64_t (*lookup_leading)(struct proto_decoder *d, uint64_t id, VkObjectType type);
};

struct proto_decoder {
    struct wire_reader *in;
    struct wire_arena *arena;
    const struct proto_decoder_ops *ops;
    unsigned depth;  /* of pNext nesting, bounded */
    char error[192]; /* the first reason for failure; empty if it was just truncation */
};

/* Marks the decoder's reader as failed; the first reason is kept. */
void proto_decoder_fail(struct proto_decoder *d, const char *format, ...) BASE_PRINTF(2, 3);

/* --- used by generated code --- */

/* Zeroed memory for `count` items of `size` bytes; NULL (and failure) if the budget is spent. */
void *proto_decoder_alloc(struct proto_decoder *d, size_t count, size_t size);
/* Reads a u64 id and looks it up; 0 for id 0. */
uint64_t proto_decode_handle(struct proto_decoder *d, VkObjectType type);
/* As above, also giving the id. */
uint64_t proto_decode_handle_and_id(struct proto_decoder *d, VkObjectType type, uint64_t *id);
/* The u64 in front of an array whose length is `expected` by another member. Returns `expected`, or
 * 0 for an absent array; anything else fails, and so does absence where `may_be_absent` is false
 * and expected is not 0. Each element occupies at least `wire_size` bytes (0: no content follows).
 */
size_t proto_decode_array_size(struct proto_decoder *d, uint64_t expected, size_t wire_size,
                               bool may_be_absent, const char *what);
/* The u64 in front of a pointer to one thing. */
bool proto_decode_pointer(struct proto_decoder *d, bool may_be_absent, const char *what);
/* For a pointer that has no wire form and must be absent. */
void proto_decode_absent(struct proto_decoder *d, const char *what);
/* A null-terminated string with its u64; NULL if absent. */
char *proto_decode_string(struct proto_decoder *d, bool may_be_absent, const char *what);
/* `size` bytes copied into the arena, with wire padding. */
void *proto_decode_bytes(struct proto_decoder *d, size_t size);

#endif
