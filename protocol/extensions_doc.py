#!/usr/bin/env python3
"""Writes docs/extensions.md: what becomes of every extension of the registry, from the policy.

    extensions_doc.py --registry VK_XML --policy POLICY_XML [--check] DOCUMENT

With --check nothing is written: status 1 if the document is not what would be written, 77 if it was
made from another version of the registry.
"""

import argparse
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from generator.load import GeneratorError, load, parse_xml
from generator.policy import load_policy

FIRST = "0.1.0"  # the version that an extension without `added` came with

HEAD = """# Extensions

What becomes of each extension of Vulkan's registry, version 1.4.{version}. Written by
`protocol/extensions_doc.py` from `protocol/policy.xml`; a test checks that it is current.

An extension is offered when the host has it, except those that the driver has by itself. *Shared* ones
travel between any two implementations of the protocol; *private* ones between Vesper's own halves alone
(`docs/wire-format.md`); the *driver's own* need no host. The version is Vesper's first that had it.

{carried} of {total} extensions are carried.

"""


def decisions(registry, policy, left_out):
    """(extension, what, since or why) in the registry's order of names; unused rows of left_out fail."""
    used, rows = set(), []
    for name in sorted(registry.extensions):
        extension = registry.extensions[name]
        row = policy.extensions.get(name)
        local = policy.local_extensions.get(name)
        if name in ("VK_EXT_command_serialization", "VK_MESA_venus_protocol"):
            continue
        if row is not None and row.get("guest"):
            rows.append((name, "driver's own", row.get("added", FIRST) + ": " + row.get("guest")))
        elif row is not None:
            kind = "private" if name in policy.private_extensions else "shared"
            rows.append((name, kind, row.get("added", FIRST)))
        elif local is not None:
            rows.append((name, "driver's own", local.get("added", FIRST) + ": " + local.get("reason")))
        else:
            rows.append((name, "no", reason_of(extension, left_out, used)))
    for node in left_out:
        if id(node) not in used:
            node.fail(f"{node.get('match')} explains no extension of the registry")
    return rows


def reason_of(extension, left_out, used):
    platform = extension.node.get("platform")
    if platform == "provisional" or extension.node.get("provisional"):
        return "provisional"
    if platform:
        return f"for another platform ({platform})"
    for node in left_out:
        if re.fullmatch(node.get("match"), extension.name):
            used.add(id(node))
            return node.get("reason")
    if extension.is_instance:
        return "of the instance: the loader's, or for windows that the driver does not have"
    return "new: not looked at yet"


def document(registry, policy, left_out):
    rows = decisions(registry, policy, left_out)
    carried = sum(kind != "no" for _, kind, _ in rows)
    text = HEAD.format(version=registry.header_version, carried=carried, total=len(rows))
    text += "| extension | carried | since, or why not |\n| --- | --- | --- |\n"
    return text + "".join(f"| {name} | {kind} | {note} |\n" for name, kind, note in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registry", required=True)
    parser.add_argument("--policy", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("document")
    args = parser.parse_args()
    try:
        registry = load(args.registry)
        policy = load_policy(args.policy, registry.header_version)
        left_out = [n for block in parse_xml(args.policy).children("left-out") for n in block.children("extension")]
        text = document(registry, policy, left_out)
    except GeneratorError as error:
        sys.exit(str(error))
    if not args.check:
        with open(args.document, "w", encoding="utf-8") as file:
            file.write(text)
        return 0
    with open(args.document, encoding="utf-8") as file:
        current = file.read()
    if f"version 1.4.{registry.header_version}." not in current:
        print(f"skipped: {args.document} was made from another registry than 1.4.{registry.header_version}")
        return 77
    if current != text:
        print(f"{args.document} is not current: run protocol/extensions_doc.py, see its head")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
