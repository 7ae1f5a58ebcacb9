/* The capability set (virtio-gpu capset id 4, version 0): what a renderer tells a driver before the
 * first command. 160 bytes as upstream defines them, then our tail, which upstream's drivers skip
 * and upstream's renderers leave out (it then reads as zeroes). */
#ifndef WIRE_CAPSET_H
#define WIRE_CAPSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_CAPSET_ID = 4,
    WIRE_CAPSET_VERSION = 0,
    WIRE_FORMAT_VERSION = 1,
    WIRE_CAPSET_EXTENSION_WORDS = 32,
    WIRE_MAX_TIMELINES = 64,
};

/* "VSPR" */
#define WIRE_TAIL_MAGIC 0x52505356u
#define WIRE_TAIL_VERSION 2u
#define WIRE_TAIL_VERSION_EXTENSIONS 2u /* the first with tail_extension_mask */

enum wire_feature {
    /* Ring words may be slept on with futexes: both sides run on one kernel (vtest, loopback). The
     * driver then chains VkRingWakeInfoVESPER to VkRingCreateInfoMESA. */
    WIRE_FEATURE_RING_FUTEX = 1u << 0,
    /* VkSyncFeedbackInfoVESPER may be chained to VkFenceCreateInfo and VkSemaphoreCreateInfo. */
    WIRE_FEATURE_SYNC_FEEDBACK = 1u << 1,
    /* VkPeerInfoVESPER may be chained to VkInstanceCreateInfo: the driver's part of the agreement
     * about private extensions. */
    WIRE_FEATURE_PEER_INFO = 1u << 2,
    /* External memory: WIRE_VTEST_VESPER_RESOURCE_IMPORT makes a resource of a descriptor, and
     * vkAllocateMemory exports and imports as OPAQUE_FD and DMA_BUF what the queries promise. */
    WIRE_FEATURE_EXTERNAL_MEMORY = 1u << 3,
    /* WIRE_VTEST_IMPORT_PAGES has an offset. */
    WIRE_FEATURE_PAGES_AT_OFFSET = 1u << 4,
};

struct wire_capset {
    uint32_t wire_format_version;
    uint32_t vk_xml_version; /* VK_MAKE_API_VERSION encoding */
    uint32_t vk_ext_command_serialization_spec_version;
    uint32_t vk_mesa_venus_protocol_spec_version;
    uint32_t supports_blob_id_0;
    /* Bit N of word N / 32: extension number N is understood. Bit 0 of word 0: the mask is valid.
     */
    uint32_t vk_extension_mask[WIRE_CAPSET_EXTENSION_WORDS];
    uint32_t allow_vk_wait_syncs;
    uint32_t supports_multiple_timelines;
    uint32_t use_guest_vram;
    /* Ours, from byte 160 on. */
    uint32_t tail_magic;
    uint32_t tail_version;
    uint32_t tail_features; /* enum wire_feature */
    uint32_t tail_reserved;
    /* Bit N of word N / 32: the commands and structures that we ourselves have numbered for
     * extension N are understood. The mask above is for what every implementation numbers alike. */
    uint32_t tail_extension_mask[WIRE_CAPSET_EXTENSION_WORDS];
};

_Static_assert(offsetof(struct wire_capset, tail_magic) == 160, "upstream's part is 160 bytes");
_Static_assert(sizeof(struct wire_capset) == 304, "no padding on the wire");

static inline bool
wire_capset_has_extension(const struct wire_capset *capset, uint32_t number)
{
    bool valid = capset->vk_extension_mask[0] & 1;
    return !valid || (number < 32 * WIRE_CAPSET_EXTENSION_WORDS &&
                      (capset->vk_extension_mask[number / 32] >> (number % 32) & 1));
}

static inline bool
wire_capset_has_feature(const struct wire_capset *capset, enum wire_feature feature)
{
    return capset->tail_magic == WIRE_TAIL_MAGIC && (capset->tail_features & feature);
}

static inline bool
wire_capset_has_private_extension(const struct wire_capset *capset, uint32_t number)
{
    return capset->tail_magic == WIRE_TAIL_MAGIC &&
           capset->tail_version >= WIRE_TAIL_VERSION_EXTENSIONS &&
           number < 32 * WIRE_CAPSET_EXTENSION_WORDS &&
           (capset->tail_extension_mask[number / 32] >> (number % 32) & 1);
}

#endif
