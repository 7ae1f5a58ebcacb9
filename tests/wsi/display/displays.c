/* Tests of presenting on displays: displays.c TEST, or displays.c cube FILE. Exit status 0 if it
 * holds. All but `picture` and `cube` need the fake. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "tests/wsi/display/window_display.h"
#if TEST_LEASES
#include "tests/wsi/display/leases.h"
#endif
#include "tests/wsi/presenter.h"

static void
frames(struct presenter *presenter, uint32_t count, uint32_t first)
{
    for (uint32_t i = 0; i < count; i++) {
        VKH_CHECK(presenter_frame(presenter, first + i));
    }
}

static bool
is_offered(struct presenter *presenter, VkPresentModeKHR mode)
{
    VkPresentModeKHR offered[16];
    uint32_t count = BASE_COUNT_OF(offered);
    VKH_CHECK(vkGetPhysicalDeviceSurfacePresentModesKHR(presenter->gpu.physical_device,
                                                        presenter->surface, &count, offered));
    for (uint32_t i = 0; i < count; i++) {
        if (offered[i] == mode) {
            return true;
        }
    }
    return false;
}

/* --- what there is --- */

static void
test_displays(struct presenter *presenter)
{
    VkPhysicalDevice device = presenter->gpu.physical_device;
    VkDisplayPropertiesKHR displays[2];
    uint32_t count = BASE_COUNT_OF(displays);

    VKH_CHECK(vkGetPhysicalDeviceDisplayPropertiesKHR(device, &count, displays));
    vkh_expect(count == 1, "a connector without monitor is listed");
    vkh_expect(strcmp(displays[0].displayName, "HDMI-A-1") == 0, "the connector's name");
    vkh_expect(displays[0].physicalDimensions.width == 300 &&
                   displays[0].physicalResolution.width == FAKE_KMS_WIDTH,
               "the monitor's size");
    VkDisplayKHR first = displays[0].display;
    window_display_fake()->plugged[1] = true;
    count = 1;
    VkResult result = vkGetPhysicalDeviceDisplayPropertiesKHR(device, &count, displays);
    vkh_expect(result == VK_INCOMPLETE && count == 1,
               "two displays fit where there is room for one");
    VkDisplayProperties2KHR displays2[] = {{VK_STRUCTURE_TYPE_DISPLAY_PROPERTIES_2_KHR},
                                           {VK_STRUCTURE_TYPE_DISPLAY_PROPERTIES_2_KHR}};
    count = 2;
    VKH_CHECK(vkGetPhysicalDeviceDisplayProperties2KHR(device, &count, displays2));
    vkh_expect(count == 2 && displays2[0].displayProperties.display == first,
               "a display has the same handle for good");

    VkDisplayPlanePropertiesKHR planes[4];
    count = BASE_COUNT_OF(planes);
    VKH_CHECK(vkGetPhysicalDeviceDisplayPlanePropertiesKHR(device, &count, planes));
    vkh_expect(count == 2, "a plane for each CRTC");
    vkh_expect(planes[0].currentDisplay == first && planes[1].currentDisplay == VK_NULL_HANDLE,
               "the console is on the first display");
    VkDisplayKHR supported[4];
    count = BASE_COUNT_OF(supported);
    VKH_CHECK(vkGetDisplayPlaneSupportedDisplaysKHR(device, 0, &count, supported));
    vkh_expect(count == 1 && supported[0] == first,
               "the first plane leads to the first display only");
    count = BASE_COUNT_OF(supported);
    VKH_CHECK(vkGetDisplayPlaneSupportedDisplaysKHR(device, 1, &count, supported));
    vkh_expect(count == 2, "the second plane leads to both");
}

