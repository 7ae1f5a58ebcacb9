"""Structures as bytes: size and write functions, in full and in partial form, and the chain table."""

from generator.emit.tables import extension_rows
from generator.emit.text import Text, count_expression, file_head
from generator.plan import fixed_field_size, fixed_size


class WriteEmitter:
    """Emits size and write statements for one struct or command.

    `prefix` is put before a member's name; sizes are collected as a constant and statements."""

    def __init__(self, plan, fields, prefix, raw_handles=False):
        self.plan, self.fields, self.prefix, self.raw = plan, fields, prefix, raw_handles

    def count(self, expression):
        return count_expression(expression, self.fields, self.prefix)

    def present(self, f, access, count):
        terms = [access]
        if count is not None:
            terms.append("count")
        if f.condition:
            terms.append(f"({f.condition})")
        return " && ".join(terms)

    # --- sizes ---

    def size(self, out, f, partial=False):
        """Emits statements that add to `size`; returns the constant part."""
        fixed = fixed_field_size(self.plan, f, partial)
        if fixed is not None:
            return fixed
        full = not partial or f.sizes_sibling or f.kind == "handle"
        access = self.prefix + f.name
        form = "" if full or f.kind != "struct" else "_partial"
        content = full or f.kind == "struct"
        if f.shape == "value":
            out(f"bytes += {self.element_size(f, '&' + access, form, access)};")
            return 0
        if f.shape == "pointer":
            if content:
                out.open(f"if ({self.present(f, access, None)})")
                out(f"bytes += {self.element_size(f, access, form, '*' + access)};")
                out.close()
            return 8
        if f.shape in ("array", "blob"):
            if content:
                self.size_array(out, f, access, self.count(f.count), form)
            return 8
        if f.shape == "fixed":
            dimension = f.dimension
            out.open(f"for (size_t i = 0; i < {dimension}; i++)")
            out(f"bytes += {self.element_size(f, f'&{access}[i]', form, f'{access}[i]')};")
            out.close()
            return 8
        if not content:
            return 8
        return getattr(self, "size_" + f.shape)(out, f, access)

    def element_size(self, f, pointer, form, value):
        if f.kind == "scalar":
            return "8" if f.scalar_size == 8 else "4"
        if f.kind == "handle":
            return "8"
        fixed = fixed_size(self.plan, f.type, partial=bool(form))
        if fixed is not None:
            return str(fixed)
        if f.kind == "union":
            selector = f", {self.prefix}{f.selector}" if f.selector else ""
            return f"proto_size_{f.type}(caps, {pointer}{selector})"
        return f"proto_size_{f.type}{form}(caps, {pointer})"

    def size_array(self, out, f, access, count, form):
        out.open("{")
        out(f"const size_t count = {count};")
        out.open(f"if ({self.present(f, access, count)})")
        if f.shape == "blob":
            out("bytes += wire_padded(count);")
        elif f.kind == "scalar":
            scale = "count" if f.scalar_size == 1 else f"count * {f.scalar_size}"
            out(f"bytes += wire_padded({scale});" if f.scalar_size < 4 else f"bytes += {scale};")
        elif f.kind == "handle":
            out("bytes += count * 8;")
        else:
            fixed = fixed_size(self.plan, f.type, partial=bool(form))
            if fixed is not None:
                out(f"bytes += count * {fixed};")
            else:
                out.open("for (size_t i = 0; i < count; i++)")
                out(f"bytes += {self.element_size(f, f'&{access}[i]', form, '')};")
                out.close()
        out.close()
        out.close()

    def size_string(self, out, f, access):
        out.open(f"if ({access})")
        out(f"bytes += wire_padded(strlen({access}) + 1);")
        out.close()
        return 8

    def size_strings(self, out, f, access):
        out.open(f"if ({access})")
        out.open(f"for (size_t i = 0; i < {self.count(f.count)}; i++)")
        out(f"bytes += 8 + wire_padded(strlen({access}[i]) + 1);")
        out.close()
        out.close()
        return 8

    def size_pointers(self, out, f, access):
        out.open(f"if ({access})")
        out.open(f"for (size_t i = 0; i < {self.count(f.count)}; i++)")
        out("bytes += 8;")
        if f.kind == "scalar":
            out(f"bytes += (size_t){self.count(f.inner)} * {f.scalar_size};")
        else:
            out.open(f"for (size_t j = 0; j < {self.count(f.inner)}; j++)")
            out(f"bytes += {self.element_size(f, f'&{access}[i][j]', '', '')};")
            out.close()
        out.close()
        out.close()
        return 8

    # --- writing ---

    def write(self, out, f, partial=False):
        full = not partial or f.sizes_sibling or f.kind == "handle"
        access = self.prefix + f.name
        form = "" if full or f.kind != "struct" else "_partial"
        content = full or f.kind == "struct"
        if f.shape in ("value", "fixed") and not content:
            return
        if f.shape == "value":
            self.element(out, f, access, "&" + access, form)
        elif f.shape == "absent":
            out("wire_write_u64(w, 0);")
        elif f.shape == "pointer":
            self.write_pointer(out, f, access, form, content)
        elif f.shape in ("array", "blob"):
            self.write_array(out, f, access, form, content)
        elif f.shape == "fixed":
            self.write_fixed(out, f, access, form)
        else:
            getattr(self, "write_" + f.shape)(out, f, access)

    def element(self, out, f, value, pointer, form):
        if f.bits:
            out(f"uint32_t {f.name} = 0;")
            for name, first, width in f.bits:
                out(f"{f.name} |= ((uint32_t){self.prefix}{name} & {bit_mask(width)}) << {first};")
            value = f.name
        strided = stride_rewritten(self.fields).get(f.name)
        if strided:
            value = str(fixed_size(self.plan, strided.type))
        if f.kind == "scalar":
            cast = f"({ctype(f.scalar)})" if f.scalar in ("i32", "u32", "u64") else ""
            changed = self.plan.selection.policy.wire_values.get(f.type)
            if changed:
                value = f"{changed.get('write')}({value})"
            out(f"wire_write_{f.scalar}(w, {cast}{value});")
        elif f.kind == "handle":
            handle = f"PROTO_HANDLE({value})"
            identity = handle if self.raw else f"proto_object_id({handle})"
            if f.condition and f.shape == "value":
                identity = f"{f.condition} ? {identity} : 0"
            out(f"wire_write_u64(w, {identity});")
        elif f.kind == "union":
            selector = f", {self.prefix}{f.selector}" if f.selector else ""
            out(f"proto_write_{f.type}(w, caps, {pointer}{selector});")
        else:
            out(f"proto_write_{f.type}{form}(w, caps, {pointer});")

    def write_pointer(self, out, f, access, form, content):
        if not content:
            out(f"wire_write_u64(w, {access} ? 1 : 0);")
            return
        out.open(f"if ({self.present(f, access, None)})")
        out("wire_write_u64(w, 1);")
        self.element(out, f, "*" + access, access, form)
        out.close(" else {")
        out.depth += 1
        out("wire_write_u64(w, 0);")
        out.close()

    def write_array(self, out, f, access, form, content):
        out("{")
        out.depth += 1
        out(f"const size_t count = {self.count(f.count)};")
        if not content:
            out(f"wire_write_u64(w, {access} ? count : 0);")
            out.close()
            return
        out.open(f"if ({self.present(f, access, True)})")
        out("wire_write_u64(w, count);")
        self.items(out, f, access, "count", form)
        out.close(" else {")
        out.depth += 1
        out("wire_write_u64(w, 0);")
        out.close()
        out.close()

    def items(self, out, f, access, count, form):
        if f.shape == "blob" or (f.kind == "scalar" and f.declared != "size_t"):
            scale = "" if f.shape == "blob" or f.scalar_size == 1 else f" * {f.scalar_size}"
            out(f"wire_write_bytes(w, {access}, {count}{scale});")
            return
        if f.stride_member:
            self.strided_items(out, f, access, count)
            return
        out.open(f"for (size_t i = 0; i < {count}; i++)")
        self.element(out, f, f"{access}[i]", f"&{access}[i]", form)
        out.close()

    def strided_items(self, out, f, access, count):
        """Elements lie `stride` bytes apart in the application's memory, tightly on the wire."""
        out.open(f"for (size_t i = 0; i < {count}; i++)")
        out(f"const {f.declared} *item =")
        out(f"    (const {f.declared} *)((const char *){access} + i * {self.prefix}{f.stride_member});")
        self.element(out, f, "*item", "item", "")
        out.close()

    def write_fixed(self, out, f, access, form):
        dimension = f.dimension
        out(f"wire_write_u64(w, {dimension});")
        self.items(out, f, access, dimension, form)

    def write_string(self, out, f, access):
        out.open(f"if ({access})")
        out(f"const size_t length = strlen({access}) + 1;")
        out("wire_write_u64(w, length);")
        out(f"wire_write_bytes(w, {access}, length);")
        out.close(" else {")
        out.depth += 1
        out("wire_write_u64(w, 0);")
        out.close()

    def write_strings(self, out, f, access):
        out.open(f"if ({access})")
        out(f"const size_t count = {self.count(f.count)};")
        out("wire_write_u64(w, count);")
        out.open("for (size_t i = 0; i < count; i++)")
        out(f"const size_t length = strlen({access}[i]) + 1;")
        out("wire_write_u64(w, length);")
        out(f"wire_write_bytes(w, {access}[i], length);")
        out.close()
        out.close(" else {")
        out.depth += 1
        out("wire_write_u64(w, 0);")
        out.close()

    def write_pointers(self, out, f, access):
        out.open(f"if ({access})")
        out(f"const size_t count = {self.count(f.count)};")
        out("wire_write_u64(w, count);")
        out.open("for (size_t i = 0; i < count; i++)")
        out(f"const size_t inner = {self.count(f.inner)};")
        out("wire_write_u64(w, inner);")
        if f.kind == "scalar":
            out(f"wire_write_bytes(w, {access}[i], inner * {f.scalar_size});")
        else:
            out.open("for (size_t j = 0; j < inner; j++)")
            self.element(out, f, f"{access}[i][j]", f"&{access}[i][j]", "")
            out.close()
        out.close()
        out.close(" else {")
        out.depth += 1
        out("wire_write_u64(w, 0);")
        out.close()


