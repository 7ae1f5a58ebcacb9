/* Memory from the kernel's graphics buffers (libgbm: Mesa's or minigbm), as dma-bufs: for host
 * drivers that import these but neither the pages of a memfd nor export any of their own, and for
 * whoever asks for it with VESPER_GBM (docs/memory.md). Plain bytes; images are in gbm_image.h.
 *
 * Present in builds with -Dgbm=enabled. Any thread may call; a lock inside serializes, since libgbm
 * promises nothing. */
#ifndef RND_GBM_ALLOCATOR_H
#define RND_GBM_ALLOCATOR_H

#include <stdint.h>

#include "base/attributes.h"

struct rnd_gbm;

/* `node`: path of a render node, such as /dev/dri/renderD128. NULL, and the reason in the log. */
BASE_MUST_CHECK struct rnd_gbm *rnd_gbm_create(const char *node);
void rnd_gbm_destroy(struct rnd_gbm *gbm);

/* A dma-buf of at least `size` bytes that begin at its offset 0, linear. The caller owns it. -1,
 * and the reason in the log: more than 1 GiB, or the kernel refuses. */
BASE_MUST_CHECK int rnd_gbm_allocate(struct rnd_gbm *gbm, uint64_t size);

#endif
