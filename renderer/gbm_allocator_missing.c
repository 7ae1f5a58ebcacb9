#include "renderer/gbm_allocator.h"

#include <stddef.h>

#include "base/log.h"

struct rnd_gbm *
rnd_gbm_create(const char *node)
{
    base_log_warn("no memory by libgbm from %s: this is a build without it (-Dgbm=enabled)", node);
    return NULL;
}

void
rnd_gbm_destroy(struct rnd_gbm *gbm)
{
}

int
rnd_gbm_allocate(struct rnd_gbm *gbm, uint64_t size)
{
    return -1;
}