def bit_mask(width):
    return f"{(1 << width) - 1:#x}u"


def emit_bits(out, f, prefix, reader):
    """A word of bit-fields from bytes."""
    out(f"const uint32_t {f.name} = wire_read_u32({reader});")
    for name, first, width in f.bits:
        out(f"{prefix}{name} = {f.name} >> {first} & {bit_mask(width)};")


def ctype(scalar):
    return {"i32": "int32_t", "u32": "uint32_t", "u64": "uint64_t"}[scalar]


def stride_rewritten(fields):
    """Members whose value on the wire is the packed element size, not the application's stride."""
    return {f.stride_member: f for f in fields if f.stride_member}


def emit_size_function(out, plan, struct, partial):
    form = "_partial" if partial else ""
    emitter = WriteEmitter(plan, struct.fields, "s->", struct.raw_handles)
    body = Text()
    body.depth = 1
    constant = sum(emitter.size(body, f, partial) for f in struct.fields)
    if struct.stype:
        out.function("size_t", f"proto_size_members_{struct.name}{form}",
                     "const struct proto_caps *caps, const void *members_of")
        if body.lines:
            out(f"const {struct.name} *s = members_of;")
    else:
        out.function("size_t", f"proto_size_{struct.name}{form}",
                     f"const struct proto_caps *caps, const {struct.name} *s")
    if body.lines:
        out(f"size_t bytes = {constant};")
        out.lines += body.lines
        out("return bytes;")
    else:
        out(f"return {constant};")
    out.end()


