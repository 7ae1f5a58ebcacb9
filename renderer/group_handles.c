#include "renderer/group_handles.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"

struct rnd_group_handle {
    struct rnd_group_handle *next;
    uint8_t bytes[RND_GROUP_HANDLE_SIZE];
};

void
rnd_group_handles_init(struct rnd_group_handles *handles)
{
    *handles = (struct rnd_group_handles){0};
    pthread_mutex_init(&handles->lock, NULL);
}

void
rnd_group_handles_finish(struct rnd_group_handles *handles)
{
    for (size_t i = 0; i < BASE_COUNT_OF(handles->buckets); i++) {
        struct rnd_group_handle *next;
        for (struct rnd_group_handle *it = handles->buckets[i]; it; it = next) {
            next = it->next;
            free(it);
        }
    }
    pthread_mutex_destroy(&handles->lock);
}

/* FNV-1a: handles are small numbers in few of their bytes. */
static struct rnd_group_handle **
bucket_of(struct rnd_group_handles *handles, const uint8_t bytes[RND_GROUP_HANDLE_SIZE])
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < RND_GROUP_HANDLE_SIZE; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return &handles->buckets[(hash >> 24 ^ hash) & 0xff];
}

static struct rnd_group_handle *
add(struct rnd_group_handles *handles, struct rnd_group_handle **bucket,
    const uint8_t bytes[RND_GROUP_HANDLE_SIZE])
{
    struct rnd_group_handle *handle =
        handles->count < RND_MAX_GROUP_HANDLES ? malloc(sizeof(*handle)) : NULL;
    if (handle) {
        memcpy(handle->bytes, bytes, RND_GROUP_HANDLE_SIZE);
        handle->next = *bucket;
        *bucket = handle;
        handles->count++;
    }
    return handle;
}

const void *
rnd_group_handles_keep(struct rnd_group_handles *handles, const void *bytes, size_t size)
{
    uint8_t wanted[RND_GROUP_HANDLE_SIZE] = {0};
    if (size > sizeof(wanted)) {
        return NULL;
    }
    if (size > 0) {
        memcpy(wanted, bytes, size);
    }
    struct rnd_group_handle **bucket = bucket_of(handles, wanted);
    pthread_mutex_lock(&handles->lock);
    struct rnd_group_handle *handle = *bucket;
    while (handle && memcmp(handle->bytes, wanted, sizeof(wanted)) != 0) {
        handle = handle->next;
    }
    if (!handle) {
        handle = add(handles, bucket, wanted);
    }
    pthread_mutex_unlock(&handles->lock);
    return handle ? handle->bytes : NULL;
}
