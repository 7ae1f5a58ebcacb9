/* Finding a device, and saying what keeps one from being used. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/log.h"
#include "transport/virtgpu/kernel.h"
#include "transport/virtgpu/virtgpu.h"
#include "wire/capset.h"

enum {
    MAX_DEVICES = 64,
    PCI_VENDOR_RED_HAT = 0x1af4,
    PCI_DEVICE_VIRTIO_GPU = 0x1050,
};

/* A device may lack several things; the reader wants all of them at once. */
struct report {
    const char *path;
    bool for_venus; /* somebody gave the VM this device for Venus */
    char text[2048];
    size_t used;
};

static void BASE_PRINTF(2, 3) add(struct report *report, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int length =
        vsnprintf(report->text + report->used, sizeof(report->text) - report->used, format, args);
    va_end(args);
    if (length > 0) {
        report->used += (size_t)length;
        if (report->used >= sizeof(report->text)) {
            report->used = sizeof(report->text) - 1;
        }
    }
}

/* 0 also for what the kernel does not know. */
static uint32_t
get_param(int fd, enum kernel_param param)
{
    uint32_t value = 0;
    struct kernel_get_param request = {.param = param, .value = (uintptr_t)&value};

    return drmIoctl(fd, KERNEL_GET_PARAM, &request) == 0 ? value : 0;
}

/* What Venus cannot do without, and who would have to provide it. */
static const struct need {
    enum kernel_param param;
    const char *name, *remedy;
} needs[] = {
    {KERNEL_PARAM_3D_FEATURES, "3D",
     "a device with 3D: QEMU's virtio-gpu-gl-pci instead of virtio-gpu-pci; crosvm's --gpu "
     "backend=virglrenderer"},
    {KERNEL_PARAM_CAPSET_QUERY_FIX, "queries for capability sets",
     "Linux 4.17 or newer in the guest"},
    {KERNEL_PARAM_RESOURCE_BLOB, "blob resources",
     "Linux 5.11 or newer in the guest; QEMU's blob=on for the device"},
    {KERNEL_PARAM_HOST_VISIBLE, "host-visible memory",
     "Linux 5.11 or newer in the guest; QEMU's hostmem=SIZE for the device, 4G for instance"},
    {KERNEL_PARAM_CONTEXT_INIT, "contexts by capability set",
     "Linux 5.16 or newer in the guest; QEMU 9.2 or newer"},
};

static void
check_params(int fd, struct report *report)
{
    for (size_t i = 0; i < BASE_COUNT_OF(needs); i++) {
        if (!get_param(fd, needs[i].param)) {
            add(report, "\n  it lacks %s: needs %s", needs[i].name, needs[i].remedy);
        }
    }
    uint32_t mask = get_param(fd, KERNEL_PARAM_CAPSET_MASK);
    report->for_venus = mask >> WIRE_CAPSET_ID & 1;
    if (mask != 0 && !report->for_venus) {
        add(report, "\n  it has no Venus: needs QEMU's venus=on for the device, or crosvm's "
                    "--gpu context-types=venus, and a renderer library on the host that was built "
                    "with Venus");
    }
}

/* A shorter capset leaves zeroes, a longer one is cut by the kernel. */
static void
get_capset(struct virtgpu *virtgpu, struct report *report)
{
    struct kernel_get_caps request = {
        .capset = WIRE_CAPSET_ID,
        .version = WIRE_CAPSET_VERSION,
        .address = (uintptr_t)&virtgpu->base.capset,
        .size = sizeof(virtgpu->base.capset),
    };

    memset(&virtgpu->base.capset, 0, sizeof(virtgpu->base.capset));
    if (drmIoctl(virtgpu->fd, KERNEL_GET_CAPS, &request) != 0) {
        add(report, "\n  its Venus capability set cannot be read (%s): see the VMM's log",
            strerror(errno));
    } else if (virtgpu->base.capset.wire_format_version == 0) {
        add(report, "\n  its Venus capability set is empty: the host's renderer has not started "
                    "(no render server, or no Vulkan driver); see the VMM's log");
    }
}

/* Every kernel new enough for blobs can; a sandbox's list of requests may not let it. */
static bool
passes_dma_bufs(int fd)
{
    const uint64_t both = DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT;
    uint64_t can = 0;

    return drmGetCap(fd, DRM_CAP_PRIME, &can) == 0 && (can & both) == both;
}

static bool
is_virtio_gpu(int fd)
{
    drmVersionPtr version = drmGetVersion(fd);
    bool yes = version && version->version_major == 0 && strcmp(version->name, "virtio_gpu") == 0;

    drmFreeVersion(version);
    return yes;
}

/* Judged before anything is opened: nobody else's device is touched. On the platform bus
 * (virtio-mmio) only its driver can tell. */
