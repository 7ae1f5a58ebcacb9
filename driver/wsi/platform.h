/* Vulkan's declarations for windows, on machines with and without the window systems' headers: they
 * need only the names of a few types. Declaring those here keeps Xlib's macros out of the driver.
 */
#ifndef WSI_PLATFORM_H
#define WSI_PLATFORM_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

/* X11/Xlib.h, X11/extensions/Xrandr.h */
typedef struct _XDisplay Display;
typedef unsigned long Window;
typedef unsigned long VisualID;
typedef unsigned long RROutput;

/* xcb/xproto.h */
typedef struct xcb_connection_t xcb_connection_t;
typedef uint32_t xcb_window_t;
typedef uint32_t xcb_visualid_t;

/* wayland-client-core.h; generated prototypes have no `struct` in front. */
typedef struct wl_display wl_display;
typedef struct wl_surface wl_surface;

#include <vulkan/vulkan_wayland.h>
#include <vulkan/vulkan_xcb.h>
#include <vulkan/vulkan_xlib.h>
#include <vulkan/vulkan_xlib_xrandr.h>

#endif
