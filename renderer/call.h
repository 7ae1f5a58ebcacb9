/* One command being executed: what generated dispatch code and the hand-written handlers in
 * dispatch/ need. Lives on the executing thread's stack (a ring thread or the context's own
 * thread). */
#ifndef RND_CALL_H
#define RND_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "protocol/runtime/decoder.h"
#include "renderer/host_table.h"
#include "wire/writer.h"

struct rnd_context;
struct rnd_object;
struct rnd_seen;
struct rnd_stream; /* the executing dispatcher: decoder, arena and reply stream; one a ring, one a
                      context */

struct rnd_call {
    struct proto_decoder decoder; /* first: the decoder's ops find the call by it */
    struct rnd_context *context;
    struct rnd_stream *stream;
    const char *name; /* the command's, for messages */
    uint32_t flags;   /* VkCommandFlagsEXT of the request */
    struct rnd_object
        *leading; /* the object of the first parameter; NULL if that is no dispatchable handle */
    /* Of the leading object, filled by the look-up; NULL before there is an instance or a device.
     */
    const struct rnd_instance_table *instance_table;
    const struct rnd_device_table *device_table;
    /* Objects that the command named inside its structures; see rnd_call_seen(). */
    struct rnd_object *last_pool, *last_memory, *last_buffer, *last_image, *image_before;
    struct rnd_seen *semaphores; /* newest first */
};

typedef void (*rnd_dispatch_fn)(struct rnd_call *call);

/* Generated, by proto_command_index(); fn is NULL where the command has no wire form, `refused`
 * then says why. */
struct rnd_dispatch_entry {
    const char *name;
    rnd_dispatch_fn fn;
    const char *refused;
};
extern const struct rnd_dispatch_entry rnd_dispatch_table[];

/* Ends the context: the peer broke the protocol. Says why, once. The message names object and
 * bound. */
void rnd_call_fail(struct rnd_call *call, const char *format, ...) BASE_PRINTF(2, 3);

/* --- for generated dispatch --- */

/* Every id is non-zero, not in use, and unique within the array; otherwise ends the context. */
BASE_MUST_CHECK bool rnd_call_check_new_ids(struct rnd_call *call, const uint64_t *ids,
                                            size_t count);
/* Registers host handles under ids; elements whose host handle is 0 get id 0 in `ids` (and in the
 * reply). The leading object's device becomes their owner. Out of memory ends the context. */
void rnd_call_register(struct rnd_call *call, VkObjectType type, uint64_t *ids,
                       const uint64_t *handles, size_t count);
/* Forgets an id (0 is allowed) before its host object is destroyed. Ends the context if the id does
 * not stand for what was decoded any more: another ring has destroyed that, and perhaps made
 * another object under the same id. */
void rnd_call_unregister(struct rnd_call *call, VkObjectType type, uint64_t id, uint64_t handle);
/* The host driver has no such function: ends the context, naming the command. */
void rnd_call_missing(struct rnd_call *call);
/* Room for `size` bytes at the reply position; false ends the context (no stream, no room). */
BASE_MUST_CHECK bool rnd_call_begin_reply(struct rnd_call *call, size_t size,
                                          struct wire_writer *out);
/* The host failed a command whose result nobody will hear of: a warning, or the context's end if
 * the device is lost or what follows relies on it. */
void rnd_call_failed_unheard(struct rnd_call *call, VkResult result, bool relied_on);

#endif
