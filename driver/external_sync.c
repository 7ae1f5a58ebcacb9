/* Fences and semaphores as file descriptors: VK_KHR_external_fence_fd and
 * VK_KHR_external_semaphore_fd, kept in the guest on any host (docs/sync.md). */
#include "base/fd.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/sync.h"
#include "driver/sync_file.h"

struct drv_payload *
drv_external_payload(const struct drv_external *external)
{
    switch (external->temporary.kind) {
    case DRV_TEMPORARY_NONE: return external->payload;
    case DRV_TEMPORARY_PAYLOAD: return external->temporary.payload;
    default: return NULL;
    }
}

void
drv_external_drop_temporary(struct drv_device *device, struct drv_external *external)
{
    struct drv_temporary old = external->temporary;
    external->temporary = (struct drv_temporary){.kind = DRV_TEMPORARY_NONE, .file = -1};
    switch (old.kind) {
    case DRV_TEMPORARY_NONE:
    case DRV_TEMPORARY_SIGNALED: break;
    case DRV_TEMPORARY_PAYLOAD: drv_exchange_unref(&device->exchange, old.payload); break;
    case DRV_TEMPORARY_FILE: base_fd_close(&old.file); break;
    }
}

void
drv_external_finish(struct drv_device *device, struct drv_external *external)
{
    drv_external_drop_temporary(device, external);
    drv_exchange_unref(&device->exchange, external->payload);
    external->payload = NULL;
}

VkResult
drv_external_status(struct drv_device *device, const struct drv_external *external)
{
    struct drv_payload *payload = drv_external_payload(external);
    if (payload) {
        return drv_exchange_look(&device->exchange, payload, 1);
    }
    bool signaled = external->temporary.kind == DRV_TEMPORARY_SIGNALED ||
                    drv_sync_file_has_signaled(external->temporary.file);
    return signaled ? VK_SUCCESS : VK_NOT_READY;
}

bool
drv_external_watch(struct drv_device *device, struct drv_watch *watch,
                   const struct drv_external *external, uint64_t value)
{
    struct drv_payload *payload = drv_external_payload(external);
    if (!drv_feedback_prepare(&device->feedback)) {
        return false;
    }
    if (payload) {
        return !drv_exchange_needs_watch(&device->exchange, payload, value) ||
               drv_watch_payload(watch, payload, value);
    }
    return external->temporary.kind != DRV_TEMPORARY_FILE ||
           drv_watch_sync_file(watch, external->temporary.file);
}

/* --- importing --- */

static void
set_temporary(struct drv_device *device, struct drv_external *external,
              struct drv_temporary temporary)
{
    drv_external_drop_temporary(device, external);
    external->temporary = temporary;
    atomic_store(&device->exchange.used, true);
}

