/* VK_EXT_device_address_binding_report: what the host's driver reports in callbacks, the guest's
 * asks for. */
#include "renderer/call_impl.h"
#include "renderer/instance.h"
#include "renderer/rnd_dispatch.h"

void
rnd_do_vkCollectAddressBindingsVESPER(struct rnd_call *call,
                                      struct proto_vkCollectAddressBindingsVESPER *args)
{
    struct rnd_instance *instance = (struct rnd_instance *)call->leading;
    if (!args->collect) {
        rnd_address_bindings_stop(instance);
        return;
    }
    if (!call->instance_table->CreateDebugUtilsMessengerEXT) {
        rnd_call_missing(call);
        return;
    }
    args->ret = rnd_address_bindings_start(instance, call->context);
}

/* Without an array the guest hears only whether there are any. */
void
rnd_do_vkTakeAddressBindingsVESPER(struct rnd_call *call,
                                   struct proto_vkTakeAddressBindingsVESPER *args)
{
    struct rnd_instance *instance = (struct rnd_instance *)call->leading;
    uint32_t count = args->pBindings ? *args->pBindingCount : 0;
    args->ret = rnd_address_bindings_take(&instance->address_bindings, call->stream,
                                          args->pLostCount, &count, args->pBindings);
    *args->pBindingCount = count;
}
