/* Memory imported from pages of the application's own, VK_EXT_external_memory_host: the device sees
 * what the host writes and the host what the device writes, and afterwards the pages are as they
 * were. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vkh/vkh.h"

#define HOST VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT

enum { SIZE = 64 << 10, GUARD = 4096 };

static struct {
    struct vkh_gpu gpu;
    PFN_vkGetMemoryHostPointerPropertiesEXT ask;
    uint8_t *block; /* GUARD, SIZE and GUARD bytes; the middle is imported */
    uint8_t *pages;
} test;

static void
open_gpu(void)
{
    static const char *const extensions[] = {"VK_EXT_external_memory_host", NULL};
    const struct vkh_gpu_info info = {
        .program = "host-pages",
        .api_version = VK_API_VERSION_1_1,
        .extensions = extensions,
    };
    vkh_gpu_open(&test.gpu, &info);
    if (!vkh_gpu_has_extension(&test.gpu, "VK_EXT_external_memory_host")) {
        printf("skip: %s has no VK_EXT_external_memory_host\n", test.gpu.properties.deviceName);
        exit(77);
    }
    test.ask = (PFN_vkGetMemoryHostPointerPropertiesEXT)vkGetDeviceProcAddr(
        test.gpu.device, "vkGetMemoryHostPointerPropertiesEXT");
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &host,
    };
    vkGetPhysicalDeviceProperties2(test.gpu.physical_device, &properties);
    if (!test.ask || GUARD % host.minImportedHostPointerAlignment != 0) {
        vkh_die("pages are aligned to %llu bytes, wanted at most %d",
                (unsigned long long)host.minImportedHostPointerAlignment, GUARD);
    }
}

static uint8_t
pattern(size_t i)
{
    return (uint8_t)(i * 13 + i / 4096);
}

static void
make_pages(void)
{
    test.block = aligned_alloc(GUARD, SIZE + 2 * GUARD);
    if (!test.block) {
        vkh_die("no %d bytes: %s", SIZE, strerror(errno));
    }
    test.pages = test.block + GUARD;
    memset(test.block, 0xee, SIZE + 2 * GUARD);
    for (size_t i = 0; i < SIZE; i++) {
        test.pages[i] = pattern(i);
    }
}

static VkBuffer
create_buffer(VkDeviceSize size)
{
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = HOST,
    };
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = &external,
        .size = size,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkBuffer buffer;
    VKH_CHECK(vkCreateBuffer(test.gpu.device, &info, NULL, &buffer));
    return buffer;
}

static VkDeviceMemory
import_pages(VkBuffer buffer, void *pages, VkDeviceSize size)
{
    VkMemoryHostPointerPropertiesEXT pointer = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
    };
    VKH_CHECK(test.ask(test.gpu.device, HOST, pages, &pointer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(test.gpu.device, buffer, &needs);
    uint32_t types = pointer.memoryTypeBits & needs.memoryTypeBits;
    if (types == 0 || needs.size > size) {
        vkh_die("types %#x for the pages, %#x for a buffer of %llu bytes: none fits",
                pointer.memoryTypeBits, needs.memoryTypeBits, (unsigned long long)needs.size);
    }
    const VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = HOST,
        .pHostPointer = pages,
    };
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &import,
        .allocationSize = size,
        .memoryTypeIndex =
            (uint32_t)__builtin_ctz(types), /* as an application does that knows no better */
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(test.gpu.device, &info, NULL, &memory));
    VKH_CHECK(vkBindBufferMemory(test.gpu.device, buffer, memory, 0));
    return memory;
}

