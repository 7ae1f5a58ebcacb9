/* The test's compositor: what its files share. One thread. */
#ifndef TEST_WSI_COMPOSITOR_H
#define TEST_WSI_COMPOSITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server.h>

struct screen;
struct timeline;
struct wp_color_manager_v1_interface;
struct wp_linux_drm_syncobj_manager_v1_interface;

/* What is told of a frame's colours; zeroes: nothing. In the protocol's numbers and units. */
struct color {
    uint32_t is_scrgb, primaries, transfer;
    int32_t mastering[8]; /* red, green, blue, white: x and y */
    uint32_t darkest, brightest, content, average;
};

/* When a commit's buffer may be read, and what is to be told once it was. NULL: not said. */
struct points {
    struct timeline *acquire_timeline, *release_timeline;
    uint64_t acquire, release;
};

/* Without memory the program ends. */
void *allocate(size_t size);
struct wl_resource *create_resource(struct wl_client *client, const struct wl_interface *interface,
                                    uint32_t version, uint32_t id);
void destroy_resource(struct wl_client *client, struct wl_resource *resource);

/* The only object of its kind that a surface has; whoever makes a second one is ended. */
void create_color_object(struct wl_resource *manager, const struct wl_interface *interface,
                         const void *implementation, uint32_t id, struct wl_resource *surface);
/* What the next commits of its surface will have; NULL: the surface is gone. */
struct color *color_of(struct wl_resource *object);

/* As those two. */
void create_sync_object(struct wl_resource *manager, const struct wl_interface *interface,
                        const void *implementation, uint32_t id, struct wl_resource *surface);
struct points *points_of(struct wl_resource *object);

/* --- color.c --- */

extern const struct wp_color_manager_v1_interface color_manager_implementation;
/* Says what there is. */
void color_manager_bound(struct wl_resource *resource);
/* A frame with such colours is seen. */
void color_show(struct screen *screen, const struct color *color);

/* --- sync.c: linux-drm-syncobj-v1 --- */

extern const struct wp_linux_drm_syncobj_manager_v1_interface sync_manager_implementation;
/* False if this machine has no timelines. */
bool sync_open(void);
void sync_close(void);
/* The surface with that object commits the buffer (NULL: none) with these points. False: it must
 * not, and its client was ended. */
bool sync_check(struct wl_resource *object, const struct wl_resource *buffer, bool is_dma_buf,
                const struct points *points);
/* Whether the buffer may be read. */
bool sync_is_acquired(const struct points *points);
/* It was read. */
void sync_release(const struct points *points);
/* Forgets the timelines. */
void sync_finish(struct points *points);

#endif
