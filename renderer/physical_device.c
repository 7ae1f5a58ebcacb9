#include "renderer/physical_device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "protocol/proto_extensions.h"
#include "renderer/findings.h"
#include "renderer/gbm_allocator.h"
#include "renderer/memory_probe.h"

static bool
guest_knows(const struct rnd_instance *instance, const struct proto_extension *extension)
{
    uint32_t word = extension->number / 32;
    return !extension->is_private ||
           (word < WIRE_CAPSET_EXTENSION_WORDS &&
            (instance->private_extensions[word] >> (extension->number % 32) & 1));
}

static const char *
reason_to_hold_back(const struct rnd_instance *instance, const struct proto_extension *extension)
{
    if (!guest_knows(instance, extension)) {
        return "only Vesper's own halves carry it, and the guest's driver does not know it";
    }
    if (extension->is_instance) {
        return "it is an instance extension";
    }
    if (!instance->host->has_debug_utils &&
        strcmp(extension->name, VK_EXT_DEVICE_ADDRESS_BINDING_REPORT_EXTENSION_NAME) == 0) {
        return "the host lacks VK_EXT_debug_utils, by which it reports";
    }
    return extension->guest_reason;
}

static VkResult
list_host_extensions(const struct rnd_instance *instance, VkPhysicalDevice handle,
                     VkExtensionProperties **out, uint32_t *count)
{
    PFN_vkEnumerateDeviceExtensionProperties enumerate =
        instance->table.EnumerateDeviceExtensionProperties;
    VkResult result = enumerate(handle, NULL, count, NULL);
    if (result != VK_SUCCESS) {
        return result;
    }
    *out = calloc((size_t)*count + 1, sizeof(**out)); /* with room for one of ours */
    if (!*out) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    result = enumerate(handle, NULL, count, *out);
    if (result < 0) {
        free(*out);
        *out = NULL;
    }
    return result < 0 ? result : VK_SUCCESS;
}

static bool
contains(const VkExtensionProperties *list, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(list[i].extensionName, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Narrows the host's list, in place, to what the guest may enable. */
static uint32_t
filter_extensions(const struct rnd_instance *instance, VkExtensionProperties *list, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_extension *known = proto_extension_find(list[i].extensionName);
        const char *reason =
            known ? reason_to_hold_back(instance, known) : "the protocol does not carry it";
        if (reason) {
            base_log_debug("%s is held back: %s", list[i].extensionName, reason);
            continue;
        }
        list[kept] = list[i];
        if (list[kept].specVersion > known->spec_version) {
            list[kept].specVersion = known->spec_version;
        }
        kept++;
    }
    return kept;
}

/* Guests' drivers ask for it before they import a signalled sync file, and Mesa's shows Vulkan 1.3
 * and swapchains only then. */
static uint32_t
add_what_we_stand_in_for(const struct rnd_physical_device *device, VkExtensionProperties *list,
                         uint32_t count)
{
    if (!device->has_external_semaphore_fd) {
        snprintf(list[count].extensionName, sizeof(list[count].extensionName), "%s",
                 VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME);
        list[count++].specVersion = VK_KHR_EXTERNAL_SEMAPHORE_FD_SPEC_VERSION;
    }
    return count;
}

static bool
load_queue_families(struct rnd_physical_device *device)
{
    const struct rnd_instance_table *table = &device->instance->table;
    uint32_t count = 0;
    table->GetPhysicalDeviceQueueFamilyProperties(device->handle, &count, NULL);
    device->queue_families = calloc(count ? count : 1, sizeof(*device->queue_families));
    if (!device->queue_families) {
        base_log_error("\"%s\" is not shown to guests: out of memory",
                       device->properties.deviceName);
        return false;
    }
    table->GetPhysicalDeviceQueueFamilyProperties(device->handle, &count, device->queue_families);
    device->queue_family_count = count;
    return true;
}

static uint64_t
query_import_alignment(const struct rnd_physical_device *device)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    if (!device->has_external_memory_host) {
        return page;
    }
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &host,
    };
    device->instance->table.GetPhysicalDeviceProperties2(device->handle, &properties);
    return host.minImportedHostPointerAlignment > page ? host.minImportedHostPointerAlignment
                                                       : page;
}

