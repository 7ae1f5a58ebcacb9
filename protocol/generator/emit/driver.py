"""The driver's side: commands to bytes, replies from bytes, calls, and entry points."""

from generator.emit.structs import WriteEmitter, emit_bits, grouped
from generator.emit.tables import number_text
from generator.emit.text import (Text, arguments, count_expression, file_head, parameters,
                                 returns_value, to_handle)


def return_parameter(call):
    return f", {call.returns} *pReturn" if returns_value(call) else ""


def ways(call):
    """How the driver sends the command by itself: "call", which waits for the reply, and "send". Recorded commands go
    with their command buffer, and the entry points below use one of the two. The others would never be missed, but
    compiled."""
    generated = {"record": (), "pass": ("call",), "create": ("send",), "destroy": ("send",)}
    both = ("call", "send")
    return both if call.selected.wire_only else generated.get(call.selected.driver, both)


def emit_prototypes(out, call):
    params, caps = parameters(call), "const struct proto_caps *caps"
    name = call.name
    out(f"/* {name}, command {number_text(call.number)} */")
    out(f"size_t proto_size_{name}({caps}, {params});")
    out(f"void proto_encode_{name}(struct wire_writer *out, {caps}, uint32_t command_flags, {params});")
    out(f"size_t proto_reply_bound_{name}({caps}, {params});")
    out(f"VkResult proto_decode_reply_{name}(struct wire_reader *in, {params}{return_parameter(call)});")
    if "call" in ways(call):
        out(f"VkResult proto_call_{name}(struct proto_client *client, {params}{return_parameter(call)});")
    if "send" in ways(call):
        out(f"VkResult proto_send_{name}(struct proto_client *client, {params});")
    out()


def request_size(plan, call):
    """(constant, statements) of a request's size."""
    body = Text()
    body.depth = 1
    emitter = WriteEmitter(plan, call.fields, "")
    constant = 8 + sum(emitter.size(body, f, partial=not f.is_in) for f in call.fields)
    return constant, body


def emit_size(out, plan, call):
    constant, body = request_size(plan, call)
    out.function("size_t", f"proto_size_{call.name}",
                 f"const struct proto_caps *caps, {parameters(call)}")
    emit_sum(out, constant, body)
    out.end()


def emit_sum(out, constant, body):
    if body.lines:
        out(f"size_t bytes = {constant};")
        out.lines += body.lines
        out("return bytes;")
    else:
        out(f"return {constant};")


def emit_encode(out, plan, call):
    out.function("void", f"proto_encode_{call.name}",
                 f"struct wire_writer *out, const struct proto_caps *caps, uint32_t command_flags, {parameters(call)}")
    out("struct wire_writer writer = *out, *w = &writer;")
    out(f"wire_write_i32(w, {number_text(call.number)});")
    out("wire_write_u32(w, command_flags);")
    emitter = WriteEmitter(plan, call.fields, "")
    for f in call.fields:
        emitter.write(out, f, partial=not f.is_in)
    out("*out = writer;")
    out.end()


def out_fields(call):
    return [f for f in call.fields if f.is_out]


def emit_reply_bound(out, plan, call):
    body = Text()
    body.depth = 1
    emitter = WriteEmitter(plan, call.fields, "")
    constant = 4
    if call.returns != "void":
        constant += 8 if plan.selection.scalar(call.returns)[1] == 8 else 4
    for f in out_fields(call):
        constant += emitter.size(body, f)
    out.function("size_t", f"proto_reply_bound_{call.name}",
                 f"const struct proto_caps *caps, {parameters(call)}")
    emit_sum(out, constant, body)
    out.end()


