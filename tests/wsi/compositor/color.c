/* color-management-v1: everything by parameters, of which it refuses luminances that no display
 * reaches. Strict: a client that breaks a rule of the protocol is ended. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wsi/compositor/color-management-v1-server-protocol.h"
#include "tests/wsi/compositor/compositor.h"
#include "tests/wsi/compositor/screen.h"

enum {
    MOST_NITS = 10000,
    CURVES = 1 << WP_COLOR_MANAGER_V1_TRANSFER_FUNCTION_BT1886 |
             1 << WP_COLOR_MANAGER_V1_TRANSFER_FUNCTION_GAMMA22 |
             1 << WP_COLOR_MANAGER_V1_TRANSFER_FUNCTION_EXT_LINEAR |
             1 << WP_COLOR_MANAGER_V1_TRANSFER_FUNCTION_ST2084_PQ,
    OLD_CURVES = CURVES | 1 << WP_COLOR_MANAGER_V1_TRANSFER_FUNCTION_SRGB,
    NEW_CURVES = CURVES | 1 << WP_COLOR_MANAGER_V1_TRANSFER_FUNCTION_COMPOUND_POWER_2_4,
    PRIMARIES = 1 << WP_COLOR_MANAGER_V1_PRIMARIES_SRGB |
                1 << WP_COLOR_MANAGER_V1_PRIMARIES_BT2020 |
                1 << WP_COLOR_MANAGER_V1_PRIMARIES_DISPLAY_P3,
};

static uint32_t
curves_of(struct wl_resource *resource)
{
    return wl_resource_get_version(resource) > 1 ? NEW_CURVES : OLD_CURVES;
}

/* --- image descriptions: each has a struct color; NULL: it is not ready, and never will be --- */

static uint32_t last_identity;

static void
free_color(struct wl_resource *resource)
{
    free(wl_resource_get_user_data(resource));
}

static void
get_information(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    wl_resource_post_error(resource, WP_IMAGE_DESCRIPTION_V1_ERROR_NO_INFORMATION,
                           "it is the client's own");
}

static const struct wp_image_description_v1_interface description_implementation = {
    .destroy = destroy_resource,
    .get_information = get_information,
};

/* Takes over `color`; NULL: refused. */
static void
create_description(struct wl_client *client, struct wl_resource *from, uint32_t id,
                   struct color *color)
{
    struct wl_resource *resource = create_resource(client, &wp_image_description_v1_interface,
                                                   (uint32_t)wl_resource_get_version(from), id);
    wl_resource_set_implementation(resource, &description_implementation, color, free_color);
    if (!color) {
        wp_image_description_v1_send_failed(resource, WP_IMAGE_DESCRIPTION_V1_CAUSE_UNSUPPORTED,
                                            "no display is as bright");
    } else if (wl_resource_get_version(resource) > 1) {
        wp_image_description_v1_send_ready2(resource, 0, ++last_identity);
    } else {
        wp_image_description_v1_send_ready(resource, ++last_identity);
    }
}

/* --- by parameters --- */

static void
refuse(struct wl_resource *resource, uint32_t error, const char *what)
{
    wl_resource_post_error(resource, error, "%s", what);
}

static void
create_from_params(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    struct color *color = wl_resource_get_user_data(resource);
    bool is_new = wl_resource_get_version(resource) > 1;
    const uint32_t levels[] = {color->content, color->average};
    if (!color->primaries || !color->transfer) {
        refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_INCOMPLETE_SET,
               "primaries or curve are missing");
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (levels[i] && !is_new &&
            ((uint64_t)levels[i] * 10000 <= color->darkest || levels[i] > color->brightest)) {
            refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_INVALID_LUMINANCE,
                   "a level outside of the mastering display's");
            return;
        }
    }
    if (color->content && color->average > color->content) {
        refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_INVALID_LUMINANCE,
               "an average above the maximum");
        return;
    }
    wl_resource_set_user_data(resource, NULL); /* the description's now */
    if (color->brightest > MOST_NITS) {
        free(color);
        color = NULL;
    }
    create_description(client, resource, id, color);
    wl_resource_destroy(resource);
}

/* True if it may be set: once. */
static bool
set_once(struct wl_resource *resource, bool was_set)
{
    if (was_set) {
        refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_ALREADY_SET, "set twice");
    }
    return !was_set;
}

