"""Stage 2, select: what belongs to the protocol. Policy is applied here and nowhere else.

From the registry and the policy comes a Selection: the closed set of types, the commands with a wire
form, how each side treats a command, and which extension or core version opens what."""

import re
from dataclasses import dataclass, field

from generator.load import GeneratorError

# Where the numbers of our own begin, far above any that other implementations will give.
PRIVATE_NUMBERS = 0x56000000

# C types with a wire form of their own: (reader/writer suffix, bytes in memory).
SCALARS = {
    "char": ("u8", 1),
    "uint8_t": ("u8", 1),
    "uint16_t": ("u16", 2),
    "uint32_t": ("u32", 4),
    "int8_t": ("i8", 1),
    "int16_t": ("i16", 2),
    "int32_t": ("i32", 4),
    "float": ("f32", 4),
    "uint64_t": ("u64", 8),
    "int64_t": ("i64", 8),
    "double": ("f64", 8),
    "size_t": ("u64", 8),
}
BASE_TYPES = {
    "VkBool32": ("u32", 4),
    "VkFlags": ("u32", 4),
    "VkFlags64": ("u64", 8),
    "VkSampleMask": ("u32", 4),
    "VkDeviceSize": ("u64", 8),
    "VkDeviceAddress": ("u64", 8),
}


@dataclass
class SelectedCommand:
    name: str
    number: int
    command: object  # load.Command
    family: str
    driver: str  # hand, create, destroy, none, record, pass
    renderer: str  # hand, hint, refuse, unreachable, forward, create, destroy
    reason: str
    has_wire_form: bool
    wire_only: bool = False  # for the driver to send, not for applications to call
    must_succeed: bool = False  # its failure may not go unheard
    guard: str = None  # C macro: the driver has it only where that is true


@dataclass
class Selection:
    registry: object
    policy: object
    types: set = field(default_factory=set)  # canonical names
    core_types: dict = field(default_factory=dict)  # name -> lowest core version listing it
    extension_types: dict = field(default_factory=dict)  # name -> [(extension, depends or None)]
    extensions: list = field(default_factory=list)  # load.Extension of the protocol, by name
    commands: list = field(default_factory=list)  # SelectedCommand with a number, by number
    by_name: dict = field(default_factory=dict)
    local_extensions: list = field(default_factory=list)  # load.Extension of the driver alone
    local_commands: list = field(default_factory=list)  # SelectedCommand without number, by name
    chains: dict = field(default_factory=dict)  # base struct -> sorted names that may be chained
    serializable: dict = field(default_factory=dict)  # memo

    def scalar(self, name):
        """(suffix, bytes) for scalars, enums and bitmasks; None for the rest."""
        name = self.registry.type_name(name)
        if name in SCALARS:
            return SCALARS[name]
        if name in BASE_TYPES:
            return BASE_TYPES[name]
        kind = self.registry.types.get(name)
        if kind is None:
            return None
        if kind.category == "bitmask":
            return ("u64", 8) if kind.wide else ("u32", 4)
        if kind.category == "enum":
            return ("u64", 8) if kind.wide else ("i32", 4)
        return None

    def kind_of(self, name):
        name = self.registry.type_name(name)
        if self.scalar(name):
            return "scalar"
        kind = self.registry.types.get(name)
        if kind is not None and kind.category in ("handle", "struct", "union"):
            return kind.category
        return "void" if name == "void" else "other"


def reduce_dependency(depends, holds):
    """Evaluates a `depends` expression over extension names. Core versions and feature members are
    dropped; an alternative that is nothing but core versions is removed. None: no extension term is
    left, the block is unconditional."""

    def parse_alternatives(text):
        parts, level, start = [], 0, 0
        for i, char in enumerate(text):
            level += (char == "(") - (char == ")")
            if char == "," and level == 0:
                parts.append(text[start:i])
                start = i + 1
        return parts + [text[start:]]

    def split_terms(text):
        parts, level, start = [], 0, 0
        for i, char in enumerate(text):
            level += (char == "(") - (char == ")")
            if char == "+" and level == 0:
                parts.append(text[start:i])
                start = i + 1
        return parts + [text[start:]]

    def is_core(term):
        return re.match(r"VK_(VERSION|BASE_VERSION|COMPUTE_VERSION|GRAPHICS_VERSION)_", term)

    def evaluate(text):
        """True, False or None (nothing but dropped terms)."""
        results = []
        for alternative in parse_alternatives(text.strip()):
            terms = []
            for term in split_terms(alternative):
                term = term.strip()
                if term.startswith("("):
                    value = evaluate(term[1:-1])
                elif is_core(term) or "::" in term:
                    value = None
                else:
                    value = holds(term)
                if value is not None:
                    terms.append(value)
            if terms:
                results.append(all(terms))
            elif not all(is_core(t.strip()) for t in split_terms(alternative)):
                return None
        return any(results) if results else None

    return evaluate(depends) if depends else None


