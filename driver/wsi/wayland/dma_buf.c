#include "driver/wsi/wayland/dma_buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/attributes.h"
#include "driver/wsi/wayland/extensions.h"

/* Version 4 tells by feedback, version 3 by events, and older ones know no modifiers. */
enum { MODIFIERS_SINCE = 3, FEEDBACK_SINCE = 4 };

/* A row of the compositor's table. */
struct format_entry {
    uint32_t format;
    uint32_t padding;
    uint64_t modifier;
};

/* wl_shm has names of its own for the two formats that it had first. */
static uint32_t
drm_code(uint32_t shm_code)
{
    switch (shm_code) {
    case 0: return 0x34325241; /* AR24 */
    case 1: return 0x34325258; /* XR24 */
    default: return shm_code;
    }
}

static bool
is_ours(uint32_t code)
{
    for (size_t i = 0; i < WSI_WAYLAND_LAYOUTS; i++) {
        const struct wsi_wayland_layout *layout = &wsi_wayland_layouts[i];
        if (code == drm_code(layout->opaque) || code == drm_code(layout->with_alpha)) {
            return true;
        }
    }
    return false;
}

static bool
has_room(struct wsi_wayland_dma_buf_list *list)
{
    if (list->count < list->capacity) {
        return true;
    }
    size_t capacity = list->capacity ? list->capacity * 2 : 32;
    void *kinds = realloc(list->kinds, capacity * sizeof(*list->kinds));
    if (kinds) {
        list->kinds = kinds;
        list->capacity = capacity;
    }
    return kinds;
}

/* What there is no memory for counts as not taken, as does a layout that nobody tells. */
static void
note(struct wsi_wayland_dma_bufs *dma_bufs, uint32_t code, uint64_t modifier)
{
    struct wsi_wayland_dma_buf_list *next = &dma_bufs->next;
    if (modifier != WSI_MODIFIER_INVALID && is_ours(code) && has_room(next)) {
        next->kinds[next->count++] =
            (struct wsi_wayland_dma_buf){code, {modifier, dma_bufs->tranche}};
    }
}

/* All has been told, and counts from now on. */
static void
publish(struct wsi_wayland_dma_bufs *dma_bufs)
{
    struct wsi_wayland_dma_buf_list old = dma_bufs->told;
    dma_bufs->told = dma_bufs->next;
    dma_bufs->serial++;
    dma_bufs->next = old;
    dma_bufs->next.count = 0;
    dma_bufs->tranche = 0;
    dma_bufs->tranche_first = 0;
}

/* --- version 3 --- */

static void
format(void *user, struct zwp_linux_dmabuf_v1 *dma_buf, uint32_t code)
{
}

static void
modifier(void *user, struct zwp_linux_dmabuf_v1 *dma_buf, uint32_t code, uint32_t modifier_high,
         uint32_t modifier_low)
{
    struct wsi_wayland_surface *surface = user;
    note(&surface->dma_bufs, code, (uint64_t)modifier_high << 32 | modifier_low);
}

static const struct zwp_linux_dmabuf_v1_listener listener = {.format = format,
                                                             .modifier = modifier};

/* --- version 4: a table, and indices into it, sorted into tranches by what is best --- */

static void
forget_table(struct wsi_wayland_dma_bufs *dma_bufs)
{
    if (dma_bufs->table) {
        munmap(dma_bufs->table, dma_bufs->table_size);
    }
    dma_bufs->table = NULL;
    dma_bufs->table_size = 0;
}

static void
format_table(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, int32_t fd, uint32_t size)
{
    struct wsi_wayland_surface *surface = user;
    void *map = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    forget_table(&surface->dma_bufs);
    if (map != MAP_FAILED) {
        surface->dma_bufs.table = map;
        surface->dma_bufs.table_size = size;
    }
}

static void
tranche_formats(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *indices)
{
    struct wsi_wayland_surface *surface = user;
    const struct format_entry *table = surface->dma_bufs.table;
    size_t count = surface->dma_bufs.table_size / sizeof(*table);
    const uint16_t *index = indices->data;
    for (size_t i = 0; i < indices->size / sizeof(*index); i++) {
        if (index[i] < count) {
            note(&surface->dma_bufs, table[index[i]].format, table[index[i]].modifier);
        }
    }
}

