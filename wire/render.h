/* What libvirglrenderer.so.1 (in the machine monitor's process) and vesper-render-server say to
 * each other. Private to one build of both: HELLO compares the versions, and neither works with
 * another project's counterpart.
 *
 * Packets of a SOCK_SEQPACKET socket, in the host's byte order. On the server's socket:
 *
 *     HELLO                                   -> wire_render_welcome
 *     CREATE_CONTEXT + status page, eventfd   -> wire_render_created + the worker's socket
 *
 * and on a worker's, which executes them in order:
 *
 *     SUBMIT, then the rest of its bytes in packets of their own
 *     CREATE_BLOB                             -> wire_render_blob + the memory's descriptor
 *     IMPORT_BLOB + its descriptor, UNREF_BLOB, FENCE, FENCE_ALL
 *     EXPORT_FENCE + a socket for the answer  -> there: wire_render_exported + the sync file
 *
 * What happens by itself (fences retire, the context becomes fatal, the worker dies) goes into the
 * status page, so that no side ever waits for the other to read. Closing the worker's socket ends
 * the context. */
#ifndef WIRE_RENDER_H
#define WIRE_RENDER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/capset.h"

#define WIRE_RENDER_MAGIC 0x52565356u /* "VSVR" */

enum {
    WIRE_RENDER_VERSION = 2,
    WIRE_RENDER_NAME_SIZE = 64,        /* with its NUL */
    WIRE_RENDER_PACKET_SIZE = 32768,   /* the largest packet */
    WIRE_RENDER_MAX_SUBMIT = 16 << 20, /* bytes of one submission */
    WIRE_RENDER_MAX_RINGS = 256,
    WIRE_RENDER_ALL_TIMELINES = WIRE_MAX_TIMELINES, /* index of FENCE_ALL's */
};

enum wire_render_command {
    WIRE_RENDER_HELLO = 1,
    WIRE_RENDER_CREATE_CONTEXT,
    WIRE_RENDER_SUBMIT,
    WIRE_RENDER_CREATE_BLOB,
    WIRE_RENDER_IMPORT_BLOB,
    WIRE_RENDER_UNREF_BLOB,
    WIRE_RENDER_FENCE,     /* once the work submitted so far on one timeline is done */
    WIRE_RENDER_FENCE_ALL, /* the same for all timelines that have a queue */
    WIRE_RENDER_EXPORT_FENCE,
};

struct wire_render_hello {
    uint32_t command;
    uint32_t magic, version;
};

struct wire_render_welcome {
    uint32_t magic, version;
    struct wire_capset capset;
};

struct wire_render_create_context {
    uint32_t command;
    uint32_t context_id;
    char name[WIRE_RENDER_NAME_SIZE];
};

struct wire_render_created {
    uint32_t error; /* errno, or 0 and a descriptor */
    int32_t pid;
};

struct wire_render_submit {
    uint32_t command;
    uint32_t size; /* bytes of commands; as many as fit follow in the same packet */
};

struct wire_render_create_blob {
    uint32_t command;
    uint32_t resource_id, flags, reserved;
    uint64_t blob_id, size;
};

struct wire_render_blob {
    uint32_t error;    /* errno, or 0 and a descriptor */
    uint32_t fd_type;  /* enum wire_render_fd_type */
    uint32_t map_info; /* enum wire_render_caching */
    uint32_t reserved;
};

struct wire_render_import_blob {
    uint32_t command;
    uint32_t resource_id, fd_type, reserved;
    uint64_t size;
};

struct wire_render_unref_blob {
    uint32_t command;
    uint32_t resource_id;
};

struct wire_render_fence {
    uint32_t command;
    uint32_t ring_idx;
    uint64_t seqno; /* of this timeline, counting from 1 */
};

struct wire_render_export_fence {
    uint32_t command;
    uint32_t ring_idx;
    uint64_t seqno;
};

/* A socket of its own, since the library does not wait long for it. */
struct wire_render_exported {
    uint32_t error;    /* errno, or 0 and a sync file, or 0 and */
    uint32_t signaled; /* 1: it has retired, and there is none */
};

/* The numbers of virglrenderer's interface, which machine monitors and guests see. */
enum wire_render_fd_type {
    WIRE_RENDER_FD_DMA_BUF = 1,
    WIRE_RENDER_FD_OPAQUE = 2,
    WIRE_RENDER_FD_SHM = 3,
};
enum wire_render_caching {
    WIRE_RENDER_CACHED = 1,
    WIRE_RENDER_WRITE_COMBINED = 3,
};

/* One a context: a sealed memfd of the library's. The worker writes, then adds to the eventfd. */
struct wire_render_page {
    /* The last fence that has retired, of each timeline and of FENCE_ALL. */
    _Atomic uint64_t timelines[WIRE_MAX_TIMELINES + 1];
    /* Where each ring has its status word: resource id in the upper half, byte offset in the lower.
     * 0: none. Who outlives the worker sets the FATAL bit there. */
    _Atomic uint64_t rings[WIRE_RENDER_MAX_RINGS];
    _Atomic uint32_t fatal; /* the context executes nothing more */
    /* Written by the server when it has reaped the worker: WIRE_RENDER_EXITED and its exit status,
     * or WIRE_RENDER_KILLED and the signal's number. */
    _Atomic uint32_t death;
};

enum {
    WIRE_RENDER_EXITED = 1u << 16,
    WIRE_RENDER_KILLED = 1u << 17,
    WIRE_RENDER_DEATH_VALUE = 0xffff,
};

#endif
