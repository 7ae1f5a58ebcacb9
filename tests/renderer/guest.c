#include "tests/renderer/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/futex.h"
#include "base/log.h"
#include "protocol/proto_mesa.h"
#include "tests/unit/test.h"

#define PATIENCE_NS (UINT64_C(10) * 1000000000)

static void
fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id)
{
    struct guest *guest = user;
    pthread_mutex_lock(&guest->lock);
    if (guest->retired_count < GUEST_MAX_RETIRED) {
        guest->retired[guest->retired_count++] = fence_id;
    }
    pthread_cond_broadcast(&guest->changed);
    pthread_mutex_unlock(&guest->lock);
}

static void
fatal(void *user, const char *reason)
{
    struct guest *guest = user;
    pthread_mutex_lock(&guest->lock);
    guest->fatal_calls++;
    snprintf(guest->reason, sizeof(guest->reason), "%s", reason);
    pthread_cond_broadcast(&guest->changed);
    pthread_mutex_unlock(&guest->lock);
}

uint8_t *
guest_create_memory(struct guest *guest, uint32_t resource_id, uint64_t size)
{
    struct rnd_blob blob;
    assert_int_equal(
        rnd_context_create_blob(guest->context, resource_id, 0, size, RND_BLOB_MAPPABLE, &blob),
        RND_OK);
    uint8_t *map = base_fd_map(blob.fd, size);
    base_fd_close(&blob.fd);
    assert_non_null(map);
    return map;
}

static void
name_objects(struct guest_objects *objects)
{
    objects->instance = (struct proto_object){.id = 101, .type = VK_OBJECT_TYPE_INSTANCE};
    objects->physical_device =
        (struct proto_object){.id = 102, .type = VK_OBJECT_TYPE_PHYSICAL_DEVICE};
    objects->device = (struct proto_object){.id = 103, .type = VK_OBJECT_TYPE_DEVICE};
    objects->queue = (struct proto_object){.id = 104, .type = VK_OBJECT_TYPE_QUEUE};
}

void
guest_begin(struct guest *guest)
{
    if (!getenv("VESPER_LOG")) {
        base_log_set_level(BASE_LOG_ERROR); /* the warnings are what the tests provoke */
    }
    memset(guest, 0, sizeof(*guest));
    pthread_mutex_init(&guest->lock, NULL);
    pthread_cond_init(&guest->changed, NULL);
    proto_caps_init_all(&guest->caps);
    name_objects(&guest->objects);
    struct rnd_context_info info = {
        .name = "test",
        .user = guest,
        .fence_retired = fence_retired,
        .fatal = fatal,
    };
    guest->context = rnd_context_create(&info);
    assert_non_null(guest->context);
    guest->reply = guest_create_memory(guest, GUEST_REPLY_RESOURCE, GUEST_MEMORY_SIZE);
    VkCommandStreamDescriptionMESA stream = {
        .resourceId = GUEST_REPLY_RESOURCE,
        .size = GUEST_MEMORY_SIZE,
    };
    GUEST_SEND(guest, vkSetReplyCommandStreamMESA, &stream);
    guest_assert_alive(guest);
}

void
guest_end(struct guest *guest)
{
    rnd_context_destroy(guest->context);
    base_fd_unmap(guest->reply, GUEST_MEMORY_SIZE);
    if (guest->ring_memory) {
        base_fd_unmap(guest->ring_memory, GUEST_MEMORY_SIZE);
    }
    pthread_cond_destroy(&guest->changed);
    pthread_mutex_destroy(&guest->lock);
}

enum rnd_result
guest_submit(struct guest *guest, const void *bytes, size_t size)
{
    return rnd_context_submit(guest->context, bytes, size);
}

/* Until `*count` is as large; false if that takes too long. */
static bool
wait_for_locked(struct guest *guest, const unsigned *count, unsigned wanted)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    int error = 0;
    while (*count < wanted && error == 0) {
        error = pthread_cond_timedwait(&guest->changed, &guest->lock, &until);
    }
    return *count >= wanted;
}

void
guest_assert_fatal(struct guest *guest, const char *words)
{
    /* Rings say so before the server is told. */
    pthread_mutex_lock(&guest->lock);
    bool told = wait_for_locked(guest, &guest->fatal_calls, 1);
    pthread_mutex_unlock(&guest->lock);
    assert_true(told);
    assert_true(rnd_context_is_fatal(guest->context));
    assert_int_equal(guest->fatal_calls, 1);
    if (!strstr(guest->reason, words)) {
        fail_msg("\"%s\" does not contain \"%s\"", guest->reason, words);
    }
}

