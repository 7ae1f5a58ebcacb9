#include "driver/pipeline_layout.h"

#include <stdlib.h>

#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

struct drv_descriptor_set_layout *
drv_pipeline_layout_set(const struct drv_pipeline_layout *layout, uint32_t set)
{
    return layout && set < layout->set_count ? layout->sets[set] : NULL;
}

static struct drv_pipeline_layout *
create_layout(struct drv_device *device, const VkPipelineLayoutCreateInfo *info,
              const VkAllocationCallbacks *allocator)
{
    struct drv_pipeline_layout *layout = drv_device_object_create(
        device, allocator, sizeof(*layout) + info->setLayoutCount * sizeof(layout->sets[0]),
        VK_OBJECT_TYPE_PIPELINE_LAYOUT);
    if (!layout) {
        return NULL;
    }
    layout->remains = malloc(sizeof(*layout->remains));
    if (!layout->remains) {
        drv_device_object_destroy(device, allocator, layout);
        return NULL;
    }
    layout->set_count = info->setLayoutCount;
    for (uint32_t i = 0; i < layout->set_count; i++) {
        layout->sets[i] =
            drv_descriptor_set_layout_ref(drv_descriptor_set_layout_from(info->pSetLayouts[i]));
    }
    return layout;
}

static void
destroy_layout(struct drv_device *device, struct drv_pipeline_layout *layout,
               const VkAllocationCallbacks *allocator)
{
    for (uint32_t i = 0; i < layout->set_count; i++) {
        drv_descriptor_set_layout_unref(layout->sets[i]);
    }
    drv_device_object_destroy(device, allocator, layout);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreatePipelineLayout(VkDevice device, const VkPipelineLayoutCreateInfo *pCreateInfo,
                         const VkAllocationCallbacks *pAllocator, VkPipelineLayout *pPipelineLayout)
{
    struct drv_device *dev = drv_device_from(device);

    struct drv_pipeline_layout *layout = create_layout(dev, pCreateInfo, pAllocator);
    if (!layout) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkPipelineLayout handle = (VkPipelineLayout)(uintptr_t)layout;
    VkResult result =
        proto_send_vkCreatePipelineLayout(dev->object.client, device, pCreateInfo, NULL, &handle);
    if (result != VK_SUCCESS) {
        free(layout->remains);
        destroy_layout(dev, layout, pAllocator);
        return result;
    }
    *pPipelineLayout = handle;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyPipelineLayout(VkDevice device, VkPipelineLayout pipelineLayout,
                          const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *dev = drv_device_from(device);

    struct drv_pipeline_layout *layout = drv_pipeline_layout_from(pipelineLayout);
    if (layout) {
        layout->remains->object = layout->object;
        drv_recordings_retire(dev, layout->remains);
        destroy_layout(dev, layout, pAllocator);
    }
}