def emit_write_function(out, plan, struct, partial):
    form = "_partial" if partial else ""
    emitter = WriteEmitter(plan, struct.fields, "s->", struct.raw_handles)
    body = Text()
    body.depth = 1
    for f in struct.fields:
        emitter.write(body, f, partial)
    if struct.stype:
        out.function("void", f"proto_write_members_{struct.name}{form}",
                     "struct wire_writer *w, const struct proto_caps *caps, const void *members_of")
        if body.lines:
            out(f"const {struct.name} *s = members_of;")
    else:
        out.function("void", f"proto_write_{struct.name}{form}",
                     f"struct wire_writer *w, const struct proto_caps *caps, const {struct.name} *s")
    out.lines += body.lines
    out.end()


def emit_base_functions(out, struct, partial):
    """sType, chain and members of a struct that is not itself in a chain."""
    form = "_partial" if partial else ""
    flag = "true" if partial else "false"
    out.function("size_t", f"proto_size_{struct.name}{form}",
                 f"const struct proto_caps *caps, const {struct.name} *s")
    out(f"return 4 + proto_chain_size(caps, s->pNext, &proto_chain_{struct.name}, {flag}) +")
    out(f"       proto_size_members_{struct.name}{form}(caps, s);")
    out.end()
    out.function("void", f"proto_write_{struct.name}{form}",
                 f"struct wire_writer *w, const struct proto_caps *caps, const {struct.name} *s")
    out(f"wire_write_i32(w, {struct.stype});")
    out(f"proto_chain_write(w, caps, s->pNext, &proto_chain_{struct.name}, {flag});")
    out(f"proto_write_members_{struct.name}{form}(w, caps, s);")
    out.end()


