/* What a worker can do before it has a guest: load the host's driver, make an instance, look at the
 * devices, find out which of their memory guests can share. A worker that is forked ahead of its
 * client does so meanwhile, on a thread of its own, and the guest's vkCreateInstance finds it done.
 *
 * At most once in a process. */
#ifndef RND_WARM_UP_H
#define RND_WARM_UP_H

#include <stdint.h>

/* What warm-ups have found out, for processes of one build to send each other: plain data, whose
 * meaning is the renderer's (findings.h). */
struct rnd_findings {
    _Alignas(uint64_t) uint8_t bytes[6144];
};

/* Of this process: those it was given (rnd_findings_set(), or by fork) and those it has added. Any
 * thread. */
void rnd_findings_get(struct rnd_findings *out);
/* Replaces them by those of another process of ours. */
void rnd_findings_set(const struct rnd_findings *findings);

/* Begins. Takes over done_fd, an eventfd, which becomes readable when it is done: what it found out
 * is then among rnd_findings_get(). Without a thread to do it, it is done at once, and nothing is
 * warm. */
void rnd_warm_up_begin(int done_fd);
/* Until a warm-up that has begun is done. Any thread. */
void rnd_warm_up_wait(void);

#endif
