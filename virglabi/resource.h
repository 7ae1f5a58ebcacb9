/* Resources: images of two dimensions (image.h), and blobs, which are memory of a guest's context,
 * memory that the machine monitor has imported, or the guest's own pages. */
#ifndef ABI_RESOURCE_H
#define ABI_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/attributes.h"
#include "virglabi/virgl/virglrenderer.h"

struct abi_image;

struct abi_resource {
    /* Constant after creation. */
    uint32_t id;
    struct abi_image *image; /* NULL: a blob */
    uint32_t context_id;     /* blob: whose memory it is; 0: nobody's */
    int fd;                  /* blob: -1: guest pages only */
    uint32_t fd_type;        /* VIRGL_RENDERER_BLOB_FD_TYPE_* */
    uint32_t map_info;       /* VIRGL_RENDERER_MAP_CACHE_* */
    uint64_t size;

    /* The rest: the library's `calls` lock. */
    void *map;         /* of virgl_renderer_resource_map() */
    struct iovec *iov; /* the monitor's, handed back as it came */
    int iov_count;
    uint32_t *attached; /* ids of the contexts of Venus that know it; may be stale */
    size_t attached_count;
    void *priv; /* the monitor's */
};

/* NULL if there is none. */
struct abi_resource *abi_resource_find(uint32_t id);
/* Each: 0 or an errno. */
BASE_MUST_CHECK int
abi_resource_create_image(const struct virgl_renderer_resource_create_args *args, struct iovec *iov,
                          uint32_t iov_count);
BASE_MUST_CHECK int
abi_resource_create_blob(const struct virgl_renderer_resource_create_blob_args *args);
/* Takes the descriptor over on success. */
BASE_MUST_CHECK int
abi_resource_import_blob(const struct virgl_renderer_resource_import_blob_args *args);
/* Also what is mapped. Contexts that know it forget it, too. */
void abi_resource_destroy(struct abi_resource *resource);

/* Makes the blob known to a context that does not know it: another than its own, or that one after
 * a detach. */
void abi_resource_attach(struct abi_resource *resource, uint32_t context_id);
void abi_resource_detach(struct abi_resource *resource, uint32_t context_id);
BASE_MUST_CHECK int abi_resource_map(struct abi_resource *resource);
void abi_resource_unmap(struct abi_resource *resource);
/* EOPNOTSUPP: not that kind. */
BASE_MUST_CHECK int abi_resource_map_fixed(struct abi_resource *resource, void *address);

/* Sets the FATAL bit at that offset of the resource, if it is shared memory of that context. The
 * library's lock is held. */
void abi_resource_set_ring_fatal(uint32_t context_id, uint32_t resource_id, uint32_t offset);

#endif