def dependency_extensions(depends, listed):
    """The listed extensions an expression needs, for the gates: a list of alternatives."""
    names = [n for n in re.findall(r"VK_\w+", depends) if n in listed]
    return sorted(set(names))


def collect_types(selection):
    """Fills the selection's types and extensions. Returns the names of all commands that belong to them,
    and for each whether private extensions alone have it."""
    registry, policy = selection.registry, selection.policy
    pending = []

    def add(name):
        name = registry.type_name(name)
        if name in registry.types and name not in selection.types and name not in policy.blocked_types:
            selection.types.add(name)
            pending.append(name)
        return name

    commands = {}

    def want(names, private):
        for name in names:
            name = registry.command_name(name)
            commands[name] = commands.get(name, True) and private

    for feature in registry.features:
        for require in feature.requires:
            for name in require.types:
                canonical = add(name)
                known = selection.core_types.get(canonical)
                if known is None or feature.version < known:
                    selection.core_types[canonical] = feature.version
            want(require.commands, False)
    listed = set(policy.extensions)
    public = listed - set(policy.private_extensions)
    for name in policy.extensions:
        extension = registry.extensions.get(name)
        if extension is None:
            continue  # an older registry does not know it; its numbers then stay unused
        selection.extensions.append(extension)
        for require in extension.requires:
            if reduce_dependency(require.depends, lambda n: n in listed) is False:
                continue
            conditional = reduce_dependency(require.depends, lambda n: False) is not None
            for type_name in require.types:
                canonical = add(type_name)
                selection.extension_types.setdefault(canonical, []).append(
                    (name, require.depends if conditional else None)
                )
            private = name in policy.private_extensions or \
                reduce_dependency(require.depends, lambda n: n in public) is False
            want(require.commands, private)
    for name in sorted(commands):
        command = registry.commands.get(name)
        if command:
            add(command.returns)
            for param in command.params:
                add(param.type)
    while pending:
        for member in registry.types[pending.pop()].members:
            add(member.type)
    selection.extensions.sort(key=lambda e: e.name)
    return commands


def member_serializable(selection, member):
    kind = selection.kind_of(member.type)
    if member.name == "pNext":
        return True
    if kind in ("scalar", "handle"):
        return True
    if kind in ("struct", "union"):
        return type_serializable(selection, member.type)
    if kind == "void":
        return member.pointers == 1 and bool(member.length)
    return False


def member_absent(selection, member):
    """An optional pointer that cannot travel: sent as 0, anything else is refused."""
    return member.pointers > 0 and member.optional and not member_serializable(selection, member)


def bits_serializable(kind):
    """Structures of flags are nothing but bit-fields; others with some describe what lies in the device's memory."""
    return all(m.bits for m in kind.members) or not any(m.bits for m in kind.members)


def type_serializable(selection, name):
    name = selection.registry.type_name(name)
    if name not in selection.serializable:
        selection.serializable[name] = True  # while we look: breaks cycles
        kind = selection.registry.types[name]
        if name in ("VkBaseInStructure", "VkBaseOutStructure") or name in selection.policy.blocked_types:
            result = False
        elif kind.category == "union":
            # Host addresses have no wire form; the union's other member carries it.
            result = name in selection.policy.unions or all(
                m.selection and member_serializable(selection, m) for m in kind.members
            )
        else:
            result = all(
                member_serializable(selection, m) or member_absent(selection, m)
                for m in kind.members
            ) and bits_serializable(kind) and not any(
                len(m.dimensions) > 1 and selection.kind_of(m.type) != "scalar" for m in kind.members
            )
        selection.serializable[name] = result
    return selection.serializable[name]


def command_serializable(selection, command):
    return all(
        member_serializable(selection, p) or member_absent(selection, p) for p in command.params
    )


def default_driver(name):
    if name.startswith("vkCmd"):
        return "record"
    return "pass"


def default_renderer(name):
    if name.startswith("vkCreate"):
        return "create"
    if name.startswith("vkDestroy"):
        return "destroy"
    return "forward"


