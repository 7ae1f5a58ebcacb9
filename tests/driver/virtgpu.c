/* transport/virtgpu on kernels and devices that lack something. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/driver/fake_drm.h"
#include "transport/transport.h"
#include "transport/virtgpu/kernel.h"

/* What goes to standard error meanwhile. */
static struct capture {
    int real, file;
    char text[4096];
} capture;

static void
start_capture(void)
{
    capture.real = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    capture.file = memfd_create("stderr", MFD_CLOEXEC);
    assert_int_not_equal(dup2(capture.file, STDERR_FILENO), -1);
}

static void
end_capture(void)
{
    assert_int_not_equal(dup2(capture.real, STDERR_FILENO), -1);
    ssize_t size = pread(capture.file, capture.text, sizeof(capture.text) - 1, 0);
    capture.text[size < 0 ? 0 : size] = '\0';
    base_fd_close(&capture.real);
    base_fd_close(&capture.file);
}

static struct tp_transport *
create(bool wanted, enum tp_result expected)
{
    struct tp_transport *transport = NULL;

    start_capture();
    enum tp_result res = tp_virtgpu_create(wanted, &transport);
    end_capture();
    assert_int_equal(res, expected);
    return transport;
}

static void
assert_said(const char *text)
{
    if (!strstr(capture.text, text)) {
        /* gcc takes it for NULL once it instruments strstr(). */
        print_error("expected \"%s\" in: %s\n", text ? text : "", capture.text);
    }
    assert_non_null(strstr(capture.text, text));
}

TEST(a_device_with_everything_gets_a_venus_context)
{
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    assert_string_equal(capture.text, "");
    assert_string_equal(transport->ops->name, "virtgpu");
    assert_false(transport->same_kernel);
    assert_true(fake_drm.context_first);
    assert_int_equal(fake_drm.context_capset, 4);
    assert_int_equal(fake_drm.context_rings, 64);
    assert_int_equal(transport->capset.wire_format_version, 1);
    assert_int_equal(transport->capset.tail_magic, 0);
    assert_true(transport->device.has_pci);
    assert_int_equal(transport->device.pci_device, 3);
    assert_true(transport->device.has_render_node);
    assert_false(transport->device.has_primary_node);
    transport->ops->destroy(transport);
}

TEST(where_there_is_no_device_nothing_is_said)
{
    fake_drm_start();
    fake_drm.device_count = 0;
    create(false, TP_NO_DEVICE);
    assert_string_equal(capture.text, "");
}

TEST(who_asks_for_a_device_that_is_not_there_hears_why)
{
    fake_drm_start();
    fake_drm.device_count = 0;
    create(true, TP_LOST);
    assert_said("no virtio-gpu device with a render node");
    assert_said("virtio-gpu-gl-pci,venus=on");
}

TEST(another_vendors_node_is_never_opened)
{
    fake_drm_start();
    fake_drm.devices[0].vendor = 0x10de;
    create(false, TP_NO_DEVICE);
    fake_drm.devices[0].vendor = 0x1af4;
    fake_drm.devices[0].device = 0x1041; /* virtio, but a network card */
    create(false, TP_NO_DEVICE);
    assert_int_equal(fake_drm.opened, 0);
}

TEST(a_platform_device_of_another_driver_is_left_alone)
{
    fake_drm_start();
    fake_drm.devices[0].vendor = 0;
    fake_drm.devices[0].driver = "panfrost";
    create(false, TP_NO_DEVICE);
    assert_int_equal(fake_drm.opened, 1);
    assert_string_equal(capture.text, "");
}

TEST(the_second_device_serves_where_the_first_cannot)
{
    fake_drm_start();
    fake_drm.devices[1] = fake_drm.devices[0];
    fake_drm.devices[0].node = "/dev/null";
    fake_drm.devices[0].params[KERNEL_PARAM_3D_FEATURES] = 0;
    fake_drm.devices[0].params[KERNEL_PARAM_CAPSET_MASK] = 0;
    fake_drm.device_count = 2;
    struct tp_transport *transport = create(false, TP_OK);
    assert_int_equal(transport->device.pci_device, 4);
    transport->ops->destroy(transport);
}

