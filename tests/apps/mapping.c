/* Memory mapped where the application wants it, VK_EXT_map_memory_placed: that the bytes are those
 * of the memory, that the rest of a reserved range stays as it was, and that reserved addresses
 * stay reserved. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/vkh/vkh.h"

enum { PAGE = 4096, KIBIBYTE = 1 << 10, SIZE = 256 * KIBIBYTE, ROOM = 1024 * KIBIBYTE };

static struct {
    struct vkh_gpu gpu;
    PFN_vkMapMemory2KHR map;
    PFN_vkUnmapMemory2KHR unmap;
    VkDeviceMemory memory; /* SIZE bytes */
    uint8_t *room;         /* ROOM bytes that nobody may touch */
} test;

static VkPhysicalDeviceMapMemoryPlacedFeaturesEXT features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAP_MEMORY_PLACED_FEATURES_EXT,
};

static void
check_alignment(void)
{
    VkPhysicalDeviceMapMemoryPlacedPropertiesEXT placed = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAP_MEMORY_PLACED_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &placed,
    };
    vkGetPhysicalDeviceProperties2(test.gpu.physical_device, &properties);
    if (placed.minPlacedMemoryMapAlignment < 4096 ||
        64 * KIBIBYTE % placed.minPlacedMemoryMapAlignment != 0) {
        vkh_die("an alignment of %llu bytes for placed mappings, wanted a size of pages",
                (unsigned long long)placed.minPlacedMemoryMapAlignment);
    }
}

static void
open_gpu(void)
{
    static const char *const extensions[] = {"VK_KHR_map_memory2", "VK_EXT_map_memory_placed",
                                             NULL};
    struct vkh_gpu_info info = {
        .program = "mapping",
        .api_version = VK_API_VERSION_1_1,
        .extensions = extensions,
    };
    vkh_gpu_open(&test.gpu, &info);
    if (!vkh_gpu_has_extension(&test.gpu, "VK_EXT_map_memory_placed")) {
        vkh_die("%s has no VK_EXT_map_memory_placed", test.gpu.properties.deviceName);
    }
    VkPhysicalDeviceFeatures2 query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &features,
    };
    vkGetPhysicalDeviceFeatures2(test.gpu.physical_device, &query);
    vkh_gpu_close(&test.gpu);
    features.pNext = NULL;
    info.device_next = &features;
    vkh_gpu_open(&test.gpu, &info);
    if (!features.memoryMapPlaced) {
        vkh_die("memoryMapPlaced is missing, which the extension requires");
    }
    test.map = (PFN_vkMapMemory2KHR)vkGetDeviceProcAddr(test.gpu.device, "vkMapMemory2KHR");
    test.unmap = (PFN_vkUnmapMemory2KHR)vkGetDeviceProcAddr(test.gpu.device, "vkUnmapMemory2KHR");
    if (!test.map || !test.unmap) {
        vkh_die("vkMapMemory2KHR or vkUnmapMemory2KHR is missing");
    }
}

static void
allocate(void)
{
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = SIZE,
        .memoryTypeIndex = vkh_memory_type(
            &test.gpu, UINT32_MAX,
            VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0),
    };
    VKH_CHECK(vkAllocateMemory(test.gpu.device, &info, NULL, &test.memory));
    test.room = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (test.room == MAP_FAILED) {
        vkh_die("no %d bytes of addresses: %s", ROOM, strerror(errno));
    }
}

/* At `address`, or anywhere if it is NULL. */
static uint8_t *
map(VkDeviceSize offset, VkDeviceSize size, void *address)
{
    const VkMemoryMapPlacedInfoEXT placed = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_MAP_PLACED_INFO_EXT,
        .pPlacedAddress = address,
    };
    const VkMemoryMapInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_MAP_INFO_KHR,
        .pNext = address ? &placed : NULL,
        .flags = address ? VK_MEMORY_MAP_PLACED_BIT_EXT : 0,
        .memory = test.memory,
        .offset = offset,
        .size = size,
    };
    void *out = NULL;
    VKH_CHECK(test.map(test.gpu.device, &info, &out));
    if (address && out != address) {
        vkh_die("mapped at %p, wanted %p", out, address);
    }
    return out;
}

static void
unmap(VkMemoryUnmapFlagsKHR flags)
{
    const VkMemoryUnmapInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_UNMAP_INFO_KHR,
        .flags = flags,
        .memory = test.memory,
    };
    VKH_CHECK(test.unmap(test.gpu.device, &info));
}

static uint8_t
pattern(size_t i)
{
    return (uint8_t)(i * 7 + i / 4096);
}

