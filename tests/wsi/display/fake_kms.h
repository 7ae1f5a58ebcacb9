/* libdrm and a kernel with displays, for tests: a shared library with libdrm's own soname. A
 * program that loads it before anybody asks for libdrm gets this one from then on, as does all it
 * loads.
 *
 * One device: two CRTCs; connector 1 with a monitor on it, where a console is shown, and connector
 * 2 without. Its descriptors are of one memfd, so buffers can be mapped from them; every flip is
 * confirmed by drmHandleEvent(), which sleeps until it has happened. */
#ifndef TEST_FAKE_KMS_H
#define TEST_FAKE_KMS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    FAKE_KMS_WIDTH = 320,
    FAKE_KMS_HEIGHT = 200,
    FAKE_KMS_FIRST_CONNECTOR = 31,
    FAKE_KMS_SECOND_CONNECTOR = 32,
    FAKE_KMS_CONSOLE = 1, /* its framebuffer */
};

/* The program may look and meddle while others flip. */
struct fake_kms {
    _Atomic bool no_vblanks;   /* flips are done at once, and not counted */
    _Atomic bool no_async;     /* flips cannot tear */
    _Atomic bool plugged[2];   /* a monitor is on the connector */
    _Atomic bool never_flips;  /* flips are accepted and never confirmed */
    _Atomic int master;        /* the descriptor that is; -1: none */
    _Atomic uint32_t shown[2]; /* the framebuffer on each CRTC; 0: none */
    _Atomic uint32_t flips;    /* that happened */
    _Atomic uint32_t async;    /* of these: at once */
    _Atomic uint64_t dpms[2];  /* each connector's power: 0 is on */
    _Atomic uint32_t live;     /* framebuffers and buffers that exist, but for the console */
};

/* The library's variable fake_kms. */
typedef struct fake_kms fake_kms_state;

#endif
