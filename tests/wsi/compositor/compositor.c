/* A compositor for tests: one output without a screen, and every protocol about presenting,
 * whatever the distribution's compositors have.
 *
 *     compositor [hidden | refusing | refusing-modifiers | old-dma-bufs | scan-out | refresh HZ |
 *                 frames N]
 *                [without INTERFACE | old INTERFACE]...
 *
 * It listens on "vesper" in $XDG_RUNTIME_DIR, shows the newest window at its own size, and tells in
 * the file "screen" what it shows (screen.h). It presents at fixed times, whole refreshes after its
 * start. hidden: as if nobody saw the window: content is taken, and no word is said about it.
 * frames: the screen keeps the Nth picture, and shows no later one.
 * refusing: it offers to take dma-bufs, and takes none; refusing-modifiers: only linear ones.
 * old-dma-bufs: it tells by events which it takes, not by feedback. scan-out: windows in full
 * screen may have a modifier that others may not, which it tells anew with each change. old: the
 * interface's first version only. One thread; ends by SIGTERM. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <wayland-server.h>

#include "tests/layer/modifiers.h"
#include "tests/wsi/compositor/color-management-v1-server-protocol.h"
#include "tests/wsi/compositor/commit-timing-v1-server-protocol.h"
#include "tests/wsi/compositor/compositor.h"
#include "tests/wsi/compositor/fifo-v1-server-protocol.h"
#include "tests/wsi/compositor/linux-dmabuf-unstable-v1-server-protocol.h"
#include "tests/wsi/compositor/linux-drm-syncobj-v1-server-protocol.h"
#include "tests/wsi/compositor/presentation-time-server-protocol.h"
#include "tests/wsi/compositor/screen.h"
#include "tests/wsi/compositor/tearing-control-v1-server-protocol.h"
#include "tests/wsi/compositor/xdg-shell-server-protocol.h"

#define NS_PER_S UINT64_C(1000000000)
#define DEFAULT_REFRESH_NS (UINT64_C(10) * 1000 * 1000) /* no figure that anybody assumes */

/* One commit. */
struct update {
    struct wl_list link;
    bool has_buffer;
    struct wl_resource *buffer; /* NULL: none, or destroyed since */
    struct wl_listener buffer_destroyed;
    struct wl_list callbacks; /* links of resources: wl_callback */
    struct wl_list feedbacks; /* likewise: wp_presentation_feedback */
    bool waits_for_barrier, sets_barrier, tears;
    uint64_t not_before_ns;
    struct color color;
    bool has_points; /* it is committed, on a surface with explicit synchronisation */
    struct points points;
    bool is_seen; /* its pixels have that sum */
    uint64_t sum;
};

struct surface {
    struct wl_list link;
    struct wl_resource *resource;
    struct update *next;      /* what is said of it before the next commit */
    struct wl_list waiting;   /* struct update, oldest first */
    uint64_t new_since_ns;    /* of `current` */
    struct update *current;   /* NULL: none yet */
    struct update *on_screen; /* still, until `current` is seen, if it has points; or NULL */
    bool is_new;              /* nobody has seen `current` */
    uint64_t shown_tick;      /* when a frame was seen last; 0: never */
    bool barrier;
    bool tears; /* the hint of all commits from now on */
    bool has_tearing, has_fifo, has_timer, has_color, has_sync;
    struct wl_resource *sync; /* if it has that */
    struct color color;       /* of all commits from now on */
};

/* One with rows that can be mapped: tests stand in for GPUs. */
struct dma_buf {
    int fd; /* -1: none yet */
    uint64_t modifier;
    bool has_metadata; /* the second plane of that modifier */
    uint32_t stride;
    int32_t width, height;
    size_t size;
    uint8_t *map; /* NULL: not mapped yet */
};

static struct wl_display *display;
static struct wl_list surfaces = {&surfaces, &surfaces};
static struct screen *screen;
static uint64_t refresh_ns = DEFAULT_REFRESH_NS, start_ns, last_tick;
static bool hidden, refusing, refusing_modifiers;
static bool scan_out, full_screen;
static struct wl_list feedbacks = {&feedbacks, &feedbacks}; /* of surfaces */
static int dma_buf_version = 4;
static uint32_t drawn_frames = UINT32_MAX; /* as many at most */
static int format_table = -1;

_Noreturn static void
die(const char *what)
{
    fprintf(stderr, "compositor: %s: %s\n", what, strerror(errno));
    exit(1);
}

void *
allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        die("out of memory");
    }
    return memory;
}

static uint64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t
tick_ns(uint64_t tick)
{
    return start_ns + tick * refresh_ns;
}

/* --- updates --- */

static void
forget_buffer(struct wl_listener *listener, void *data)
{
    struct update *update = wl_container_of(listener, update, buffer_destroyed);
    update->buffer = NULL;
}

static struct update *
create_update(void)
{
    struct update *update = allocate(sizeof(*update));
    wl_list_init(&update->link);
    wl_list_init(&update->callbacks);
    wl_list_init(&update->feedbacks);
    update->buffer_destroyed.notify = forget_buffer;
    return update;
}

static void
set_buffer(struct update *update, struct wl_resource *buffer)
{
    if (update->buffer) {
        wl_list_remove(&update->buffer_destroyed.link);
    }
    update->has_buffer = true;
    update->buffer = buffer;
    if (buffer) {
        wl_resource_add_destroy_listener(buffer, &update->buffer_destroyed);
    }
}

