#include "driver/wsi/wayland/dma_buf.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/attributes.h"
#include "driver/wsi/wayland/extensions.h"

#define MODIFIER_LINEAR UINT64_C(0) /* DRM_FORMAT_MOD_LINEAR */

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

static void
note(struct wsi_wayland_surface *surface, uint32_t code, uint64_t modifier)
{
    for (size_t i = 0; modifier == MODIFIER_LINEAR && i < WSI_WAYLAND_LAYOUTS; i++) {
        surface->linear_opaque[i] |= code == drm_code(wsi_wayland_layouts[i].opaque);
        surface->linear_alpha[i] |= code == drm_code(wsi_wayland_layouts[i].with_alpha);
    }
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
    note(user, code, (uint64_t)modifier_high << 32 | modifier_low);
}

static const struct zwp_linux_dmabuf_v1_listener listener = {.format = format,
                                                             .modifier = modifier};

/* --- version 4: a table, and indices into it, sorted into tranches by what is best. Linear is
 * found in whichever has it --- */

static void
forget_table(struct wsi_wayland_surface *surface)
{
    if (surface->format_table) {
        munmap(surface->format_table, surface->format_table_size);
    }
    surface->format_table = NULL;
    surface->format_table_size = 0;
}

static void
format_table(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, int32_t fd, uint32_t size)
{
    struct wsi_wayland_surface *surface = user;
    void *map = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    forget_table(surface);
    if (map != MAP_FAILED) {
        surface->format_table = map;
        surface->format_table_size = size;
    }
}

static void
tranche_formats(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *indices)
{
    struct wsi_wayland_surface *surface = user;
    const struct format_entry *table = surface->format_table;
    size_t count = surface->format_table_size / sizeof(*table);
    const uint16_t *index = indices->data;
    for (size_t i = 0; i < indices->size / sizeof(*index); i++) {
        if (index[i] < count) {
            note(surface, table[index[i]].format, table[index[i]].modifier);
        }
    }
}

static void
device(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *number)
{
}

static void
tranche_flags(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback, uint32_t flags)
{
}

static void
end(void *user, struct zwp_linux_dmabuf_feedback_v1 *feedback)
{
}

static const struct zwp_linux_dmabuf_feedback_v1_listener feedback_listener = {
    .done = end,
    .format_table = format_table,
    .main_device = device,
    .tranche_done = end,
    .tranche_target_device = device,
    .tranche_formats = tranche_formats,
    .tranche_flags = tranche_flags,
};

/* --- both --- */

void
wsi_wayland_ask_for_dma_bufs(struct wsi_wayland_surface *surface)
{
    zwp_linux_dmabuf_v1_add_listener(surface->dma_buf, &listener, surface);
    if (wl_proxy_get_version((struct wl_proxy *)surface->dma_buf) < FEEDBACK_SINCE) {
        return;
    }
    surface->dma_buf_feedback = zwp_linux_dmabuf_v1_get_default_feedback(surface->dma_buf);
    if (surface->dma_buf_feedback) {
        zwp_linux_dmabuf_feedback_v1_add_listener(surface->dma_buf_feedback, &feedback_listener,
                                                  surface);
    }
}

void
wsi_wayland_end_asking(struct wsi_wayland_surface *surface)
{
    if (surface->dma_buf_feedback) {
        zwp_linux_dmabuf_feedback_v1_destroy(surface->dma_buf_feedback);
        surface->dma_buf_feedback = NULL;
    }
    forget_table(surface);
}

bool
wsi_wayland_find_dma_buf_code(const struct wsi_wayland_surface *surface, VkFormat vk_format,
                              bool opaque, uint32_t *out)
{
    int i = wsi_wayland_find_layout(vk_format);
    if (i < 0 || !surface->dma_buf) {
        return false;
    }
    *out = drm_code(opaque ? wsi_wayland_layouts[i].opaque : wsi_wayland_layouts[i].with_alpha);
    return opaque ? surface->linear_opaque[i] : surface->linear_alpha[i];
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
    zwp_linux_buffer_params_v1_add(params, pixels->dma_buf, 0, 0, pixels->pitch,
                                   (uint32_t)(MODIFIER_LINEAR >> 32), (uint32_t)MODIFIER_LINEAR);
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
