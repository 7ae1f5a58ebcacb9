#include "protocol/runtime/reply.h"

#include <string.h>

#include "protocol/runtime/object.h"

void
proto_reply_command(struct wire_reader *in, int32_t number)
{
    if (wire_read_i32(in) != number) {
        in->failed = true;
    }
}

static void
reply_chain(struct wire_reader *in, VkBaseOutStructure *next)
{
    if (wire_read_u64(in) == 0) {
        return;
    }
    int32_t stype = wire_read_i32(in);
    while (next && (int32_t)next->sType != stype) {
        next = next->pNext;
    }
    if (!next || in->failed) {
        in->failed = true;
        return;
    }
    reply_chain(in, next->pNext);
    int index = proto_chain_index(stype);
    if (index < 0 || !proto_chain_reply_table[index]) {
        in->failed = true;
        return;
    }
    if (!in->failed) {
        proto_chain_reply_table[index](in, next);
    }
}

void
proto_reply_base(struct wire_reader *in, void *base, VkStructureType stype)
{
    VkBaseOutStructure *s = base;
    if (wire_read_i32(in) != (int32_t)stype) {
        in->failed = true;
        return;
    }
    reply_chain(in, s->pNext);
}

bool
proto_reply_pointer(struct wire_reader *in, const void *target)
{
    bool present = wire_read_u64(in) != 0;
    if (present && !target) {
        in->failed = true;
    }
    return present && !in->failed;
}

size_t
proto_reply_array(struct wire_reader *in, const void *target, size_t limit, uint64_t now)
{
    uint64_t count = wire_read_u64(in);
    if (count > limit || (target && limit > 0 && now > limit)) {
        in->failed = true;
    }
    return in->failed ? 0 : (size_t)count;
}

bool
proto_reply_fixed(struct wire_reader *in, size_t dimension)
{
    if (wire_read_u64(in) != dimension) {
        in->failed = true;
    }
    return !in->failed;
}

void
proto_reply_bytes(struct wire_reader *in, void *target, size_t size)
{
    const uint8_t *bytes = wire_read_bytes(in, size);
    if (bytes && size > 0) {
        memcpy(target, bytes, size);
    }
}

void
proto_reply_absent(struct wire_reader *in)
{
    if (wire_read_u64(in) != 0) {
        in->failed = true;
    }
}

bool
proto_reply_handle(struct wire_reader *in, uint64_t handle)
{
    uint64_t id = wire_read_u64(in);
    if (id != 0 && id != proto_object_id(handle)) {
        in->failed = true;
    }
    return id != 0 && !in->failed;
}

VkResult
proto_call_end(struct proto_client *client, struct proto_call *call, const char *command,
               VkResult result)
{
    bool failed = call->in.failed;
    client->ops->end(client, call);
    if (failed) {
        client->ops->broken(client, command);
        return VK_ERROR_DEVICE_LOST;
    }
    return result;
}

void
proto_zero_out(void *out, size_t size, bool has_stype)
{
    size_t head = has_stype ? sizeof(VkBaseOutStructure) : 0;
    memset((char *)out + head, 0, size - head);
}
