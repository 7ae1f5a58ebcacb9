/* Memory: priorities, which are hints, and budgets, which follow what is allocated. */
#include "tests/apps/extensions/extensions.h"

enum { MEBIBYTE = 1 << 20 };

static VkDeviceMemory
allocate(const struct vkh_gpu *gpu, VkDeviceSize size, const void *next)
{
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = next,
        .allocationSize = size,
        .memoryTypeIndex = 0,
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(gpu->device, &info, NULL, &memory));
    return memory;
}

static void
priority(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkSetDeviceMemoryPriorityEXT);
    const VkMemoryPriorityAllocateInfoEXT high = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_PRIORITY_ALLOCATE_INFO_EXT,
        .priority = 1.0f,
    };
    VkDeviceMemory memory = allocate(gpu, MEBIBYTE, &high);
    vkSetDeviceMemoryPriorityEXT(gpu->device, memory, 0.25f);
    VKH_CHECK(vkDeviceWaitIdle(gpu->device));
    vkFreeMemory(gpu->device, memory, NULL);
}

static void
budget(const struct vkh_gpu *gpu)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT heaps = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT,
    };
    VkPhysicalDeviceMemoryProperties2 query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
        .pNext = &heaps,
    };
    vkGetPhysicalDeviceMemoryProperties2(gpu->physical_device, &query);
    const VkPhysicalDeviceMemoryProperties *memory = &query.memoryProperties;
    for (uint32_t i = 0; i < memory->memoryHeapCount; i++) {
        extensions_expect(heaps.heapBudget[i] > 0 &&
                              heaps.heapBudget[i] <= memory->memoryHeaps[i].size,
                          "heap %u of %llu bytes has a budget of %llu", i,
                          (unsigned long long)memory->memoryHeaps[i].size,
                          (unsigned long long)heaps.heapBudget[i]);
    }
    for (uint32_t i = memory->memoryHeapCount; i < VK_MAX_MEMORY_HEAPS; i++) {
        extensions_expect(heaps.heapBudget[i] == 0 && heaps.heapUsage[i] == 0,
                          "heap %u is not there and has a budget", i);
    }
}

const struct extensions_check extensions_memory_checks[] = {
    {"memory/priorities are taken", "VK_EXT_pageable_device_local_memory", priority},
    {"memory/budgets are within heaps", "VK_EXT_memory_budget", budget},
    {0},
};