def check_numbers(selection, wanted):
    """Private commands have private numbers, all others do not, and those are given without holes."""
    numbers = selection.registry.command_numbers
    for name, private in sorted(wanted.items()):
        command = selection.registry.commands.get(name)
        if command is None or name in selection.policy.too_new:
            continue
        if name not in numbers and private:
            command.node.fail(f"{name} has no number; append it to the private ones")
        if name in numbers and (numbers[name] >= PRIVATE_NUMBERS) != private:
            command.node.fail(f"{name} is {'' if private else 'not '}private, and its number is "
                              f"{numbers[name]:#x}")
    given = sorted(n for n in numbers.values() if n >= PRIVATE_NUMBERS)
    if given != list(range(PRIVATE_NUMBERS, PRIVATE_NUMBERS + len(given))):
        raise GeneratorError(f"error: the private numbers have holes: {len(given)} are given, the last "
                             f"one is {given[-1]:#x}")


def select_commands(selection, wanted):
    registry, policy = selection.registry, selection.policy
    check_numbers(selection, wanted)
    for listed, number in sorted(registry.command_numbers.items(), key=lambda item: item[1]):
        name = registry.command_name(listed)
        command = registry.commands.get(name)
        if command is None or name not in wanted or name in policy.too_new:
            continue
        row = policy.commands.get(name)
        renderer = row.get("renderer") if row else None
        has_wire_form = renderer != "unreachable" and command_serializable(selection, command)
        selected = SelectedCommand(
            name=name,
            number=number,
            command=command,
            family=policy.family_of(name),
            driver=(row and row.get("driver")) or default_driver(name),
            renderer=renderer or default_renderer(name),
            reason=(row and row.get("reason")) or "",
            has_wire_form=has_wire_form,
            wire_only=selection.registry.wire_only(name),
            must_succeed=bool(row and row.get("unheard")),
        )
        if not has_wire_form and renderer != "unreachable":
            command.node.fail(f"{name} cannot be serialized, and the policy does not say why not")
        if not has_wire_form and selected.driver in ("record", "pass"):
            command.node.fail(f"{name} has no wire form, but the policy gives the driver no way")
        selection.commands.append(selected)
        selection.by_name[name] = selected


def select_chains(selection):
    registry = selection.registry
    for name in sorted(selection.types):
        kind = registry.types[name]
        if kind.category != "struct" or not kind.stype() or not type_serializable(selection, name):
            continue
        for base in kind.extends:
            base = registry.type_name(base)
            if base in selection.types and name not in selection.chains.get(base, []):
                selection.chains.setdefault(base, []).append(name)


def select_local(selection):
    """What the driver does alone: its commands have an entry point and no wire form."""
    registry, policy = selection.registry, selection.policy
    known = set(policy.extensions) | set(policy.local_extensions)
    found = {}
    for name, node in sorted(policy.local_extensions.items()):
        extension = registry.extensions.get(name)
        if extension is None:
            continue  # an older registry does not know it
        if name in policy.extensions:
            node.fail(f"{name} travels, so it is not local to the driver")
        selection.local_extensions.append(extension)
        for require in extension.requires:
            if reduce_dependency(require.depends, lambda n: n in known) is False:
                continue
            for command in map(registry.command_name, require.commands):
                if command not in selection.by_name and command not in found:
                    found[command] = SelectedCommand(
                        name=command, number=None, command=registry.commands[command], family=None,
                        driver="hand", renderer=None, reason=node.get("reason"), has_wire_form=False,
                        guard=node.get("if"))
    selection.local_commands = [found[name] for name in sorted(found)]


def check_policy_rows(selection):
    """A row that matches nothing is a mistake or has outlived its reason."""
    registry, policy = selection.registry, selection.policy
    for name, node in policy.commands.items():
        if name not in selection.by_name:
            node.fail(f"no command of the protocol is called {name}")
    for table in (policy.raw_handles, policy.unions, policy.vesper_structs, policy.wire_values):
        for name, node in table.items():
            if name not in selection.types:
                node.fail(f"no type of the protocol is called {name}")
    for table in (policy.lengths, policy.conditions, policy.bounds, policy.withheld_members):
        for (owner, member), node in table.items():
            kind = registry.types.get(owner) or registry.commands.get(owner)
            members = getattr(kind, "members", None) or getattr(kind, "params", [])
            if member not in [m.name for m in members]:
                node.fail(f"{owner} has no member {member}")
    for node in policy.withheld_members.values():
        if node.get("unless") and node.get("unless") not in policy.private_extensions:
            node.fail(f"no private extension is called {node.get('unless')}")
    for (command, param), node in policy.in_out.items():
        if command not in selection.by_name:
            node.fail(f"no command of the protocol is called {command}")


def select(registry, policy):
    selection = Selection(registry, policy)
    for name in policy.blocked_types:
        registry.types.pop(name, None)
    wanted = collect_types(selection)
    select_commands(selection, wanted)
    select_chains(selection)
    select_local(selection)
    check_policy_rows(selection)
    return selection
