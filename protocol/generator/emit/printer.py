"""Tables for the printer: what a stream's bytes mean, as data for one hand-written walker."""

from generator.emit.tables import table_index
from generator.emit.text import file_head


class Tables:
    def __init__(self, plan):
        self.plan = plan
        self.struct_index = {name: i for i, name in enumerate(plan.structs)}
        self.enum_index = {}
        self.fields = []

    def enum(self, f):
        registry = self.plan.selection.registry
        if f.kind != "scalar" or f.scalar != "i32" or f.type not in registry.enum_values:
            return -1
        return self.enum_index.setdefault(f.type, len(self.enum_index))

    def add(self, f, tag=0):
        flags = [name for name, on in (("SIZES", f.sizes_sibling), ("IN", f.is_in), ("OUT", f.is_out)) if on]
        is_struct = f.kind in ("struct", "union") and f.shape != "absent"
        type_index = self.struct_index[f.type] if is_struct else self.enum(f)
        scalar = f"PROTO_PRINT_{f.scalar.upper()}" if f.kind == "scalar" else "0"
        size = f.scalar_size if f.kind == "scalar" else 0
        self.fields.append(
            f'{{"{f.name}", PROTO_PRINT_{f.kind.upper()}, PROTO_PRINT_{f.shape.upper()}, {scalar}, {size}, '
            f'{" | ".join("PROTO_PRINT_" + x for x in flags) or 0}, {type_index}, {tag}}}')

    def add_all(self, fields):
        first = len(self.fields)
        for f in fields:
            self.add(f)
        return first


def emit_print_source(plan):
    tables = Tables(plan)
    registry = plan.selection.registry
    structs, calls = [], []
    for struct in plan.structs.values():
        if struct.is_union:
            first = len(tables.fields)
            for case in struct.cases:
                tables.add(case.field, case.value)
            structs.append(f'{{"{struct.name}", {first}, {len(struct.cases)}, false, true}}')
        else:
            first = tables.add_all(struct.fields)
            stype = "true" if struct.stype else "false"
            structs.append(f'{{"{struct.name}", {first}, {len(struct.fields)}, {stype}, false}}')
    for call in plan.calls:
        first = tables.add_all(call.fields)
        size = 0 if call.returns == "void" else 8 if plan.selection.scalar(call.returns)[1] == 8 else 4
        calls.append(f"[{table_index(call.number)}] = {{{first}, {len(call.fields)}, {size}, true}}")
    result_index = tables.enum_index.setdefault("VkResult", len(tables.enum_index))
    out = file_head("What the bytes of a stream mean.",
                    ["protocol/proto_commands.h", "protocol/runtime/print_tables.h"])
    emit_array(out, "struct proto_print_field proto_print_fields[]", tables.fields)
    emit_array(out, "struct proto_print_struct proto_print_structs[]", structs)
    emit_array(out, "struct proto_print_call proto_print_calls[PROTO_COMMAND_COUNT]", calls)
    chain = [str(tables.struct_index[name]) for name in plan.chainable]
    emit_array(out, "uint16_t proto_print_chain[]", chain)
    values, enums = [], []
    for name in tables.enum_index:
        first = len(values)
        seen = set()
        for value_name, value in sorted(registry.enum_values[name].items(), key=lambda kv: kv[1]):
            if value not in seen and value < 2**31:
                seen.add(value)
                values.append(f'{{{value}, "{value_name}"}}')
        enums.append(f"{{{first}, {len(values) - first}}}")
    emit_array(out, "struct proto_print_value proto_print_values[]", values)
    emit_array(out, "struct proto_print_enum proto_print_enums[]", enums)
    out(f"const uint16_t proto_print_result_enum = {result_index};")
    return out.text()


def emit_array(out, declaration, rows):
    out(f"const {declaration} = {{")
    for row in rows:
        out(f"    {row},")
    out("};")
    out()
