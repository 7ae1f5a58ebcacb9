#include "renderer/external.h"

#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/external_choice.h"

/* Memory of that kind has other owners than the object, or none that may leave the device. */
#define BUFFERS_NEVER                                                                              \
    (VK_BUFFER_CREATE_SPARSE_BINDING_BIT | VK_BUFFER_CREATE_SPARSE_RESIDENCY_BIT |                 \
     VK_BUFFER_CREATE_SPARSE_ALIASED_BIT | VK_BUFFER_CREATE_PROTECTED_BIT)
#define IMAGES_NEVER                                                                               \
    (VK_IMAGE_CREATE_SPARSE_BINDING_BIT | VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT |                   \
     VK_IMAGE_CREATE_SPARSE_ALIASED_BIT | VK_IMAGE_CREATE_PROTECTED_BIT)

/* --- creating --- */

/* What the guest declares counts only where the host can do it. */
static void
choose_declared(const struct rnd_physical_device *physical, rnd_external_ask ask, const void *info,
                VkExternalMemoryHandleTypeFlags declared, bool addressable,
                struct rnd_external *out)
{
    declared = rnd_memory_types_settle(&physical->memory_types, declared);
    if (declared != 0) {
        out->host =
            rnd_external_choose_for_guest(physical, ask, (void *)info, declared, addressable, NULL);
        out->guest = out->host ? declared : 0;
    }
}

bool
rnd_external_buffer(struct rnd_call *call, const VkBufferCreateInfo *info, struct rnd_external *out)
{
    const struct rnd_physical_device *physical = rnd_call_device(call)->physical_device;
    const VkExternalMemoryBufferCreateInfo *declared =
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
    *out = (struct rnd_external){0};
    if (info->flags & BUFFERS_NEVER) {
        return true;
    }
    choose_declared(physical, rnd_external_ask_buffer, info, declared ? declared->handleTypes : 0,
                    true, out);
    if (out->host == 0) {
        out->host = rnd_external_choose(physical, rnd_external_ask_buffer, (void *)info);
    }
    if (out->host ==
        0) { /* some hosts have such buffers for video, which are mapped all the same */
        out->copied = true;
        return true;
    }
    VkExternalMemoryBufferCreateInfo *structure = rnd_call_alloc(call, 1, sizeof(*structure));
    if (!structure) {
        return false;
    }
    structure->sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO;
    structure->handleTypes = out->host;
    rnd_chain_push(info, structure);
    return true;
}

/* Linear images, and those that the host copies, are in memory that the guest sees if it wants them
 * there. Nobody reads other ones through a mapping, and being external costs some drivers the
 * compression that makes optimal images fast. */
static bool
is_for_the_host(VkImageTiling tiling, VkImageUsageFlags usage)
{
    return tiling == VK_IMAGE_TILING_LINEAR ||
           (tiling == VK_IMAGE_TILING_OPTIMAL && (usage & VK_IMAGE_USAGE_HOST_TRANSFER_BIT));
}

/* What the guest may map natively without that both sides map the same: those above, and images
 * with modifiers that the host copies, whose layout is the host's affair. */
static bool
may_be_copied(const VkImageCreateInfo *info)
{
    return info->tiling == VK_IMAGE_TILING_LINEAR ||
           (info->usage & VK_IMAGE_USAGE_HOST_TRANSFER_BIT);
}

/* Of one plane, if planes are bound one by one. */
static VkImageAspectFlagBits
plane_to_ask_for(const VkImageCreateInfo *info)
{
    return info->flags & VK_IMAGE_CREATE_DISJOINT_BIT ? VK_IMAGE_ASPECT_PLANE_0_BIT
                                                      : VK_IMAGE_ASPECT_NONE;
}

/* Without maintenance4 only an image tells. */
static void
ask_an_image(const struct rnd_device *device, const VkImageCreateInfo *info,
             VkMemoryRequirements2 *out)
{
    VkImage image;
    if (device->table.CreateImage(device->handle, info, NULL, &image) != VK_SUCCESS) {
        return;
    }
    const VkImagePlaneMemoryRequirementsInfo plane = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_PLANE_MEMORY_REQUIREMENTS_INFO,
        .planeAspect = plane_to_ask_for(info),
    };
    const VkImageMemoryRequirementsInfo2 which = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
        .pNext = plane.planeAspect ? &plane : NULL,
        .image = image,
    };
    device->table.GetImageMemoryRequirements2(device->handle, &which, out);
    device->table.DestroyImage(device->handle, image, NULL);
}

/* The host's memory types; 0 if there is no such image. */
static uint32_t
memory_types_of(const struct rnd_device *device, const VkImageCreateInfo *info)
{
    VkMemoryRequirements2 requirements = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    const VkDeviceImageMemoryRequirements which = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_IMAGE_MEMORY_REQUIREMENTS,
        .pCreateInfo = info,
        .planeAspect = plane_to_ask_for(info),
    };
    if (device->table.GetDeviceImageMemoryRequirements) {
        device->table.GetDeviceImageMemoryRequirements(device->handle, &which, &requirements);
    } else {
        ask_an_image(device, info, &requirements);
    }
    return requirements.memoryRequirements.memoryTypeBits;
}

