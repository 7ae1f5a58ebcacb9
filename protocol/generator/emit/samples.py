"""Sample requests and replies of every command, made by an encoder of its own: the plan is interpreted
here in Python, so that the generated C is checked against something that shares no code with it."""

import re
import struct as binary

from generator.emit.structs import stride_rewritten
from generator.emit.text import count_expression, file_head, returns_value
from generator.plan import constant_of, fixed_size, length_names

# What a sample is like: how many elements arrays have, whether optional pointers are there, how many
# structures are chained.
VARIANTS = (
    {"items": 0, "optional": False, "chain": 0, "scalar": 0},
    {"items": 1, "optional": True, "chain": 1, "scalar": 1},
    {"items": 3, "optional": True, "chain": 1000, "scalar": 2},
)


class Sampler:
    def __init__(self, plan, variant):
        self.plan, self.variant = plan, variant
        self.next_id = 100
        self.turn = 0  # alternates union cases

    # --- values ---

    def evaluate(self, expression, env, index=None):
        text = expression.replace(" / ", " // ")
        text = re.sub(r"(\w+)->(\w+)", r'\1["\2"]', text)
        text = re.sub(r"(\w+)\[i\]\.(\w+)", r'\1[i]["\2"]', text)
        names = dict(self.plan.selection.registry.constants)
        names.update({k: v for k, v in env.items()})
        if index is not None:
            names["i"] = index
        try:
            return int(eval(text, {"__builtins__": {}}, names))
        except TypeError:
            return 0  # goes through an absent pointer

    def forced_lengths(self, fields):
        """Length members get the value that makes their arrays as long as the variant asks."""
        items = self.variant["items"]
        forced = {}
        for f in fields:
            for name in length_names(f.count):
                if f.shape in ("array", "blob", "strings", "pointers") and not f.count.startswith("p" + name):
                    forced[name] = 4 * items if "/ 4" in f.count else 1 if "/ 32" in f.count else items
        return forced

    def scalar(self, f, forced):
        if f.name in forced:
            return forced[f.name]
        if f.bits:
            return sum(((1 << width) - 1) << first for _, first, width in f.bits) if self.variant["scalar"] else 0
        if f.name in ("flags", "flags2"):
            return 0
        if f.scalar in ("f32", "f64"):
            return 0.5 * self.variant["scalar"]
        sample = self.variant["scalar"] if self.variant["scalar"] < 2 else 1
        return -sample if f.scalar in ("i8", "i16") else sample

    def new_id(self):
        self.next_id += 1
        return self.next_id

    def values(self, fields, depth):
        forced = self.forced_lengths(fields)
        strides = stride_rewritten(fields)
        for f in fields:
            if f.kind == "union" and f.selector:
                forced[f.selector] = self.pick_case(self.plan.structs[f.type]).value
        env = {}
        for f in fields:
            if f.name in strides:
                env[f.name] = fixed_size(self.plan, strides[f.name].type)
            else:
                env[f.name] = self.value(f, env, forced, depth)
        return env

    def pick_case(self, union):
        if union.send_tag is not None:
            return union.cases[union.send_tag]
        self.turn += 1
        return union.cases[self.turn % len(union.cases)]

    def present(self, f):
        return self.variant["optional"] or not f.may_be_absent or f.sizes_sibling

    def value(self, f, env, forced, depth):
        if f.shape == "absent":
            return None
        if f.shape == "value":
            return self.element(f, env, forced, depth)
        if f.shape == "pointer":
            there = self.present(f) and (not f.condition or self.condition_holds(f, env))
            return self.element(f, env, forced, depth) if there else None
        if f.shape == "string":
            return b"name" if self.present(f) else None
        if f.shape == "fixed":
            count = constant_of(self.plan.selection, f.dimension)
            return [self.element(f, env, {}, depth) for _ in range(count)]
        count = self.evaluate(f.count, env)
        if f.condition and not self.condition_holds(f, env):
            return None
        if f.shape == "blob":
            return bytes(i & 0xFF for i in range(count)) if count else None
        if f.shape == "strings":
            return [b"s%d" % i for i in range(count)] if count else None
        if f.shape == "pointers":
            if f.type == "VkAccelerationStructureGeometryKHR":
                return None  # the other array carries the geometries
            return [
                [self.element(f, env, {}, depth) for _ in range(self.evaluate(f.inner, env, i))]
                for i in range(count)
            ] or None
        return [self.element(f, env, {}, depth) for _ in range(count)] or None

    def condition_holds(self, f, env):
        if "sharingMode" in f.condition:
            return env["sharingMode"] == 1
        if "viewportScissor2D" in f.condition:
            return env["viewportScissor2D"] != 0
        if "s->flags." in f.condition:  # bit-fields, which are all set or none
            return bool(env["flags"]["bits"]) != f.condition.startswith("!")
        return not env["flags"] & 1

    def element(self, f, env, forced, depth):
        if f.kind == "scalar":
            return self.scalar(f, forced)
        if f.kind == "handle":
            return self.new_id()
        target = self.plan.structs[f.type]
        if f.kind == "union":
            cases = target.cases
            if f.selector:
                case = next(c for c in cases if c.value == env.get(f.selector, forced.get(f.selector)))
            else:
                case = self.pick_case(target)
            inner = self.value(case.field, {}, {}, depth + 1)
            return (case, inner)
        return self.structure(target, depth + 1)

    def structure(self, target, depth, chained=False):
        env = self.values(target.fields, depth)
        env["pNext"] = []
        if target.stype and depth <= 2 and not chained:
            for name in target.chain[: self.variant["chain"]]:
                env["pNext"].append((name, self.structure(self.plan.structs[name], depth + 1, True)))
        return env

    # --- bytes ---

    def pack_scalar(self, f, value):
        value_format = {"u8": "<I", "u16": "<I", "u32": "<I", "i8": "<i", "i16": "<i", "i32": "<i", "f32": "<f",
                        "u64": "<Q", "i64": "<q", "f64": "<d"}[f.scalar]
        return binary.pack(value_format, value)

    def pack_packed(self, f, values):
        element = {"u8": "B", "i8": "b", "u16": "H", "i16": "h"}.get(f.scalar)
        if element is None:
            return b"".join(self.pack_scalar(f, v) for v in values)
        data = b"".join(binary.pack("<" + element, v) for v in values)
        return data + b"\0" * (-len(data) % 4)

    def pack_element(self, f, value, form):
        if f.kind == "scalar":
            return self.pack_scalar(f, value)
        if f.kind == "handle":
            return binary.pack("<Q", value)
        target = self.plan.structs[f.type]
        if f.kind == "union":
            case, inner = value
            tag = binary.pack("<i" if target.tag_type == "i32" else "<I", case.value)
            return tag + self.pack(case.field, inner, "full")
        return self.pack_structure(target, value, form)

    def pack_structure(self, target, value, form):
        data = b""
        if target.stype:
            data = self.pack_stype(target) + self.pack_chain(value["pNext"], form)
        return data + self.pack_members(target, value, form)

    def pack_stype(self, target):
        return binary.pack("<i", self.plan.selection.registry.constants[target.stype])

    def pack_chain(self, chain, form):
        if not chain:
            return binary.pack("<Q", 0)
        name, value = chain[0]
        target = self.plan.structs[name]
        return (binary.pack("<Q", 1) + self.pack_stype(target) + self.pack_chain(chain[1:], form)
                + self.pack_members(target, value, form))

    def pack_members(self, target, value, form):
        return b"".join(self.pack(f, value[f.name], form) for f in target.fields)

    def pack(self, f, value, form):
        if form == "partial":
            if f.sizes_sibling or f.kind == "handle":
                form = "full"
            elif f.kind != "struct":
                if f.shape in ("value", "fixed"):
                    return b""
                return binary.pack("<Q", 0 if value is None else 1 if f.shape == "pointer" else len(value))
        if f.shape == "value":
            return self.pack_element(f, value, form)
        if value is None:
            return binary.pack("<Q", 0)
        if f.shape == "pointer":
            return binary.pack("<Q", 1) + self.pack_element(f, value, form)
        if f.shape == "string":
            return self.pack_string(value)
        if f.shape == "blob":
            return binary.pack("<Q", len(value)) + value + b"\0" * (-len(value) % 4)
        head = binary.pack("<Q", len(value))
        if f.shape == "strings":
            return head + b"".join(self.pack_string(v) for v in value)
        if f.shape == "pointers":
            return head + b"".join(
                binary.pack("<Q", len(v)) + b"".join(self.pack_element(f, e, form) for e in v)
                for v in value)
        if f.kind == "scalar":
            return head + self.pack_packed(f, value)
        return head + b"".join(self.pack_element(f, v, form) for v in value)

    def pack_string(self, text):
        data = text + b"\0"
        return binary.pack("<Q", len(data)) + data + b"\0" * (-len(data) % 4)

    # --- commands ---

    def request(self, call, env):
        data = b""
        for f in call.fields:
            form = "full" if f.is_in or f.kind == "handle" else "partial"
            data += self.pack(f, env[f.name], form)
        return data

    def reply(self, call, env):
        data = binary.pack("<i", call.number)
        if call.returns != "void":
            data += binary.pack("<Q" if self.plan.selection.scalar(call.returns)[1] == 8 else "<i", 0)
        for f in call.fields:
            if f.is_out:
                data += self.pack(f, env[f.name], "full")
        return data


