/* VK_EXT_debug_utils: names and labels, for the tools on the host's side. They are hints: a
 * renderer that does not take them loses nothing. Messages are the loader's, but for those of one
 * type (address_reports.c). */
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"
#include "protocol/proto_extensions.h"

static bool
peer_takes(const struct proto_client *client)
{
    const struct proto_extension *extension =
        proto_extension_find(VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
    return proto_caps_has_private_extension(client->caps, extension->number);
}

/* Objects that the renderer may know. Others are the driver's alone, or the loader's. */
static bool
has_an_id(VkObjectType type)
{
    switch (type) {
    case VK_OBJECT_TYPE_INSTANCE:
    case VK_OBJECT_TYPE_PHYSICAL_DEVICE:
    case VK_OBJECT_TYPE_DEVICE:
    case VK_OBJECT_TYPE_QUEUE:
    case VK_OBJECT_TYPE_SEMAPHORE:
    case VK_OBJECT_TYPE_COMMAND_BUFFER:
    case VK_OBJECT_TYPE_FENCE:
    case VK_OBJECT_TYPE_DEVICE_MEMORY:
    case VK_OBJECT_TYPE_BUFFER:
    case VK_OBJECT_TYPE_IMAGE:
    case VK_OBJECT_TYPE_EVENT:
    case VK_OBJECT_TYPE_QUERY_POOL:
    case VK_OBJECT_TYPE_BUFFER_VIEW:
    case VK_OBJECT_TYPE_IMAGE_VIEW:
    case VK_OBJECT_TYPE_SHADER_MODULE:
    case VK_OBJECT_TYPE_PIPELINE_CACHE:
    case VK_OBJECT_TYPE_PIPELINE_LAYOUT:
    case VK_OBJECT_TYPE_RENDER_PASS:
    case VK_OBJECT_TYPE_PIPELINE:
    case VK_OBJECT_TYPE_DESCRIPTOR_SET_LAYOUT:
    case VK_OBJECT_TYPE_SAMPLER:
    case VK_OBJECT_TYPE_DESCRIPTOR_POOL:
    case VK_OBJECT_TYPE_DESCRIPTOR_SET:
    case VK_OBJECT_TYPE_FRAMEBUFFER:
    case VK_OBJECT_TYPE_COMMAND_POOL:
    case VK_OBJECT_TYPE_SAMPLER_YCBCR_CONVERSION:
    case VK_OBJECT_TYPE_ACCELERATION_STRUCTURE_KHR:
    case VK_OBJECT_TYPE_ACCELERATION_STRUCTURE_NV:
    case VK_OBJECT_TYPE_MICROMAP_EXT:
    case VK_OBJECT_TYPE_PIPELINE_BINARY_KHR:
    case VK_OBJECT_TYPE_INDIRECT_COMMANDS_LAYOUT_EXT:
    case VK_OBJECT_TYPE_INDIRECT_EXECUTION_SET_EXT:
    case VK_OBJECT_TYPE_OPTICAL_FLOW_SESSION_NV:
    case VK_OBJECT_TYPE_VIDEO_SESSION_KHR:
    case VK_OBJECT_TYPE_VIDEO_SESSION_PARAMETERS_KHR:
    case VK_OBJECT_TYPE_SHADER_EXT: return true;
    default: return false;
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_SetDebugUtilsObjectNameEXT(VkDevice device, const VkDebugUtilsObjectNameInfoEXT *pNameInfo)
{
    struct proto_client *client = drv_device_from(device)->object.client;
    VkDebugUtilsObjectNameInfoEXT info = *pNameInfo;

    if (!info.objectHandle || !has_an_id(info.objectType) || !peer_takes(client)) {
        return VK_SUCCESS;
    }
    info.objectHandle = proto_object_id(info.objectHandle);
    return proto_send_vkSetDebugUtilsObjectNameEXT(client, device, &info);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_SetDebugUtilsObjectTagEXT(VkDevice device, const VkDebugUtilsObjectTagInfoEXT *pTagInfo)
{
    struct proto_client *client = drv_device_from(device)->object.client;
    VkDebugUtilsObjectTagInfoEXT info = *pTagInfo;

    if (!info.objectHandle || !has_an_id(info.objectType) || !peer_takes(client)) {
        return VK_SUCCESS;
    }
    info.objectHandle = proto_object_id(info.objectHandle);
    return proto_send_vkSetDebugUtilsObjectTagEXT(client, device, &info);
}

/* --- labels of queues; those of command buffers are recorded by generated code --- */

static struct proto_client *
client_of(VkQueue queue)
{
    return proto_object_from(PROTO_HANDLE(queue))->client;
}

VKAPI_ATTR void VKAPI_CALL
drv_QueueBeginDebugUtilsLabelEXT(VkQueue queue, const VkDebugUtilsLabelEXT *pLabelInfo)
{
    if (peer_takes(client_of(queue))) {
        (void)proto_send_vkQueueBeginDebugUtilsLabelEXT(client_of(queue), queue, pLabelInfo);
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_QueueEndDebugUtilsLabelEXT(VkQueue queue)
{
    if (peer_takes(client_of(queue))) {
        (void)proto_send_vkQueueEndDebugUtilsLabelEXT(client_of(queue), queue);
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_QueueInsertDebugUtilsLabelEXT(VkQueue queue, const VkDebugUtilsLabelEXT *pLabelInfo)
{
    if (peer_takes(client_of(queue))) {
        (void)proto_send_vkQueueInsertDebugUtilsLabelEXT(client_of(queue), queue, pLabelInfo);
    }
}
