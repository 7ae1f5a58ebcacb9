/* Buffers and images, and what memory they can be bound to. */
#include <stdlib.h>

#include "base/zalloc.h"
#include "renderer/call_impl.h"
#include "renderer/capture_replay.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/external.h"
#include "renderer/gbm_export.h"
#include "renderer/plain_buffer.h"
#include "renderer/rnd_dispatch.h"

/* --- creating --- */

/* Its handle is set. */
static VkResult
create_buffer(struct rnd_device *device, const VkBufferCreateInfo *info, struct rnd_buffer *buffer)
{
    VkBuffer shared;
    VkResult result = device->table.CreateBuffer(device->handle, info, NULL, &shared);
    if (result != VK_SUCCESS) {
        return result;
    }
    result = rnd_plain_buffer_create(device, info, shared, buffer);
    if (result != VK_SUCCESS) {
        device->table.DestroyBuffer(device->handle, shared, NULL);
        return result;
    }
    buffer->object.type = VK_OBJECT_TYPE_BUFFER;
    buffer->object.handle = RND_HANDLE(shared);
    return VK_SUCCESS;
}

void
rnd_do_vkCreateBuffer(struct rnd_call *call, struct proto_vkCreateBuffer *args)
{
    struct rnd_device *device = rnd_call_device(call);
    struct rnd_external external;
    if (!rnd_call_check_new_ids(call, args->pBuffer_ids, 1) ||
        !rnd_capture_restore(call, args->pCreateInfo) ||
        !rnd_external_buffer(call, args->pCreateInfo, &external)) {
        return;
    }
    struct rnd_buffer *buffer = base_zalloc(sizeof(*buffer));
    if (!buffer) {
        args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
        return;
    }
    buffer->external = external;
    args->ret = create_buffer(device, args->pCreateInfo, buffer);
    if (args->ret != VK_SUCCESS) {
        free(buffer);
        return;
    }
    *args->pBuffer = RND_OBJECT_HANDLE(&buffer->object, VkBuffer);
    if (!rnd_call_add(call, &buffer->object, VK_OBJECT_TYPE_BUFFER, args->pBuffer_ids[0],
                      buffer->object.handle, device, &device->object)) {
        rnd_device_destroy_object(device, &buffer->object);
        free(buffer);
    }
}

void
rnd_do_vkDestroyBuffer(struct rnd_call *call, struct proto_vkDestroyBuffer *args)
{
    rnd_call_destroy(call, args->buffer_id, VK_OBJECT_TYPE_BUFFER);
}

void
rnd_do_vkCreateImage(struct rnd_call *call, struct proto_vkCreateImage *args)
{
    struct rnd_device *device = rnd_call_device(call);
    struct rnd_external external;
    bool preinitialized = args->pCreateInfo->initialLayout == VK_IMAGE_LAYOUT_PREINITIALIZED;
    if (!rnd_call_check_new_ids(call, args->pImage_ids, 1) ||
        !rnd_capture_restore(call, args->pCreateInfo) ||
        !rnd_external_image(call, args->pCreateInfo, &external)) {
        return;
    }
    struct rnd_image *image = base_zalloc(sizeof(*image));
    if (!image) {
        args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
        return;
    }
    image->external = external;
    image->format = args->pCreateInfo->format;
    image->type = args->pCreateInfo->imageType;
    image->extent = args->pCreateInfo->extent;
    image->mip_levels = args->pCreateInfo->mipLevels;
    image->array_layers = args->pCreateInfo->arrayLayers;
    image->usage = args->pCreateInfo->usage;
    args->ret = rnd_gbm_export_create_image(call, args->pCreateInfo, image, args->pImage);
    if (args->ret != VK_SUCCESS) {
        free(image);
        return;
    }
    if (external.host && preinitialized &&
        !rnd_preinitialized_add(&device->preinitialized, *args->pImage, image)) {
        args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
        device->table.DestroyImage(device->handle, *args->pImage, NULL);
        free(image);
        return;
    }
    if (!rnd_call_add(call, &image->object, VK_OBJECT_TYPE_IMAGE, args->pImage_ids[0],
                      RND_HANDLE(*args->pImage), device, &device->object)) {
        rnd_preinitialized_destroy_image(device, *args->pImage);
        free(image);
    }
}

