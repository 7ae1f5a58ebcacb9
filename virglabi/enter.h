/* How each function of the interface begins and ends. */
#ifndef ABI_ENTER_H
#define ABI_ENTER_H

#include "virglabi/library.h"

/* False, with nothing to leave: the library is not initialised. */
static inline bool
abi_enter(void)
{
    pthread_mutex_lock(&abi.calls);
    if (!abi.initialised) {
        pthread_mutex_unlock(&abi.calls);
        return false;
    }
    return true;
}

static inline void
abi_leave(void)
{
    pthread_mutex_unlock(&abi.calls);
}

#endif
