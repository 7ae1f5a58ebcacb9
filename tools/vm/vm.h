/* `vesper vm`: QEMU with our renderer library, and with what fits this host. */
#ifndef VM_VM_H
#define VM_VM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"

struct vm_options {
    const char *qemu;        /* NULL: qemu-system- and the host's kind of machine */
    const char *memory;      /* as QEMU wants it */
    const char *hostmem;     /* likewise */
    const char *display;     /* NULL: choose */
    const char *host_driver; /* as of vesper run */
    bool print;              /* do not start it */
    char **rest;             /* QEMU's own options, NULL-terminated */
};

/* What this host offers, and the words that follow from it. */
struct vm_host {
    char library_folder[PATH_MAX]; /* with libvirglrenderer.so.1 */
    char render_server[PATH_MAX];
    char display[128];     /* for -display */
    bool software_gl;      /* there is no GPU for the display's OpenGL */
    bool kvm;              /* /dev/kvm may be used */
    const char *machine;   /* for -machine */
    char render_node[300]; /* empty: there is none that may be used */
};

/* False, with the reason and a remedy on standard error: something is missing. */
BASE_MUST_CHECK bool vm_host_look(const struct vm_options *options, struct vm_host *out);

enum { VM_MAX_WORDS = 512 };

/* QEMU's command line. The words are kept in the struct, or are the options'. */
struct vm_command {
    char text[8][PATH_MAX + 128];
    size_t text_count;
    const char *words[VM_MAX_WORDS];
    size_t count;
};

/* False: QEMU's own options are too many. */
BASE_MUST_CHECK bool vm_command_build(const struct vm_options *options, const struct vm_host *host,
                                      struct vm_command *out);

int vm_main(int argc, char **argv);

#endif
