/* Images in DRM modifiers whose memory others share, plane by plane: exported, and imported from
 * memory that others have laid out. Every picture is looked at through Vulkan and in the file that
 * is behind the memory, so that planes are known to lie where they are said to.
 *
 *     modifiers [disjoint]
 *
 * With "disjoint" their planes are bound one by one; then only imports are looked at, since memory
 * is not exported for a part of an image. Runs on a device whose dma-bufs are files that can be
 * mapped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/apps/modifiers/picture.h"
#include "tests/layer/modifiers.h"

#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define USAGE (VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT)

enum {
    MAX_MODIFIERS = 64,
    FILE_SIZE = 1 << 18, /* bytes; more than any picture here needs */
    BACKGROUND = 0xa5,   /* where no plane lies */
    ROW_PITCH = 512,     /* of plane 0; more than any picture here needs */
    FIRST_PLANE = 8192,
    PLANE_GAP = 4096,
    FIRST_SEED = 1,
    SECOND_SEED = 2,
};

/* An image, its memory, and a descriptor of each piece of that. */
struct shared {
    const struct picture_format *format;
    VkImage image;
    struct picture_layout layout;
    VkDeviceMemory memories[PICTURE_MAX_PLANES];
};

static bool ok = true;

static void
report(const struct picture_format *format, const char *what, bool right)
{
    printf("%s, %s: %s\n", format->name, what, right ? "right" : "WRONG");
    ok = ok && right;
}

/* --- what the device has --- */

static uint32_t
list_modifiers(const struct vkh_gpu *gpu, VkFormat format,
               VkDrmFormatModifierPropertiesEXT out[MAX_MODIFIERS])
{
    VkDrmFormatModifierPropertiesListEXT list = {
        .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
        .drmFormatModifierCount = MAX_MODIFIERS,
        .pDrmFormatModifierProperties = out,
    };
    VkFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
        .pNext = &list,
    };
    vkGetPhysicalDeviceFormatProperties2(gpu->physical_device, format, &properties);
    return list.drmFormatModifierCount;
}

/* What such an image's memory can do; nothing if there is no such image. */
static VkExternalMemoryFeatureFlags
ask(const struct vkh_gpu *gpu, VkFormat format, uint64_t modifier, VkImageCreateFlags flags)
{
    VkPhysicalDeviceImageDrmFormatModifierInfoEXT in = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
        .drmFormatModifier = modifier,
    };
    VkPhysicalDeviceExternalImageFormatInfo external = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
        .pNext = &in,
        .handleType = DMA_BUF,
    };
    VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .pNext = &external,
        .format = format,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
        .usage = USAGE,
        .flags = flags,
    };
    VkExternalImageFormatProperties answer = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
    };
    VkImageFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
        .pNext = &answer,
    };
    VkResult result =
        vkGetPhysicalDeviceImageFormatProperties2(gpu->physical_device, &info, &properties);
    return result == VK_SUCCESS ? answer.externalMemoryProperties.externalMemoryFeatures : 0;
}

/* --- images --- */

static VkResult
create_image(const struct vkh_gpu *gpu, const struct picture_format *format, const void *modifiers,
             VkImageCreateFlags flags, VkImage *out)
{
    VkExternalMemoryImageCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
        .pNext = modifiers,
        .handleTypes = DMA_BUF,
    };
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = &external,
        .flags = flags,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = format->format,
        .extent = {PICTURE_WIDTH, PICTURE_HEIGHT, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
        .usage = USAGE,
    };
    return vkCreateImage(gpu->device, &info, NULL, out);
}

static VkResult
create_laid_out(const struct vkh_gpu *gpu, const struct picture_format *format,
                const struct picture_layout *layout, VkImageCreateFlags flags, VkImage *out)
{
    VkSubresourceLayout planes[MEMORY_MAX_PLANES];
    for (uint32_t i = 0; i < layout->planes; i++) {
        planes[i] = (VkSubresourceLayout){.offset = layout->at[i].offset,
                                          .rowPitch = layout->at[i].rowPitch};
    }
    VkImageDrmFormatModifierExplicitCreateInfoEXT explicit = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
        .drmFormatModifier = layout->modifier,
        .drmFormatModifierPlaneCount = layout->planes,
        .pPlaneLayouts = planes,
    };
    return create_image(gpu, format, &explicit, flags, out);
}

