/* Which of the host's Vulkan drivers the server gets: one with a GPU, or else lavapipe. */
#include "tools/run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/vkh/vkh.h"

enum { MAX_FOUND = 64 };

/* What a probing child says by its exit status. */
enum probe_answer {
    PROBE_GPU = 0,
    PROBE_NO_GPU = 1,
};

struct manifests {
    char *paths[MAX_FOUND];
    size_t count;
};

/* ------------------------------------------------------------- installed drivers */

static void
add_folder(struct manifests *found, const char *base, size_t base_length)
{
    char folder[PATH_MAX];
    struct dirent **entries;
    snprintf(folder, sizeof(folder), "%.*s/vulkan/icd.d", (int)base_length, base);
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        const char *suffix = strrchr(name, '.');
        if (suffix && strcmp(suffix, ".json") == 0 && found->count < MAX_FOUND &&
            asprintf(&found->paths[found->count], "%s/%s", folder, name) >= 0) {
            found->count++;
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
}

/* Every folder of a colon-separated list. */
static void
add_folders(struct manifests *found, const char *list)
{
    while (*list) {
        size_t length = strcspn(list, ":");
        if (length) {
            add_folder(found, list, length);
        }
        list += length + (list[length] == ':');
    }
}

static const char *
variable_or(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* Looks where the Vulkan loader looks. */
static void
find_manifests(struct manifests *found)
{
    char home[PATH_MAX];
    snprintf(home, sizeof(home), "%s/.local/share", variable_or("HOME", ""));
    found->count = 0;
    add_folders(found, variable_or("XDG_CONFIG_DIRS", "/etc/xdg"));
    add_folders(found, "/etc");
    add_folders(found, variable_or("XDG_DATA_HOME", home));
    add_folders(found, variable_or("XDG_DATA_DIRS", "/usr/local/share:/usr/share"));
}

static void
finish_manifests(struct manifests *found)
{
    while (found->count) {
        free(found->paths[--found->count]);
    }
}

static bool
name_contains(const char *path, const char *word)
{
    return strstr(strrchr(path, '/') + 1, word) != NULL;
}

static bool
is_lavapipe(const char *path)
{
    return name_contains(path, "lvp");
}

/* Drivers of guests: asking them would lead back to ourselves. */
static bool
is_guest_driver(const char *path)
{
    return name_contains(path, "vesper") || name_contains(path, "virtio");
}

static bool
append_file(struct run_host_driver *out, const char *path)
{
    size_t used = strlen(out->files);
    size_t needed = strlen(path) + (used > 0) + 1;
    if (needed > sizeof(out->files) - used) {
        return false;
    }
    snprintf(out->files + used, sizeof(out->files) - used, "%s%s", used ? ":" : "", path);
    return true;
}

/* ------------------------------------------------------------------- probing */

void
run_host_driver_apply(const char *files)
{
    setenv("VK_DRIVER_FILES", files, 1);
    setenv("VK_ICD_FILENAMES", files, 1); /* for loaders before 1.3.207 */
    unsetenv("VK_ADD_DRIVER_FILES");
    unsetenv("VK_INSTANCE_LAYERS"); /* the application's, not the renderer's */
    unsetenv("VN_DEBUG");
    unsetenv("VTEST_SOCKET_NAME");
}

static bool
sees_gpu(void)
{
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .apiVersion = VK_API_VERSION_1_1,
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    VkInstance instance;
    VkPhysicalDevice devices[8];
    uint32_t count = BASE_COUNT_OF(devices);

    vkh_load();
    if (vkCreateInstance(&info, NULL, &instance) != VK_SUCCESS) {
        return false;
    }
    vkh_load_instance(instance);
    if (vkEnumeratePhysicalDevices(instance, &count, devices) < 0) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceProperties properties;
        vkGetPhysicalDeviceProperties(devices[i], &properties);
        if (properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU &&
            properties.apiVersion >= VK_API_VERSION_1_1) {
            return true;
        }
    }
    return false;
}

/* In a process of its own: a broken driver must not take us down. */
static pid_t
start_probe(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null_fd, STDOUT_FILENO);
        dup2(null_fd, STDERR_FILENO);
        run_host_driver_apply(path);
        _exit(sees_gpu() ? PROBE_GPU : PROBE_NO_GPU);
    }
    return pid;
}

