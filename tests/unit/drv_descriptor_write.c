#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "driver/descriptor_template.h"
#include "driver/descriptor_write.h"
#include "driver/sampler.h"

/* What an application may leave in members that do not count. Following it crashes. */
#define POISON ((uintptr_t)0xdeaddeaddeaddeadu)
#define POISON_POINTER ((const void *)POISON)

static struct drv_sampler sampler_storage; /* what a layout has of its own is looked at */
static int view_storage;
#define SAMPLER ((VkSampler)(uintptr_t)&sampler_storage)
#define VIEW ((VkImageView)(uintptr_t)&view_storage)

static struct drv_scratch scratch;

/* One binding with number 3. */
static struct drv_descriptor_set_layout *
layout_of(VkDescriptorType type, bool immutable)
{
    const VkSampler samplers[4] = {SAMPLER, SAMPLER, SAMPLER, SAMPLER};
    const VkDescriptorSetLayoutBinding binding = {
        .binding = 3,
        .descriptorType = type,
        .descriptorCount = 4,
        .pImmutableSamplers = immutable ? samplers : NULL,
    };
    const VkDescriptorSetLayoutCreateInfo info = {.bindingCount = 1, .pBindings = &binding};
    struct drv_descriptor_set_layout *layout =
        calloc(1, sizeof(*layout) + sizeof(layout->bindings[0]));
    drv_descriptor_set_layout_describe(layout, &info);
    return layout;
}

static VkWriteDescriptorSet
poisoned_write(VkDescriptorType type)
{
    return (VkWriteDescriptorSet){
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = (VkDescriptorSet)POISON,
        .dstBinding = 3,
        .descriptorCount = 2,
        .descriptorType = type,
        .pImageInfo = POISON_POINTER,
        .pBufferInfo = POISON_POINTER,
        .pTexelBufferView = POISON_POINTER,
    };
}

static VkWriteDescriptorSet
clean(const struct drv_descriptor_set_layout *layout, VkWriteDescriptorSet in)
{
    VkWriteDescriptorSet out;
    assert_true(drv_descriptor_write_clean(&scratch, layout, &in, &out));
    return out;
}

static VkWriteDescriptorSet
clean_image(VkDescriptorType type, bool immutable, const VkDescriptorImageInfo infos[2])
{
    struct drv_descriptor_set_layout *layout = layout_of(type, immutable);
    VkWriteDescriptorSet in = poisoned_write(type);
    in.pImageInfo = infos;
    VkWriteDescriptorSet out = clean(layout, in);
    free(layout);
    return out;
}

static VkDescriptorImageInfo
image_info(uintptr_t sampler, uintptr_t view)
{
    return (VkDescriptorImageInfo){(VkSampler)sampler, (VkImageView)view, VK_IMAGE_LAYOUT_GENERAL};
}

TEST(buffer_writes_keep_their_array_and_nothing_else)
{
    const VkDescriptorBufferInfo buffers[2] = {{0}};
    struct drv_descriptor_set_layout *layout = layout_of(VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, false);
    VkWriteDescriptorSet in = poisoned_write(VK_DESCRIPTOR_TYPE_STORAGE_BUFFER);

    drv_scratch_init(&scratch);
    in.pBufferInfo = buffers;
    VkWriteDescriptorSet out = clean(layout, in);
    assert_ptr_equal(out.pBufferInfo, buffers);
    assert_null(out.pImageInfo);
    assert_null(out.pTexelBufferView);
    assert_null(out.pNext);
    drv_scratch_finish(&scratch);
    free(layout);
}

TEST(sampled_images_lose_the_sampler_that_they_do_not_use)
{
    const VkDescriptorImageInfo infos[2] = {
        image_info(POISON, (uintptr_t)VIEW),
        image_info(POISON, (uintptr_t)VIEW),
    };

    drv_scratch_init(&scratch);
    VkWriteDescriptorSet out = clean_image(VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, false, infos);
    assert_null(out.pBufferInfo);
    assert_true(out.pImageInfo[1].sampler == VK_NULL_HANDLE);
    assert_true(out.pImageInfo[1].imageView == VIEW);
    assert_int_equal(out.pImageInfo[1].imageLayout, VK_IMAGE_LAYOUT_GENERAL);
    drv_scratch_finish(&scratch);
}

TEST(samplers_lose_the_view_that_they_do_not_use)
{
    const VkDescriptorImageInfo infos[2] = {
        image_info((uintptr_t)SAMPLER, POISON),
        image_info((uintptr_t)SAMPLER, POISON),
    };

    drv_scratch_init(&scratch);
    VkWriteDescriptorSet out = clean_image(VK_DESCRIPTOR_TYPE_SAMPLER, false, infos);
    assert_true(out.pImageInfo[0].sampler == SAMPLER);
    assert_true(out.pImageInfo[0].imageView == VK_NULL_HANDLE);
    drv_scratch_finish(&scratch);
}