def emit_bytes(out, data):
    for start in range(0, len(data), 24):
        out("    " + ", ".join(str(b) for b in data[start:start + 24]) + ",")


def emit_samples_source(plan):
    """One array of bytes; requests lack the 8 bytes of number and flags, which the stream's loop reads."""
    out = file_head("Sample requests and replies, made by the generator's own encoder.",
                    ["tests/roundtrip/roundtrip.h"])
    data, rows = b"", []
    for call in plan.calls:
        for number, variant in enumerate(VARIANTS):
            sampler = Sampler(plan, variant)
            env = sampler.values(call.fields, 0)
            request, reply = sampler.request(call, env), sampler.reply(call, env)
            rows.append(f'{{"{call.name}", {number}, {call.number}, roundtrip_{call.name}, '
                        f"{len(data)}, {len(request)}, {len(data) + len(request)}, {len(reply)}}}")
            data += request + reply
    out("const uint8_t roundtrip_bytes[] = {")
    emit_bytes(out, data)
    out("};")
    out()
    out("const struct roundtrip_sample roundtrip_samples[] = {")
    for row in rows:
        out(f"    {row},")
    out("};")
    out(f"const size_t roundtrip_sample_count = {len(rows)};")
    return out.text()


def emit_roundtrip_header(plan):
    out = file_head("Round trips, one a command.", [], "ROUNDTRIP_COMMANDS_H")
    for call in plan.calls:
        out(f"bool roundtrip_{call.name}(struct roundtrip *t);")
    out()
    out("#endif")
    return out.text()


