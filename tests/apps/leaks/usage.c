#include "tests/apps/leaks/usage.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vkh/vkh.h"

/* A worker may end while we look at it, like that of an earlier connection: it has nothing then. */
static uint32_t
count_descriptors(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (!folder) {
        return 0;
    }
    uint32_t count = 0;
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count;
}

static int64_t
resident_kib(pid_t pid)
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) {
        return 0;
    }
    long long anonymous = 0, shared = 0;
    while (fgets(line, sizeof(line), file)) {
        sscanf(line, "RssAnon: %lld", &anonymous);
        sscanf(line, "RssShmem: %lld", &shared);
    }
    fclose(file);
    return anonymous + shared;
}

static struct usage
usage_of(pid_t pid)
{
    return (struct usage){count_descriptors(pid), resident_kib(pid)};
}

struct usage
usage_of_client(void)
{
    return usage_of(getpid());
}

/* The parent of a process that is a vesper-server or one of its workers; 0 for any other process.
 */
static pid_t
parent_of_server(pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) {
        return 0; /* it has just ended */
    }
    bool read = fgets(line, sizeof(line), file);
    fclose(file);
    const char *name = read ? strchr(line, '(') : NULL;
    const char *behind = read ? strrchr(line, ')') : NULL;
    int parent = 0;
    if (!name || !behind || strncmp(name + 1, "vesper-", 7) != 0 ||
        sscanf(behind + 1, " %*c %d", &parent) != 1) {
        return 0;
    }
    return parent;
}

struct usage
usage_of_server(void)
{
    struct usage sum = {0, 0};
    DIR *folder = opendir("/proc");
    if (!folder) {
        vkh_die("cannot open /proc");
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        pid_t pid = atoi(entry->d_name);
        pid_t parent = pid > 0 ? parent_of_server(pid) : 0;
        if (parent == 0 || (parent != getppid() && parent_of_server(parent) != getppid())) {
            continue;
        }
        struct usage one = usage_of(pid);
        sum.descriptors += one.descriptors;
        sum.memory_kib += one.memory_kib;
    }
    closedir(folder);
    return sum;
}
