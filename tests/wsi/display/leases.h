/* VK_EXT_acquire_xlib_display: displays that an X server lends. */
#ifndef TEST_WSI_LEASES_H
#define TEST_WSI_LEASES_H

#include "tests/wsi/presenter.h"

/* A server as it is: Xvfb lends nothing. */
void test_not_lent(struct presenter *presenter);
/* By the stand-in in the file that FAKE_RANDR names. */
void test_lent(struct presenter *presenter);

#endif
