#ifndef TEST_WSI_TIMING_H
#define TEST_WSI_TIMING_H

#include "tests/wsi/presenter.h"

/* When frames were seen. Needs a presenter with extras, and without a swapchain. */
void test_timing(struct presenter *presenter);
/* What the compositor of tests/wsi/compositor is told by each present mode. Likewise. */
void test_modes(struct presenter *presenter);
/* That compositor is given the images themselves, or linear dma-bufs that they are copied to, or,
 * if it refuses both, shared memory. Likewise. */
void test_direct(struct presenter *presenter);
void test_dma_bufs(struct presenter *presenter);
void test_no_dma_bufs(struct presenter *presenter);
/* Dma-bufs of either kind come with points on timelines, or without. Likewise. */
void test_explicit(struct presenter *presenter);
void test_implicit(struct presenter *presenter);
/* That it is given shared memory which is a dma-buf: in a guest. Likewise. */
void test_shared_dma_bufs(struct presenter *presenter);
/* A window that nobody sees: frames go on, and count as presented. Likewise. */
void test_unseen(struct presenter *presenter);

#endif
