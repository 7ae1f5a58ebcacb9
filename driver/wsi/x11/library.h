/* The X11 client libraries, loaded when the first window of theirs is seen, so that machines
 * without X need none of them. The functions keep their names: x11->xcb_flush(connection). */
#ifndef WSI_X11_LIBRARY_H
#define WSI_X11_LIBRARY_H

#include <stdbool.h>
#include <xcb/dri3.h>
#include <xcb/present.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>
#include <xcb/xcbext.h>

/* clang-format off */
#define WSI_X11_XCB_FUNCTIONS(X) \
    X(xcb_connection_has_error) \
    X(xcb_create_gc_checked) \
    X(xcb_depth_next) \
    X(xcb_depth_visuals) \
    X(xcb_depth_visuals_length) \
    X(xcb_discard_reply) \
    X(xcb_flush) \
    X(xcb_free_gc) \
    X(xcb_free_pixmap) \
    X(xcb_generate_id) \
    X(xcb_get_extension_data) \
    X(xcb_get_file_descriptor) \
    X(xcb_get_geometry) \
    X(xcb_get_geometry_reply) \
    X(xcb_get_maximum_request_length) \
    X(xcb_get_setup) \
    X(xcb_get_window_attributes) \
    X(xcb_get_window_attributes_reply) \
    X(xcb_poll_for_special_event) \
    X(xcb_put_image_checked) \
    X(xcb_register_for_special_xge) \
    X(xcb_request_check) \
    X(xcb_screen_allowed_depths_iterator) \
    X(xcb_screen_next) \
    X(xcb_send_request_with_fds) \
    X(xcb_setup_roots_iterator) \
    X(xcb_unregister_for_special_event)

#define WSI_X11_SHM_FUNCTIONS(X) \
    X(xcb_shm_attach_fd_checked) \
    X(xcb_shm_detach) \
    X(xcb_shm_put_image_checked) \
    X(xcb_shm_query_version) \
    X(xcb_shm_query_version_reply)

#define WSI_X11_PRESENT_FUNCTIONS(X) \
    X(xcb_present_notify_msc_checked) \
    X(xcb_present_pixmap_checked) \
    X(xcb_present_query_capabilities) \
    X(xcb_present_query_capabilities_reply) \
    X(xcb_present_query_version) \
    X(xcb_present_query_version_reply) \
    X(xcb_present_select_input_checked)

#define WSI_X11_DRI3_FUNCTIONS(X) \
    X(xcb_dri3_get_supported_modifiers) \
    X(xcb_dri3_get_supported_modifiers_reply) \
    X(xcb_dri3_get_supported_modifiers_screen_modifiers) \
    X(xcb_dri3_get_supported_modifiers_screen_modifiers_length) \
    X(xcb_dri3_get_supported_modifiers_window_modifiers) \
    X(xcb_dri3_get_supported_modifiers_window_modifiers_length) \
    X(xcb_dri3_pixmap_from_buffer_checked) \
    X(xcb_dri3_pixmap_from_buffers_checked) \
    X(xcb_dri3_query_version) \
    X(xcb_dri3_query_version_reply)
/* clang-format on */

#define WSI_X11_MEMBER(function) __typeof__(function) *function;

struct wsi_x11_library {
    WSI_X11_XCB_FUNCTIONS(WSI_X11_MEMBER)

    /* All or none of a group; its extension is NULL if the library is not there. */
    xcb_extension_t *shm_extension, *present_extension, *dri3_extension;
    WSI_X11_SHM_FUNCTIONS(WSI_X11_MEMBER)
    WSI_X11_PRESENT_FUNCTIONS(WSI_X11_MEMBER)
    WSI_X11_DRI3_FUNCTIONS(WSI_X11_MEMBER)
};

/* NULL, and why on standard error, without libxcb. Any thread; stays loaded. */
const struct wsi_x11_library *wsi_x11_library(void);

/* True if the request was accepted. Waits for the answer. */
bool wsi_x11_check(const struct wsi_x11_library *x11, xcb_connection_t *connection,
                   xcb_void_cookie_t request);

struct _XDisplay;
/* XGetXCBConnection(); NULL, and why on standard error, without libX11-xcb. */
xcb_connection_t *wsi_x11_connection_of(struct _XDisplay *display);

#endif