static void
destroy_resources(struct wl_list *list)
{
    struct wl_resource *resource, *next;
    wl_resource_for_each_safe(resource, next, list)
    {
        wl_resource_destroy(resource);
    }
}

static const struct dma_buf *dma_buf_of(struct wl_resource *buffer);
static void send_tranches(struct wl_resource *feedback);

static uint64_t
sum_pixels(const struct dma_buf *dma_buf)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i + 4 <= (size_t)dma_buf->stride * (size_t)dma_buf->height; i += 4) {
        uint32_t word;
        memcpy(&word, dma_buf->map + i, sizeof(word));
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
    }
    return sum;
}

/* Who draws into a buffer that is still read is wrong about when it was released. */
static void
check_pixels(const struct update *update)
{
    const struct dma_buf *dma_buf = update->buffer ? dma_buf_of(update->buffer) : NULL;
    if (update->is_seen && dma_buf && sum_pixels(dma_buf) != update->sum) {
        fprintf(stderr, "compositor: a buffer was changed before it was released\n");
        exit(1);
    }
}

/* Its buffer may be used again. */
static void
destroy_update(struct update *update)
{
    if (!update) {
        return;
    }
    check_pixels(update);
    if (update->has_points) {
        sync_release(&update->points);
    } else if (update->buffer) {
        wl_buffer_send_release(update->buffer);
    }
    if (update->buffer) {
        wl_list_remove(&update->buffer_destroyed.link);
    }
    sync_finish(&update->points);
    destroy_resources(&update->callbacks);
    destroy_resources(&update->feedbacks);
    wl_list_remove(&update->link);
    free(update);
}

/* --- what can be seen --- */

static void
draw_rows(const uint8_t *from, int32_t width, int32_t height, uint32_t stride)
{
    if (width > SCREEN_MAX_WIDTH || height > SCREEN_MAX_HEIGHT) {
        return;
    }
    for (int32_t y = 0; y < height; y++) {
        memcpy(screen->pixels + (size_t)y * (size_t)width * 4, from + (size_t)y * stride,
               (size_t)width * 4);
    }
    atomic_store(&screen->width, (uint32_t)width);
    atomic_store(&screen->height, (uint32_t)height);
}

/* What is mapped there; wl_shm does not tell. */
static bool
lies_in_dma_buf(const void *address)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof(line), maps)) {
        uintptr_t first, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &first, &end) == 2 &&
            first <= (uintptr_t)address && (uintptr_t)address < end) {
            found = strstr(line, " /dmabuf:");
        }
    }
    if (maps) {
        fclose(maps);
    }
    return found;
}

static void
draw(const struct update *update)
{
    struct wl_shm_buffer *shm = update->buffer ? wl_shm_buffer_get(update->buffer) : NULL;
    const struct dma_buf *dma_buf = update->buffer ? dma_buf_of(update->buffer) : NULL;
    if (shm) {
        atomic_fetch_add(&screen->shared_dma_bufs,
                         lies_in_dma_buf(wl_shm_buffer_get_data(shm)) ? 1 : 0);
        wl_shm_buffer_begin_access(shm);
        draw_rows(wl_shm_buffer_get_data(shm), wl_shm_buffer_get_width(shm),
                  wl_shm_buffer_get_height(shm), (uint32_t)wl_shm_buffer_get_stride(shm));
        wl_shm_buffer_end_access(shm);
    } else if (dma_buf) {
        draw_rows(dma_buf->map, dma_buf->width, dma_buf->height, dma_buf->stride);
        atomic_store(&screen->modifier, dma_buf->modifier);
        atomic_fetch_add(&screen->dma_bufs, 1);
    }
}

static void
look_at_pixels(struct update *update)
{
    const struct dma_buf *dma_buf = update->buffer ? dma_buf_of(update->buffer) : NULL;
    if (dma_buf) {
        update->sum = sum_pixels(dma_buf);
        update->is_seen = true;
    }
    atomic_fetch_add(&screen->synced, update->has_points ? 1 : 0);
}

static void
present(struct surface *surface, uint64_t time_ns)
{
    struct update *update = surface->current;
    struct wl_resource *resource, *next;
    surface->is_new = false;
    look_at_pixels(update);
    destroy_update(surface->on_screen);
    surface->on_screen = NULL;
    if (atomic_load(&screen->shown) < drawn_frames) {
        draw(update);
        color_show(screen, &update->color);
        atomic_store(&screen->color[SCREEN_COLOR_OBJECT], surface->has_color);
    }
    if (surface->shown_tick && last_tick > surface->shown_tick) {
        atomic_fetch_add(&screen->late, (uint32_t)(last_tick - surface->shown_tick - 1));
    }
    surface->shown_tick = last_tick;
    atomic_fetch_add(&screen->shown, 1);
    wl_resource_for_each_safe(resource, next, &update->feedbacks)
    {
        uint64_t seconds = time_ns / NS_PER_S;
        wp_presentation_feedback_send_presented(
            resource, (uint32_t)(seconds >> 32), (uint32_t)seconds, (uint32_t)(time_ns % NS_PER_S),
            (uint32_t)refresh_ns, (uint32_t)(last_tick >> 32), (uint32_t)last_tick,
            update->tears ? 0 : WP_PRESENTATION_FEEDBACK_KIND_VSYNC);
        wl_resource_destroy(resource);
    }
    wl_resource_for_each_safe(resource, next, &update->callbacks)
    {
        wl_callback_send_done(resource, (uint32_t)(time_ns / 1000000));
        wl_resource_destroy(resource);
    }
}

