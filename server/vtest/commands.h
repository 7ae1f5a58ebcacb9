/* What each message of vtest does. A command that cannot be carried out ends the connection: the
 * protocol knows no error reply. Reading thread only. */
#ifndef SRV_COMMANDS_H
#define SRV_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

#include "server/vtest/client.h"

enum srv_body {
    SRV_BODY_FIXED, /* so many dwords, whatever the header claims: upstream's server does so, too */
    SRV_BODY_DWORDS,
    SRV_BODY_BYTES,
};

struct srv_command {
    const char *name;
    /* `length` in units of the body. NULL: not served, `refused` says why. */
    void (*run)(struct srv_client *client, const uint32_t *body, size_t length);
    const char *refused;
    enum srv_body body;
    uint32_t length; /* of a fixed body; the least of another */
};

/* NULL if there is no command of that number. */
const struct srv_command *srv_command_find(uint32_t number);

/* SUBMIT_CMD2, see submit.c. */
void srv_run_submit_cmd2(struct srv_client *client, const uint32_t *body, size_t length);

/* 64 bits as two dwords, low one first. */
static inline uint64_t
srv_load_u64(const uint32_t *dwords)
{
    return dwords[0] | (uint64_t)dwords[1] << 32;
}

/* An array, to be freed, from triples {id, value low, value high}. NULL: out of memory. */
struct srv_sync_point *srv_load_points(const uint32_t *triples, size_t count);

#endif
