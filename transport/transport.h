/* How the driver reaches a renderer: the context's command stream, shared memory, and whether the
 * other side still lives. One implementation a folder: vtest/ (unix socket), virtgpu/ (DRM),
 * loopback/ (same process, for tests).
 *
 * All functions may be called from any thread. After the peer is gone every function fails at once;
 * none hangs, none aborts, none raises SIGPIPE. */
#ifndef TP_TRANSPORT_H
#define TP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "wire/capset.h"

enum tp_result {
    TP_OK,
    TP_NO_DEVICE, /* nothing to connect to, and nobody asked for it: quiet */
    TP_LOST,      /* the peer is gone, or broke the transport's protocol */
    TP_NO_MEMORY,
    TP_NO_DEVICE_MEMORY, /* the window through which a guest sees host memory is full */
    TP_REFUSED,          /* the peer does not take that; nothing else has changed */
};

enum tp_blob_flags { /* VIRTGPU_BLOB_FLAG_USE_* */
                     TP_BLOB_MAPPABLE = 1u << 0,
                     TP_BLOB_SHAREABLE = 1u << 1,
};

/* What a descriptor of memory is to those who pass it around. */
enum tp_fd_kind {
    TP_FD_OPAQUE, /* something that export_fd gave out, here or in another process */
    TP_FD_DMA_BUF,
    TP_FD_PAGES, /* a memfd, sealed against shrinking; only where takes_pages */
};

/* Memory as a descriptor. */
struct tp_fd {
    enum tp_fd_kind kind;
    int fd;
    uint64_t offset; /* bytes, whole pages; 0 unless TP_FD_PAGES */
    uint64_t size;   /* bytes, from there */
};

/* A resource that both sides can reach. Filled by create, emptied by destroy. */
struct tp_blob {
    uint32_t resource_id; /* what commands call it; 0: none */
    uint32_t handle;      /* the transport's own */
    int fd;               /* mappable from offset 0; -1 if not handed out */
    void *map;            /* read and write, `size` bytes; NULL if not mapped */
    uint64_t size;        /* bytes; at least what was asked for */
};

/* Where the device is, for applications that match it with a display's. All zero: it is nowhere. */
struct tp_device {
    bool has_pci, has_primary_node, has_render_node;
    uint32_t pci_domain, pci_bus, pci_device, pci_function;
    int64_t primary_major, primary_minor, render_major, render_minor;
};

struct tp_transport;

struct tp_ops {
    const char *name;
    void (*destroy)(struct tp_transport *transport);
    /* Puts whole commands on the context's own stream, in order. `size` is a multiple of 4. Returns
     * when they are handed over, not when they are executed. */
    enum tp_result (*submit)(struct tp_transport *transport, const void *commands, size_t size);
    /* The same, and *out_fd, the caller's, becomes readable once everything before it on a timeline
     * is done: 0: these commands were consumed; 1 to 63: all work that a queue was given before.
     * It is a sync file. NULL: this transport has no such thing. */
    enum tp_result (*submit_fenced)(struct tp_transport *transport, const void *commands,
                                    size_t size, uint32_t timeline, int *out_fd);
    /* Zero-filled shared memory for rings, streams and replies (blob id 0), mapped. */
    enum tp_result (*create_shared_memory)(struct tp_transport *transport, uint64_t size,
                                           struct tp_blob *out);
    /* The blob behind a VkDeviceMemory (blob_id: its object id), mapped when MAPPABLE. The renderer
     * must already have executed vkAllocateMemory. */
    enum tp_result (*create_memory_blob)(struct tp_transport *transport, uint64_t blob_id,
                                         uint64_t size, uint32_t flags, struct tp_blob *out);
    /* Makes a resource of memory and maps it if flags say MAPPABLE, which pages are not to be: they
     * are mapped already. The descriptor stays the caller's. TP_REFUSED: it is not what it is said
     * to be. Only where takes_fds. Where imports_by_stream the renderer may not know of it yet: the
     * ring must be ordered behind the transport before a command names it. */
    enum tp_result (*import_fd)(struct tp_transport *transport, const struct tp_fd *memory,
                                uint32_t flags, struct tp_blob *out);
    /* Another descriptor, the caller's, of a blob that was imported or made SHAREABLE. Only where
     * takes_fds. */
    enum tp_result (*export_fd)(struct tp_transport *transport, const struct tp_blob *blob,
                                int *out_fd);
    /* Maps whole pages of a mapped blob a second time, instead of whatever lies at `address`; to
     * unmap them is the caller's. False: errno says why, and nothing may be left at `address`. */
    bool (*place)(struct tp_transport *transport, const struct tp_blob *blob, size_t offset,
                  size_t size, void *address);
    /* Unmaps, closes, and tells the peer. Zeroes *blob. Safe on zeroes and after the peer's death.
     */
    void (*destroy_blob)(struct tp_transport *transport, struct tp_blob *blob);
    /* False once the peer has closed the connection. Costs a system call; never blocks. */
    bool (*alive)(struct tp_transport *transport);
};

struct tp_transport {
    const struct tp_ops *ops;
    struct wire_capset capset; /* constant; what the peer leaves out is zero */
    struct tp_device device;   /* constant */
    /* Constant. Both sides run on one kernel: a futex in shared memory wakes the other. */
    bool same_kernel;
    bool takes_fds;   /* constant: memory may leave and enter as descriptors */
    bool takes_pages; /* constant: TP_FD_PAGES are among these */
    /* Constant. import_fd returns when the request for it is on its way, in front of all that is
     * submitted later; else when the renderer has the resource. */
    bool imports_by_stream;

    /* Who waits for an answer asks this now and then whether that is hopeless, and then gives the
     * connection up. NULL: it never is. Set before threads share the transport, or by the last that
     * uses it; must not call the transport, except alive(). */
    bool (*is_hopeless)(void *user);
    void *is_hopeless_user;
};

/* vtest: connects to VTEST_SOCKET_NAME or /tmp/.virgl_test and shakes hands. */
BASE_MUST_CHECK enum tp_result tp_vtest_create(const char *socket_path, struct tp_transport **out);
/* virtgpu: opens a virtio-gpu device. `wanted`: somebody asked for it, so that its absence is an
 * error. */
BASE_MUST_CHECK enum tp_result tp_virtgpu_create(bool wanted, struct tp_transport **out);
/* loopback: starts a renderer context in this process. Present only in test builds. */
BASE_MUST_CHECK enum tp_result tp_loopback_create(struct tp_transport **out);

/* VESPER_TRANSPORT may force one by name (vtest, virtgpu, loopback); VN_DEBUG containing "vtest" or
 * VESPER_SOCKET=PATH gives vtest; otherwise a virtio-gpu device is looked for. TP_NO_DEVICE,
 * quietly, when nothing is asked for and there is none. */
BASE_MUST_CHECK enum tp_result tp_create(struct tp_transport **out);

#endif
