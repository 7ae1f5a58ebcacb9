/* The numbers of vtest, the protocol that carries a context over a unix socket.
 *
 * Every message, both ways, is a header of two dwords {length, command}, then the body. `length`
 * counts dwords of body; CREATE_RENDERER's counts bytes. A descriptor never rides on a header or a
 * body: it follows alone, on a message of one dummy byte. There is no error reply: an error is a
 * closed socket. */
#ifndef WIRE_VTEST_H
#define WIRE_VTEST_H

#define WIRE_VTEST_DEFAULT_PATH "/tmp/.virgl_test"
#define WIRE_VTEST_PATH_VARIABLE "VTEST_SOCKET_NAME"

enum wire_vtest_command {
    WIRE_VTEST_GET_CAPS = 1,
    WIRE_VTEST_RESOURCE_CREATE = 2,
    WIRE_VTEST_RESOURCE_UNREF = 3,
    WIRE_VTEST_TRANSFER_GET = 4,
    WIRE_VTEST_TRANSFER_PUT = 5,
    WIRE_VTEST_SUBMIT_CMD = 6,
    WIRE_VTEST_RESOURCE_BUSY_WAIT = 7,
    WIRE_VTEST_CREATE_RENDERER = 8,
    WIRE_VTEST_GET_CAPS2 = 9,
    WIRE_VTEST_PING_PROTOCOL_VERSION = 10,
    WIRE_VTEST_PROTOCOL_VERSION = 11,
    WIRE_VTEST_RESOURCE_CREATE2 = 12,
    WIRE_VTEST_TRANSFER_GET2 = 13,
    WIRE_VTEST_TRANSFER_PUT2 = 14,
    WIRE_VTEST_GET_PARAM = 15,
    WIRE_VTEST_GET_CAPSET = 16,
    WIRE_VTEST_CONTEXT_INIT = 17,
    WIRE_VTEST_RESOURCE_CREATE_BLOB = 18,
    WIRE_VTEST_SYNC_CREATE = 19,
    WIRE_VTEST_SYNC_UNREF = 20,
    WIRE_VTEST_SYNC_READ = 21,
    WIRE_VTEST_SYNC_WRITE = 22,
    WIRE_VTEST_SYNC_WAIT = 23,
    WIRE_VTEST_SUBMIT_CMD2 = 24,
    /* Forwarding of the host's DRM sync objects, since version 4. */
    WIRE_VTEST_DRM_SYNC_FIRST = 25,
    WIRE_VTEST_DRM_SYNC_LAST = 37,
    WIRE_VTEST_RESOURCE_EXPORT_FD = 38,
    WIRE_VTEST_COMMAND_COUNT = 39,

    /* Ours, where the capset's tail names WIRE_FEATURE_EXTERNAL_MEMORY. The body is {kind, size
     * low, size high} and, where it names WIRE_FEATURE_PAGES_AT_OFFSET, {offset low, offset high},
     * without which the memory begins at offset 0; a descriptor of memory follows as one dummy byte
     * carries it; the answer is the new resource's id, or 0 if the descriptor was not taken. */
    WIRE_VTEST_VESPER_RESOURCE_IMPORT = 0x56000000,
};

enum {
    WIRE_VTEST_VERSION = 4,     /* newest that exists */
    WIRE_VTEST_MIN_VERSION = 3, /* oldest with contexts, blobs and SUBMIT_CMD2 */

    WIRE_VTEST_HEADER_DWORDS = 2,
    WIRE_VTEST_MAX_NAME_SIZE = 1 << 20, /* bytes, of CREATE_RENDERER */

    /* SUBMIT_CMD2: one dword with the number of batches, then so many dwords for each. The first
     * clients of version 3 left out the last two. */
    WIRE_VTEST_BATCH_DWORDS = 8,
    WIRE_VTEST_OLD_BATCH_DWORDS = 6,
    WIRE_VTEST_SYNC_DWORDS = 3, /* {id, value low, value high} */

    WIRE_VTEST_IMPORT_DWORDS = 3,
    WIRE_VTEST_IMPORT_AT_DWORDS = 5,
};

enum wire_vtest_param {
    WIRE_VTEST_PARAM_MAX_TIMELINE_COUNT = 1,
    WIRE_VTEST_PARAM_HAS_TIMELINE_SYNCOBJ = 2,
};

enum wire_vtest_import_kind {
    WIRE_VTEST_IMPORT_OPAQUE = 1, /* what a renderer like ours has given out as such */
    WIRE_VTEST_IMPORT_DMA_BUF = 2,
    /* The client's own pages, in a memfd; the offset is whole pages. Only for who was told that a
     * device takes HOST_ALLOCATION. */
    WIRE_VTEST_IMPORT_PAGES = 3,
};

enum wire_vtest_blob_type {
    WIRE_VTEST_BLOB_GUEST = 1,
    WIRE_VTEST_BLOB_HOST3D = 2,
    WIRE_VTEST_BLOB_HOST3D_GUEST = 3,
};

enum wire_vtest_batch_flags {
    WIRE_VTEST_BATCH_RING_IDX = 1 << 0,
    WIRE_VTEST_BATCH_IN_FENCE_FD = 1 << 1,
    WIRE_VTEST_BATCH_OUT_FENCE_FD = 1 << 2,
};

enum wire_vtest_wait_flags {
    WIRE_VTEST_WAIT_ANY = 1 << 0,
};

#endif