void
guest_assert_alive(struct guest *guest)
{
    pthread_mutex_lock(&guest->lock);
    unsigned fatal_calls = guest->fatal_calls;
    pthread_mutex_unlock(&guest->lock);
    if (fatal_calls > 0 || rnd_context_is_fatal(guest->context)) {
        fail_msg("the context has become fatal: %s", guest->reason);
    }
}

void
guest_rewind(struct guest *guest)
{
    GUEST_SEND(guest, vkSeekReplyCommandStreamMESA, 0);
}

VkResult
guest_result(const struct guest *guest)
{
    int32_t result;
    memcpy(&result, guest->reply + 4, sizeof(result));
    return (VkResult)result;
}

/* --- a device --- */

void
guest_create_instance(struct guest *guest, const void *next)
{
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = next,
    };
    VkInstance instance = GUEST_HANDLE(VkInstance, &guest->objects.instance);
    GUEST_ASK(guest, vkCreateInstance, &info, NULL, &instance);
    guest_assert_alive(guest);
    assert_int_equal(guest_result(guest), VK_SUCCESS);
}

static void
create_device(struct guest *guest)
{
    const float priority = 1;
    VkPhysicalDevice physical_device =
        GUEST_HANDLE(VkPhysicalDevice, &guest->objects.physical_device);
    uint32_t count = 1;
    GUEST_ASK(guest, vkEnumeratePhysicalDevices, GUEST_HANDLE(VkInstance, &guest->objects.instance),
              &count, &physical_device);
    guest_assert_alive(guest);

    VkDeviceQueueCreateInfo queue_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .timelineSemaphore = VK_TRUE,
    };
    const char *extension = VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME;
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &timeline,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info,
        .enabledExtensionCount = 1,
        .ppEnabledExtensionNames = &extension,
    };
    VkDevice device = GUEST_DEVICE(guest);
    GUEST_ASK(guest, vkCreateDevice, physical_device, &info, NULL, &device);
    guest_assert_alive(guest);
    assert_int_equal(guest_result(guest), VK_SUCCESS);
}

static void
name_queue(struct guest *guest)
{
    VkDeviceQueueTimelineInfoMESA timeline = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA,
        .ringIdx = 1,
    };
    VkDeviceQueueInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
        .pNext = &timeline,
    };
    VkQueue queue = GUEST_QUEUE(guest);
    GUEST_SEND(guest, vkGetDeviceQueue2, GUEST_DEVICE(guest), &info, &queue);
    guest_assert_alive(guest);
}

static void
begin_with_device(struct guest *guest, const void *instance_next)
{
    const char *manifest = getenv("VK_DRIVER_FILES");
    if (!getenv("VESPER_HOST_DRIVER") && (!manifest || access(manifest, R_OK) != 0)) {
        skip();
    }
    guest_begin(guest);
    guest_create_instance(guest, instance_next);
    create_device(guest);
    name_queue(guest);
}

void
guest_begin_with_device(struct guest *guest)
{
    begin_with_device(guest, NULL);
}

void
guest_begin_with_device_as_vesper(struct guest *guest)
{
    uint32_t mask[WIRE_CAPSET_EXTENSION_WORDS];
    memset(mask, 0xff, sizeof(mask));
    const VkPeerInfoVESPER peer = {
        .sType = VK_STRUCTURE_TYPE_PEER_INFO_VESPER,
        .extensionMaskWordCount = WIRE_CAPSET_EXTENSION_WORDS,
        .pExtensionMask = mask,
    };
    begin_with_device(guest, &peer);
}

void
guest_create_other_device(struct guest *guest, struct proto_object *object)
{
    const float priority = 1;
    VkDeviceQueueCreateInfo queue_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info,
    };
    VkDevice device = GUEST_HANDLE(VkDevice, object);
    GUEST_ASK(guest, vkCreateDevice,
              GUEST_HANDLE(VkPhysicalDevice, &guest->objects.physical_device), &info, NULL,
              &device);
    guest_assert_alive(guest);
    assert_int_equal(guest_result(guest), VK_SUCCESS);
}

/* --- memory --- */

