/* Makes and destroys thousands of each kind of object, and prints what the processes use more than
 * before: descriptors, and kibibytes of memory.
 *
 *     leaks [CYCLES]
 *
 * A line for each kind: NAME, tab, descriptors and KiB of the client, the same of the server. The
 * first tenth of the cycles does not count: caches and pools fill then. leaks.py judges. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "tests/apps/leaks/cycles.h"
#include "tests/apps/leaks/usage.h"

static void
run_cycles(const struct cycle *cycle, struct world *world, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        cycle->run(world);
    }
    /* What was sent without waiting has been executed once this has. */
    vkh_end_and_wait(&world->gpu, vkh_begin(&world->gpu));
}

/* A worker that has lost its client takes a moment to end, and the listener to notice. */
static struct usage
usage_of_settled_server(struct usage before)
{
    const uint64_t limit_ns = 10ull * 1000 * 1000 * 1000, start = base_clock_now_ns();
    struct usage after = usage_of_server();
    while (after.descriptors > before.descriptors && base_clock_now_ns() - start < limit_ns) {
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
        after = usage_of_server();
    }
    return after;
}

static void
measure(const struct cycle *cycle, struct world *world, uint32_t count, struct usage idle_server)
{
    uint32_t times = count / cycle->every ? count / cycle->every : 1;
    run_cycles(cycle, world, times / 10 + 1);
    struct usage client = usage_of_client();
    struct usage server = usage_of_settled_server(idle_server);
    run_cycles(cycle, world, times);
    struct usage client_after = usage_of_client();
    struct usage server_after = usage_of_settled_server(server);
    printf("%s\t%d\t%" PRId64 "\t%d\t%" PRId64 "\n", cycle->name,
           (int)(client_after.descriptors - client.descriptors),
           client_after.memory_kib - client.memory_kib,
           (int)(server_after.descriptors - server.descriptors),
           server_after.memory_kib - server.memory_kib);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000;
    struct world world;
    world_create(&world);
    run_cycles(&cycles[0], &world, 1);
    struct usage idle_server = usage_of_server();
    for (uint32_t i = 0; i < cycle_count; i++) {
        measure(&cycles[i], &world, count, idle_server);
    }
    world_destroy(&world);
    return 0;
}
