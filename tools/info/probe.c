/* One side's look at Vulkan: a line for each fact, its kind first, tabs between. */
#include "tools/info/info.h"

#include <stdlib.h>
#include <string.h>

#include "tools/info/features.h"
#include "tools/vkh/vkh.h"

static VkInstance
create_instance(void)
{
    uint32_t version;
    VKH_CHECK(vkEnumerateInstanceVersion(&version));
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "vesper info",
        .apiVersion = version,
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    VkInstance instance;
    VkResult result = vkCreateInstance(&info, NULL, &instance);
    if (result != VK_SUCCESS) {
        vkh_die("no Vulkan driver answers: vkCreateInstance: %s", vkh_result_name(result));
    }
    vkh_load_instance(instance);
    return instance;
}

static void
print_identity(FILE *out, VkPhysicalDevice device, uint32_t version)
{
    VkPhysicalDeviceIDProperties id = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
    };
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &id,
    };
    if (version >= VK_API_VERSION_1_2) {
        id.pNext = &driver;
    }
    vkGetPhysicalDeviceProperties2(device, &properties);
    fprintf(out, "device\t%s\n", properties.properties.deviceName);
    fprintf(out, "version\t%u\n", version);
    if (driver.driverName[0]) {
        fprintf(out, "driver\t%s, %s\n", driver.driverName, driver.driverInfo);
    } else {
        fprintf(out, "driver\tversion %#x\n", properties.properties.driverVersion);
    }
    fputs("uuid\t", out);
    for (size_t i = 0; i < VK_UUID_SIZE; i++) {
        fprintf(out, "%02x", id.deviceUUID[i]);
    }
    fputc('\n', out);
}

static void
print_memory(FILE *out, VkPhysicalDevice device)
{
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(device, &memory);
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
        const VkMemoryType *type = &memory.memoryTypes[i];
        fprintf(out, "memory\t%u\t%llu\n", type->propertyFlags,
                (unsigned long long)memory.memoryHeaps[type->heapIndex].size);
    }
}

static void
print_extensions(FILE *out, VkPhysicalDevice device, struct info_names *extensions)
{
    uint32_t count = 0;
    VKH_CHECK(vkEnumerateDeviceExtensionProperties(device, NULL, &count, NULL));
    VkExtensionProperties *list = calloc(count + 1, sizeof(*list));
    if (!list) {
        vkh_die("out of memory for %u extensions", count);
    }
    VKH_CHECK(vkEnumerateDeviceExtensionProperties(device, NULL, &count, list));
    for (uint32_t i = 0; i < count; i++) {
        info_names_add(extensions, list[i].extensionName);
        fprintf(out, "extension\t%s\n", list[i].extensionName);
    }
    free(list);
}

static bool
has_structure(const struct info_structure *structure, uint32_t version,
              const struct info_names *extensions)
{
    if (structure->core_version && version >= structure->core_version) {
        return true;
    }
    for (const char *const *name = structure->extensions; *name; name++) {
        if (info_names_have(extensions, *name)) {
            return true;
        }
    }
    return false;
}

/* One query a structure: each answer then fits one buffer, and no chain is too long for anybody. */
static void
print_structure(FILE *out, VkPhysicalDevice device, const struct info_structure *structure)
{
    VkBaseOutStructure *answer = calloc(1, structure->size);
    if (!answer) {
        vkh_die("out of memory for %zu bytes of %s", structure->size, structure->name);
    }
    answer->sType = structure->type;
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = answer,
    };
    /* The structure of Vulkan 1.0's features is itself what others are chained to. */
    bool is_first = structure->type == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    vkGetPhysicalDeviceFeatures2(device, is_first ? (void *)answer : &features);
    for (const struct info_member *member = structure->members; member->name; member++) {
        VkBool32 there;
        memcpy(&there, (const char *)answer + member->offset, sizeof(there));
        if (there) {
            fprintf(out, "feature\t%s.%s\n", structure->name, member->name);
        }
    }
    free(answer);
}

static void
print_device(FILE *out, VkPhysicalDevice device)
{
    VkPhysicalDeviceProperties properties;
    struct info_names extensions = {0};
    vkGetPhysicalDeviceProperties(device, &properties);
    if (properties.apiVersion < VK_API_VERSION_1_1) {
        return; /* not for the renderer either */
    }
    print_identity(out, device, properties.apiVersion);
    print_memory(out, device);
    print_extensions(out, device, &extensions);
    for (const struct info_structure *s = info_structures; s->name; s++) {
        if (has_structure(s, properties.apiVersion, &extensions)) {
            print_structure(out, device, s);
        }
    }
    info_names_finish(&extensions);
}

int
info_probe(FILE *out)
{
    VkPhysicalDevice devices[INFO_MAX_DEVICES];
    uint32_t count = BASE_COUNT_OF(devices);
    vkh_load();
    VkInstance instance = create_instance();
    VkResult result = vkEnumeratePhysicalDevices(instance, &count, devices);
    if (result < 0) {
        vkh_die("vkEnumeratePhysicalDevices: %s", vkh_result_name(result));
    }
    for (uint32_t i = 0; i < count; i++) {
        print_device(out, devices[i]);
    }
    vkDestroyInstance(instance, NULL);
    fputs("end\n", out);
    return fflush(out) == 0 ? 0 : 1;
}
