/* VK_EXT_device_address_binding_report: which addresses the host's device gives to objects and
 * takes from them, told to the application's messengers within the call that made it so.
 *
 * Most commands ask for no answer, so while somebody listens every command is followed by a
 * question, and the ring is one command's at a time: what it hears is then its own. Nobody listens
 * unless a device has the feature and a messenger the message type; until then a command costs one
 * load, and an object nothing.
 *
 * Objects of a device with the feature are known from the beginning, since a messenger may come at
 * any time. Any thread may call. */
#ifndef DRV_ADDRESS_REPORTS_H
#define DRV_ADDRESS_REPORTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "base/table.h"
#include "driver/ring.h"
#include "protocol/runtime/object.h"

struct drv_messenger;

struct drv_address_reports {
    /* Constant after init. */
    VkInstance instance;   /* owns us */
    struct drv_ring *ring; /* the instance's; NULL: there is no renderer, and nothing to report */

    /* Guards the rest; held while the renderer is told to begin or to end. */
    pthread_mutex_t lock;
    unsigned device_count;            /* with the feature */
    struct drv_messenger *messengers; /* newest first */
    struct base_table objects;        /* of these devices, by id */
};

void drv_address_reports_init(struct drv_address_reports *reports, VkInstance instance,
                              struct drv_ring *ring);
void drv_address_reports_finish(struct drv_address_reports *reports);

/* Before the renderer hears of a device with the feature, and after it has destroyed it. */
BASE_MUST_CHECK VkResult drv_address_reports_add_device(struct drv_address_reports *reports,
                                                        struct proto_object *device);
void drv_address_reports_remove_device(struct drv_address_reports *reports,
                                       struct proto_object *device);

/* The same for the device's objects. */
void drv_address_reports_add(struct drv_address_reports *reports, struct proto_object *object);
void drv_address_reports_remove(struct drv_address_reports *reports, struct proto_object *object);

/* For threads of the driver's own: no callback of the application's runs on them. What their
 * commands bring is told by the application's next one. */
void drv_address_reports_stay_out(void);

/* --- for the ring, around each of its commands --- */

/* Waits for the ring to be ours alone. False: this thread reports nothing. */
BASE_MUST_CHECK bool drv_address_reports_take_turn(struct drv_ring *ring);
void drv_address_reports_give_turn(struct drv_ring *ring);

/* NULL: nothing is to be reported; else the ring is the caller's until end() or give_turn(). */
BASE_MUST_CHECK static inline struct drv_address_reports *
drv_address_reports_begin(struct drv_ring *ring)
{
    struct drv_address_reports *reports =
        atomic_load_explicit(&ring->first->reports, memory_order_acquire);
    return reports && drv_address_reports_take_turn(ring) ? reports : NULL;
}

/* Asks what the command has brought, lets go of the ring, and tells the application. */
void drv_address_reports_end(struct drv_address_reports *reports, struct drv_ring *ring);

#endif
