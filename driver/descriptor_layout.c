#include "driver/descriptor_layout.h"

#include <assert.h>
#include <stdlib.h>

#include "driver/drv_entry.h"
#include "driver/sampler.h"
#include "driver/scratch.h"
#include "driver/struct_chain.h"
#include "protocol/proto_encode.h"

struct drv_descriptor_set_layout *
drv_descriptor_set_layout_ref(struct drv_descriptor_set_layout *layout)
{
    if (layout) {
        atomic_fetch_add_explicit(&layout->references, 1, memory_order_relaxed);
    }
    return layout;
}

void
drv_descriptor_set_layout_unref(struct drv_descriptor_set_layout *layout)
{
    if (layout && atomic_fetch_sub_explicit(&layout->references, 1, memory_order_acq_rel) == 1) {
        drv_device_object_destroy(layout->device, NULL, layout);
    }
}

const struct drv_descriptor_binding *
drv_descriptor_set_layout_find(const struct drv_descriptor_set_layout *layout, uint32_t binding)
{
    /* Most layouts number their bindings from 0 without gaps. */
    if (binding < layout->binding_count && layout->bindings[binding].binding == binding) {
        return &layout->bindings[binding];
    }
    uint32_t low = 0, high = layout->binding_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (layout->bindings[middle].binding < binding) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < layout->binding_count && layout->bindings[low].binding == binding;
    return found ? &layout->bindings[low] : NULL;
}

void
drv_descriptor_counts_add(struct drv_descriptor_counts *counts, VkDescriptorType type,
                          uint32_t count)
{
    enum drv_descriptor_kind kind = drv_descriptor_kind(type);
    uint32_t *total = &counts->kinds[kind];

    *total = count > UINT32_MAX - *total ? UINT32_MAX : *total + count;
    if (kind == DRV_DESCRIPTOR_INLINE_UNIFORM_BLOCK && count > 0) {
        counts->inline_bindings++;
    }
}

static void
add_binding(struct drv_descriptor_counts *counts, const struct drv_descriptor_binding *binding,
            uint32_t count)
{
    drv_descriptor_counts_add(counts, binding->type, count);
    counts->converting += binding->converting ? count : 0;
}

struct drv_descriptor_counts
drv_descriptor_set_layout_counts(const struct drv_descriptor_set_layout *layout,
                                 uint32_t variable_count)
{
    struct drv_descriptor_counts counts = layout->counts;

    if (layout->variable) {
        add_binding(&counts, &layout->bindings[layout->binding_count - 1], variable_count);
    }
    return counts;
}

static int
compare_bindings(const void *a, const void *b)
{
    const struct drv_descriptor_binding *x = a, *y = b;
    return x->binding < y->binding ? -1 : x->binding > y->binding;
}

static bool
has_variable_binding(const VkDescriptorSetLayoutCreateInfo *info)
{
    const VkDescriptorSetLayoutBindingFlagsCreateInfo *flags = drv_find_struct(
        info->pNext, VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_BINDING_FLAGS_CREATE_INFO);

    for (uint32_t i = 0; flags && i < flags->bindingCount; i++) {
        /* Only the binding with the highest number may have it. */
        if (flags->pBindingFlags[i] & VK_DESCRIPTOR_BINDING_VARIABLE_DESCRIPTOR_COUNT_BIT) {
            return true;
        }
    }
    return false;
}

static bool
has_immutable_samplers(const VkDescriptorSetLayoutBinding *binding)
{
    return binding->descriptorCount > 0 && binding->pImmutableSamplers &&
           drv_descriptor_type_has_sampler(binding->descriptorType);
}

/* Vulkan has such samplers only in combined image samplers, and only immutable ones. */
static bool
has_converting_samplers(const VkDescriptorSetLayoutBinding *binding)
{
    bool combined = binding->descriptorType == VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER;
    for (uint32_t i = 0; combined && binding->pImmutableSamplers && i < binding->descriptorCount;
         i++) {
        const struct drv_sampler *sampler = drv_sampler_from(binding->pImmutableSamplers[i]);
        if (sampler && sampler->converts) {
            return true;
        }
    }
    return false;
}

