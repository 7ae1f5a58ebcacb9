/* libwayland-client, loaded when the first window of its kind is seen, so that machines without
 * Wayland do not need it.
 *
 * The protocol's own header calls a few functions of the library inline: the macros below send
 * those calls, and ours, to the library that was loaded. Include this instead of wayland-client.h.
 */
#ifndef WSI_WAYLAND_LIBRARY_H
#define WSI_WAYLAND_LIBRARY_H

#include <stdbool.h>
#include <wayland-client-core.h>

/* clang-format off */
#define WSI_WAYLAND_FUNCTIONS(X) \
    X(wl_display_cancel_read) \
    X(wl_display_create_queue) \
    X(wl_display_dispatch_queue_pending) \
    X(wl_display_flush) \
    X(wl_display_get_error) \
    X(wl_display_get_fd) \
    X(wl_display_prepare_read_queue) \
    X(wl_display_read_events) \
    X(wl_display_roundtrip_queue) \
    X(wl_event_queue_destroy) \
    X(wl_proxy_add_listener) \
    X(wl_proxy_create_wrapper) \
    X(wl_proxy_destroy) \
    X(wl_proxy_get_user_data) \
    X(wl_proxy_get_version) \
    X(wl_proxy_marshal_flags) \
    X(wl_proxy_set_queue) \
    X(wl_proxy_set_user_data) \
    X(wl_proxy_wrapper_destroy)
/* clang-format on */

#define WSI_WAYLAND_MEMBER(function) __typeof__(function) *function;
struct wsi_wayland_library {
    WSI_WAYLAND_FUNCTIONS(WSI_WAYLAND_MEMBER)
};
#undef WSI_WAYLAND_MEMBER

/* Filled by wsi_wayland_load(). */
extern struct wsi_wayland_library wsi_wayland;

/* False, and why on standard error, without the library. Any thread; stays loaded. */
bool wsi_wayland_load(void);

#ifndef WSI_WAYLAND_LIBRARY_ITSELF
#define wl_display_cancel_read wsi_wayland.wl_display_cancel_read
#define wl_display_create_queue wsi_wayland.wl_display_create_queue
#define wl_display_dispatch_queue_pending wsi_wayland.wl_display_dispatch_queue_pending
#define wl_display_flush wsi_wayland.wl_display_flush
#define wl_display_get_error wsi_wayland.wl_display_get_error
#define wl_display_get_fd wsi_wayland.wl_display_get_fd
#define wl_display_prepare_read_queue wsi_wayland.wl_display_prepare_read_queue
#define wl_display_read_events wsi_wayland.wl_display_read_events
#define wl_display_roundtrip_queue wsi_wayland.wl_display_roundtrip_queue
#define wl_event_queue_destroy wsi_wayland.wl_event_queue_destroy
#define wl_proxy_add_listener wsi_wayland.wl_proxy_add_listener
#define wl_proxy_create_wrapper wsi_wayland.wl_proxy_create_wrapper
#define wl_proxy_destroy wsi_wayland.wl_proxy_destroy
#define wl_proxy_get_user_data wsi_wayland.wl_proxy_get_user_data
#define wl_proxy_get_version wsi_wayland.wl_proxy_get_version
#define wl_proxy_marshal_flags wsi_wayland.wl_proxy_marshal_flags
#define wl_proxy_set_queue wsi_wayland.wl_proxy_set_queue
#define wl_proxy_set_user_data wsi_wayland.wl_proxy_set_user_data
#define wl_proxy_wrapper_destroy wsi_wayland.wl_proxy_wrapper_destroy

/* Declares the protocol in terms of the above. */
#include <wayland-client-protocol.h>
#endif

#endif