static void
test_modes(struct presenter *presenter)
{
    VkPhysicalDevice device = presenter->gpu.physical_device;
    VkDisplayPropertiesKHR display;
    VkDisplayModePropertiesKHR modes[4];
    uint32_t count = 1;

    VKH_CHECK(vkGetPhysicalDeviceDisplayPropertiesKHR(device, &count, &display));
    count = BASE_COUNT_OF(modes);
    VKH_CHECK(vkGetDisplayModePropertiesKHR(device, display.display, &count, modes));
    vkh_expect(count == 2 && modes[0].parameters.visibleRegion.width == FAKE_KMS_WIDTH,
               "the preferred mode comes first");
    vkh_expect(modes[0].parameters.refreshRate == 60000 && modes[1].parameters.refreshRate == 60000,
               "60 Hz are 60000 mHz");
    VkDisplayModeProperties2KHR modes2[] = {{VK_STRUCTURE_TYPE_DISPLAY_MODE_PROPERTIES_2_KHR},
                                            {VK_STRUCTURE_TYPE_DISPLAY_MODE_PROPERTIES_2_KHR}};
    count = 2;
    VKH_CHECK(vkGetDisplayModeProperties2KHR(device, display.display, &count, modes2));
    vkh_expect(modes2[1].displayModeProperties.displayMode == modes[1].displayMode,
               "a mode has the same handle for good");

    VkDisplayModeCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_DISPLAY_MODE_CREATE_INFO_KHR,
        .parameters = modes[1].parameters,
    };
    VkDisplayModeKHR mode;
    VKH_CHECK(vkCreateDisplayModeKHR(device, display.display, &info, NULL, &mode));
    vkh_expect(mode == modes[1].displayMode, "a mode that the monitor has is that one");
    info.parameters.refreshRate++;
    VkResult result = vkCreateDisplayModeKHR(device, display.display, &info, NULL, &mode);
    vkh_expect(result == VK_ERROR_INITIALIZATION_FAILED, "a mode that the monitor does not have");

    VkDisplayPlaneCapabilitiesKHR capabilities;
    VKH_CHECK(vkGetDisplayPlaneCapabilitiesKHR(device, modes[1].displayMode, 0, &capabilities));
    vkh_expect(capabilities.maxSrcExtent.width == 160 && capabilities.maxDstExtent.height == 100,
               "a plane shows the whole of the mode");
}

/* --- frames --- */

static const VkPresentModeKHR modes[] = {
    VK_PRESENT_MODE_FIFO_KHR,
    VK_PRESENT_MODE_FIFO_RELAXED_KHR,
    VK_PRESENT_MODE_MAILBOX_KHR,
    VK_PRESENT_MODE_IMMEDIATE_KHR,
};

static void
test_picture(struct presenter *presenter)
{
    enum { FRAMES = 20 };
    for (size_t i = 0; i < BASE_COUNT_OF(modes); i++) {
        if (!is_offered(presenter, modes[i])) {
            continue;
        }
        VKH_CHECK(presenter_create_swapchain(presenter, modes[i]));
        frames(presenter, FRAMES, (uint32_t)i);
        vkh_expect(presenter_is_shown(presenter, FRAMES - 1 + (uint32_t)i),
                   "the display does not show what was presented last");
        printf("present mode %d: %d frames\n", modes[i], FRAMES);
    }
}

static void
test_modes_offered(struct presenter *presenter)
{
    struct fake_kms *fake = window_display_fake();
    vkh_expect(is_offered(presenter, VK_PRESENT_MODE_IMMEDIATE_KHR), "tearing flips: IMMEDIATE");
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_IMMEDIATE_KHR));
    frames(presenter, 10, 0);
    vkh_expect(presenter_is_shown(presenter, 9), "the last frame is not shown");
    vkh_expect(fake->async > 0, "frames of IMMEDIATE wait for the blank");
    fake->no_async = true;
    vkh_expect(!is_offered(presenter, VK_PRESENT_MODE_IMMEDIATE_KHR),
               "no tearing flips: no IMMEDIATE");
}