uint32_t
guest_find_memory_type(struct guest *guest, VkMemoryPropertyFlags with,
                       VkMemoryPropertyFlags without)
{
    VkPhysicalDeviceMemoryProperties properties;
    VkPhysicalDevice physical_device =
        GUEST_HANDLE(VkPhysicalDevice, &guest->objects.physical_device);
    GUEST_ASK(guest, vkGetPhysicalDeviceMemoryProperties, physical_device, &properties);
    struct wire_reader reply = wire_reader_over(guest->reply, GUEST_MEMORY_SIZE);
    (void)proto_decode_reply_vkGetPhysicalDeviceMemoryProperties(&reply, physical_device,
                                                                 &properties);
    assert_false(reply.failed);
    for (uint32_t i = 0; i < properties.memoryTypeCount; i++) {
        VkMemoryPropertyFlags has = properties.memoryTypes[i].propertyFlags;
        if ((has & with) == with && (has & without) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

VkResult
guest_allocate(struct guest *guest, uint64_t id, uint32_t type, VkDeviceSize size, const void *next)
{
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = next,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
    struct proto_object object = {.id = id};
    VkDeviceMemory memory = GUEST_HANDLE(VkDeviceMemory, &object);
    GUEST_ASK(guest, vkAllocateMemory, GUEST_DEVICE(guest), &info, NULL, &memory);
    return guest_result(guest);
}

void
guest_free(struct guest *guest, uint64_t id)
{
    struct proto_object object = {.id = id};
    GUEST_SEND(guest, vkFreeMemory, GUEST_DEVICE(guest), GUEST_HANDLE(VkDeviceMemory, &object),
               NULL);
}

/* --- a ring --- */

VkRingCreateInfoMESA
guest_ring_info(void)
{
    return (VkRingCreateInfoMESA){
        .sType = VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA,
        .resourceId = GUEST_RING_RESOURCE,
        .size = WIRE_RING_BUFFER_OFFSET + GUEST_RING_BUFFER_SIZE + WIRE_RING_EXTRA_SIZE,
        .idleTimeout = 1000000,
        .headOffset = WIRE_RING_HEAD_OFFSET,
        .tailOffset = WIRE_RING_TAIL_OFFSET,
        .statusOffset = WIRE_RING_STATUS_OFFSET,
        .bufferOffset = WIRE_RING_BUFFER_OFFSET,
        .bufferSize = GUEST_RING_BUFFER_SIZE,
        .extraOffset = WIRE_RING_BUFFER_OFFSET + GUEST_RING_BUFFER_SIZE,
        .extraSize = WIRE_RING_EXTRA_SIZE,
    };
}

void
guest_start_ring(struct guest *guest, bool futex)
{
    VkRingWakeInfoVESPER wake = {.sType = VK_STRUCTURE_TYPE_RING_WAKE_INFO_VESPER};
    VkRingCreateInfoMESA info = guest_ring_info();
    info.pNext = futex ? &wake : NULL;
    uint8_t *map = guest_create_memory(guest, GUEST_RING_RESOURCE, GUEST_MEMORY_SIZE);
    guest->ring_memory = map;
    guest->ring = (struct wire_ring_view){
        .head = (_Atomic uint32_t *)(map + info.headOffset),
        .tail = (_Atomic uint32_t *)(map + info.tailOffset),
        .status = (_Atomic uint32_t *)(map + info.statusOffset),
        .waiters = (_Atomic uint32_t *)(map + info.extraOffset + WIRE_RING_EXTRA_WAITERS_OFFSET),
        .buffer = map + info.bufferOffset,
        .buffer_size = GUEST_RING_BUFFER_SIZE,
    };
    GUEST_SEND(guest, vkCreateRingMESA, GUEST_RING_ID, &info);
    guest_assert_alive(guest);
}

void
guest_write_ring(struct guest *guest, const void *bytes, size_t size)
{
    wire_ring_copy_in(&guest->ring, guest->ring_tail, bytes, (uint32_t)size);
    guest->ring_tail += (uint32_t)size;
    atomic_store(guest->ring.tail, guest->ring_tail);
    if (atomic_load(guest->ring.status) & WIRE_RING_STATUS_IDLE) {
        base_futex_wake(guest->ring.tail);
        GUEST_SEND(guest, vkNotifyRingMESA, GUEST_RING_ID, 0, 0);
    }
}

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

bool
guest_ring_done(struct guest *guest)
{
    uint64_t until = base_clock_deadline_ns(PATIENCE_NS);
    while (atomic_load(guest->ring.head) != guest->ring_tail) {
        if (base_clock_now_ns() > until || rnd_context_is_fatal(guest->context)) {
            return false;
        }
        nap();
    }
    return true;
}

bool
guest_ring_fatal(struct guest *guest)
{
    uint64_t until = base_clock_deadline_ns(PATIENCE_NS);
    while (!(atomic_load(guest->ring.status) & WIRE_RING_STATUS_FATAL)) {
        if (base_clock_now_ns() > until) {
            return false;
        }
        nap();
    }
    return true;
}

void
guest_wait_retired(struct guest *guest, unsigned count)
{
    pthread_mutex_lock(&guest->lock);
    bool retired = wait_for_locked(guest, &guest->retired_count, count);
    pthread_mutex_unlock(&guest->lock);
    assert_true(retired);
}
