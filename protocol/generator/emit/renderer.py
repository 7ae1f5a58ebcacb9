"""The renderer's dispatch: decode, execute by class, reply; and the tables of host functions."""

from generator.emit.tables import table_index
from generator.emit.text import file_head

INSTANCE_LEVEL = ("VkInstance", "VkPhysicalDevice")


def table_of(command):
    """instance or device: which table of host functions has the command."""
    first = command.params[0].type if command.params else ""
    return "instance" if first in INSTANCE_LEVEL or not first.startswith("Vk") else "device"


def host_functions(plan, level):
    """Canonical names of the host functions of one level."""
    selection = plan.selection
    skip = ("vkCreateInstance", "vkGetInstanceProcAddr", "vkGetDeviceProcAddr",
            "vkEnumerateInstanceVersion", "vkEnumerateInstanceExtensionProperties",
            "vkEnumerateInstanceLayerProperties")
    names = [
        c.name for c in selection.commands
        if c.has_wire_form and c.renderer not in ("refuse", "unreachable")
        and not c.wire_only and c.name not in skip and table_of(c.command) == level
    ]
    for name, row in selection.policy.host_commands.items():
        if row.get("level") == level and name in selection.registry.commands and name not in names:
            names.append(name)
    if level == "device":
        names.append("vkDeviceWaitIdle")
        names.append("vkQueueWaitIdle")
        names.append("vkGetDeviceQueue")
    else:
        names.append("vkGetDeviceProcAddr")
    return sorted(set(names), key=lambda n: n)


def alternatives(plan, name, level):
    """The function's names on hosts, in the order to try them. A device has an extension's function only
    if the guest enabled that, and then a validation layer older than the promotion knows it by that
    name alone: such a layer would hand its own handles to the driver under the newer one."""
    registry = plan.selection.registry
    aliases = sorted(
        n for n, c in registry.commands.items() if c.alias and registry.command_name(n) == name
    )
    return aliases[:3] + [name] if level == "device" else [name] + aliases[:3]


def emit_host_header(plan):
    out = file_head("Functions of the host's Vulkan driver. A function it lacks is NULL.",
                    ["<stdbool.h>", "<vulkan/vulkan_core.h>"], "RND_HOST_TABLE_H")
    for level in ("instance", "device"):
        out.open(f"struct rnd_{level}_table")
        for name in host_functions(plan, level):
            out(f"PFN_{name} {name[2:]};")
        out.close(";")
        out()
    out("/* Destroys an object of a kind that has nothing but its handle. False: no such kind. */")
    out("bool rnd_device_table_destroy(const struct rnd_device_table *table, VkDevice device, VkObjectType type, uint64_t object);")
    out("/* Fills the whole table; promoted functions are found under their older names too. */")
    out("void rnd_instance_table_load(struct rnd_instance_table *table, PFN_vkGetInstanceProcAddr get, VkInstance instance);")
    out("void rnd_device_table_load(struct rnd_device_table *table, PFN_vkGetDeviceProcAddr get, VkDevice device);")
    out()
    out("#endif")
    return out.text()


def emit_host_source(plan):
    out = file_head("Loading the host driver's functions.",
                    ["<stddef.h>", "renderer/host_table.h"])
    out("""/* One member of a table: where it is, and the names it may have on the host. */
struct host_function {
    size_t offset;
    const char *names[4];
};
""")
    for level, handle in (("instance", "VkInstance"), ("device", "VkDevice")):
        out(f"static const struct host_function {level}_functions[] = {{")
        for name in host_functions(plan, level):
            names = ", ".join(f'"{n}"' for n in alternatives(plan, name, level))
            out(f"    {{offsetof(struct rnd_{level}_table, {name[2:]}), {{{names}}}}},")
        out("};")
        out()
        getter = f"PFN_vkGet{level.capitalize()}ProcAddr"
        out("void")
        out(f"rnd_{level}_table_load(struct rnd_{level}_table *table, {getter} get, {handle} {level})")
        out("{")
        out(f"    for (size_t i = 0; i < sizeof({level}_functions) / sizeof({level}_functions[0]); i++) {{")
        out(f"        const struct host_function *function = &{level}_functions[i];")
        out("        PFN_vkVoidFunction found = NULL;")
        out("        for (size_t j = 0; !found && j < 4 && function->names[j]; j++) {")
        out(f"            found = get({level}, function->names[j]);")
        out("        }")
        out("        *(PFN_vkVoidFunction *)((char *)table + function->offset) = found;")
        out("    }")
        out("}")
        out()
    emit_destroy_function(out, plan)
    return out.text()


