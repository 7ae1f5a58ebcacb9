#include "driver/wsi/wayland/color.h"

#include <math.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "driver/wsi/wayland/extensions.h"
#include "driver/wsi/wayland/wayland.h"

#define PATIENCE_NS (UINT64_C(5) * 1000 * 1000 * 1000)

enum { LOOK_MS = 100 }; /* how often it is seen whether to go on waiting */

#define FEATURE(name) (WP_COLOR_MANAGER_V1_FEATURE_##name)
#define TRANSFER(name) (WP_COLOR_MANAGER_V1_TRANSFER_FUNCTION_##name)
#define PRIMARIES(name) (WP_COLOR_MANAGER_V1_PRIMARIES_##name)

/* --- colour spaces --- */

enum range {
    NONLINEAR, /* from 0 to 1 */
    ABSOLUTE,  /* likewise, of luminances so many that 8 bits show steps */
    EXTENDED,  /* beyond 0 and 1, or linear: only floats hold it */
};

/* Vulkan's colour spaces in the protocol's terms, with the curves that a compositor may have for
 * them, the best first: that of sRGB has another name in version 2, and some take it for a power.
 * DCI-P3 is encoded as XYZ, by SMPTE 428-1. */
static const struct color_space {
    VkColorSpaceKHR space;
    enum range range;
    uint8_t primaries;
    uint8_t transfers[3];
} color_spaces[] = {
    {VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT,
     NONLINEAR,
     PRIMARIES(DISPLAY_P3),
     {TRANSFER(COMPOUND_POWER_2_4), TRANSFER(SRGB), TRANSFER(GAMMA22)}},
    {VK_COLOR_SPACE_BT709_NONLINEAR_EXT, NONLINEAR, PRIMARIES(SRGB), {TRANSFER(BT1886)}},
    {VK_COLOR_SPACE_ADOBERGB_NONLINEAR_EXT, NONLINEAR, PRIMARIES(ADOBE_RGB), {TRANSFER(GAMMA22)}},
    {VK_COLOR_SPACE_DCI_P3_NONLINEAR_EXT, NONLINEAR, PRIMARIES(CIE1931_XYZ), {TRANSFER(ST428)}},
    {VK_COLOR_SPACE_HDR10_ST2084_EXT, ABSOLUTE, PRIMARIES(BT2020), {TRANSFER(ST2084_PQ)}},
    {VK_COLOR_SPACE_HDR10_HLG_EXT, ABSOLUTE, PRIMARIES(BT2020), {TRANSFER(HLG)}},
    {VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT, EXTENDED, PRIMARIES(SRGB), {TRANSFER(EXT_LINEAR)}},
    {VK_COLOR_SPACE_EXTENDED_SRGB_NONLINEAR_EXT, EXTENDED, PRIMARIES(SRGB), {TRANSFER(EXT_SRGB)}},
    {VK_COLOR_SPACE_DISPLAY_P3_LINEAR_EXT, EXTENDED, PRIMARIES(DISPLAY_P3), {TRANSFER(EXT_LINEAR)}},
    {VK_COLOR_SPACE_BT709_LINEAR_EXT, EXTENDED, PRIMARIES(SRGB), {TRANSFER(EXT_LINEAR)}},
    {VK_COLOR_SPACE_BT2020_LINEAR_EXT, EXTENDED, PRIMARIES(BT2020), {TRANSFER(EXT_LINEAR)}},
    {VK_COLOR_SPACE_ADOBERGB_LINEAR_EXT, EXTENDED, PRIMARIES(ADOBE_RGB), {TRANSFER(EXT_LINEAR)}},
};

static const struct color_space *
find_space(VkColorSpaceKHR space)
{
    for (size_t i = 0; i < BASE_COUNT_OF(color_spaces); i++) {
        if (color_spaces[i].space == space) {
            return &color_spaces[i];
        }
    }
    return NULL;
}

static bool
has(uint32_t set, uint32_t value)
{
    return value < 32 && set >> value & 1;
}

/* The name of its curve that the compositor knows; 0: none. */
static uint32_t
find_transfer(const struct wsi_wayland_colors *colors, const struct color_space *space)
{
    for (size_t i = 0; i < BASE_COUNT_OF(space->transfers); i++) {
        if (space->transfers[i] && has(colors->transfers, space->transfers[i])) {
            return space->transfers[i];
        }
    }
    return 0;
}

