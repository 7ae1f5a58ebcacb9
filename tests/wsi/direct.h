#ifndef TEST_WSI_DIRECT_H
#define TEST_WSI_DIRECT_H

#include "tests/wsi/presenter.h"

/* Whatever way frames go. Need a presenter with extras, and without a swapchain. */

/* What an image shows stays in it while the window has it, however it is acquired again. */
void test_kept(struct presenter *presenter);
/* Images of the application's own that are bound to a swapchain's memory. */
void test_alias(struct presenter *presenter);
/* Swapchains of ever other sizes, each made while the frames of the last are on their way. */
void test_storm(struct presenter *presenter);

#endif
