#include "renderer/findings.h"

#include <pthread.h>
#include <string.h>

#include "renderer/warm_up.h"

struct finding {
    struct rnd_finding_key key;
    struct rnd_memory_abilities abilities;
};

/* What rnd_findings are to us. */
struct table {
    uint32_t count;
    struct finding items[RND_MAX_FINDINGS];
};

_Static_assert(sizeof(struct table) <= sizeof(struct rnd_findings), "the findings must fit");

static struct table known;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards it */

void
rnd_findings_get(struct rnd_findings *out)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&lock);
    memcpy(out->bytes, &known, sizeof(known));
    pthread_mutex_unlock(&lock);
}

void
rnd_findings_set(const struct rnd_findings *findings)
{
    pthread_mutex_lock(&lock);
    memcpy(&known, findings->bytes, sizeof(known));
    if (known.count > RND_MAX_FINDINGS) {
        known.count = 0;
    }
    pthread_mutex_unlock(&lock);
}

static const struct finding *
find_locked(const struct rnd_finding_key *key)
{
    for (uint32_t i = 0; i < known.count; i++) {
        if (memcmp(&known.items[i].key, key, sizeof(*key)) == 0) {
            return &known.items[i];
        }
    }
    return NULL;
}

bool
rnd_findings_look_up(const struct rnd_finding_key *key, struct rnd_memory_abilities *out)
{
    pthread_mutex_lock(&lock);
    const struct finding *finding = find_locked(key);
    if (finding) {
        *out = finding->abilities;
    }
    pthread_mutex_unlock(&lock);
    return finding != NULL;
}

void
rnd_findings_add(const struct rnd_finding_key *key, const struct rnd_memory_abilities *abilities)
{
    pthread_mutex_lock(&lock);
    if (!find_locked(key) && known.count < RND_MAX_FINDINGS) {
        known.items[known.count++] = (struct finding){.key = *key, .abilities = *abilities};
    }
    pthread_mutex_unlock(&lock);
}
