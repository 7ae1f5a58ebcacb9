/* What the host's driver reports while it makes, binds and destroys objects of devices with
 * VK_EXT_device_address_binding_report: kept until the guest asks, which its driver does after
 * every command while an application listens. A ring is given what its own commands brought, and
 * what came on no ring's thread.
 *
 * The host names objects by its handles; what the guest has no id for it is not told of. A new
 * object has its id only when its command is done, and one that goes has lost it: so what is bound
 * is named when it is asked for, what is unbound when it is reported.
 *
 * Any thread may call. */
#ifndef RND_ADDRESS_BINDINGS_H
#define RND_ADDRESS_BINDINGS_H

#include <pthread.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "protocol/proto_mesa.h"
#include "renderer/object_table.h"

struct rnd_context;
struct rnd_instance;
struct rnd_stream;

enum {
    RND_MAX_ADDRESS_BINDINGS = 1u << 16, /* kept at a time; of more, only their number is */
};

struct rnd_address_bindings {
    struct rnd_context *context; /* set before there is a messenger, constant then */

    pthread_mutex_t messenger_lock; /* of making and destroying it */
    VkDebugUtilsMessengerEXT messenger;

    /* Taken in the host's calls: nothing of the host is called with it held. Guards the rest. */
    pthread_mutex_t lock;
    struct rnd_address_binding *kept; /* oldest first */
    uint32_t count, room;
    uint32_t lost;
};

void rnd_address_bindings_init(struct rnd_address_bindings *bindings);
void rnd_address_bindings_finish(struct rnd_address_bindings *bindings);

/* Twice is once. The host's instance has VK_EXT_debug_utils. */
BASE_MUST_CHECK VkResult rnd_address_bindings_start(struct rnd_instance *instance,
                                                    struct rnd_context *context);
/* Drops what nobody has asked for. */
void rnd_address_bindings_stop(struct rnd_instance *instance);

/* VK_INCOMPLETE: there are more than *count, which becomes the number of those given. */
VkResult rnd_address_bindings_take(struct rnd_address_bindings *bindings,
                                   const struct rnd_stream *stream, uint32_t *lost, uint32_t *count,
                                   VkAddressBindingVESPER *out);

/* Around the destruction, on this thread, of objects that are in no table. */
void rnd_address_bindings_destroying(const struct rnd_object_chain *chain);
void rnd_address_bindings_destroyed(void);

#endif
