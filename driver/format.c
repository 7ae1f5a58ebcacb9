/* Formats: asked once each, then remembered. */
#include <string.h>

#include "driver/drv_entry.h"
#include "driver/physical_device.h"
#include "driver/struct_chain.h"
#include "protocol/proto_encode.h"

static bool
host_knows_format_properties3(const struct drv_physical_device *device)
{
    return device->renderer_version >= VK_API_VERSION_1_3 ||
           drv_extension_set_has_name(&device->renderer_extensions, "VK_KHR_format_feature_flags2");
}

static VkResult
ask_format(struct drv_physical_device *device, struct drv_format_answer *answer)
{
    VkFormatProperties3 properties3 = {.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3};
    VkFormatProperties2 properties2 = {
        .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
        .pNext = host_knows_format_properties3(device) ? &properties3 : NULL,
    };
    VkResult result = proto_call_vkGetPhysicalDeviceFormatProperties2(
        device->object.client, (VkPhysicalDevice)device, answer->format, &properties2);
    if (result != VK_SUCCESS) {
        return result;
    }
    answer->properties = properties2.formatProperties;
    answer->linear = properties3.linearTilingFeatures;
    answer->optimal = properties3.optimalTilingFeatures;
    answer->buffer = properties3.bufferFeatures;
    return VK_SUCCESS;
}

/* Nothing is supported if the renderer is gone. */
static struct drv_format_answer
find_format(struct drv_physical_device *device, VkFormat format)
{
    struct drv_format_answer answer = {.format = format};
    if (!drv_format_cache_find(&device->formats, format, &answer) &&
        ask_format(device, &answer) == VK_SUCCESS) {
        drv_format_cache_remember(&device->formats, &answer);
    }
    return answer;
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceFormatProperties(VkPhysicalDevice handle, VkFormat format,
                                      VkFormatProperties *pFormatProperties)
{
    *pFormatProperties = find_format(drv_physical_device_from(handle), format).properties;
}

/* Only VkFormatProperties3 is remembered; modifiers and what may come go to the renderer. */
static bool
asks_for_more(const VkBaseOutStructure *chain)
{
    for (const VkBaseOutStructure *at = chain; at; at = at->pNext) {
        if (at->sType != VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3) {
            return true;
        }
    }
    return false;
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceFormatProperties2(VkPhysicalDevice handle, VkFormat format,
                                       VkFormatProperties2 *pFormatProperties)
{
    struct drv_physical_device *device = drv_physical_device_from(handle);
    if (asks_for_more(pFormatProperties->pNext)) {
        (void)proto_call_vkGetPhysicalDeviceFormatProperties2(device->object.client, handle, format,
                                                              pFormatProperties);
    }
    struct drv_format_answer answer = find_format(device, format);
    pFormatProperties->formatProperties = answer.properties;
    VkFormatProperties3 *properties3 =
        drv_find_out_struct(pFormatProperties->pNext, VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3);
    if (properties3) {
        properties3->linearTilingFeatures = answer.linear;
        properties3->optimalTilingFeatures = answer.optimal;
        properties3->bufferFeatures = answer.buffer;
    }
}

/* --- images --- */

/* Not supported and out of memory are the only errors Vulkan has here. */
static VkResult
find_image_format(struct drv_physical_device *device,
                  const struct drv_image_format_question *question, VkImageFormatProperties *out)
{
    struct drv_image_format_answer answer = {.question = *question};
    if (!drv_format_cache_find_image(&device->formats, &answer)) {
        answer.result = proto_call_vkGetPhysicalDeviceImageFormatProperties(
            device->object.client, (VkPhysicalDevice)device, question->format, question->type,
            question->tiling, question->usage, question->flags, &answer.properties);
        if (answer.result == VK_SUCCESS || answer.result == VK_ERROR_FORMAT_NOT_SUPPORTED) {
            drv_format_cache_remember_image(&device->formats, &answer);
        }
    }
    *out = answer.result == VK_SUCCESS ? answer.properties : (VkImageFormatProperties){0};
    return answer.result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceImageFormatProperties(VkPhysicalDevice handle, VkFormat format,
                                           VkImageType type, VkImageTiling tiling,
                                           VkImageUsageFlags usage, VkImageCreateFlags flags,
                                           VkImageFormatProperties *pImageFormatProperties)
{
    const struct drv_image_format_question question = {format, type, tiling, usage, flags};
    return find_image_format(drv_physical_device_from(handle), &question, pImageFormatProperties);
}

static bool
asks_to_share(const VkPhysicalDeviceImageFormatInfo2 *info)
{
    const VkPhysicalDeviceExternalImageFormatInfo *external =
        drv_find_struct(info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    return external && external->handleType != 0;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceImageFormatProperties2(
    VkPhysicalDevice handle, const VkPhysicalDeviceImageFormatInfo2 *pImageFormatInfo,
    VkImageFormatProperties2 *pImageFormatProperties)
{
    struct drv_physical_device *device = drv_physical_device_from(handle);
    if (!pImageFormatInfo->pNext && !pImageFormatProperties->pNext) {
        const struct drv_image_format_question question = {
            pImageFormatInfo->format, pImageFormatInfo->type,  pImageFormatInfo->tiling,
            pImageFormatInfo->usage,  pImageFormatInfo->flags,
        };
        return find_image_format(device, &question, &pImageFormatProperties->imageFormatProperties);
    }
    VkResult result = VK_ERROR_FORMAT_NOT_SUPPORTED;
    if (device->shares_memory || !asks_to_share(pImageFormatInfo)) {
        result = proto_call_vkGetPhysicalDeviceImageFormatProperties2(
            device->object.client, handle, pImageFormatInfo, pImageFormatProperties);
    }
    if (result != VK_SUCCESS) {
        memset(&pImageFormatProperties->imageFormatProperties, 0,
               sizeof(pImageFormatProperties->imageFormatProperties));
    }
    return result;
}