static VkImageAspectFlagBits
memory_aspect(uint32_t plane)
{
    static const VkImageAspectFlagBits aspects[MEMORY_MAX_PLANES] = {
        VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT, VK_IMAGE_ASPECT_MEMORY_PLANE_1_BIT_EXT,
        VK_IMAGE_ASPECT_MEMORY_PLANE_2_BIT_EXT, VK_IMAGE_ASPECT_MEMORY_PLANE_3_BIT_EXT};
    return aspects[plane];
}

static uint32_t
count_planes(const VkDrmFormatModifierPropertiesEXT *list, uint32_t count, uint64_t modifier)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].drmFormatModifier == modifier) {
            return list[i].drmFormatModifierPlaneCount;
        }
    }
    vkh_die("the image has modifier %#llx, which is not of its format",
            (unsigned long long)modifier);
}

static void
read_layout(const struct vkh_gpu *gpu, VkImage image, const VkDrmFormatModifierPropertiesEXT *list,
            uint32_t count, struct picture_layout *out)
{
    VkImageDrmFormatModifierPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT,
    };
    VKH_CHECK(vkGetImageDrmFormatModifierPropertiesEXT(gpu->device, image, &properties));
    out->modifier = properties.drmFormatModifier;
    out->planes = count_planes(list, count, out->modifier);
    for (uint32_t i = 0; i < out->planes; i++) {
        VkImageSubresource plane = {.aspectMask = memory_aspect(i)};
        vkGetImageSubresourceLayout(gpu->device, image, &plane, &out->at[i]);
    }
}

/* --- memory --- */

/* Of one plane, or of the whole image if that is UINT32_MAX. */
static VkMemoryRequirements
ask_requirements(const struct vkh_gpu *gpu, VkImage image, uint32_t plane, bool *dedicated)
{
    VkImagePlaneMemoryRequirementsInfo of_plane = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_PLANE_MEMORY_REQUIREMENTS_INFO,
        .planeAspect = plane == UINT32_MAX ? 0 : memory_aspect(plane),
    };
    VkImageMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
        .pNext = plane == UINT32_MAX ? NULL : &of_plane,
        .image = image,
    };
    VkMemoryDedicatedRequirements wishes = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS,
    };
    VkMemoryRequirements2 requirements = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
        .pNext = &wishes,
    };
    vkGetImageMemoryRequirements2(gpu->device, &info, &requirements);
    *dedicated = wishes.prefersDedicatedAllocation || wishes.requiresDedicatedAllocation;
    return requirements.memoryRequirements;
}

/* The memory types that a dma-buf can be imported as. */
static uint32_t
types_of(const struct vkh_gpu *gpu, int fd)
{
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    VKH_CHECK(vkGetMemoryFdPropertiesKHR(gpu->device, DMA_BUF, fd, &properties));
    return properties.memoryTypeBits;
}

/* Exportable, or of the descriptor if that is not -1, which stays the caller's. */
static VkDeviceMemory
allocate(const struct vkh_gpu *gpu, VkImage image, uint32_t plane, int fd)
{
    bool dedicated;
    VkMemoryRequirements requirements = ask_requirements(gpu, image, plane, &dedicated);
    uint32_t types = requirements.memoryTypeBits & (fd >= 0 ? types_of(gpu, fd) : UINT32_MAX);
    VkMemoryDedicatedAllocateInfo for_image = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .image = image,
    };
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .pNext = dedicated ? &for_image : NULL,
        .handleTypes = DMA_BUF,
    };
    VkImportMemoryFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .pNext = dedicated ? &for_image : NULL,
        .handleType = DMA_BUF,
        .fd = fd >= 0 ? base_fd_duplicate(fd) : -1,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = fd >= 0 ? (void *)&import : &export,
        .allocationSize = requirements.size,
        .memoryTypeIndex = vkh_memory_type(gpu, types, 0, 0),
    };
    VkDeviceMemory memory;
    if (info.memoryTypeIndex == UINT32_MAX) {
        vkh_die("no memory type has both the image (%#x) and the dma-buf (%#x)",
                requirements.memoryTypeBits, fd >= 0 ? types_of(gpu, fd) : 0);
    }
    VKH_CHECK(vkAllocateMemory(gpu->device, &info, NULL, &memory));
    return memory;
}