def union_parameters(struct):
    return f"const {struct.name} *s" + ("" if struct.send_tag is not None else ", int32_t tag")


def emit_union_functions(out, plan, struct):
    if struct.send_tag is not None:
        cases = [c for c in struct.cases if c.value == struct.send_tag][:1]
    else:
        cases = struct.cases
    size_body, write_body = Text(), Text()
    for body, is_size in ((size_body, True), (write_body, False)):
        body.depth = 1
        for group in grouped(cases):
            emitter = WriteEmitter(plan, [group[0].field], "s->")
            if struct.send_tag is None:
                for case in group:
                    body(f"case {case.tag}:")
                body.depth += 1
            if is_size:
                constant = emitter.size(body, group[0].field)
                body(f"bytes += {constant};")
            else:
                emitter.write(body, group[0].field)
            if struct.send_tag is None:
                body("break;")
                body.depth -= 1
        if struct.send_tag is None:
            body("default: break; /* nothing that a receiver would accept */")
    out.function("size_t", f"proto_size_{struct.name}",
                 f"const struct proto_caps *caps, {union_parameters(struct)}")
    out("size_t bytes = 4;")
    emit_switch(out, struct, size_body)
    out("return bytes;")
    out.end()
    out.function("void", f"proto_write_{struct.name}",
                 f"struct wire_writer *w, const struct proto_caps *caps, {union_parameters(struct)}")
    if struct.send_tag is not None:
        out(f"wire_write_u32(w, {struct.send_tag});")
    else:
        out("wire_write_i32(w, tag);")
    emit_switch(out, struct, write_body)
    out.end()


def emit_switch(out, struct, body):
    if struct.send_tag is None:
        out("switch ((int)tag) {")
        out.lines += body.lines
        out("}")
    else:
        out.lines += body.lines


def grouped(cases):
    """Cases of one member together, so that it is emitted once."""
    groups = {}
    for case in cases:
        groups.setdefault(case.field.name, []).append(case)
    return list(groups.values())


def forms(plan, name):
    """(partial flag) of the write functions a struct needs."""
    result = []
    if name in plan.full or name in plan.reply:
        result.append(False)
    if name in plan.partial:
        result.append(True)
    return result


def emit_structs_header(plan):
    extra = plan.selection.policy.wire_include
    out = file_head("Structures as bytes: sizes and writers.",
                    ["<string.h>", "protocol/proto_mesa.h", "protocol/runtime/caps.h",
                     "protocol/runtime/chain.h", *([extra] if extra else []), "wire/writer.h"],
                    "PROTO_STRUCTS_H")
    for struct in plan.structs.values():
        if struct.is_union:
            params = union_parameters(struct)
            out(f"size_t proto_size_{struct.name}(const struct proto_caps *caps, {params});")
            out(f"void proto_write_{struct.name}(struct wire_writer *w, const struct proto_caps *caps, {params});")
            continue
        for partial in forms(plan, struct.name):
            form = "_partial" if partial else ""
            if struct.stype:
                out(f"size_t proto_size_members_{struct.name}{form}(const struct proto_caps *caps, const void *members_of);")
                out(f"void proto_write_members_{struct.name}{form}(struct wire_writer *w, const struct proto_caps *caps, const void *members_of);")
            if not struct.stype or struct.name in plan.bases:
                out(f"size_t proto_size_{struct.name}{form}(const struct proto_caps *caps, const {struct.name} *s);")
                out(f"void proto_write_{struct.name}{form}(struct wire_writer *w, const struct proto_caps *caps, const {struct.name} *s);")
        if struct.stype and struct.name in plan.bases:
            out(f"extern const struct proto_chain_set proto_chain_{struct.name};")
    out()
    out("#endif")
    return out.text()


