/* The interface of libvirglrenderer.so.1, version 1.3, as machine monitors know it, for a
 * configuration that renders Venus only. tests/virglabi/header.py compares it, name by name and
 * byte by byte, with the header that distributions ship.
 *
 * Calls come from one thread at a time. Results: 0 is success; the sign of an errno differs from
 * function to function and is part of the interface.
 *
 * What belongs to OpenGL fails (get_fd_for_texture, resource_import_eglimage), but resources of two
 * dimensions work: with textures in the monitor's own contexts if its callback table can make some,
 * in plain memory otherwise. */
#ifndef VIRGLRENDERER_H
#define VIRGLRENDERER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "virgl-version.h"

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;
struct virgl_box;

#define VIRGL_EXPORT __attribute__((visibility("default")))

/* --- callbacks --- */

#define VIRGL_RENDERER_CALLBACKS_VERSION 4

typedef void *virgl_renderer_gl_context;

struct virgl_renderer_gl_ctx_param {
    int version; /* 2 if compat_ctx is there */
    bool shared;
    int major_ver;
    int minor_ver;
    int compat_ctx;
};

/* Kept by pointer, and so is the cookie: both live until virgl_renderer_cleanup(). Members newer
 * than `version` are not read. */
struct virgl_renderer_callbacks {
    int version;
    /* A fence of context 0, and all before it, have retired. */
    void (*write_fence)(void *cookie, uint32_t fence);

    /* For textures of resources of two dimensions; all three or none. */
    virgl_renderer_gl_context (*create_gl_context)(void *cookie, int scanout_idx,
                                                   struct virgl_renderer_gl_ctx_param *param);
    void (*destroy_gl_context)(void *cookie, virgl_renderer_gl_context ctx);
    int (*make_current)(void *cookie, int scanout_idx, virgl_renderer_gl_context ctx);

    /* Version 2. Never called. */
    int (*get_drm_fd)(void *cookie);

    /* Version 3. With ASYNC_FENCE_CB on a thread of the library's, maybe before the fence's
     * creation has returned; otherwise inside virgl_renderer_poll() and context_poll(). */
    void (*write_context_fence)(void *cookie, uint32_t ctx_id, uint32_t ring_idx,
                                uint64_t fence_id);
    /* A connected SOCK_SEQPACKET socket to a vesper-render-server, or -1. Asked once; `version` is
     * 0. The library owns what it gets. */
    int (*get_server_fd)(void *cookie, uint32_t version);

    /* Version 4. Never called. */
    void *(*get_egl_display)(void *cookie);
};

/* --- the library --- */

#define VIRGL_RENDERER_USE_EGL (1 << 0)           /* ignored */
#define VIRGL_RENDERER_THREAD_SYNC (1 << 1)       /* context_get_poll_fd() gives a descriptor */
#define VIRGL_RENDERER_USE_GLX (1 << 2)           /* ignored */
#define VIRGL_RENDERER_USE_SURFACELESS (1 << 3)   /* ignored */
#define VIRGL_RENDERER_USE_GLES (1 << 4)          /* ignored */
#define VIRGL_RENDERER_USE_EXTERNAL_BLOB (1 << 5) /* always so: blobs can be exported */
#define VIRGL_RENDERER_VENUS (1 << 6)             /* wants RENDER_SERVER, too */
#define VIRGL_RENDERER_NO_VIRGL (1 << 7)          /* no textures */
#define VIRGL_RENDERER_ASYNC_FENCE_CB (1 << 8)    /* fences from a thread of the library's */
#define VIRGL_RENDERER_RENDER_SERVER (1 << 9)     /* may start vesper-render-server */
#define VIRGL_RENDERER_DRM (1 << 10)              /* ignored: no native contexts */
#ifdef VIRGL_RENDERER_UNSTABLE_APIS
#define VIRGL_RENDERER_USE_VIDEO (1 << 11) /* ignored */
#endif
#define VIRGL_RENDERER_D3D11_SHARE_TEXTURE (1 << 12) /* ignored */
#define VIRGL_RENDERER_COMPAT_PROFILE (1 << 13)      /* ignored */
#define VIRGL_RENDERER_USE_GUEST_VRAM (1 << 14)      /* ignored */