/* What was asked of a frame that nobody has seen. Its callbacks wait for the one in its place. */
static void
drop(struct update *update, struct update *successor)
{
    struct wl_resource *resource, *next;
    atomic_fetch_add(&screen->dropped, 1);
    wl_resource_for_each_safe(resource, next, &update->feedbacks)
    {
        wp_presentation_feedback_send_discarded(resource);
        wl_resource_destroy(resource);
    }
    wl_list_insert_list(&successor->callbacks, &update->callbacks);
    wl_list_init(&update->callbacks);
}

/* Another one takes its place. */
static void
retire(struct surface *surface, struct update *update)
{
    if (update->has_points && update->is_seen) {
        surface->on_screen = update;
    } else {
        destroy_update(update);
    }
}

static void
apply(struct surface *surface, struct update *update)
{
    wl_list_remove(&update->link);
    wl_list_init(&update->link);
    if (surface->current) {
        if (surface->is_new && !hidden) {
            drop(surface->current, update);
        }
        retire(surface, surface->current);
    }
    surface->current = update;
    surface->is_new = true;
    surface->new_since_ns = now_ns();
    surface->barrier = surface->barrier || update->sets_barrier;
    if (update->tears && !hidden) {
        present(surface, now_ns());
    }
}

/* For the next tick. */
static void
apply_ready(struct surface *surface)
{
    struct update *update, *next;
    wl_list_for_each_safe(update, next, &surface->waiting, link)
    {
        if (!hidden && ((update->waits_for_barrier && surface->barrier) ||
                        update->not_before_ns > tick_ns(last_tick + 1))) {
            return;
        }
        if (update->has_points && !sync_is_acquired(&update->points)) {
            return;
        }
        apply(surface, update);
    }
}

/* On a busy machine we wake late, and what was committed meanwhile has missed the tick that we tell
 * of: nothing is seen before it was there. */
static bool
has_missed_tick(const struct surface *surface)
{
    return surface->current && surface->is_new &&
           surface->new_since_ns > tick_ns(last_tick) + refresh_ns / 8;
}

static void
tick(struct surface *surface)
{
    if (has_missed_tick(surface)) {
        return;
    }
    surface->barrier = false;
    if (surface->current && surface->is_new && !hidden) {
        present(surface, tick_ns(last_tick));
    }
    apply_ready(surface);
}

static int
on_timer(int fd, uint32_t mask, void *data)
{
    uint64_t expired;
    struct surface *surface;
    if (read(fd, &expired, sizeof(expired)) == sizeof(expired)) {
        last_tick = (now_ns() - start_ns) / refresh_ns;
        wl_list_for_each(surface, &surfaces, link)
        {
            tick(surface);
        }
    }
    return 0;
}

/* --- wl_surface --- */

void
destroy_resource(struct wl_client *client, struct wl_resource *resource)
{
    wl_resource_destroy(resource);
}

static void
unlink_resource(struct wl_resource *resource)
{
    wl_list_remove(wl_resource_get_link(resource));
}

struct wl_resource *
create_resource(struct wl_client *client, const struct wl_interface *interface, uint32_t version,
                uint32_t id)
{
    struct wl_resource *resource = wl_resource_create(client, interface, (int)version, id);
    if (!resource) {
        die(interface->name);
    }
    return resource;
}

/* One that is told something once. */
static void
add_answer(struct wl_client *client, const struct wl_interface *interface, uint32_t id,
           struct wl_list *list)
{
    struct wl_resource *resource = create_resource(client, interface, 1, id);
    wl_resource_set_implementation(resource, NULL, NULL, unlink_resource);
    wl_list_insert(list->prev, wl_resource_get_link(resource));
}

static void
attach(struct wl_client *client, struct wl_resource *resource, struct wl_resource *buffer,
       int32_t x, int32_t y)
{
    struct surface *surface = wl_resource_get_user_data(resource);
    set_buffer(surface->next, buffer);
}

static void
damage(struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y, int32_t width,
       int32_t height)
{
}

static void
frame(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    struct surface *surface = wl_resource_get_user_data(resource);
    add_answer(client, &wl_callback_interface, id, &surface->next->callbacks);
}

static void
set_region(struct wl_client *client, struct wl_resource *resource, struct wl_resource *region)
{
}

static void
set_number(struct wl_client *client, struct wl_resource *resource, int32_t number)
{
}

/* False: it breaks the rules. wl_buffer.release may come at any time then, and means nothing: here
 * it comes at once, for clients to be caught that believe it. */
static bool
commit_points(struct surface *surface, struct update *update)
{
    bool is_dma_buf = update->buffer && dma_buf_of(update->buffer);
    if (!surface->has_sync) {
        return true;
    }
    if (!sync_check(surface->sync, update->buffer, is_dma_buf, &update->points)) {
        return false;
    }
    update->has_points = update->buffer;
    if (update->buffer) {
        wl_buffer_send_release(update->buffer);
    }
    return true;
}

