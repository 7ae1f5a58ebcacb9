/* Stands for virtgpu.c in builds without libdrm. */
#include "base/log.h"
#include "transport/transport.h"

enum tp_result
tp_virtgpu_create(bool wanted, struct tp_transport **out)
{
    if (!wanted) {
        return TP_NO_DEVICE;
    }
    base_log_error("VESPER_TRANSPORT=virtgpu: this driver was built without libdrm, so it cannot "
                   "reach a virtio-gpu device: install libdrm's headers and build with "
                   "-Dvirtgpu=enabled");
    return TP_LOST;
}
