/* Host side of events. Creation and the question for their state are generated. Setting and
 * resetting take effect in the order of the ring, before any later command or question. */
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

VKAPI_ATTR VkResult VKAPI_CALL
drv_SetEvent(VkDevice device, VkEvent event)
{
    return proto_send_vkSetEvent(drv_device_from(device)->object.client, device, event);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ResetEvent(VkDevice device, VkEvent event)
{
    return proto_send_vkResetEvent(drv_device_from(device)->object.client, device, event);
}