static dev_t
read_device(const struct wl_array *number)
{
    dev_t device = 0;
    if (number->size == sizeof(device)) {
        memcpy(&device, number->data, sizeof(device));
    }
    return device;
}

static void
main_device(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *number)
{
    struct wsi_wayland_surface *surface = user;
    surface->dma_bufs.main_device = read_device(number);
}

static void
target_device(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *number)
{
    struct wsi_wayland_surface *surface = user;
    surface->dma_bufs.target_device = read_device(number);
}

/* A device has several nodes: its screens have one, and who only draws opens another. */
static bool
is_same_device(dev_t a, dev_t b)
{
    const dev_t numbers[2] = {a, b};
    char *devices[2];
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device", major(numbers[i]),
                 minor(numbers[i]));
        devices[i] = realpath(path, NULL);
    }
    bool same = a == b || (devices[0] && devices[1] && strcmp(devices[0], devices[1]) == 0);
    free(devices[0]);
    free(devices[1]);
    return same;
}

/* What is for another device than the compositor draws with, it may be unable to draw. */
static void
tranche_done(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback)
{
    struct wsi_wayland_dma_bufs *dma_bufs = &((struct wsi_wayland_surface *)user)->dma_bufs;
    if (dma_bufs->target_device &&
        !is_same_device(dma_bufs->target_device, dma_bufs->main_device)) {
        dma_bufs->next.count = dma_bufs->tranche_first;
    }
    dma_bufs->target_device = 0;
    dma_bufs->tranche_first = dma_bufs->next.count;
    dma_bufs->tranche++;
}

static void
tranche_flags(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, uint32_t flags)
{
}

static void
done(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback)
{
    struct wsi_wayland_surface *surface = user;
    publish(&surface->dma_bufs);
}

static const struct zwp_linux_dmabuf_feedback_v1_listener feedback_listener = {
    .done = done,
    .format_table = format_table,
    .main_device = main_device,
    .tranche_done = tranche_done,
    .tranche_target_device = target_device,
    .tranche_formats = tranche_formats,
    .tranche_flags = tranche_flags,
};

/* --- both --- */

void
wsi_wayland_init_dma_bufs(struct wsi_wayland_surface *surface)
{
    pthread_mutex_init(&surface->dma_bufs.lock, NULL);
}

void
wsi_wayland_ask_for_dma_bufs(struct wsi_wayland_surface *surface)
{
    zwp_linux_dmabuf_v1_add_listener(surface->dma_buf, &listener, surface);
    if (wl_proxy_get_version((struct wl_proxy *)surface->dma_buf) < FEEDBACK_SINCE) {
        return;
    }
    surface->dma_bufs.feedback =
        zwp_linux_dmabuf_v1_get_surface_feedback(surface->dma_buf, surface->surface);
    if (surface->dma_bufs.feedback) {
        zwp_linux_dmabuf_feedback_v1_add_listener(surface->dma_bufs.feedback, &feedback_listener,
                                                  surface);
    }
}

/* Events do not say when they are complete, as feedback does. */
void
wsi_wayland_have_dma_bufs(struct wsi_wayland_surface *surface)
{
    pthread_mutex_lock(&surface->dma_bufs.lock);
    if (!surface->dma_bufs.feedback) {
        publish(&surface->dma_bufs);
    }
    pthread_mutex_unlock(&surface->dma_bufs.lock);
}

void
wsi_wayland_finish_dma_bufs(struct wsi_wayland_surface *surface)
{
    if (surface->dma_bufs.feedback) {
        zwp_linux_dmabuf_feedback_v1_destroy(surface->dma_bufs.feedback);
    }
    forget_table(&surface->dma_bufs);
    free(surface->dma_bufs.told.kinds);
    free(surface->dma_bufs.next.kinds);
    pthread_mutex_destroy(&surface->dma_bufs.lock);
}

bool
wsi_wayland_hear_dma_bufs(struct wsi_wayland_surface *surface, uint32_t *out_serial)
{
    pthread_mutex_lock(&surface->dma_bufs.lock);
    bool heard = wl_display_dispatch_queue_pending(surface->display, surface->queue) >= 0;
    *out_serial = surface->dma_bufs.serial;
    pthread_mutex_unlock(&surface->dma_bufs.lock);
    return heard;
}