static bool
is_parametric(const struct wsi_wayland_colors *colors, const struct color_space *space)
{
    return has(colors->features, FEATURE(PARAMETRIC)) && has(colors->primaries, space->primaries) &&
           find_transfer(colors, space);
}

/* The one that compositors may know by a name of its own. */
static bool
is_scrgb(const struct wsi_wayland_colors *colors, const struct color_space *space)
{
    return space->space == VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT &&
           has(colors->features, FEATURE(WINDOWS_SCRGB));
}

bool
wsi_wayland_describes_colors(VkColorSpaceKHR space)
{
    return space != VK_COLOR_SPACE_SRGB_NONLINEAR_KHR && space != VK_COLOR_SPACE_PASS_THROUGH_EXT;
}

/* Formats of sRGB put its curve on what is drawn, whatever the space is meant to have. */
static bool
holds(VkFormat format, const struct color_space *space)
{
    switch (format) {
    case VK_FORMAT_B8G8R8A8_SRGB:
    case VK_FORMAT_R8G8B8A8_SRGB: return space->space == VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT;
    case VK_FORMAT_R16G16B16A16_SFLOAT: return true;
    case VK_FORMAT_A2R10G10B10_UNORM_PACK32:
    case VK_FORMAT_A2B10G10R10_UNORM_PACK32: return space->range != EXTENDED;
    default: return space->range == NONLINEAR;
    }
}

bool
wsi_wayland_takes_colors(const struct wsi_wayland_surface *surface, VkFormat format,
                         VkColorSpaceKHR vk_space)
{
    const struct wsi_wayland_colors *colors = &surface->colors;
    const struct color_space *space = find_space(vk_space);
    if (!wsi_wayland_describes_colors(vk_space)) {
        return true;
    }
    return space && holds(format, space) && surface->color_manager &&
           has(colors->intents, WP_COLOR_MANAGER_V1_RENDER_INTENT_PERCEPTUAL) &&
           (is_parametric(colors, space) || is_scrgb(colors, space));
}

/* --- what the compositor can do --- */

static uint32_t
bit(uint32_t value)
{
    return value < 32 ? UINT32_C(1) << value : 0;
}

static void
supported_intent(void *user, struct wp_color_manager_v1 *manager, uint32_t intent)
{
    struct wsi_wayland_surface *surface = user;
    surface->colors.intents |= bit(intent);
}

static void
supported_feature(void *user, struct wp_color_manager_v1 *manager, uint32_t feature)
{
    struct wsi_wayland_surface *surface = user;
    surface->colors.features |= bit(feature);
}

static void
supported_transfer(void *user, struct wp_color_manager_v1 *manager, uint32_t transfer)
{
    struct wsi_wayland_surface *surface = user;
    surface->colors.transfers |= bit(transfer);
}

static void
supported_primaries(void *user, struct wp_color_manager_v1 *manager, uint32_t primaries)
{
    struct wsi_wayland_surface *surface = user;
    surface->colors.primaries |= bit(primaries);
}

static void
done(void *user, struct wp_color_manager_v1 *manager)
{
}

static const struct wp_color_manager_v1_listener manager_listener = {
    .supported_intent = supported_intent,
    .supported_feature = supported_feature,
    .supported_tf_named = supported_transfer,
    .supported_primaries_named = supported_primaries,
    .done = done,
};

void
wsi_wayland_ask_for_colors(struct wsi_wayland_surface *surface)
{
    wp_color_manager_v1_add_listener(surface->color_manager, &manager_listener, surface);
}

/* --- HDR metadata, in the protocol's units. A wrong value would end the connection, so what makes
 * no sense is left out --- */

/* `scale` of the protocol's units make one of Vulkan's; 0 for what is no luminance. */
static uint32_t
luminance(float nits, float scale)
{
    return isfinite(nits) && nits > 0 && nits <= 1e5F ? (uint32_t)(nits * scale + 0.5F) : 0;
}

