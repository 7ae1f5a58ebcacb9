/* Runs the checks whose names contain the argument, or all. */
#include "tests/apps/extensions/extensions.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned failures;

void
extensions_expect(bool ok, const char *format, ...)
{
    if (ok) {
        return;
    }
    va_list args;
    va_start(args, format);
    failures++;
    fputs("    ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

PFN_vkVoidFunction
extensions_function(const struct vkh_gpu *gpu, const char *name)
{
    PFN_vkVoidFunction function = vkGetDeviceProcAddr(gpu->device, name);
    if (!function) {
        vkh_die("%s: there is no such function", name);
    }
    return function;
}

/* Extensions with a structure of features, all of which are enabled. */
static union {
    VkBaseOutStructure base;
    VkPhysicalDeviceHostImageCopyFeatures host_copy;
    VkPhysicalDeviceGraphicsPipelineLibraryFeaturesEXT library;
    VkPhysicalDeviceMeshShaderFeaturesEXT mesh;
    VkPhysicalDeviceMutableDescriptorTypeFeaturesEXT mutable_type;
    VkPhysicalDeviceMaintenance5Features maintenance5;
    VkPhysicalDeviceMaintenance6Features maintenance6;
    VkPhysicalDeviceAccelerationStructureFeaturesKHR acceleration;
    VkPhysicalDeviceRayQueryFeaturesKHR ray_query;
    VkPhysicalDeviceRayTracingPipelineFeaturesKHR ray_tracing;
    VkPhysicalDeviceShaderObjectFeaturesEXT shader_object;
    VkPhysicalDeviceDescriptorBufferFeaturesEXT descriptor_buffer;
    VkPhysicalDeviceMemoryPriorityFeaturesEXT priority;
    VkPhysicalDevicePageableDeviceLocalMemoryFeaturesEXT pageable;
    VkPhysicalDeviceRobustness2FeaturesEXT robustness;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable;
    VkPhysicalDeviceShaderModuleIdentifierFeaturesEXT identifier;
    VkPhysicalDeviceDeviceGeneratedCommandsFeaturesEXT generated;
} features[17];

static const struct {
    const char *extension;
    VkStructureType type;
} feature_rows[] = {
    {"VK_EXT_host_image_copy", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_IMAGE_COPY_FEATURES},
    {"VK_EXT_graphics_pipeline_library",
     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_GRAPHICS_PIPELINE_LIBRARY_FEATURES_EXT},
    {"VK_EXT_mesh_shader", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MESH_SHADER_FEATURES_EXT},
    {"VK_EXT_mutable_descriptor_type",
     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MUTABLE_DESCRIPTOR_TYPE_FEATURES_EXT},
    {"VK_KHR_maintenance5", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_5_FEATURES},
    {"VK_KHR_maintenance6", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_6_FEATURES},
    {"VK_KHR_acceleration_structure",
     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_FEATURES_KHR},
    {"VK_KHR_ray_query", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_QUERY_FEATURES_KHR},
    {"VK_KHR_ray_tracing_pipeline",
     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR},
    {"VK_EXT_shader_object", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_OBJECT_FEATURES_EXT},
    {"VK_EXT_descriptor_buffer", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_BUFFER_FEATURES_EXT},
    {"VK_EXT_memory_priority", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PRIORITY_FEATURES_EXT},
    {"VK_EXT_pageable_device_local_memory",
     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PAGEABLE_DEVICE_LOCAL_MEMORY_FEATURES_EXT},
    {"VK_EXT_robustness2", VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT},
    {"VK_KHR_pipeline_executable_properties",
     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR},
    {"VK_EXT_shader_module_identifier",
     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_MODULE_IDENTIFIER_FEATURES_EXT},
    {"VK_EXT_device_generated_commands",
     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DEVICE_GENERATED_COMMANDS_FEATURES_EXT},
};

static const char *const extensions[] = {
    "VK_EXT_host_image_copy",
    "VK_EXT_graphics_pipeline_library",
    "VK_KHR_pipeline_library",
    "VK_EXT_mesh_shader",
    "VK_EXT_mutable_descriptor_type",
    "VK_KHR_maintenance5",
    "VK_KHR_maintenance6",
    "VK_KHR_push_descriptor",
    "VK_EXT_tooling_info",
    "VK_KHR_deferred_host_operations",
    "VK_KHR_acceleration_structure",
    "VK_KHR_ray_query",
    "VK_KHR_ray_tracing_pipeline",
    "VK_EXT_shader_object",
    "VK_EXT_descriptor_buffer",
    "VK_EXT_memory_priority",
    "VK_EXT_pageable_device_local_memory",
    "VK_EXT_memory_budget",
    "VK_EXT_calibrated_timestamps",
    "VK_EXT_robustness2",
    "VK_KHR_pipeline_executable_properties",
    "VK_EXT_shader_module_identifier",
    "VK_EXT_device_generated_commands",
    NULL,
};

/* Chains the features of the extensions that a first device turned out to have. */
static void *
chain_features(const struct vkh_gpu *gpu)
{
    VkBaseOutStructure *first = NULL;
    for (size_t i = 0; i < BASE_COUNT_OF(feature_rows); i++) {
        if (vkh_gpu_has_extension(gpu, feature_rows[i].extension)) {
            features[i].base.sType = feature_rows[i].type;
            features[i].base.pNext = first;
            first = &features[i].base;
        }
    }
    VkPhysicalDeviceFeatures2 query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = first,
    };
    vkGetPhysicalDeviceFeatures2(gpu->physical_device, &query);
    features[2].mesh.multiviewMeshShader = VK_FALSE; /* wants others beside it */
    features[2].mesh.primitiveFragmentShadingRateMeshShader = VK_FALSE;
    features[13].robustness.robustBufferAccess2 = VK_FALSE; /* wants robustBufferAccess */
    return first;
}

static void
open_gpu(struct vkh_gpu *gpu)
{
    struct vkh_gpu_info info = {
        .program = "extensions",
        .api_version = VK_API_VERSION_1_3,
        .extensions = extensions,
        .all_core_features = true,
    };
    vkh_gpu_open(gpu, &info);
    info.device_next = chain_features(gpu);
    vkh_gpu_close(gpu);
    vkh_gpu_open(gpu, &info);
}

static unsigned
run_checks(const struct vkh_gpu *gpu, const struct extensions_check *checks, const char *wanted)
{
    unsigned failed = 0;
    for (; checks->name; checks++) {
        if (!strstr(checks->name, wanted)) {
            continue;
        }
        if (checks->extension && !vkh_gpu_has_extension(gpu, checks->extension)) {
            printf("skip %s: no %s\n", checks->name, checks->extension);
            continue;
        }
        failures = 0;
        uint32_t messages = vkh_validation_messages();
        checks->run(gpu);
        bool ok = failures == 0 && vkh_validation_messages() == messages;
        printf("%s %s\n", ok ? "ok  " : "FAIL", checks->name);
        fflush(stdout);
        failed += !ok;
    }
    return failed;
}

int
main(int argc, char **argv)
{
    static const struct extensions_check *const families[] = {
        extensions_command_checks,       extensions_descriptor_checks,
        extensions_image_checks,         extensions_pipeline_checks,
        extensions_query_checks,         extensions_ray_checks,
        extensions_shader_object_checks, extensions_descriptor_buffer_checks,
        extensions_memory_checks,        extensions_robustness_checks,
        extensions_executable_checks,    extensions_generated_checks,
    };
    struct vkh_gpu gpu;
    unsigned failed = 0;
    open_gpu(&gpu);
    for (size_t i = 0; i < BASE_COUNT_OF(families); i++) {
        failed += run_checks(&gpu, families[i], argc > 1 ? argv[1] : "");
    }
    vkh_gpu_close(&gpu);
    if (failed) {
        printf("%u checks failed\n", failed);
    }
    return failed ? 1 : 0;
}