static void
set_transfer(struct wl_client *client, struct wl_resource *resource, uint32_t transfer)
{
    struct color *color = wl_resource_get_user_data(resource);
    if (transfer >= 32 || !(curves_of(resource) >> transfer & 1)) {
        refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_INVALID_TF, "no such curve");
    } else if (set_once(resource, color->transfer)) {
        color->transfer = transfer;
    }
}

static void
set_primaries(struct wl_client *client, struct wl_resource *resource, uint32_t primaries)
{
    struct color *color = wl_resource_get_user_data(resource);
    if (primaries >= 32 || !((uint32_t)PRIMARIES >> primaries & 1)) {
        refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_INVALID_PRIMARIES_NAMED,
               "no such primaries");
    } else if (set_once(resource, color->primaries)) {
        color->primaries = primaries;
    }
}

static void
set_power(struct wl_client *client, struct wl_resource *resource, uint32_t exponent)
{
    refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_UNSUPPORTED_FEATURE,
           "set_tf_power");
}

static void
set_own_primaries(struct wl_client *client, struct wl_resource *resource, int32_t r_x, int32_t r_y,
                  int32_t g_x, int32_t g_y, int32_t b_x, int32_t b_y, int32_t w_x, int32_t w_y)
{
    refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_UNSUPPORTED_FEATURE,
           "set_primaries");
}

static void
set_luminances(struct wl_client *client, struct wl_resource *resource, uint32_t darkest,
               uint32_t brightest, uint32_t reference)
{
    refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_UNSUPPORTED_FEATURE,
           "set_luminances");
}

static void
set_mastering(struct wl_client *client, struct wl_resource *resource, int32_t r_x, int32_t r_y,
              int32_t g_x, int32_t g_y, int32_t b_x, int32_t b_y, int32_t w_x, int32_t w_y)
{
    struct color *color = wl_resource_get_user_data(resource);
    const int32_t values[8] = {r_x, r_y, g_x, g_y, b_x, b_y, w_x, w_y};
    if (set_once(resource, color->mastering[7])) {
        memcpy(color->mastering, values, sizeof(values));
    }
}

static void
set_range(struct wl_client *client, struct wl_resource *resource, uint32_t darkest,
          uint32_t brightest)
{
    struct color *color = wl_resource_get_user_data(resource);
    if ((uint64_t)brightest * 10000 <= darkest) {
        refuse(resource, WP_IMAGE_DESCRIPTION_CREATOR_PARAMS_V1_ERROR_INVALID_LUMINANCE,
               "brightest is no brighter than darkest");
    } else if (set_once(resource, color->brightest)) {
        color->darkest = darkest;
        color->brightest = brightest;
    }
}

static void
set_content(struct wl_client *client, struct wl_resource *resource, uint32_t level)
{
    struct color *color = wl_resource_get_user_data(resource);
    if (set_once(resource, color->content)) {
        color->content = level;
    }
}

static void
set_average(struct wl_client *client, struct wl_resource *resource, uint32_t level)
{
    struct color *color = wl_resource_get_user_data(resource);
    if (set_once(resource, color->average)) {
        color->average = level;
    }
}

static const struct wp_image_description_creator_params_v1_interface params_implementation = {
    .create = create_from_params,
    .set_tf_named = set_transfer,
    .set_tf_power = set_power,
    .set_primaries_named = set_primaries,
    .set_primaries = set_own_primaries,
    .set_luminances = set_luminances,
    .set_mastering_display_primaries = set_mastering,
    .set_mastering_luminance = set_range,
    .set_max_cll = set_content,
    .set_max_fall = set_average,
};

/* --- surfaces --- */

static void
set_description(struct wl_client *client, struct wl_resource *resource,
                struct wl_resource *description, uint32_t intent)
{
    struct color *color = color_of(resource);
    const struct color *described = wl_resource_get_user_data(description);
    if (!color) {
        refuse(resource, WP_COLOR_MANAGEMENT_SURFACE_V1_ERROR_INERT, "the surface is gone");
    } else if (!described) {
        refuse(resource, WP_COLOR_MANAGEMENT_SURFACE_V1_ERROR_IMAGE_DESCRIPTION, "not ready");
    } else if (intent != WP_COLOR_MANAGER_V1_RENDER_INTENT_PERCEPTUAL) {
        refuse(resource, WP_COLOR_MANAGEMENT_SURFACE_V1_ERROR_RENDER_INTENT, "no such intent");
    } else {
        *color = *described;
    }
}

