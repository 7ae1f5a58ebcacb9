#include "base/account.h"

#include <assert.h>

static bool
charge_one(struct base_account *account, uint64_t bytes)
{
    uint64_t before = atomic_load(&account->bytes);
    do {
        if (bytes > account->limit - before) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&account->bytes, &before, before + bytes));
    return true;
}

bool
base_account_charge(struct base_account *account, uint64_t bytes)
{
    if (!account) {
        return true;
    }
    if (!charge_one(account, bytes)) {
        return false;
    }
    if (!base_account_charge(account->wider, bytes)) {
        atomic_fetch_sub(&account->bytes, bytes);
        return false;
    }
    return true;
}

void
base_account_give_back(struct base_account *account, uint64_t bytes)
{
    for (; account; account = account->wider) {
        uint64_t before = atomic_fetch_sub(&account->bytes, bytes);
        assert(before >= bytes);
        (void)before;
    }
}
