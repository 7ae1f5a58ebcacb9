/* What `vesper demo` is made of: a compute check, a spinning cube, a picture file. Plain
 * Vulkan 1.1: runs on any driver. */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "tools/vkh/vkh.h"

/* Lets the device mix `count` numbers in mapped memory and compares each with the CPU's own result.
 * Returns the number of wrong ones. `out_ns` is the time from submission to the end of the wait. */
uint32_t demo_compute_check(const struct vkh_gpu *gpu, uint32_t count, uint64_t *out_ns);

struct demo_picture {
    uint32_t width, height;
    uint8_t *rgba; /* malloc'ed, rows from the top, no padding */
};

struct demo_cube_info {
    uint32_t width, height;
    uint32_t frames; /* at least 1; one turn of the cube in all */
};

struct demo_cube_figures {
    uint64_t setup_ns;  /* pipeline, texture, targets; without instance and device */
    uint64_t render_ns; /* all frames, from the first recording until the last has ended */
};

/* Renders all frames off-screen, two in flight, and reads the last one back. */
void demo_cube_render(const struct vkh_gpu *gpu, const struct demo_cube_info *info,
                      struct demo_picture *out_picture, struct demo_cube_figures *out_figures);

/* The cube's texture: size x size pixels of RGBA. */
void demo_texture_paint(uint8_t *rgba, uint32_t size);

/* A hash of the pixels, to tell pictures apart. */
uint32_t demo_picture_hash(const struct demo_picture *picture);
/* How many pixels differ from the one in the top left corner. */
uint32_t demo_picture_drawn_pixels(const struct demo_picture *picture);
/* Writes a PNG; on failure prints why. */
BASE_MUST_CHECK bool demo_picture_write(const struct demo_picture *picture, const char *path);
void demo_picture_finish(struct demo_picture *picture);

/* The command: arguments after `demo`. Returns the exit status. */
int demo_main(int argc, char **argv);

#endif
