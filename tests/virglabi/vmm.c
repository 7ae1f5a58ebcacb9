#include "tests/virglabi/vmm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t
vmm_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- callbacks --- */

static void
note_retired(struct vmm *vmm, struct vmm_retired retired)
{
    retired.own_thread = pthread_equal(pthread_self(), vmm->thread);
    pthread_mutex_lock(&vmm->lock);
    if (vmm->retired_count == vmm->retired_capacity) {
        vmm->retired_capacity = vmm->retired_capacity ? 2 * vmm->retired_capacity : 64;
        vmm->retired = realloc(vmm->retired, vmm->retired_capacity * sizeof(vmm->retired[0]));
        if (!vmm->retired) {
            abort();
        }
    }
    vmm->retired[vmm->retired_count++] = retired;
    pthread_cond_broadcast(&vmm->changed);
    pthread_mutex_unlock(&vmm->lock);
    if (vmm->on_retired) {
        vmm->on_retired(vmm, &retired);
    }
}

static void
write_fence(void *cookie, uint32_t fence)
{
    note_retired(cookie, (struct vmm_retired){.id = fence});
}

static void
write_context_fence(void *cookie, uint32_t ctx_id, uint32_t ring_idx, uint64_t fence_id)
{
    note_retired(cookie, (struct vmm_retired){
                             .context_id = ctx_id,
                             .ring_idx = ring_idx,
                             .id = fence_id,
                         });
}

static int
get_server_fd(void *cookie, uint32_t version)
{
    struct vmm *vmm = cookie;
    int fd = version == 0 ? vmm->server_fd : -1;

    vmm->server_fd = -1;
    vmm->server_fd_asked++;
    return fd;
}

static void
note_message(enum virgl_log_level_flags level, const char *message, void *user)
{
    struct vmm *vmm = user;
    size_t size = strlen(message);

    pthread_mutex_lock(&vmm->lock);
    vmm->messages = realloc(vmm->messages, vmm->messages_size + size + 2);
    if (!vmm->messages) {
        abort();
    }
    memcpy(vmm->messages + vmm->messages_size, message, size);
    vmm->messages_size += size;
    memcpy(vmm->messages + vmm->messages_size, "\n", 2);
    vmm->messages_size++;
    pthread_cond_broadcast(&vmm->changed);
    pthread_mutex_unlock(&vmm->lock);
}

/* --- life --- */

