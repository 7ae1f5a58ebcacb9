/* Ray tracing: acceleration structures built by the device, queried by a compute shader and by a
 * pipeline whose creation is deferred. */
#include "tests/apps/extensions/extensions.h"

#include <string.h>

#include "tests/apps/rays.h"
#include "tests/apps/shaders/rays_comp.h"
#include "tests/apps/shaders/rays_rchit.h"
#include "tests/apps/shaders/rays_rgen.h"
#include "tests/apps/shaders/rays_rmiss.h"

enum { SIDE = 8 };

/* A triangle whose long edge lies between the rays: ray (x, y) hits it if x + y < SIDE. */
static const float VERTICES[3][3] = {{0, 0, 0}, {1.05f, 0, 0}, {0, 1.05f, 0}};

struct structure {
    struct vkh_buffer memory;
    VkAccelerationStructureKHR handle;
    VkDeviceAddress address;
};

struct scene {
    const struct vkh_gpu *gpu;
    struct vkh_buffer vertices, instances;
    struct structure bottom, top;
    struct vkh_buffer hits;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
};

static VkDeviceAddress
address_of(const struct vkh_gpu *gpu, const struct vkh_buffer *buffer)
{
    const VkBufferDeviceAddressInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
        .buffer = buffer->buffer,
    };
    return vkGetBufferDeviceAddress(gpu->device, &info);
}

static VkDeviceAddress
create_addressed(const struct vkh_gpu *gpu, VkDeviceSize size, VkBufferUsageFlags usage,
                 enum vkh_placement placement, struct vkh_buffer *out)
{
    vkh_buffer_create(gpu, size, usage | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT, placement, out);
    return address_of(gpu, out);
}

/* One geometry with one primitive. */
static void
build(const struct vkh_gpu *gpu, VkAccelerationStructureTypeKHR type,
      const VkAccelerationStructureGeometryKHR *geometry, struct structure *out)
{
    EXTENSIONS_LOAD(gpu, vkGetAccelerationStructureBuildSizesKHR);
    EXTENSIONS_LOAD(gpu, vkCreateAccelerationStructureKHR);
    EXTENSIONS_LOAD(gpu, vkCmdBuildAccelerationStructuresKHR);
    EXTENSIONS_LOAD(gpu, vkGetAccelerationStructureDeviceAddressKHR);
    VkAccelerationStructureBuildGeometryInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_BUILD_GEOMETRY_INFO_KHR,
        .type = type,
        .geometryCount = 1,
        .pGeometries = geometry,
    };
    const uint32_t primitives = 1;
    VkAccelerationStructureBuildSizesInfoKHR sizes = {
        .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_BUILD_SIZES_INFO_KHR,
    };
    vkGetAccelerationStructureBuildSizesKHR(
        gpu->device, VK_ACCELERATION_STRUCTURE_BUILD_TYPE_DEVICE_KHR, &info, &primitives, &sizes);
    extensions_expect(sizes.accelerationStructureSize > 0, "a structure of no size");
    (void)create_addressed(gpu, sizes.accelerationStructureSize,
                           VK_BUFFER_USAGE_ACCELERATION_STRUCTURE_STORAGE_BIT_KHR, VKH_DEVICE,
                           &out->memory);
    const VkAccelerationStructureCreateInfoKHR create_info = {
        .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_CREATE_INFO_KHR,
        .buffer = out->memory.buffer,
        .size = sizes.accelerationStructureSize,
        .type = type,
    };
    VKH_CHECK(vkCreateAccelerationStructureKHR(gpu->device, &create_info, NULL, &out->handle));

    struct vkh_buffer scratch;
    info.dstAccelerationStructure = out->handle;
    info.scratchData.deviceAddress = create_addressed(
        gpu, sizes.buildScratchSize, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_DEVICE, &scratch);
    const VkAccelerationStructureBuildRangeInfoKHR range = {.primitiveCount = primitives};
    const VkAccelerationStructureBuildRangeInfoKHR *ranges = &range;
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBuildAccelerationStructuresKHR(commands, 1, &info, &ranges);
    vkh_end_and_wait(gpu, commands);
    vkh_buffer_destroy(gpu, &scratch);

    const VkAccelerationStructureDeviceAddressInfoKHR address_info = {
        .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_DEVICE_ADDRESS_INFO_KHR,
        .accelerationStructure = out->handle,
    };
    out->address = vkGetAccelerationStructureDeviceAddressKHR(gpu->device, &address_info);
}