static bool
is_chromaticity(VkXYColorEXT at)
{
    return isfinite(at.x) && isfinite(at.y) && fabsf(at.x) <= 2 && at.y > 0 && at.y <= 2;
}

static int32_t
millionths(float value)
{
    return (int32_t)(value * 1e6F + (value < 0 ? -0.5F : 0.5F));
}

static void
set_mastering_primaries(struct wp_image_description_creator_params_v1 *params,
                        const VkHdrMetadataEXT *hdr)
{
    const VkXYColorEXT r = hdr->displayPrimaryRed, g = hdr->displayPrimaryGreen,
                       b = hdr->displayPrimaryBlue, w = hdr->whitePoint;
    if (is_chromaticity(r) && is_chromaticity(g) && is_chromaticity(b) && is_chromaticity(w)) {
        wp_image_description_creator_params_v1_set_mastering_display_primaries(
            params, millionths(r.x), millionths(r.y), millionths(g.x), millionths(g.y),
            millionths(b.x), millionths(b.y), millionths(w.x), millionths(w.y));
    }
}

/* Whole units, and the ten thousandths in which the darkest is told. */
static bool
is_above(uint32_t luminance, uint32_t darkest)
{
    return (uint64_t)luminance * 10000 > darkest;
}

static void
set_hdr(const struct wsi_wayland_colors *colors,
        struct wp_image_description_creator_params_v1 *params, const VkHdrMetadataEXT *hdr)
{
    uint32_t darkest = luminance(hdr->minLuminance, 10000);
    uint32_t brightest = luminance(hdr->maxLuminance, 1);
    uint32_t content = luminance(hdr->maxContentLightLevel, 1);
    uint32_t average = luminance(hdr->maxFrameAverageLightLevel, 1);
    bool has_volume = has(colors->features, FEATURE(SET_MASTERING_DISPLAY_PRIMARIES));
    bool has_range = has_volume && is_above(brightest, darkest);
    /* Version 1 wants the content's levels within the mastering display's. */
    bool is_new = wl_proxy_get_version((struct wl_proxy *)params) > 1;

    if (has_volume) {
        set_mastering_primaries(params, hdr);
    }
    if (has_range) {
        wp_image_description_creator_params_v1_set_mastering_luminance(params, darkest, brightest);
    }
    bool tells_content =
        content && (is_new || (has_range && content <= brightest && is_above(content, darkest)));
    if (tells_content) {
        wp_image_description_creator_params_v1_set_max_cll(params, content);
    }
    if (average && (!tells_content || average <= content) &&
        (is_new || (has_range && average <= brightest && is_above(average, darkest)))) {
        wp_image_description_creator_params_v1_set_max_fall(params, average);
    }
}

/* --- image descriptions --- */

enum answer { NONE, READY, FAILED };

static void
failed(void *user, struct wp_image_description_v1 *description, uint32_t cause, const char *message)
{
    base_log_info("the compositor does not take colours as described: %s", message);
    *(enum answer *)user = FAILED;
}

static void
ready(void *user, struct wp_image_description_v1 *description, uint32_t identity)
{
    *(enum answer *)user = READY;
}

static void
ready2(void *user, struct wp_image_description_v1 *description, uint32_t identity_high,
       uint32_t identity_low)
{
    *(enum answer *)user = READY;
}

static const struct wp_image_description_v1_listener description_listener = {
    .failed = failed,
    .ready = ready,
    .ready2 = ready2,
};

/* `hdr`: NULL, or metadata. NULL: out of memory. */
static struct wp_image_description_v1 *
create(const struct wsi_wayland_color *color, const VkHdrMetadataEXT *hdr)
{
    const struct wsi_wayland_colors *colors = &color->window->colors;
    const struct color_space *space = find_space(color->space);
    if (!is_parametric(colors, space)) {
        return wp_color_manager_v1_create_windows_scrgb(color->manager);
    }
    struct wp_image_description_creator_params_v1 *params =
        wp_color_manager_v1_create_parametric_creator(color->manager);
    if (!params) {
        return NULL;
    }
    wp_image_description_creator_params_v1_set_primaries_named(params, space->primaries);
    wp_image_description_creator_params_v1_set_tf_named(params, find_transfer(colors, space));
    if (hdr) {
        set_hdr(colors, params, hdr);
    }
    return wp_image_description_creator_params_v1_create(params);
}

