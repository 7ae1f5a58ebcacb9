/* VK_EXT_present_timing: when single frames came where, and not before their time. */
#ifndef TEST_WSI_PRESENT_TIMING_H
#define TEST_WSI_PRESENT_TIMING_H

#include "tests/wsi/presenter.h"

#ifdef VK_EXT_present_timing
void test_present_timing(struct presenter *presenter);
#endif

#endif