static void
expect_pattern(const uint8_t *at, size_t offset, size_t size, const char *where)
{
    for (size_t i = 0; i < size; i++) {
        if (at[i] != pattern(offset + i)) {
            vkh_die("%s: byte %zu is %u, wanted %u", where, offset + i, at[i], pattern(offset + i));
        }
    }
}

/* Something lies at every page of the range: nothing else can be put there without MAP_FIXED. */
static void
expect_taken(uint8_t *at, size_t size, const char *where)
{
    for (size_t i = 0; i < size; i += PAGE) {
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
        if (mmap(at + i, PAGE, PROT_NONE, flags, -1, 0) != MAP_FAILED) {
            vkh_die("%s: the page at %zu is free", where, i);
        }
    }
}

/* The memory is not mapped there any more. Other threads may have mapped something else meanwhile,
 * so the kernel is asked to look, and only the memory's own bytes in every page count. */
static void
expect_gone(const uint8_t *at, size_t offset, size_t size, const char *where)
{
    int ends[2];
    if (pipe(ends) != 0) {
        vkh_die("no pipe: %s", strerror(errno));
    }
    size_t seen = 0;
    for (size_t i = 0; i < size; i += PAGE) {
        uint8_t byte = 0;
        seen += write(ends[1], at + i + i / PAGE, 1) == 1 && read(ends[0], &byte, 1) == 1 &&
                byte == pattern(offset + i + i / PAGE);
    }
    close(ends[0]);
    close(ends[1]);
    if (seen == size / PAGE) {
        vkh_die("%s: the memory is still there", where);
    }
}

/* What was unmapped in the room is reserved again for the next check. */
static void
reserve_again(uint8_t *at, size_t size)
{
    if (mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at) {
        vkh_die("addresses cannot be reserved again: %s", strerror(errno));
    }
}

static void
placed_whole(void)
{
    uint8_t *at = map(0, VK_WHOLE_SIZE, test.room + 64 * KIBIBYTE);
    for (size_t i = 0; i < SIZE; i++) {
        at[i] = pattern(i);
    }
    unmap(0);
    expect_gone(at, 0, SIZE, "after a placed mapping");
    expect_taken(test.room, 64 * KIBIBYTE, "before a placed mapping");
    expect_taken(at + SIZE, ROOM - SIZE - 64 * KIBIBYTE, "behind a placed mapping");
    reserve_again(at, SIZE);
    expect_pattern(map(0, VK_WHOLE_SIZE, NULL), 0, SIZE, "mapped anywhere");
    unmap(0);
    puts("ok   the whole, placed");
}

static void
placed_range(void)
{
    if (!features.memoryMapRangePlaced) {
        puts("skip a range, placed: no memoryMapRangePlaced");
        return;
    }
    uint8_t *at = map(64 * KIBIBYTE, 128 * KIBIBYTE, test.room);
    expect_pattern(at, 64 * KIBIBYTE, 128 * KIBIBYTE, "a range");
    unmap(0);
    expect_gone(at, 64 * KIBIBYTE, 128 * KIBIBYTE, "after a range");
    reserve_again(at, 128 * KIBIBYTE);
    puts("ok   a range, placed");
}

static void
reserved(void)
{
    if (!features.memoryUnmapReserve) {
        puts("skip addresses that stay reserved: no memoryUnmapReserve");
        return;
    }
    uint8_t *placed = map(0, VK_WHOLE_SIZE, test.room);
    unmap(VK_MEMORY_UNMAP_RESERVE_BIT_EXT);
    expect_taken(placed, SIZE, "a placed mapping's addresses");

    uint8_t *first = map(0, VK_WHOLE_SIZE, NULL);
    unmap(VK_MEMORY_UNMAP_RESERVE_BIT_EXT);
    expect_taken(first, SIZE, "a mapping's addresses");
    uint8_t *second = map(0, VK_WHOLE_SIZE, NULL);
    if (second < first + SIZE && first < second + SIZE) {
        vkh_die("mapped at reserved addresses");
    }
    munmap(first, SIZE); /* the application's own now */
    expect_pattern(second, 0, SIZE, "mapped beside reserved addresses");
    unmap(0);
    puts("ok   addresses that stay reserved");
}

/* Freeing unmaps. */
static void
freed(void)
{
    uint8_t *at = map(0, VK_WHOLE_SIZE, test.room);
    expect_pattern(at, 0, SIZE, "before it is freed");
    vkFreeMemory(test.gpu.device, test.memory, NULL);
    expect_gone(at, 0, SIZE, "after it was freed");
    puts("ok   freed while placed");
}

int
main(void)
{
    open_gpu();
    check_alignment();
    allocate();
    placed_whole();
    placed_range();
    reserved();
    freed();
    vkh_gpu_close(&test.gpu);
    return 0;
}
