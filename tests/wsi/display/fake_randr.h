/* libxcb-randr and the part of an X server behind it that lends displays, for tests: a shared
 * library with libxcb-randr's own soname. One output, on the first connector of fake_kms.h. */
#ifndef TEST_FAKE_RANDR_H
#define TEST_FAKE_RANDR_H

#include <stdint.h>

enum {
    FAKE_RANDR_OUTPUT = 81,
    FAKE_RANDR_CRTC = 83, /* the other one that it could have is in use */
};

struct fake_randr {
    int lease_fd; /* what the next lease gives away; -1: refused */
    uint32_t leased_output, leased_crtc;
};

/* The library's variable fake_randr. */
typedef struct fake_randr fake_randr_state;

#endif