static bool
may_be_virtio_gpu(const drmDevice *device)
{
    if (!(device->available_nodes & 1 << DRM_NODE_RENDER)) {
        return false;
    }
    return device->bustype == DRM_BUS_PLATFORM ||
           (device->bustype == DRM_BUS_PCI &&
            device->deviceinfo.pci->vendor_id == PCI_VENDOR_RED_HAT &&
            device->deviceinfo.pci->device_id == PCI_DEVICE_VIRTIO_GPU);
}

/* The window is the device's largest memory BAR, as the kernel's list of them tells. */
static uint64_t
window_size(const drmPciBusInfo *pci)
{
    uint64_t first, last, flags, largest = 0;
    char path[96];

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.%x/resource", pci->domain,
             pci->bus, pci->dev, pci->func);
    FILE *file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    while (fscanf(file, "%" SCNx64 " %" SCNx64 " %" SCNx64, &first, &last, &flags) == 3) {
        if (last > first && last - first + 1 > largest) {
            largest = last - first + 1;
        }
    }
    fclose(file);
    return largest;
}

static void
describe(struct virtgpu *virtgpu, const drmDevice *device)
{
    struct tp_device *out = &virtgpu->base.device;
    struct stat node;

    *out = (struct tp_device){0};
    if (device->bustype == DRM_BUS_PCI) {
        const drmPciBusInfo *pci = device->businfo.pci;
        out->has_pci = true;
        out->pci_domain = pci->domain;
        out->pci_bus = pci->bus;
        out->pci_device = pci->dev;
        out->pci_function = pci->func;
        virtgpu->window = window_size(pci);
    }
    if (stat(device->nodes[DRM_NODE_RENDER], &node) == 0) {
        out->has_render_node = true;
        out->render_major = major(node.st_rdev);
        out->render_minor = minor(node.st_rdev);
    }
    if (device->available_nodes & 1 << DRM_NODE_PRIMARY &&
        stat(device->nodes[DRM_NODE_PRIMARY], &node) == 0) {
        out->has_primary_node = true;
        out->primary_major = major(node.st_rdev);
        out->primary_minor = minor(node.st_rdev);
    }
}

/* True if it can be used; else the report says why not, if it is a virtio-gpu at all. */
static bool
try_device(struct virtgpu *virtgpu, const drmDevice *device, struct report *report)
{
    const char *path = device->nodes[DRM_NODE_RENDER];

    report->path = path;
    virtgpu->fd = open(path, O_RDWR | O_CLOEXEC);
    if (virtgpu->fd == -1) {
        if (device->bustype == DRM_BUS_PCI) {
            add(report, "\n  it cannot be opened (%s)%s", strerror(errno),
                errno == EACCES ? ": add the user to the group that the file belongs to, often "
                                  "\"render\" or \"video\""
                                : "");
        }
        return false;
    }
    if (!is_virtio_gpu(virtgpu->fd)) {
        base_fd_close(&virtgpu->fd);
        return false;
    }
    check_params(virtgpu->fd, report);
    if (report->used == 0) {
        get_capset(virtgpu, report);
    }
    if (report->used > 0) {
        base_fd_close(&virtgpu->fd);
        return false;
    }
    snprintf(virtgpu->path, sizeof(virtgpu->path), "%s", path);
    virtgpu->cross_device = get_param(virtgpu->fd, KERNEL_PARAM_CROSS_DEVICE);
    virtgpu->base.takes_fds = passes_dma_bufs(virtgpu->fd);
    describe(virtgpu, device);
    return true;
}

enum tp_result
virtgpu_open_device(struct virtgpu *virtgpu, bool wanted)
{
    drmDevicePtr devices[MAX_DEVICES];
    int count = drmGetDevices2(0, devices, MAX_DEVICES);
    bool found = false, reported = false;

    for (int i = 0; i < count && !found; i++) {
        struct report report = {0};
        if (!may_be_virtio_gpu(devices[i])) {
            continue;
        }
        found = try_device(virtgpu, devices[i], &report);
        if (!found && report.used > 0) {
            base_log(wanted || report.for_venus ? BASE_LOG_ERROR : BASE_LOG_INFO,
                     "the virtio-gpu device %s cannot be used:%s", report.path, report.text);
            reported = true;
        }
    }
    if (count > 0) {
        drmFreeDevices(devices, count);
    }
    if (!found && !reported && wanted) {
        base_log_error("there is no virtio-gpu device with a render node in /dev/dri: needs Linux "
                       "with DRM_VIRTIO_GPU in the guest, and a device like QEMU's "
                       "virtio-gpu-gl-pci,venus=on,blob=on,hostmem=4G");
    }
    return found ? TP_OK : TP_NO_DEVICE;
}
