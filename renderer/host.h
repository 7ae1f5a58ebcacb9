/* The host's Vulkan: found and loaded once a process, kept until its end (drivers do not like to be
 * unloaded). VESPER_HOST_DRIVER names a driver to use directly; otherwise libvulkan.so.1 chooses,
 * by its own environment. Any thread may call. */
#ifndef RND_HOST_H
#define RND_HOST_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct rnd_host {
    PFN_vkGetInstanceProcAddr get_instance_proc_addr;
    PFN_vkCreateInstance create_instance;
    PFN_vkEnumerateInstanceVersion enumerate_instance_version; /* NULL on Vulkan 1.0 */
    bool has_debug_utils;
};

/* NULL: there is none; the reason has been logged. */
BASE_MUST_CHECK const struct rnd_host *rnd_host_get(void);

/* Whether guests can use it at all: Vulkan 1.1. A loader of 1.1 or newer passes on what it is too
 * old to know, so what the guest is told of the instance's version does not depend on the host's.
 */
bool rnd_host_is_usable(const struct rnd_host *host);
/* Caps a version to what the protocol speaks, keeping its patch number. */
uint32_t rnd_cap_version(uint32_t version);

#endif
