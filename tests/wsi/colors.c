#include "tests/wsi/colors.h"

#include <math.h>
#include <time.h>

#include "tests/wsi/compositor/screen.h"

/* What the protocol calls them. */
enum {
    NO_COLOR = 0,
    PRIMARIES_SRGB = 1,
    PRIMARIES_BT2020 = 6,
    PRIMARIES_DISPLAY_P3 = 9,
    TRANSFER_EXT_LINEAR = 5,
    TRANSFER_SRGB = 9,
    TRANSFER_PQ = 11,
    TRANSFER_COMPOUND_POWER_2_4 = 14,
};

static const struct screen *
screen_of(struct presenter *presenter)
{
    const struct window_ops *ops = presenter->window->ops;
    const struct screen *screen = ops->screen ? ops->screen(presenter->window) : NULL;
    vkh_expect(screen, "this test needs the compositor of tests/wsi/compositor");
    return screen;
}

static int32_t
figure(struct presenter *presenter, int place)
{
    return atomic_load(&screen_of(presenter)->color[place]);
}

static bool
is_offered(struct presenter *presenter, VkFormat format, VkColorSpaceKHR space)
{
    VkSurfaceFormatKHR formats[128];
    uint32_t count = BASE_COUNT_OF(formats);
    VKH_CHECK(vkGetPhysicalDeviceSurfaceFormatsKHR(presenter->gpu.physical_device,
                                                   presenter->surface, &count, formats));
    vkh_expect(formats[0].colorSpace == VK_COLOR_SPACE_SRGB_NONLINEAR_KHR, "sRGB comes first");
    for (uint32_t i = 0; i < count; i++) {
        if (formats[i].format == format && formats[i].colorSpace == space) {
            return true;
        }
    }
    return false;
}

static void
create_swapchain(struct presenter *presenter, VkFormat format, VkColorSpaceKHR space)
{
    presenter->format = format;
    presenter->color_space = space;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
}

/* Shown when this returns. */
static void
frame(struct presenter *presenter)
{
    static uint64_t id;
    const VkPresentIdKHR ids = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_ID_KHR,
        .swapchainCount = 1,
        .pPresentIds = &id,
    };
    uint32_t shown = atomic_load(&screen_of(presenter)->shown);
    id++;
    presenter->present_next = &ids;
    VKH_CHECK(presenter_frame(presenter, (uint32_t)id));
    presenter->present_next = NULL;
    VKH_CHECK(vkWaitForPresentKHR(presenter->gpu.device, presenter->swapchain, id,
                                  PRESENTER_PATIENCE_NS));
    while (atomic_load(&screen_of(presenter)->shown) == shown) {
        /* A compositor that is held up lets the wait end before. */
        const struct timespec pause = {.tv_nsec = 1000 * 1000};
        nanosleep(&pause, NULL);
    }
}

static void
expect_color(struct presenter *presenter, const char *name, int primaries, int transfer)
{
    frame(presenter);
    if (figure(presenter, SCREEN_PRIMARIES) != primaries ||
        figure(presenter, SCREEN_TRANSFER) != transfer) {
        vkh_die("%s: primaries %d and curve %d, expected %d and %d", name,
                figure(presenter, SCREEN_PRIMARIES), figure(presenter, SCREEN_TRANSFER), primaries,
                transfer);
    }
}

/* --- colour spaces --- */

static void
test_offers(struct presenter *presenter)
{
    vkh_expect(
        is_offered(presenter, VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT),
        "Display P3 fits into 8 bits");
    vkh_expect(
        is_offered(presenter, VK_FORMAT_B8G8R8A8_SRGB, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT),
        "Display P3 has the curve of sRGB");
    vkh_expect(!is_offered(presenter, VK_FORMAT_B8G8R8A8_SRGB, VK_COLOR_SPACE_BT709_NONLINEAR_EXT),
               "BT.709 has another curve than sRGB");
    vkh_expect(
        is_offered(presenter, VK_FORMAT_A2R10G10B10_UNORM_PACK32, VK_COLOR_SPACE_HDR10_ST2084_EXT),
        "HDR10 fits into 10 bits");
    vkh_expect(!is_offered(presenter, VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_HDR10_ST2084_EXT),
               "HDR10 does not fit into 8 bits");
    vkh_expect(is_offered(presenter, VK_FORMAT_R16G16B16A16_SFLOAT,
                          VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT),
               "floats hold scRGB");
    vkh_expect(!is_offered(presenter, VK_FORMAT_A2R10G10B10_UNORM_PACK32,
                           VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT),
               "10 bits do not hold scRGB");
    vkh_expect(
        !is_offered(presenter, VK_FORMAT_A2R10G10B10_UNORM_PACK32, VK_COLOR_SPACE_HDR10_HLG_EXT),
        "the compositor does not know HLG");
}

