/* Two processes, each with a device of its own, share memory by descriptors, both ways.
 *
 *     external [--hostile] HANDLE_TYPE...
 *
 * What the device does not promise is left out, but of each handle type named (opaque, dma-buf)
 * something has to be there. --hostile also imports what is no such memory: undefined in Vulkan,
 * but not here. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/apps/external/external.h"

#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define MAPPABLE (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define BOTH_WAYS                                                                                  \
    (VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT | VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)

static const struct external_case cases[] = {
    {"opaque, buffer, mapped", OPAQUE, EXTERNAL_BUFFER, MAPPABLE},
    {"opaque, buffer, local", OPAQUE, EXTERNAL_BUFFER, LOCAL},
    {"opaque, linear image, mapped", OPAQUE, EXTERNAL_LINEAR_IMAGE, MAPPABLE},
    {"opaque, optimal image, local", OPAQUE, EXTERNAL_OPTIMAL_IMAGE, LOCAL},
    {"dma-buf, buffer, mapped", DMA_BUF, EXTERNAL_BUFFER, MAPPABLE},
    {"dma-buf, buffer, local", DMA_BUF, EXTERNAL_BUFFER, LOCAL},
    {"dma-buf, linear image, mapped", DMA_BUF, EXTERNAL_LINEAR_IMAGE, MAPPABLE},
    {"dma-buf, optimal image, local", DMA_BUF, EXTERNAL_OPTIMAL_IMAGE, LOCAL},
};

/* What goes to the other process; a descriptor follows. */
struct offer {
    uint32_t index; /* of the case */
    uint32_t memory_type;
    VkDeviceSize size;
};

struct answer {
    uint32_t same; /* what we wrote was there */
    uint32_t back; /* a descriptor of the same memory follows */
};

enum {
    FIRST_SEED = 1,
    SECOND_SEED = 99,
};

static void
open_gpu(struct vkh_gpu *gpu)
{
    static const char *const extensions[] = {
        VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
        VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
        NULL,
    };
    vkh_gpu_open(gpu, &(struct vkh_gpu_info){.program = "external", .extensions = extensions});
}

/* --- the one that takes --- */

static void
take(const struct vkh_gpu *gpu, int peer, const struct offer *offer)
{
    const struct external_case *as = &cases[offer->index];
    VkExternalMemoryProperties properties = external_ask(gpu, as);
    struct external_object object;
    int fd = base_fd_receive_fd(peer);

    external_create(gpu, as, &object);
    object.requirements.size = offer->size;
    VKH_CHECK(external_allocate(gpu, &object, offer->memory_type, fd));
    external_bind(gpu, &object);
    struct answer answer = {
        .same = external_holds(gpu, &object, FIRST_SEED),
        .back = properties.exportFromImportedHandleTypes & as->type ? 1 : 0,
    };
    if (as->kind == EXTERNAL_BUFFER && as->memory == MAPPABLE) {
        answer.same &= external_map_holds(gpu, &object, FIRST_SEED);
    }
    external_write(gpu, &object, SECOND_SEED, false);
    if (!base_fd_write(peer, &answer, sizeof(answer))) {
        vkh_die("the other process does not listen");
    }
    if (answer.back) {
        fd = external_export(gpu, &object);
        if (!base_fd_send_fd(peer, fd)) {
            vkh_die("the other process takes no descriptor");
        }
        base_fd_close(&fd);
    }
    external_destroy(gpu, &object);
}

static int
take_all(int peer)
{
    struct vkh_gpu gpu;
    struct offer offer;

    open_gpu(&gpu);
    while (base_fd_read(peer, &offer, sizeof(offer))) {
        take(&gpu, peer, &offer);
    }
    vkh_gpu_close(&gpu);
    return 0;
}

/* --- the one that gives --- */

/* What comes back is the memory that went out. */
static bool
check_what_is_back(const struct vkh_gpu *gpu, const struct external_object *given, int fd)
{
    struct external_object again;
    external_create(gpu, given->as, &again);
    again.requirements.size = given->requirements.size;
    VKH_CHECK(external_allocate(gpu, &again, given->memory_type, fd));
    external_bind(gpu, &again);
    bool same = external_holds(gpu, &again, SECOND_SEED);
    external_destroy(gpu, &again);
    return same;
}

/* Of dma-bufs the device says what they can be imported as, and of other things that they are none.
 */
static bool
knows_dma_buf(const struct vkh_gpu *gpu, int fd, uint32_t memory_type)
{
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    VkResult of_null = vkGetMemoryFdPropertiesKHR(gpu->device, DMA_BUF, null_fd, &properties);
    VkResult result = vkGetMemoryFdPropertiesKHR(gpu->device, DMA_BUF, fd, &properties);
    close(null_fd);
    if (of_null != VK_ERROR_INVALID_EXTERNAL_HANDLE || result != VK_SUCCESS ||
        !(properties.memoryTypeBits >> memory_type & 1)) {
        printf("vkGetMemoryFdPropertiesKHR: %s of /dev/null; %s, types %#x, not %u\n",
               vkh_result_name(of_null), vkh_result_name(result), properties.memoryTypeBits,
               memory_type);
        return false;
    }
    return true;
}

