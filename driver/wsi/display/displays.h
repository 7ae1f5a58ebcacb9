/* A physical device's displays, for builds with and without libdrm's headers. */
#ifndef WSI_DISPLAY_DISPLAYS_H
#define WSI_DISPLAY_DISPLAYS_H

#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct drv_physical_device;
struct wsi_display_events;
struct wsi_kms;

#if DRV_WSI_DISPLAY
/* Looks at nothing yet. Into *out, which stays as it is on failure. */
BASE_MUST_CHECK VkResult wsi_kms_create(struct drv_physical_device *physical_device,
                                        struct wsi_kms **out);
/* Accepts NULL. Displays and modes go with it; no swapchain is left. */
void wsi_kms_destroy(struct wsi_kms *kms);
/* Fences that wait for displays never will be signalled. Accepts NULL. */
void wsi_display_events_destroy(struct wsi_display_events *events);
#else
BASE_MUST_CHECK static inline VkResult
wsi_kms_create(struct drv_physical_device *physical_device, struct wsi_kms **out)
{
    return VK_SUCCESS;
}

static inline void
wsi_kms_destroy(struct wsi_kms *kms)
{
}

static inline void
wsi_display_events_destroy(struct wsi_display_events *events)
{
}
#endif

#endif