static void
test_spaces(struct presenter *presenter)
{
    create_swapchain(presenter, VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_SRGB_NONLINEAR_KHR);
    expect_color(presenter, "sRGB", NO_COLOR, NO_COLOR);
    vkh_expect(!figure(presenter, SCREEN_COLOR_OBJECT), "sRGB is described by nobody");

    create_swapchain(presenter, VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT);
    frame(presenter);
    int transfer = figure(presenter, SCREEN_TRANSFER);
    vkh_expect(transfer == TRANSFER_SRGB || transfer == TRANSFER_COMPOUND_POWER_2_4,
               "Display P3 has the curve of sRGB, by either version's name");
    expect_color(presenter, "Display P3", PRIMARIES_DISPLAY_P3, transfer);
    vkh_expect(presenter_is_shown(presenter, 3), "the window does not show the picture");

    create_swapchain(presenter, VK_FORMAT_R16G16B16A16_SFLOAT,
                     VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT);
    expect_color(presenter, "scRGB", PRIMARIES_SRGB, TRANSFER_EXT_LINEAR);

    create_swapchain(presenter, VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_PASS_THROUGH_EXT);
    expect_color(presenter, "pass-through", NO_COLOR, NO_COLOR);
    vkh_expect(!figure(presenter, SCREEN_COLOR_OBJECT),
               "the application may describe it by itself");
}

/* --- HDR metadata --- */

static const VkHdrMetadataEXT bright_display = {
    .sType = VK_STRUCTURE_TYPE_HDR_METADATA_EXT,
    .displayPrimaryRed = {0.680F, 0.320F},
    .displayPrimaryGreen = {0.265F, 0.690F},
    .displayPrimaryBlue = {0.150F, 0.060F},
    .whitePoint = {0.3127F, 0.3290F},
    .maxLuminance = 1000.0F,
    .minLuminance = 0.0005F,
    .maxContentLightLevel = 900.0F,
    .maxFrameAverageLightLevel = 400.0F,
};

static const int32_t bright_figures[] = {5,      1000,   900,    400,   680000, 320000,
                                         265000, 690000, 150000, 60000, 312700, 329000};

static void
expect_figures(struct presenter *presenter, const char *when, const int32_t *figures)
{
    frame(presenter);
    for (int i = 0; i < SCREEN_COLOR_FIGURES - SCREEN_DARKEST; i++) {
        int32_t found = figure(presenter, SCREEN_DARKEST + i);
        if (found != figures[i]) {
            vkh_die("%s: figure %d is %d, expected %d", when, i, found, figures[i]);
        }
    }
}

static void
set_hdr(struct presenter *presenter, const VkHdrMetadataEXT *metadata)
{
    vkSetHdrMetadataEXT(presenter->gpu.device, 1, &presenter->swapchain, metadata);
}

static void
test_hdr(struct presenter *presenter)
{
    static const int32_t nothing[SCREEN_COLOR_FIGURES - SCREEN_DARKEST];
    VkHdrMetadataEXT metadata = bright_display;

    create_swapchain(presenter, VK_FORMAT_A2R10G10B10_UNORM_PACK32,
                     VK_COLOR_SPACE_HDR10_ST2084_EXT);
    expect_figures(presenter, "no metadata", nothing);
    expect_color(presenter, "HDR10", PRIMARIES_BT2020, TRANSFER_PQ);
    set_hdr(presenter, &bright_display);
    expect_figures(presenter, "metadata", bright_figures);
    expect_figures(presenter, "the frame after it", bright_figures);
    metadata.maxLuminance = 20000.0F;
    set_hdr(presenter, &metadata);
    expect_figures(presenter, "metadata that the compositor refuses", bright_figures);
    /* Nothing of this can be told; the compositor would end the connection. */
    metadata = (VkHdrMetadataEXT){
        .sType = VK_STRUCTURE_TYPE_HDR_METADATA_EXT,
        .displayPrimaryRed = {NAN, INFINITY},
        .maxLuminance = 1.0F,
        .minLuminance = 2.0F,
        .maxContentLightLevel = -1.0F,
        .maxFrameAverageLightLevel = NAN,
    };
    set_hdr(presenter, &metadata);
    expect_figures(presenter, "metadata that make no sense", nothing);
    expect_color(presenter, "HDR10 still", PRIMARIES_BT2020, TRANSFER_PQ);
    set_hdr(presenter, &bright_display);
    create_swapchain(presenter, VK_FORMAT_A2R10G10B10_UNORM_PACK32,
                     VK_COLOR_SPACE_HDR10_ST2084_EXT);
    expect_figures(presenter, "metadata were the old swapchain's", nothing);
}

/* A window without swapchains is the application's to describe. */
static void
test_end(struct presenter *presenter)
{
    const struct screen *screen = screen_of(presenter);
    vkh_expect(atomic_load(&screen->color_objects) == 1,
               "the window has an object for its colours");
    presenter_destroy_swapchain(presenter);
    presenter->window->ops->settle(presenter->window);
    vkh_expect(atomic_load(&screen->color_objects) == 0, "the last swapchain has left its object");
    create_swapchain(presenter, VK_FORMAT_A2R10G10B10_UNORM_PACK32,
                     VK_COLOR_SPACE_HDR10_ST2084_EXT);
    expect_color(presenter, "HDR10 once more", PRIMARIES_BT2020, TRANSFER_PQ);
}

void
test_colors(struct presenter *presenter)
{
    test_offers(presenter);
    test_spaces(presenter);
    test_hdr(presenter);
    test_end(presenter);
}

void
test_no_colors(struct presenter *presenter)
{
    vkh_expect(
        !is_offered(presenter, VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT),
        "nobody would tell the compositor");
    create_swapchain(presenter, VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_PASS_THROUGH_EXT);
    expect_color(presenter, "pass-through", NO_COLOR, NO_COLOR);
    set_hdr(presenter, &bright_display); /* which nobody hears */
    frame(presenter);
    vkh_expect(presenter_is_shown(presenter, 2), "the window does not show the picture");
}
