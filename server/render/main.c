#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "server/process/children.h"
#include "server/render/options.h"
#include "server/render/supervisor.h"

/* getsockopt() is not used: crosvm's jail may not allow it. recv() tells as well, and reads
 * nothing. */
static bool
is_socket(int fd)
{
    char byte;

    return recv(fd, &byte, 0, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno == EAGAIN;
}

int
main(int argc, char **argv)
{
    struct srv_render_options options;

    base_log_set_name("vesper-render-server");
    switch (srv_render_options_parse(argc, argv, &options)) {
    case SRV_RENDER_OPTIONS_DONE: return EXIT_SUCCESS;
    case SRV_RENDER_OPTIONS_WRONG: return 2;
    case SRV_RENDER_OPTIONS_RUN: break;
    }
    if (!is_socket(options.socket_fd)) {
        base_log_error("--socket-fd %d is no connected socket: %s", options.socket_fd,
                       strerror(errno));
        return 2;
    }
    if (options.raise_descriptor_limit) {
        srv_raise_descriptor_limit();
    }
    return srv_supervisor_run(options.socket_fd);
}
