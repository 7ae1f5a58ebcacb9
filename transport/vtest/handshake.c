/* What is said before the first command, in upstream's order, which servers of any age understand.
 * One thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "transport/vtest/vtest.h"
#include "wire/capset.h"
#include "wire/vtest.h"

enum {
    MAX_CAPSET_SIZE = 1 << 16, /* bytes; today's have 160 to 176 */
};

static bool
introduce(struct vtest *vtest)
{
    const char *name = program_invocation_short_name;
    size_t size = strlen(name) + 1;

    return vtest_send(vtest, &(struct vtest_message){.command = WIRE_VTEST_CREATE_RENDERER,
                                                     .body = name,
                                                     .body_size = size,
                                                     .length = size});
}

/* Servers of version 0 know no ping and say nothing. So a second question, which all know, follows
 * at once: what is answered first tells the two apart. */
static bool
ping(struct vtest *vtest)
{
    static const uint32_t messages[] = {
        0, WIRE_VTEST_PING_PROTOCOL_VERSION, 2, WIRE_VTEST_RESOURCE_BUSY_WAIT, 0, 0};
    struct vtest_message both = {
        .command = messages[1],
        .body = messages + WIRE_VTEST_HEADER_DWORDS,
        .body_size = sizeof(messages) - WIRE_VTEST_HEADER_DWORDS * sizeof(messages[0]),
        .length = 0,
    };
    uint32_t busy;

    if (!vtest_request(vtest, &both)) {
        return false;
    }
    bool ok = vtest_read_answer(vtest, WIRE_VTEST_PING_PROTOCOL_VERSION, NULL, 0) &&
              vtest_read_answer(vtest, WIRE_VTEST_RESOURCE_BUSY_WAIT, &busy, 1);
    vtest_end_answer(vtest);
    return ok;
}

static bool
negotiate_version(struct vtest *vtest)
{
    uint32_t version = WIRE_VTEST_VERSION;
    char why[96];

    if (!vtest_ask(vtest, WIRE_VTEST_PROTOCOL_VERSION, &version, 1, &version, 1)) {
        return false;
    }
    if (version < WIRE_VTEST_MIN_VERSION || version > WIRE_VTEST_VERSION) {
        snprintf(why, sizeof(why), "the server speaks version %u of vtest, %d or %d is needed",
                 version, WIRE_VTEST_MIN_VERSION, WIRE_VTEST_VERSION);
        vtest_lose(vtest, why);
        return false;
    }
    return true;
}

/* Without timelines no fence could be waited for. */
static bool
check_timelines(struct vtest *vtest)
{
    uint32_t param = WIRE_VTEST_PARAM_MAX_TIMELINE_COUNT, answer[2];

    if (!vtest_ask(vtest, WIRE_VTEST_GET_PARAM, &param, 1, answer, 2)) {
        return false;
    }
    if (!answer[0] || answer[1] == 0) {
        vtest_lose(vtest, "the server has no fence timelines (is VIRGL_DISABLE_MT set for it?)");
        return false;
    }
    return true;
}

static bool
skip_bytes(struct vtest *vtest, size_t size)
{
    uint8_t unused[256];

    while (size > 0) {
        size_t part = size < sizeof(unused) ? size : sizeof(unused);
        if (!vtest_read(vtest, unused, part)) {
            return false;
        }
        size -= part;
    }
    return true;
}

/* A shorter capset leaves zeroes, a longer one's rest is news to us. */
static bool
read_capset(struct vtest *vtest)
{
    struct wire_capset *capset = &vtest->base.capset;
    uint32_t length, valid;

    if (!vtest_read_header(vtest, WIRE_VTEST_GET_CAPSET, &length)) {
        return false;
    }
    if (length == 0 || length - 1 > MAX_CAPSET_SIZE / sizeof(uint32_t)) {
        vtest_lose(vtest, "the server's capability set has no sensible size");
        return false;
    }
    if (!vtest_read(vtest, &valid, sizeof(valid))) {
        return false;
    }
    if (!valid) {
        vtest_lose(vtest, "the server has no Venus; start it with --venus");
        return false;
    }
    size_t offered = (length - 1) * sizeof(uint32_t);
    size_t taken = offered < sizeof(*capset) ? offered : sizeof(*capset);
    return vtest_read(vtest, capset, taken) && skip_bytes(vtest, offered - taken);
}

static bool
get_capset(struct vtest *vtest)
{
    static const uint32_t wanted[] = {WIRE_CAPSET_ID, WIRE_CAPSET_VERSION};

    if (!vtest_request(vtest, &(struct vtest_message){.command = WIRE_VTEST_GET_CAPSET,
                                                      .body = wanted,
                                                      .body_size = sizeof(wanted),
                                                      .length = BASE_COUNT_OF(wanted)})) {
        return false;
    }
    bool ok = read_capset(vtest);
    vtest_end_answer(vtest);
    return ok;
}

static bool
init_context(struct vtest *vtest)
{
    static const uint32_t capset_id = WIRE_CAPSET_ID;

    return vtest_send(vtest, &(struct vtest_message){.command = WIRE_VTEST_CONTEXT_INIT,
                                                     .body = &capset_id,
                                                     .body_size = sizeof(capset_id),
                                                     .length = 1});
}

bool
vtest_shake_hands(struct vtest *vtest)
{
    return introduce(vtest) && ping(vtest) && negotiate_version(vtest) && check_timelines(vtest) &&
           get_capset(vtest) && init_context(vtest);
}