def emit_roundtrip_source(plan):
    out = file_head("Decode, encode, and the reply the other way round, for each command.",
                    ["protocol/proto_decode.h", "protocol/proto_encode.h", "tests/roundtrip/roundtrip.h"])
    for call in plan.calls:
        out.function("bool", f"roundtrip_{call.name}", "struct roundtrip *t")
        out(f"struct proto_{call.name} args;")
        out.open(f"if (!proto_decode_{call.name}(&t->decoder, &args))")
        out("return false;")
        out.close()
        for f in call.fields:
            if f.kind == "handle" and f.is_out:
                count = "1" if f.shape == "pointer" else count_of(call, f)
                out(f"roundtrip_name(t, args.{f.name}_ids, args.{f.name}, {count});")
        args = ", ".join("args." + f.name for f in call.fields)
        out("struct wire_writer writer;")
        out(f"roundtrip_request(t, proto_size_{call.name}(t->caps, {args}), &writer);")
        out(f"proto_encode_{call.name}(&writer, t->caps, 0, {args});")
        out("roundtrip_request_done(t, &writer);")
        extra = ", &args.ret" if returns_value(call) else ""
        result = f"proto_decode_reply_{call.name}(&t->reply, {args}{extra})"
        out(f"args.ret = {result};" if call.returns == "VkResult" else f"(void){result};")
        out.open("if (!roundtrip_reply_understood(t))")
        out("return true;")
        out.close()
        out(f"roundtrip_reply(t, proto_reply_bound_{call.name}(t->caps, {args}), proto_reply_size_{call.name}(&args), &writer);")
        out(f"proto_encode_reply_{call.name}(&writer, &args);")
        out("roundtrip_reply_done(t, &writer);")
        out("return true;")
        out.end()
    return out.text()


def count_of(call, f):
    return count_expression(f.count, call.fields, "args.")