class ReplyReader:
    """Emits statements that read a reply into memory the application gave.

    Arrays may come back shorter than asked, never longer; `limits` maps an array to the variable that
    holds what was asked, since the length member itself is overwritten before. To the renderer an array
    of no elements is no array, so it tells how many there are: `empty` makes that none of them again."""

    def __init__(self, plan, fields, prefix, raw_handles=False):
        self.plan, self.fields, self.prefix, self.raw = plan, fields, prefix, raw_handles

    def count(self, expression):
        return count_expression(expression, self.fields, self.prefix)

    def limits(self, out, fields):
        for f in fields:
            if f.shape in ("array", "blob"):
                out(f"const size_t {f.name}_limit = {self.prefix}{f.name} ? {self.count(f.count)} : 0;")

    def empty(self, out, fields, has_result=False):
        lengths = {f.name: f for f in self.fields}
        for f in fields:
            length = lengths.get(f.count) if f.shape in ("array", "blob") else None
            if not length or not (self.prefix or length.shape == "pointer"):
                continue
            access = self.prefix + length.name
            there = ""
            if length.shape == "pointer":
                there, access = f" && {access}", "*" + access
            out.open(f"if ({self.prefix}{f.name} && {f.name}_limit == 0{there})")
            if has_result:
                out(f"result = proto_reply_without_room(result, {access});")
            out(f"{access} = 0;")
            out.close()

    def read(self, out, f):
        getattr(self, "read_" + f.shape)(out, f, self.prefix + f.name)

    def element(self, out, f, target):
        if f.bits:
            emit_bits(out, f, self.prefix, "in")
        elif f.kind == "scalar":
            out(f"{target} = ({f.declared})wire_read_{f.scalar}(in);")
        elif f.kind == "handle" and self.raw:
            out(f"{target} = {to_handle(f, 'wire_read_u64(in)')};")
        elif f.kind == "handle":
            out(f"proto_reply_handle(in, PROTO_HANDLE({target})) ? (void)0 : (void)({target} = VK_NULL_HANDLE);")
        else:
            pointer = target[1:] if target.startswith("*") else "&" + target
            selector = f", (int64_t){self.prefix}{f.selector}" if f.selector else ""
            out(f"proto_reply_{f.type}(in, {pointer}{selector});")

    def read_value(self, out, f, access):
        self.element(out, f, access)
        if f.bound:
            out.open(f"if ({access} > {f.bound})")
            out("in->failed = true;")
            out.close()

    def read_absent(self, out, f, access):
        out("proto_reply_absent(in);")

    def read_pointer(self, out, f, access):
        out.open(f"if (proto_reply_pointer(in, {access}))")
        self.element(out, f, "*" + access)
        out.close()

    def array_size(self, f, access):
        return f"proto_reply_array(in, {access}, {f.name}_limit, {self.count(f.count)})"

    def read_array(self, out, f, access):
        out("{")
        out.depth += 1
        out(f"const size_t count = {self.array_size(f, access)};")
        if f.kind == "scalar" and f.declared != "size_t":
            out(f"proto_reply_bytes(in, {access}, count * sizeof({f.declared}));")
        else:
            out.open("for (size_t i = 0; i < count && !in->failed; i++)")
            self.element(out, f, f"{access}[i]")
            out.close()
        out.close()

    def read_blob(self, out, f, access):
        out(f"proto_reply_bytes(in, {access}, {self.array_size(f, access)});")

    def read_fixed(self, out, f, access):
        out.open(f"if (proto_reply_fixed(in, {f.dimension}))")
        if f.kind == "scalar" and f.declared != "size_t":
            out(f"proto_reply_bytes(in, {access}, sizeof({access}));")
        else:
            out.open(f"for (size_t i = 0; i < {f.dimension} && !in->failed; i++)")
            self.element(out, f, f"{access}[i]")
            out.close()
        out.close()


def emit_reply_struct(out, plan, struct):
    reader = ReplyReader(plan, struct.fields, "s->", struct.raw_handles)
    body = Text()
    body.depth = 1
    reader.limits(body, struct.fields)
    for f in struct.fields:
        reader.read(body, f)
    reader.empty(body, struct.fields)
    if struct.stype:
        out.function("void", f"proto_reply_members_{struct.name}",
                     "struct wire_reader *in, void *members_of")
        if body.lines:
            out(f"{struct.name} *s = members_of;")
        out.lines += body.lines
        out.end()
        if struct.name in plan.bases:
            out.function("void", f"proto_reply_{struct.name}",
                         f"struct wire_reader *in, {struct.name} *s")
            out(f"proto_reply_base(in, s, {struct.stype});")
            out(f"proto_reply_members_{struct.name}(in, s);")
            out.end()
        return
    out.function("void", f"proto_reply_{struct.name}", f"struct wire_reader *in, {struct.name} *s")
    out.lines += body.lines
    out.end()


