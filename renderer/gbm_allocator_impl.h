/* The inside of gbm_allocator.h, for the files that call libgbm. */
#ifndef RND_GBM_ALLOCATOR_IMPL_H
#define RND_GBM_ALLOCATOR_IMPL_H

#include <gbm.h>
#include <pthread.h>

struct rnd_gbm {
    int fd;
    struct gbm_device *device;
    pthread_mutex_t lock; /* held around calls into libgbm */
};

#endif
