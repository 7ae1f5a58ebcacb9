#include "renderer/budget.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define VARIABLE "VESPER_CONTEXT_MEMORY"

/* What vkAllocateMemory leaves of the whole, so that a guest whose memory is used up still has room
 * for the commands by which it frees some. */
#define LARGEST_RESERVE (UINT64_C(1) << 30)

/* Seven eighths of the RAM: Linux gives native applications three quarters as memory that a GPU
 * reaches, and those fit without the reserve. */
static uint64_t
default_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t ram = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    uint64_t limit = ram / 8 * 7;
    return limit > RND_MIN_BUDGET ? limit : RND_MIN_BUDGET;
}

/* The power of two that a unit multiplies by; -1: it is none. */
static int
shift_of(const char *unit)
{
    static const char units[] = "KMGT";
    if (!*unit) {
        return 0;
    }
    const char *found = strchr(units, *unit);
    return found && !unit[1] ? 10 * (int)(found - units + 1) : -1;
}

bool
rnd_budget_parse(const char *setting, uint64_t *out)
{
    char *end;
    if (*setting < '0' || *setting > '9') {
        return false; /* strtoull() takes signs and spaces */
    }
    errno = 0;
    unsigned long long count = strtoull(setting, &end, 10);
    int shift = shift_of(end);
    if (errno || shift < 0 || count > UINT64_MAX >> shift || count << shift < RND_MIN_BUDGET) {
        return false;
    }
    *out = count << shift;
    return true;
}

static uint64_t
limit_from_environment(void)
{
    const char *setting = getenv(VARIABLE);
    uint64_t limit = default_limit();
    if (setting && *setting && !rnd_budget_parse(setting, &limit)) {
        base_log_error(VARIABLE "=%s is no size from %" PRIu64
                                "M on, such as 512M or 8G; a context may hold %" PRIu64 " bytes",
                       setting, RND_MIN_BUDGET >> 20, limit);
    }
    return limit;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void
init_part(struct base_account *account, struct rnd_budget *budget, uint64_t limit)
{
    atomic_init(&account->bytes, 0);
    account->limit = limit;
    account->wider = &budget->whole;
}

void
rnd_budget_init(struct rnd_budget *budget)
{
    uint64_t limit = limit_from_environment();
    atomic_init(&budget->whole.bytes, 0);
    budget->whole.limit = limit;
    budget->whole.wider = NULL;
    init_part(&budget->decoding, budget, least(limit, RND_MAX_DECODING));
    init_part(&budget->shared, budget, least(limit, RND_MAX_SHARED_MEMORY));
    init_part(&budget->memory, budget, limit - least(limit / 8, LARGEST_RESERVE));
    atomic_init(&budget->told, false);
}

bool
rnd_budget_charge(struct rnd_budget *budget, struct base_account *account, const char *name,
                  const char *what, uint64_t bytes)
{
    if (base_account_charge(account, bytes)) {
        return true;
    }
    enum base_log_level level =
        atomic_exchange(&budget->told, true) ? BASE_LOG_DEBUG : BASE_LOG_WARN;
    base_log(level,
             "context %s: no %" PRIu64 " bytes of %s: it holds %" PRIu64 " of at most %" PRIu64
             " bytes, and %" PRIu64 " of %" PRIu64 " in all; " VARIABLE " bounds what a context "
             "may hold",
             name, bytes, what, atomic_load(&account->bytes), account->limit,
             atomic_load(&budget->whole.bytes), budget->whole.limit);
    return false;
}

void *
rnd_budget_alloc(struct rnd_budget *budget, struct base_account *account, const char *name,
                 const char *what, size_t bytes)
{
    if (!rnd_budget_charge(budget, account, name, what, bytes)) {
        return NULL;
    }
    void *memory = malloc(bytes);
    if (!memory) {
        base_account_give_back(account, bytes);
    }
    return memory;
}
