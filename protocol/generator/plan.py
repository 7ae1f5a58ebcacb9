"""Stage 3, plan: every structure and command becomes an ordered list of wire steps.

A step (Field) says what one member is on the wire: its shape (how it is framed), its kind (what its
elements are), its length, and whether it may be missing. Emission only turns steps into text."""

import re
from dataclasses import dataclass, field

from generator.gates import gate_of
from generator.select import member_absent

# Shapes: value, pointer, array (pointer and count), fixed (array in place), blob, string, strings,
# pointers (array of arrays), absent (must be NULL).
# Kinds: scalar, handle, struct, union, void.


@dataclass
class Field:
    name: str
    type: str  # canonical C type of an element
    declared: str  # C type as the header spells it
    kind: str
    shape: str
    scalar: str = ""  # reader/writer suffix
    scalar_size: int = 0  # bytes of an element in memory
    count: str = ""  # length expression of arrays, in terms of sibling members
    inner: str = ""  # length of each element of an array of arrays
    dimension: str = ""  # of fixed arrays
    may_be_absent: bool = False
    condition: str = ""
    bound: str = ""  # the most that either side may say
    clamp: bool = False  # more is made that much, rather than refused
    const: bool = False
    is_out: bool = False  # commands: the renderer writes it
    is_in: bool = True  # commands: the renderer reads it
    sizes_sibling: bool = False  # it is the length of another member
    selector: str = ""  # member that chooses a union's case
    object_type: str = ""
    dispatchable: bool = False
    member: object = None
    stride_member: str = ""
    bits: list = field(default_factory=list)  # of a word of bit-fields: (name, first bit, width)


@dataclass
class UnionCase:
    tag: str  # C constant or number
    value: int
    field: Field


@dataclass
class Struct:
    name: str
    fields: list  # wire order, without sType and pNext
    stype: str = None  # C constant
    chain: list = field(default_factory=list)  # names that may follow
    is_union: bool = False
    cases: list = field(default_factory=list)
    tag_type: str = ""  # u32 or i32
    send_tag: int = None  # unions without selector
    family: str = ""
    raw_handles: bool = False
    min_size: int = 0  # least bytes on the wire, everything behind an sType included


@dataclass
class Call:
    """A command with a wire form."""

    selected: object
    name: str
    number: int
    family: str
    returns: str
    fields: list
    leading: Field  # the first parameter if it is a dispatchable handle


@dataclass
class Plan:
    selection: object
    structs: dict = field(default_factory=dict)  # name -> Struct, whatever reaches the wire
    calls: list = field(default_factory=list)
    full: set = field(default_factory=set)  # structs that travel in full, in requests
    partial: set = field(default_factory=set)  # structs that travel in partial form
    reply: set = field(default_factory=set)  # structs that come back
    bases: set = field(default_factory=set)  # structs that begin a chain or have none
    chainable: list = field(default_factory=list)  # names, by sType value: the chain table
    families: list = field(default_factory=list)


def constant_of(selection, text):
    """The integer behind a dimension: "4", a constant, or a product of them."""
    result = 1
    for factor in text.split(" * "):
        result *= int(factor) if factor.isdigit() else selection.registry.constants[factor]
    return result


def length_names(expression):
    """The sibling members that an expression mentions."""
    return re.findall(r"(?<![\w.>])[A-Za-z]\w*", expression)


def make_field(selection, member, owner):
    registry, policy = selection.registry, selection.policy
    kind = selection.kind_of(member.type)
    result = Field(
        name=member.name,
        type=registry.type_name(member.type),
        declared=member.type,
        kind=kind,
        shape="value",
        may_be_absent=member.optional or member.noautovalidity,
        const=member.const,
        member=member,
        selector=member.selector or "",
    )
    if kind == "scalar":
        result.scalar, result.scalar_size = selection.scalar(member.type)
    if kind == "handle":
        handle = registry.types[result.type]
        result.object_type, result.dispatchable = handle.object_type, handle.dispatchable
    condition = policy.conditions.get((owner, member.name))
    result.condition = condition.get("when") if condition else ""
    bound = policy.bounds.get((owner, member.name))
    result.bound = bound.get("at-most") if bound else ""
    result.clamp = bool(bound) and bound.get("beyond") == "clamp"
    result.shape = shape_of(selection, member, kind)
    hard_wired = policy.lengths.get((owner, member.name))
    if hard_wired is not None:
        result.count, result.inner = hard_wired.get("outer"), hard_wired.get("inner", "")
        result.shape = "pointers" if result.inner else "array"
    elif result.shape in ("array", "blob", "strings"):
        result.count = member.length[0]
    elif result.shape == "pointers":
        result.count, result.inner = member.length
    elif result.shape == "fixed":
        result.dimension = " * ".join(member.dimensions)
    result.stride_member = member.stride or ""
    return result


