/* The captured shader group handles that pipelines are made again with, kept for as long as the
 * device lives. By the specification they may go when the pipeline has been created, but NVIDIA's
 * driver (580.159) reads those of a library once more when the library is linked, and refuses the
 * pipeline with VK_ERROR_INITIALIZATION_FAILED if it finds something else. Any thread. */
#ifndef RND_GROUP_HANDLES_H
#define RND_GROUP_HANDLES_H

#include <pthread.h>
#include <stddef.h>

enum {
    RND_GROUP_HANDLE_SIZE = 256, /* bytes; Vulkan sets no limit, NVIDIA's have 64 */
    RND_MAX_GROUP_HANDLES = 65536,
};

struct rnd_group_handle;

struct rnd_group_handles {
    pthread_mutex_t lock;
    struct rnd_group_handle *buckets[256];
    unsigned count;
};

void rnd_group_handles_init(struct rnd_group_handles *handles);
void rnd_group_handles_finish(struct rnd_group_handles *handles);

/* RND_GROUP_HANDLE_SIZE bytes that begin with the `size` given ones, the rest 0, and belong to
 * `handles`; the same for the same bytes. NULL: they are more, there is no memory, or the device
 * has RND_MAX_GROUP_HANDLES already. */
const void *rnd_group_handles_keep(struct rnd_group_handles *handles, const void *bytes,
                                   size_t size);

#endif
