"""Stage 1, load: XML in, a plain model of the registry out. No decisions are made here.

The Vulkan registry (vk.xml), that of the video codecs (video.xml) and our own venus.xml share one schema and are
merged into one model.
Every element keeps its file and line, so that later stages can complain about a place.
"""

import re
import xml.parsers.expat
from dataclasses import dataclass, field


class GeneratorError(Exception):
    """A fault in an input file; the message begins with file:line."""


@dataclass
class Node:
    """One XML element. `content` is its text and children in order."""

    tag: str
    attributes: dict
    file: str
    line: int
    content: list = field(default_factory=list)

    def get(self, name, default=None):
        return self.attributes.get(name, default)

    def children(self, tag=None):
        return [c for c in self.content if isinstance(c, Node) and (tag is None or c.tag == tag)]

    def child_text(self, tag):
        found = self.children(tag)
        return found[0].text() if found else None

    def text(self):
        return "".join(c if isinstance(c, str) else c.text() for c in self.content)

    def place(self):
        return f"{self.file}:{self.line}"

    def fail(self, message):
        raise GeneratorError(f"{self.place()}: error: {message}")


def parse_xml(path):
    """Returns the root Node of the file, with line numbers."""
    parser = xml.parsers.expat.ParserCreate()
    parser.buffer_text = True
    stack = [Node("", {}, path, 0)]

    def start(tag, attributes):
        node = Node(tag, attributes, path, parser.CurrentLineNumber)
        stack[-1].content.append(node)
        stack.append(node)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: stack.pop()
    parser.CharacterDataHandler = lambda text: stack[-1].content.append(text)
    try:
        with open(path, "rb") as file:
            parser.ParseFile(file)
    except OSError as error:
        raise GeneratorError(f"{path}: error: {error.strerror}") from error
    except xml.parsers.expat.ExpatError as error:
        message = xml.parsers.expat.ErrorString(error.code)
        raise GeneratorError(f"{path}:{error.lineno}: error: {message}") from error
    return stack[0].children()[0]


@dataclass
class Member:
    """A struct member or a command parameter, as declared."""

    name: str
    type: str
    pointers: int  # 0, 1 or 2
    const: bool  # const at some pointed-to level
    dimensions: list  # of fixed arrays, text as written: "4" or a constant's name
    length: list  # `altlen` or `len`, one entry a pointer level; empty if none
    optional: bool
    noautovalidity: bool
    selector: str
    selection: list
    stride: str
    value: str  # the sType it must have
    bits: int  # width of a bit-field, or 0
    node: Node

    def declaration(self, name=None):
        """C text, for example `const char *const *ppNames` or `float blendConstants[4]`."""
        name = self.name if name is None else name
        const = "const " if self.const else ""
        stars = {0: " ", 1: " *", 2: " *const *" if self.const else " **"}[self.pointers]
        suffix = "".join(f"[{d}]" for d in self.dimensions)
        return f"{const}{self.type}{stars}{name}{suffix}"


@dataclass
class Type:
    name: str
    category: str  # basetype, bitmask, enum, handle, struct, union, funcpointer, define, other
    node: Node
    alias: str = None
    members: list = field(default_factory=list)
    extends: list = field(default_factory=list)  # structextends
    wide: bool = False  # enum or bitmask of 64 bits
    dispatchable: bool = False
    object_type: str = None  # handles: VK_OBJECT_TYPE_...
    returned_only: bool = False

    def stype(self):
        if self.members and self.members[0].name == "sType":
            return self.members[0].value
        return None


@dataclass
class Command:
    name: str
    node: Node
    alias: str = None
    returns: str = "void"
    params: list = field(default_factory=list)


@dataclass
class Require:
    types: list
    commands: list
    depends: str


@dataclass
class Feature:
    name: str
    version: tuple
    requires: list


@dataclass
class Extension:
    name: str
    number: int
    is_instance: bool
    spec_version: int
    requires: list
    node: Node


@dataclass
class Format:
    name: str
    block_size: int  # bytes
    extent: tuple  # texels of a block: width, height, depth
    planes: list  # for each plane, the format of the same layout


@dataclass
class Registry:
    types: dict = field(default_factory=dict)
    commands: dict = field(default_factory=dict)
    features: list = field(default_factory=list)
    extensions: dict = field(default_factory=dict)
    constants: dict = field(default_factory=dict)  # API constants and enum values: name -> int
    enum_values: dict = field(default_factory=dict)  # enum -> {name: int}, canonical names only
    formats: dict = field(default_factory=dict)
    command_numbers: dict = field(default_factory=dict)  # name -> number, from venus.xml
    header_version: int = 0
    vulkan_names: set = field(default_factory=set)  # of types, commands and values that Vulkan's headers declare

    def wire_only(self, name):
        """Whether the name is none of Vulkan's, but of the wire's alone."""
        return name not in self.vulkan_names

    def type_name(self, name):
        """The canonical name behind aliases."""
        seen = set()
        while name in self.types and self.types[name].alias and name not in seen:
            seen.add(name)
            name = self.types[name].alias
        return name

    def command_name(self, name):
        while name in self.commands and self.commands[name].alias:
            name = self.commands[name].alias
        return name