def emit_reply_union(out, plan, struct):
    """The member that the selector names, which came before it."""
    out.function("void", f"proto_reply_{struct.name}",
                 f"struct wire_reader *in, {struct.name} *s, int64_t selector")
    out.open("if (wire_read_i32(in) != selector)")
    out("in->failed = true;")
    out("return;")
    out.close()
    out("switch (selector) {")
    for group in grouped(struct.cases):
        for case in group:
            out(f"case {case.tag}:")
        out.depth += 1
        ReplyReader(plan, [group[0].field], "s->").read(out, group[0].field)
        out("break;")
        out.depth -= 1
    out("default: in->failed = true;")
    out("}")
    out.end()


def emit_decode_reply(out, plan, call):
    out.function("VkResult", f"proto_decode_reply_{call.name}",
                 f"struct wire_reader *in, {parameters(call)}{return_parameter(call)}")
    reader = ReplyReader(plan, call.fields, "")
    reader.limits(out, out_fields(call))
    out(f"proto_reply_command(in, {number_text(call.number)});")
    if call.returns == "VkResult":
        out("VkResult result = (VkResult)wire_read_i32(in);")
    elif returns_value(call):
        out(f"*pReturn = wire_read_{plan.selection.scalar(call.returns)[0]}(in);")
    for f in out_fields(call):
        reader.read(out, f)
    reader.empty(out, out_fields(call), call.returns == "VkResult")
    out("return result;" if call.returns == "VkResult" else "return VK_SUCCESS;")
    out.end()


def emit_call(out, call):
    args = arguments(call)
    extra = ", pReturn" if returns_value(call) else ""
    out.function("VkResult", f"proto_call_{call.name}",
                 f"struct proto_client *client, {parameters(call)}{return_parameter(call)}")
    out("struct proto_call call = {")
    out(f"    .request_size = proto_size_{call.name}(client->caps, {args}),")
    out(f"    .reply_bound = proto_reply_bound_{call.name}(client->caps, {args}),")
    out("};")
    out("VkResult result = client->ops->begin(client, &call);")
    out.open("if (result != VK_SUCCESS)")
    out("return result;")
    out.close()
    out(f"proto_encode_{call.name}(&call.out, client->caps, PROTO_COMMAND_GENERATE_REPLY, {args});")
    out("result = client->ops->finish(client, &call);")
    out.open("if (result != VK_SUCCESS)")
    out("return result;")
    out.close()
    out(f"result = proto_decode_reply_{call.name}(&call.in, {args}{extra});")
    out(f'return proto_call_end(client, &call, "{call.name}", result);')
    out.end()


def emit_send(out, call):
    args = arguments(call)
    out.function("VkResult", f"proto_send_{call.name}",
                 f"struct proto_client *client, {parameters(call)}")
    out(f"struct proto_call call = {{.request_size = proto_size_{call.name}(client->caps, {args})}};")
    out("VkResult result = client->ops->begin(client, &call);")
    out.open("if (result != VK_SUCCESS)")
    out("return result;")
    out.close()
    out(f"proto_encode_{call.name}(&call.out, client->caps, 0, {args});")
    out("return client->ops->finish(client, &call);")
    out.end()


def emit_encode_header(plan):
    out = file_head("Commands as the driver sees them: requests to bytes, replies from bytes, calls.",
                    ["protocol/proto_commands.h", "protocol/proto_structs.h",
                     "protocol/runtime/client.h", "protocol/runtime/object.h"],
                    "PROTO_ENCODE_H")
    out("""/* For each command X, with Vulkan's own parameters:
 *   proto_size_X          bytes of the request
 *   proto_encode_X        writes it; handles are sent as the ids of the driver's objects, out handles too
 *   proto_reply_bound_X   the most its reply can occupy
 *   proto_decode_reply_X  reads the reply into the out parameters; a handle that comes back as 0 becomes
 *                         VK_NULL_HANDLE. Nonsense sets in->failed
 *   proto_call_X          sends and waits: the transport's error, or the command's result
 *   proto_send_X          sends without a reply
 * The last two where something uses them: neither for vkCmd*, one where an entry point is generated.
 * Structures that the peer does not know are left out of pNext chains. Any thread may call. */""")
    out()
    for call in plan.calls:
        emit_prototypes(out, call)
    out("#endif")
    return out.text()


