/* Many small checks, each of one thing that a driver does. They run on any Vulkan 1.1; what the
 * device lacks is skipped, with the reason. A check creates and destroys all that it uses. */
#ifndef FEATURES_FEATURES_H
#define FEATURES_FEATURES_H

#include "tools/vkh/vkh.h"

struct features_check {
    const char *name;
    /* NULL, or why this check cannot be made here. Complains through features_expect(). */
    const char *(*run)(const struct vkh_gpu *gpu);
};

/* Each ends with a row of zeroes. */
extern const struct features_check features_command_checks[];
extern const struct features_check features_descriptor_checks[];
extern const struct features_check features_memory_checks[];
extern const struct features_check features_pipeline_checks[];
extern const struct features_check features_query_checks[];
extern const struct features_check features_render_checks[];
extern const struct features_check features_sync_checks[];
extern const struct features_check features_thread_checks[];

/* Notes a failure of the current check unless `ok`; it runs on. Any thread. */
void features_expect(bool ok, const char *format, ...) BASE_PRINTF(2, 3);

/* Expects values[i] == base + i * factor for all of them. */
void features_expect_line(const uint32_t *values, uint32_t count, uint32_t base, uint32_t factor);
void features_expect_result(VkResult result, VkResult wanted, const char *call);

/* The shader: values[i] = pushed base + i * specialized factor. */
VkShaderModule features_line_shader(const struct vkh_gpu *gpu);
/* The "line" pipeline over one storage buffer, bound; `factor` becomes its specialization constant.
 */
void features_line_create(const struct vkh_gpu *gpu, uint32_t factor, VkBuffer buffer,
                          struct vkh_compute *out);
/* Binds it and dispatches it over `count` values, with the base pushed. */
void features_line_record(VkCommandBuffer commands, const struct vkh_compute *line, uint32_t base,
                          uint32_t count);

#endif
