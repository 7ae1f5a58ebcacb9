"""The renderer's side: structures and commands from bytes, bounded, and replies to bytes."""

from generator.emit.structs import WriteEmitter, emit_bits, grouped, stride_rewritten
from generator.emit.tables import number_text
from generator.emit.text import Text, count_expression, file_head, to_handle
from generator.plan import fixed_size, struct_min_size


class DecodeEmitter:
    """Emits statements that fill members from `d`."""

    def __init__(self, plan, fields, prefix, owner, raw_handles=False):
        self.plan, self.fields, self.prefix = plan, fields, prefix
        self.owner, self.raw = owner, raw_handles

    def count(self, expression):
        return count_expression(expression, self.fields, self.prefix)

    def label(self, f):
        return f'"{self.owner}::{f.name}"'

    def optional(self, f):
        """Whether an array or pointer may be missing although its length is not 0."""
        return "true" if f.may_be_absent or f.condition else "false"

    def decode(self, out, f, partial=False):
        full = not partial or f.sizes_sibling or f.kind == "handle"
        content = full or f.kind == "struct"
        form = "" if full or f.kind != "struct" else "_partial"
        if f.shape in ("value", "fixed") and not content:
            return
        getattr(self, "decode_" + f.shape)(out, f, self.prefix + f.name, form, content)

    def element(self, out, f, target, form):
        if f.bits:
            emit_bits(out, f, self.prefix, "d->in")
        elif f.kind == "scalar":
            out(f"{target} = ({f.declared})wire_read_{f.scalar}(d->in);")
        elif f.kind == "handle" and self.raw:
            out(f"{target} = {to_handle(f, 'wire_read_u64(d->in)')};")
        elif f.kind == "handle":
            out(f"{target} = {to_handle(f, f'proto_decode_handle(d, {f.object_type})')};")
        else:
            pointer = target[1:] if target.startswith("*") else "&" + target
            selector = f", (int64_t){self.prefix}{f.selector}" if f.selector else ""
            out(f"proto_decode_{f.type}{form}(d, {pointer}{selector});")

    def decode_value(self, out, f, access, form, content):
        self.element(out, f, access, form)
        if f.bound:
            self.enforce_bound(out, f, access)

    def enforce_bound(self, out, f, access):
        out.open(f"if ({access} > {f.bound})")
        if f.clamp:
            out(f"{access} = {f.bound};")
        else:
            out(f'proto_decoder_fail(d, "%s is %u, where %u is the most", {self.label(f)}, (uint32_t){access}, '
                f"(uint32_t)({f.bound}));")
        out.close()

    def decode_absent(self, out, f, access, form, content):
        out(f"proto_decode_absent(d, {self.label(f)});")

    def decode_pointer(self, out, f, access, form, content):
        out.open(f"if (proto_decode_pointer(d, {self.optional(f)}, {self.label(f)}))")
        out(f"{f.declared} *item = proto_decoder_alloc(d, 1, sizeof(*item));")
        if content:
            out.open("if (item)")
            self.element(out, f, "*item", form)
            out.close()
        out(f"{access} = item;")
        out.close()

    def element_min_size(self, f, form=""):
        """The least bytes an element occupies: it bounds the count that a peer may claim."""
        if f.kind == "scalar":
            return f.scalar_size
        if f.kind == "handle":
            return 8
        if form:
            return 12 if self.plan.structs[f.type].stype else 0
        return struct_min_size(self.plan, f.type)

    def check_stride(self, out, f, array):
        """Elements arrive packed; the host must not step further through them."""
        packed = fixed_size(self.plan, array.type)
        out.open(f"if ({self.prefix}{array.name} && {self.prefix}{f.name} != {packed})")
        out(f'proto_decoder_fail(d, "%s is %u, packed elements have {packed} bytes", {self.label(f)}, {self.prefix}{f.name});')
        out.close()

    def array_size(self, out, f, wire_size):
        expected = self.count(f.count)
        if "/" in f.count and f.count.startswith(tuple(x.name for x in self.fields)):
            source, divisor = [part.strip() for part in f.count.split("/")]
            out.open(f"if ({self.count(source)} % {divisor} != 0)")
            out(f'proto_decoder_fail(d, "%s: {source} is no multiple of {divisor}", {self.label(f)});')
            out.close()
        out(f"const size_t count = proto_decode_array_size(d, (uint64_t)({expected}), {wire_size}, "
            f"{self.optional(f)}, {self.label(f)});")

    def decode_array(self, out, f, access, form, content):
        out("{")
        out.depth += 1
        self.array_size(out, f, self.element_min_size(f, form) if content else 0)
        out.open("if (count > 0)")
        if content and f.kind == "scalar" and f.declared != "size_t":
            out(f"{access} = proto_decode_bytes(d, count * sizeof({f.declared}));")
        else:
            out(f"{f.declared} *items = proto_decoder_alloc(d, count, sizeof(*items));")
            if content:
                out.open("for (size_t i = 0; items && i < count && !d->in->failed; i++)")
                self.element(out, f, "items[i]", form)
                out.close()
            out(f"{access} = items;")
        out.close()
        out.close()

    def decode_blob(self, out, f, access, form, content):
        out("{")
        out.depth += 1
        self.array_size(out, f, 1 if content else 0)
        out.open("if (count > 0)")
        call = "proto_decode_bytes(d, count)" if content else "proto_decoder_alloc(d, 1, count)"
        out(f"{access} = {call};")
        out.close()
        out.close()

    def decode_fixed(self, out, f, access, form, content):
        wire = self.element_min_size(f, form)
        out.open(f"if (proto_decode_array_size(d, {f.dimension}, {wire}, false, {self.label(f)}) > 0)")
        if f.kind == "scalar" and f.declared != "size_t":
            out(f"const void *bytes = wire_read_bytes(d->in, sizeof({access}));")
            out.open("if (bytes)")
            out(f"memcpy({access}, bytes, sizeof({access}));")
            out.close()
        else:
            out.open(f"for (size_t i = 0; i < {f.dimension}; i++)")
            self.element(out, f, f"{access}[i]", form)
            out.close()
        out.close()

    def decode_string(self, out, f, access, form, content):
        out(f"{access} = proto_decode_string(d, {self.optional(f)}, {self.label(f)});")

    def decode_strings(self, out, f, access, form, content):
        out("{")
        out.depth += 1
        self.array_size(out, f, 8)
        out.open("if (count > 0)")
        out("const char **items = proto_decoder_alloc(d, count, sizeof(*items));")
        out.open("for (size_t i = 0; items && i < count && !d->in->failed; i++)")
        out(f"items[i] = proto_decode_string(d, false, {self.label(f)});")
        out.close()
        out(f"{access} = items;")
        out.close()
        out.close()

    def decode_pointers(self, out, f, access, form, content):
        out("{")
        out.depth += 1
        self.array_size(out, f, 8)
        out.open("if (count > 0)")
        out(f"const {f.declared} **items = proto_decoder_alloc(d, count, sizeof(*items));")
        out.open("for (size_t i = 0; items && i < count && !d->in->failed; i++)")
        out(f"const size_t inner = proto_decode_array_size(d, (uint64_t)({self.count(f.inner)}), "
            f"{self.element_min_size(f)}, false, {self.label(f)});")
        out.open("if (inner > 0)")
        if f.kind == "scalar":
            out(f"items[i] = proto_decode_bytes(d, inner * sizeof({f.declared}));")
        else:
            out(f"{f.declared} *elements = proto_decoder_alloc(d, inner, sizeof(*elements));")
            out.open("for (size_t j = 0; elements && j < inner && !d->in->failed; j++)")
            self.element(out, f, "elements[j]", "")
            out.close()
            out("items[i] = elements;")
        out.close()
        out.close()
        out(f"{access} = items;")
        out.close()
        out.close()