void
rnd_do_vkDestroyImage(struct rnd_call *call, struct proto_vkDestroyImage *args)
{
    rnd_call_destroy(call, args->image_id, VK_OBJECT_TYPE_IMAGE);
}

/* --- binding buffers; images: barrier.c --- */

void
rnd_do_vkBindBufferMemory(struct rnd_call *call, struct proto_vkBindBufferMemory *args)
{
    VkBuffer buffer = rnd_plain_buffer_choose(call, args->buffer, args->memory);
    if (buffer) {
        args->ret = call->device_table->BindBufferMemory(args->device, buffer, args->memory,
                                                         args->memoryOffset);
    }
}

void
rnd_do_vkBindBufferMemory2(struct rnd_call *call, struct proto_vkBindBufferMemory2 *args)
{
    VkBindBufferMemoryInfo *infos = (VkBindBufferMemoryInfo *)args->pBindInfos;
    for (uint32_t i = 0; i < args->bindInfoCount; i++) {
        infos[i].buffer = rnd_plain_buffer_choose(call, infos[i].buffer, infos[i].memory);
        if (!infos[i].buffer) {
            return;
        }
    }
    args->ret = call->device_table->BindBufferMemory2(args->device, args->bindInfoCount, infos);
}

/* --- memory requirements --- */

/* Asked of the host whatever the guest asks for: what must be dedicated cannot lie in memory that
 * both sides map. */
struct requirements {
    VkMemoryRequirements2 host;
    VkMemoryDedicatedRequirements dedicated;
};

static VkMemoryRequirements2 *
prepare(struct requirements *requirements)
{
    *requirements = (struct requirements){
        .host = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2},
        .dedicated = {.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS},
    };
    requirements->host.pNext = &requirements->dedicated;
    return &requirements->host;
}

static VkMemoryRequirements
translate(const struct rnd_call *call, const struct requirements *requirements,
          const struct rnd_external *external)
{
    VkMemoryRequirements result = requirements->host.memoryRequirements;
    /* Dedicated memory is never mapped; but what the guest itself declared external may be exported
     * from memory that it dedicates. */
    bool plain = requirements->dedicated.requiresDedicatedAllocation && external->guest == 0;
    const struct rnd_memory_types *types = &rnd_call_device(call)->physical_device->memory_types;
    uint32_t possible = result.memoryTypeBits & ~external->never;
    uint32_t copied = external->copied ? rnd_memory_types_copied(types, possible) : 0;
    result.memoryTypeBits =
        copied |
        rnd_memory_types_to_guest(types, possible, plain ? 0 : external->host, external->guest);
    return result;
}

/* For the commands whose answer is a chain; the structure of dedication is the only one there is.
 */
static void
answer(const struct rnd_call *call, const struct requirements *requirements,
       const struct rnd_external *external, VkMemoryRequirements2 *out)
{
    out->memoryRequirements = translate(call, requirements, external);
    VkMemoryDedicatedRequirements *dedicated =
        rnd_chain_find(out->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS);
    if (dedicated) {
        dedicated->prefersDedicatedAllocation =
            requirements->dedicated.prefersDedicatedAllocation || external->dedicate;
        dedicated->requiresDedicatedAllocation =
            requirements->dedicated.requiresDedicatedAllocation;
    }
}

static void
add_plain(const struct rnd_device *device, const struct requirements *shared,
          const struct requirements *plain, VkMemoryRequirements2 *out)
{
    rnd_plain_buffer_add(device, &shared->host.memoryRequirements, &plain->host.memoryRequirements,
                         &out->memoryRequirements);
}

static bool
find_image(struct rnd_call *call, VkImage handle, struct rnd_external *external)
{
    const struct rnd_image *image =
        (struct rnd_image *)rnd_call_seen(call, VK_OBJECT_TYPE_IMAGE, RND_HANDLE(handle));
    if (!image) {
        rnd_call_fail(call, "it names no image");
        return false;
    }
    *external = image->external;
    return true;
}

