/* VK_KHR_wayland_surface. */
#include <poll.h>
#include <stddef.h>
#include <string.h>

#include "base/attributes.h"
#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/wsi/wayland/dma_buf.h"
#include "driver/wsi/wayland/extensions.h"
#include "driver/wsi/wayland/wayland.h"

#define CODE(a, b, c, d)                                                                           \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* In our order of preference. The first is the one that every compositor takes; its codes are 1 and
 * 0 for history's sake, the others are DRM's. */
const struct wsi_wayland_layout wsi_wayland_layouts[WSI_WAYLAND_LAYOUTS] = {
    {1, 0, {VK_FORMAT_B8G8R8A8_SRGB, VK_FORMAT_B8G8R8A8_UNORM}},
    {CODE('X', 'B', '2', '4'),
     CODE('A', 'B', '2', '4'),
     {VK_FORMAT_R8G8B8A8_SRGB, VK_FORMAT_R8G8B8A8_UNORM}},
    {CODE('X', 'R', '3', '0'), CODE('A', 'R', '3', '0'), {VK_FORMAT_A2R10G10B10_UNORM_PACK32}},
    {CODE('X', 'B', '3', '0'), CODE('A', 'B', '3', '0'), {VK_FORMAT_A2B10G10R10_UNORM_PACK32}},
    {CODE('X', 'B', '4', 'H'), CODE('A', 'B', '4', 'H'), {VK_FORMAT_R16G16B16A16_SFLOAT}},
};

int
wsi_wayland_find_layout(VkFormat format)
{
    for (int i = 0; i < WSI_WAYLAND_LAYOUTS; i++) {
        const struct wsi_wayland_layout *layout = &wsi_wayland_layouts[i];
        if (layout->formats[0] == format || layout->formats[1] == format) {
            return i;
        }
    }
    return -1;
}

bool
wsi_wayland_find_code(const struct wsi_wayland_surface *surface, VkFormat format, bool opaque,
                      uint32_t *out)
{
    int i = wsi_wayland_find_layout(format);
    if (i < 0) {
        return false;
    }
    *out = opaque ? wsi_wayland_layouts[i].opaque : wsi_wayland_layouts[i].with_alpha;
    return opaque ? surface->takes_opaque[i] : surface->takes_alpha[i];
}

/* --- what the compositor offers --- */

static void
shm_format(void *user, struct wl_shm *shm, uint32_t code)
{
    struct wsi_wayland_surface *surface = user;
    for (size_t i = 0; i < WSI_WAYLAND_LAYOUTS; i++) {
        surface->takes_opaque[i] |= code == wsi_wayland_layouts[i].opaque;
        surface->takes_alpha[i] |= code == wsi_wayland_layouts[i].with_alpha;
    }
}

static const struct wl_shm_listener shm_listener = {.format = shm_format};

static void
clock_id(void *user, struct wp_presentation *presentation, uint32_t clock)
{
    struct wsi_wayland_surface *surface = user;
    surface->clock = (clockid_t)clock;
}

static const struct wp_presentation_listener presentation_listener = {.clock_id = clock_id};

/* What we use of the compositor, in which version at most, and where it is kept. */
static const struct {
    const struct wl_interface *interface;
    uint32_t version;
    size_t offset;
} globals[] = {
    {&wl_shm_interface, 1, offsetof(struct wsi_wayland_surface, shm)},
    {&wp_presentation_interface, 1, offsetof(struct wsi_wayland_surface, presentation)},
    {&wp_tearing_control_manager_v1_interface, 1,
     offsetof(struct wsi_wayland_surface, tearing_manager)},
    {&wp_fifo_manager_v1_interface, 1, offsetof(struct wsi_wayland_surface, fifo_manager)},
    {&wp_commit_timing_manager_v1_interface, 1,
     offsetof(struct wsi_wayland_surface, timing_manager)},
    {&zwp_linux_dmabuf_v1_interface, 4, offsetof(struct wsi_wayland_surface, dma_buf)},
    {&wp_linux_drm_syncobj_manager_v1_interface, 1,
     offsetof(struct wsi_wayland_surface, sync_manager)},
    {&wp_color_manager_v1_interface, 2, offsetof(struct wsi_wayland_surface, color_manager)},
};

static struct wl_proxy **
kept(struct wsi_wayland_surface *surface, size_t global)
{
    return (struct wl_proxy **)((char *)surface + globals[global].offset);
}

