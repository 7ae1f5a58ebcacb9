#include "renderer/plain_buffer.h"

#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/external.h"
#include "renderer/memory.h"

#define TRANSFER (VK_BUFFER_USAGE_2_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_2_TRANSFER_DST_BIT)

static VkBufferUsageFlags2
usage_of(const VkBufferCreateInfo *info)
{
    const VkBufferUsageFlags2CreateInfo *usage =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_BUFFER_USAGE_FLAGS_2_CREATE_INFO);
    return usage ? usage->usage : info->usage;
}

/* One that is captured and replayed has its address once. */
bool
rnd_plain_buffer_is_wanted(const struct rnd_device *device, const VkBufferCreateInfo *info,
                           const struct rnd_external *external)
{
    return device->host_image_copy &&
           atomic_load(&device->plain_buffers) != RND_PLAIN_BUFFERS_NONE && info->flags == 0 &&
           external->host != 0 && external->guest == 0 && (usage_of(info) & ~TRANSFER) == 0;
}

static uint32_t
types_of(const struct rnd_device *device, VkBuffer buffer)
{
    VkMemoryRequirements requirements;
    device->table.GetBufferMemoryRequirements(device->handle, buffer, &requirements);
    return requirements.memoryTypeBits;
}

VkResult
rnd_plain_buffer_create(struct rnd_device *device, const VkBufferCreateInfo *info, VkBuffer shared,
                        struct rnd_buffer *buffer)
{
    if (!rnd_plain_buffer_is_wanted(device, info, &buffer->external)) {
        return VK_SUCCESS;
    }
    VkBuffer plain;
    rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
    VkResult result = device->table.CreateBuffer(device->handle, info, NULL, &plain);
    if (result != VK_SUCCESS) {
        return result;
    }
    if ((types_of(device, plain) & ~types_of(device, shared)) == 0) {
        enum rnd_plain_buffers unknown = RND_PLAIN_BUFFERS_UNKNOWN;
        atomic_compare_exchange_strong(&device->plain_buffers, &unknown, RND_PLAIN_BUFFERS_NONE);
        device->table.DestroyBuffer(device->handle, plain, NULL);
        return VK_SUCCESS;
    }
    atomic_store(&device->plain_buffers, RND_PLAIN_BUFFERS_SOME);
    buffer->shared = shared;
    buffer->plain = plain;
    return VK_SUCCESS;
}

static VkDeviceSize
most(VkDeviceSize a, VkDeviceSize b)
{
    return a > b ? a : b;
}

void
rnd_plain_buffer_add(const struct rnd_device *device, const VkMemoryRequirements *shared,
                     const VkMemoryRequirements *plain, VkMemoryRequirements *guest)
{
    uint32_t more = plain->memoryTypeBits & ~shared->memoryTypeBits;
    guest->memoryTypeBits |=
        rnd_memory_types_to_guest(&device->physical_device->memory_types, more, 0, 0);
    guest->size = most(guest->size, plain->size);
    guest->alignment = most(guest->alignment, plain->alignment);
}

/* Of several that one command binds, the call remembers the last. */
static struct rnd_object *
find(struct rnd_call *call, VkObjectType type, uint64_t handle)
{
    struct rnd_object *seen = rnd_call_seen(call, type, handle);
    if (seen) {
        return seen;
    }
    uint64_t id = rnd_object_table_find_id(&call->context->objects, type, handle, UINT64_MAX);
    if (id == 0) {
        rnd_call_fail(call, "another ring has just destroyed what is to be bound");
        return NULL;
    }
    return rnd_call_object(call, id, type);
}

VkBuffer
rnd_plain_buffer_choose(struct rnd_call *call, VkBuffer handle, VkDeviceMemory memory_handle)
{
    if (atomic_load(&rnd_call_device(call)->plain_buffers) != RND_PLAIN_BUFFERS_SOME) {
        return handle;
    }
    struct rnd_buffer *buffer =
        (struct rnd_buffer *)find(call, VK_OBJECT_TYPE_BUFFER, RND_HANDLE(handle));
    if (!buffer || !buffer->plain) {
        return buffer ? handle : VK_NULL_HANDLE;
    }
    const struct rnd_memory *memory =
        (struct rnd_memory *)find(call, VK_OBJECT_TYPE_DEVICE_MEMORY, RND_HANDLE(memory_handle));
    if (!memory) {
        return VK_NULL_HANDLE;
    }
    VkBuffer chosen = memory->carrier == 0 ? buffer->plain : buffer->shared;
    buffer->object.handle = RND_HANDLE(chosen);
    return chosen;
}
