#include <stdlib.h>

#include "base/log.h"
#include "server/vtest/listener.h"
#include "server/vtest/options.h"

int
main(int argc, char **argv)
{
    struct srv_options options;

    base_log_set_name("vesper-server");
    switch (srv_options_parse(argc, argv, &options)) {
    case SRV_OPTIONS_DONE: return EXIT_SUCCESS;
    case SRV_OPTIONS_WRONG: return 2;
    case SRV_OPTIONS_RUN: break;
    }
    return srv_listener_run(&options);
}
