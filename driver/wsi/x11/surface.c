/* VK_KHR_xcb_surface and VK_KHR_xlib_surface. */
#include <stdlib.h>
#include <string.h>

#include "driver/drv_entry.h"
#include "driver/wsi/x11/x11.h"

/* --- visuals --- */

static const xcb_visualtype_t *
find_visualtype(const struct wsi_x11_library *x11, xcb_connection_t *connection, xcb_visualid_t id,
                uint8_t *depth)
{
    const xcb_setup_t *setup = x11->xcb_get_setup(connection);
    xcb_screen_iterator_t screen = x11->xcb_setup_roots_iterator(setup);
    for (; screen.rem; x11->xcb_screen_next(&screen)) {
        xcb_depth_iterator_t at = x11->xcb_screen_allowed_depths_iterator(screen.data);
        for (; at.rem; x11->xcb_depth_next(&at)) {
            const xcb_visualtype_t *visuals = x11->xcb_depth_visuals(at.data);
            for (int i = 0; i < x11->xcb_depth_visuals_length(at.data); i++) {
                if (visuals[i].visual_id == id) {
                    *depth = at.data->depth;
                    return &visuals[i];
                }
            }
        }
    }
    return NULL;
}

static uint8_t
bits_per_pixel(const struct wsi_x11_library *x11, xcb_connection_t *connection, uint8_t depth)
{
    const xcb_setup_t *setup = x11->xcb_get_setup(connection);
    const xcb_format_t *formats =
        (const xcb_format_t *)((const char *)(setup + 1) + (setup->vendor_len + 3) / 4 * 4);
    for (uint8_t i = 0; i < setup->pixmap_formats_len; i++) {
        if (formats[i].depth == depth) {
            return formats[i].bits_per_pixel;
        }
    }
    return 0;
}

/* Vulkan's formats with the masks of a pixel, as a little-endian number. */
static const struct {
    uint32_t red, green, blue;
    uint8_t bits_per_pixel;
    uint8_t colour_bits; /* more depth than that is alpha */
    VkFormat formats[2];
} layouts[] = {
    {0xff0000, 0xff00, 0xff, 32, 24, {VK_FORMAT_B8G8R8A8_SRGB, VK_FORMAT_B8G8R8A8_UNORM}},
    {0xff, 0xff00, 0xff0000, 32, 24, {VK_FORMAT_R8G8B8A8_SRGB, VK_FORMAT_R8G8B8A8_UNORM}},
    {0x3ff00000, 0xffc00, 0x3ff, 32, 30, {VK_FORMAT_A2R10G10B10_UNORM_PACK32}},
    {0x3ff, 0xffc00, 0x3ff00000, 32, 30, {VK_FORMAT_A2B10G10R10_UNORM_PACK32}},
    {0xf800, 0x7e0, 0x1f, 16, 16, {VK_FORMAT_R5G6B5_UNORM_PACK16}},
};

bool
wsi_x11_find_visual(const struct wsi_x11_library *x11, xcb_connection_t *connection,
                    xcb_visualid_t id, struct wsi_x11_visual *out)
{
    *out = (struct wsi_x11_visual){0};
    if (x11->xcb_connection_has_error(connection)) {
        return false;
    }
    const xcb_visualtype_t *type = find_visualtype(x11, connection, id, &out->depth);
    if (!type || (type->_class != XCB_VISUAL_CLASS_TRUE_COLOR &&
                  type->_class != XCB_VISUAL_CLASS_DIRECT_COLOR)) {
        return false;
    }
    if (x11->xcb_get_setup(connection)->image_byte_order != XCB_IMAGE_ORDER_LSB_FIRST) {
        return true; /* without formats */
    }
    out->bits_per_pixel = bits_per_pixel(x11, connection, out->depth);
    for (size_t i = 0; i < BASE_COUNT_OF(layouts); i++) {
        if (type->red_mask == layouts[i].red && type->green_mask == layouts[i].green &&
            type->blue_mask == layouts[i].blue &&
            out->bits_per_pixel == layouts[i].bits_per_pixel) {
            memcpy(out->formats, layouts[i].formats, sizeof(out->formats));
            out->format_count = out->formats[1] ? 2 : 1;
            out->has_alpha = out->depth > layouts[i].colour_bits;
        }
    }
    return true;
}

/* --- windows --- */

VkResult
wsi_x11_get_window(const struct wsi_x11_surface *surface, VkExtent2D *out_extent,
                   struct wsi_x11_visual *out_visual)
{
    const struct wsi_x11_library *x11 = surface->x11;
    xcb_connection_t *connection = surface->connection;
    VkResult result = VK_ERROR_SURFACE_LOST_KHR;