def emit_destroy_function(out, plan):
    out("bool")
    out("rnd_device_table_destroy(const struct rnd_device_table *table, VkDevice device, VkObjectType type, uint64_t object)")
    out("{")
    out("    switch (type) {")
    for call in plan.calls:
        if call.selected.renderer == "destroy":
            target = call.fields[1]
            out(f"    case {target.object_type}: table->{call.name[2:]}(device, "
                f"({target.declared})(uintptr_t)object, NULL); return true;")
    out("    default: return false;")
    out("    }")
    out("}")


def host_call(call):
    args = ", ".join("args." + f.name for f in call.fields)
    table = f"call->{table_of(call.selected.command)}_table"
    return f"{table}->{call.name[2:]}({args})"


def emit_missing_check(out, call):
    table = f"call->{table_of(call.selected.command)}_table"
    out.open(f"if (!{table} || !{table}->{call.name[2:]})")
    out("rnd_call_missing(call);")
    out("return;")
    out.close()


def emit_execute(out, call):
    kind = call.selected.renderer
    assign = "args.ret = " if call.returns != "void" else ""
    if kind == "hand":
        out(f"rnd_do_{call.name}(call, &args);")
        return
    if kind == "hint":
        table = f"call->{table_of(call.selected.command)}_table"
        out.open(f"if ({table} && {table}->{call.name[2:]})")
        out(f"{assign}{host_call(call)};")
        out.close()
        return
    emit_missing_check(out, call)
    if kind == "destroy":
        target = call.fields[1]
        out(f"rnd_call_unregister(call, {target.object_type}, args.{target.name}_id, "
            f"(uint64_t)args.{target.name});")
        out.open("if (call->decoder.in->failed)")
        out("return;")
        out.close()
        out(f"{host_call(call)};")
        return
    if kind == "create":
        target = call.fields[-1].name
        out.open(f"if (!args.{target} || !rnd_call_check_new_ids(call, args.{target}_ids, 1))")
        out("return;")
        out.close()
        out(f"{assign}{host_call(call)};")
        out.open("if (args.ret == VK_SUCCESS)")
        out(f"rnd_call_register(call, {call.fields[-1].object_type}, args.{target}_ids, "
            f"(const uint64_t *)args.{target}, 1);")
        out.close()
        return
    out(f"{assign}{host_call(call)};")


def emit_dispatch(out, call):
    out(f"static void")
    out(f"dispatch_{call.name}(struct rnd_call *call)")
    out("{")
    out.depth += 1
    out(f"struct proto_{call.name} args;")
    out.open(f"if (!proto_decode_{call.name}(&call->decoder, &args))")
    out("return;")
    out.close()
    emit_execute(out, call)
    if call.returns == "VkResult":
        relied_on = "true" if call.selected.must_succeed else "false"
        out.open("if (args.ret < 0 && !wants_reply(call))")
        out(f"rnd_call_failed_unheard(call, args.ret, {relied_on});")
        out.close()
    out("struct wire_writer reply;")
    out.open(f"if (wants_reply(call) && rnd_call_begin_reply(call, proto_reply_size_{call.name}(&args), &reply))")
    out(f"proto_encode_reply_{call.name}(&reply, &args);")
    out.close()
    out.end()


def emit_dispatch_header(plan):
    out = file_head("Commands that renderer/dispatch/ executes by hand: fill args->ret and the out parameters.",
                    ["protocol/proto_decode.h", "renderer/call.h"], "RND_DISPATCH_H")
    for call in plan.calls:
        if call.selected.renderer == "hand":
            out(f"void rnd_do_{call.name}(struct rnd_call *call, struct proto_{call.name} *args);")
    out()
    out("#endif")
    return out.text()


def emit_dispatch_source(plan):
    out = file_head("Every command of the protocol, by number.",
                    ["protocol/proto_commands.h", "renderer/rnd_dispatch.h"])
    out("""/* A command that failed has no reply: its context has ended. */
static bool
wants_reply(const struct rnd_call *call)
{
    return (call->flags & PROTO_COMMAND_GENERATE_REPLY) && !call->decoder.in->failed;
}
""")
    for call in plan.calls:
        if call.selected.renderer != "refuse":
            emit_dispatch(out, call)
    out("const struct rnd_dispatch_entry rnd_dispatch_table[PROTO_COMMAND_COUNT] = {")
    for c in plan.selection.commands:
        if c.has_wire_form and c.renderer != "refuse":
            out(f'    [{table_index(c.number)}] = {{"{c.name}", dispatch_{c.name}, NULL}},')
        else:
            out(f'    [{table_index(c.number)}] = {{"{c.name}", NULL, "{c.reason}"}},')
    out("};")
    return out.text()