def emit_structs_source(plan, family):
    out = file_head(f"Structures of the {family} commands as bytes.",
                    ["protocol/proto_structs.h", "protocol/runtime/object.h", "wire/reader.h"])
    for struct in plan.structs.values():
        if struct.family != family:
            continue
        if struct.is_union:
            emit_union_functions(out, plan, struct)
            continue
        for partial in forms(plan, struct.name):
            emit_size_function(out, plan, struct, partial)
            emit_write_function(out, plan, struct, partial)
            if struct.stype and struct.name in plan.bases:
                emit_base_functions(out, struct, partial)
    return out.text()


def owning_extensions(selection, name):
    """Rows of proto_extensions[] that bring the structure."""
    rows = extension_rows(selection)
    return sorted({rows.index(e) for e, _ in selection.extension_types.get(name, [])})


def emit_values(out, declaration, values):
    out(f"{declaration} = {{")
    for start in range(0, len(values), 24):
        out("    " + ", ".join(str(v) for v in values[start:start + 24]) + ",")
    if not values:
        out("    0, /* none */")
    out("};")
    out()


def emit_withheld(out, plan, index):
    """Members that are zero whatever the host says, by structure, and what the other half must know to
    have them all the same."""
    numbers = {e.name: e.number for e in plan.selection.extensions}
    rows = sorted((index[owner], owner, member, numbers.get(node.get("unless"), 0))
                  for (owner, member), node in plan.selection.policy.withheld_members.items()
                  if owner in index)
    out("const struct proto_withheld_member proto_withheld_members[] = {")
    for i, owner, member, unless in rows:
        out(f'    {{{i}, offsetof({owner}, {member}), {unless}, "{owner}::{member}"}},')
    if not rows:
        out("    {0, 0, 0, NULL}, /* none */")
    out("};")
    out(f"const uint32_t proto_withheld_member_count = {len(rows)};")
    out()


def emit_chains_source(plan, gate_rows):
    """The chain table, the permitted sets, the gates."""
    out = file_head("Which structures may follow which, and when the peer knows them.",
                    ["protocol/proto_structs.h", "protocol/proto_extensions.h"])
    index = {name: i for i, name in enumerate(plan.chainable)}
    out(f"const uint32_t proto_chain_count = {len(plan.chainable)};")
    out(f'_Static_assert({len(plan.chainable)} <= PROTO_MAX_STRUCTS, "struct proto_caps is too small");')
    out()
    out("/* By sType, ascending. */")
    out("const struct proto_chain_entry proto_chain_table[] = {")
    owners = []
    for name in plan.chainable:
        struct = plan.structs[name]
        extensions = owning_extensions(plan.selection, name)
        core = plan.selection.core_types.get(name)
        version = f"VK_MAKE_API_VERSION(0, {core[0]}, {core[1]}, 0)" if core else "0"
        cells = [struct.stype, f"sizeof({name})", f'"{name}"', version, str(len(owners)), str(len(extensions))]
        owners += extensions
        for partial in (False, True):
            form = "_partial" if partial else ""
            has = partial in forms(plan, name)
            cells.append(f"proto_size_members_{name}{form}" if has else "NULL")
            cells.append(f"proto_write_members_{name}{form}" if has else "NULL")
        out("    {" + ", ".join(cells) + "},")
    out("};")
    out()
    emit_values(out, "const uint16_t proto_chain_owners[]", owners)
    emit_withheld(out, plan, index)
    for struct in plan.structs.values():
        if not struct.stype or struct.name not in plan.bases:
            continue
        members = sorted(index[c] for c in struct.chain)
        if members:
            out(f"static const uint16_t chain_{struct.name}[] = {{{', '.join(map(str, members))}}};")
            out(f"const struct proto_chain_set proto_chain_{struct.name} = {{{len(members)}, chain_{struct.name}}};")
        else:
            out(f"const struct proto_chain_set proto_chain_{struct.name} = {{0, NULL}};")
    out()
    out("/* A structure is open if any of its rows holds. */")
    out("const struct proto_gate proto_gates[] = {")
    for i, rows in gate_rows:
        for kind, a, b in rows:
            out(f"    {{{i}, PROTO_GATE_{kind.upper()}, {a}, {b}}}, /* {plan.chainable[i]} */")
    out("};")
    out("const uint32_t proto_gate_count = sizeof(proto_gates) / sizeof(proto_gates[0]);")
    return out.text()