static void
build_bottom(struct scene *scene)
{
    const VkDeviceAddress address =
        create_addressed(scene->gpu, sizeof(VERTICES),
                         VK_BUFFER_USAGE_ACCELERATION_STRUCTURE_BUILD_INPUT_READ_ONLY_BIT_KHR,
                         VKH_MAPPED, &scene->vertices);
    memcpy(scene->vertices.map, VERTICES, sizeof(VERTICES));
    const VkAccelerationStructureGeometryKHR geometry = {
        .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_GEOMETRY_KHR,
        .geometryType = VK_GEOMETRY_TYPE_TRIANGLES_KHR,
        .geometry.triangles =
            {
                .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_GEOMETRY_TRIANGLES_DATA_KHR,
                .vertexFormat = VK_FORMAT_R32G32B32_SFLOAT,
                .vertexData.deviceAddress = address,
                .vertexStride = sizeof(VERTICES[0]),
                .maxVertex = 2,
                .indexType = VK_INDEX_TYPE_NONE_KHR,
            },
        .flags = VK_GEOMETRY_OPAQUE_BIT_KHR,
    };
    build(scene->gpu, VK_ACCELERATION_STRUCTURE_TYPE_BOTTOM_LEVEL_KHR, &geometry, &scene->bottom);
}

static void
build_top(struct scene *scene)
{
    const VkAccelerationStructureInstanceKHR instance = {
        .transform.matrix = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}},
        .mask = 0xff,
        .accelerationStructureReference = scene->bottom.address,
    };
    const VkDeviceAddress address =
        create_addressed(scene->gpu, sizeof(instance),
                         VK_BUFFER_USAGE_ACCELERATION_STRUCTURE_BUILD_INPUT_READ_ONLY_BIT_KHR,
                         VKH_MAPPED, &scene->instances);
    memcpy(scene->instances.map, &instance, sizeof(instance));
    const VkAccelerationStructureGeometryKHR geometry = {
        .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_GEOMETRY_KHR,
        .geometryType = VK_GEOMETRY_TYPE_INSTANCES_KHR,
        .geometry.instances =
            {
                .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_GEOMETRY_INSTANCES_DATA_KHR,
                .data.deviceAddress = address,
            },
    };
    build(scene->gpu, VK_ACCELERATION_STRUCTURE_TYPE_TOP_LEVEL_KHR, &geometry, &scene->top);
}

static void
create_layouts(struct scene *scene, VkShaderStageFlags stages)
{
    const VkDescriptorSetLayoutBinding bindings[] = {
        {0, VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR, 1, stages, NULL},
        {1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, stages, NULL},
    };
    const VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR,
        .bindingCount = 2,
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(scene->gpu->device, &set_info, NULL, &scene->set_layout));
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &scene->set_layout,
    };
    VKH_CHECK(vkCreatePipelineLayout(scene->gpu->device, &info, NULL, &scene->layout));
}

static void
create_scene(const struct vkh_gpu *gpu, VkShaderStageFlags stages, struct scene *out)
{
    memset(out, 0, sizeof(*out));
    out->gpu = gpu;
    vkh_buffer_create(gpu, SIDE * SIDE * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED,
                      &out->hits);
    memset(out->hits.map, 0xff, SIDE * SIDE * 4);
    build_bottom(out);
    build_top(out);
    create_layouts(out, stages);
}

static void
destroy_structure(const struct vkh_gpu *gpu, struct structure *structure)
{
    EXTENSIONS_LOAD(gpu, vkDestroyAccelerationStructureKHR);
    vkDestroyAccelerationStructureKHR(gpu->device, structure->handle, NULL);
    vkh_buffer_destroy(gpu, &structure->memory);
}

static void
destroy_scene(struct scene *scene)
{
    const struct vkh_gpu *gpu = scene->gpu;
    vkDestroyPipelineLayout(gpu->device, scene->layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, scene->set_layout, NULL);
    destroy_structure(gpu, &scene->top);
    destroy_structure(gpu, &scene->bottom);
    vkh_buffer_destroy(gpu, &scene->hits);
    vkh_buffer_destroy(gpu, &scene->instances);
    vkh_buffer_destroy(gpu, &scene->vertices);
}

