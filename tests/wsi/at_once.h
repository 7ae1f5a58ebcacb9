/* Frames of Wayland that are committed within vkQueuePresentKHR. */
#ifndef TEST_WSI_AT_ONCE_H
#define TEST_WSI_AT_ONCE_H

#include "tests/wsi/presenter.h"

/* With explicit synchronisation, and fifo-v1: every frame, whatever the GPU has to do yet. */
void test_at_once(struct presenter *presenter);
/* By VESPER_PRESENT_WAITS=1: every frame, once it is done. */
void test_at_once_waiting(struct presenter *presenter);
/* Without fifo-v1: those that no other frame is to be seen before. */
void test_at_once_paced(struct presenter *presenter);

#endif