/* `fds`: one for each plane if the image is disjoint, one otherwise; NULL: new memory. */
static void
bind(const struct vkh_gpu *gpu, struct shared *shared, bool disjoint, const int *fds)
{
    VkBindImagePlaneMemoryInfo planes[PICTURE_MAX_PLANES];
    VkBindImageMemoryInfo binds[PICTURE_MAX_PLANES];
    uint32_t count = disjoint ? shared->format->planes : 1;
    for (uint32_t i = 0; i < count; i++) {
        shared->memories[i] =
            allocate(gpu, shared->image, disjoint ? i : UINT32_MAX, fds ? fds[i] : -1);
        planes[i] = (VkBindImagePlaneMemoryInfo){
            .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_PLANE_MEMORY_INFO,
            .planeAspect = memory_aspect(i),
        };
        binds[i] = (VkBindImageMemoryInfo){
            .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_INFO,
            .pNext = disjoint ? &planes[i] : NULL,
            .image = shared->image,
            .memory = shared->memories[i],
        };
    }
    VKH_CHECK(vkBindImageMemory2(gpu->device, count, binds));
}

static void
destroy(const struct vkh_gpu *gpu, struct shared *shared)
{
    vkDestroyImage(gpu->device, shared->image, NULL);
    for (uint32_t i = 0; i < PICTURE_MAX_PLANES; i++) {
        vkFreeMemory(gpu->device, shared->memories[i], NULL);
    }
}

static int export(const struct vkh_gpu *gpu, VkDeviceMemory memory)
{
    VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = memory,
        .handleType = DMA_BUF,
    };
    int fd = -1;
    VKH_CHECK(vkGetMemoryFdKHR(gpu->device, &info, &fd));
    return fd;
}

static uint8_t *
map_file(int fd, size_t *size)
{
    off_t end = lseek(fd, 0, SEEK_END);
    *size = end > 0 ? (size_t)end : 0;
    uint8_t *map = *size > 0 ? base_fd_map(fd, *size) : NULL;
    if (!map) {
        vkh_die("a dma-buf of %lld bytes cannot be mapped", (long long)end);
    }
    return map;
}

/* --- exporting --- */

static bool
file_shows(const struct shared *shared, int fd, uint32_t seed)
{
    size_t size;
    uint8_t *map = map_file(fd, &size);
    bool same = true;
    for (uint32_t i = 0; i < shared->format->planes; i++) {
        same = same && picture_is_drawn(shared->format, i, seed, &shared->layout.at[i], map);
    }
    base_fd_unmap(map, size);
    return same;
}

/* Another image of the same memory, as another process would make it of what it is told. */
static bool
import_shows(const struct vkh_gpu *gpu, const struct shared *given, int fd)
{
    struct shared again = {.format = given->format, .layout = given->layout};
    VKH_CHECK(create_laid_out(gpu, again.format, &again.layout, 0, &again.image));
    bind(gpu, &again, false, &fd);
    bool same = picture_is_in(gpu, again.format, again.image, FIRST_SEED);
    picture_copy_in(gpu, again.format, again.image, SECOND_SEED, false);
    destroy(gpu, &again);
    return same;
}

/* `created`, whose layout is known, gets memory that leaves. */
static void
check_export(const struct vkh_gpu *gpu, struct shared *shared, const char *what)
{
    bind(gpu, shared, false, NULL);
    picture_copy_in(gpu, shared->format, shared->image, FIRST_SEED, true);
    int fd = export(gpu, shared->memories[0]);
    bool right = picture_is_in(gpu, shared->format, shared->image, FIRST_SEED) &&
                 file_shows(shared, fd, FIRST_SEED) && import_shows(gpu, shared, fd) &&
                 picture_is_in(gpu, shared->format, shared->image, SECOND_SEED);
    report(shared->format, what, right);
    base_fd_close(&fd);
}