/* A device that was given Venus, so that its owner wants to know. */
TEST(each_thing_that_is_missing_is_named_with_who_brings_it)
{
    static const struct {
        enum kernel_param param;
        const char *name, *who;
    } needs[] = {
        {KERNEL_PARAM_3D_FEATURES, "it lacks 3D", "virtio-gpu-gl-pci"},
        {KERNEL_PARAM_CAPSET_QUERY_FIX, "capability sets", "Linux 4.17"},
        {KERNEL_PARAM_RESOURCE_BLOB, "blob resources", "blob=on"},
        {KERNEL_PARAM_HOST_VISIBLE, "host-visible memory", "hostmem="},
        {KERNEL_PARAM_CONTEXT_INIT, "contexts by capability set", "Linux 5.16"},
    };
    for (size_t i = 0; i < BASE_COUNT_OF(needs); i++) {
        fake_drm_start();
        fake_drm.devices[0].params[needs[i].param] = 0;
        create(false, TP_NO_DEVICE);
        assert_said("error: the virtio-gpu device /dev/zero cannot be used");
        assert_said(needs[i].name);
        assert_said(needs[i].who);
    }
}

TEST(all_that_is_missing_is_told_at_once)
{
    fake_drm_start();
    fake_drm.devices[0].params[KERNEL_PARAM_RESOURCE_BLOB] = 0;
    fake_drm.devices[0].params[KERNEL_PARAM_HOST_VISIBLE] = 0;
    create(false, TP_NO_DEVICE);
    assert_said("blob resources");
    assert_said("host-visible memory");
}

TEST(a_device_that_was_not_meant_for_venus_is_passed_over_in_silence)
{
    fake_drm_start();
    fake_drm.devices[0].params[KERNEL_PARAM_CAPSET_MASK] = 1 << 1 | 1 << 2; /* virgl */
    create(false, TP_NO_DEVICE);
    assert_string_equal(capture.text, "");
    create(true, TP_LOST);
    assert_said("it has no Venus");
    assert_said("venus=on");
}

TEST(a_renderer_that_has_not_started_is_told_from_one_that_is_not_there)
{
    fake_drm_start();
    fake_drm.devices[0].empty_capset = true;
    create(false, TP_NO_DEVICE);
    assert_said("its Venus capability set is empty");
    fake_drm_start();
    fake_drm.devices[0].no_capset = true;
    create(false, TP_NO_DEVICE);
    assert_said("cannot be read");
}

TEST(a_node_that_may_not_be_opened_is_named_with_the_remedy)
{
    fake_drm_start();
    fake_drm.devices[0].node = "/proc/self/mem/none";
    create(true, TP_LOST);
    assert_said("cannot be opened");
}

TEST(a_refused_context_is_an_error)
{
    fake_drm_start();
    fake_drm.refuse = EINVAL;
    fake_drm.refused_request = KERNEL_CONTEXT_INIT;
    create(false, TP_LOST);
    assert_said("a Venus context");
}

TEST(blobs_are_whole_pages_and_are_closed)
{
    struct tp_blob blob;
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    assert_int_equal(transport->ops->create_memory_blob(
                         transport, 42, 5000, TP_BLOB_MAPPABLE | TP_BLOB_SHAREABLE, &blob),
                     TP_OK);
    assert_int_equal(fake_drm.blob_size, 8192);
    assert_int_equal(fake_drm.blob_id, 42);
    assert_int_equal(fake_drm.blob_flags, TP_BLOB_MAPPABLE | TP_BLOB_SHAREABLE);
    assert_int_equal(blob.size, 8192);
    memset(blob.map, 1, 8192);
    transport->ops->destroy_blob(transport, &blob);
    assert_int_equal(fake_drm.live_handles, 0);
    assert_null(blob.map);

    assert_int_equal(transport->ops->create_shared_memory(transport, 4096, &blob), TP_OK);
    assert_int_equal(fake_drm.blob_id, 0);
    assert_int_equal(fake_drm.blob_flags, TP_BLOB_MAPPABLE);
    transport->ops->destroy_blob(transport, &blob);
    transport->ops->destroy(transport);
}