static double
seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* A device that flips at once must not make FIFO run free. */
static void
test_rhythm(struct presenter *presenter)
{
    enum { FRAMES = 40 };
    window_display_fake()->no_vblanks = true;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 4, 0);
    double start = seconds();
    frames(presenter, FRAMES, 4);
    double elapsed = seconds() - start;
    printf("%d frames took %.3f s\n", FRAMES, elapsed);
    vkh_expect(elapsed > (FRAMES - 4) / 60.0, "frames of FIFO come faster than 60 a second");
    vkh_expect(presenter_is_shown(presenter, FRAMES + 3), "the last frame is not shown");
}

/* --- who has the display --- */

static void
test_console(struct presenter *presenter)
{
    struct fake_kms *fake = window_display_fake();
    vkh_expect(fake->master == -1, "we are master without showing anything");
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 5, 0);
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_MAILBOX_KHR));
    frames(presenter, 5, 5);
    vkh_expect(presenter_is_shown(presenter, 9), "the last frame is not shown");
    presenter_destroy_swapchain(presenter);
    vkh_expect(fake->shown[0] == FAKE_KMS_CONSOLE, "the console is not back");
    vkh_expect(fake->master == -1, "we are still master");
    vkh_expect(fake->live == 0, "buffers are left");
}

static VkResult
try_swapchain(struct presenter *presenter, VkSurfaceKHR surface)
{
    VkSwapchainKHR swapchain;
    const VkSwapchainCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
        .surface = surface,
        .minImageCount = 2,
        .imageFormat = VK_FORMAT_B8G8R8A8_UNORM,
        .imageExtent = {FAKE_KMS_WIDTH, FAKE_KMS_HEIGHT},
        .imageArrayLayers = 1,
        .imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT,
        .preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR,
        .compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR,
        .presentMode = VK_PRESENT_MODE_FIFO_KHR,
    };
    VkResult result = vkCreateSwapchainKHR(presenter->gpu.device, &info, NULL, &swapchain);
    if (result == VK_SUCCESS) {
        vkDestroySwapchainKHR(presenter->gpu.device, swapchain, NULL);
    }
    return result;
}

/* A display has one swapchain, and we do not fight with other programs for it. */
static void
test_in_use(struct presenter *presenter)
{
    VkPhysicalDevice device = presenter->gpu.physical_device;
    struct fake_kms *fake = window_display_fake();
    VkDisplayPropertiesKHR display;
    VkDisplayModePropertiesKHR mode;
    uint32_t count = 1;

    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 3, 0);
    VKH_CHECK(vkGetPhysicalDeviceDisplayPropertiesKHR(device, &count, &display));
    count = 1;
    (void)vkGetDisplayModePropertiesKHR(device, display.display, &count, &mode);
    VkSurfaceKHR other = window_display_create_surface(presenter->gpu.instance, &mode, 1);
    VkResult result = try_swapchain(presenter, other);
    vkh_expect(result == VK_ERROR_NATIVE_WINDOW_IN_USE_KHR, "the display takes a second swapchain");
    presenter_destroy_swapchain(presenter);
    VKH_CHECK(try_swapchain(presenter, other));

    fake->master = 1000;
    result = try_swapchain(presenter, other);
    vkh_expect(result == VK_ERROR_NATIVE_WINDOW_IN_USE_KHR, "another program is master");
    fake->master = -1;
    vkDestroySurfaceKHR(presenter->gpu.instance, other, NULL);
}

/* Goes on until the display is reported lost. */
static void
until_lost(struct presenter *presenter)
{
    for (uint32_t i = 0; i < 1000; i++) {
        VkResult result = presenter_frame(presenter, i);
        if (result == VK_ERROR_SURFACE_LOST_KHR || result == VK_ERROR_OUT_OF_DATE_KHR) {
            return;
        }
        VKH_CHECK(result);
    }
    vkh_die("the display is gone, and 1000 frames later nobody has noticed");
}

static void
test_unplugged(struct presenter *presenter)
{
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 5, 0);
    window_display_fake()->plugged[0] = false;
    until_lost(presenter);
    presenter_destroy_swapchain(presenter);
    VkResult result = presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR);
    vkh_expect(result == VK_ERROR_SURFACE_LOST_KHR, "an unplugged display takes a swapchain");
    window_display_fake()->plugged[0] = true;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 5, 0);
    vkh_expect(presenter_is_shown(presenter, 4), "plugged in again, it shows nothing");
}

