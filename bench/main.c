/* Runs the rows and prints each one's median as JSON or TSV. bench/run.py compares drivers with it.
 */
#include "bench/bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SAMPLES = 101 };

static const uint64_t SAMPLE_NS = 20u * 1000 * 1000; /* how long one should take */

struct options {
    uint32_t samples;
    const char *only; /* part of a row's name */
    bool tsv;
};

struct figures {
    double median, least;
};

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
unit_ns(const char *unit)
{
    return strcmp(unit, "ms") == 0 ? 1e6 : strcmp(unit, "us") == 0 ? 1e3 : 1.0;
}

/* How often the row runs within a sample. The first run warms up, and waits for what earlier rows
 * have left on the way to the device. */
static uint32_t
calibrate(struct bench *bench, const struct bench_row *row)
{
    uint32_t count = 1;
    vkh_end_and_wait(&bench->gpu, vkh_begin(&bench->gpu));
    row->run(bench, count);
    while (count < 1u << 24 && row->run(bench, count) < SAMPLE_NS) {
        count *= 2;
    }
    return count;
}

static struct figures
measure(struct bench *bench, const struct bench_row *row, uint32_t samples)
{
    double values[MAX_SAMPLES];
    uint32_t count = calibrate(bench, row);
    for (uint32_t i = 0; i < samples; i++) {
        values[i] = (double)row->run(bench, count) / count / unit_ns(row->unit);
    }
    qsort(values, samples, sizeof(values[0]), compare_doubles);
    return (struct figures){.median = values[samples / 2], .least = values[0]};
}

static void
open_bench(struct bench *bench)
{
    const struct vkh_gpu_info info = {.program = "vesper-bench"};
    VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    vkh_gpu_open(&bench->gpu, &info);
    vkh_buffer_create(&bench->gpu, 65536,
                      VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
                      VKH_DEVICE, &bench->buffer);
    VKH_CHECK(vkCreateFence(bench->gpu.device, &fence_info, NULL, &bench->fence));
    VkCommandBufferAllocateInfo commands_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = bench->gpu.pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VKH_CHECK(vkAllocateCommandBuffers(bench->gpu.device, &commands_info, &bench->commands));
}

static void
close_bench(struct bench *bench)
{
    vkDestroyFence(bench->gpu.device, bench->fence, NULL);
    vkFreeCommandBuffers(bench->gpu.device, bench->gpu.pool, 1, &bench->commands);
    vkh_buffer_destroy(&bench->gpu, &bench->buffer);
    vkh_gpu_close(&bench->gpu);
}

static void
print_row(const struct bench_row *row, struct figures figures, bool tsv, bool first)
{
    if (tsv) {
        printf("%s\t%s\t%.4g\t%.4g\n", row->name, row->unit, figures.median, figures.least);
    } else {
        printf("%s\n    {\"name\": \"%s\", \"unit\": \"%s\", \"what\": \"%s\", \"median\": %.6g, "
               "\"least\": %.6g}",
               first ? "" : ",", row->name, row->unit, row->what, figures.median, figures.least);
    }
    fflush(stdout);
}

static void
run_rows(struct bench *bench, const struct options *options)
{
    bool first = true;
    if (!options->tsv) {
        printf("{\"device\": \"%s\", \"samples\": %u, \"rows\": [",
               bench->gpu.properties.deviceName, options->samples);
    }
    for (uint32_t i = 0; i < bench_row_count; i++) {
        const struct bench_row *row = &bench_rows[i];
        if (!options->only || strstr(row->name, options->only)) {
            print_row(row, measure(bench, row, options->samples), options->tsv, first);
            first = false;
        }
    }
    if (!options->tsv) {
        puts("\n]}");
    }
}

static const char usage[] =
    "Usage: vesper-bench [options]\n"
    "\n"
    "Measures small things that applications do often, on the Vulkan that it finds, and prints "
    "the\n"
    "median of each. bench/run.py compares drivers with it.\n"
    "\n"
    "  -n, --samples N   samples a row, of about 20 ms each (default: 11)\n"
    "  -o, --only TEXT   only rows whose names contain TEXT\n"
    "  -t, --tsv         name, unit, median and least, with tabs between them; else JSON\n"
    "  -h, --help        this text\n";

static uint32_t
parse_samples(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value < 1 || value > MAX_SAMPLES) {
        fprintf(stderr, "vesper-bench: --samples %s: must be a number from 1 to %d\n", text,
                MAX_SAMPLES);
        exit(2);
    }
    return (uint32_t)value;
}

int
main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"samples", required_argument, NULL, 'n'},
        {"only", required_argument, NULL, 'o'},
        {"tsv", no_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.samples = 11};
    struct bench bench;
    int option;
    if (argc == 2 && strcmp(argv[1], BENCH_OPEN_ONCE) == 0) {
        printf("%llu\n", (unsigned long long)bench_open_once());
        return 0;
    }
    while ((option = getopt_long(argc, argv, "n:o:th", long_options, NULL)) != -1) {
        switch (option) {
        case 'n': options.samples = parse_samples(optarg); break;
        case 'o': options.only = optarg; break;
        case 't': options.tsv = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs("vesper-bench: see vesper-bench --help\n", stderr); return 2;
        }
    }
    open_bench(&bench);
    run_rows(&bench, &options);
    close_bench(&bench);
    return 0;
}
