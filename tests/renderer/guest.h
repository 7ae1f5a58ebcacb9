/* A guest without a driver: encodes single commands and hands them to a renderer context in this
 * process, on the context's stream or on a ring that it fills by hand. */
#ifndef TESTS_RENDERER_GUEST_H
#define TESTS_RENDERER_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "protocol/proto_commands.h"
#include "protocol/proto_encode.h"
#include "protocol/runtime/object.h"
#include "renderer/context.h"
#include "wire/ring.h"

enum {
    GUEST_REPLY_RESOURCE = 1,
    GUEST_RING_RESOURCE = 2,
    GUEST_MEMORY_SIZE = 1 << 20, /* of each shared resource */
    GUEST_MAX_RETIRED = 64,
    GUEST_RING_ID = 77,
    GUEST_RING_BUFFER_SIZE = 4096,
};

/* Objects that tests name. Their ids are fixed, so that wrong ones are easy to make. */
struct guest_objects {
    struct proto_object instance, physical_device, device, queue;
};

struct guest {
    struct rnd_context *context;
    struct proto_caps caps;
    struct guest_objects objects;
    uint8_t *reply; /* GUEST_REPLY_RESOURCE */
    struct wire_ring_view ring;
    uint8_t *ring_memory;
    uint32_t ring_tail;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* something below is new */
    unsigned fatal_calls;
    char reason[256];
    uint64_t retired[GUEST_MAX_RETIRED];
    unsigned retired_count;
};

/* A context with a reply stream selected on the context's stream. */
void guest_begin(struct guest *guest);
void guest_end(struct guest *guest);

/* Maps a new shared-memory resource. */
uint8_t *guest_create_memory(struct guest *guest, uint32_t resource_id, uint64_t size);
enum rnd_result guest_submit(struct guest *guest, const void *bytes, size_t size);

/* The context is fatal, for a reason that contains these words. */
void guest_assert_fatal(struct guest *guest, const char *words);
void guest_assert_alive(struct guest *guest);

/* Instance, physical device and device with one queue on timeline 1, on the host that
 * VESPER_HOST_DRIVER or VK_DRIVER_FILES names. Skips the test if there is none. */
void guest_begin_with_device(struct guest *guest);
/* The same of a guest that knows all that is Vesper's own, as our driver does. */
void guest_begin_with_device_as_vesper(struct guest *guest);

/* The first step of it. `next` is what the instance's create info leads to. */
void guest_create_instance(struct guest *guest, const void *next);
/* Another device beside the guest's, with the id of `device` and without extensions. */
void guest_create_other_device(struct guest *guest, struct proto_object *device);

/* The first memory type with all of the flags `with` and none of `without`. UINT32_MAX: there is
 * none. */
uint32_t guest_find_memory_type(struct guest *guest, VkMemoryPropertyFlags with,
                                VkMemoryPropertyFlags without);
VkResult guest_allocate(struct guest *guest, uint64_t id, uint32_t type, VkDeviceSize size,
                        const void *next);
void guest_free(struct guest *guest, uint64_t id);

/* A ring over GUEST_RING_RESOURCE with the layout of our driver. */
VkRingCreateInfoMESA guest_ring_info(void);
void guest_start_ring(struct guest *guest, bool futex);
/* Copies the bytes into the ring and publishes them. */
void guest_write_ring(struct guest *guest, const void *bytes, size_t size);
/* Waits for head, at most a few seconds. False: it stays short of the tail. */
bool guest_ring_done(struct guest *guest);
/* FATAL shows up, within the same time. */
bool guest_ring_fatal(struct guest *guest);

/* Waits until so many fences have retired. */
void guest_wait_retired(struct guest *guest, unsigned count);

/* Encodes a command into `bytes`; GUEST_ENCODE(size, guest, bytes, flags, vkDestroyFence, device,
 * fence, NULL). */
#define GUEST_ENCODE(size_out, guest, bytes, flags, command, ...)                                  \
    do {                                                                                           \
        size_out = proto_size_##command(&(guest)->caps, ##__VA_ARGS__);                            \
        assert_true(size_out <= sizeof(bytes));                                                    \
        struct wire_writer encoded = wire_writer_over(bytes, size_out);                            \
        proto_encode_##command(&encoded, &(guest)->caps, flags, ##__VA_ARGS__);                    \
    } while (0)

/* Sends one command on the context's stream, without and with a reply. */
#define GUEST_SEND(guest, command, ...)                                                            \
    do {                                                                                           \
        uint8_t sent_bytes[4096];                                                                  \
        size_t sent_size;                                                                          \
        GUEST_ENCODE(sent_size, guest, sent_bytes, 0, command, ##__VA_ARGS__);                     \
        (void)guest_submit(guest, sent_bytes, sent_size);                                          \
    } while (0)
#define GUEST_ASK(guest, command, ...)                                                             \
    do {                                                                                           \
        uint8_t sent_bytes[4096];                                                                  \
        size_t sent_size;                                                                          \
        guest_rewind(guest);                                                                       \
        GUEST_ENCODE(sent_size, guest, sent_bytes, PROTO_COMMAND_GENERATE_REPLY, command,          \
                     ##__VA_ARGS__);                                                               \
        (void)guest_submit(guest, sent_bytes, sent_size);                                          \
    } while (0)
void guest_rewind(struct guest *guest);
/* The VkResult of the reply to the last GUEST_ASK. */
VkResult guest_result(const struct guest *guest);

/* A handle for an object of that id. */
#define GUEST_HANDLE(type, object) ((type)(uintptr_t)(object))
#define GUEST_DEVICE(guest) GUEST_HANDLE(VkDevice, &(guest)->objects.device)
#define GUEST_QUEUE(guest) GUEST_HANDLE(VkQueue, &(guest)->objects.queue)

#endif
