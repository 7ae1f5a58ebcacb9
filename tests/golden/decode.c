/* Reads a captured command stream and holds the printer to it: every byte is understood, and every
 * command is there that the stream is known to have.
 *
 *   golden-decode FILE COMMAND... */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/proto_print.h"

enum {
    MAX_STREAM_BYTES = 1 << 20,
    SHOWN_BYTES = 1000, /* of the text, after a failure */
};

static uint8_t stream[MAX_STREAM_BYTES];

/* The stream as text, a command a line, to be freed. NULL, with the reason on standard error,
 * unless all of it was understood. */
static char *
print_stream(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return NULL;
    }
    size_t size = fread(stream, 1, sizeof(stream), file);
    fclose(file);

    char *text = NULL;
    size_t text_size = 0;
    FILE *out = open_memstream(&text, &text_size);
    bool whole = out && proto_print_stream(out, stream, size);
    if (out) {
        fclose(out);
    }
    if (!whole || size == 0) {
        const char *end = text && text_size > SHOWN_BYTES ? text + text_size - SHOWN_BYTES : text;
        fprintf(stderr, "%s: %zu bytes, not all of them understood; at the end:\n%s\n", path, size,
                end ? end : "");
        free(text);
        return NULL;
    }
    return text;
}

static size_t
count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: golden-decode FILE COMMAND...\n");
        return 2;
    }
    char *text = print_stream(argv[1]);
    if (!text) {
        return 1;
    }
    int missing = 0;
    for (int i = 2; i < argc; i++) {
        if (!strstr(text, argv[i])) {
            fprintf(stderr, "%s: no %s in it\n", argv[1], argv[i]);
            missing++;
        }
    }
    printf("%zu lines\n", count_lines(text));
    free(text);
    return missing ? 1 : 0;
}
