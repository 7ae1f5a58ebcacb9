/* The command line of vesper-server: upstream's virgl_test_server, as far as it makes sense for
 * Venus. */
#ifndef SRV_OPTIONS_H
#define SRV_OPTIONS_H

#include <stdbool.h>

#include "base/attributes.h"

struct srv_options {
    const char *socket_path;
    bool no_fork; /* one client at a time, in this process */
    bool once;    /* one client, then end */
    /* Served at a time, each by a process; who comes when there are as many is turned away. */
    unsigned max_clients;
};

enum srv_options_result {
    SRV_OPTIONS_RUN,
    SRV_OPTIONS_DONE,  /* help or version was asked for and printed */
    SRV_OPTIONS_WRONG, /* explained on standard error */
};

BASE_MUST_CHECK enum srv_options_result srv_options_parse(int argc, char **argv,
                                                          struct srv_options *out);

#endif