static bool
give(const struct vkh_gpu *gpu, int peer, uint32_t index, struct external_object *object)
{
    struct offer offer = {index, object->memory_type, object->requirements.size};
    struct answer answer;

    external_bind(gpu, object);
    external_write(gpu, object, FIRST_SEED, true);
    int fd = external_export(gpu, object);
    bool known = object->as->type != DMA_BUF || knows_dma_buf(gpu, fd, object->memory_type);
    bool sent = base_fd_write(peer, &offer, sizeof(offer)) && base_fd_send_fd(peer, fd);
    base_fd_close(&fd);
    if (!sent || !base_fd_read(peer, &answer, sizeof(answer))) {
        vkh_die("%s: the other process has ended", object->as->name);
    }
    bool same = external_holds(gpu, object, SECOND_SEED);
    printf("%s: %s there, %s here", object->as->name, answer.same ? "right" : "WRONG",
           same ? "right" : "WRONG");
    if (answer.back) {
        bool back = check_what_is_back(gpu, object, base_fd_receive_fd(peer));
        printf(", %s when it came back", back ? "right" : "WRONG");
        same = same && back;
    }
    putchar('\n');
    return answer.same && same && known;
}

enum outcome { PASSED, FAILED, LEFT_OUT };

static enum outcome
run_case(const struct vkh_gpu *gpu, int peer, uint32_t index)
{
    const struct external_case *as = &cases[index];
    VkExternalMemoryProperties properties = external_ask(gpu, as);
    struct external_object object;

    bool has_extension = vkh_gpu_has_extension(
        gpu, as->type == DMA_BUF ? VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME
                                 : VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);
    if (!has_extension || (properties.externalMemoryFeatures & BOTH_WAYS) != BOTH_WAYS) {
        printf("%s: not offered (features %#x)\n", as->name, properties.externalMemoryFeatures);
        return LEFT_OUT;
    }
    external_create(gpu, as, &object);
    uint32_t type = external_memory_type(gpu, &object);
    if (type == UINT32_MAX) {
        printf("%s: no such memory (types %#x)\n", as->name, object.requirements.memoryTypeBits);
        external_destroy(gpu, &object);
        return LEFT_OUT;
    }
    VKH_CHECK(external_allocate(gpu, &object, type, -1));
    bool passed = give(gpu, peer, index, &object);
    external_destroy(gpu, &object);
    return passed ? PASSED : FAILED;
}

/* --- what is no memory --- */

static int
make_memfd(off_t size, int seals)
{
    int fd = memfd_create("external", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, size) != 0 || (seals && fcntl(fd, F_ADD_SEALS, seals) != 0)) {
        vkh_die("no memfd");
    }
    return fd;
}

/* Refused, and the device does not mind. */
static bool
refuses(const struct vkh_gpu *gpu, const char *what, int fd)
{
    bool refused = true;
    for (uint32_t i = 0; i < 2; i++) { /* mapped, and not */
        struct external_object object;
        external_create(gpu, &cases[i], &object);
        VkResult result = external_allocate(gpu, &object, external_memory_type(gpu, &object), fd);
        if (result != VK_ERROR_INVALID_EXTERNAL_HANDLE) {
            printf("%s as %s: %s\n", what, cases[i].name, vkh_result_name(result));
            refused = false;
        }
        external_destroy(gpu, &object);
    }
    close(fd);
    return refused;
}

static bool
refuses_all(const struct vkh_gpu *gpu)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        vkh_die("no pipe");
    }
    close(pipes[1]);
    bool ok = refuses(gpu, "a pipe", pipes[0]);
    ok &= refuses(gpu, "/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC));
    ok &= refuses(gpu, "a file", open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    ok &= refuses(gpu, "a short memfd", make_memfd(100, F_SEAL_SHRINK));
    ok &= refuses(gpu, "a memfd that can shrink", make_memfd(1 << 20, F_SEAL_SEAL));
    printf("what is no such memory is %s\n", ok ? "refused" : "TAKEN");
    return ok;
}

static bool
is_wanted(const char *handle_type, const struct external_case *as)
{
    return strncmp(as->name, handle_type, strlen(handle_type)) == 0;
}

static bool
give_all(int peer, int argc, char **argv)
{
    enum outcome outcomes[sizeof(cases) / sizeof(cases[0])];
    struct vkh_gpu gpu;
    bool ok = true;

    open_gpu(&gpu);
    printf("device: %s\n", gpu.properties.deviceName);
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        outcomes[i] = run_case(&gpu, peer, i);
        ok = ok && outcomes[i] != FAILED;
    }
    for (int i = 1; i < argc; i++) {
        bool found = false;
        if (strcmp(argv[i], "--hostile") == 0) {
            ok = refuses_all(&gpu) && ok;
            continue;
        }
        for (uint32_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++) {
            found = found || (is_wanted(argv[i], &cases[j]) && outcomes[j] == PASSED);
        }
        if (!found) {
            printf("%s: nothing of it was there\n", argv[i]);
        }
        ok = ok && found;
    }
    /* After all that was refused, too. */
    ok = run_case(&gpu, peer, 0) != FAILED && ok;
    vkh_gpu_close(&gpu);
    return ok;
}

int
main(int argc, char **argv)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        vkh_die("no socket pair");
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(sockets[0]);
        return take_all(sockets[1]);
    }
    close(sockets[1]);
    bool ok = child > 0 && give_all(sockets[0], argc, argv);
    close(sockets[0]);
    int status = 1;
    waitpid(child, &status, 0);
    return ok && status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