void
vmm_init(struct vmm *vmm, int version)
{
    pthread_condattr_t attributes;

    *vmm = (struct vmm){
        .callbacks = {.version = version, .write_fence = write_fence},
        .thread = pthread_self(),
        .server_fd = -1,
    };
    if (version >= 3) {
        vmm->callbacks.write_context_fence = write_context_fence;
        vmm->callbacks.get_server_fd = get_server_fd;
    }
    pthread_mutex_init(&vmm->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&vmm->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    virgl_set_log_callback(note_message, vmm, NULL);
}

void
vmm_finish(struct vmm *vmm)
{
    virgl_renderer_cleanup(vmm);
    virgl_set_log_callback(NULL, NULL, NULL);
    pthread_cond_destroy(&vmm->changed);
    pthread_mutex_destroy(&vmm->lock);
    free(vmm->retired);
    free(vmm->messages);
}

int
vmm_start(struct vmm *vmm, int flags)
{
    return virgl_renderer_init(vmm, flags, &vmm->callbacks);
}

/* --- waiting --- */

/* False: the limit is reached. The lock is held. */
static bool
sleep_until(struct vmm *vmm, uint64_t limit_ms)
{
    struct timespec deadline = {.tv_sec = (time_t)(limit_ms / 1000),
                                .tv_nsec = (long)(limit_ms % 1000) * 1000000};

    return pthread_cond_timedwait(&vmm->changed, &vmm->lock, &deadline) != ETIMEDOUT ||
           vmm_now_ms() < limit_ms;
}

bool
vmm_wait_retired(struct vmm *vmm, size_t count, bool poll)
{
    uint64_t limit_ms = vmm_now_ms() + VMM_LIMIT_MS;
    bool reached;

    for (;;) {
        if (poll) {
            virgl_renderer_poll();
        }
        pthread_mutex_lock(&vmm->lock);
        reached = vmm->retired_count >= count;
        bool time_left = reached || sleep_until(vmm, poll ? vmm_now_ms() + 1 : limit_ms) || poll;
        pthread_mutex_unlock(&vmm->lock);
        if (reached || !time_left || vmm_now_ms() > limit_ms) {
            return reached;
        }
    }
}

static bool
has_message_locked(const struct vmm *vmm, const char *part)
{
    return vmm->messages && strstr(vmm->messages, part);
}

bool
vmm_has_message(struct vmm *vmm, const char *part)
{
    pthread_mutex_lock(&vmm->lock);
    bool has = has_message_locked(vmm, part);
    pthread_mutex_unlock(&vmm->lock);
    return has;
}

bool
vmm_wait_message(struct vmm *vmm, const char *part)
{
    uint64_t limit_ms = vmm_now_ms() + VMM_LIMIT_MS;

    pthread_mutex_lock(&vmm->lock);
    while (!has_message_locked(vmm, part) && sleep_until(vmm, limit_ms)) {
    }
    bool has = has_message_locked(vmm, part);
    if (!has) {
        fprintf(stderr, "no message with \"%s\", but these:\n%s", part,
                vmm->messages ? vmm->messages : "");
    }
    pthread_mutex_unlock(&vmm->lock);
    return has;
}

size_t
vmm_retired_count(struct vmm *vmm)
{
    pthread_mutex_lock(&vmm->lock);
    size_t count = vmm->retired_count;
    pthread_mutex_unlock(&vmm->lock);
    return count;
}

struct vmm_retired
vmm_retired_at(struct vmm *vmm, size_t n)
{
    struct vmm_retired retired = {0};

    pthread_mutex_lock(&vmm->lock);
    if (n < vmm->retired_count) {
        retired = vmm->retired[n];
    }
    pthread_mutex_unlock(&vmm->lock);
    return retired;
}

/* --- what guests do --- */

int
vmm_create_context(uint32_t id, const char *name)
{
    return virgl_renderer_context_create_with_flags(id, VMM_VENUS, (uint32_t)strlen(name), name);
}

int
vmm_submit(uint32_t context_id, const uint32_t *commands, size_t count)
{
    return virgl_renderer_submit_cmd((void *)commands, (int)context_id, (int)count);
}

int
vmm_create_blob(uint32_t context_id, uint32_t resource_id, uint64_t blob_id, uint64_t size)
{
    return virgl_renderer_resource_create_blob(&(struct virgl_renderer_resource_create_blob_args){
        .res_handle = resource_id,
        .ctx_id = context_id,
        .blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
        .blob_flags = VIRGL_RENDERER_BLOB_FLAG_USE_MAPPABLE,
        .blob_id = blob_id,
        .size = size,
    });
}

/* --- processes --- */

int
vmm_start_server(pid_t *out_pid, const char *option)
{
    int sockets[2];
    char number[16];
    const char *path = getenv("RENDER_SERVER_EXEC_PATH");

    if (!path || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        return -1;
    }
    snprintf(number, sizeof(number), "%d", sockets[1]);
    *out_pid = fork();
    if (*out_pid == 0) {
        fcntl(sockets[1], F_SETFD, 0);
        execl(path, path, "--socket-fd", number, option, (char *)NULL);
        _exit(127);
    }
    close(sockets[1]);
    return sockets[0];
}

static bool
is_child(pid_t pid, pid_t parent, const char *name)
{
    char path[64], text[512] = "", command[32] = "";
    int found_parent = 0;
    char state = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    if (!fgets(text, sizeof(text), file)) {
        text[0] = '\0';
    }
    fclose(file);
    const char *end = strrchr(text, ')');
    sscanf(text, "%*d (%31[^)]", command);
    return end && sscanf(end, ") %c %d", &state, &found_parent) == 2 && found_parent == parent &&
           state != 'Z' && strcmp(command, name) == 0;
}

pid_t
vmm_find_child(pid_t parent, const char *name)
{
    pid_t found = 0;
    DIR *folder = opendir("/proc");

    if (!folder) {
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid > 0 && is_child(pid, parent, name)) {
            found = pid;
        }
    }
    closedir(folder);
    return found;
}

bool
vmm_wait_gone(pid_t pid)
{
    uint64_t limit_ms = vmm_now_ms() + VMM_LIMIT_MS;

    while (vmm_now_ms() < limit_ms) {
        if (kill(pid, 0) != 0) {
            return true;
        }
        usleep(5000);
    }
    return false;
}