static void
commit(struct wl_client *client, struct wl_resource *resource)
{
    struct surface *surface = wl_resource_get_user_data(resource);
    struct update *update = surface->next;
    if (!commit_points(surface, update) || !update->has_buffer) {
        atomic_fetch_add(&screen->own_commits, 1);
        return; /* what was said counts for the next */
    }
    atomic_fetch_add(&screen->committed, 1);
    if (update->has_points && !sync_is_acquired(&update->points)) {
        atomic_fetch_add(&screen->early, 1);
    }
    update->tears = surface->tears;
    update->color = surface->color;
    atomic_fetch_add(&screen->torn, update->tears ? 1 : 0);
    atomic_fetch_add(&screen->barriers, update->waits_for_barrier ? 1 : 0);
    atomic_fetch_add(&screen->timed, update->not_before_ns ? 1 : 0);
    wl_list_insert(surface->waiting.prev, &update->link);
    surface->next = create_update();
    apply_ready(surface);
}

static const struct wl_surface_interface surface_implementation = {
    .destroy = destroy_resource,
    .attach = attach,
    .damage = damage,
    .frame = frame,
    .set_opaque_region = set_region,
    .set_input_region = set_region,
    .commit = commit,
    .set_buffer_transform = set_number,
    .set_buffer_scale = set_number,
    .damage_buffer = damage,
};

static void
destroy_surface(struct wl_resource *resource)
{
    struct surface *surface = wl_resource_get_user_data(resource);
    struct update *update, *next;
    wl_list_for_each_safe(update, next, &surface->waiting, link)
    {
        destroy_update(update);
    }
    destroy_update(surface->on_screen);
    destroy_update(surface->current);
    destroy_update(surface->next);
    wl_list_remove(&surface->link);
    free(surface);
}

static void
create_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    struct surface *surface = allocate(sizeof(*surface));
    surface->resource = create_resource(client, &wl_surface_interface,
                                        (uint32_t)wl_resource_get_version(resource), id);
    surface->next = create_update();
    wl_list_init(&surface->waiting);
    wl_list_insert(&surfaces, &surface->link);
    wl_resource_set_implementation(surface->resource, &surface_implementation, surface,
                                   destroy_surface);
}

static const struct wl_region_interface region_implementation = {
    .destroy = destroy_resource,
    .add = damage,
    .subtract = damage,
};

static void
create_region(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    wl_resource_set_implementation(create_resource(client, &wl_region_interface, 1, id),
                                   &region_implementation, NULL, NULL);
}

static const struct wl_compositor_interface compositor_implementation = {
    .create_surface = create_surface,
    .create_region = create_region,
};

/* --- xdg-shell: as much as a window needs that nobody moves --- */

static void
ignore_string(struct wl_client *client, struct wl_resource *resource, const char *text)
{
}

static void
ignore_request(struct wl_client *client, struct wl_resource *resource)
{
}

static void
ignore_number(struct wl_client *client, struct wl_resource *resource, uint32_t number)
{
}

static void
ignore_object(struct wl_client *client, struct wl_resource *resource, struct wl_resource *object)
{
}

static void
ignore_size(struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height)
{
}

static void
set_full_screen(bool set)
{
    struct wl_resource *feedback;
    full_screen = set;
    wl_resource_for_each(feedback, &feedbacks)
    {
        if (scan_out) {
            send_tranches(feedback);
        }
    }
}

static void
set_fullscreen(struct wl_client *client, struct wl_resource *resource, struct wl_resource *output)
{
    set_full_screen(true);
}

static void
unset_fullscreen(struct wl_client *client, struct wl_resource *resource)
{
    set_full_screen(false);
}

static const struct xdg_toplevel_interface toplevel_implementation = {
    .destroy = destroy_resource,
    .set_parent = ignore_object,
    .set_title = ignore_string,
    .set_app_id = ignore_string,
    .set_max_size = ignore_size,
    .set_min_size = ignore_size,
    .set_maximized = ignore_request,
    .unset_maximized = ignore_request,
    .set_fullscreen = set_fullscreen,
    .unset_fullscreen = unset_fullscreen,
    .set_minimized = ignore_request,
};

static void
get_toplevel(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    struct wl_resource *toplevel = create_resource(client, &xdg_toplevel_interface, 1, id);
    struct wl_array states;
    wl_resource_set_implementation(toplevel, &toplevel_implementation, NULL, NULL);
    wl_array_init(&states);
    xdg_toplevel_send_configure(toplevel, 0, 0, &states);
    wl_array_release(&states);
    xdg_surface_send_configure(resource, wl_display_next_serial(display));
}

static const struct xdg_surface_interface xdg_surface_implementation = {
    .destroy = destroy_resource,
    .get_toplevel = get_toplevel,
    .ack_configure = ignore_number,
};

static void
get_xdg_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id,
                struct wl_resource *surface)
{
    wl_resource_set_implementation(create_resource(client, &xdg_surface_interface, 1, id),
                                   &xdg_surface_implementation, NULL, NULL);
}

static const struct xdg_wm_base_interface shell_implementation = {
    .destroy = destroy_resource,
    .get_xdg_surface = get_xdg_surface,
    .pong = ignore_number,
};

/* --- presentation-time --- */

static void
ask_feedback(struct wl_client *client, struct wl_resource *resource,
             struct wl_resource *surface_resource, uint32_t id)
{
    struct surface *surface = wl_resource_get_user_data(surface_resource);
    add_answer(client, &wp_presentation_feedback_interface, id, &surface->next->feedbacks);
}