TEST(what_may_leave_goes_to_other_virtio_devices_where_the_device_can)
{
    struct tp_blob blob;
    fake_drm_start();
    fake_drm.devices[0].params[KERNEL_PARAM_CROSS_DEVICE] = 1;
    struct tp_transport *transport = create(false, TP_OK);
    assert_int_equal(
        transport->ops->create_memory_blob(transport, 1, 4096, TP_BLOB_SHAREABLE, &blob), TP_OK);
    assert_int_equal(fake_drm.blob_flags, TP_BLOB_SHAREABLE | KERNEL_BLOB_USE_CROSS_DEVICE);
    transport->ops->destroy_blob(transport, &blob);
    assert_int_equal(
        transport->ops->create_memory_blob(transport, 2, 4096, TP_BLOB_MAPPABLE, &blob), TP_OK);
    assert_int_equal(fake_drm.blob_flags, TP_BLOB_MAPPABLE);
    transport->ops->destroy_blob(transport, &blob);
    transport->ops->destroy(transport);
}

TEST(descriptors_of_memory_need_a_kernel_that_passes_them_both_ways)
{
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    assert_true(transport->takes_fds);
    assert_true(transport->imports_by_stream);
    transport->ops->destroy(transport);
    fake_drm.prime_capabilities = DRM_PRIME_CAP_EXPORT;
    transport = create(false, TP_OK);
    assert_false(transport->takes_fds);
    transport->ops->destroy(transport);
}

TEST(a_part_of_a_blob_can_be_placed)
{
    struct tp_blob blob;
    char node[] = "/tmp/vesper-device-XXXXXX";
    int memory = mkstemp(node);
    assert_int_equal(ftruncate(memory, 8192), 0);
    fake_drm_start();
    fake_drm.devices[0].node = node; /* one whose mappings are of the same pages */
    struct tp_transport *transport = create(false, TP_OK);
    assert_int_equal(
        transport->ops->create_memory_blob(transport, 42, 8192, TP_BLOB_MAPPABLE, &blob), TP_OK);
    memset((uint8_t *)blob.map + 4096, 7, 4096);
    uint8_t *room = base_fd_reserve(NULL, 4096);
    assert_true(room != MAP_FAILED);
    assert_true(transport->ops->place(transport, &blob, 4096, 4096, room));
    assert_int_equal(room[0], 7);
    room[1] = 9;
    assert_int_equal(((uint8_t *)blob.map)[4097], 9);
    base_fd_unmap(room, 4096);
    transport->ops->destroy_blob(transport, &blob);
    transport->ops->destroy(transport);
    base_fd_close(&memory);
    unlink(node);
}

static enum tp_result
import(struct tp_transport *transport, int fd, uint64_t size, uint32_t flags, struct tp_blob *out)
{
    const struct tp_fd memory = {.kind = TP_FD_DMA_BUF, .fd = fd, .size = size};
    return transport->ops->import_fd(transport, &memory, flags, out);
}

TEST(an_object_that_comes_back_shares_its_handle_until_the_last_blob_goes)
{
    struct tp_blob blob, again;
    int fd = -1;
    fake_drm_start();
    fake_drm.imported_blob_mem = KERNEL_BLOB_HOST3D;
    struct tp_transport *transport = create(false, TP_OK);
    assert_int_equal(transport->ops->create_memory_blob(
                         transport, 42, 5000, TP_BLOB_MAPPABLE | TP_BLOB_SHAREABLE, &blob),
                     TP_OK);
    assert_int_equal(transport->ops->export_fd(transport, &blob, &fd), TP_OK);
    assert_int_equal(import(transport, fd, 8192, TP_BLOB_MAPPABLE, &again), TP_OK);
    assert_int_equal(again.resource_id, blob.resource_id);
    assert_non_null(again.map);
    transport->ops->destroy_blob(transport, &blob);
    assert_int_equal(fake_drm.live_handles, 1); /* the other still has it */
    transport->ops->destroy_blob(transport, &again);
    assert_int_equal(fake_drm.live_handles, 0);
    base_fd_close(&fd);
    transport->ops->destroy(transport);
}