static size_t
greatest(const size_t *values, size_t count)
{
    size_t result = 0;
    for (size_t i = 0; i < count; i++) {
        result = values[i] > result ? values[i] : result;
    }
    return result;
}

/* Samplers with conversions count for as many descriptors as their format has planes. */
static size_t
query_largest_descriptor(const struct rnd_physical_device *device)
{
    enum { MAX_PLANES = 4 };
    VkPhysicalDeviceDescriptorBufferPropertiesEXT buffer = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_BUFFER_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &buffer,
    };
    device->instance->table.GetPhysicalDeviceProperties2(device->handle, &properties);
    const size_t sizes[] = {
        buffer.samplerDescriptorSize,
        buffer.combinedImageSamplerDescriptorSize,
        buffer.sampledImageDescriptorSize,
        buffer.storageImageDescriptorSize,
        buffer.uniformTexelBufferDescriptorSize,
        buffer.robustUniformTexelBufferDescriptorSize,
        buffer.storageTexelBufferDescriptorSize,
        buffer.robustStorageTexelBufferDescriptorSize,
        buffer.uniformBufferDescriptorSize,
        buffer.robustUniformBufferDescriptorSize,
        buffer.storageBufferDescriptorSize,
        buffer.robustStorageBufferDescriptorSize,
        buffer.inputAttachmentDescriptorSize,
        buffer.accelerationStructureDescriptorSize,
    };
    return MAX_PLANES * greatest(sizes, BASE_COUNT_OF(sizes));
}

/* Opaque descriptors help nobody here: only the driver that made one may say what is in it. */
static void
explain_no_memory(const struct rnd_physical_device *device,
                  const struct rnd_memory_abilities *abilities, uint32_t type_count)
{
    base_log_warn(
        "\"%s\" is not shown to guests: none of its %u memory types is HOST_COHERENT and can be "
        "shared with them, neither by importing a memfd's pages (%s: types %#x) nor by dma-bufs "
        "that can be mapped, its own or libgbm's (%s: types %#x)",
        device->properties.deviceName, type_count,
        device->has_external_memory_host ? "VK_EXT_external_memory_host was tried"
                                         : "it lacks VK_EXT_external_memory_host",
        abilities->imports_pages,
        device->has_dma_bufs ? "VK_EXT_external_memory_dma_buf was tried"
                             : "it lacks VK_EXT_external_memory_dma_buf",
        abilities->shares_dma_bufs);
}

/* The device's own render node, by the name that udev gives it; "" if it does not say. */
static void
find_render_node(const struct rnd_physical_device *device, char *out, size_t size)
{
    VkPhysicalDeviceDrmPropertiesEXT drm = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &drm,
    };
    out[0] = '\0';
    if (device->has_drm_properties) {
        device->instance->table.GetPhysicalDeviceProperties2(device->handle, &properties);
    }
    if (drm.hasRender) {
        snprintf(out, size, "/dev/dri/renderD%" PRId64, drm.renderMinor);
    }
}

static void
make_finding_key(const struct rnd_physical_device *device, const char *node,
                 const VkPhysicalDeviceMemoryProperties *host, struct rnd_finding_key *out)
{
    VkPhysicalDeviceIDProperties ids = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &ids,
    };
    device->instance->table.GetPhysicalDeviceProperties2(device->handle, &properties);

    memset(out, 0, sizeof(*out));
    memcpy(out->device_uuid, ids.deviceUUID, sizeof(out->device_uuid));
    memcpy(out->driver_uuid, ids.driverUUID, sizeof(out->driver_uuid));
    out->vendor = device->properties.vendorID;
    out->device = device->properties.deviceID;
    out->api_version = device->properties.apiVersion;
    out->driver_version = device->properties.driverVersion;
    snprintf(out->name, sizeof(out->name), "%s", device->properties.deviceName);
    out->import_alignment = device->import_alignment;
    out->has_external_memory_host = device->has_external_memory_host;
    out->has_external_memory_fd = device->has_external_memory_fd;
    out->has_dma_bufs = device->has_dma_bufs;
    snprintf(out->gbm_node, sizeof(out->gbm_node), "%s", node);
    out->type_count = host->memoryTypeCount;
    for (uint32_t i = 0; i < host->memoryTypeCount && i < VK_MAX_MEMORY_TYPES; i++) {
        out->type_flags[i] = host->memoryTypes[i].propertyFlags;
    }
}

