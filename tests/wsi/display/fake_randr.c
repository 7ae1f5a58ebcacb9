#include "tests/wsi/display/fake_randr.h"

#include <stdlib.h>
#include <xcb/randr.h>

#include "tests/wsi/display/fake_kms.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT struct fake_randr fake_randr = {.lease_fd = -1};

static xcb_randr_output_t outputs[] = {FAKE_RANDR_OUTPUT};
static xcb_randr_crtc_t crtcs[] = {FAKE_RANDR_CRTC - 1, FAKE_RANDR_CRTC};
static uint32_t connector = FAKE_KMS_FIRST_CONNECTOR;

/* A question's cookie carries what it is about to the answer. */

EXPORT xcb_randr_query_version_cookie_t
xcb_randr_query_version(xcb_connection_t *connection, uint32_t major, uint32_t minor)
{
    return (xcb_randr_query_version_cookie_t){0};
}

EXPORT xcb_randr_query_version_reply_t *
xcb_randr_query_version_reply(xcb_connection_t *connection, xcb_randr_query_version_cookie_t cookie,
                              xcb_generic_error_t **error)
{
    xcb_randr_query_version_reply_t *reply = calloc(1, sizeof(*reply));
    reply->major_version = 1;
    reply->minor_version = 6;
    return reply;
}

EXPORT xcb_randr_get_screen_resources_current_cookie_t
xcb_randr_get_screen_resources_current(xcb_connection_t *connection, xcb_window_t window)
{
    return (xcb_randr_get_screen_resources_current_cookie_t){0};
}

EXPORT xcb_randr_get_screen_resources_current_reply_t *
xcb_randr_get_screen_resources_current_reply(xcb_connection_t *connection,
                                             xcb_randr_get_screen_resources_current_cookie_t cookie,
                                             xcb_generic_error_t **error)
{
    return calloc(1, sizeof(xcb_randr_get_screen_resources_current_reply_t));
}

EXPORT xcb_randr_output_t *
xcb_randr_get_screen_resources_current_outputs(
    const xcb_randr_get_screen_resources_current_reply_t *reply)
{
    return outputs;
}

EXPORT int
xcb_randr_get_screen_resources_current_outputs_length(
    const xcb_randr_get_screen_resources_current_reply_t *reply)
{
    return 1;
}

EXPORT xcb_randr_get_output_property_cookie_t
xcb_randr_get_output_property(xcb_connection_t *connection, xcb_randr_output_t output,
                              xcb_atom_t property, xcb_atom_t type, uint32_t offset,
                              uint32_t length, uint8_t delete, uint8_t pending)
{
    return (xcb_randr_get_output_property_cookie_t){output};
}

EXPORT xcb_randr_get_output_property_reply_t *
xcb_randr_get_output_property_reply(xcb_connection_t *connection,
                                    xcb_randr_get_output_property_cookie_t cookie,
                                    xcb_generic_error_t **error)
{
    if (cookie.sequence != FAKE_RANDR_OUTPUT) {
        return NULL;
    }
    xcb_randr_get_output_property_reply_t *reply = calloc(1, sizeof(*reply));
    reply->format = 32;
    reply->num_items = 1;
    return reply;
}

EXPORT uint8_t *
xcb_randr_get_output_property_data(const xcb_randr_get_output_property_reply_t *reply)
{
    return (uint8_t *)&connector;
}

EXPORT xcb_randr_get_output_info_cookie_t
xcb_randr_get_output_info(xcb_connection_t *connection, xcb_randr_output_t output,
                          xcb_timestamp_t time)
{
    return (xcb_randr_get_output_info_cookie_t){output};
}

EXPORT xcb_randr_get_output_info_reply_t *
xcb_randr_get_output_info_reply(xcb_connection_t *connection,
                                xcb_randr_get_output_info_cookie_t cookie,
                                xcb_generic_error_t **error)
{
    return calloc(1, sizeof(xcb_randr_get_output_info_reply_t));
}

EXPORT xcb_randr_crtc_t *
xcb_randr_get_output_info_crtcs(const xcb_randr_get_output_info_reply_t *reply)
{
    return crtcs;
}

EXPORT int
xcb_randr_get_output_info_crtcs_length(const xcb_randr_get_output_info_reply_t *reply)
{
    return 2;
}

EXPORT xcb_randr_get_crtc_info_cookie_t
xcb_randr_get_crtc_info(xcb_connection_t *connection, xcb_randr_crtc_t crtc, xcb_timestamp_t time)
{
    return (xcb_randr_get_crtc_info_cookie_t){crtc};
}

EXPORT xcb_randr_get_crtc_info_reply_t *
xcb_randr_get_crtc_info_reply(xcb_connection_t *connection, xcb_randr_get_crtc_info_cookie_t cookie,
                              xcb_generic_error_t **error)
{
    xcb_randr_get_crtc_info_reply_t *reply = calloc(1, sizeof(*reply));
    reply->num_outputs = cookie.sequence == FAKE_RANDR_CRTC ? 0 : 1;
    return reply;
}

EXPORT xcb_randr_create_lease_cookie_t
xcb_randr_create_lease(xcb_connection_t *connection, xcb_window_t window, xcb_randr_lease_t lease,
                       uint16_t crtc_count, uint16_t output_count,
                       const xcb_randr_crtc_t *leased_crtcs,
                       const xcb_randr_output_t *leased_outputs)
{
    fake_randr.leased_crtc = leased_crtcs[0];
    fake_randr.leased_output = leased_outputs[0];
    return (xcb_randr_create_lease_cookie_t){0};
}

EXPORT xcb_randr_create_lease_reply_t *
xcb_randr_create_lease_reply(xcb_connection_t *connection, xcb_randr_create_lease_cookie_t cookie,
                             xcb_generic_error_t **error)
{
    if (fake_randr.lease_fd == -1) {
        return NULL;
    }
    xcb_randr_create_lease_reply_t *reply = calloc(1, sizeof(*reply));
    reply->nfd = 1;
    return reply;
}

EXPORT int *
xcb_randr_create_lease_reply_fds(xcb_connection_t *connection,
                                 xcb_randr_create_lease_reply_t *reply)
{
    return &fake_randr.lease_fd;
}