static void
push_scene(const struct scene *scene, VkCommandBuffer commands, VkPipelineBindPoint point)
{
    const VkWriteDescriptorSetAccelerationStructureKHR structures = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_ACCELERATION_STRUCTURE_KHR,
        .accelerationStructureCount = 1,
        .pAccelerationStructures = &scene->top.handle,
    };
    const VkDescriptorBufferInfo hits = {scene->hits.buffer, 0, VK_WHOLE_SIZE};
    const VkWriteDescriptorSet writes[] = {
        {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .pNext = &structures,
            .dstBinding = 0,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR,
        },
        {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstBinding = 1,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &hits,
        },
    };
    vkCmdPushDescriptorSetKHR(commands, point, scene->layout, 0, 2, writes);
}

static void
check_hits(const struct scene *scene)
{
    const uint32_t *hits = scene->hits.map;
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        uint32_t expected = i % SIDE + i / SIDE < SIDE;
        if (hits[i] != expected) {
            extensions_expect(false, "ray (%u, %u) says %u", i % SIDE, i / SIDE, hits[i]);
            return;
        }
    }
}

static void
query_rays(const struct vkh_gpu *gpu)
{
    struct scene scene;
    create_scene(gpu, VK_SHADER_STAGE_COMPUTE_BIT, &scene);
    VkShaderModule module = vkh_shader_create(gpu, rays_comp, sizeof(rays_comp));
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = scene.layout,
    };
    VkPipeline pipeline;
    VKH_CHECK(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    push_scene(&scene, commands, VK_PIPELINE_BIND_POINT_COMPUTE);
    vkCmdDispatch(commands, 1, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    check_hits(&scene);
    vkDestroyPipeline(gpu->device, pipeline, NULL);
    vkDestroyShaderModule(gpu->device, module, NULL);
    destroy_scene(&scene);
}

/* --- by a pipeline --- */

/* Until no thread is needed any more; here there is only one. */
static VkResult
finish(const struct vkh_gpu *gpu, VkDeferredOperationKHR operation)
{
    EXTENSIONS_LOAD(gpu, vkDeferredOperationJoinKHR);
    EXTENSIONS_LOAD(gpu, vkGetDeferredOperationMaxConcurrencyKHR);
    EXTENSIONS_LOAD(gpu, vkGetDeferredOperationResultKHR);
    VkResult joined;
    do {
        joined = vkDeferredOperationJoinKHR(gpu->device, operation);
    } while (joined == VK_THREAD_IDLE_KHR);
    extensions_expect(joined == VK_SUCCESS, "joining gives %s", vkh_result_name(joined));
    (void)vkGetDeferredOperationMaxConcurrencyKHR(gpu->device, operation);
    return vkGetDeferredOperationResultKHR(gpu->device, operation);
}

static VkPipeline
create_deferred(const struct scene *scene)
{
    const struct vkh_gpu *gpu = scene->gpu;
    EXTENSIONS_LOAD(gpu, vkCreateDeferredOperationKHR);
    EXTENSIONS_LOAD(gpu, vkDestroyDeferredOperationKHR);
    EXTENSIONS_LOAD(gpu, vkCreateRayTracingPipelinesKHR);
    const VkShaderModule modules[RAYS_GROUPS] = {
        vkh_shader_create(gpu, rays_rgen, sizeof(rays_rgen)),
        vkh_shader_create(gpu, rays_rmiss, sizeof(rays_rmiss)),
        vkh_shader_create(gpu, rays_rchit, sizeof(rays_rchit)),
    };
    VkPipelineShaderStageCreateInfo stages[RAYS_GROUPS];
    VkRayTracingShaderGroupCreateInfoKHR groups[RAYS_GROUPS];
    for (uint32_t i = 0; i < RAYS_GROUPS; i++) {
        stages[i] = (VkPipelineShaderStageCreateInfo){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = rays_stages[i],
            .module = modules[i],
            .pName = "main",
        };
        groups[i] = rays_group(i, i);
    }
    const VkRayTracingPipelineCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR,
        .stageCount = RAYS_GROUPS,
        .pStages = stages,
        .groupCount = RAYS_GROUPS,
        .pGroups = groups,
        .maxPipelineRayRecursionDepth = 1,
        .layout = scene->layout,
    };
    VkDeferredOperationKHR operation;
    VKH_CHECK(vkCreateDeferredOperationKHR(gpu->device, NULL, &operation));
    VkPipeline pipeline = VK_NULL_HANDLE;
    VkResult result = vkCreateRayTracingPipelinesKHR(gpu->device, operation, VK_NULL_HANDLE, 1,
                                                     &info, NULL, &pipeline);
    if (result == VK_OPERATION_DEFERRED_KHR) {
        result = finish(gpu, operation);
    }
    extensions_expect(result == VK_SUCCESS || result == VK_OPERATION_NOT_DEFERRED_KHR,
                      "creating the pipeline gives %s", vkh_result_name(result));
    vkDestroyDeferredOperationKHR(gpu->device, operation, NULL);
    for (uint32_t i = 0; i < RAYS_GROUPS; i++) {
        vkDestroyShaderModule(gpu->device, modules[i], NULL);
    }
    return pipeline;
}