/* The host's types that are worth to be mapped in copies too. What lies in memory of the host's own
 * may go into none that we share; only images that the host copies are mapped without being linear
 * (external.c). Nobody but a driver of ours keeps copies. */
static uint32_t
types_for_copies(const struct rnd_physical_device *device,
                 const VkPhysicalDeviceMemoryProperties *host,
                 const struct rnd_memory_abilities *abilities)
{
    const VkMemoryPropertyFlags mappable =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const struct proto_extension *copies = proto_extension_find("VK_VESPER_copied_memory");
    uint32_t shared = abilities->imports_pages | abilities->shares_dma_bufs, types = 0;
    bool all_shared = true;
    for (uint32_t i = 0; i < host->memoryTypeCount && i < VK_MAX_MEMORY_TYPES; i++) {
        bool maps = (host->memoryTypes[i].propertyFlags & mappable) == mappable;
        all_shared &= shared >> i & 1;
        types |= maps ? UINT32_C(1) << i : 0;
    }
    bool wanted = copies && guest_knows(device->instance, copies) && device->has_host_image_copy;
    return wanted && !all_shared ? types : 0;
}

/* With dma-bufs from `node`, or without libgbm if that is "". */
static bool
try_memory_types(struct rnd_physical_device *device, const char *node,
                 const VkPhysicalDeviceMemoryProperties *host,
                 struct rnd_memory_abilities *abilities)
{
    if (node[0] && !(device->gbm = rnd_gbm_create(node))) {
        return false;
    }
    struct rnd_finding_key key;
    make_finding_key(device, node, host, &key);
    if (!rnd_findings_look_up(&key, abilities)) {
        rnd_memory_probe(device, host, abilities);
    }
    if (rnd_memory_types_build(&device->memory_types, host,
                               &(struct rnd_memory_abilities){
                                   .imports_pages = abilities->imports_pages,
                                   .shares_dma_bufs = abilities->shares_dma_bufs,
                                   .descriptors = abilities->descriptors,
                                   .copies = types_for_copies(device, host, abilities),
                               })) {
        if (device->instance->adds_findings) {
            rnd_findings_add(&key, abilities);
        }
        return true;
    }
    rnd_gbm_destroy(device->gbm);
    device->gbm = NULL;
    return false;
}

/* libgbm comes first where somebody asks for it, and last where nobody does: what the host can do
 * by itself needs no second driver. */
static bool
choose_memory_types(struct rnd_physical_device *device,
                    const VkPhysicalDeviceMemoryProperties *host,
                    struct rnd_memory_abilities *abilities)
{
    const char *asked = getenv("VESPER_GBM");
    char own[64] = "";
    if (device->has_dma_bufs && asked && asked[0]) {
        if (try_memory_types(device, asked, host, abilities)) {
            return true;
        }
        base_log_warn("\"%s\" gets no memory from %s, which VESPER_GBM names; going on without",
                      device->properties.deviceName, asked);
    }
    if (try_memory_types(device, "", host, abilities)) {
        return true;
    }
    if (device->has_dma_bufs) {
        find_render_node(device, own, sizeof(own));
    }
    return own[0] && try_memory_types(device, own, host, abilities);
}

static bool
build_memory_types(struct rnd_physical_device *device)
{
    VkPhysicalDeviceMemoryProperties host;
    struct rnd_memory_abilities abilities;
    device->instance->table.GetPhysicalDeviceMemoryProperties(device->handle, &host);
    if (!choose_memory_types(device, &host, &abilities)) {
        explain_no_memory(device, &abilities, host.memoryTypeCount);
        return false;
    }
    for (uint32_t i = 0; i < device->memory_types.guest.memoryTypeCount; i++) {
        base_log_debug("\"%s\" memory type %u: flags %#x, host type %u, %s",
                       device->properties.deviceName, i,
                       device->memory_types.guest.memoryTypes[i].propertyFlags,
                       device->memory_types.types[i].host_index,
                       device->gbm && device->memory_types.types[i].backing == RND_BACKING_DMA_BUF
                           ? "dma-buf of libgbm"
                           : rnd_backing_name(device->memory_types.types[i].backing));
    }
    return true;
}