static void
check_list(const struct vkh_gpu *gpu, const struct picture_format *format,
           const VkDrmFormatModifierPropertiesEXT *list, uint32_t count)
{
    uint64_t modifiers[MAX_MODIFIERS];
    VkImageDrmFormatModifierListCreateInfoEXT choice = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
        .pDrmFormatModifiers = modifiers,
    };
    for (uint32_t i = 0; i < count; i++) {
        if (ask(gpu, format->format, list[i].drmFormatModifier, 0) &
            VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT) {
            modifiers[choice.drmFormatModifierCount++] = list[i].drmFormatModifier;
        }
    }
    if (choice.drmFormatModifierCount == 0) {
        report(format, "exported in any modifier", false);
        return;
    }
    struct shared shared = {.format = format};
    VKH_CHECK(create_image(gpu, format, &choice, 0, &shared.image));
    read_layout(gpu, shared.image, list, count, &shared.layout);
    check_export(gpu, &shared, "exported in a modifier of several");
    destroy(gpu, &shared);

    /* Memory may come and go while the image stays, and stay when that goes. */
    VKH_CHECK(create_image(gpu, format, &choice, 0, &shared.image));
    vkFreeMemory(gpu->device, allocate(gpu, shared.image, UINT32_MAX, -1), NULL);
    VkDeviceMemory left = allocate(gpu, shared.image, UINT32_MAX, -1);
    vkDestroyImage(gpu->device, shared.image, NULL);
    int fd = export(gpu, left);
    vkFreeMemory(gpu->device, left, NULL);
    report(format, "memory without its image", lseek(fd, 0, SEEK_END) > 0);
    base_fd_close(&fd);
}

/* --- what others have laid out --- */

static struct picture_layout
lay_out(const struct picture_format *format, uint64_t modifier, uint32_t planes)
{
    struct picture_layout layout = {.modifier = modifier, .planes = planes};
    VkDeviceSize offset = FIRST_PLANE;
    for (uint32_t i = 0; i < format->planes; i++) {
        layout.at[i].offset = offset;
        layout.at[i].rowPitch = i > 0 && format->planes == 3 ? ROW_PITCH / 2 : ROW_PITCH;
        layout.at[i].size = layout.at[i].rowPitch * picture_plane_extent(i).height;
        offset += (layout.at[i].size / PLANE_GAP + 2) * PLANE_GAP;
    }
    for (uint32_t i = format->planes; i < planes; i++) { /* metadata, in front */
        layout.at[i] = (VkSubresourceLayout){.rowPitch = 64};
    }
    return layout;
}

static int
create_file(uint8_t **map)
{
    int fd = memfd_create("modifiers", MFD_CLOEXEC);
    size_t size;
    if (fd < 0 || ftruncate(fd, FILE_SIZE) != 0) {
        vkh_die("no memfd");
    }
    *map = map_file(fd, &size);
    memset(*map, BACKGROUND, FILE_SIZE);
    return fd;
}

/* Nothing but the planes was touched. */
static bool
background_is_left(const struct shared *shared, const uint8_t *map)
{
    for (size_t at = 0; at < FILE_SIZE; at++) {
        bool in_plane = false;
        for (uint32_t i = 0; i < shared->format->planes; i++) {
            const VkSubresourceLayout *plane = &shared->layout.at[i];
            in_plane |= at >= plane->offset && at - plane->offset < plane->size;
        }
        if (!in_plane && map[at] != BACKGROUND) {
            return false;
        }
    }
    return true;
}

/* All planes in one file. `disjoint`: imported once for each of them. */
static void
check_import(const struct vkh_gpu *gpu, const struct picture_format *format,
             const VkDrmFormatModifierPropertiesEXT *modifier, bool disjoint)
{
    struct shared shared = {
        .format = format,
        .layout =
            lay_out(format, modifier->drmFormatModifier, modifier->drmFormatModifierPlaneCount),
    };
    uint8_t *map;
    int fd = create_file(&map);
    const int fds[PICTURE_MAX_PLANES] = {fd, fd, fd};
    bool right = true;
    for (uint32_t i = 0; i < format->planes; i++) {
        picture_draw(format, i, FIRST_SEED, &shared.layout.at[i], map);
    }
    VKH_CHECK(create_laid_out(gpu, format, &shared.layout,
                              disjoint ? VK_IMAGE_CREATE_DISJOINT_BIT : 0, &shared.image));
    bind(gpu, &shared, disjoint, fds);
    right = picture_is_in(gpu, format, shared.image, FIRST_SEED);
    picture_copy_in(gpu, format, shared.image, SECOND_SEED, false);
    for (uint32_t i = 0; i < format->planes; i++) {
        right = right && picture_is_drawn(format, i, SECOND_SEED, &shared.layout.at[i], map);
    }
    report(format, disjoint ? "imported plane by plane" : "imported",
           right && background_is_left(&shared, map));
    destroy(gpu, &shared);
    base_fd_unmap(map, FILE_SIZE);
    base_fd_close(&fd);
}

