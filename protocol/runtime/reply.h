/* Reading replies into the application's memory, on the driver's side. The renderer may be hostile:
 * nothing is written beyond what the application asked for, and nonsense sets in->failed. */
#ifndef PROTO_REPLY_H
#define PROTO_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "protocol/runtime/chain.h"
#include "protocol/runtime/client.h"
#include "wire/reader.h"

typedef void (*proto_chain_reply_fn)(struct wire_reader *in, void *members_of);
/* Generated, one entry for each of proto_chain_table; NULL for structures that never come back. */
extern const proto_chain_reply_fn proto_chain_reply_table[];

/* The first word of a reply repeats the command's number. */
void proto_reply_command(struct wire_reader *in, int32_t number);
/* sType and chain; the chain must be an ordered part of the application's. `base` begins like
 * VkBaseOutStructure. */
void proto_reply_base(struct wire_reader *in, void *base, VkStructureType stype);
/* The u64 in front of one item: true if it follows. It may only if `target` is there to take it. */
bool proto_reply_pointer(struct wire_reader *in, const void *target);
/* The u64 in front of an array: at most `limit`, what the application asked for. `now` is the
 * length member after the reply; it may not promise more than there is room for in `target`, but
 * where that is nothing at all: the caller sees to it that it promises nothing then. */
size_t proto_reply_array(struct wire_reader *in, const void *target, size_t limit, uint64_t now);
/* The result of a command that was given an array of no elements, where so many would be there. */
static inline VkResult
proto_reply_without_room(VkResult result, uint64_t there)
{
    return result == VK_SUCCESS && there > 0 ? VK_INCOMPLETE : result;
}
/* The u64 in front of an array in place, exactly `dimension`. */
bool proto_reply_fixed(struct wire_reader *in, size_t dimension);
/* `size` bytes and padding. */
void proto_reply_bytes(struct wire_reader *in, void *target, size_t size);
void proto_reply_absent(struct wire_reader *in);
/* The id of an object that the driver named `handle`: false if the renderer did not make it. */
bool proto_reply_handle(struct wire_reader *in, uint64_t handle);

/* Ends a call: gives the reply back; a reply that made no sense becomes VK_ERROR_DEVICE_LOST. */
VkResult proto_call_end(struct proto_client *client, struct proto_call *call, const char *command,
                        VkResult result);
/* Zeroes an out structure, all but sType and pNext where it has them. */
void proto_zero_out(void *out, size_t size, bool has_stype);

#endif