/* Hears what the compositor says, for a while. Whoever else listens meanwhile waits for us, who
 * look before we read. False if the connection is lost. */
static bool
hear(struct wsi_wayland_color *color)
{
    struct wl_display *display = color->window->display;
    struct pollfd server = {.fd = wl_display_get_fd(display), .events = POLLIN};
    if (wl_display_prepare_read_queue(display, color->queue) != 0) {
        return wl_display_dispatch_queue_pending(display, color->queue) >= 0;
    }
    (void)wl_display_flush(display);
    if (poll(&server, 1, LOOK_MS) <= 0) {
        wl_display_cancel_read(display);
        return true;
    }
    return wl_display_read_events(display) == 0 &&
           wl_display_dispatch_queue_pending(display, color->queue) >= 0;
}

/* NULL: the compositor refuses it, or is silent. */
static struct wp_image_description_v1 *
describe(struct wsi_wayland_color *color, const VkHdrMetadataEXT *hdr)
{
    uint64_t deadline_ns = base_clock_deadline_ns(PATIENCE_NS);
    enum answer answer = NONE;
    struct wp_image_description_v1 *description = create(color, hdr);
    if (!description) {
        return NULL;
    }
    wp_image_description_v1_add_listener(description, &description_listener, &answer);
    while (answer == NONE && !atomic_load(&color->ended) && base_clock_now_ns() < deadline_ns &&
           hear(color)) {
    }
    if (answer != READY) {
        wp_image_description_v1_destroy(description);
        return NULL;
    }
    return description;
}

static void
set_next(struct wsi_wayland_color *color, struct wp_image_description_v1 *description)
{
    if (color->next) {
        wp_image_description_v1_destroy(color->next);
    }
    color->next = description;
}

bool
wsi_wayland_color_asks(const struct wsi_wayland_color *color, const struct wsi_frame *frame)
{
    return color->queue && frame->hdr.serial != color->hdr_serial;
}

void
wsi_wayland_color_describe(struct wsi_wayland_color *color, const struct wsi_frame *frame)
{
    if (wsi_wayland_color_asks(color, frame)) {
        struct wp_image_description_v1 *description = describe(color, &frame->hdr.metadata);
        color->hdr_serial = frame->hdr.serial;
        if (description) { /* else everything stays as it was */
            set_next(color, description);
        }
    }
    if (color->next) {
        wp_color_management_surface_v1_set_image_description(
            color->window->color, color->next, WP_COLOR_MANAGER_V1_RENDER_INTENT_PERCEPTUAL);
        set_next(color, NULL); /* which the compositor has a copy of */
    }
}

/* --- life --- */

VkResult
wsi_wayland_color_init(struct wsi_wayland_color *color, struct wsi_wayland_surface *window,
                       VkColorSpaceKHR space)
{
    *color = (struct wsi_wayland_color){.window = window, .space = space};
    if (!wsi_wayland_describes_colors(space)) {
        return VK_SUCCESS;
    }
    window->color_user = color;
    color->queue = wl_display_create_queue(window->display);
    color->manager = color->queue ? wl_proxy_create_wrapper(window->color_manager) : NULL;
    if (!color->manager || !window->color) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    wl_proxy_set_queue((struct wl_proxy *)color->manager, color->queue);
    color->next = describe(color, NULL);
    if (!color->next) {
        base_log_error("vkCreateSwapchainKHR: the compositor does not take colour space %d, which "
                       "it has offered",
                       space);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    return VK_SUCCESS;
}

void
wsi_wayland_color_end(struct wsi_wayland_color *color)
{
    atomic_store(&color->ended, true);
}

void
wsi_wayland_color_finish(struct wsi_wayland_color *color)
{
    struct wsi_wayland_surface *window = color->window;
    set_next(color, NULL);
    if (window && window->color && window->color_user == color) {
        wp_color_management_surface_v1_destroy(window->color);
        window->color = NULL;
    }
    if (color->manager) {
        wl_proxy_wrapper_destroy(color->manager);
    }
    if (color->queue) {
        wl_event_queue_destroy(color->queue);
    }
}
