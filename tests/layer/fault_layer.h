/* What the host of tests/layer/fault_layer.c tells about its fault. */
#ifndef TEST_FAULT_LAYER_H
#define TEST_FAULT_LAYER_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

static const char fault_description[] = "a layer lost it";

static const VkDeviceFaultAddressInfoEXT fault_addresses[] = {
    {VK_DEVICE_FAULT_ADDRESS_TYPE_READ_INVALID_EXT, 0x123456789000, 4096},
    {VK_DEVICE_FAULT_ADDRESS_TYPE_INSTRUCTION_POINTER_FAULT_EXT, 0xabcd0, 16},
};

static const VkDeviceFaultVendorInfoEXT fault_vendors[] = {
    {"read of nothing", 0x1122334455667788, 42},
};

/* Of no length that an alignment would leave alone. */
static const uint8_t fault_binary[] = {7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3};

#endif