/* One table a group, each a group's handle at a place of its own. */
static void
trace(const struct scene *scene, VkPipeline pipeline)
{
    const struct vkh_gpu *gpu = scene->gpu;
    enum { SLOT = 256, HANDLE_ROOM = 64 };
    EXTENSIONS_LOAD(gpu, vkGetRayTracingShaderGroupHandlesKHR);
    EXTENSIONS_LOAD(gpu, vkCmdTraceRaysKHR);
    VkPhysicalDeviceRayTracingPipelinePropertiesKHR properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR,
    };
    VkPhysicalDeviceProperties2 query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &properties,
    };
    vkGetPhysicalDeviceProperties2(gpu->physical_device, &query);
    const uint32_t size = properties.shaderGroupHandleSize;
    extensions_expect(size > 0 && size <= HANDLE_ROOM, "handles of %u bytes", size);

    uint8_t handles[RAYS_GROUPS * HANDLE_ROOM];
    struct vkh_buffer table;
    VkDeviceAddress address =
        create_addressed(gpu, (RAYS_GROUPS + 1) * SLOT,
                         VK_BUFFER_USAGE_SHADER_BINDING_TABLE_BIT_KHR, VKH_MAPPED, &table);
    VkDeviceSize start = -address & (SLOT - 1);
    VKH_CHECK(vkGetRayTracingShaderGroupHandlesKHR(gpu->device, pipeline, 0, RAYS_GROUPS,
                                                   RAYS_GROUPS * size, handles));
    VkStridedDeviceAddressRegionKHR regions[RAYS_GROUPS + 1] = {
        0}; /* and none for callable shaders */
    for (uint32_t i = 0; i < RAYS_GROUPS; i++) {
        memcpy((uint8_t *)table.map + start + i * SLOT, handles + i * size, size);
        regions[i] = (VkStridedDeviceAddressRegionKHR){address + start + i * SLOT, SLOT, SLOT};
    }
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_RAY_TRACING_KHR, pipeline);
    push_scene(scene, commands, VK_PIPELINE_BIND_POINT_RAY_TRACING_KHR);
    vkCmdTraceRaysKHR(commands, &regions[0], &regions[1], &regions[2], &regions[3], SIDE, SIDE, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_RAY_TRACING_SHADER_BIT_KHR,
                        VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    vkh_buffer_destroy(gpu, &table);
}

static void
trace_rays(const struct vkh_gpu *gpu)
{
    struct scene scene;
    create_scene(gpu, VK_SHADER_STAGE_RAYGEN_BIT_KHR, &scene);
    VkPipeline pipeline = create_deferred(&scene);
    if (pipeline) {
        trace(&scene, pipeline);
        check_hits(&scene);
        vkDestroyPipeline(gpu->device, pipeline, NULL);
    }
    destroy_scene(&scene);
}

const struct extensions_check extensions_ray_checks[] = {
    {"ray/a compute shader queries a scene", "VK_KHR_ray_query", query_rays},
    {"ray/a pipeline made by a deferred operation", "VK_KHR_ray_tracing_pipeline", trace_rays},
    {0},
};