static void
global_added(void *user, struct wl_registry *registry, uint32_t name, const char *interface,
             uint32_t version)
{
    struct wsi_wayland_surface *surface = user;
    for (size_t i = 0; i < BASE_COUNT_OF(globals); i++) {
        struct wl_proxy **proxy = kept(surface, i);
        if (!*proxy && strcmp(interface, globals[i].interface->name) == 0) {
            uint32_t most = globals[i].version;
            *proxy = wl_registry_bind(registry, name, globals[i].interface,
                                      version < most ? version : most);
        }
    }
    if (surface->shm && !wl_shm_get_user_data(surface->shm)) {
        wl_shm_add_listener(surface->shm, &shm_listener, surface);
    }
    if (surface->presentation && !wp_presentation_get_user_data(surface->presentation)) {
        wp_presentation_add_listener(surface->presentation, &presentation_listener, surface);
    }
    if (surface->dma_buf && !zwp_linux_dmabuf_v1_get_user_data(surface->dma_buf)) {
        wsi_wayland_ask_for_dma_bufs(surface);
    }
    if (surface->color_manager && !wp_color_manager_v1_get_user_data(surface->color_manager)) {
        wsi_wayland_ask_for_colors(surface);
    }
}

static void
global_removed(void *user, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = {
    .global = global_added,
    .global_remove = global_removed,
};

/* Two round trips: which globals there are, and what those say of themselves. */
static bool
ask_compositor(struct wsi_wayland_surface *surface)
{
    surface->queue = wl_display_create_queue(surface->display);
    struct wl_display *wrapper = surface->queue ? wl_proxy_create_wrapper(surface->display) : NULL;
    if (!wrapper) {
        return false;
    }
    wl_proxy_set_queue((struct wl_proxy *)wrapper, surface->queue);
    struct wl_registry *registry = wl_display_get_registry(wrapper);
    wl_proxy_wrapper_destroy(wrapper);
    if (!registry) {
        return false;
    }
    wl_registry_add_listener(registry, &registry_listener, surface);
    bool answered = wl_display_roundtrip_queue(surface->display, surface->queue) >= 0 &&
                    surface->shm &&
                    wl_display_roundtrip_queue(surface->display, surface->queue) >= 0;
    wl_registry_destroy(registry); /* what comes and goes later is not for us */
    wsi_wayland_have_dma_bufs(surface);
    return answered;
}

/* A window's colours are described by one at a time: by us, or by the application. */
static void
prepare_colors(struct wsi_wayland_surface *surface, VkColorSpaceKHR space)
{
    bool wanted = wsi_wayland_describes_colors(space);
    if (wanted && !surface->color) {
        surface->color = wp_color_manager_v1_get_surface(surface->color_manager, surface->surface);
    } else if (!wanted && surface->color) {
        wp_color_management_surface_v1_destroy(surface->color);
        surface->color = NULL;
    }
}

void
wsi_wayland_prepare_window(struct wsi_wayland_surface *surface, VkColorSpaceKHR space)
{
    if (surface->tearing_manager && !surface->tearing) {
        surface->tearing = wp_tearing_control_manager_v1_get_tearing_control(
            surface->tearing_manager, surface->surface);
    }
    if (surface->fifo_manager && !surface->fifo) {
        surface->fifo = wp_fifo_manager_v1_get_fifo(surface->fifo_manager, surface->surface);
    }
    if (surface->timing_manager && !surface->timer) {
        surface->timer =
            wp_commit_timing_manager_v1_get_timer(surface->timing_manager, surface->surface);
    }
    prepare_colors(surface, space);
}

static void
forget_compositor(struct wsi_wayland_surface *surface)
{
    if (surface->tearing) {
        wp_tearing_control_v1_destroy(surface->tearing);
    }
    if (surface->fifo) {
        wp_fifo_v1_destroy(surface->fifo);
    }
    if (surface->timer) {
        wp_commit_timer_v1_destroy(surface->timer);
    }
    if (surface->color) {
        wp_color_management_surface_v1_destroy(surface->color);
    }
    if (surface->sync) {
        wp_linux_drm_syncobj_surface_v1_destroy(surface->sync);
    }
    if (surface->presentation) {
        wp_presentation_destroy(surface->presentation);
    }
    if (surface->tearing_manager) {
        wp_tearing_control_manager_v1_destroy(surface->tearing_manager);
    }
    if (surface->fifo_manager) {
        wp_fifo_manager_v1_destroy(surface->fifo_manager);
    }
    if (surface->timing_manager) {
        wp_commit_timing_manager_v1_destroy(surface->timing_manager);
    }
    wsi_wayland_finish_dma_bufs(surface);
    if (surface->dma_buf) {
        zwp_linux_dmabuf_v1_destroy(surface->dma_buf);
    }
    if (surface->sync_manager) {
        wp_linux_drm_syncobj_manager_v1_destroy(surface->sync_manager);
    }
    if (surface->color_manager) {
        wp_color_manager_v1_destroy(surface->color_manager);
    }
    if (surface->shm) {
        wl_shm_destroy(surface->shm);
    }
    if (surface->queue) {
        wl_event_queue_destroy(surface->queue);
    }
}

/* --- events --- */

static bool
has_data(struct wl_display *display)
{
    struct pollfd ready = {.fd = wl_display_get_fd(display), .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

/* Nobody is told that we are about to read before there is something: who reads without looking
 * would then sleep as long as we do. */
bool
wsi_wayland_read_events(struct wl_display *display, struct wl_event_queue *queue)
{
    if (wl_display_prepare_read_queue(display, queue) != 0) {
        return true; /* there are some already */
    }
    if (!has_data(display)) {
        wl_display_cancel_read(display);
        return true;
    }
    return wl_display_read_events(display) == 0;
}

/* --- the surface --- */

/* Everything but sRGB, which comes first: what an application takes that knows no other. */
static const VkColorSpaceKHR other_spaces[] = {
    VK_COLOR_SPACE_HDR10_ST2084_EXT,         VK_COLOR_SPACE_HDR10_HLG_EXT,
    VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT, VK_COLOR_SPACE_EXTENDED_SRGB_NONLINEAR_EXT,
    VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT, VK_COLOR_SPACE_DISPLAY_P3_LINEAR_EXT,
    VK_COLOR_SPACE_DCI_P3_NONLINEAR_EXT,     VK_COLOR_SPACE_BT2020_LINEAR_EXT,
    VK_COLOR_SPACE_BT709_NONLINEAR_EXT,      VK_COLOR_SPACE_BT709_LINEAR_EXT,
    VK_COLOR_SPACE_ADOBERGB_NONLINEAR_EXT,   VK_COLOR_SPACE_ADOBERGB_LINEAR_EXT,
    VK_COLOR_SPACE_PASS_THROUGH_EXT,
};

static void
add_formats(const struct wsi_wayland_surface *surface, VkColorSpaceKHR space,
            struct wsi_window *out)
{
    for (size_t i = 0; i < WSI_WAYLAND_LAYOUTS; i++) {
        for (size_t j = 0; j < 2; j++) {
            VkFormat format = wsi_wayland_layouts[i].formats[j];
            if (format && surface->takes_opaque[i] && surface->takes_alpha[i] &&
                wsi_wayland_takes_colors(surface, format, space) &&
                out->format_count < WSI_MAX_FORMATS) {
                out->color_spaces[out->format_count] = space;
                out->formats[out->format_count++] = format;
            }
        }
    }
}

static VkResult
describe(struct wsi_surface *base, struct wsi_window *out)
{
    struct wsi_wayland_surface *surface = (struct wsi_wayland_surface *)base;
    if (wl_display_get_error(surface->display)) {
        return VK_ERROR_SURFACE_LOST_KHR;
    }
    *out = (struct wsi_window){
        .extent = {UINT32_MAX, UINT32_MAX},
        .alpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR | VK_COMPOSITE_ALPHA_PRE_MULTIPLIED_BIT_KHR,
        .seen = surface->presentation ? WSI_SEEN_VISIBLE : WSI_SEEN_UNTOLD,
        .min_images = 3,
        .modes = {VK_PRESENT_MODE_MAILBOX_KHR, VK_PRESENT_MODE_FIFO_KHR,
                  VK_PRESENT_MODE_FIFO_LATEST_READY_EXT},
        .mode_count = 3,
    };
    if (surface->tearing_manager) {
        out->modes[out->mode_count++] = VK_PRESENT_MODE_IMMEDIATE_KHR;
    }
    add_formats(surface, VK_COLOR_SPACE_SRGB_NONLINEAR_KHR, out);
    for (size_t i = 0; i < BASE_COUNT_OF(other_spaces); i++) {
        add_formats(surface, other_spaces[i], out);
    }
    return VK_SUCCESS;
}

static void
destroy(struct wsi_surface *base, const VkAllocationCallbacks *allocator)
{
    forget_compositor((struct wsi_wayland_surface *)base);
    wsi_surface_free(base, allocator);
}

static const struct wsi_surface_ops ops = {
    .name = "Wayland",
    .describe = describe,
    .create_target = wsi_wayland_create_target,
    .destroy = destroy,
};

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateWaylandSurfaceKHR(VkInstance instance, const VkWaylandSurfaceCreateInfoKHR *pCreateInfo,
                            const VkAllocationCallbacks *pAllocator, VkSurfaceKHR *pSurface)
{
    if (!wsi_wayland_load()) {
        return VK_ERROR_UNKNOWN; /* what was missing is on standard error */
    }
    struct wsi_wayland_surface *surface =
        wsi_surface_create(instance, pAllocator, sizeof(*surface), &ops);
    if (!surface) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    surface->display = pCreateInfo->display;
    surface->surface = pCreateInfo->surface;
    wsi_wayland_init_dma_bufs(surface);
    if (!ask_compositor(surface)) {
        base_log_error("vkCreateWaylandSurfaceKHR: the compositor has no wl_shm, or is gone");
        destroy(&surface->base, pAllocator);
        return VK_ERROR_UNKNOWN;
    }
    *pSurface = (VkSurfaceKHR)(uintptr_t)surface;
    return VK_SUCCESS;
}

VKAPI_ATTR VkBool32 VKAPI_CALL
drv_GetPhysicalDeviceWaylandPresentationSupportKHR(VkPhysicalDevice physicalDevice,
                                                   uint32_t queueFamilyIndex,
                                                   struct wl_display *display)
{
    return wsi_wayland_load() && wsi_queue_family_can_present(physicalDevice, queueFamilyIndex);
}
