/* The client's side of vtest. Inside this folder only.
 *
 * Locks: `sending` is held while a message is written, `receiving` while its answer is read. A
 * request takes `receiving` before it lets go of `sending`, so answers are read in the order of the
 * requests, and those who only send never wait for somebody else's answer. */
#ifndef TP_VTEST_H
#define TP_VTEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "transport/transport.h"

struct vtest {
    struct tp_transport base;
    int socket;        /* constant until destroy; shut down when the peer is lost */
    char path[108];    /* constant; for messages */
    _Atomic bool lost; /* any thread sets it once */

    pthread_mutex_t sending;
    pthread_mutex_t receiving;
};

/* One message, or the first part of one whose rest is elsewhere. */
struct vtest_message {
    uint32_t command;
    const void *body;
    size_t body_size; /* bytes */
    const void *tail; /* more body; may be NULL */
    size_t tail_size; /* bytes */
    const int *fd;    /* a descriptor that follows; may be NULL */
    size_t length;    /* what the header says: dwords, for CREATE_RENDERER bytes */
};

/* The peer is gone or makes no sense. `why` is logged once. Always TP_LOST. */
enum tp_result vtest_lose(struct vtest *vtest, const char *why);

/* --- messages.c: false after vtest_lose() --- */

/* Sends a message that has no answer. */
BASE_MUST_CHECK bool vtest_send(struct vtest *vtest, const struct vtest_message *message);
/* Sends a request, then holds `receiving` until vtest_end_answer(); on false it is not held. */
BASE_MUST_CHECK bool vtest_request(struct vtest *vtest, const struct vtest_message *message);
/* The answer's header: the command must be this one; *out_length is what the peer claims. */
BASE_MUST_CHECK bool vtest_read_header(struct vtest *vtest, uint32_t command, uint32_t *out_length);
BASE_MUST_CHECK bool vtest_read(struct vtest *vtest, void *to, size_t size);
/* A whole answer of exactly `count` dwords. */
BASE_MUST_CHECK bool vtest_read_answer(struct vtest *vtest, uint32_t command, uint32_t *answer,
                                       size_t count);
/* A descriptor that the caller owns; -1 after vtest_lose(). */
BASE_MUST_CHECK int vtest_read_fd(struct vtest *vtest);
void vtest_end_answer(struct vtest *vtest);

/* A request of dwords whose answer has exactly `answer_count` dwords. */
BASE_MUST_CHECK bool vtest_ask(struct vtest *vtest, uint32_t command, const uint32_t *body,
                               size_t count, uint32_t *answer, size_t answer_count);

/* --- handshake.c --- */

/* Up to and including CONTEXT_INIT; fills the capset. */
BASE_MUST_CHECK bool vtest_shake_hands(struct vtest *vtest);

#endif