static void
test_lost_master(struct presenter *presenter)
{
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 5, 0);
    window_display_fake()->master = 1000;
    until_lost(presenter);
    window_display_fake()->master = -1;
}

/* A kernel that never answers ends the swapchain, not the program. */
static void
test_never_flips(struct presenter *presenter)
{
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 5, 0);
    window_display_fake()->never_flips = true;
    until_lost(presenter);
}

/* An application that brings a descriptor of its own. */
static void
test_acquired(struct presenter *presenter)
{
    VkPhysicalDevice device = presenter->gpu.physical_device;
    struct fake_kms *fake = window_display_fake();
    int (*set_master)(int) = window_display_drm("drmSetMaster");
    int fd = window_display_open_device();
    VkDisplayKHR display, none;

    VkResult result = vkGetDrmDisplayEXT(device, fd, 12345, &none);
    vkh_expect(result == VK_ERROR_UNKNOWN && none == VK_NULL_HANDLE, "there is no connector 12345");
    VKH_CHECK(vkGetDrmDisplayEXT(device, fd, FAKE_KMS_FIRST_CONNECTOR, &display));
    result = vkAcquireDrmDisplayEXT(device, fd, display);
    vkh_expect(result == VK_ERROR_INITIALIZATION_FAILED, "a descriptor that is not master");
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    result = vkAcquireDrmDisplayEXT(device, root, display);
    vkh_expect(result == VK_ERROR_UNKNOWN, "a descriptor that is not of the device");
    close(root);
    vkh_expect(set_master(fd) == 0, "the descriptor cannot become master");
    VKH_CHECK(vkAcquireDrmDisplayEXT(device, fd, display));
    result = vkAcquireDrmDisplayEXT(device, fd, display);
    vkh_expect(result == VK_ERROR_INITIALIZATION_FAILED, "the display was acquired before");

    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 10, 0);
    vkh_expect(presenter_is_shown(presenter, 9), "the last frame is not shown");
    presenter_destroy_swapchain(presenter);
    vkh_expect(fake->master == fd, "the application's descriptor is not master any more");
    VKH_CHECK(vkReleaseDisplayEXT(device, display));
    result = try_swapchain(presenter, presenter->surface);
    vkh_expect(result == VK_ERROR_NATIVE_WINDOW_IN_USE_KHR,
               "released, and the application is master");
    close(fd);
    fake->master = -1;
}

/* --- VK_EXT_display_control, VK_EXT_display_surface_counter --- */

static VkDisplayKHR
first_display(struct presenter *presenter)
{
    VkDisplayPropertiesKHR display;
    uint32_t count = 1;
    VkResult result =
        vkGetPhysicalDeviceDisplayPropertiesKHR(presenter->gpu.physical_device, &count, &display);
    vkh_expect(result >= 0 && count == 1, "there is no display");
    return display.display;
}

static VkResult
set_power(struct presenter *presenter, VkDisplayPowerStateEXT state)
{
    const VkDisplayPowerInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DISPLAY_POWER_INFO_EXT,
        .powerState = state,
    };
    return vkDisplayPowerControlEXT(presenter->gpu.device, first_display(presenter), &info);
}

