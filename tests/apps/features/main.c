/* Runs the checks whose names contain the first argument, or all: features [PART [WITHOUT...]]
 * The other arguments are parts of names that are left out. */
#include "tests/apps/features/features.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/apps/shaders/line_comp.h"

static _Atomic unsigned failures;

void
features_expect(bool ok, const char *format, ...)
{
    if (ok) {
        return;
    }
    va_list args;
    va_start(args, format);
    atomic_fetch_add(&failures, 1);
    fputs("    ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void
features_expect_result(VkResult result, VkResult wanted, const char *call)
{
    features_expect(result == wanted, "%s: %s (%d), expected %s", call, vkh_result_name(result),
                    result, vkh_result_name(wanted));
}

void
features_expect_line(const uint32_t *values, uint32_t count, uint32_t base, uint32_t factor)
{
    for (uint32_t i = 0; i < count; i++) {
        if (values[i] != base + i * factor) {
            features_expect(false, "value %u is %u, expected %u", i, values[i], base + i * factor);
            return;
        }
    }
}

VkShaderModule
features_line_shader(const struct vkh_gpu *gpu)
{
    return vkh_shader_create(gpu, line_comp, sizeof(line_comp));
}

void
features_line_create(const struct vkh_gpu *gpu, uint32_t factor, VkBuffer buffer,
                     struct vkh_compute *out)
{
    const VkSpecializationMapEntry entry = {.constantID = 0, .size = sizeof(factor)};
    const VkSpecializationInfo constants = {1, &entry, sizeof(factor), &factor};
    vkh_compute_create(gpu, line_comp, sizeof(line_comp), 1, sizeof(uint32_t), &constants, out);
    vkh_compute_bind_buffer(gpu, out, 0, buffer);
}

void
features_line_record(VkCommandBuffer commands, const struct vkh_compute *line, uint32_t base,
                     uint32_t count)
{
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, line->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, line->layout, 0, 1,
                            &line->set, 0, NULL);
    vkCmdPushConstants(commands, line->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(base), &base);
    vkCmdDispatch(commands, (count + 63) / 64, 1, 1);
}

static bool
is_wanted(const char *name, char *const *parts)
{
    if (!parts[0]) {
        return true;
    }
    bool wanted = strstr(name, parts[0]) != NULL;
    for (char *const *without = parts + 1; *without; without++) {
        wanted = wanted && !strstr(name, *without);
    }
    return wanted;
}

static unsigned
run_checks(const struct vkh_gpu *gpu, const struct features_check *checks, char *const *parts)
{
    unsigned failed = 0;
    for (; checks->name; checks++) {
        if (!is_wanted(checks->name, parts)) {
            continue;
        }
        atomic_store(&failures, 0);
        uint32_t messages = vkh_validation_messages();
        const char *skipped = checks->run(gpu);
        bool ok = atomic_load(&failures) == 0 && vkh_validation_messages() == messages;
        printf("%s %s%s%s\n",
               skipped ? "skip"
               : ok    ? "ok  "
                       : "FAIL",
               checks->name, skipped ? ": " : "", skipped ? skipped : "");
        fflush(stdout);
        failed += !skipped && !ok;
    }
    return failed;
}

int
main(int argc, char **argv)
{
    static const char *const extensions[] = {VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME, NULL};
    static const struct features_check *const families[] = {
        features_memory_checks,   features_command_checks, features_descriptor_checks,
        features_pipeline_checks, features_render_checks,  features_query_checks,
        features_sync_checks,     features_thread_checks,
    };
    struct vkh_gpu_info info = {
        .program = "features",
        .api_version = VK_API_VERSION_1_3,
        .extensions = extensions,
        .all_core_features = true,
    };
    struct vkh_gpu gpu;
    unsigned failed = 0;
    vkh_gpu_open(&gpu, &info);
    printf("device    %s\n", gpu.properties.deviceName);
    for (size_t i = 0; i < BASE_COUNT_OF(families); i++) {
        failed += run_checks(&gpu, families[i], argv + 1);
    }
    vkh_gpu_close(&gpu);
    if (failed) {
        printf("%u checks failed\n", failed);
    }
    return failed ? 1 : 0;
}