def shape_of(selection, member, kind):
    if member_absent(selection, member):
        return "absent"
    if member.dimensions:
        return "fixed"
    if member.type == "char" and member.pointers == 1 and "null-terminated" in member.length:
        return "string"
    if member.type == "char" and member.pointers == 2:
        return "strings"
    if kind == "void":
        return "blob" if member.length else "absent"
    if member.pointers == 2:
        return "pointers"
    if member.pointers == 1:
        return "array" if member.length else "pointer"
    return "value"


def lengths_first(fields):
    """A length declared behind its array moves directly before it."""
    ordered = list(fields)
    names = [f.name for f in ordered]
    for f in fields:
        for used in length_names(f.count):
            if used in names:
                source, target = ordered.index(next(x for x in ordered if x.name == used)), ordered.index(f)
                if source > target:
                    ordered.insert(target, ordered.pop(source))
    return ordered


def mark_sizes(fields):
    by_name = {f.name: f for f in fields}
    for f in fields:
        for used in length_names(f.count):
            if used in by_name:
                by_name[used].sizes_sibling = True


def plan_union(selection, name):
    kind = selection.registry.types[name]
    row = selection.policy.unions.get(name)
    result = Struct(name=name, fields=[], is_union=True)
    if row is not None and row.get("send"):
        result.tag_type, result.send_tag = "u32", int(row.get("send"))
        for index, member in enumerate(kind.members):
            f = make_field(selection, member, name)
            if member.pointers and not member.length:
                f.shape = "absent"
            result.cases.append(UnionCase(str(index), index, f))
        return result
    result.tag_type = "i32"
    for member in kind.members:
        f = make_field(selection, member, name)
        f.may_be_absent = True
        for tag in member.selection:
            value = selection.registry.constants.get(tag)
            if value is not None:
                result.cases.append(UnionCase(tag, value, f))
    if row is not None:
        add_empty_cases(selection, result, row.get("rest"))
    return result


def add_empty_cases(selection, union, enumeration):
    """For each value that no member is for."""
    known = {case.value for case in union.cases}
    nothing = Field(name="nothing", type="void", declared="void", kind="void", shape="absent")
    for tag, value in selection.registry.enum_values.get(enumeration, {}).items():
        if value not in known:
            union.cases.append(UnionCase(tag, value, nothing))


def words_of_bits(members):
    """Bit-fields travel as words of 32 bits, the first one lowest, however a compiler lays them out. None crosses
    from one word to the next."""
    words = []
    for m in members:
        first = sum(width for _, _, width in words[-1].bits) if words else 32
        if first + m.bits > 32:
            name = f"bits{len(words) or ''}"
            words.append(Field(name=name, type="uint32_t", declared="uint32_t", kind="scalar", shape="value",
                               scalar="u32", scalar_size=4))
            first = 0
        words[-1].bits.append((m.name, first, m.bits))
    return words


def plan_struct(plan, name):
    selection = plan.selection
    kind = selection.registry.types[name]
    if kind.category == "union":
        return plan_union(selection, name)
    members = kind.members
    result = Struct(name=name, fields=[])
    if kind.stype():
        result.stype = kind.stype()
        members = members[2:]
        result.chain = selection.chains.get(name, [])
    if members and members[0].bits:
        result.fields = words_of_bits(members)
        return result
    result.fields = lengths_first([make_field(selection, m, name) for m in members])
    mark_sizes(result.fields)
    result.raw_handles = name in selection.policy.raw_handles
    return result


def plan_call(selection, selected):
    command = selected.command
    fields = [make_field(selection, p, command.name) for p in command.params]
    mark_sizes(fields)
    for f in fields:
        f.is_out = f.member.pointers > 0 and not f.const and f.shape != "absent"
        asked = (selected.name, f.name) in selection.policy.in_out
        f.is_in = not f.is_out or asked or (f.sizes_sibling and f.shape == "pointer")
    leading = fields[0] if fields and fields[0].kind == "handle" and fields[0].dispatchable else None
    if leading and (leading.shape != "value"):
        leading = None
    return Call(
        selected=selected,
        name=selected.name,
        number=selected.number,
        family=selected.family,
        returns=command.returns,
        fields=fields,
        leading=leading,
    )