void
drv_descriptor_set_layout_describe(struct drv_descriptor_set_layout *layout,
                                   const VkDescriptorSetLayoutCreateInfo *info)
{
    layout->variable = has_variable_binding(info);
    layout->binding_count = info->bindingCount;
    for (uint32_t i = 0; i < info->bindingCount; i++) {
        const VkDescriptorSetLayoutBinding *binding = &info->pBindings[i];
        layout->bindings[i] = (struct drv_descriptor_binding){
            .binding = binding->binding,
            .type = binding->descriptorType,
            .count = binding->descriptorCount,
            .immutable_samplers = has_immutable_samplers(binding),
            .converting = has_converting_samplers(binding),
        };
    }
    qsort(layout->bindings, layout->binding_count, sizeof(layout->bindings[0]), compare_bindings);

    uint32_t fixed = layout->binding_count - (layout->variable ? 1 : 0);
    for (uint32_t i = 0; i < fixed; i++) {
        add_binding(&layout->counts, &layout->bindings[i], layout->bindings[i].count);
    }
}

/* The layout's create info without the samplers that Vulkan ignores. False: out of memory. */
BASE_MUST_CHECK static bool
clean_info(struct drv_scratch *scratch, const VkDescriptorSetLayoutCreateInfo *in,
           VkDescriptorSetLayoutCreateInfo *out)
{
    *out = *in;
    if (in->bindingCount == 0) {
        return true;
    }
    VkDescriptorSetLayoutBinding *bindings =
        drv_scratch_array(scratch, in->bindingCount, sizeof(*bindings));
    if (!bindings) {
        return false;
    }
    for (uint32_t i = 0; i < in->bindingCount; i++) {
        bindings[i] = in->pBindings[i];
        if (!has_immutable_samplers(&bindings[i])) {
            bindings[i].pImmutableSamplers = NULL;
        }
    }
    out->pBindings = bindings;
    return true;
}

static struct drv_descriptor_set_layout *
create_layout(struct drv_device *device, const VkDescriptorSetLayoutCreateInfo *info)
{
    /* From the device's callbacks: the layout may outlive vkDestroyDescriptorSetLayout. */
    struct drv_descriptor_set_layout *layout = drv_device_object_create(
        device, NULL, sizeof(*layout) + info->bindingCount * sizeof(layout->bindings[0]),
        VK_OBJECT_TYPE_DESCRIPTOR_SET_LAYOUT);
    if (!layout) {
        return NULL;
    }
    layout->device = device;
    atomic_init(&layout->references, 1);
    drv_descriptor_set_layout_describe(layout, info);
    return layout;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateDescriptorSetLayout(VkDevice device, const VkDescriptorSetLayoutCreateInfo *pCreateInfo,
                              const VkAllocationCallbacks *pAllocator,
                              VkDescriptorSetLayout *pSetLayout)
{
    struct drv_device *dev = drv_device_from(device);
    VkDescriptorSetLayoutCreateInfo info;
    struct drv_scratch scratch;
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;

    drv_scratch_init(&scratch);
    struct drv_descriptor_set_layout *layout = create_layout(dev, pCreateInfo);
    if (layout && clean_info(&scratch, pCreateInfo, &info)) {
        VkDescriptorSetLayout handle = (VkDescriptorSetLayout)(uintptr_t)layout;
        result = proto_send_vkCreateDescriptorSetLayout(dev->object.client, device, &info, NULL,
                                                        &handle);
    }
    drv_scratch_finish(&scratch);
    if (result != VK_SUCCESS) {
        drv_descriptor_set_layout_unref(layout);
        return result;
    }
    *pSetLayout = (VkDescriptorSetLayout)(uintptr_t)layout;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyDescriptorSetLayout(VkDevice device, VkDescriptorSetLayout descriptorSetLayout,
                               const VkAllocationCallbacks *pAllocator)
{
    struct drv_descriptor_set_layout *layout = drv_descriptor_set_layout_from(descriptorSetLayout);

    if (layout) {
        (void)proto_send_vkDestroyDescriptorSetLayout(layout->object.client, device,
                                                      descriptorSetLayout, NULL);
        drv_descriptor_set_layout_unref(layout);
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_GetDescriptorSetLayoutSupport(VkDevice device,
                                  const VkDescriptorSetLayoutCreateInfo *pCreateInfo,
                                  VkDescriptorSetLayoutSupport *pSupport)
{
    struct drv_device *dev = drv_device_from(device);
    VkDescriptorSetLayoutCreateInfo info;
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    pSupport->supported = VK_FALSE;
    if (clean_info(&scratch, pCreateInfo, &info) &&
        proto_call_vkGetDescriptorSetLayoutSupport(dev->object.client, device, &info, pSupport) !=
            VK_SUCCESS) {
        pSupport->supported = VK_FALSE;
    }
    drv_scratch_finish(&scratch);
}