/* 0, also when repeated with the same arguments; -EBUSY with others; -1: the reason is logged. */
VIRGL_EXPORT int virgl_renderer_init(void *cookie, int flags, struct virgl_renderer_callbacks *cb);
VIRGL_EXPORT void virgl_renderer_cleanup(void *cookie);
/* Destroys contexts and resources; their fences are dropped. */
VIRGL_EXPORT void virgl_renderer_reset(void);
/* Without ASYNC_FENCE_CB: calls back for what has retired. */
VIRGL_EXPORT void virgl_renderer_poll(void);
/* -1: there is none. */
VIRGL_EXPORT int virgl_renderer_get_poll_fd(void);

/* Also before virgl_renderer_init(). 0 and 0 for a set that is not served. */
VIRGL_EXPORT void virgl_renderer_get_cap_set(uint32_t set, uint32_t *max_ver, uint32_t *max_size);
VIRGL_EXPORT void virgl_renderer_fill_caps(uint32_t set, uint32_t version, void *caps);

typedef void (*virgl_debug_callback_type)(const char *fmt, va_list ap);

enum virgl_log_level_flags {
    VIRGL_LOG_LEVEL_DEBUG,
    VIRGL_LOG_LEVEL_INFO,
    VIRGL_LOG_LEVEL_WARNING,
    VIRGL_LOG_LEVEL_ERROR,
    VIRGL_LOG_LEVEL_SILENT,
};

typedef void (*virgl_free_data_callback_type)(void *user_data);
typedef void (*virgl_log_callback_type)(enum virgl_log_level_flags log_level, const char *message,
                                        void *user_data);

/* Returns the callback before. Called from any thread of the library's. */
VIRGL_EXPORT virgl_debug_callback_type virgl_set_debug_callback(virgl_debug_callback_type cb);
/* The same with a level; user_data is freed with the next call. NULL: standard error again. */
VIRGL_EXPORT void virgl_set_log_callback(virgl_log_callback_type cb, void *user_data,
                                         virgl_free_data_callback_type free_user_data_cb);

enum virgl_renderer_structure_type_v0 {
    VIRGL_RENDERER_STRUCTURE_TYPE_NONE = 0,
    VIRGL_RENDERER_STRUCTURE_TYPE_EXPORT_QUERY = (1 << 0),
    VIRGL_RENDERER_STRUCTURE_TYPE_SUPPORTED_STRUCTURES = (1 << 1),
};

struct virgl_renderer_hdr {
    uint32_t stype;
    uint32_t stype_version;
    uint32_t size;
};

struct virgl_renderer_export_query {
    struct virgl_renderer_hdr hdr;
    uint32_t in_resource_id;
    uint32_t out_num_fds;
    uint32_t in_export_fds;
    uint32_t out_fourcc;
    uint32_t pad;
    int32_t out_fds[4];
    uint32_t out_strides[4];
    uint32_t out_offsets[4];
    uint64_t out_modifier;
};

struct virgl_renderer_supported_structures {
    struct virgl_renderer_hdr hdr;
    uint32_t in_stype_version;
    uint32_t out_supported_structures_mask;
};

/* Answers the query that execute_args starts with. 0 or a negative errno. */
VIRGL_EXPORT int virgl_renderer_execute(void *execute_args, uint32_t execute_size);

/* --- contexts --- */

#define VIRGL_RENDERER_CONTEXT_FLAG_CAPSET_ID_MASK 0xff

/* 0 or a positive errno. A context of capset VIRGL2, or of none, is accepted and executes nothing.
 * `name` has nlen bytes and need not end with a NUL. */
VIRGL_EXPORT int virgl_renderer_context_create(uint32_t handle, uint32_t nlen, const char *name);
VIRGL_EXPORT int virgl_renderer_context_create_with_flags(uint32_t ctx_id, uint32_t ctx_flags,
                                                          uint32_t nlen, const char *name);
VIRGL_EXPORT void virgl_renderer_context_destroy(uint32_t handle);
/* 0: sent. EINVAL, EFAULT; -1: the context is dead. */
VIRGL_EXPORT int virgl_renderer_submit_cmd(void *buffer, int ctx_id, int ndw);

#define VIRGL_RENDERER_FENCE_FLAG_MERGEABLE (1 << 0)

/* 0 or a negative errno. On a dead context, or where no queue is, the fence retires at once. */
VIRGL_EXPORT int virgl_renderer_context_create_fence(uint32_t ctx_id, uint32_t flags,
                                                     uint32_t ring_idx, uint64_t fence_id);
VIRGL_EXPORT void virgl_renderer_context_poll(uint32_t ctx_id);
VIRGL_EXPORT int virgl_renderer_context_get_poll_fd(uint32_t ctx_id);
/* Of context 0; ctx_id is ignored. Where write_context_fence is not set, it stands for all work
 * that all contexts were given before. */
