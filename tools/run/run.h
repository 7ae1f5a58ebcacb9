/* `vesper run`: an application's Vulkan through a private vesper-server.
 *
 * One thread. It starts the server in a private folder, then the application with the variables
 * that lead it there, hands signals on, and when the application ends it ends the server, removes
 * the folder and exits as the application did. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attributes.h"

/* Exit statuses of our own, as env(1) and timeout(1) have them. */
enum run_status {
    RUN_STATUS_USAGE = 2,
    RUN_STATUS_FAILED = 125,     /* Vesper failed, or --validate had something to say */
    RUN_STATUS_CANNOT_RUN = 126, /* the application is there but does not start */
    RUN_STATUS_NOT_FOUND = 127,
};

struct run_options {
    const char *host_driver; /* NULL: choose; "lavapipe"; or a driver's JSON file */
    const char *server;      /* NULL: ours */
    const char *icd;         /* the application's driver; NULL: ours */
    const char *log_level;   /* NULL: VESPER_LOG or the default */
    bool validate;
    char **command; /* NULL-terminated */
};

/* Which subcommand speaks; "run" at first. `vesper vm` uses parts of this one. */
extern const char *run_command;
/* Prints one line that starts with "vesper run: ". */
void run_error(const char *format, ...) BASE_PRINTF(1, 2);

/* --------------------------------------------------------------------- parts */

struct run_parts {
    char self[PATH_MAX];   /* this program */
    char server[PATH_MAX]; /* vesper-server */
    char icd[PATH_MAX];    /* vesper_icd.json */
};

/* This program's full path. */
BASE_MUST_CHECK bool run_find_self(char out[PATH_MAX]);
/* The first of the NULL-terminated candidates, relative to the folder of `self` unless absolute,
 * that can be accessed. Its symbolic links are resolved, so that it stays right wherever a child
 * changes to. */
BASE_MUST_CHECK bool run_find_beside(const char *self, const char *const *candidates,
                                     int access_mode, char out[PATH_MAX]);
/* Finds the parts beside this program, in a build folder or installed, unless the options name
 * them. */
BASE_MUST_CHECK bool run_parts_find(const struct run_options *options, struct run_parts *out);

/* --------------------------------------------------------------- host driver */

enum { RUN_DRIVERS_MAX = 4096 };

/* A value for VK_DRIVER_FILES that leads to the host's driver. */
struct run_host_driver {
    char files[RUN_DRIVERS_MAX];
    const char *reason; /* why this one, for people */
};

/* --host-driver if given; else what VK_DRIVER_FILES or VK_ICD_FILENAMES already name; else every
 * installed driver that has a GPU; else lavapipe. */
BASE_MUST_CHECK bool run_host_driver_choose(const struct run_options *options,
                                            struct run_host_driver *out);
/* Points the Vulkan loader of this process at these drivers and at none else, without layers. */
void run_host_driver_apply(const char *files);

/* -------------------------------------------------------------------- server */

struct run_server {
    char folder[64];      /* private; removed by run_server_stop() */
    char socket_path[80]; /* in it */
    pid_t pid;            /* also its process group; 0: gone */
    int output_fd;        /* what it and its workers print on standard output; -1: not watched */
};

/* Returns when it listens. With `validate` the Khronos layer runs below the renderer. */
BASE_MUST_CHECK bool run_server_start(const struct run_options *options,
                                      const struct run_parts *parts,
                                      const struct run_host_driver *driver, struct run_server *out);
/* Ends it, by force after a while, and removes what it left. */
void run_server_stop(struct run_server *server);

/* --------------------------------------------------------------- validation */

#define RUN_VALIDATION_SETTINGS "vk_layer_settings.txt"

struct run_validation {
    unsigned messages;
    bool active;         /* the layer has introduced itself */
    bool in_information; /* lines are not shown */
    bool is_headed;      /* the last line was a heading; the next belongs to it */
    char line[1024];     /* the unfinished one, cut if longer */
    size_t length;
};

/* Writes the layer's settings into the server's folder. */
BASE_MUST_CHECK bool run_validation_configure(const char *folder);
/* In the server's process, before it becomes the server. */
void run_validation_apply(const char *folder);
/* Shows what the layer has said since, and counts it. False once the other side has closed. */
bool run_validation_drain(struct run_validation *validation, int fd);
/* The exit status: the application's, unless that is 0 and the layer had anything to say. */
int run_validation_judge(const struct run_validation *validation, int status);

/* --------------------------------------------------------------- application */

/* Blocks the signals that are handed on, before anything is started. Returns a signalfd. */
BASE_MUST_CHECK int run_signals_catch(void);
/* In a child, before it becomes another program: signals as this program found them. */
void run_signals_restore(void);
/* Starts the application and stays until it has ended. Returns its exit status, 128 + n if signal n
 * ended it. */
int run_application(const struct run_options *options, const struct run_parts *parts,
                    const struct run_server *server, int signal_fd,
                    struct run_validation *validation);

int run_main(int argc, char **argv);

#endif