TEST(descriptors_that_are_not_the_hosts_memory_are_refused)
{
    struct tp_blob blob;
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    int fd = memfd_create("other", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 4096), 0);
    fake_drm.imported_blob_mem = 1; /* guest memory */
    assert_int_equal(import(transport, fd, 4096, 0, &blob), TP_REFUSED);
    assert_int_equal(fake_drm.live_handles, 0);
    fake_drm.imported_blob_mem = KERNEL_BLOB_HOST3D;
    assert_int_equal(import(transport, fd, 4097, 0, &blob), TP_REFUSED); /* smaller than said */
    assert_int_equal(import(transport, -1, 4096, 0, &blob), TP_REFUSED);
    assert_int_equal(fake_drm.live_handles, 0);
    base_fd_close(&fd);
    transport->ops->destroy(transport);
}

TEST(without_descriptors_left_nothing_is_exported_and_nothing_is_lost)
{
    struct tp_blob blob;
    int fd = -1;
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    assert_int_equal(transport->ops->create_memory_blob(transport, 1, 4096, 0, &blob), TP_OK);
    fake_drm.refuse = EMFILE;
    fake_drm.refused_request = DRM_IOCTL_PRIME_HANDLE_TO_FD;
    assert_int_equal(transport->ops->export_fd(transport, &blob, &fd), TP_NO_MEMORY);
    assert_true(transport->ops->alive(transport));
    transport->ops->destroy_blob(transport, &blob);
    transport->ops->destroy(transport);
}

TEST(a_full_window_is_no_device_memory_and_the_connection_lives)
{
    struct tp_blob blob;
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    fake_drm.refuse = ENOSPC;
    fake_drm.refused_request = KERNEL_CREATE_BLOB;
    start_capture();
    enum tp_result res =
        transport->ops->create_memory_blob(transport, 1, 1 << 20, TP_BLOB_MAPPABLE, &blob);
    end_capture();
    assert_int_equal(res, TP_NO_DEVICE_MEMORY);
    assert_said("no room for 1024 KiB in the window for host memory");
    assert_said("hostmem=");
    assert_true(transport->ops->alive(transport));
    transport->ops->destroy(transport);
}

TEST(a_blob_that_the_host_does_not_map_is_given_back)
{
    struct tp_blob blob;
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    fake_drm.cannot_map = true;
    start_capture();
    enum tp_result res =
        transport->ops->create_memory_blob(transport, 1, 4096, TP_BLOB_MAPPABLE, &blob);
    end_capture();
    assert_int_equal(res, TP_NO_MEMORY);
    assert_int_equal(fake_drm.live_handles, 0);
    assert_said("cannot be mapped");
    transport->ops->destroy(transport);
}

TEST(a_refused_submission_loses_the_connection_once)
{
    const uint32_t command[2] = {0};
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    assert_int_equal(transport->ops->submit(transport, command, sizeof(command)), TP_OK);
    assert_int_equal(fake_drm.exec_size, 8);
    assert_int_equal(fake_drm.exec_flags, KERNEL_EXEC_RING_INDEX);
    assert_int_equal(fake_drm.exec_timeline, 0);
    fake_drm.refuse = EINVAL;
    fake_drm.refused_request = KERNEL_EXEC;
    start_capture();
    assert_int_equal(transport->ops->submit(transport, command, sizeof(command)), TP_LOST);
    assert_int_equal(transport->ops->submit(transport, command, sizeof(command)), TP_LOST);
    end_capture();
    assert_said("the kernel refuses a submission: Invalid argument");
    assert_ptr_equal(strstr(strchr(capture.text, '\n'), "refuses"), NULL);
    assert_false(transport->ops->alive(transport));
    transport->ops->destroy(transport);
}

TEST(a_fence_comes_as_a_file_of_the_asked_timeline)
{
    const uint32_t command[2] = {0};
    int fd = -1;
    fake_drm_start();
    struct tp_transport *transport = create(false, TP_OK);
    assert_int_equal(transport->ops->submit_fenced(transport, command, sizeof(command), 9, &fd),
                     TP_OK);
    assert_int_equal(fake_drm.exec_timeline, 9);
    struct pollfd file = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&file, 1, 0), 1);
    base_fd_close(&fd);

    fake_drm.refuse = EMFILE;
    fake_drm.refused_request = KERNEL_EXEC;
    assert_int_equal(transport->ops->submit_fenced(transport, command, sizeof(command), 9, &fd),
                     TP_NO_MEMORY);
    assert_true(transport->ops->alive(transport));
    transport->ops->destroy(transport);
}