void
wsi_wayland_find_dma_bufs(struct wsi_wayland_surface *surface, VkFormat vk_format, bool opaque,
                          struct wsi_wayland_offers *out)
{
    int i = wsi_wayland_find_layout(vk_format);
    out->count = 0;
    out->code = i < 0 ? 0
                      : drm_code(opaque ? wsi_wayland_layouts[i].opaque
                                        : wsi_wayland_layouts[i].with_alpha);
    pthread_mutex_lock(&surface->dma_bufs.lock);
    const struct wsi_wayland_dma_buf_list *told = &surface->dma_bufs.told;
    for (size_t j = 0; i >= 0 && j < told->count && out->count < WSI_WAYLAND_OFFERS; j++) {
        if (told->kinds[j].code == out->code) {
            out->modifiers[out->count++] = told->kinds[j].offer;
        }
    }
    out->serial = surface->dma_bufs.serial;
    pthread_mutex_unlock(&surface->dma_bufs.lock);
}

struct wsi_offers
wsi_wayland_offers_of(const struct wsi_wayland_offers *offers)
{
    struct wsi_offers result = {.modifiers = offers->modifiers, .count = offers->count};
    for (uint32_t i = 0; i < offers->count; i++) {
        result.takes_linear |= offers->modifiers[i].modifier == WSI_MODIFIER_LINEAR;
    }
    return result;
}

/* --- handing over --- */

struct answer {
    bool has_come;
    struct wl_buffer *buffer; /* NULL: refused */
};

static void
created(void *user, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *buffer)
{
    struct answer *answer = user;
    *answer = (struct answer){true, buffer};
}

static void
failed(void *user, struct zwp_linux_buffer_params_v1 *params)
{
    struct answer *answer = user;
    answer->has_come = true;
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
    .created = created,
    .failed = failed,
};

/* A refusal is an answer: create_immed would end the connection instead. */
static struct answer
ask(struct wl_display *display, struct wl_event_queue *queue, struct zwp_linux_dmabuf_v1 *dma_buf,
    const struct wsi_pixels *pixels, uint32_t code)
{
    enum { ROUND_TRIPS = 100 }; /* a compositor may ask its GPU first */
    struct answer answer = {0};
    struct zwp_linux_buffer_params_v1 *params = zwp_linux_dmabuf_v1_create_params(dma_buf);
    if (!params) {
        return answer;
    }
    zwp_linux_buffer_params_v1_add_listener(params, &params_listener, &answer);
    for (uint32_t i = 0; i < pixels->plane_count; i++) {
        zwp_linux_buffer_params_v1_add(params, pixels->dma_buf, i, pixels->planes[i].offset,
                                       pixels->planes[i].pitch, (uint32_t)(pixels->modifier >> 32),
                                       (uint32_t)pixels->modifier);
    }
    zwp_linux_buffer_params_v1_create(params, (int32_t)pixels->extent.width,
                                      (int32_t)pixels->extent.height, code, 0);
    for (int i = 0; i < ROUND_TRIPS && !answer.has_come; i++) {
        if (wl_display_roundtrip_queue(display, queue) < 0) {
            break;
        }
    }
    zwp_linux_buffer_params_v1_destroy(params);
    return answer;
}

/* On a queue of its own, since another thread listens to the target's. The buffer is moved there
 * before it can have events. */
struct wl_buffer *
wsi_wayland_create_dma_buf(const struct wsi_wayland_surface *surface,
                           const struct wsi_pixels *pixels, uint32_t code,
                           struct wl_event_queue *queue)
{
    struct answer answer = {0};
    struct wl_event_queue *own_queue = wl_display_create_queue(surface->display);
    struct zwp_linux_dmabuf_v1 *dma_buf =
        own_queue ? wl_proxy_create_wrapper(surface->dma_buf) : NULL;
    if (dma_buf) {
        wl_proxy_set_queue((struct wl_proxy *)dma_buf, own_queue);
        answer = ask(surface->display, own_queue, dma_buf, pixels, code);
        wl_proxy_wrapper_destroy(dma_buf);
    }
    if (answer.buffer) {
        wl_proxy_set_queue((struct wl_proxy *)answer.buffer, queue);
    }
    if (own_queue) {
        wl_event_queue_destroy(own_queue);
    }
    return answer.buffer;
}
