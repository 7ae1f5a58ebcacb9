/* Checks of what is newer than Vulkan 1.3's core, one device with all of it that there is. */
#ifndef EXTENSIONS_EXTENSIONS_H
#define EXTENSIONS_EXTENSIONS_H

#include "tools/vkh/vkh.h"

struct extensions_check {
    const char *name;
    const char *extension; /* needed; NULL: none */
    void (*run)(const struct vkh_gpu *gpu);
};

/* Each ends with a row of zeroes. */
extern const struct extensions_check extensions_command_checks[];
extern const struct extensions_check extensions_descriptor_checks[];
extern const struct extensions_check extensions_descriptor_buffer_checks[];
extern const struct extensions_check extensions_executable_checks[];
extern const struct extensions_check extensions_generated_checks[];
extern const struct extensions_check extensions_image_checks[];
extern const struct extensions_check extensions_memory_checks[];
extern const struct extensions_check extensions_pipeline_checks[];
extern const struct extensions_check extensions_query_checks[];
extern const struct extensions_check extensions_ray_checks[];
extern const struct extensions_check extensions_robustness_checks[];
extern const struct extensions_check extensions_shader_object_checks[];

/* add.comp: adds two buffers into a third. */
struct extensions_code {
    const uint32_t *words;
    size_t size; /* bytes */
};
extern const struct extensions_code extensions_add_code;

/* Notes a failure of the current check unless `ok`; it runs on. */
void extensions_expect(bool ok, const char *format, ...) BASE_PRINTF(2, 3);

/* PFN_vkX vkX, looked up in the device; the program ends if there is none. */
PFN_vkVoidFunction extensions_function(const struct vkh_gpu *gpu, const char *name);
#define EXTENSIONS_LOAD(gpu, name) PFN_##name name = (PFN_##name)extensions_function(gpu, #name)

#endif