def decode_forms(plan, name):
    result = []
    if name in plan.full:
        result.append(False)
    if name in plan.partial:
        result.append(True)
    return result


def emit_struct_decoder(out, plan, struct, partial):
    form = "_partial" if partial else ""
    emitter = DecodeEmitter(plan, struct.fields, "s->", struct.name, struct.raw_handles)
    body = Text()
    body.depth = 1
    for f in struct.fields:
        emitter.decode(body, f, partial)
    if struct.stype:
        out.function("void", f"proto_decode_members_{struct.name}{form}",
                     "struct proto_decoder *d, void *members_of")
        if body.lines:
            out(f"{struct.name} *s = members_of;")
        out.lines += body.lines
        out.end()
        if struct.name not in plan.bases:
            return
        out.function("void", f"proto_decode_{struct.name}{form}",
                     f"struct proto_decoder *d, {struct.name} *s")
        flag = "true" if partial else "false"
        out(f'proto_decode_base(d, s, {struct.stype}, &proto_chain_{struct.name}, {flag}, "{struct.name}");')
        out(f"proto_decode_members_{struct.name}{form}(d, s);")
        out.end()
        return
    out.function("void", f"proto_decode_{struct.name}{form}",
                 f"struct proto_decoder *d, {struct.name} *s")
    out.lines += body.lines
    out.end()


