#include "renderer/warm_up.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/log.h"
#include "renderer/instance.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool under_way; /* guarded by lock */
static int done_event = -1;
/* Kept to the process's end. The driver's library would stay without it (host_libraries.h); what a
 * driver sets up with its first instance may not. */
static struct rnd_instance *warm;

static void
tell_done(void)
{
    pthread_mutex_lock(&lock);
    under_way = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    eventfd_write(done_event, 1);
    base_fd_close(&done_event);
}

static void *
run(void *unused)
{
    const VkApplicationInfo app = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "Vesper, warming up",
        .apiVersion = VK_API_VERSION_1_3,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &app,
    };
    /* Failures are logged, and found again, by the guest who comes. */
    if (rnd_instance_create(&info, &warm) == VK_SUCCESS) {
        warm->adds_findings = true;
        pthread_mutex_lock(&warm->lock);
        (void)!rnd_instance_enumerate_locked(warm);
        pthread_mutex_unlock(&warm->lock);
    }
    tell_done();
    return NULL;
}

void
rnd_warm_up_begin(int done_fd)
{
    pthread_t thread;

    done_event = done_fd;
    under_way = true;
    int error = pthread_create(&thread, NULL, run, NULL);
    if (error) {
        base_log_warn("no thread to load the host's driver ahead of a client");
        tell_done();
        return;
    }
    pthread_setname_np(thread, "vesper-warm-up");
    pthread_detach(thread);
}

void
rnd_warm_up_wait(void)
{
    pthread_mutex_lock(&lock);
    while (under_way) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}
