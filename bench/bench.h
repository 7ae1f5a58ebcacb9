/* One row each for what a driver is judged by. Plain Vulkan 1.1: the same program runs natively,
 * through Vesper and through the established stack. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>

#include "tools/vkh/vkh.h"

/* What all rows share. Rows may use it freely but leave it as they found it. */
struct bench {
    struct vkh_gpu gpu;
    struct vkh_buffer buffer; /* 64 KiB of device memory */
    VkFence fence;            /* unsignalled */
    VkCommandBuffer commands; /* initial or ended */
};

struct bench_row {
    const char *name;
    const char *unit; /* ns, us or ms, of one operation */
    const char *what;
    /* Does it `count` times. Returns the time that took. */
    uint64_t (*run)(struct bench *bench, uint32_t count);
};

/* In the order of the table. */
extern const struct bench_row bench_rows[];
extern const uint32_t bench_row_count;

/* How the start-up row calls this program, and what it then does: opens a device, closes it, and
 * says how many nanoseconds that took. */
#define BENCH_OPEN_ONCE "--open-once"
uint64_t bench_open_once(void);

#endif