    /* Both questions before the first answer: one round trip. */
    xcb_get_geometry_cookie_t ask_geometry = x11->xcb_get_geometry(connection, surface->window);
    xcb_get_window_attributes_cookie_t ask_attributes =
        x11->xcb_get_window_attributes(connection, surface->window);
    xcb_generic_error_t *errors[2] = {NULL, NULL};
    xcb_get_geometry_reply_t *geometry =
        x11->xcb_get_geometry_reply(connection, ask_geometry, &errors[0]);
    xcb_get_window_attributes_reply_t *attributes =
        x11->xcb_get_window_attributes_reply(connection, ask_attributes, &errors[1]);
    if (geometry && attributes &&
        wsi_x11_find_visual(x11, connection, attributes->visual, out_visual)) {
        *out_extent = (VkExtent2D){geometry->width, geometry->height};
        result = VK_SUCCESS;
    }
    free(geometry);
    free(attributes);
    free(errors[0]);
    free(errors[1]);
    return result;
}

static VkResult
describe(struct wsi_surface *base, struct wsi_window *out)
{
    struct wsi_x11_visual visual;
    VkExtent2D extent;
    VkResult result = wsi_x11_get_window((struct wsi_x11_surface *)base, &extent, &visual);
    if (result != VK_SUCCESS) {
        return result;
    }
    *out = (struct wsi_window){
        .extent = extent,
        .alpha = VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR |
                 (visual.has_alpha ? VK_COMPOSITE_ALPHA_PRE_MULTIPLIED_BIT_KHR
                                   : VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR),
        .min_images = 3,
        .format_count = visual.format_count,
        .modes = {VK_PRESENT_MODE_IMMEDIATE_KHR, VK_PRESENT_MODE_MAILBOX_KHR,
                  VK_PRESENT_MODE_FIFO_KHR, VK_PRESENT_MODE_FIFO_RELAXED_KHR,
                  VK_PRESENT_MODE_FIFO_LATEST_READY_EXT},
        .mode_count = 5,
    };
    memcpy(out->formats, visual.formats, sizeof(visual.formats));
    return VK_SUCCESS;
}

static const struct wsi_surface_ops ops = {
    .name = "X11",
    .describe = describe,
    .create_target = wsi_x11_create_target,
    .destroy = wsi_surface_free,
};

static VkResult
create(VkInstance instance, xcb_connection_t *connection, xcb_window_t window,
       const VkAllocationCallbacks *allocator, VkSurfaceKHR *out)
{
    const struct wsi_x11_library *x11 = wsi_x11_library();
    if (!x11 || !connection) {
        return VK_ERROR_UNKNOWN; /* what was missing is on standard error */
    }
    struct wsi_x11_surface *surface =
        wsi_surface_create(instance, allocator, sizeof(*surface), &ops);
    if (!surface) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    surface->x11 = x11;
    surface->connection = connection;
    surface->window = window;
    *out = (VkSurfaceKHR)(uintptr_t)surface;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateXcbSurfaceKHR(VkInstance instance, const VkXcbSurfaceCreateInfoKHR *pCreateInfo,
                        const VkAllocationCallbacks *pAllocator, VkSurfaceKHR *pSurface)
{
    return create(instance, pCreateInfo->connection, pCreateInfo->window, pAllocator, pSurface);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateXlibSurfaceKHR(VkInstance instance, const VkXlibSurfaceCreateInfoKHR *pCreateInfo,
                         const VkAllocationCallbacks *pAllocator, VkSurfaceKHR *pSurface)
{
    return create(instance, wsi_x11_connection_of(pCreateInfo->dpy),
                  (xcb_window_t)pCreateInfo->window, pAllocator, pSurface);
}

static VkBool32
supports(VkPhysicalDevice physical_device, uint32_t family, xcb_connection_t *connection,
         xcb_visualid_t id)
{
    const struct wsi_x11_library *x11 = wsi_x11_library();
    struct wsi_x11_visual visual;
    return x11 && connection && wsi_queue_family_can_present(physical_device, family) &&
           wsi_x11_find_visual(x11, connection, id, &visual) && visual.format_count > 0;
}

VKAPI_ATTR VkBool32 VKAPI_CALL
drv_GetPhysicalDeviceXcbPresentationSupportKHR(VkPhysicalDevice physicalDevice,
                                               uint32_t queueFamilyIndex,
                                               xcb_connection_t *connection,
                                               xcb_visualid_t visual_id)
{
    return supports(physicalDevice, queueFamilyIndex, connection, visual_id);
}

VKAPI_ATTR VkBool32 VKAPI_CALL
drv_GetPhysicalDeviceXlibPresentationSupportKHR(VkPhysicalDevice physicalDevice,
                                                uint32_t queueFamilyIndex, Display *dpy,
                                                VisualID visualID)
{
    return supports(physicalDevice, queueFamilyIndex, wsi_x11_connection_of(dpy),
                    (xcb_visualid_t)visualID);
}
