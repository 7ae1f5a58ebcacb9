/* The hand-written handlers' side of a call; call.h holds what generated dispatch needs. */
#ifndef RND_CALL_IMPL_H
#define RND_CALL_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "renderer/call.h"
#include "renderer/object.h"
#include "renderer/stream.h"

/* Leaves the error text's bytes alone: calls are made for every vkCmd*. */
void rnd_call_init(struct rnd_call *call, struct rnd_stream *stream, struct wire_reader *in,
                   struct wire_arena *arena);

/* The command has failed: nothing more may happen on its behalf, no reply either. */
static inline bool
rnd_call_failed(const struct rnd_call *call)
{
    return call->decoder.in->failed;
}

/* For commands that wait: the context is fatal, or the ring is to stop. The command has failed
 * then, and nobody is to blame. */
BASE_MUST_CHECK bool rnd_call_interrupted(struct rnd_call *call);

/* The object behind an id that was decoded before. NULL, and the context ended, if another ring has
 * destroyed it since. Not for id 0. */
BASE_MUST_CHECK struct rnd_object *rnd_call_object(struct rnd_call *call, uint64_t id,
                                                   VkObjectType type);
/* The object that a handle inside a structure stands for: any semaphore, the last pool or
 * buffer, the last two images. NULL if the command named no such handle. */
struct rnd_object *rnd_call_seen(struct rnd_call *call, VkObjectType type, uint64_t handle);

/* Fills and publishes a calloc'ed object. On failure the context is ended and the object still the
 * caller's. `device` is NULL above devices. */
BASE_MUST_CHECK bool rnd_call_add(struct rnd_call *call, struct rnd_object *object,
                                  VkObjectType type, uint64_t id, uint64_t handle,
                                  struct rnd_device *device, struct rnd_object *parent);

/* rnd_call_register() under another parent than the device: a pool. */
void rnd_call_register_in(struct rnd_call *call, VkObjectType type, struct rnd_object *parent,
                          uint64_t *ids, const uint64_t *handles, size_t count);
/* Takes an object of a device out of the table, with its children, and destroys it on the host. Id
 * 0 is ignored. */
void rnd_call_destroy(struct rnd_call *call, uint64_t id, VkObjectType type);

/* Memory until the command ends, zeroed. NULL, and the context ended, when the budget is spent. */
BASE_MUST_CHECK void *rnd_call_alloc(struct rnd_call *call, size_t count, size_t size);

/* The device of the leading object, for commands on devices, queues and command buffers. */
struct rnd_device *rnd_call_device(const struct rnd_call *call);

#endif