/* Each plane in a file of its own. */
static void
check_files(const struct vkh_gpu *gpu, const struct picture_format *format,
            const VkDrmFormatModifierPropertiesEXT *modifier)
{
    struct shared shared = {
        .format = format,
        .layout =
            lay_out(format, modifier->drmFormatModifier, modifier->drmFormatModifierPlaneCount),
    };
    uint8_t *maps[PICTURE_MAX_PLANES];
    int fds[PICTURE_MAX_PLANES];
    for (uint32_t i = 0; i < format->planes; i++) {
        fds[i] = create_file(&maps[i]);
        picture_draw(format, i, FIRST_SEED, &shared.layout.at[i], maps[i]);
    }
    VKH_CHECK(
        create_laid_out(gpu, format, &shared.layout, VK_IMAGE_CREATE_DISJOINT_BIT, &shared.image));
    bind(gpu, &shared, true, fds);
    bool right = picture_is_in(gpu, format, shared.image, FIRST_SEED);
    picture_copy_in(gpu, format, shared.image, SECOND_SEED, false);
    for (uint32_t i = 0; i < format->planes; i++) {
        right = right && picture_is_drawn(format, i, SECOND_SEED, &shared.layout.at[i], maps[i]);
    }
    report(format, "imported from a file for each plane", right);
    destroy(gpu, &shared);
    for (uint32_t i = 0; i < format->planes; i++) {
        base_fd_unmap(maps[i], FILE_SIZE);
        base_fd_close(&fds[i]);
    }
}

/* Rows that are too short for what is in them. */
static void
check_refusal(const struct vkh_gpu *gpu, const struct picture_format *format,
              const VkDrmFormatModifierPropertiesEXT *modifier)
{
    struct picture_layout layout =
        lay_out(format, modifier->drmFormatModifier, modifier->drmFormatModifierPlaneCount);
    VkImage image;
    layout.at[0].rowPitch = 16;
    VkResult result = create_laid_out(gpu, format, &layout, 0, &image);
    report(format, "a layout that the device refuses",
           result == VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT);
}

static void
check_modifier(const struct vkh_gpu *gpu, const struct picture_format *format,
               const VkDrmFormatModifierPropertiesEXT *modifier)
{
    struct shared given = {
        .format = format,
        .layout =
            lay_out(format, modifier->drmFormatModifier, modifier->drmFormatModifierPlaneCount),
    };
    check_import(gpu, format, modifier, false);
    check_refusal(gpu, format, modifier);
    VKH_CHECK(create_laid_out(gpu, format, &given.layout, 0, &given.image));
    check_export(gpu, &given, "exported in a layout of its own");
    destroy(gpu, &given);
}

static void
check_format(const struct vkh_gpu *gpu, const struct picture_format *format, bool disjoint)
{
    VkDrmFormatModifierPropertiesEXT list[MAX_MODIFIERS];
    uint32_t count = list_modifiers(gpu, format->format, list);
    if (count == 0) {
        report(format, "has modifiers", false);
        return;
    }
    if (!disjoint) {
        check_list(gpu, format, list, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].drmFormatModifier != TEST_MODIFIER_LINEAR &&
            list[i].drmFormatModifier != TEST_MODIFIER_METADATA) {
            continue; /* a processor cannot draw into others */
        }
        if (!disjoint) {
            check_modifier(gpu, format, &list[i]);
        } else if (format->planes > 1) {
            check_import(gpu, format, &list[i], true);
            check_files(gpu, format, &list[i]);
        }
    }
}

int
main(int argc, char **argv)
{
    bool disjoint = argc > 1 && strcmp(argv[1], "disjoint") == 0;
    static const char *const extensions[] = {
        VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
        VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
        VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME,
        VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME,
        NULL,
    };
    struct vkh_gpu gpu;
    vkh_gpu_open(&gpu, &(struct vkh_gpu_info){.program = "modifiers",
                                              .all_core_features = true,
                                              .extensions = extensions});
    if (!vkh_gpu_has_extension(&gpu, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME)) {
        vkh_die("the device has no modifiers");
    }
    for (size_t i = 0; i < picture_format_count; i++) {
        check_format(&gpu, &picture_formats[i], disjoint);
    }
    vkh_gpu_close(&gpu);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