static const struct wp_presentation_interface presentation_implementation = {
    .destroy = destroy_resource,
    .feedback = ask_feedback,
};

/* --- linux-dmabuf: one format, with a modifier that no device has, the tests' own, and linear ---
 */

#define FORMAT UINT32_C(0x34325258) /* XR24 */

static const struct format_entry {
    uint32_t format, padding;
    uint64_t modifier;
} formats[] = {
    {FORMAT, 0, UINT64_C(0xfe00000000000002)}, {FORMAT, 0, TEST_MODIFIER_METADATA}, {FORMAT, 0, 0}};

static void
destroy_dma_buf(struct wl_resource *resource)
{
    struct dma_buf *dma_buf = wl_resource_get_user_data(resource);
    if (dma_buf->map) {
        munmap(dma_buf->map, dma_buf->size);
    }
    if (dma_buf->fd != -1) {
        close(dma_buf->fd);
    }
    free(dma_buf);
}

static const struct wl_buffer_interface buffer_implementation = {.destroy = destroy_resource};

static const struct dma_buf *
dma_buf_of(struct wl_resource *buffer)
{
    return wl_resource_instance_of(buffer, &wl_buffer_interface, &buffer_implementation)
               ? wl_resource_get_user_data(buffer)
               : NULL;
}

static void
add_plane(struct wl_client *client, struct wl_resource *resource, int32_t fd, uint32_t plane,
          uint32_t offset, uint32_t stride, uint32_t modifier_high, uint32_t modifier_low)
{
    struct dma_buf *dma_buf = wl_resource_get_user_data(resource);
    uint64_t modifier = (uint64_t)modifier_high << 32 | modifier_low;
    if (plane == 1 && modifier == TEST_MODIFIER_METADATA) {
        close(fd); /* nobody reads it */
        dma_buf->has_metadata = true;
        return;
    }
    if (dma_buf->fd != -1 || plane != 0 || offset != 0 ||
        (modifier != 0 && modifier != TEST_MODIFIER_METADATA)) {
        close(fd);
        wl_resource_post_error(resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_PLANE_SET,
                               "one plane, from the start, of a modifier that was offered");
        return;
    }
    dma_buf->modifier = modifier;
    dma_buf->fd = fd;
    dma_buf->stride = stride;
}

static bool
map_dma_buf(struct dma_buf *dma_buf, int32_t width, int32_t height, uint32_t format)
{
    off_t size = dma_buf->fd == -1 ? 0 : lseek(dma_buf->fd, 0, SEEK_END);
    if (width <= 0 || height <= 0 || format != FORMAT || dma_buf->stride < (uint32_t)width * 4 ||
        size < (off_t)dma_buf->stride * height ||
        dma_buf->has_metadata != (dma_buf->modifier == TEST_MODIFIER_METADATA)) {
        return false;
    }
    void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, dma_buf->fd, 0);
    if (map == MAP_FAILED) {
        return false;
    }
    dma_buf->map = map;
    dma_buf->size = (size_t)size;
    dma_buf->width = width;
    dma_buf->height = height;
    return true;
}

static struct dma_buf *
allocate_dma_buf(void)
{
    struct dma_buf *dma_buf = allocate(sizeof(*dma_buf));
    dma_buf->fd = -1;
    return dma_buf;
}

static void
create_buffer(struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height,
              uint32_t format, uint32_t flags)
{
    struct dma_buf *dma_buf = wl_resource_get_user_data(resource);
    if (refusing || (refusing_modifiers && dma_buf->modifier) || flags ||
        !map_dma_buf(dma_buf, width, height, format)) {
        zwp_linux_buffer_params_v1_send_failed(resource);
        return;
    }
    struct wl_resource *buffer = create_resource(client, &wl_buffer_interface, 1, 0);
    wl_resource_set_implementation(buffer, &buffer_implementation, dma_buf, destroy_dma_buf);
    wl_resource_set_user_data(resource, allocate_dma_buf()); /* the other is the buffer's now */
    zwp_linux_buffer_params_v1_send_created(resource, buffer);
}

static void
create_buffer_at_once(struct wl_client *client, struct wl_resource *resource, uint32_t id,
                      int32_t width, int32_t height, uint32_t format, uint32_t flags)
{
    wl_resource_post_error(resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_WL_BUFFER,
                           "refused for good: nobody could go on otherwise");
}

static const struct zwp_linux_buffer_params_v1_interface params_implementation = {
    .destroy = destroy_resource,
    .add = add_plane,
    .create = create_buffer,
    .create_immed = create_buffer_at_once,
};

static void
create_params(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    wl_resource_set_implementation(
        create_resource(client, &zwp_linux_buffer_params_v1_interface, 3, id),
        &params_implementation, allocate_dma_buf(), destroy_dma_buf);
}

static const struct zwp_linux_dmabuf_feedback_v1_interface feedback_implementation = {
    .destroy = destroy_resource,
};

static void
send_formats(struct wl_resource *feedback, uint16_t index)
{
    struct wl_array indices;
    wl_array_init(&indices);
    *(uint16_t *)wl_array_add(&indices, sizeof(index)) = index;
    zwp_linux_dmabuf_feedback_v1_send_tranche_formats(feedback, &indices);
    wl_array_release(&indices);
    zwp_linux_dmabuf_feedback_v1_send_tranche_done(feedback);
}