VIRGL_EXPORT int virgl_renderer_create_fence(int client_fence_id, uint32_t ctx_id);
VIRGL_EXPORT void virgl_renderer_force_ctx_0(void);
VIRGL_EXPORT void virgl_renderer_ctx_attach_resource(int ctx_id, int res_handle);
VIRGL_EXPORT void virgl_renderer_ctx_detach_resource(int ctx_id, int res_handle);

/* --- resources --- */

#define VIRGL_RES_BIND_DEPTH_STENCIL (1 << 0)
#define VIRGL_RES_BIND_RENDER_TARGET (1 << 1)
#define VIRGL_RES_BIND_SAMPLER_VIEW (1 << 3)
#define VIRGL_RES_BIND_VERTEX_BUFFER (1 << 4)
#define VIRGL_RES_BIND_INDEX_BUFFER (1 << 5)
#define VIRGL_RES_BIND_CONSTANT_BUFFER (1 << 6)
#define VIRGL_RES_BIND_STREAM_OUTPUT (1 << 11)
#define VIRGL_RES_BIND_CURSOR (1 << 16)
#define VIRGL_RES_BIND_CUSTOM (1 << 17)
#define VIRGL_RES_BIND_SCANOUT (1 << 18)
#define VIRGL_RES_BIND_SHARED (1 << 20)

struct virgl_renderer_resource_create_args {
    uint32_t handle;
    uint32_t target;
    uint32_t format;
    uint32_t bind;
    uint32_t width;
    uint32_t height;
    uint32_t depth;
    uint32_t array_size;
    uint32_t last_level;
    uint32_t nr_samples;
    uint32_t flags;
};

struct virgl_renderer_resource_info {
    uint32_t handle;
    uint32_t virgl_format;
    uint32_t width;
    uint32_t height;
    uint32_t depth;
    uint32_t flags;
    uint32_t tex_id;
    uint32_t stride;
    int drm_fourcc;
    int fd; /* borrowed */
};

#define VIRGL_RENDERER_RESOURCE_INFO_EXT_VERSION 0

struct virgl_renderer_resource_info_ext {
    int version;
    struct virgl_renderer_resource_info base;
    bool has_dmabuf_export;
    int planes;
    uint64_t modifiers;
    void *d3d_tex2d;
};

/* 0 or EINVAL; -EINVAL if the handle is taken. Two dimensions, 32 bits a pixel. */
VIRGL_EXPORT int virgl_renderer_resource_create(struct virgl_renderer_resource_create_args *args,
                                                struct iovec *iov, uint32_t num_iovs);
VIRGL_EXPORT int
virgl_renderer_resource_import_eglimage(struct virgl_renderer_resource_create_args *args,
                                        void *image);
VIRGL_EXPORT void virgl_renderer_resource_unref(uint32_t res_handle);
VIRGL_EXPORT void virgl_renderer_resource_set_priv(uint32_t res_handle, void *priv);
VIRGL_EXPORT void *virgl_renderer_resource_get_priv(uint32_t res_handle);
VIRGL_EXPORT int virgl_renderer_resource_attach_iov(int res_handle, struct iovec *iov,
                                                    int num_iovs);
VIRGL_EXPORT void virgl_renderer_resource_detach_iov(int res_handle, struct iovec **iov,
                                                     int *num_iovs);
VIRGL_EXPORT int virgl_renderer_transfer_read_iov(uint32_t handle, uint32_t ctx_id, uint32_t level,
                                                  uint32_t stride, uint32_t layer_stride,
                                                  struct virgl_box *box, uint64_t offset,
                                                  struct iovec *iov, int iovec_cnt);
VIRGL_EXPORT int virgl_renderer_transfer_write_iov(uint32_t handle, uint32_t ctx_id, int level,
                                                   uint32_t stride, uint32_t layer_stride,
                                                   struct virgl_box *box, uint64_t offset,
                                                   struct iovec *iovec, unsigned int iovec_cnt);
VIRGL_EXPORT int virgl_renderer_resource_get_info(int res_handle,
                                                  struct virgl_renderer_resource_info *info);
VIRGL_EXPORT int
virgl_renderer_resource_get_info_ext(int res_handle, struct virgl_renderer_resource_info_ext *info);
/* Pixels, to be freed by the caller with free(), or NULL. */
VIRGL_EXPORT void *virgl_renderer_get_cursor_data(uint32_t resource_id, uint32_t *width,
                                                  uint32_t *height);
