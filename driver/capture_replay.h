/* Objects that an application captures to make them again, in another run, with the same
 * descriptors (VK_EXT_descriptor_buffer) or shader group handles (VK_KHR_ray_tracing_pipeline).
 * Vulkan's commands and structures leave the length of what is captured to properties; on the wire
 * it goes along (VK_VESPER_capture_replay). Any thread. */
#ifndef DRV_CAPTURE_REPLAY_H
#define DRV_CAPTURE_REPLAY_H

#include <stddef.h>
#include <vulkan/vulkan_core.h>

#include "protocol/proto_mesa.h"

struct drv_device;

enum drv_captured {
    DRV_CAPTURED_BUFFER,
    DRV_CAPTURED_IMAGE,
    DRV_CAPTURED_IMAGE_VIEW,
    DRV_CAPTURED_SAMPLER,
    DRV_CAPTURED_ACCELERATION_STRUCTURE,
    DRV_CAPTURED_GROUP_HANDLE,
};

/* Bytes; 0: the renderer did not say. */
size_t drv_captured_size(struct drv_device *device, enum drv_captured what);

/* A create info's chain as it is to be encoded: if it replays something, with the structure that
 * travels in front, which is *place. */
const void *drv_replayed_chain(struct drv_device *device, enum drv_captured what, const void *chain,
                               VkOpaqueCaptureDataVESPER *place);

#endif
