/* Bytes that several holders may have together, up to a limit. What is charged to an account is
 * charged to the wider one that it is part of, too. An account outlives whoever has charged it. Any
 * thread. */
#ifndef BASE_ACCOUNT_H
#define BASE_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

struct base_account {
    _Atomic uint64_t bytes; /* never more than the limit */
    /* Constant. */
    uint64_t limit;
    struct base_account *wider; /* NULL: there is none */
};

/* False, and nothing is charged, if that would exceed a limit. NULL accounts take anything. */
BASE_MUST_CHECK bool base_account_charge(struct base_account *account, uint64_t bytes);
void base_account_give_back(struct base_account *account, uint64_t bytes);

#endif
