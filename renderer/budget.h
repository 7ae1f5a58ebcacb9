/* What one context may make its process hold in the host's RAM: accounts for each kind, all part of
 * one whole. The whole is what VESPER_CONTEXT_MEMORY in the server's environment says, or most of
 * the RAM there is. docs/security.md tells what counts and why. Any thread. */
#ifndef RND_BUDGET_H
#define RND_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/account.h"
#include "base/attributes.h"

/* At most, of any whole. */
#define RND_MAX_DECODING (UINT64_C(2) << 30)
#define RND_MAX_SHARED_MEMORY (UINT64_C(4) << 30)
/* A whole is not smaller: our driver's instance alone needs some of it. */
#define RND_MIN_BUDGET (UINT64_C(64) << 20)

struct rnd_budget {
    struct base_account whole;
    struct base_account decoding; /* commands while they run, and the copies they are run from */
    struct base_account shared;   /* shared memory (blob id 0): rings, streams, replies, feedback */
    struct base_account memory;   /* of VkDeviceMemory objects, in RAM */
    _Atomic bool told;            /* that something did not fit */
};

void rnd_budget_init(struct rnd_budget *budget);
/* The bytes that a setting such as "512M" or "8G" stands for, not fewer than RND_MIN_BUDGET. False:
 * it is none. */
BASE_MUST_CHECK bool rnd_budget_parse(const char *setting, uint64_t *out);

/* Charges one of the accounts. False, and the log has said why, the first time as a warning: it
 * does not fit. `name` is the context's, `what` is to be held. */
BASE_MUST_CHECK bool rnd_budget_charge(struct rnd_budget *budget, struct base_account *account,
                                       const char *name, const char *what, uint64_t bytes);
/* Charged memory, or NULL. It is free()d, and given back to the account, by the caller. */
BASE_MUST_CHECK void *rnd_budget_alloc(struct rnd_budget *budget, struct base_account *account,
                                       const char *name, const char *what, size_t bytes);

#endif
