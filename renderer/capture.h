/* VESPER_CAPTURE=DIRECTORY: what each stream executes also goes into a file there, byte for byte
 * and command after command, as `vesper trace` reads it. For debugging and for golden streams.
 *
 * A capture belongs to the thread that executes its stream. */
#ifndef RND_CAPTURE_H
#define RND_CAPTURE_H

#include <stddef.h>

/* A descriptor to write to, or -1: nobody asked, or the file cannot be made (a warning says why).
 * `kind` ends up in the file's name. */
int rnd_capture_open(const char *kind);
/* Harmless with -1. A full disk ends the capture with a warning, never the context. */
void rnd_capture_write(int *capture, const void *bytes, size_t size);
void rnd_capture_close(int *capture);

#endif