VIRGL_EXPORT void virgl_renderer_get_rect(int resource_id, struct iovec *iov, unsigned int num_iovs,
                                          uint32_t offset, int x, int y, int width, int height);
VIRGL_EXPORT int virgl_renderer_get_fd_for_texture(uint32_t tex_id, int *fd);
VIRGL_EXPORT int virgl_renderer_get_fd_for_texture2(uint32_t tex_id, int *fd, int *stride,
                                                    int *offset);

/* --- blobs: 0 or a negative errno --- */

#define VIRGL_RENDERER_BLOB_MEM_GUEST 0x0001
#define VIRGL_RENDERER_BLOB_MEM_HOST3D 0x0002
#define VIRGL_RENDERER_BLOB_MEM_HOST3D_GUEST 0x0003
#define VIRGL_RENDERER_BLOB_MEM_GUEST_VRAM 0x0004

#define VIRGL_RENDERER_BLOB_FLAG_USE_MAPPABLE 0x0001
#define VIRGL_RENDERER_BLOB_FLAG_USE_SHAREABLE 0x0002
#define VIRGL_RENDERER_BLOB_FLAG_USE_CROSS_DEVICE 0x0004

#define VIRGL_RENDERER_MAP_CACHE_MASK 0x0f
#define VIRGL_RENDERER_MAP_CACHE_NONE 0x00
#define VIRGL_RENDERER_MAP_CACHE_CACHED 0x01
#define VIRGL_RENDERER_MAP_CACHE_UNCACHED 0x02
#define VIRGL_RENDERER_MAP_CACHE_WC 0x03

#define VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF 0x0001
#define VIRGL_RENDERER_BLOB_FD_TYPE_OPAQUE 0x0002
#define VIRGL_RENDERER_BLOB_FD_TYPE_SHM 0x0003

struct virgl_renderer_resource_create_blob_args {
    uint32_t res_handle;
    uint32_t ctx_id;
    uint32_t blob_mem;
    uint32_t blob_flags;
    uint64_t blob_id;
    uint64_t size;
    const struct iovec *iovecs;
    uint32_t num_iovs;
};

struct virgl_renderer_resource_import_blob_args {
    uint32_t res_handle;
    uint32_t blob_mem;
    uint32_t fd_type;
    int fd; /* the library's, on success only */
    uint64_t size;
};

VIRGL_EXPORT int
virgl_renderer_resource_create_blob(const struct virgl_renderer_resource_create_blob_args *args);
VIRGL_EXPORT int
virgl_renderer_resource_import_blob(const struct virgl_renderer_resource_import_blob_args *args);
VIRGL_EXPORT int virgl_renderer_resource_map(uint32_t res_handle, void **map, uint64_t *out_size);
VIRGL_EXPORT int virgl_renderer_resource_unmap(uint32_t res_handle);
/* Over what is at addr. -EOPNOTSUPP: this kind of memory cannot, resource_map() may. The mapping is
 * the caller's. */
VIRGL_EXPORT int virgl_renderer_resource_map_fixed(uint32_t res_handle, void *addr);
VIRGL_EXPORT int virgl_renderer_resource_get_map_info(uint32_t res_handle, uint32_t *map_info);
/* A new descriptor with each call. */
VIRGL_EXPORT int virgl_renderer_resource_export_blob(uint32_t res_id, uint32_t *fd_type, int *fd);

#ifdef VIRGL_RENDERER_UNSTABLE_APIS

/* A descriptor that polls readable once the fence has retired: a sync file where the host's driver
 * has one, else an eventfd. The second gives one of a fence that has retired. */
VIRGL_EXPORT int virgl_renderer_export_fence(uint64_t client_fence_id, int *fd);
VIRGL_EXPORT int virgl_renderer_export_signalled_fence(void);
VIRGL_EXPORT int virgl_renderer_submit_cmd2(void *buffer, int ctx_id, int ndw,
                                            uint64_t *in_fence_ids, uint32_t num_in_fences);
VIRGL_EXPORT int virgl_renderer_attach_fence(int ctx_id, int fence_fd);
VIRGL_EXPORT int virgl_renderer_get_fence_fd(uint64_t fence_id);
VIRGL_EXPORT int virgl_renderer_get_dev_fd(int ctx_id);

#endif

#ifdef __cplusplus
}
#endif

#endif
