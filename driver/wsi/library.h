/* Libraries of window systems, loaded when the first of their windows is seen, so that machines
 * without need none of them. */
#ifndef WSI_LIBRARY_H
#define WSI_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct wsi_library {
    const char *file;      /* its soname */
    const char *package;   /* Debian's, for who lacks it */
    const char *oldest;    /* version with all that is looked for */
    const char *otherwise; /* what is the matter without it */
    bool is_optional;      /* no error without it */
};

/* A name of the library, and where in a table its address goes. */
struct wsi_symbol {
    const char *name;
    size_t offset;
};

/* Loads the library for good and fills the table; false, and why in the log, if it or a symbol is
 * missing. The caller sees to it that it is called once. */
bool wsi_library_load(const struct wsi_library *library, const struct wsi_symbol *symbols,
                      size_t count, void *table);

#endif