def reach(plan, name, forms, family, as_base=True):
    """Marks a struct and all below it as used in the given forms ("full", "partial", "reply")."""
    selection = plan.selection
    name = selection.registry.type_name(name)
    if as_base:
        plan.bases.add(name)
    if name not in plan.structs:
        plan.structs[name] = plan_struct(plan, name)
        plan.structs[name].family = family
    new = [form for form in forms if name not in getattr(plan, form)]
    if not new:
        return
    for form in new:
        getattr(plan, form).add(name)
    struct = plan.structs[name]
    fields = [c.field for c in struct.cases] if struct.is_union else struct.fields
    for f in fields:
        if f.kind in ("struct", "union") and f.shape != "absent":
            reach(plan, f.type, new, family)
    for chained in struct.chain:
        reach(plan, chained, new, family, as_base=False)


def reach_all(plan):
    for call in plan.calls:
        for f in call.fields:
            if f.kind not in ("struct", "union") or f.shape == "absent":
                continue
            if f.is_in:
                reach(plan, f.type, ["full"], call.family)
            else:
                reach(plan, f.type, ["partial"], call.family)
            if f.is_out:
                reach(plan, f.type, ["reply"], call.family)


def check_raw_handles(plan):
    """Handles that come back inside structures need a decision: nothing generated can know them."""
    for name in plan.reply:
        struct = plan.structs[name]
        if not struct.raw_handles and any(f.kind == "handle" for f in struct.fields):
            kind = plan.selection.registry.types[name]
            kind.node.fail(f"{name} returns handles; list it under <raw-handles> in the policy")


def min_size(plan, f):
    if f.shape != "value":
        return 8
    if f.kind == "scalar":
        return 8 if f.scalar_size == 8 else 4
    if f.kind == "handle":
        return 8
    return struct_min_size(plan, f.type)


def struct_min_size(plan, name):
    struct = plan.structs[plan.selection.registry.type_name(name)]
    if not struct.min_size:
        if struct.is_union:
            struct.min_size = 4 + min(min_size(plan, c.field) for c in struct.cases)
        else:
            head = 12 if struct.stype else 0
            struct.min_size = head + sum(min_size(plan, f) for f in struct.fields)
    return struct.min_size


def padded(size):
    return (size + 3) & ~3


def fixed_field_size(plan, f, partial=False):
    """Exact bytes of a field that always has the same size, else None."""
    if partial:
        return fixed_partial_field_size(plan, f)
    if f.shape == "value":
        if f.kind == "scalar":
            return 8 if f.scalar_size == 8 else 4
        if f.kind == "handle":
            return 8
        return fixed_size(plan, f.type)
    if f.shape == "fixed":
        count = constant_of(plan.selection, f.dimension)
        if f.kind == "scalar":
            return 8 + padded(count * f.scalar_size)
        if f.kind == "handle":
            return 8 + 8 * count
        each = fixed_size(plan, f.type)
        return None if each is None else 8 + count * each
    return 8 if f.shape == "absent" else None


def fixed_partial_field_size(plan, f):
    if f.sizes_sibling or f.kind == "handle":
        return fixed_field_size(plan, f)
    if f.shape in ("value", "fixed"):
        if f.kind != "struct":
            return 0
        each = fixed_size(plan, f.type, partial=True)
        if each is None or f.shape == "value":
            return each
        return 8 + constant_of(plan.selection, f.dimension) * each
    return 8 if f.kind == "scalar" or f.shape == "absent" else None


def fixed_size(plan, name, partial=False):
    struct = plan.structs[plan.selection.registry.type_name(name)]
    if struct.stype:
        return None
    if struct.is_union:
        return fixed_union_size(plan, struct)
    total = 0
    for f in struct.fields:
        size = fixed_field_size(plan, f, partial)
        if size is None:
            return None
        total += size
    return total


def fixed_union_size(plan, struct):
    """Only the case a sender chooses matters."""
    if struct.send_tag is None:
        return None
    size = fixed_field_size(plan, struct.cases[struct.send_tag].field)
    return None if size is None else 4 + size


def make_plan(selection):
    plan = Plan(selection)
    plan.families = [name for name, _ in selection.policy.families]
    plan.calls = [plan_call(selection, c) for c in selection.commands if c.has_wire_form]
    reach_all(plan)
    check_raw_handles(plan)
    for name in plan.structs:
        struct_min_size(plan, name)
    values = selection.registry.constants
    plan.chainable = sorted(
        {c for s in plan.structs.values() for c in s.chain},
        key=lambda name: values[plan.structs[name].stype],
    )
    return plan


def gates(plan):
    """(index in the chain table, gate rows) for each chainable structure."""
    return [(i, gate_of(plan.selection, name)) for i, name in enumerate(plan.chainable)]