static void
test_power(struct presenter *presenter)
{
    struct fake_kms *fake = window_display_fake();

    fake->master = 1000;
    vkh_expect(set_power(presenter, VK_DISPLAY_POWER_STATE_OFF_EXT) == VK_ERROR_UNKNOWN,
               "another program has the display");
    vkh_expect(fake->dpms[0] == DRM_MODE_DPMS_ON, "and it stays on");
    fake->master = -1;
    VKH_CHECK(set_power(presenter, VK_DISPLAY_POWER_STATE_SUSPEND_EXT));
    vkh_expect(fake->dpms[0] == DRM_MODE_DPMS_SUSPEND, "the display is not suspended");
    vkh_expect(fake->master == -1, "we are still master");
    VKH_CHECK(set_power(presenter, VK_DISPLAY_POWER_STATE_ON_EXT));

    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 5, 0);
    vkh_expect(presenter_is_shown(presenter, 4), "the last frame is not shown");
    VKH_CHECK(set_power(presenter, VK_DISPLAY_POWER_STATE_OFF_EXT));
    frames(presenter, 20, 5);
    vkh_expect(fake->dpms[0] == DRM_MODE_DPMS_OFF, "frames switch the display on");
    VKH_CHECK(set_power(presenter, VK_DISPLAY_POWER_STATE_ON_EXT));
    vkh_expect(fake->dpms[0] == DRM_MODE_DPMS_ON, "the display is not on");
    frames(presenter, 5, 25);
    vkh_expect(presenter_is_shown(presenter, 29), "the last frame is not shown");
}

static void
expect_signal(struct presenter *presenter, VkFence fence, const char *what)
{
    VkResult result =
        vkWaitForFences(presenter->gpu.device, 1, &fence, VK_TRUE, PRESENTER_PATIENCE_NS);
    vkh_expect(result == VK_SUCCESS, what);
    vkDestroyFence(presenter->gpu.device, fence, NULL);
}

static VkFence
register_frame(struct presenter *presenter)
{
    const VkDisplayEventInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DISPLAY_EVENT_INFO_EXT,
        .displayEvent = VK_DISPLAY_EVENT_TYPE_FIRST_PIXEL_OUT_EXT,
    };
    VkFence fence;
    VKH_CHECK(vkRegisterDisplayEventEXT(presenter->gpu.device, first_display(presenter), &info,
                                        NULL, &fence));
    return fence;
}

static void
test_frame_events(struct presenter *presenter)
{
    for (int i = 0; i < 4; i++) {
        window_display_fake()->no_vblanks = i == 3; /* then time alone tells */
        expect_signal(presenter, register_frame(presenter), "the display begins no frame");
    }
    /* Nobody waits for these: the event outlives the fence, or the device the event. */
    vkDestroyFence(presenter->gpu.device, register_frame(presenter), NULL);
    vkDestroyFence(presenter->gpu.device, register_frame(presenter), NULL);
}

static VkFence
register_hotplug(struct presenter *presenter)
{
    const VkDeviceEventInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_EVENT_INFO_EXT,
        .deviceEvent = VK_DEVICE_EVENT_TYPE_DISPLAY_HOTPLUG_EXT,
    };
    VkFence fence;
    VKH_CHECK(vkRegisterDeviceEventEXT(presenter->gpu.device, &info, NULL, &fence));
    return fence;
}

static void
test_hotplug(struct presenter *presenter)
{
    VkDevice device = presenter->gpu.device;
    VkFence plugged = register_hotplug(presenter), also = register_hotplug(presenter);
    expect_signal(presenter, register_frame(presenter), "the display begins no frame");
    vkh_expect(vkGetFenceStatus(device, plugged) == VK_NOT_READY, "nothing has been plugged yet");
    window_display_fake()->plugged[1] = true;
    expect_signal(presenter, plugged, "a monitor that comes");
    expect_signal(presenter, also, "a monitor that comes, told twice");
    VkFence unplugged = register_hotplug(presenter), never = register_hotplug(presenter);
    window_display_fake()->plugged[1] = false;
    expect_signal(presenter, unplugged, "a monitor that goes");
    vkDestroyFence(device, never, NULL);
    vkDestroyFence(device, register_hotplug(presenter), NULL);
}