static bool
imports_sync_files(const struct rnd_physical_device *device)
{
    const VkPhysicalDeviceExternalSemaphoreInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO,
        .handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    VkExternalSemaphoreProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES,
    };
    device->instance->table.GetPhysicalDeviceExternalSemaphoreProperties(device->handle, &info,
                                                                         &properties);
    return properties.externalSemaphoreFeatures & VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
}

static bool
exports_sync_files(const struct rnd_physical_device *device)
{
    const VkPhysicalDeviceExternalFenceInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_FENCE_INFO,
        .handleType = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    VkExternalFenceProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_FENCE_PROPERTIES,
    };
    device->instance->table.GetPhysicalDeviceExternalFenceProperties(device->handle, &info,
                                                                     &properties);
    return properties.externalFenceFeatures & VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT;
}

static void
note_host_extensions(struct rnd_physical_device *device, uint32_t count)
{
    const VkExtensionProperties *list = device->extensions;
    device->has_external_memory_host =
        contains(list, count, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    device->has_external_memory_fd =
        contains(list, count, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);
    device->has_dma_bufs = device->has_external_memory_fd &&
                           contains(list, count, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
    device->has_drm_properties = contains(list, count, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME);
    device->has_external_fence_fd = contains(list, count, VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME);
    device->exports_sync_files = device->has_external_fence_fd && exports_sync_files(device);
    device->has_external_semaphore_fd =
        contains(list, count, VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME);
    device->imports_sync_files = device->has_external_semaphore_fd && imports_sync_files(device);
    device->has_host_image_copy = device->properties.apiVersion >= VK_API_VERSION_1_4 ||
                                  contains(list, count, VK_EXT_HOST_IMAGE_COPY_EXTENSION_NAME);
    device->has_deferred_operations =
        contains(list, count, VK_KHR_DEFERRED_HOST_OPERATIONS_EXTENSION_NAME);
}

/* Fills a device whose handle and properties are set. */
static bool
device_init(struct rnd_physical_device *device)
{
    const char *name = device->properties.deviceName;
    if (device->properties.apiVersion < VK_API_VERSION_1_1) {
        base_log_warn("\"%s\" is not shown to guests: it has Vulkan 1.0, 1.1 is needed", name);
        return false;
    }
    uint32_t count;
    VkResult result =
        list_host_extensions(device->instance, device->handle, &device->extensions, &count);
    if (result != VK_SUCCESS) {
        base_log_warn("\"%s\" is not shown to guests: listing its extensions failed with %d (%s)",
                      name, result,
                      result == VK_ERROR_OUT_OF_HOST_MEMORY ? "out of memory" : "by the host");
        return false;
    }
    note_host_extensions(device, count);
    device->import_alignment = query_import_alignment(device);
    if (contains(device->extensions, count, VK_EXT_DESCRIPTOR_BUFFER_EXTENSION_NAME)) {
        device->largest_descriptor = query_largest_descriptor(device);
    }
    count = filter_extensions(device->instance, device->extensions, count);
    device->extension_count = add_what_we_stand_in_for(device, device->extensions, count);
    return load_queue_families(device) && build_memory_types(device);
}

static void
release(struct rnd_object *object)
{
    rnd_physical_device_free((struct rnd_physical_device *)object);
}

struct rnd_physical_device *
rnd_physical_device_create(struct rnd_instance *instance, VkPhysicalDevice handle)
{
    struct rnd_physical_device *device = calloc(1, sizeof(*device));
    if (!device) {
        base_log_error("a physical device is not shown to guests: out of memory");
        return NULL;
    }
    device->object.handle = RND_HANDLE(handle);
    device->object.release = release;
    device->handle = handle;
    device->instance = instance;
    instance->table.GetPhysicalDeviceProperties(handle, &device->properties);
    device->properties.apiVersion = rnd_cap_version(device->properties.apiVersion);
    if (!device_init(device)) {
        rnd_physical_device_free(device);
        return NULL;
    }
    return device;
}

void
rnd_physical_device_free(struct rnd_physical_device *device)
{
    rnd_gbm_destroy(device->gbm);
    free(device->extensions);
    free(device->queue_families);
    free(device);
}

bool
rnd_physical_device_offers(const struct rnd_physical_device *device, const char *extension)
{
    return contains(device->extensions, device->extension_count, extension);
}