static void
get_buffer_requirements(struct rnd_call *call, const VkBufferMemoryRequirementsInfo2 *which,
                        VkMemoryRequirements2 *out)
{
    const struct rnd_device *device = rnd_call_device(call);
    const struct rnd_buffer *buffer =
        (struct rnd_buffer *)rnd_call_seen(call, VK_OBJECT_TYPE_BUFFER, RND_HANDLE(which->buffer));
    VkBufferMemoryRequirementsInfo2 info = *which;
    struct requirements requirements, plain;
    if (!buffer) {
        rnd_call_fail(call, "it names no buffer");
        return;
    }
    info.buffer = buffer->plain ? buffer->shared : which->buffer;
    device->table.GetBufferMemoryRequirements2(device->handle, &info, prepare(&requirements));
    answer(call, &requirements, &buffer->external, out);
    if (buffer->plain) {
        info.buffer = buffer->plain;
        device->table.GetBufferMemoryRequirements2(device->handle, &info, prepare(&plain));
        add_plain(device, &requirements, &plain, out);
    }
}

void
rnd_do_vkGetBufferMemoryRequirements(struct rnd_call *call,
                                     struct proto_vkGetBufferMemoryRequirements *args)
{
    const VkBufferMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
        .buffer = args->buffer,
    };
    VkMemoryRequirements2 out = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    get_buffer_requirements(call, &info, &out);
    *args->pMemoryRequirements = out.memoryRequirements;
}

void
rnd_do_vkGetBufferMemoryRequirements2(struct rnd_call *call,
                                      struct proto_vkGetBufferMemoryRequirements2 *args)
{
    get_buffer_requirements(call, args->pInfo, args->pMemoryRequirements);
}

void
rnd_do_vkGetDeviceBufferMemoryRequirements(struct rnd_call *call,
                                           struct proto_vkGetDeviceBufferMemoryRequirements *args)
{
    struct requirements requirements, plain;
    struct rnd_external external;
    if (!call->device_table->GetDeviceBufferMemoryRequirements) {
        rnd_call_missing(call);
        return;
    }
    const VkBufferCreateInfo *info = args->pInfo->pCreateInfo;
    if (!rnd_external_buffer(call, info, &external)) {
        return;
    }
    call->device_table->GetDeviceBufferMemoryRequirements(args->device, args->pInfo,
                                                          prepare(&requirements));
    answer(call, &requirements, &external, args->pMemoryRequirements);
    if (rnd_plain_buffer_is_wanted(rnd_call_device(call), info, &external)) {
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
        call->device_table->GetDeviceBufferMemoryRequirements(args->device, args->pInfo,
                                                              prepare(&plain));
        add_plain(rnd_call_device(call), &requirements, &plain, args->pMemoryRequirements);
    }
}

void
rnd_do_vkGetImageMemoryRequirements(struct rnd_call *call,
                                    struct proto_vkGetImageMemoryRequirements *args)
{
    struct requirements requirements;
    struct rnd_external external;
    if (!find_image(call, args->image, &external)) {
        return;
    }
    VkImageMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
        .image = args->image,
    };
    call->device_table->GetImageMemoryRequirements2(args->device, &info, prepare(&requirements));
    *args->pMemoryRequirements = translate(call, &requirements, &external);
}

void
rnd_do_vkGetImageMemoryRequirements2(struct rnd_call *call,
                                     struct proto_vkGetImageMemoryRequirements2 *args)
{
    struct requirements requirements;
    struct rnd_external external;
    if (!find_image(call, args->pInfo->image, &external)) {
        return;
    }
    call->device_table->GetImageMemoryRequirements2(args->device, args->pInfo,
                                                    prepare(&requirements));
    answer(call, &requirements, &external, args->pMemoryRequirements);
}

void
rnd_do_vkGetDeviceImageMemoryRequirements(struct rnd_call *call,
                                          struct proto_vkGetDeviceImageMemoryRequirements *args)
{
    struct requirements requirements;
    struct rnd_external external;
    if (!call->device_table->GetDeviceImageMemoryRequirements) {
        rnd_call_missing(call);
        return;
    }
    if (!rnd_external_image(call, args->pInfo->pCreateInfo, &external)) {
        return;
    }
    call->device_table->GetDeviceImageMemoryRequirements(args->device, args->pInfo,
                                                         prepare(&requirements));
    answer(call, &requirements, &external, args->pMemoryRequirements);
}