static void
send_device(struct wl_resource *feedback, void (*send)(struct wl_resource *, struct wl_array *),
            dev_t device)
{
    struct wl_array number;
    wl_array_init(&number);
    *(dev_t *)wl_array_add(&number, sizeof(device)) = device;
    send(feedback, &number);
    wl_array_release(&number);
}

/* A tranche for each, as if the first were what its screen can show. With "scan-out" the tests' own
 * is what the screen can show, in full screen; else it is told of another device's screen. */
static void
send_tranches(struct wl_resource *feedback)
{
    enum { OWN = 1 }; /* its place in the table */
    const dev_t device = makedev(1, 3), other = makedev(1, 5);
    const uint16_t order[2][3] = {{0, OWN, 2}, {OWN, 0, 2}};
    if (scan_out) {
        send_device(feedback, zwp_linux_dmabuf_feedback_v1_send_main_device, device);
    }
    for (size_t i = 0; i < sizeof(order[0]) / sizeof(order[0][0]); i++) {
        uint16_t index = order[scan_out][i];
        if (scan_out) {
            bool is_other = index == OWN && !full_screen;
            send_device(feedback, zwp_linux_dmabuf_feedback_v1_send_tranche_target_device,
                        is_other ? other : device);
            zwp_linux_dmabuf_feedback_v1_send_tranche_flags(
                feedback, index == OWN ? ZWP_LINUX_DMABUF_FEEDBACK_V1_TRANCHE_FLAGS_SCANOUT : 0);
        }
        send_formats(feedback, index);
    }
    zwp_linux_dmabuf_feedback_v1_send_done(feedback);
}

/* The table is told once, however often the tranches are. */
static void
create_feedback(struct wl_client *client, uint32_t id, struct wl_list *list)
{
    struct wl_resource *feedback =
        create_resource(client, &zwp_linux_dmabuf_feedback_v1_interface, 4, id);
    wl_resource_set_implementation(feedback, &feedback_implementation, NULL, unlink_resource);
    wl_list_insert(list, wl_resource_get_link(feedback));
    zwp_linux_dmabuf_feedback_v1_send_format_table(feedback, format_table, sizeof(formats));
    send_tranches(feedback);
}

/* Who asks for no surface's is not told of full screen. */
static void
get_default_feedback(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
    static struct wl_list others = {&others, &others};
    bool was_full_screen = full_screen;
    full_screen = false;
    create_feedback(client, id, &others);
    full_screen = was_full_screen;
}

static void
get_surface_feedback(struct wl_client *client, struct wl_resource *resource, uint32_t id,
                     struct wl_resource *surface)
{
    create_feedback(client, id, &feedbacks);
}

static const struct zwp_linux_dmabuf_v1_interface dma_buf_implementation = {
    .destroy = destroy_resource,
    .create_params = create_params,
    .get_default_feedback = get_default_feedback,
    .get_surface_feedback = get_surface_feedback,
};

static void
create_format_table(void)
{
    format_table = memfd_create("formats", MFD_CLOEXEC);
    if (format_table == -1 || write(format_table, formats, sizeof(formats)) != sizeof(formats)) {
        die("the table of formats");
    }
}

/* --- objects of which a surface has one each; whoever makes a second one is ended --- */

struct extra {
    struct wl_resource *surface; /* NULL once it is gone */
    struct wl_listener surface_destroyed;
    size_t place; /* of the flag in struct surface */
};

static struct surface *
surface_of(struct wl_resource *resource)
{
    struct extra *extra = wl_resource_get_user_data(resource);
    return extra->surface ? wl_resource_get_user_data(extra->surface) : NULL;
}

static void
forget_surface(struct wl_listener *listener, void *data)
{
    struct extra *extra = wl_container_of(listener, extra, surface_destroyed);
    extra->surface = NULL;
}

static bool *
flag_of(const struct extra *extra)
{
    return (bool *)((char *)wl_resource_get_user_data(extra->surface) + extra->place);
}

static void
destroy_extra(struct wl_resource *resource)
{
    struct extra *extra = wl_resource_get_user_data(resource);
    if (extra->surface) {
        *flag_of(extra) = false;
        if (extra->place == offsetof(struct surface, has_color)) {
            atomic_fetch_sub(&screen->color_objects, 1);
        }
        wl_list_remove(&extra->surface_destroyed.link);
    }
    free(extra);
}

static void
create_extra(struct wl_resource *manager, const struct wl_interface *interface,
             const void *implementation, uint32_t id, struct wl_resource *surface, size_t place)
{
    struct extra *extra = allocate(sizeof(*extra));
    struct wl_client *client = wl_resource_get_client(manager);
    struct wl_resource *resource =
        create_resource(client, interface, (uint32_t)wl_resource_get_version(manager), id);
    *extra = (struct extra){surface, {.notify = forget_surface}, place};
    if (*flag_of(extra)) {
        wl_resource_post_error(manager, 0, "the surface has a %s", interface->name);
    }
    *flag_of(extra) = true;
    wl_resource_add_destroy_listener(surface, &extra->surface_destroyed);
    wl_resource_set_implementation(resource, implementation, extra, destroy_extra);
}

