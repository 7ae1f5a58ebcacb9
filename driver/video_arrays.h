/* Arrays in the structures of video codecs whose length no neighbour tells: the wire carries as
 * many elements as a codec has at most, and here what the application has of them is put at the
 * front of that many. Single thread. */
#ifndef DRV_VIDEO_ARRAYS_H
#define DRV_VIDEO_ARRAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "driver/scratch.h"

/* A copy of the chain in which all are long enough. `operating_points`: how many the AV1 sequence
 * has of them, for the times that a picture says for each; 0: it has none, or is no AV1. False: out
 * of memory. */
BASE_MUST_CHECK bool drv_video_arrays_widen(struct drv_scratch *scratch, const void *chain,
                                            uint32_t operating_points, void **out);

#endif