TEST(combined_image_samplers_lose_the_sampler_where_the_layout_has_its_own)
{
    const VkDescriptorImageInfo infos[2] = {
        image_info(POISON, (uintptr_t)VIEW),
        image_info(POISON, (uintptr_t)VIEW),
    };

    drv_scratch_init(&scratch);
    VkWriteDescriptorSet out = clean_image(VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, true, infos);
    assert_true(out.pImageInfo[0].sampler == VK_NULL_HANDLE);
    assert_true(out.pImageInfo[0].imageView == VIEW);
    drv_scratch_finish(&scratch);
}

TEST(image_writes_with_nothing_to_clear_are_not_copied)
{
    const VkDescriptorImageInfo infos[2] = {
        image_info((uintptr_t)SAMPLER, (uintptr_t)VIEW),
        image_info((uintptr_t)SAMPLER, (uintptr_t)VIEW),
    };

    drv_scratch_init(&scratch);
    VkWriteDescriptorSet out = clean_image(VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, false, infos);
    assert_ptr_equal(out.pImageInfo, infos);
    drv_scratch_finish(&scratch);
}

TEST(inline_blocks_keep_their_chained_data_only)
{
    const uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const VkWriteDescriptorSetInlineUniformBlock block = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_INLINE_UNIFORM_BLOCK,
        .dataSize = sizeof(data),
        .pData = data,
    };
    VkWriteDescriptorSet in = poisoned_write(VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK);

    drv_scratch_init(&scratch);
    in.pNext = &block;
    VkWriteDescriptorSet out = clean(NULL, in);
    const VkWriteDescriptorSetInlineUniformBlock *kept = out.pNext;
    assert_non_null(kept);
    assert_ptr_equal(kept->pData, data);
    assert_null(out.pImageInfo);
    assert_null(out.pBufferInfo);
    assert_null(out.pTexelBufferView);
    drv_scratch_finish(&scratch);
}

TEST(push_descriptors_have_no_set)
{
    const VkDescriptorBufferInfo buffers[2] = {{0}};
    VkWriteDescriptorSet in = poisoned_write(VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER);

    drv_scratch_init(&scratch);
    in.pBufferInfo = buffers;
    const VkWriteDescriptorSet *out = drv_descriptor_writes_clean_push(&scratch, NULL, 1, &in);
    assert_true(out[0].dstSet == VK_NULL_HANDLE);
    drv_scratch_finish(&scratch);
}

/* --- templates --- */

struct template_data {
    uint32_t other;
    uint8_t inline_data[12];
    struct {
        VkDescriptorBufferInfo info;
        uint64_t gap;
    } buffers[3];
    VkDescriptorImageInfo images[2];
    VkBufferView texels[2];
};

static struct drv_descriptor_template *
template_of(uint32_t count, const VkDescriptorUpdateTemplateEntry *entries)
{
    struct drv_descriptor_template *made = calloc(1, sizeof(*made) + count * sizeof(entries[0]));
    made->entry_count = count;
    memcpy(made->entries, entries, count * sizeof(entries[0]));
    return made;
}

static const VkDescriptorUpdateTemplateEntry template_entries[] = {
    {0, 1, 3, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, offsetof(struct template_data, buffers),
     sizeof(((struct template_data *)0)->buffers[0])},
    {3, 0, 2, VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, offsetof(struct template_data, images),
     sizeof(VkDescriptorImageInfo)},
    {4, 4, 12, VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK, offsetof(struct template_data, inline_data),
     0},
    {5, 0, 2, VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER, offsetof(struct template_data, texels),
     sizeof(VkBufferView)},
};

static struct template_data
example_data(void)
{
    struct template_data data = {.inline_data = "hello world"};
    for (uint32_t i = 0; i < 3; i++) {
        data.buffers[i].info.offset = 100 + i;
        data.buffers[i].gap = POISON;
    }
    data.images[0] = image_info(POISON, (uintptr_t)VIEW);
    data.images[1] = image_info(POISON, (uintptr_t)VIEW);
    return data;
}

