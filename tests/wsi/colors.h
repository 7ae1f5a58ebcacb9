/* VK_EXT_swapchain_colorspace and VK_EXT_hdr_metadata, on the tests' own compositor. */
#ifndef TEST_WSI_COLORS_H
#define TEST_WSI_COLORS_H

#include "tests/wsi/presenter.h"

void test_colors(struct presenter *presenter);
/* The compositor manages none. */
void test_no_colors(struct presenter *presenter);

#endif