def emit_reply_structs_header(plan):
    out = file_head("Structures from replies, on the driver's side.",
                    ["protocol/proto_structs.h", "protocol/runtime/object.h",
                     "protocol/runtime/reply.h"],
                    "PROTO_REPLY_STRUCTS_H")
    for struct in plan.structs.values():
        if struct.name not in plan.reply:
            continue
        if struct.is_union:
            out(f"void proto_reply_{struct.name}(struct wire_reader *in, {struct.name} *s, int64_t selector);")
            continue
        if struct.stype:
            out(f"void proto_reply_members_{struct.name}(struct wire_reader *in, void *members_of);")
        if not struct.stype or struct.name in plan.bases:
            out(f"void proto_reply_{struct.name}(struct wire_reader *in, {struct.name} *s);")
    out()
    out("#endif")
    return out.text()


def emit_encode_source(plan, family):
    out = file_head(f"The {family} commands on the driver's side.",
                    ["protocol/proto_encode.h", "protocol/proto_reply_structs.h", "wire/reader.h"])
    for struct in plan.structs.values():
        if struct.family == family and struct.name in plan.reply:
            (emit_reply_union if struct.is_union else emit_reply_struct)(out, plan, struct)
    for call in plan.calls:
        if call.family == family:
            emit_size(out, plan, call)
            emit_encode(out, plan, call)
            emit_reply_bound(out, plan, call)
            emit_decode_reply(out, plan, call)
            if "call" in ways(call):
                emit_call(out, call)
            if "send" in ways(call):
                emit_send(out, call)
    return out.text()


def emit_chain_reply_source(plan):
    out = file_head("Chained structures from replies, by index in the chain table.",
                    ["protocol/proto_reply_structs.h"])
    out("const proto_chain_reply_fn proto_chain_reply_table[] = {")
    for name in plan.chainable:
        out(f"    {'proto_reply_members_' + name if name in plan.reply else 'NULL'},")
    out("};")
    return out.text()


# --- entry points ---


def emit_record_entry(out, plan, call):
    """vkCmd*: straight into the command buffer, without lock or allocation in the common case."""
    constant, body = request_size(plan, call)
    first = call.fields[0].name
    out.function("VKAPI_ATTR void VKAPI_CALL", f"drv_{call.name[2:]}", parameters(call))
    out(f"struct proto_recorder *recorder = proto_recorder_from({first});")
    emit_peer_check(out, plan, call)
    out("struct wire_writer out;")
    if body.lines:
        size = f"proto_size_{call.name}(recorder->caps, {arguments(call)})"
        out(f"const size_t room = {size};")
    out.open(f"if (!proto_recorder_begin(recorder, {'room' if body.lines else constant}, &out))")
    out("return;")
    out.close()
    if body.lines:
        out(f"proto_encode_{call.name}(&out, recorder->caps, 0, {arguments(call)});")
    else:
        emit_inline_record(out, plan, call)
    out("proto_recorder_commit(recorder, &out);")
    out.end()


def emit_peer_check(out, plan, call):
    """Instance extensions are offered before anybody knows the renderer, which may not know them."""
    selection = plan.selection
    version, names = providers(selection, call.name)
    extensions = [e for e in selection.extensions if e.name in names]
    if version is None and extensions and all(
            e.is_instance and e.name in selection.policy.private_extensions for e in extensions):
        out.open(f"if (!proto_caps_has_private_extension(recorder->caps, {extensions[0].number}))")
        out("return;")
        out.close()


def emit_inline_record(out, plan, call):
    """Commands of fixed size are written in place: a call would cost as much as the bytes."""
    out("struct wire_writer *w = &out;")
    out(f"wire_write_i32(w, {number_text(call.number)});")
    out("wire_write_u32(w, 0);")
    emitter = WriteEmitter(plan, call.fields, "")
    body = Text()
    body.depth = 1
    for f in call.fields:
        emitter.write(body, f, partial=not f.is_in)
    if "caps" in body.text():
        out("const struct proto_caps *caps = recorder->caps;")
    out.lines += body.lines


