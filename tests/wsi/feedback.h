/* A compositor of Wayland that takes other dma-bufs for a window in full screen. */
#ifndef TEST_WSI_FEEDBACK_H
#define TEST_WSI_FEEDBACK_H

#include "tests/wsi/presenter.h"

void test_feedback(struct presenter *presenter);

#endif
