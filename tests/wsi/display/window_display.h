/* A display as a window for tests of presenting: the first one with its preferred mode, on the
 * first plane that can show it. Of the real kernel, or of the fake in the file that FAKE_KMS names.
 */
#ifndef TEST_WINDOW_DISPLAY_H
#define TEST_WINDOW_DISPLAY_H

#include "tests/wsi/display/fake_kms.h"
#include "tests/wsi/window.h"

extern const struct window_ops window_display;

/* NULL on the real kernel. */
struct fake_kms *window_display_fake(void);
/* A descriptor of the device, which nobody is master of. */
int window_display_open_device(void);
/* Of libdrm, whichever it is. */
void *window_display_drm(const char *name);

#define WINDOW_DISPLAY_FUNCTIONS(X)                                                                \
    X(vkAcquireDrmDisplayEXT)                                                                      \
    X(vkCreateDisplayModeKHR)                                                                      \
    X(vkCreateDisplayPlaneSurfaceKHR)                                                              \
    X(vkDisplayPowerControlEXT)                                                                    \
    X(vkGetDisplayModeProperties2KHR)                                                              \
    X(vkGetDisplayModePropertiesKHR)                                                               \
    X(vkGetDisplayPlaneCapabilities2KHR)                                                           \
    X(vkGetDisplayPlaneCapabilitiesKHR)                                                            \
    X(vkGetDisplayPlaneSupportedDisplaysKHR)                                                       \
    X(vkGetDrmDisplayEXT)                                                                          \
    X(vkGetPhysicalDeviceSurfaceCapabilities2EXT)                                                  \
    X(vkGetSwapchainCounterEXT)                                                                    \
    X(vkRegisterDeviceEventEXT)                                                                    \
    X(vkRegisterDisplayEventEXT)                                                                   \
    X(vkGetPhysicalDeviceDisplayPlaneProperties2KHR)                                               \
    X(vkGetPhysicalDeviceDisplayPlanePropertiesKHR)                                                \
    X(vkGetPhysicalDeviceDisplayProperties2KHR)                                                    \
    X(vkGetPhysicalDeviceDisplayPropertiesKHR)                                                     \
    X(vkReleaseDisplayEXT)
#define WINDOW_DISPLAY_DECLARE(name) extern PFN_##name name;
WINDOW_DISPLAY_FUNCTIONS(WINDOW_DISPLAY_DECLARE)
#undef WINDOW_DISPLAY_DECLARE

/* For the above, once there is an instance. */
void window_display_load(VkInstance instance);
/* On the given plane of the display. */
VkSurfaceKHR window_display_create_surface(VkInstance instance,
                                           const VkDisplayModePropertiesKHR *mode, uint32_t plane);

#endif