/* Copy transference, and always temporary. */
static VkResult
import_sync_file(struct drv_device *device, struct drv_external *external, int fd)
{
    if (fd == -1) {
        set_temporary(device, external, (struct drv_temporary){.kind = DRV_TEMPORARY_SIGNALED});
        return VK_SUCCESS;
    }
    if (!drv_sync_file_is_one(fd)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    set_temporary(device, external, (struct drv_temporary){.kind = DRV_TEMPORARY_FILE, .file = fd});
    return VK_SUCCESS;
}

/* Reference transference. */
static VkResult
import_opaque(struct drv_device *device, struct drv_external *external, enum drv_payload_kind kind,
              bool temporary, int fd)
{
    struct drv_payload *payload;
    VkResult result = drv_exchange_import(&device->exchange, kind, fd, &payload);
    if (result != VK_SUCCESS) {
        return result;
    }
    if (temporary) {
        set_temporary(device, external,
                      (struct drv_temporary){.kind = DRV_TEMPORARY_PAYLOAD, .payload = payload});
        return VK_SUCCESS;
    }
    drv_external_finish(device, external);
    external->payload = payload;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ImportFenceFdKHR(VkDevice handle, const VkImportFenceFdInfoKHR *info)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_external *external = &drv_fence_from(info->fence)->external;
    switch (info->handleType) {
    case VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT:
        return import_sync_file(device, external, info->fd);
    case VK_EXTERNAL_FENCE_HANDLE_TYPE_OPAQUE_FD_BIT:
        return import_opaque(device, external, DRV_PAYLOAD_FENCE,
                             info->flags & VK_FENCE_IMPORT_TEMPORARY_BIT, info->fd);
    default: return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ImportSemaphoreFdKHR(VkDevice handle, const VkImportSemaphoreFdInfoKHR *info)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_semaphore *semaphore = drv_semaphore_from(info->semaphore);
    enum drv_payload_kind kind = semaphore->timeline ? DRV_PAYLOAD_TIMELINE : DRV_PAYLOAD_BINARY;
    switch (info->handleType) {
    case VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT:
        return semaphore->timeline ? VK_ERROR_INVALID_EXTERNAL_HANDLE
                                   : import_sync_file(device, &semaphore->external, info->fd);
    case VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT:
        return import_opaque(device, &semaphore->external, kind,
                             info->flags & VK_SEMAPHORE_IMPORT_TEMPORARY_BIT, info->fd);
    default: return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
}

/* --- exporting --- */

static VkResult
copy_descriptor(int fd, int *out)
{
    int copy = base_fd_duplicate(fd);
    if (copy < 0) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    *out = copy;
    return VK_SUCCESS;
}

/* Of the state that the object has now. `value` is what a signalled payload has got to. */
static VkResult
export_sync_file(struct drv_device *device, const struct drv_external *external, uint64_t value,
                 int *out)
{
    struct drv_payload *payload = drv_external_payload(external);
    if (payload) {
        return drv_exchange_export_sync_file(&device->exchange, payload, value, out);
    }
    switch (external->temporary.kind) {
    case DRV_TEMPORARY_FILE: return copy_descriptor(external->temporary.file, out);
    case DRV_TEMPORARY_SIGNALED: return drv_exchange_export_signaled(&device->exchange, out);
    default: return VK_ERROR_TOO_MANY_OBJECTS; /* created without a word of exporting it */
    }
}

static VkResult
export_opaque(struct drv_device *device, const struct drv_external *external, int *out)
{
    struct drv_payload *payload = drv_external_payload(external);
    return payload ? drv_exchange_export(&device->exchange, payload, out)
                   : VK_ERROR_TOO_MANY_OBJECTS;
}

/* Copying a fence's payload resets the fence. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_GetFenceFdKHR(VkDevice handle, const VkFenceGetFdInfoKHR *info, int *pFd)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_external *external = &drv_fence_from(info->fence)->external;
    *pFd = -1;
    if (info->handleType != VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT) {
        return export_opaque(device, external, pFd);
    }
    VkResult result = export_sync_file(device, external, 1, pFd);
    if (result == VK_SUCCESS) {
        result = drv_ResetFences(handle, 1, &info->fence);
    }
    if (result != VK_SUCCESS) {
        base_fd_close(pFd);
    }
    return result;
}

/* Copying a semaphore's payload is a wait operation: a temporary one is gone, and the next signal
 * is another one. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_GetSemaphoreFdKHR(VkDevice handle, const VkSemaphoreGetFdInfoKHR *info, int *pFd)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_external *external = &drv_semaphore_from(info->semaphore)->external;
    struct drv_payload *payload = drv_external_payload(external);
    *pFd = -1;
    if (info->handleType != VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT) {
        return export_opaque(device, external, pFd);
    }
    uint64_t promised = payload ? drv_payload_promised(payload) : 0;
    VkResult result = export_sync_file(device, external, promised, pFd);
    if (result == VK_SUCCESS) {
        drv_external_drop_temporary(device, external);
    }
    return result;
}
