/* VkBuffer: remembers its memory requirements. */
#ifndef DRV_BUFFER_H
#define DRV_BUFFER_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/object.h"
#include "driver/requirements.h"

struct drv_buffer {
    struct proto_object object;
    bool replays_address; /* constant: the host may refuse to bind it */
    struct drv_requirements requirements;
};

static inline struct drv_buffer *
drv_buffer_from(VkBuffer handle)
{
    return (struct drv_buffer *)(uintptr_t)handle;
}

#endif