/* A GPU that Vulkan drives has one of these; without them no driver needs to be asked. */
static bool
gpu_nodes_exist(void)
{
    glob_t nodes;
    bool found = glob("/dev/dri/renderD*", 0, NULL, &nodes) == 0;
    globfree(&nodes);
    return found || access("/dev/nvidiactl", F_OK) == 0 || access("/dev/dxg", F_OK) == 0 ||
           access("/dev/kgsl-3d0", F_OK) == 0 || access("/dev/mali0", F_OK) == 0;
}

/* Puts every driver that has a GPU into *out. They are asked side by side. */
static void
choose_gpus(const struct manifests *found, struct run_host_driver *out)
{
    pid_t probes[MAX_FOUND] = {0};
    for (size_t i = 0; i < found->count; i++) {
        if (!is_lavapipe(found->paths[i]) && !is_guest_driver(found->paths[i])) {
            probes[i] = start_probe(found->paths[i]);
        }
    }
    for (size_t i = 0; i < found->count; i++) {
        int status;
        if (probes[i] > 0 && waitpid(probes[i], &status, 0) == probes[i] && WIFEXITED(status) &&
            WEXITSTATUS(status) == PROBE_GPU) {
            append_file(out, found->paths[i]);
        }
    }
    out->reason = "it has a GPU";
}

/* -------------------------------------------------------------------- choice */

static bool
choose_lavapipe(const struct manifests *found, struct run_host_driver *out)
{
    for (size_t i = 0; i < found->count; i++) {
        /* One is enough, and the loader would show the same device twice. */
        if (is_lavapipe(found->paths[i])) {
            return append_file(out, found->paths[i]);
        }
    }
    return false;
}

static bool
choose_installed(struct run_host_driver *out)
{
    struct manifests found;
    find_manifests(&found);
    if (gpu_nodes_exist()) {
        choose_gpus(&found, out);
    }
    if (!out->files[0] && choose_lavapipe(&found, out)) {
        out->reason = "no driver has a GPU here";
    }
    finish_manifests(&found);
    if (!out->files[0]) {
        run_error(
            "no Vulkan driver on this host: install mesa-vulkan-drivers (it has lavapipe, which "
            "needs no GPU), or name one with --host-driver FILE.json");
        return false;
    }
    return true;
}

static bool
choose_forced_lavapipe(struct run_host_driver *out)
{
    struct manifests found;
    find_manifests(&found);
    bool ok = choose_lavapipe(&found, out);
    finish_manifests(&found);
    if (!ok) {
        run_error("--host-driver lavapipe: no lvp_icd*.json in the Vulkan driver folders; install "
                  "mesa-vulkan-drivers");
    }
    out->reason = "--host-driver says so";
    return ok;
}

static bool
choose_file(const char *path, struct run_host_driver *out)
{
    out->reason = "--host-driver says so";
    if (access(path, R_OK) != 0 || !realpath(path, out->files)) {
        run_error(
            "--host-driver %s: %s; give a driver's JSON file (as in /usr/share/vulkan/icd.d) or "
            "the word lavapipe",
            path, strerror(errno));
        return false;
    }
    return true;
}

static bool
choose_from_environment(const char *files, struct run_host_driver *out)
{
    out->reason = "VK_DRIVER_FILES or VK_ICD_FILENAMES says so";
    if (!append_file(out, files)) {
        run_error("VK_DRIVER_FILES has %zu bytes, at most %d are handled: shorten it, or use "
                  "--host-driver FILE.json",
                  strlen(files), RUN_DRIVERS_MAX - 1);
        return false;
    }
    return true;
}

bool
run_host_driver_choose(const struct run_options *options, struct run_host_driver *out)
{
    out->files[0] = '\0';
    if (options->host_driver && strcmp(options->host_driver, "lavapipe") == 0) {
        return choose_forced_lavapipe(out);
    }
    if (options->host_driver) {
        return choose_file(options->host_driver, out);
    }
    const char *files = variable_or("VK_DRIVER_FILES", variable_or("VK_ICD_FILENAMES", NULL));
    if (files) {
        return choose_from_environment(files, out);
    }
    return choose_installed(out);
}