def union_decoder_parameters(struct):
    selector = "" if struct.send_tag is not None else ", int64_t selector"
    return f"struct proto_decoder *d, {struct.name} *s{selector}"


def emit_union_decoder(out, plan, struct):
    out.function("void", f"proto_decode_{struct.name}", union_decoder_parameters(struct))
    reader = "wire_read_u32" if struct.tag_type == "u32" else "wire_read_i32"
    out(f"const int64_t tag = {reader}(d->in);")
    if struct.send_tag is None:
        out("/* The host reads the member that the selector names, so both must name the same one. */")
        out.open("if (tag != selector)")
        out(f'proto_decoder_fail(d, "{struct.name}: tag %" PRId64 ", selector %" PRId64, tag, selector);')
        out("return;")
        out.close()
    out("switch (tag) {")
    for group in grouped(struct.cases):
        for case in group:
            out(f"case {case.tag}:")
        out.depth += 1
        DecodeEmitter(plan, [group[0].field], "s->", struct.name).decode(out, group[0].field)
        out("break;")
        out.depth -= 1
    out(f'default: proto_decoder_fail(d, "{struct.name}: tag %" PRId64 " is unknown", tag);')
    out("}")
    out.end()


# --- commands ---


def args_member(f):
    """How a parameter looks in the struct of decoded arguments."""
    if f.shape == "fixed":
        return f"{f.declared} {f.name}[{f.dimension}]"
    return f.member.declaration()


def id_member(f):
    if f.kind != "handle":
        return None
    if f.shape == "value":
        return f"uint64_t {f.name}_id"
    return f"uint64_t *{f.name}_ids"


def emit_args_struct(out, call):
    out(f"/* {call.name}, command {number_text(call.number)}. */")
    out.open(f"struct proto_{call.name}")
    for f in call.fields:
        out(args_member(f) + ";")
        if id_member(f):
            out(id_member(f) + ";")
    if call.returns != "void":
        out(f"{call.returns} ret;")
    out.close(";")
    out(f"bool proto_decode_{call.name}(struct proto_decoder *d, struct proto_{call.name} *args);")
    out(f"size_t proto_reply_size_{call.name}(const struct proto_{call.name} *args);")
    out(f"void proto_encode_reply_{call.name}(struct wire_writer *w, const struct proto_{call.name} *args);")
    out()


def emit_handle_parameter(out, emitter, call, f):
    """Handles of a command also keep their ids: destruction and registration need them."""
    access, ids = "args->" + f.name, f"args->{f.name}_ids"
    if f.shape == "value":
        if f is call.leading:
            out(f"args->{f.name}_id = wire_read_u64(d->in);")
            look_up = f"d->ops->lookup_leading(d, args->{f.name}_id, {f.object_type})"
        else:
            look_up = f"proto_decode_handle_and_id(d, {f.object_type}, &args->{f.name}_id)"
        out(f"{access} = {to_handle(f, look_up)};")
        return
    if f.shape == "pointer":
        out.open(f"if (proto_decode_pointer(d, {emitter.optional(f)}, {emitter.label(f)}))")
        out("const size_t count = 1;")
    else:
        out("{")
        out.depth += 1
        emitter.array_size(out, f, 8)
        out.open("if (count > 0)")
    out(f"{f.declared} *items = proto_decoder_alloc(d, count, sizeof(*items));")
    out(f"{ids} = proto_decoder_alloc(d, count, sizeof(uint64_t));")
    out.open(f"for (size_t i = 0; items && {ids} && i < count; i++)")
    if f.is_out:
        out(f"{ids}[i] = wire_read_u64(d->in);")
    else:
        look_up = f"proto_decode_handle_and_id(d, {f.object_type}, &{ids}[i])"
        out(f"items[i] = {to_handle(f, look_up)};")
    out.close()
    out(f"{access} = items;")
    out.close()
    if f.shape != "pointer":
        out.close()


def emit_command_decoder(out, plan, call):
    out.function("bool", f"proto_decode_{call.name}",
                 f"struct proto_decoder *d, struct proto_{call.name} *args")
    out("memset(args, 0, sizeof(*args));")
    emitter = DecodeEmitter(plan, call.fields, "args->", call.name)
    for f in call.fields:
        if f.kind == "handle" and f.shape in ("value", "pointer", "array"):
            emit_handle_parameter(out, emitter, call, f)
        else:
            emit_parameter(out, emitter, f)
        array = stride_rewritten(call.fields).get(f.name)
        if array:
            emitter.check_stride(out, f, array)
    out("return !d->in->failed;")
    out.end()