/* Such structures are bound to memory themselves, and are external to nothing; those for scratch
 * space tell what buffers to make, whose own requirements count. */
void
rnd_do_vkGetAccelerationStructureMemoryRequirementsNV(
    struct rnd_call *call, struct proto_vkGetAccelerationStructureMemoryRequirementsNV *args)
{
    struct requirements requirements = {0};
    if (!call->device_table->GetAccelerationStructureMemoryRequirementsNV) {
        rnd_call_missing(call);
        return;
    }
    prepare(&requirements)->pNext = NULL; /* nobody can dedicate memory to one */
    call->device_table->GetAccelerationStructureMemoryRequirementsNV(args->device, args->pInfo,
                                                                     &requirements.host);
    answer(call, &requirements, &(struct rnd_external){0}, args->pMemoryRequirements);
}

/* What a session keeps is the host's own: nobody maps it, and it is external to nothing. */
void
rnd_do_vkGetVideoSessionMemoryRequirementsKHR(
    struct rnd_call *call, struct proto_vkGetVideoSessionMemoryRequirementsKHR *args)
{
    if (!call->device_table->GetVideoSessionMemoryRequirementsKHR) {
        rnd_call_missing(call);
        return;
    }
    args->ret = call->device_table->GetVideoSessionMemoryRequirementsKHR(
        args->device, args->videoSession, args->pMemoryRequirementsCount,
        args->pMemoryRequirements);
    for (uint32_t i = 0; args->pMemoryRequirements && i < *args->pMemoryRequirementsCount; i++) {
        VkMemoryRequirements *needs = &args->pMemoryRequirements[i].memoryRequirements;
        needs->memoryTypeBits = rnd_memory_types_to_guest(
            &rnd_call_device(call)->physical_device->memory_types, needs->memoryTypeBits, 0, 0);
    }
}

/* Of the buffer for preprocessing, which has requirements of its own, too. */
void
rnd_do_vkGetGeneratedCommandsMemoryRequirementsEXT(
    struct rnd_call *call, struct proto_vkGetGeneratedCommandsMemoryRequirementsEXT *args)
{
    struct requirements requirements = {0};
    if (!call->device_table->GetGeneratedCommandsMemoryRequirementsEXT) {
        rnd_call_missing(call);
        return;
    }
    prepare(&requirements)->pNext = NULL; /* buffers say whether they want memory of their own */
    call->device_table->GetGeneratedCommandsMemoryRequirementsEXT(args->device, args->pInfo,
                                                                  &requirements.host);
    answer(call, &requirements, &(struct rnd_external){0}, args->pMemoryRequirements);
}

/* --- other questions about images that are not there --- */

void
rnd_do_vkGetDeviceImageSparseMemoryRequirements(
    struct rnd_call *call, struct proto_vkGetDeviceImageSparseMemoryRequirements *args)
{
    struct rnd_external external;
    if (!call->device_table->GetDeviceImageSparseMemoryRequirements) {
        rnd_call_missing(call);
        return;
    }
    if (rnd_external_image(call, args->pInfo->pCreateInfo, &external)) {
        call->device_table->GetDeviceImageSparseMemoryRequirements(
            args->device, args->pInfo, args->pSparseMemoryRequirementCount,
            args->pSparseMemoryRequirements);
    }
}

void
rnd_do_vkGetDeviceImageSubresourceLayout(struct rnd_call *call,
                                         struct proto_vkGetDeviceImageSubresourceLayout *args)
{
    struct rnd_external external;
    if (!call->device_table->GetDeviceImageSubresourceLayout) {
        rnd_call_missing(call);
        return;
    }
    if (rnd_external_image(call, args->pInfo->pCreateInfo, &external)) {
        call->device_table->GetDeviceImageSubresourceLayout(args->device, args->pInfo,
                                                            args->pLayout);
    }
}
