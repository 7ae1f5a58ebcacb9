/* Connecting to a renderer and starting a ring there. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "driver/instance.h"
#include "driver/ring.h"
#include "driver/ring_private.h"
#include "protocol/proto_encode.h"
#include "protocol/proto_mesa.h"

enum {
    STREAM_BLOCK_SIZE = 2 << 20,
    REPLY_BLOCK_SIZE = 1 << 20,
    FIRST_RING_ID = 1, /* any but 0 will do */
};

static uint32_t
extra_offset(uint32_t buffer_size)
{
    return WIRE_RING_BUFFER_OFFSET + buffer_size;
}

static uint32_t
memory_size(uint32_t buffer_size)
{
    return extra_offset(buffer_size) + WIRE_RING_EXTRA_SIZE;
}

/* What the driver cannot do without. Says what is missing. */
static bool
is_compatible(const struct wire_capset *capset)
{
    if (capset->wire_format_version != WIRE_FORMAT_VERSION) {
        base_log_error(
            "the renderer speaks wire format %u (its VK_MESA_venus_protocol is %u), this "
            "driver %u: use virglrenderer 1.0 or newer, or vesper-server",
            capset->wire_format_version, capset->vk_mesa_venus_protocol_spec_version,
            WIRE_FORMAT_VERSION);
        return false;
    }
    if (capset->vk_xml_version < VK_API_VERSION_1_1) {
        base_log_error("the renderer knows Vulkan %u.%u only; 1.1 is the least that works",
                       VK_API_VERSION_MAJOR(capset->vk_xml_version),
                       VK_API_VERSION_MINOR(capset->vk_xml_version));
        return false;
    }
    if (!capset->supports_blob_id_0 || !capset->allow_vk_wait_syncs ||
        !capset->supports_multiple_timelines) {
        base_log_error(
            "the renderer is too old: it lacks shared memory, waits or timelines (a renderer of "
            "2023 or later has them)");
        return false;
    }
    if (capset->use_guest_vram) {
        base_log_error(
            "the renderer wants memory from the guest's VRAM, which this driver cannot give: "
            "start it without that mode");
        return false;
    }
    return true;
}

static void
init_view(struct drv_ring *ring, uint32_t buffer_size)
{
    uint8_t *map = ring->memory.map;
    uint8_t *extra = map + extra_offset(buffer_size);
    ring->view = (struct wire_ring_view){
        .head = (_Atomic uint32_t *)(map + WIRE_RING_HEAD_OFFSET),
        .tail = (_Atomic uint32_t *)(map + WIRE_RING_TAIL_OFFSET),
        .status = (_Atomic uint32_t *)(map + WIRE_RING_STATUS_OFFSET),
        .waiters = (_Atomic uint32_t *)(extra + WIRE_RING_EXTRA_WAITERS_OFFSET),
        .wake_at = (_Atomic uint32_t *)(extra + WIRE_RING_EXTRA_WAKE_AT_OFFSET),
        .buffer = map + WIRE_RING_BUFFER_OFFSET,
        .buffer_size = buffer_size,
    };
}

static enum tp_result
tell_renderer(struct drv_ring *ring)
{
    uint32_t buffer_size = ring->view.buffer_size;
    const VkRingMonitorInfoMESA monitor = {
        .sType = VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA,
        .maxReportingPeriodMicroseconds = DRV_RING_HEARTBEAT_PERIOD_US,
    };
    const VkRingWakeInfoVESPER wake = {
        .sType = VK_STRUCTURE_TYPE_RING_WAKE_INFO_VESPER,
        .pNext = ring->monitor ? &monitor : NULL,
    };
    const VkRingCreateInfoMESA info = {
        .sType = VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA,
        .pNext = ring->futex     ? (const void *)&wake
                 : ring->monitor ? (const void *)&monitor
                                 : NULL,
        .resourceId = ring->memory.resource_id,
        .size = memory_size(buffer_size),
        .idleTimeout = DRV_RING_IDLE_TIMEOUT_NS,
        .headOffset = WIRE_RING_HEAD_OFFSET,
        .tailOffset = WIRE_RING_TAIL_OFFSET,
        .statusOffset = WIRE_RING_STATUS_OFFSET,
        .bufferOffset = WIRE_RING_BUFFER_OFFSET,
        .bufferSize = buffer_size,
        .extraOffset = extra_offset(buffer_size),
        .extraSize = WIRE_RING_EXTRA_SIZE,
    };
    uint8_t bytes[512];
    struct wire_writer out = wire_writer_over(bytes, sizeof(bytes));
    proto_encode_vkCreateRingMESA(&out, &ring->caps, 0, ring->id, &info);
    return ring->transport->ops->submit(ring->transport, bytes, (size_t)(out.at - bytes));
}

/* VESPER_HEARTBEAT=0 is for debugging a renderer: one that is stopped has no heartbeat. */
static bool
heartbeat_wanted(void)
{
    const char *value = getenv("VESPER_HEARTBEAT");
    return !value || strcmp(value, "0") != 0;
}

