#include "driver/render_pass.h"

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

static struct drv_render_pass *
create_render_pass(struct drv_device *device, uint32_t subpass_count,
                   const VkAllocationCallbacks *allocator)
{
    struct drv_render_pass *pass = drv_device_object_create(
        device, allocator, sizeof(*pass) + subpass_count * sizeof(pass->subpasses[0]),
        VK_OBJECT_TYPE_RENDER_PASS);

    if (pass) {
        pass->subpass_count = subpass_count;
    }
    return pass;
}

/* Hands the pass out, or destroys it if the renderer could not be told. */
static VkResult
finish_creation(struct drv_device *device, const VkAllocationCallbacks *allocator,
                struct drv_render_pass *pass, VkResult result, VkRenderPass *out)
{
    if (result == VK_SUCCESS) {
        *out = (VkRenderPass)(uintptr_t)pass;
    } else {
        drv_device_object_destroy(device, allocator, pass);
    }
    return result;
}

static struct drv_subpass
describe(const VkSubpassDescription *in)
{
    struct drv_subpass subpass = {
        .depth_stencil = in->pDepthStencilAttachment &&
                         in->pDepthStencilAttachment->attachment != VK_ATTACHMENT_UNUSED,
    };
    for (uint32_t i = 0; i < in->colorAttachmentCount; i++) {
        subpass.color |= in->pColorAttachments[i].attachment != VK_ATTACHMENT_UNUSED;
    }
    return subpass;
}

static struct drv_subpass
describe2(const VkSubpassDescription2 *in)
{
    struct drv_subpass subpass = {
        .depth_stencil = in->pDepthStencilAttachment &&
                         in->pDepthStencilAttachment->attachment != VK_ATTACHMENT_UNUSED,
    };
    for (uint32_t i = 0; i < in->colorAttachmentCount; i++) {
        subpass.color |= in->pColorAttachments[i].attachment != VK_ATTACHMENT_UNUSED;
    }
    return subpass;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateRenderPass(VkDevice device, const VkRenderPassCreateInfo *pCreateInfo,
                     const VkAllocationCallbacks *pAllocator, VkRenderPass *pRenderPass)
{
    struct drv_device *dev = drv_device_from(device);

    struct drv_render_pass *pass = create_render_pass(dev, pCreateInfo->subpassCount, pAllocator);
    if (!pass) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < pass->subpass_count; i++) {
        pass->subpasses[i] = describe(&pCreateInfo->pSubpasses[i]);
    }
    VkRenderPass handle = (VkRenderPass)(uintptr_t)pass;
    VkResult result =
        proto_send_vkCreateRenderPass(dev->object.client, device, pCreateInfo, NULL, &handle);
    return finish_creation(dev, pAllocator, pass, result, pRenderPass);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateRenderPass2(VkDevice device, const VkRenderPassCreateInfo2 *pCreateInfo,
                      const VkAllocationCallbacks *pAllocator, VkRenderPass *pRenderPass)
{
    struct drv_device *dev = drv_device_from(device);

    struct drv_render_pass *pass = create_render_pass(dev, pCreateInfo->subpassCount, pAllocator);
    if (!pass) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < pass->subpass_count; i++) {
        pass->subpasses[i] = describe2(&pCreateInfo->pSubpasses[i]);
    }
    VkRenderPass handle = (VkRenderPass)(uintptr_t)pass;
    VkResult result =
        proto_send_vkCreateRenderPass2(dev->object.client, device, pCreateInfo, NULL, &handle);
    return finish_creation(dev, pAllocator, pass, result, pRenderPass);
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyRenderPass(VkDevice device, VkRenderPass renderPass,
                      const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *dev = drv_device_from(device);

    if (renderPass) {
        (void)proto_send_vkDestroyRenderPass(dev->object.client, device, renderPass, NULL);
        drv_device_object_destroy(dev, pAllocator, drv_render_pass_from(renderPass));
    }
}
