/* The modifiers of the tests' stand-ins for a GPU's driver and for libgbm. */
#ifndef TEST_MODIFIERS_H
#define TEST_MODIFIERS_H

#include <stdint.h>

#define TEST_MODIFIER_LINEAR UINT64_C(0) /* DRM_FORMAT_MOD_LINEAR */
/* Of no vendor that there is: linear, and one more plane, of metadata. */
#define TEST_MODIFIER_METADATA UINT64_C(0xfe00000000000001)

/* Debian 12's gbm.h does not have it. */
#define TEST_FOURCC_P010 UINT32_C(0x30313050)

#endif
