#include "renderer/gbm_allocator.h"

#include <stddef.h>

#include "base/log.h"
#include "renderer/gbm_image.h"

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
rnd_gbm_image_allocate(struct rnd_gbm *gbm, const uint64_t *modifiers, uint32_t count,
                       struct rnd_gbm_layout *layout, const char **reason)
{
    *reason = "this is a build without libgbm";
    return -1;
}

int
rnd_gbm_image_allocate_like(struct rnd_gbm *gbm, const struct rnd_gbm_layout *layout, uint64_t size)
{
    return -1;
}

int
rnd_gbm_allocate(struct rnd_gbm *gbm, uint64_t size)
{
    return -1;
}
