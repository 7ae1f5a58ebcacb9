/* A process that has warmed up before its guest comes, as a spare worker does. */
#include "renderer/warm_up.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "renderer/findings.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

/* As findings.c lays them out: the first device's abilities lie behind count and key. */
static struct rnd_memory_abilities *
first_abilities(struct rnd_findings *findings)
{
    return (struct rnd_memory_abilities *)(void *)(findings->bytes + sizeof(uint64_t) +
                                                   sizeof(struct rnd_finding_key));
}

static uint32_t
count_devices(struct guest *guest)
{
    uint32_t count;
    GUEST_ASK(guest, vkEnumeratePhysicalDevices, GUEST_HANDLE(VkInstance, &guest->objects.instance),
              &(uint32_t){0}, NULL);
    guest_assert_alive(guest);
    memcpy(&count, guest->reply + 16, sizeof(count)); /* behind command, result and a pointer */
    return count;
}

TEST(what_was_found_out_is_kept_and_used)
{
    struct rnd_findings before, found;
    struct guest guest;
    eventfd_t one;

    if (!getenv("VESPER_HOST_DRIVER")) {
        skip();
    }
    int done_fd = eventfd(0, EFD_CLOEXEC);
    int for_renderer = base_fd_duplicate(done_fd);
    rnd_findings_get(&before);
    rnd_warm_up_begin(for_renderer);
    guest_begin_with_device(&guest); /* waits for it */
    assert_int_equal(count_devices(&guest), 1);
    guest_end(&guest);

    assert_int_equal(eventfd_read(done_fd, &one), 0);
    close(done_fd);
    rnd_findings_get(&found);
    assert_memory_not_equal(&before, &found, sizeof(found));
    assert_true(first_abilities(&found)->imports_pages != 0);

    /* Were the device tried again, it would be found to share memory. */
    first_abilities(&found)->imports_pages = 0;
    first_abilities(&found)->shares_dma_bufs = 0;
    rnd_findings_set(&found);
    guest_begin(&guest);
    guest_create_instance(&guest, NULL);
    assert_int_equal(count_devices(&guest), 0);
    guest_end(&guest);
}
