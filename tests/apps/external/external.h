/* Buffers and images whose memory two processes share by a descriptor. */
#ifndef EXTERNAL_H
#define EXTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/vkh/vkh.h"

enum external_kind { EXTERNAL_BUFFER, EXTERNAL_LINEAR_IMAGE, EXTERNAL_OPTIMAL_IMAGE };

struct external_case {
    const char *name;
    VkExternalMemoryHandleTypeFlagBits type;
    enum external_kind kind;
    VkMemoryPropertyFlags memory; /* what its memory must be */
};

struct external_object {
    const struct external_case *as;
    VkBuffer buffer; /* this, */
    VkImage image;   /* or that */
    VkMemoryRequirements requirements;
    bool dedicated; /* required */
    VkDeviceMemory memory;
    uint32_t memory_type;
};

/* What the device says about such an object; nothing if it has no such image at all. */
VkExternalMemoryProperties external_ask(const struct vkh_gpu *gpu, const struct external_case *as);
/* The object, without memory. */
void external_create(const struct vkh_gpu *gpu, const struct external_case *as,
                     struct external_object *out);
void external_destroy(const struct vkh_gpu *gpu, struct external_object *object);
/* A memory type that the case wants; UINT32_MAX: none. */
uint32_t external_memory_type(const struct vkh_gpu *gpu, const struct external_object *object);
/* Allocates memory that may be exported, of the descriptor unless that is -1. Success takes it. */
VkResult external_allocate(const struct vkh_gpu *gpu, struct external_object *object,
                           uint32_t memory_type, int fd);
void external_bind(const struct vkh_gpu *gpu, struct external_object *object);
int external_export(const struct vkh_gpu *gpu, const struct external_object *object);

/* Values that follow from `seed`. Both take the object over from whoever had it last, unless it is
 * fresh, and release it to whoever is next. */
void external_write(const struct vkh_gpu *gpu, const struct external_object *object, uint32_t seed,
                    bool fresh);
bool external_holds(const struct vkh_gpu *gpu, const struct external_object *object, uint32_t seed);
/* The same by mapping the memory of a buffer. */
bool external_map_holds(const struct vkh_gpu *gpu, const struct external_object *object,
                        uint32_t seed);

#endif