/* Everything but the renderer's side. */
static VkResult
create_around(struct tp_transport *transport, uint64_t id, uint32_t buffer_size,
              struct drv_ring **out)
{
    struct drv_ring *ring = calloc(1, sizeof(*ring));
    if (!ring) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    ring->scratch = malloc(DRV_RING_DIRECT_LIMIT + 2 * DRV_RING_SMALL_COMMAND_SIZE);
    if (!ring->scratch) {
        free(ring);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    enum tp_result res =
        transport->ops->create_shared_memory(transport, memory_size(buffer_size), &ring->memory);
    if (res != TP_OK) {
        free(ring->scratch);
        free(ring);
        return res == TP_NO_MEMORY          ? VK_ERROR_OUT_OF_HOST_MEMORY
               : res == TP_NO_DEVICE_MEMORY ? VK_ERROR_OUT_OF_DEVICE_MEMORY
                                            : VK_ERROR_INITIALIZATION_FAILED;
    }
    proto_caps_init(&ring->caps, &transport->capset);
    ring->client = (struct proto_client){.ops = &drv_ring_client_ops, .caps = &ring->caps};
    ring->first = ring;
    ring->transport = transport;
    ring->id = id;
    ring->futex = transport->same_kernel && ring->caps.vesper_features & WIRE_FEATURE_RING_FUTEX;
    ring->vesper = transport->capset.tail_magic == WIRE_TAIL_MAGIC;
    pthread_mutex_init(&ring->turn, NULL);
    pthread_mutex_init(&ring->lock, NULL);
    init_view(ring, buffer_size);
    drv_shmem_pool_init(&ring->streams, transport, ring->view.head, STREAM_BLOCK_SIZE);
    drv_shmem_pool_init(&ring->replies, transport, ring->view.head, REPLY_BLOCK_SIZE);
    *out = ring;
    return VK_SUCCESS;
}

static VkResult
connect(struct tp_transport **out, bool *no_device)
{
    struct tp_transport *transport;
    switch (tp_create(&transport)) {
    case TP_OK: break;
    case TP_NO_DEVICE: *no_device = true; return VK_ERROR_INCOMPATIBLE_DRIVER;
    case TP_NO_MEMORY: return VK_ERROR_OUT_OF_HOST_MEMORY;
    default: return VK_ERROR_INITIALIZATION_FAILED;
    }
    if (!is_compatible(&transport->capset)) {
        transport->ops->destroy(transport);
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    }
    *out = transport;
    return VK_SUCCESS;
}

/* For the transport, while it waits for an answer on our behalf. */
static bool
renderer_is_gone(void *user)
{
    return !drv_ring_check_alive(user);
}

VkResult
drv_ring_create(struct drv_ring **out, bool *no_device)
{
    struct tp_transport *transport;
    struct drv_ring *ring;

    *no_device = false;
    VkResult result = connect(&transport, no_device);
    if (result != VK_SUCCESS) {
        return result;
    }
    result = create_around(transport, FIRST_RING_ID, DRV_RING_BUFFER_SIZE, &ring);
    if (result != VK_SUCCESS) {
        transport->ops->destroy(transport);
        return result;
    }
    ring->monitor = heartbeat_wanted();
    if (tell_renderer(ring) != TP_OK) {
        base_log_error("the renderer (%s) closed the connection before a ring was made",
                       transport->ops->name);
        drv_ring_destroy(ring);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    transport->is_hopeless = renderer_is_gone;
    transport->is_hopeless_user = ring;
    *out = ring;
    return VK_SUCCESS;
}

VkResult
drv_ring_create_beside(struct drv_ring *first, uint64_t id, struct drv_ring **out)
{
    struct drv_ring *ring;
    VkResult result = create_around(first->transport, id, DRV_RING_SMALL_BUFFER_SIZE, &ring);
    if (result != VK_SUCCESS) {
        return result;
    }
    ring->first = first;
    if (tell_renderer(ring) != TP_OK) {
        drv_ring_set_lost(ring, "the connection is closed");
        drv_ring_destroy(ring);
        return VK_ERROR_DEVICE_LOST;
    }
    *out = ring;
    return VK_SUCCESS;
}

static void
stop_renderer(struct drv_ring *ring)
{
    uint8_t bytes[DRV_RING_SMALL_COMMAND_SIZE];
    struct wire_writer out = wire_writer_over(bytes, sizeof(bytes));
    proto_encode_vkDestroyRingMESA(&out, &ring->caps, 0, ring->id);
    /* If it does not get through, there is nobody whom it would concern. */
    (void)!ring->transport->ops->submit(ring->transport, bytes, (size_t)(out.at - bytes));
}

void
drv_ring_destroy(struct drv_ring *ring)
{
    if (!ring) {
        return;
    }
    if (!drv_ring_is_lost(ring)) {
        /* What the application destroyed last is gone on the host, too, when we return. */
        (void)!drv_ring_wait(ring, drv_ring_current_seqno(ring));
        stop_renderer(ring);
    }
    struct tp_transport *transport = ring->transport;
    bool last = ring->first == ring;
    if (last) {
        transport->is_hopeless = NULL; /* it looks at the ring's memory */
    }
    drv_shmem_pool_finish(&ring->streams);
    drv_shmem_pool_finish(&ring->replies);
    transport->ops->destroy_blob(transport, &ring->memory);
    if (last) {
        transport->ops->destroy(transport);
    }
    pthread_mutex_destroy(&ring->lock);
    pthread_mutex_destroy(&ring->turn);
    free(ring->scratch);
    free(ring);
}
