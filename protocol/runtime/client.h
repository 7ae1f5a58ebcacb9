/* What generated calls need of whoever carries commands to the renderer. The driver implements it
 * over its ring; tests over a loopback. Any thread may call. */
#ifndef PROTO_CLIENT_H
#define PROTO_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "protocol/runtime/caps.h"
#include "wire/reader.h"
#include "wire/writer.h"

struct proto_client;

/* One command on its way. Lives on the caller's stack. */
struct proto_call {
    struct wire_writer out;           /* begin() points it at room for the request */
    struct wire_reader in;            /* finish() points it at the reply */
    size_t request_size, reply_bound; /* bytes */
    void *cookie[4];                  /* the client's own */
};

struct proto_client_ops {
    /* Makes room for call->request_size bytes and, if call->reply_bound is not 0, for a reply of at
     * most that size. May hold a lock until finish(). VK_SUCCESS, VK_ERROR_DEVICE_LOST when the
     * peer is gone, or VK_ERROR_OUT_OF_HOST_MEMORY; after an error finish() must not be called. */
    VkResult (*begin)(struct proto_client *client, struct proto_call *call);
    /* Publishes the request. With a reply_bound, waits for the reply: on VK_SUCCESS call->in covers
     * it and end() must follow. VK_ERROR_DEVICE_LOST when the peer died. */
    VkResult (*finish)(struct proto_client *client, struct proto_call *call);
    /* Gives the reply's memory back. */
    void (*end)(struct proto_client *client, struct proto_call *call);
    /* The reply to `command` made no sense: the peer is broken, treat it as dead from now on. */
    void (*broken)(struct proto_client *client, const char *command);
};

struct proto_client {
    const struct proto_client_ops *ops;
    const struct proto_caps *caps; /* constant */
};

#endif