static void
copy(VkBuffer from, VkBuffer to, VkDeviceSize size)
{
    VkCommandBuffer commands = vkh_begin(&test.gpu);
    vkh_memory_barrier(commands, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_WRITE_BIT,
                       VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    vkCmdCopyBuffer(commands, from, to, 1, &(VkBufferCopy){.size = size});
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(&test.gpu, commands);
}

static void
expect(const uint8_t *bytes, uint8_t plus, const char *what)
{
    for (size_t i = 0; i < SIZE; i++) {
        if (bytes[i] != (uint8_t)(pattern(i) + plus)) {
            vkh_die("%s: byte %zu is %u, wanted %u", what, i, bytes[i],
                    (uint8_t)(pattern(i) + plus));
        }
    }
}

static void
expect_guards(const char *what)
{
    for (size_t i = 0; i < GUARD; i++) {
        if (test.block[i] != 0xee || test.pages[SIZE + i] != 0xee) {
            vkh_die("%s: byte %zu beside the pages has changed", what, i);
        }
    }
}

/* Many do, without asking whether they may: so any type that is named for pages can be. */
static void
expect_mapped(VkDeviceMemory memory, uint8_t round)
{
    void *map;
    VKH_CHECK(vkMapMemory(test.gpu.device, memory, 0, VK_WHOLE_SIZE, 0, &map));
    expect(map, round, "the import, mapped");
    vkUnmapMemory(test.gpu.device, memory);
}

/* Again and again, since what is left over from one import shows at the next. */
static void
import_once(const struct vkh_buffer *staging, uint8_t round)
{
    uint8_t *mapped = staging->map;
    VkBuffer buffer = create_buffer(SIZE);
    VkDeviceMemory memory = import_pages(buffer, test.pages, SIZE);

    expect(test.pages, round, "after the import");
    expect_mapped(memory, round);
    copy(buffer, staging->buffer, SIZE);
    expect(mapped, round, "what the device has read");
    for (size_t i = 0; i < SIZE; i++) {
        test.pages[i]++;
    }
    copy(buffer, staging->buffer, SIZE);
    expect(mapped, (uint8_t)(round + 1), "what the host wrote after the import");
    for (size_t i = 0; i < SIZE; i++) {
        mapped[i]++;
    }
    copy(staging->buffer, buffer, SIZE);
    expect(test.pages, (uint8_t)(round + 2), "what the device has written");

    vkDestroyBuffer(test.gpu.device, buffer, NULL);
    vkFreeMemory(test.gpu.device, memory, NULL);
    expect(test.pages, (uint8_t)(round + 2), "after the memory was freed");
    expect_guards("after the memory was freed");
}

/* Two imports with a page in common, as planes of a frame have: the first is written by the device,
 * then freed, and the second still reads what the application has in that page. */
static void
import_overlapping(const struct vkh_buffer *staging)
{
    const size_t common = SIZE / 2;
    uint8_t *mapped = staging->map;
    VkBuffer first = create_buffer(common + GUARD), second = create_buffer(SIZE - common);
    VkDeviceMemory first_memory = import_pages(first, test.pages, common + GUARD);
    VkDeviceMemory second_memory = import_pages(second, test.pages + common, SIZE - common);

    memset(mapped, 0x5a, SIZE);
    copy(staging->buffer, first, common + GUARD);
    for (size_t i = 0; i < SIZE; i++) {
        uint8_t wanted = i < common + GUARD ? 0x5a : 0x11;
        test.pages[i] = i < common + GUARD ? test.pages[i] : 0x11;
        if (test.pages[i] != wanted) {
            vkh_die("byte %zu is %u, wanted %u", i, test.pages[i], wanted);
        }
    }
    vkDestroyBuffer(test.gpu.device, first, NULL);
    vkFreeMemory(test.gpu.device, first_memory, NULL);
    test.pages[common] = 0x22;
    copy(second, staging->buffer, SIZE - common);
    if (mapped[0] != 0x22 || mapped[1] != 0x5a || mapped[GUARD] != 0x11) {
        vkh_die("the second import reads %u %u %u, wanted 34 90 17", mapped[0], mapped[1],
                mapped[GUARD]);
    }
    vkDestroyBuffer(test.gpu.device, second, NULL);
    vkFreeMemory(test.gpu.device, second_memory, NULL);
}

int
main(void)
{
    struct vkh_buffer staging;
    open_gpu();
    make_pages();
    vkh_buffer_create(&test.gpu, SIZE,
                      VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                      VKH_MAPPED, &staging);
    for (uint8_t round = 0; round < 20; round++) {
        import_once(&staging, (uint8_t)(2 * round));
    }
    import_overlapping(&staging);
    expect_guards("after two imports with a page in common");
    vkh_buffer_destroy(&test.gpu, &staging);
    vkh_gpu_close(&test.gpu);
    free(test.block);
    puts("ok   pages are imported, written and read by both sides, and given back");
    return 0;
}
