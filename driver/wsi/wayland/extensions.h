/* The protocols of Wayland beyond its core that we speak, sent to the library that was loaded: its
 * names must be known before theirs are. */
#ifndef WSI_WAYLAND_EXTENSIONS_H
#define WSI_WAYLAND_EXTENSIONS_H

#include "driver/wsi/wayland/library.h"

#include "driver/color-management-v1-protocol.h"
#include "driver/commit-timing-v1-protocol.h"
#include "driver/fifo-v1-protocol.h"
#include "driver/linux-dmabuf-unstable-v1-protocol.h"
#include "driver/linux-drm-syncobj-v1-protocol.h"
#include "driver/presentation-time-protocol.h"
#include "driver/tearing-control-v1-protocol.h"

#endif