def zero_outs(out, plan, call):
    """A dead peer leaves the out parameters of a void command at zero rather than at random."""
    for f in out_fields(call):
        if f.shape == "pointer" and f.kind in ("scalar", "handle"):
            out(f"*{f.name} = 0;")
        elif f.shape == "pointer" and f.kind == "struct":
            has_stype = "true" if plan.structs[f.type].stype else "false"
            out(f"proto_zero_out({f.name}, sizeof(*{f.name}), {has_stype});")


def emit_pass_entry(out, plan, call):
    name = call.name
    client = f"proto_object_from(PROTO_HANDLE({call.fields[0].name}))->client"
    out.function(f"VKAPI_ATTR {call.returns} VKAPI_CALL", f"drv_{name[2:]}", parameters(call))
    if call.returns == "VkResult":
        out(f"return proto_call_{name}({client}, {arguments(call)});")
    elif call.returns == "void":
        out.open(f"if (proto_call_{name}({client}, {arguments(call)}) != VK_SUCCESS)")
        zero_outs(out, plan, call)
        out.close()
    else:
        out(f"{call.returns} result = 0;")
        out(f"return proto_call_{name}({client}, {arguments(call)}, &result) == VK_SUCCESS ? result : 0;")
    out.end()


def emit_create_entry(out, plan, call):
    """A simple object: it exists as soon as its id does; nothing to wait for."""
    device, target = call.fields[0].name, call.fields[-1]
    out.function("VKAPI_ATTR VkResult VKAPI_CALL", f"drv_{call.name[2:]}", parameters(call))
    out(f"struct drv_device *dev = drv_device_from({device});")
    out("struct drv_simple_object *object =")
    out(f"    drv_device_object_create(dev, pAllocator, sizeof(*object), {target.object_type});")
    out.open("if (!object)")
    out("return VK_ERROR_OUT_OF_HOST_MEMORY;")
    out.close()
    out(f"{target.declared} handle = {to_handle(target, 'object')};")
    args = ", ".join([f.name for f in call.fields[:-1]] + ["&handle"])
    out(f"VkResult result = proto_send_{call.name}(dev->object.client, {args});")
    out.open("if (result != VK_SUCCESS)")
    out("drv_device_object_destroy(dev, pAllocator, object);")
    out("return result;")
    out.close()
    out(f"*{target.name} = handle;")
    out("return VK_SUCCESS;")
    out.end()


def emit_destroy_entry(out, plan, call):
    device, target = call.fields[0].name, call.fields[1]
    out.function("VKAPI_ATTR void VKAPI_CALL", f"drv_{call.name[2:]}", parameters(call))
    out.open(f"if (!{target.name})")
    out("return;")
    out.close()
    out(f"struct drv_device *dev = drv_device_from({device});")
    out("/* A dead peer has forgotten it already. */")
    out(f"(void)proto_send_{call.name}(dev->object.client, {arguments(call)});")
    out(f"drv_device_object_destroy(dev, pAllocator, proto_object_from(PROTO_HANDLE({target.name})));")
    out.end()


def emit_record_source(plan):
    out = file_head("vkCmd* entry points: each writes its bytes into the command buffer.",
                    ["driver/drv_entry.h", "protocol/proto_encode.h", "protocol/runtime/recorder.h"])
    for call in plan.calls:
        if call.selected.driver == "record":
            emit_record_entry(out, plan, call)
    return out.text()


def emit_simple_source(plan):
    out = file_head("Entry points without state: simple objects and plain queries.",
                    ["driver/device.h", "driver/drv_entry.h", "driver/object.h",
                     "protocol/proto_encode.h", "protocol/runtime/reply.h"])
    emitters = {"pass": emit_pass_entry, "create": emit_create_entry, "destroy": emit_destroy_entry}
    for call in plan.calls:
        emitter = emitters.get(call.selected.driver)
        if emitter and not call.selected.wire_only:
            emitter(out, plan, call)
    return out.text()


def entry_level(selected):
    fields = selected.command.params
    first = fields[0].type if fields else ""
    if selected.name == "vkGetInstanceProcAddr" or first not in (
            "VkInstance", "VkPhysicalDevice", "VkDevice", "VkQueue", "VkCommandBuffer"):
        return "GLOBAL"
    return {"VkInstance": "INSTANCE", "VkPhysicalDevice": "PHYSICAL_DEVICE"}.get(first, "DEVICE")


