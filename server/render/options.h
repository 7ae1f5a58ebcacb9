/* The command line of vesper-render-server, which a library or a machine monitor writes, not a
 * person: --socket-fd N, as upstream's and as crosvm's --gpu-render-server wants it. */
#ifndef SRV_RENDER_OPTIONS_H
#define SRV_RENDER_OPTIONS_H

#include <stdbool.h>

#include "base/attributes.h"

struct srv_render_options {
    int socket_fd;
    bool raise_descriptor_limit; /* not in crosvm's jail, which kills whoever tries */
};

enum srv_render_options_result {
    SRV_RENDER_OPTIONS_RUN,
    SRV_RENDER_OPTIONS_DONE,  /* help or version was asked for and printed */
    SRV_RENDER_OPTIONS_WRONG, /* explained on standard error */
};

BASE_MUST_CHECK enum srv_render_options_result
srv_render_options_parse(int argc, char **argv, struct srv_render_options *out);

#endif