static void
set_hint(struct wl_client *client, struct wl_resource *resource, uint32_t hint)
{
    struct surface *surface = surface_of(resource);
    if (surface) {
        surface->tears = hint == WP_TEARING_CONTROL_V1_PRESENTATION_HINT_ASYNC;
    }
}

static const struct wp_tearing_control_v1_interface tearing_implementation = {
    .set_presentation_hint = set_hint,
    .destroy = destroy_resource,
};

static void
get_tearing(struct wl_client *client, struct wl_resource *manager, uint32_t id,
            struct wl_resource *surface)
{
    create_extra(manager, &wp_tearing_control_v1_interface, &tearing_implementation, id, surface,
                 offsetof(struct surface, has_tearing));
}

static const struct wp_tearing_control_manager_v1_interface tearing_manager_implementation = {
    .destroy = destroy_resource,
    .get_tearing_control = get_tearing,
};

static void
set_barrier(struct wl_client *client, struct wl_resource *resource)
{
    struct surface *surface = surface_of(resource);
    if (surface) {
        surface->next->sets_barrier = true;
    }
}

static void
wait_barrier(struct wl_client *client, struct wl_resource *resource)
{
    struct surface *surface = surface_of(resource);
    if (surface) {
        surface->next->waits_for_barrier = true;
    }
}

static const struct wp_fifo_v1_interface fifo_implementation = {
    .set_barrier = set_barrier,
    .wait_barrier = wait_barrier,
    .destroy = destroy_resource,
};

static void
get_fifo(struct wl_client *client, struct wl_resource *manager, uint32_t id,
         struct wl_resource *surface)
{
    create_extra(manager, &wp_fifo_v1_interface, &fifo_implementation, id, surface,
                 offsetof(struct surface, has_fifo));
}

static const struct wp_fifo_manager_v1_interface fifo_manager_implementation = {
    .destroy = destroy_resource,
    .get_fifo = get_fifo,
};

static void
set_timestamp(struct wl_client *client, struct wl_resource *resource, uint32_t seconds_high,
              uint32_t seconds_low, uint32_t nanoseconds)
{
    struct surface *surface = surface_of(resource);
    uint64_t seconds = (uint64_t)seconds_high << 32 | seconds_low;
    if (nanoseconds >= NS_PER_S) {
        wl_resource_post_error(resource, WP_COMMIT_TIMER_V1_ERROR_INVALID_TIMESTAMP,
                               "%u nanoseconds", nanoseconds);
    } else if (surface && surface->next->not_before_ns) {
        wl_resource_post_error(resource, WP_COMMIT_TIMER_V1_ERROR_TIMESTAMP_EXISTS,
                               "two times for one commit");
    } else if (surface) {
        surface->next->not_before_ns = seconds * NS_PER_S + nanoseconds;
    }
}

static const struct wp_commit_timer_v1_interface timer_implementation = {
    .set_timestamp = set_timestamp,
    .destroy = destroy_resource,
};

static void
get_timer(struct wl_client *client, struct wl_resource *manager, uint32_t id,
          struct wl_resource *surface)
{
    create_extra(manager, &wp_commit_timer_v1_interface, &timer_implementation, id, surface,
                 offsetof(struct surface, has_timer));
}

static const struct wp_commit_timing_manager_v1_interface timing_manager_implementation = {
    .destroy = destroy_resource,
    .get_timer = get_timer,
};

void
create_color_object(struct wl_resource *manager, const struct wl_interface *interface,
                    const void *implementation, uint32_t id, struct wl_resource *surface)
{
    create_extra(manager, interface, implementation, id, surface,
                 offsetof(struct surface, has_color));
    atomic_fetch_add(&screen->color_objects, 1);
}

struct color *
color_of(struct wl_resource *object)
{
    struct surface *surface = surface_of(object);
    return surface ? &surface->color : NULL;
}

void
create_sync_object(struct wl_resource *manager, const struct wl_interface *interface,
                   const void *implementation, uint32_t id, struct wl_resource *surface)
{
    create_extra(manager, interface, implementation, id, surface,
                 offsetof(struct surface, has_sync));
    ((struct surface *)wl_resource_get_user_data(surface))->sync =
        wl_client_get_object(wl_resource_get_client(manager), id);
}

struct points *
points_of(struct wl_resource *object)
{
    struct surface *surface = surface_of(object);
    return surface ? &surface->next->points : NULL;
}

/* --- globals --- */

struct offer {
    const struct wl_interface *interface;
    int version;
    const void *implementation;
};

static const struct offer offers[] = {
    {&wl_compositor_interface, 4, &compositor_implementation},
    {&xdg_wm_base_interface, 1, &shell_implementation},
    {&wp_presentation_interface, 1, &presentation_implementation},
    {&zwp_linux_dmabuf_v1_interface, 0, &dma_buf_implementation}, /* dma_buf_version */
    {&wp_tearing_control_manager_v1_interface, 1, &tearing_manager_implementation},
    {&wp_fifo_manager_v1_interface, 1, &fifo_manager_implementation},
    {&wp_commit_timing_manager_v1_interface, 1, &timing_manager_implementation},
    {&wp_color_manager_v1_interface, 2, &color_manager_implementation},
    {&wp_linux_drm_syncobj_manager_v1_interface, 1, &sync_manager_implementation},
};

