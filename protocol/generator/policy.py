"""The policy file as lookup tables, with every row's place; rows that match nothing are errors."""

import re
from dataclasses import dataclass, field

from generator.load import GeneratorError, parse_xml

DRIVER_CLASSES = ("hand", "create", "destroy", "none")
RENDERER_CLASSES = ("hand", "hint", "refuse", "unreachable")


@dataclass
class Policy:
    extensions: dict = field(default_factory=dict)  # name -> node; private ones too
    private_extensions: dict = field(default_factory=dict)  # name -> node: between Vesper's halves
    blocked_types: dict = field(default_factory=dict)
    families: list = field(default_factory=list)  # (name, compiled pattern)
    commands: dict = field(default_factory=dict)
    host_commands: dict = field(default_factory=dict)
    driver_extensions: dict = field(default_factory=dict)
    local_extensions: dict = field(default_factory=dict)
    local_include: str = None  # declares what the local commands' prototypes need
    wire_values: dict = field(default_factory=dict)
    wire_include: str = None  # declares their functions
    lengths: dict = field(default_factory=dict)  # (owner, member) -> node
    conditions: dict = field(default_factory=dict)  # (owner, member) -> node
    bounds: dict = field(default_factory=dict)  # (owner, member) -> node
    raw_handles: dict = field(default_factory=dict)
    in_out: dict = field(default_factory=dict)  # (command, param) -> node
    unions: dict = field(default_factory=dict)
    vesper_structs: dict = field(default_factory=dict)
    withheld_members: dict = field(default_factory=dict)  # (owner, member) -> node
    too_new: set = field(default_factory=set)  # commands whose types this registry lacks

    def family_of(self, command):
        for name, pattern in self.families:
            if pattern.fullmatch(command):
                return name
        raise GeneratorError(f"policy: error: no family matches {command}")


def load_policy(path, header_version):
    """Rows newer than the registry (`since`) are left out."""
    root = parse_xml(path)
    policy = Policy()

    def rows(section, tag):
        for block in root.children(section):
            for node in block.children(tag):
                if int(node.get("since", "0")) <= header_version:
                    yield node
                elif section == "commands":
                    policy.too_new.add(node.get("name"))

    def table(section, tag, key):
        result = {}
        for node in rows(section, tag):
            name = key(node)
            if name in result:
                node.fail(f"{name} is listed twice, first at {result[name].place()}")
            result[name] = node
        return result

    by_name = lambda node: node.get("name")
    by_member = lambda node: (node.get("owner"), node.get("member"))
    policy.extensions = table("extensions", "extension", by_name)
    policy.private_extensions = table("private-extensions", "extension", by_name)
    for name, node in policy.private_extensions.items():
        if name in policy.extensions:
            node.fail(f"{name} is listed twice, first at {policy.extensions[name].place()}")
    policy.extensions |= policy.private_extensions
    policy.blocked_types = table("blocked-types", "type", by_name)
    policy.commands = table("commands", "command", by_name)
    policy.host_commands = table("host-commands", "command", by_name)
    policy.driver_extensions = table("driver-extensions", "extension", by_name)
    policy.local_extensions = table("local-extensions", "extension", by_name)
    for block in root.children("local-extensions"):
        policy.local_include = block.get("include")
    policy.wire_values = table("wire-values", "type", by_name)
    for block in root.children("wire-values"):
        policy.wire_include = block.get("include")
    policy.lengths = table("lengths", "length", by_member)
    policy.conditions = table("conditions", "condition", by_member)
    policy.bounds = table("bounds", "bound", by_member)
    policy.raw_handles = table("raw-handles", "type", by_name)
    policy.in_out = table("in-out", "param", lambda n: (n.get("command"), n.get("name")))
    policy.unions = table("unions", "union", by_name)
    policy.vesper_structs = table("vesper-structs", "type", by_name)
    policy.withheld_members = table("withheld-members", "member", by_member)
    policy.families = [
        (node.get("name"), re.compile(node.get("match"))) for node in rows("families", "family")
    ]
    for node in policy.bounds.values():
        check_class(node, "beyond", ("clamp",))
    for node in policy.commands.values():
        check_class(node, "driver", DRIVER_CLASSES)
        check_class(node, "renderer", RENDERER_CLASSES)
        check_class(node, "unheard", ("fatal",))
    return policy


def check_class(node, attribute, allowed):
    value = node.get(attribute)
    if value is not None and value not in allowed:
        node.fail(f"{attribute}={value!r} is none of {', '.join(allowed)}")
    if value in ("refuse", "unreachable", "none") and not node.get("reason"):
        node.fail(f"{node.get('name')}: an exception needs a reason")