def is_ours(node):
    """False for elements of Vulkan SC only."""
    api = node.get("api")
    return api is None or "vulkan" in api.split(",")


def parse_member(node):
    type_node = node.children("type")[0] if node.children("type") else node.fail("no <type>")
    name_node = node.children("name")[0] if node.children("name") else node.fail("no <name>")
    before = after_type = after_name = ""
    stage = 0
    for part in node.content:
        if part is type_node:
            stage = 1
        elif part is name_node:
            stage = 2
        elif isinstance(part, Node) and part.tag == "comment":
            continue
        else:
            text = part if isinstance(part, str) else part.text()
            if stage == 0:
                before += text
            elif stage == 1:
                after_type += text
            else:
                after_name += text
    bits = re.search(r":\s*(\d+)", after_name)
    length = node.get("altlen", node.get("len"))
    selection = node.get("selection")
    return Member(
        name=name_node.text().strip(),
        type=type_node.text().strip(),
        pointers=after_type.count("*"),
        const="const" in before or "const" in after_type,
        dimensions=re.findall(r"\[\s*(\w+)\s*\]", after_name),
        length=[part.strip() for part in length.split(",")] if length else [],
        optional=node.get("optional", "").split(",")[0] == "true",
        noautovalidity=node.get("noautovalidity") == "true",
        selector=node.get("selector"),
        selection=selection.split(",") if selection else [],
        stride=node.get("stride"),
        value=node.get("values"),
        bits=int(bits.group(1)) if bits else 0,
        node=node,
    )


def load_type(registry, node):
    name = node.get("name") or node.child_text("name")
    if not name:
        return
    name = name.strip()
    category = node.get("category", "other")
    result = Type(name=name, category=category, node=node, alias=node.get("alias"))
    if category in ("struct", "union"):
        result.members = [parse_member(m) for m in node.children("member") if is_ours(m)]
        result.extends = [e for e in node.get("structextends", "").split(",") if e]
        result.returned_only = node.get("returnedonly") == "true"
    elif category == "bitmask" and not result.alias:
        result.wide = node.child_text("type") == "VkFlags64"
    elif category == "handle" and not result.alias:
        result.dispatchable = node.child_text("type") == "VK_DEFINE_HANDLE"
        result.object_type = node.get("objtypeenum")
    elif category == "define" and name == "VK_HEADER_VERSION":
        registry.header_version = int(node.text().split()[-1])
    registry.types[name] = result


def load_command(registry, node):
    if node.get("alias"):
        registry.commands[node.get("name")] = Command(node.get("name"), node, alias=node.get("alias"))
        return
    proto = node.children("proto")[0]
    registry.commands[proto.child_text("name")] = Command(
        name=proto.child_text("name"),
        node=node,
        returns=proto.child_text("type"),
        params=[parse_member(p) for p in node.children("param") if is_ours(p)],
    )


def constant_value(text):
    text = text.strip()
    if text.startswith('"'):
        return None
    if text.startswith("(~"):
        width = 64 if "ULL" in text else 32
        base = (1 << width) - 1
        minus = re.search(r"~\d+U(?:LL)?-(\d+)", text.replace(" ", ""))
        return base - (int(minus.group(1)) if minus else 0)
    text = text.rstrip("FfULul") if not text.lower().startswith("0x") else text.rstrip("ULul")
    try:
        return int(text, 0)
    except ValueError:
        return None


def enum_value(node, extension_number=None):
    if node.get("value") is not None:
        return constant_value(node.get("value"))
    if node.get("bitpos") is not None:
        return 1 << int(node.get("bitpos"))
    if node.get("offset") is not None:
        number = int(node.get("extnumber", extension_number or 0))
        value = 1000000000 + (number - 1) * 1000 + int(node.get("offset"))
        return -value if node.get("dir") == "-" else value
    return None


def add_enum(registry, enum_name, node, extension_number=None):
    if not is_ours(node):
        return
    value = enum_value(node, extension_number)
    if value is None:
        return
    registry.constants[node.get("name")] = value
    if enum_name:
        registry.enum_values.setdefault(enum_name, {}).setdefault(node.get("name"), value)


