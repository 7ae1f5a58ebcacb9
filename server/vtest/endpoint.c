#include "server/vtest/endpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

enum {
    BACKLOG = 128,
};

static bool
set_address(struct srv_endpoint *endpoint, const char *path)
{
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof(endpoint->address.sun_path)) {
        base_log_error("socket path %s has %zu bytes, 1 to %zu are possible; give another with "
                       "--socket-path",
                       path, length, sizeof(endpoint->address.sun_path) - 1);
        return false;
    }
    endpoint->address.sun_family = AF_UNIX;
    memcpy(endpoint->address.sun_path, path, length + 1);
    return true;
}

/* Why nobody else may take the address over, or NULL if nobody listens there. */
static const char *
find_listener(const struct srv_endpoint *endpoint)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;

    if (probe == -1 || connect(probe, (const struct sockaddr *)&endpoint->address,
                               sizeof(endpoint->address)) == -1) {
        error = errno;
    }
    base_fd_close(&probe);
    if (error == ECONNREFUSED || error == ENOENT) {
        return NULL;
    }
    return error == 0 || error == EAGAIN ? "another server listens there" : strerror(error);
}

/* The path is taken. Frees it if it is a dead server's socket; otherwise says why not. */
static const char *
remove_stale(const struct srv_endpoint *endpoint)
{
    const char *path = endpoint->address.sun_path;
    struct stat status;

    if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
        return "it exists and is no socket";
    }
    const char *why = find_listener(endpoint);
    if (why) {
        return why;
    }
    base_log_info("removing %s, which nobody listens on", path);
    return unlink(path) == 0 || errno == ENOENT ? NULL : strerror(errno);
}

static const char *
bind_path(const struct srv_endpoint *endpoint)
{
    const struct sockaddr *address = (const struct sockaddr *)&endpoint->address;

    return bind(endpoint->fd, address, sizeof(endpoint->address)) == 0 ? NULL : strerror(errno);
}

static bool
take_path(const struct srv_endpoint *endpoint)
{
    const char *why = bind_path(endpoint);

    if (why && errno == EADDRINUSE) {
        why = remove_stale(endpoint);
        why = why ? why : bind_path(endpoint);
    }
    if (why) {
        base_log_error("cannot listen at %s: %s; give another path with --socket-path",
                       endpoint->address.sun_path, why);
    }
    return !why;
}

bool
srv_endpoint_init(struct srv_endpoint *endpoint, const char *path)
{
    struct stat status;

    *endpoint = (struct srv_endpoint){.fd = -1};
    if (!set_address(endpoint, path)) {
        return false;
    }
    endpoint->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (endpoint->fd == -1) {
        base_log_error("cannot make a socket: %s", strerror(errno));
        return false;
    }
    if (!take_path(endpoint)) {
        base_fd_close(&endpoint->fd);
        return false;
    }
    if (stat(path, &status) == 0) {
        endpoint->device = status.st_dev;
        endpoint->inode = status.st_ino;
    }
    if (listen(endpoint->fd, BACKLOG) == -1) {
        base_log_error("cannot listen at %s: %s", path, strerror(errno));
        srv_endpoint_finish(endpoint);
        return false;
    }
    return true;
}

void
srv_endpoint_finish(struct srv_endpoint *endpoint)
{
    const char *path = endpoint->address.sun_path;
    struct stat status;

    if (endpoint->fd == -1) {
        return;
    }
    if (stat(path, &status) == 0 && status.st_dev == endpoint->device &&
        status.st_ino == endpoint->inode) {
        unlink(path);
    }
    base_fd_close(&endpoint->fd);
}