TEST(a_template_becomes_one_write_an_entry)
{
    struct drv_descriptor_template *made = template_of(4, template_entries);
    struct template_data data = example_data();
    VkDescriptorSet set = (VkDescriptorSet)POISON;

    drv_scratch_init(&scratch);
    const VkWriteDescriptorSet *writes =
        drv_descriptor_template_expand(&scratch, made, NULL, set, &data);
    assert_non_null(writes);
    assert_true(writes[0].dstSet == set);
    assert_int_equal(writes[0].dstArrayElement, 1);
    assert_int_equal(writes[0].descriptorCount, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(writes[0].pBufferInfo[i].offset, 100 + i);
    }
    assert_true(writes[1].pImageInfo[1].imageView == VIEW);
    assert_true(writes[1].pImageInfo[1].sampler == VK_NULL_HANDLE);
    const VkWriteDescriptorSetInlineUniformBlock *block = writes[2].pNext;
    assert_int_equal(block->dataSize, 12);
    assert_string_equal(block->pData, "hello world");
    assert_int_equal(writes[2].dstArrayElement, 4);
    assert_ptr_equal(writes[3].pTexelBufferView, data.texels);
    drv_scratch_finish(&scratch);
    free(made);
}

TEST(large_expansions_leave_the_stack_and_leak_nothing)
{
    enum { COUNT = 10000 };
    const VkDescriptorUpdateTemplateEntry entry = {
        0, 0, COUNT, VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, 0, sizeof(VkDescriptorImageInfo)};
    struct drv_descriptor_template *made = template_of(1, &entry);
    VkDescriptorImageInfo *infos = calloc(COUNT, sizeof(*infos));

    for (uint32_t i = 0; i < COUNT; i++) {
        infos[i] = image_info(POISON, (uintptr_t)VIEW);
    }
    drv_scratch_init(&scratch);
    const VkWriteDescriptorSet *writes =
        drv_descriptor_template_expand(&scratch, made, NULL, VK_NULL_HANDLE, infos);
    assert_true(writes[0].pImageInfo[COUNT - 1].sampler == VK_NULL_HANDLE);
    drv_scratch_finish(&scratch);
    free(infos);
    free(made);
}

TEST(acceleration_structures_of_all_kinds_come_from_templates)
{
    const VkDescriptorUpdateTemplateEntry entries[] = {
        {0, 0, 2, VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR, 0,
         sizeof(VkAccelerationStructureKHR)},
        {1, 0, 2, VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_NV, 16,
         2 * sizeof(VkAccelerationStructureNV)},
        {2, 0, 2, VK_DESCRIPTOR_TYPE_PARTITIONED_ACCELERATION_STRUCTURE_NV, 48,
         sizeof(VkDeviceAddress)},
    };
    const struct {
        VkAccelerationStructureKHR khr[2];
        VkAccelerationStructureNV nv[4];
        VkDeviceAddress partitioned[2];
    } data = {
        {(VkAccelerationStructureKHR)(uintptr_t)1, (VkAccelerationStructureKHR)(uintptr_t)2},
        {(VkAccelerationStructureNV)(uintptr_t)3, (VkAccelerationStructureNV)(uintptr_t)POISON,
         (VkAccelerationStructureNV)(uintptr_t)4},
        {0x5000, 0x6000},
    };
    struct drv_descriptor_template *made = template_of(BASE_COUNT_OF(entries), entries);

    drv_scratch_init(&scratch);
    const VkWriteDescriptorSet *writes =
        drv_descriptor_template_expand(&scratch, made, NULL, VK_NULL_HANDLE, &data);
    const VkWriteDescriptorSetAccelerationStructureKHR *khr = writes[0].pNext;
    assert_int_equal(khr->sType, VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_ACCELERATION_STRUCTURE_KHR);
    assert_int_equal(khr->accelerationStructureCount, 2);
    assert_true(khr->pAccelerationStructures[1] == data.khr[1]);
    const VkWriteDescriptorSetAccelerationStructureNV *nv = writes[1].pNext;
    assert_int_equal(nv->sType, VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_ACCELERATION_STRUCTURE_NV);
    assert_int_equal(nv->accelerationStructureCount, 2);
    assert_true(nv->pAccelerationStructures[0] == data.nv[0]);
    assert_true(nv->pAccelerationStructures[1] == data.nv[2]);
    VkWriteDescriptorSet clean;
    assert_true(drv_descriptor_write_clean(&scratch, NULL, &writes[2], &clean));
    const VkWriteDescriptorSetPartitionedAccelerationStructureNV *partitioned = clean.pNext;
    assert_int_equal(partitioned->sType,
                     VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_PARTITIONED_ACCELERATION_STRUCTURE_NV);
    assert_int_equal(partitioned->accelerationStructureCount, 2);
    assert_true(partitioned->pAccelerationStructures[1] == 0x6000);
    drv_scratch_finish(&scratch);
    free(made);
}