def load_enums(registry, node):
    name = node.get("name")
    is_constants = node.get("type") == "constants" or name == "API Constants"
    for child in node.children("enum"):
        add_enum(registry, None if is_constants else name, child)
    if node.get("bitwidth") == "64" and name in registry.types:
        registry.types[name].wide = True


def load_requires(registry, node, extension_number=None):
    result = []
    for require in node.children("require"):
        if not is_ours(require):
            continue
        result.append(
            Require(
                types=[t.get("name") for t in require.children("type")],
                commands=[c.get("name") for c in require.children("command")],
                depends=require.get("depends"),
            )
        )
        for enum in require.children("enum"):
            if enum.get("extends"):
                add_enum(registry, enum.get("extends"), enum, extension_number)
    return result


def load_feature(registry, node):
    apis = node.get("api", "vulkan").split(",")
    if "vulkan" not in apis and "vulkanbase" not in apis:
        return
    major, minor = node.get("number").split(".")
    registry.features.append(
        Feature(node.get("name"), (int(major), int(minor)), load_requires(registry, node))
    )


def load_extension(registry, node):
    if not node.get("name").startswith("VK_"):
        load_header(registry, node)
        return
    number = int(node.get("number"))
    requires = load_requires(registry, node, number)
    supported = node.get("supported", "vulkan").split(",")
    if "vulkan" not in supported:
        return
    spec_version = 1
    for require in node.children("require"):
        for enum in require.children("enum"):
            if (enum.get("name") or "").endswith("_SPEC_VERSION") and enum.get("value"):
                value = constant_value(enum.get("value"))
                spec_version = value if value is not None else spec_version
    registry.extensions[node.get("name")] = Extension(
        name=node.get("name"),
        number=number,
        is_instance=node.get("type") == "instance",
        spec_version=spec_version,
        requires=requires,
        node=node,
    )


def load_header(registry, node):
    """What video.xml calls an extension is a header; it is where the sizes of arrays are declared."""
    for require in node.children("require"):
        for enum in require.children("enum"):
            add_enum(registry, None, enum)


def load_format(registry, node):
    extent = node.get("blockExtent", "1,1,1").split(",")
    registry.formats[node.get("name")] = Format(
        name=node.get("name"),
        block_size=int(node.get("blockSize")),
        extent=tuple(int(texels) for texels in extent),
        planes=[plane.get("compatible") for plane in node.children("plane")],
    )


def resolve_enum_aliases(registry, root):
    """Gives alias names the value of what they stand for; chains take more than one round."""
    aliases = []

    def collect(node):
        for child in node.children():
            if child.tag == "enum" and child.get("alias") and is_ours(child):
                aliases.append((child.get("name"), child.get("alias")))
            else:
                collect(child)

    collect(root)
    for _ in range(3):
        for name, target in aliases:
            if target in registry.constants:
                registry.constants.setdefault(name, registry.constants[target])


def load_file(registry, path):
    root = parse_xml(path)
    for types in root.children("types"):
        for node in types.children("type"):
            if is_ours(node):
                load_type(registry, node)
    for node in root.children("enums"):
        if is_ours(node):
            load_enums(registry, node)
    for commands in root.children("commands"):
        for node in commands.children("command"):
            if is_ours(node):
                load_command(registry, node)
    for node in root.children("feature"):
        load_feature(registry, node)
    for extensions in root.children("extensions"):
        for node in extensions.children("extension"):
            load_extension(registry, node)
    for formats in root.children("formats"):
        for node in formats.children("format"):
            load_format(registry, node)
    for numbers in root.children("command-numbers"):
        for node in numbers.children("command"):
            load_command_number(registry, node)
    resolve_enum_aliases(registry, root)


def load_command_number(registry, node):
    name, number = node.get("name"), int(node.get("number"), 0)
    if name in registry.command_numbers:
        node.fail(f"{name} has number {registry.command_numbers[name]} already")
    if number in registry.command_numbers.values():
        node.fail(f"number {number:#x} has a command already")
    registry.command_numbers[name] = number


def load_video(registry, path):
    """What must be there in a codec's structures is up to their flags, and the file does not say it."""
    load_file(registry, path)
    for kind in registry.types.values():
        for member in kind.members:
            if kind.node.file == path:
                member.noautovalidity = True


def load(vulkan, video=None, private=None):
    """All files as one Registry. vk.xml only names the types that video.xml declares, so it comes first."""
    registry = Registry()
    load_file(registry, vulkan)
    if video:
        load_video(registry, video)
    registry.vulkan_names = {*registry.types, *registry.commands, *registry.constants}
    if private:
        load_file(registry, private)
    return registry