static void
unset_description(struct wl_client *client, struct wl_resource *resource)
{
    struct color *color = color_of(resource);
    if (color) {
        *color = (struct color){0};
    }
}

static void
destroy_color_object(struct wl_client *client, struct wl_resource *resource)
{
    unset_description(client, resource);
    wl_resource_destroy(resource);
}

static const struct wp_color_management_surface_v1_interface surface_implementation = {
    .destroy = destroy_color_object,
    .set_image_description = set_description,
    .unset_image_description = unset_description,
};

/* --- the manager --- */

static void
not_here(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    refuse(resource, WP_COLOR_MANAGER_V1_ERROR_UNSUPPORTED_FEATURE, "not offered");
}

static void
not_of_objects(struct wl_client *client, struct wl_resource *resource, uint32_t id,
               struct wl_resource *of)
{
    not_here(client, resource, id);
}

static void
get_color_object(struct wl_client *client, struct wl_resource *resource, uint32_t id,
                 struct wl_resource *surface)
{
    create_color_object(resource, &wp_color_management_surface_v1_interface,
                        &surface_implementation, id, surface);
}

static void
create_params(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    struct wl_resource *params =
        create_resource(client, &wp_image_description_creator_params_v1_interface,
                        (uint32_t)wl_resource_get_version(resource), id);
    wl_resource_set_implementation(params, &params_implementation, allocate(sizeof(struct color)),
                                   free_color);
}

static void
create_scrgb(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    struct color *color = allocate(sizeof(*color));
    color->is_scrgb = 1;
    create_description(client, resource, id, color);
}

const struct wp_color_manager_v1_interface color_manager_implementation = {
    .destroy = destroy_resource,
    .get_output = not_of_objects,
    .get_surface = get_color_object,
    .get_surface_feedback = not_of_objects,
    .create_icc_creator = not_here,
    .create_parametric_creator = create_params,
    .create_windows_scrgb = create_scrgb,
    .get_image_description = not_of_objects,
};

void
color_manager_bound(struct wl_resource *resource)
{
    wp_color_manager_v1_send_supported_intent(resource,
                                              WP_COLOR_MANAGER_V1_RENDER_INTENT_PERCEPTUAL);
    wp_color_manager_v1_send_supported_feature(resource, WP_COLOR_MANAGER_V1_FEATURE_PARAMETRIC);
    wp_color_manager_v1_send_supported_feature(
        resource, WP_COLOR_MANAGER_V1_FEATURE_SET_MASTERING_DISPLAY_PRIMARIES);
    wp_color_manager_v1_send_supported_feature(resource, WP_COLOR_MANAGER_V1_FEATURE_WINDOWS_SCRGB);
    for (uint32_t i = 0; i < 32; i++) {
        if (curves_of(resource) >> i & 1) {
            wp_color_manager_v1_send_supported_tf_named(resource, i);
        }
        if ((uint32_t)PRIMARIES >> i & 1) {
            wp_color_manager_v1_send_supported_primaries_named(resource, i);
        }
    }
    wp_color_manager_v1_send_done(resource);
}

void
color_show(struct screen *screen, const struct color *color)
{
    const int32_t *mastering = color->mastering;
    for (int i = 0; i < 8; i++) {
        atomic_store(&screen->color[SCREEN_MASTERING + i], mastering[i]);
    }
    atomic_store(&screen->color[SCREEN_SCRGB], (int32_t)color->is_scrgb);
    atomic_store(&screen->color[SCREEN_PRIMARIES], (int32_t)color->primaries);
    atomic_store(&screen->color[SCREEN_TRANSFER], (int32_t)color->transfer);
    atomic_store(&screen->color[SCREEN_DARKEST], (int32_t)color->darkest);
    atomic_store(&screen->color[SCREEN_BRIGHTEST], (int32_t)color->brightest);
    atomic_store(&screen->color[SCREEN_CONTENT], (int32_t)color->content);
    atomic_store(&screen->color[SCREEN_AVERAGE], (int32_t)color->average);
}