def emit_parameter(out, emitter, f):
    """A pure out parameter brings its framing, and of structures the partial form."""
    getattr(emitter, "decode_" + f.shape)(
        out, f, "args->" + f.name,
        "" if f.is_in or f.kind not in ("struct", "union") else "_partial",
        f.is_in or f.kind in ("struct", "union"))


def reply_fields(call):
    return [f for f in call.fields if f.is_out]


class ReplyWriter(WriteEmitter):
    """Writes handles of out parameters as the ids the driver chose."""

    def element(self, out, f, value, pointer, form):
        if f.kind == "handle":
            index = "[i]" if f.shape != "pointer" else "[0]"
            out(f"wire_write_u64(w, args->{f.name}_ids{index});")
            return
        super().element(out, f, value, pointer, form)


def emit_reply_encoder(out, plan, call):
    emitter = ReplyWriter(plan, call.fields, "args->")
    size_body, write_body = Text(), Text()
    size_body.depth = write_body.depth = 1
    constant = 4
    if call.returns == "VkResult":
        constant += 4
        write_body("wire_write_i32(w, args->ret);")
    elif call.returns != "void":
        suffix, size = plan.selection.scalar(call.returns)
        constant += 8 if size == 8 else 4
        write_body(f"wire_write_{suffix}(w, args->ret);")
    for f in reply_fields(call):
        constant += emitter.size(size_body, f)
        emitter.write(write_body, f)
    out.function("size_t", f"proto_reply_size_{call.name}", f"const struct proto_{call.name} *args")
    if "caps" in size_body.text():
        out("const struct proto_caps *caps = proto_decode_all_caps();")
    if size_body.lines:
        out(f"size_t bytes = {constant};")
        out.lines += size_body.lines
        out("return bytes;")
    else:
        out(f"return {constant};")
    out.end()
    out.function("void", f"proto_encode_reply_{call.name}",
                 f"struct wire_writer *w, const struct proto_{call.name} *args")
    if "caps" in write_body.text():
        out("const struct proto_caps *caps = proto_decode_all_caps();")
    out(f"wire_write_i32(w, {number_text(call.number)});")
    out.lines += write_body.lines
    out.end()


def emit_decode_header(plan):
    out = file_head("Commands as the renderer sees them: decoded arguments, and replies.",
                    ["<stdbool.h>", "protocol/proto_structs.h", "protocol/runtime/decoder.h"],
                    "PROTO_DECODE_H")
    out("/* In the structs below, handles are the host's; `_id` and `_ids` are the guest's names for them.")
    out(" * Out parameters point at zeroed memory of the decoder's arena. */")
    out()
    for call in plan.calls:
        emit_args_struct(out, call)
    out("#endif")
    return out.text()


def emit_decode_structs_header(plan):
    out = file_head("Structures from bytes, on the renderer's side.",
                    ["protocol/proto_structs.h", "protocol/runtime/chain_decode.h",
                     "protocol/runtime/decoder.h"],
                    "PROTO_DECODE_STRUCTS_H")
    for struct in plan.structs.values():
        if struct.is_union:
            out(f"void proto_decode_{struct.name}({union_decoder_parameters(struct)});")
            continue
        for partial in decode_forms(plan, struct.name):
            form = "_partial" if partial else ""
            if struct.stype:
                out(f"void proto_decode_members_{struct.name}{form}(struct proto_decoder *d, void *members_of);")
            if not struct.stype or struct.name in plan.bases:
                out(f"void proto_decode_{struct.name}{form}(struct proto_decoder *d, {struct.name} *s);")
    out()
    out("#endif")
    return out.text()


def emit_decode_source(plan, family):
    out = file_head(f"The {family} commands on the renderer's side.",
                    ["<inttypes.h>", "<string.h>", "protocol/proto_decode.h",
                     "protocol/proto_decode_structs.h"])
    for struct in plan.structs.values():
        if struct.family != family:
            continue
        if struct.is_union:
            emit_union_decoder(out, plan, struct)
            continue
        for partial in decode_forms(plan, struct.name):
            emit_struct_decoder(out, plan, struct, partial)
    for call in plan.calls:
        if call.family == family:
            emit_command_decoder(out, plan, call)
            emit_reply_encoder(out, plan, call)
    return out.text()


def emit_chain_decode_source(plan):
    out = file_head("Chained structures from bytes, by index in the chain table.",
                    ["protocol/proto_decode_structs.h"])
    out("const struct proto_chain_decode_entry proto_chain_decode_table[] = {")
    for name in plan.chainable:
        has = decode_forms(plan, name)
        full = f"proto_decode_members_{name}" if False in has else "NULL"
        partial = f"proto_decode_members_{name}_partial" if True in has else "NULL"
        out(f"    {{{full}, {partial}}},")
    out("};")
    return out.text()
