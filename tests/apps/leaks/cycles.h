/* Making and destroying one of each kind of object. */
#ifndef LEAKS_CYCLES_H
#define LEAKS_CYCLES_H

#include "tests/apps/features/target.h"
#include "tools/vkh/vkh.h"

/* What the objects need to be made from; lives as long as the test. */
struct world {
    struct vkh_gpu gpu;
    struct target target;
    struct vkh_buffer buffer; /* mapped; for texels, storage and transfer */
    uint32_t mapped_type;     /* a memory type that can be mapped */
    VkShaderModule compute;
    VkDescriptorSetLayout set_layout; /* three storage buffers */
    VkPipelineLayout layout;          /* that set */
    VkDescriptorPool pool;            /* room for one such set, which can be freed */
};

struct cycle {
    const char *name;
    void (*run)(struct world *world);
    uint32_t every; /* done once where the others are done so many times: it is slow */
};

extern const struct cycle cycles[];
extern const uint32_t cycle_count;

void world_create(struct world *out);
void world_destroy(struct world *world);

#endif
