#include "tests/driver/fake_drm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "transport/virtgpu/kernel.h"
#include "wire/capset.h"

struct fake_drm fake_drm;

enum {
    HANDLE = 7,
    RESOURCE = 70,
};

void
fake_drm_start(void)
{
    memset(&fake_drm, 0, sizeof(fake_drm));
    fake_drm.device_count = 1;
    fake_drm.prime_capabilities = DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT;
    fake_drm.devices[0] = (struct fake_drm_device){
        .vendor = 0x1af4,
        .device = 0x1050,
        .driver = "virtio_gpu",
        .node = "/dev/zero", /* opens and maps; its name is what matters */
        .params =
            {
                [KERNEL_PARAM_3D_FEATURES] = 1,
                [KERNEL_PARAM_CAPSET_QUERY_FIX] = 1,
                [KERNEL_PARAM_RESOURCE_BLOB] = 1,
                [KERNEL_PARAM_HOST_VISIBLE] = 1,
                [KERNEL_PARAM_CONTEXT_INIT] = 1,
                [KERNEL_PARAM_CAPSET_MASK] = 1 << 4,
            },
    };
}

int
drmGetDevices2(uint32_t flags, drmDevicePtr devices[], int max_devices)
{
    for (int i = 0; i < fake_drm.device_count; i++) {
        const struct fake_drm_device *from = &fake_drm.devices[i];
        drmDevicePtr device = calloc(1, sizeof(*device));
        device->nodes = calloc(DRM_NODE_MAX, sizeof(char *));
        device->bustype = from->vendor ? DRM_BUS_PCI : DRM_BUS_PLATFORM;
        if (from->node) {
            device->available_nodes = 1 << DRM_NODE_RENDER;
            device->nodes[DRM_NODE_RENDER] = strdup(from->node);
        }
        if (from->vendor) {
            device->businfo.pci = calloc(1, sizeof(drmPciBusInfo));
            device->businfo.pci->dev = (uint8_t)(i + 3);
            device->deviceinfo.pci = calloc(1, sizeof(drmPciDeviceInfo));
            device->deviceinfo.pci->vendor_id = from->vendor;
            device->deviceinfo.pci->device_id = from->device;
        }
        devices[i] = device;
    }
    return fake_drm.device_count;
}

void
drmFreeDevices(drmDevicePtr devices[], int count)
{
    for (int i = 0; i < count; i++) {
        free(devices[i]->nodes[DRM_NODE_RENDER]);
        free(devices[i]->nodes);
        free(devices[i]->businfo.pci);
        free(devices[i]->deviceinfo.pci);
        free(devices[i]);
    }
}

/* Devices are opened in order, and each is asked for its version once. */
static int current;

drmVersionPtr
drmGetVersion(int fd)
{
    drmVersionPtr version = calloc(1, sizeof(*version));
    char path[64], link[64];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    path[length < 0 ? 0 : length] = '\0';
    for (current = 0; current < fake_drm.device_count; current++) {
        const char *node = fake_drm.devices[current].node;
        if (node && strcmp(node, path) == 0) {
            break;
        }
    }
    fake_drm.opened++;
    version->name = strdup(fake_drm.devices[current].driver);
    return version;
}

void
drmFreeVersion(drmVersionPtr version)
{
    free(version->name);
    free(version);
}

static int
refuse(int error)
{
    errno = error;
    return -1;
}

static int
get_param(const struct kernel_get_param *request)
{
    if (request->param >= FAKE_DRM_PARAMS) {
        return refuse(EINVAL);
    }
    *(uint32_t *)(uintptr_t)request->value = fake_drm.devices[current].params[request->param];
    return 0;
}

static int
get_caps(const struct kernel_get_caps *request)
{
    struct wire_capset capset = {.wire_format_version = 1, .vk_xml_version = 0x0040414e};

    if (fake_drm.devices[current].no_capset) {
        return refuse(EINVAL);
    }
    if (!fake_drm.devices[current].empty_capset) {
        memcpy((void *)(uintptr_t)request->address, &capset, 160); /* without a tail */
    }
    return 0;
}