static VkSurfaceCounterFlagsEXT
offered_counters(struct presenter *presenter)
{
    VkSurfaceCapabilities2EXT capabilities = {
        .sType = VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_EXT,
    };
    VkSurfaceCapabilitiesKHR known;
    VkPhysicalDevice device = presenter->gpu.physical_device;
    VKH_CHECK(
        vkGetPhysicalDeviceSurfaceCapabilities2EXT(device, presenter->surface, &capabilities));
    VKH_CHECK(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(device, presenter->surface, &known));
    vkh_expect(capabilities.maxImageCount == known.maxImageCount &&
                   capabilities.currentExtent.width == known.currentExtent.width &&
                   capabilities.supportedUsageFlags == known.supportedUsageFlags,
               "both questions about capabilities have the same answer");
    return capabilities.supportedSurfaceCounters;
}

static uint64_t
read_counter(struct presenter *presenter)
{
    uint64_t count;
    VKH_CHECK(vkGetSwapchainCounterEXT(presenter->gpu.device, presenter->swapchain,
                                       VK_SURFACE_COUNTER_VBLANK_BIT_EXT, &count));
    return count;
}

static void
test_counter(struct presenter *presenter)
{
    const VkSwapchainCounterCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_COUNTER_CREATE_INFO_EXT,
        .surfaceCounters = VK_SURFACE_COUNTER_VBLANK_BIT_EXT,
    };
    vkh_expect(offered_counters(presenter) == VK_SURFACE_COUNTER_VBLANK_BIT_EXT,
               "frames of the display are counted");
    presenter->swapchain_next = &info;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    presenter->swapchain_next = NULL;
    frames(presenter, 1, 0);
    uint64_t before = read_counter(presenter);
    expect_signal(presenter, register_frame(presenter), "the display begins no frame");
    vkh_expect(read_counter(presenter) > before, "the frame is not counted");
    window_display_fake()->no_vblanks = true;
    vkh_expect(offered_counters(presenter) == 0, "frames of the display are not counted");
}

/* --- for whoever looks at the screen --- */

/* A hundred pictures and then the cube of `vesper demo`, until the file is there. */
static void
show_cube(struct presenter *presenter, const char *until)
{
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 100, 0);
    vkh_expect(presenter_is_shown(presenter, 99),
               "the display does not show what was presented last");
    struct demo_picture cube;
    presenter_draw_cube(presenter, presenter->extent, &cube);
    presenter->own_picture = cube.rgba;
    frames(presenter, 5, 0);
    printf("shown\n");
    fflush(stdout);
    while (access(until, F_OK) != 0) {
        usleep(50 * 1000);
    }
    demo_picture_finish(&cube);
}

static const struct {
    const char *name;
    void (*run)(struct presenter *presenter);
} tests[] = {
    {"acquired", test_acquired},
    {"console", test_console},
    {"counter", test_counter},
    {"displays", test_displays},
    {"frame_events", test_frame_events},
    {"hotplug", test_hotplug},
    {"in_use", test_in_use},
#if TEST_LEASES
    {"lent", test_lent},
#endif
    {"lost_master", test_lost_master},
    {"modes", test_modes},
    {"modes_offered", test_modes_offered},
    {"never_flips", test_never_flips},
#if TEST_LEASES
    {"not_lent", test_not_lent},
#endif
    {"picture", test_picture},
    {"power", test_power},
    {"rhythm", test_rhythm},
    {"unplugged", test_unplugged},
};

int
main(int argc, char **argv)
{
    struct window *window = window_display.open(0, 0);
    struct presenter presenter;
    presenter_open(&presenter, window, false, false);
    bool found = argc == 3 && strcmp(argv[1], "cube") == 0;
    if (found) {
        show_cube(&presenter, argv[2]);
    }
    for (size_t i = 0; argc == 2 && i < BASE_COUNT_OF(tests); i++) {
        if (strcmp(tests[i].name, argv[1]) == 0) {
            tests[i].run(&presenter);
            found = true;
        }
    }
    if (!found) {
        vkh_die("usage: displays TEST, or displays cube FILE, and no such test");
    }
    presenter_close(&presenter);
    window->ops->close(window);
    if (window_display_fake() && window_display_fake()->live != 0) {
        vkh_die("%u buffers of the display are left", window_display_fake()->live);
    }
    return 0;
}
