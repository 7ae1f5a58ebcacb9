/* `vesper demo`: shows, in a few lines and one picture, that Vulkan works here. */
#include "tools/demo/demo.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { COMPUTE_ELEMENTS = 1 << 20 };

struct options {
    const char *output;
    uint32_t frames, device;
};

static const char *
type_name(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return "integrated GPU";
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return "discrete GPU";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return "virtual GPU";
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return "CPU";
    default: return "other device";
    }
}

static void
print_device(const struct vkh_gpu *gpu)
{
    uint32_t version = gpu->properties.apiVersion;
    printf("device    %s (%s), Vulkan %u.%u.%u\n", gpu->properties.deviceName,
           type_name(gpu->properties.deviceType), VK_API_VERSION_MAJOR(version),
           VK_API_VERSION_MINOR(version), VK_API_VERSION_PATCH(version));
    const char *socket_path = getenv("VTEST_SOCKET_NAME");
    printf("reached   %s%s\n", socket_path ? "through " : "natively",
           socket_path ? socket_path : "");
}

static bool
check_compute(const struct vkh_gpu *gpu)
{
    uint64_t ns;
    uint32_t wrong = demo_compute_check(gpu, COMPUTE_ELEMENTS, &ns);
    if (wrong) {
        printf("compute   FAILED: %u of %u elements are wrong\n", wrong, COMPUTE_ELEMENTS);
        return false;
    }
    printf("compute   %u elements in mapped memory, all right (%.1f ms)\n", COMPUTE_ELEMENTS,
           (double)ns / 1e6);
    return true;
}

static bool
render_cube(const struct vkh_gpu *gpu, const struct options *options, uint64_t open_ns)
{
    struct demo_cube_info info = {.width = 640, .height = 480, .frames = options->frames};
    struct demo_picture picture;
    struct demo_cube_figures figures;
    demo_cube_render(gpu, &info, &picture, &figures);
    uint32_t drawn = demo_picture_drawn_pixels(&picture);
    bool ok = drawn > info.width * info.height / 20;
    printf("cube      %u frames of %ux%u in %.2f s: %.1f frames/s\n", info.frames, info.width,
           info.height, (double)figures.render_ns / 1e9,
           info.frames * 1e9 / (double)figures.render_ns);
    printf("set-up    %.1f ms: %.1f instance and device, %.1f pipeline, texture and targets\n",
           (double)(open_ns + figures.setup_ns) / 1e6, (double)open_ns / 1e6,
           (double)figures.setup_ns / 1e6);
    if (!ok) {
        printf("picture   FAILED: only %u pixels are not background\n", drawn);
    } else if (options->output) {
        ok = demo_picture_write(&picture, options->output);
    }
    if (ok) {
        printf("picture   %s, pixels' hash %08x\n",
               options->output ? options->output : "not written", demo_picture_hash(&picture));
    }
    demo_picture_finish(&picture);
    return ok;
}

static int
run_demo(const struct options *options)
{
    struct vkh_gpu_info info = {.program = "vesper demo", .device_index = options->device};
    struct vkh_gpu gpu;
    uint64_t start_ns = base_clock_now_ns();
    vkh_gpu_open(&gpu, &info);
    uint64_t open_ns = base_clock_now_ns() - start_ns;
    print_device(&gpu);
    bool ok = check_compute(&gpu);
    ok = render_cube(&gpu, options, open_ns) && ok;
    vkh_gpu_close(&gpu);
    return ok ? 0 : 1;
}

static const char usage[] =
    "Usage: vesper demo [options]\n"
    "\n"
    "Checks a compute shader through mapped memory and renders a spinning cube off-screen, on the\n"
    "Vulkan that it finds. `vesper demo` alone runs natively; `vesper run -- vesper demo` runs "
    "the\n"
    "same through Vesper, and its last line shows the same hash if the picture is the same.\n"
    "\n"
    "  -o, --output FILE   write the last frame as PNG (default: none)\n"
    "  -n, --frames N      frames to render (default: 120)\n"
    "  -d, --device N      which device, in Vulkan's order (default: 0)\n"
    "  -h, --help          this text\n";

static uint32_t
parse_number(const char *option, const char *text, uint32_t least, uint32_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || value < least || value > most) {
        fprintf(stderr, "vesper demo: --%s %s: must be a number from %u to %u\n", option, text,
                least, most);
        exit(2);
    }
    return (uint32_t)value;
}

int
demo_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"output", required_argument, NULL, 'o'},
        {"frames", required_argument, NULL, 'n'},
        {"device", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.frames = 120};
    int option;
    while ((option = getopt_long(argc, argv, "o:n:d:h", long_options, NULL)) != -1) {
        switch (option) {
        case 'o': options.output = optarg; break;
        case 'n': options.frames = parse_number("frames", optarg, 1, 100000); break;
        case 'd': options.device = parse_number("device", optarg, 0, 15); break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs("vesper demo: see vesper demo --help\n", stderr); return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "vesper demo: unexpected argument %s; see vesper demo --help\n",
                argv[optind]);
        return 2;
    }
    return run_demo(&options);
}