static int
init_context(const struct kernel_context_init *request)
{
    const struct kernel_context_setting *settings =
        (const struct kernel_context_setting *)(uintptr_t)request->settings;

    for (uint32_t i = 0; i < request->count; i++) {
        if (settings[i].param == KERNEL_CONTEXT_CAPSET) {
            fake_drm.context_capset = settings[i].value;
        } else if (settings[i].param == KERNEL_CONTEXT_RING_COUNT) {
            fake_drm.context_rings = settings[i].value;
        }
    }
    fake_drm.context_first = fake_drm.exec_size == 0 && fake_drm.blob_size == 0;
    return 0;
}

static int
execute(struct kernel_exec *request)
{
    fake_drm.exec_flags = request->flags;
    fake_drm.exec_timeline = request->ring_index;
    fake_drm.exec_size = request->size;
    if (request->flags & KERNEL_EXEC_FENCE_OUT) {
        request->fence_fd = eventfd(1, EFD_CLOEXEC);
    }
    return 0;
}

static int
create_blob(struct kernel_create_blob *request)
{
    fake_drm.live_handles++;
    fake_drm.blob_size = request->size;
    fake_drm.blob_flags = request->blob_flags;
    fake_drm.blob_id = request->blob_id;
    request->handle = HANDLE;
    request->resource_id = RESOURCE;
    return 0;
}

static int
close_handle(const struct drm_gem_close *request)
{
    if (request->handle != HANDLE || fake_drm.live_handles == 0) {
        return refuse(EINVAL);
    }
    fake_drm.live_handles--;
    return 0;
}

int
drmGetCap(int fd, uint64_t capability, uint64_t *value)
{
    if (capability != DRM_CAP_PRIME) {
        return refuse(EINVAL);
    }
    *value = fake_drm.prime_capabilities;
    return 0;
}

int
drmPrimeFDToHandle(int fd, int prime_fd, uint32_t *handle)
{
    if (lseek(prime_fd, 0, SEEK_END) <= 0) {
        return refuse(EINVAL);
    }
    *handle = HANDLE;
    if (fake_drm.live_handles == 0) { /* one for each object, however often it is imported */
        fake_drm.live_handles = 1;
    }
    return 0;
}

int
drmPrimeHandleToFD(int fd, uint32_t handle, uint32_t flags, int *prime_fd)
{
    if (fake_drm.refuse && fake_drm.refused_request == DRM_IOCTL_PRIME_HANDLE_TO_FD) {
        return refuse(fake_drm.refuse);
    }
    *prime_fd = memfd_create("dma-buf", MFD_CLOEXEC);
    return ftruncate(*prime_fd, (off_t)fake_drm.blob_size);
}

int
drmIoctl(int fd, unsigned long request, void *argument)
{
    if (fake_drm.refuse && request == fake_drm.refused_request) {
        return refuse(fake_drm.refuse);
    }
    switch (request) {
    case KERNEL_GET_PARAM: return get_param(argument);
    case KERNEL_GET_CAPS: return get_caps(argument);
    case KERNEL_CONTEXT_INIT: return init_context(argument);
    case KERNEL_EXEC: return execute(argument);
    case KERNEL_CREATE_BLOB: return create_blob(argument);
    case KERNEL_MAP:
        ((struct kernel_map *)argument)->offset = 0;
        return fake_drm.cannot_map ? refuse(EINVAL) : 0;
    case KERNEL_RESOURCE_INFO:
        ((struct kernel_resource_info *)argument)->resource_id = RESOURCE;
        ((struct kernel_resource_info *)argument)->blob_mem = fake_drm.imported_blob_mem;
        return 0;
    case DRM_IOCTL_GEM_CLOSE: return close_handle(argument);
    default: return refuse(ENOTTY);
    }
}