def offered_commands(plan):
    return [c for c in plan.selection.commands if c.driver != "none" and not c.wire_only] + \
        plan.selection.local_commands


def guarded(out, guard, *lines):
    """Lines that only some builds have."""
    if guard:
        out.lines.append(f"#if {guard}")
    for line in lines:
        out(line)
    if guard:
        out.lines.append("#endif")


def providers(selection, name):
    """(lowest core version or None, extensions) that bring the command of this very name."""
    version = None
    for feature in selection.registry.features:
        if any(name in r.commands for r in feature.requires):
            version = min(version or (9, 9), feature.version)
    names = [e.name for e in selection.extensions]
    names += [n for n in selection.policy.driver_extensions if n not in names]
    names += [e.name for e in selection.local_extensions]
    extensions = [
        n for n in names
        if n in selection.registry.extensions
        and any(name in r.commands for r in selection.registry.extensions[n].requires)
    ]
    return version, extensions


def emit_entry_header(plan):
    out = file_head("Entry points of the driver, and the table that vkGet*ProcAddr looks in.",
                    ["<stdint.h>", plan.selection.policy.local_include or "<vulkan/vulkan_core.h>"],
                    "DRV_ENTRY_H")
    out("enum drv_entry_level {")
    for level in ("GLOBAL", "INSTANCE", "PHYSICAL_DEVICE", "DEVICE"):
        out(f"    DRV_ENTRY_{level},")
    out("};")
    out()
    out("/* A name that applications may ask for. It is offered if the version in use is at least")
    out(" * core_version (0: in no core version) or one of its extensions is enabled. */")
    out("struct drv_entry {")
    out("    const char *name;")
    out("    PFN_vkVoidFunction fn;")
    out("    uint8_t level;")
    out("    uint32_t core_version;")
    out("    uint16_t first_extension, extension_count; /* into drv_entry_extensions */")
    out("};")
    out()
    out("extern const char *const drv_entry_extensions[];")
    out("/* NULL if the driver has no such entry point. */")
    out("const struct drv_entry *drv_entry_find(const char *name);")
    out()
    for selected in offered_commands(plan):
        command = selected.command
        params = ", ".join(p.declaration() for p in command.params) or "void"
        guarded(out, selected.guard,
                f"VKAPI_ATTR {command.returns} VKAPI_CALL drv_{selected.name[2:]}({params});")
    out()
    out("#endif")
    return out.text()


def emit_entry_source(plan):
    selection = plan.selection
    registry = selection.registry
    aliases = {}
    for name in registry.commands:
        aliases.setdefault(registry.command_name(name), []).append(name)
    rows, extension_names = [], []
    for selected in offered_commands(plan):
        for name in aliases[selected.name]:
            version, extensions = providers(selection, name)
            if version is None and not extensions:
                continue
            rows.append((name, selected, version, len(extension_names), len(extensions)))
            extension_names += extensions
    out = file_head("The table of entry points.",
                    ["<stdlib.h>", "<string.h>", "driver/drv_entry.h"])
    out("const char *const drv_entry_extensions[] = {")
    for name in extension_names:
        out(f'    "{name}",')
    out("};")
    out()
    out("/* Sorted by name. */")
    out("static const struct drv_entry table[] = {")
    for name, selected, version, first, count in sorted(rows, key=lambda r: r[0]):
        core = f"VK_MAKE_API_VERSION(0, {version[0]}, {version[1]}, 0)" if version else "0"
        guarded(out, selected.guard,
                f'    {{"{name}", (PFN_vkVoidFunction)drv_{selected.name[2:]}, '
                f"DRV_ENTRY_{entry_level(selected)}, {core}, {first}, {count}}},")
    out("};")
    out()
    out("static int")
    out("compare(const void *key, const void *element)")
    out("{")
    out("    return strcmp(key, ((const struct drv_entry *)element)->name);")
    out("}")
    out()
    out("const struct drv_entry *")
    out("drv_entry_find(const char *name)")
    out("{")
    out("    return bsearch(name, table, sizeof(table) / sizeof(table[0]), sizeof(table[0]), compare);")
    out("}")
    return out.text()
