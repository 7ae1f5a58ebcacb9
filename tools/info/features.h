/* Vulkan's feature structures, generated from the registry. */
#ifndef INFO_FEATURES_H
#define INFO_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#include <vulkan/vulkan_core.h>

struct info_member {
    const char *name; /* NULL ends the list */
    size_t offset;    /* of a VkBool32 */
};

struct info_structure {
    const char *name; /* NULL ends the list */
    VkStructureType type;
    size_t size;
    uint32_t core_version;         /* that brings it; 0: only extensions do */
    const char *const *extensions; /* that bring it; ends with NULL */
    const struct info_member *members;
};

extern const struct info_structure info_structures[];

#endif
