/* Shader objects come in arrays; those before the first that fails stay. */
#include "renderer/call_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

void
rnd_do_vkCreateShadersEXT(struct rnd_call *call, struct proto_vkCreateShadersEXT *args)
{
    if (!call->device_table->CreateShadersEXT) {
        rnd_call_missing(call);
        return;
    }
    if (!rnd_call_check_new_ids(call, args->pShaders_ids, args->createInfoCount)) {
        return;
    }
    args->ret = call->device_table->CreateShadersEXT(args->device, args->createInfoCount,
                                                     args->pCreateInfos, NULL, args->pShaders);
    rnd_call_register(call, VK_OBJECT_TYPE_SHADER_EXT, args->pShaders_ids,
                      (const uint64_t *)args->pShaders, args->createInfoCount);
}
