/* Command streams as text, one command a line: for traces, tests and debuggers. Needs nothing but
 * the bytes; never trusts them. Any thread. */
#ifndef PROTO_PRINT_H
#define PROTO_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "wire/reader.h"

/* One request: command number, flags, parameters. False if it made no sense; what was understood
 * has been printed, and a reason follows it. */
bool proto_print_command(FILE *out, struct wire_reader *in);
/* One reply. */
bool proto_print_reply(FILE *out, struct wire_reader *in);
/* Requests up to the last byte. */
bool proto_print_stream(FILE *out, const void *bytes, size_t size);

#endif
