#ifndef TEST_WSI_EXTRAS_H
#define TEST_WSI_EXTRAS_H

#include "tests/wsi/presenter.h"

/* Needs a presenter with extras, and without a swapchain. */
void test_extras(struct presenter *presenter);

#endif