/* Beside the two that every compositor has: taken, though the screen shows them as they are. */
static const uint32_t shm_formats[] = {
    WL_SHM_FORMAT_XRGB2101010,
    WL_SHM_FORMAT_ARGB2101010,
    WL_SHM_FORMAT_XBGR16161616F,
    WL_SHM_FORMAT_ABGR16161616F,
};

/* As versions before feedback have it. */
static void
send_modifiers(struct wl_resource *resource)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        zwp_linux_dmabuf_v1_send_modifier(resource, formats[i].format,
                                          (uint32_t)(formats[i].modifier >> 32),
                                          (uint32_t)formats[i].modifier);
    }
}

static void
bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
    const struct offer *offer = data;
    struct wl_resource *resource = create_resource(client, offer->interface, version, id);
    wl_resource_set_implementation(resource, offer->implementation, NULL, NULL);
    if (offer->interface == &wp_presentation_interface) {
        wp_presentation_send_clock_id(resource, CLOCK_MONOTONIC);
    } else if (offer->interface == &zwp_linux_dmabuf_v1_interface && version == 3) {
        send_modifiers(resource);
    }
    if (offer->interface == &wp_color_manager_v1_interface) {
        color_manager_bound(resource);
    }
}

static bool
is_named(const struct offer *offer, const char *what, char **names)
{
    for (; names[0] && names[1]; names++) {
        if (strcmp(names[0], what) == 0 && strcmp(names[1], offer->interface->name) == 0) {
            return true;
        }
    }
    return false;
}

static bool
can_be_had(const struct offer *offer)
{
    return offer->interface != &wp_linux_drm_syncobj_manager_v1_interface || sync_open();
}

static void
offer_globals(char **arguments)
{
    if (wl_display_init_shm(display) != 0) {
        die("wl_shm");
    }
    for (size_t i = 0; i < sizeof(shm_formats) / sizeof(shm_formats[0]); i++) {
        if (!wl_display_add_shm_format(display, shm_formats[i])) {
            die("formats of wl_shm");
        }
    }
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        int version = offers[i].version ? offers[i].version : dma_buf_version;
        version = is_named(&offers[i], "old", arguments) ? 1 : version;
        if (!is_named(&offers[i], "without", arguments) && can_be_had(&offers[i]) &&
            !wl_global_create(display, offers[i].interface, version, (void *)&offers[i], bind)) {
            die(offers[i].interface->name);
        }
    }
}

/* --- life --- */

static void
create_screen(void)
{
    char path[4096];
    const char *folder = getenv("XDG_RUNTIME_DIR");
    snprintf(path, sizeof(path), "%s/screen", folder ? folder : ".");
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd == -1 || ftruncate(fd, sizeof(*screen)) != 0) {
        die(path);
    }
    screen = mmap(NULL, sizeof(*screen), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (screen == MAP_FAILED) {
        die(path);
    }
    screen->refresh_ns = refresh_ns;
}

static struct wl_event_source *
start_ticking(struct wl_event_loop *loop, int *fd)
{
    const struct itimerspec period = {
        .it_interval.tv_nsec = (long)refresh_ns,
        .it_value = {(time_t)(tick_ns(1) / NS_PER_S), (long)(tick_ns(1) % NS_PER_S)},
    };
    *fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (*fd == -1 || timerfd_settime(*fd, TFD_TIMER_ABSTIME, &period, NULL) != 0) {
        die("timerfd");
    }
    return wl_event_loop_add_fd(loop, *fd, WL_EVENT_READABLE, on_timer, NULL);
}

static int
on_signal(int number, void *data)
{
    wl_display_terminate(display);
    return 0;
}

int
main(int argc, char **argv)
{
    int timer;
    hidden = argc > 1 && strcmp(argv[1], "hidden") == 0;
    refusing = argc > 1 && strcmp(argv[1], "refusing") == 0;
    scan_out = argc > 1 && strcmp(argv[1], "scan-out") == 0;
    refusing_modifiers = argc > 1 && strcmp(argv[1], "refusing-modifiers") == 0;
    dma_buf_version = argc > 1 && strcmp(argv[1], "old-dma-bufs") == 0 ? 3 : 4;
    if (argc > 2 && strcmp(argv[1], "refresh") == 0 && atoi(argv[2]) > 1) {
        refresh_ns = NS_PER_S / (uint64_t)atoi(argv[2]);
    }
    if (argc > 2 && strcmp(argv[1], "frames") == 0 && atoi(argv[2]) > 0) {
        drawn_frames = (uint32_t)atoi(argv[2]);
    }
    display = wl_display_create();
    if (!display) {
        die("wl_display_create");
    }
    struct wl_event_loop *loop = wl_display_get_event_loop(display);
    start_ns = now_ns();
    create_screen();
    create_format_table();
    offer_globals(argv + 1);
    struct wl_event_source *ticking = start_ticking(loop, &timer);
    struct wl_event_source *ending = wl_event_loop_add_signal(loop, SIGTERM, on_signal, NULL);
    if (!ticking || !ending || wl_display_add_socket(display, "vesper") != 0) {
        die("the socket \"vesper\"");
    }
    wl_display_run(display);
    wl_display_destroy_clients(display);
    wl_event_source_remove(ticking);
    wl_event_source_remove(ending);
    wl_display_destroy(display);
    sync_close();
    munmap(screen, sizeof(*screen));
    close(timer);
    close(format_table);
    return 0;
}
