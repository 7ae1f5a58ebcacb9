/* The guest's VkInstance on the host, with the physical devices that the guest may see. */
#ifndef RND_INSTANCE_H
#define RND_INSTANCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/address_bindings.h"
#include "renderer/host.h"
#include "renderer/host_table.h"
#include "renderer/object.h"
#include "wire/capset.h"

struct rnd_physical_device;

struct rnd_instance {
    struct rnd_object object; /* first */

    /* Constant after creation. */
    const struct rnd_host *host;
    struct rnd_instance_table table;
    /* Bit N of word N / 32: the guest's driver knows the private form of extension number N. */
    uint32_t private_extensions[WIRE_CAPSET_EXTENSION_WORDS];

    struct rnd_address_bindings address_bindings; /* own locks */

    bool adds_findings; /* findings.h; a warm-up's, set before its devices are enumerated */

    pthread_mutex_t lock; /* of enumerating physical devices */
    /* What the guest may see, in the host's order. Guarded by lock until `enumerated`, constant
     * then. */
    struct rnd_physical_device **devices;
    uint32_t device_count;
    bool enumerated;
};

/* Creates the host's instance. `info` is the guest's: its layers were refused before, and all its
 * extensions but VK_EXT_debug_utils, which the host need not have. */
BASE_MUST_CHECK VkResult rnd_instance_create(const VkInstanceCreateInfo *info,
                                             struct rnd_instance **out);
/* Frees an instance that never got into the object table. */
void rnd_instance_discard(struct rnd_instance *instance);
/* The last step of a teardown (teardown.h), when no device is left. The memory stays. */
void rnd_instance_finish(struct rnd_instance *instance);

/* Looks for the host's devices, the first time. The lock is held. */
BASE_MUST_CHECK VkResult rnd_instance_enumerate_locked(struct rnd_instance *instance);

/* The instance at the root of an object that can be a command's first parameter. */
struct rnd_instance *rnd_instance_of(struct rnd_object *object);

#endif