/* Whether any memory type of both sides is left for such an image: what else would it be external
 * for? NVIDIA's driver says that images which the host copies may be external to pages, and then
 * has none for them. */
static bool
finds_shared_memory(const struct rnd_device *device, const VkImageCreateInfo *info,
                    const struct rnd_external *external)
{
    const struct rnd_memory_types *types = &device->physical_device->memory_types;
    VkImageCreateInfo external_info = *info;
    external_info.initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
    uint32_t mask = memory_types_of(device, &external_info);
    return rnd_memory_types_to_guest(types, mask, external->host, 0) !=
           rnd_memory_types_to_guest(types, mask, 0, 0);
}

bool
rnd_external_image(struct rnd_call *call, const VkImageCreateInfo *info, struct rnd_external *out)
{
    const struct rnd_physical_device *physical = rnd_call_device(call)->physical_device;
    const VkExternalMemoryImageCreateInfo *declared =
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    *out = (struct rnd_external){0};
    if (info->flags & IMAGES_NEVER) {
        return true;
    }
    choose_declared(physical, rnd_external_ask_image, info, declared ? declared->handleTypes : 0,
                    is_for_the_host(info->tiling, info->usage), out);
    if (out->host == 0 && is_for_the_host(info->tiling, info->usage)) {
        out->host = rnd_external_choose(physical, rnd_external_ask_image, (void *)info);
    }
    if (out->host == 0) {
        out->copied = may_be_copied(info);
        return true;
    }
    VkExternalMemoryImageCreateInfo *structure = rnd_call_alloc(call, 1, sizeof(*structure));
    if (!structure) {
        return false;
    }
    structure->sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO;
    structure->handleTypes = out->host;
    rnd_chain_push(info, structure);
    if (out->guest == 0 && info->tiling == VK_IMAGE_TILING_OPTIMAL &&
        !finds_shared_memory(rnd_call_device(call), info, out)) {
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
        out->host = 0;
        out->copied = true;
        return true;
    }
    ((VkImageCreateInfo *)info)->initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
    return true;
}

/* --- answering --- */

void
rnd_external_buffer_properties(const struct rnd_physical_device *physical,
                               const VkPhysicalDeviceExternalBufferInfo *info,
                               VkExternalMemoryProperties *out)
{
    VkBufferCreateInfo buffer = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = info->pNext, /* usage flags */
        .flags = info->flags,
        .usage = info->usage,
    };
    if ((info->flags & BUFFERS_NEVER) ||
        !rnd_external_choose_for_guest(physical, rnd_external_ask_buffer, &buffer, info->handleType,
                                       true, out)) {
        *out = (VkExternalMemoryProperties){.compatibleHandleTypes = info->handleType};
    }
}

/* A question as the guest has put it, and where its answer goes. */
struct question {
    const VkPhysicalDeviceImageFormatInfo2 *info;
    VkPhysicalDeviceExternalImageFormatInfo *external; /* of `info` */
    VkImageFormatProperties2 *out;
    VkExternalImageFormatProperties *external_out; /* of `out`, or a place of ours */
    VkResult result;
};

static bool
ask_question(const struct rnd_physical_device *physical, void *what,
             VkExternalMemoryHandleTypeFlagBits type, VkExternalMemoryProperties *out)
{
    struct question *question = what;
    question->external->handleType = type;
    question->result = physical->instance->table.GetPhysicalDeviceImageFormatProperties2(
        physical->handle, question->info, question->out);
    *out = question->external_out->externalMemoryProperties;
    return question->result == VK_SUCCESS;
}

VkResult
rnd_external_image_properties(const struct rnd_physical_device *physical,
                              const VkPhysicalDeviceImageFormatInfo2 *info,
                              VkImageFormatProperties2 *out)
{
    VkExternalImageFormatProperties place = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
    };
    struct question question = {
        .info = info,
        .external = rnd_chain_find(info->pNext,
                                   VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO),
        .out = out,
        .external_out =
            rnd_chain_find(out->pNext, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES),
        .result = VK_ERROR_FORMAT_NOT_SUPPORTED,
    };
    bool asked = question.external_out != NULL;
    if (!asked) {
        question.external_out = &place;
        rnd_chain_push(out, &place);
    }
    VkExternalMemoryProperties properties;
    bool chosen = !(info->flags & IMAGES_NEVER) &&
                  rnd_external_choose_for_guest(
                      physical, ask_question, &question, question.external->handleType,
                      is_for_the_host(info->tiling, info->usage), &properties) != 0;
    question.external_out->externalMemoryProperties =
        chosen ? properties : (VkExternalMemoryProperties){0};
    if (!asked) {
        out->pNext = place.pNext; /* it was put first */
    }
    if (chosen) {
        return VK_SUCCESS;
    }
    return question.result == VK_SUCCESS ? VK_ERROR_FORMAT_NOT_SUPPORTED : question.result;
}
