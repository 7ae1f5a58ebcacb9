#!/usr/bin/env python3
"""Checks that no file includes what its folder may not know.

    check_arrows.py ROOT [BUILD]    checks the sources under ROOT, and the generated ones under BUILD
    check_arrows.py --self-test     checks that this program finds what it should find

Prints one line for each wrong include and exits with 1 if there was any.
"""

import os
import re
import sys
import tempfile

# What each folder may include, besides itself: folders or single files. The longest matching folder
# counts. Arrows point one way: base <- wire <- protocol <- transport, driver and renderer.
MAY_INCLUDE = {
    "base": [],
    "wire": ["base"],
    "protocol": ["base", "wire"],
    "transport": ["base", "wire"],
    # Runs both halves in one process, by the renderer's public interface.
    "transport/loopback": ["base", "wire", "transport/transport.h", "renderer/context.h"],
    "driver": ["base", "wire", "protocol", "transport/transport.h"],
    "renderer": ["base", "wire", "protocol"],
    "virglabi": ["base", "wire"],
    "server": ["base", "wire", "renderer"],
    "tools": ["base", "wire", "protocol"],
    "bench": ["base", "wire", "protocol", "tools/vkh"],
    # Tests see everything, and nothing sees them.
    "tests": ["base", "wire", "protocol", "transport", "driver", "renderer", "virglabi", "server",
              "tools", "bench"],
}

# Headers that are installed find each other where they lie.
INSTALLED = {("virglabi/virgl/virglrenderer.h", "virgl-version.h")}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]*)"')


def lies_in(path, folder_or_file):
    return path == folder_or_file or path.startswith(folder_or_file + "/")


def rule_for(path):
    """The folder whose row of MAY_INCLUDE applies to a file, or None."""
    folders = [folder for folder in MAY_INCLUDE if lies_in(path, folder)]
    return max(folders, key=len, default=None)


def complaint_about(path, included):
    """Why the file at `path` may not include `included`, or None if it may."""
    if (path, included) in INSTALLED:
        return None
    if path.endswith(("-protocol.c", "-protocol.h")) and included.startswith("wayland-"):
        return None  # written by wayland-scanner
    if "/" not in included or included.startswith((".", "/")):
        return "is not written from the root of the repository"
    folder = rule_for(path)
    if folder is None:
        return "no rule for this folder: add it to tests/check_arrows.py"
    allowed = [folder] + MAY_INCLUDE[folder]
    if any(lies_in(included, entry) for entry in allowed):
        return None
    return f"{folder}/ may include only {', '.join(allowed)}"


def source_files(root):
    """Paths, relative to `root`, of C files in folders that have a rule."""
    for top in sorted({folder.split("/")[0] for folder in MAY_INCLUDE}):
        for folder, subfolders, names in os.walk(os.path.join(root, top)):
            subfolders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h", ".inc")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def folders_without_rule(root):
    """Top folders that hold C files but that nobody has placed yet."""
    for top in sorted(os.listdir(root)):
        if top in MAY_INCLUDE or top.startswith((".", "build")):
            continue
        for _, _, names in os.walk(os.path.join(root, top)):
            if any(name.endswith((".c", ".h")) for name in names):
                yield top
                break


def complaints(root):
    for path in source_files(root):
        with open(os.path.join(root, path), encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                match = INCLUDE.match(line)
                why = match and complaint_about(path, match[1])
                if why:
                    yield f'{path}:{number}: "{match[1]}": {why}'


def check(source_root, build_root=None):
    found = list(complaints(source_root))
    found += [f"{top}/: no rule for this folder: add it to tests/check_arrows.py"
              for top in folders_without_rule(source_root)]
    if build_root:
        found += complaints(build_root)
    return found


# --- the self-test: a small tree, and what must be said about it ---

SELF_TEST_TREE = {
    "base/log.c": ['#include "base/log.h"', "#include <stdio.h>"],
    "wire/ring.c": ['#include "base/log.h"', '  #  include "protocol/caps.h"'],
    "protocol/caps.c": ['#include "wire/ring.h"', '#include "driver/device.h"'],
    "transport/vtest/client.c": ['#include "transport/transport.h"', '#include "renderer/context.h"'],
    "transport/loopback/loopback.c": ['#include "renderer/context.h"', '#include "renderer/ring.h"'],
    "driver/device.c": ['#include "transport/transport.h"', '#include "renderer/context.h"',
                        '#include "transport/vtest/client.h"', '#include "device.h"',
                        '#include "../base/log.h"', '// #include "renderer/context.h"'],
    "renderer/ring.c": ['#include "protocol/caps.h"', '#include "driver/ring.h"'],
    "renderer_of_old/ring.c": [],
    "server/main.c": ['#include "renderer/context.h"', '#include "driver/device.h"'],
    "tools/info.c": ['#include "renderer/context.h"'],
    "tests/unit/ring.c": ['#include "wire/ring.h"', '#include "tests/unit/test.h"'],
    "base/fd.c": ['#include "tests/unit/test.h"'],
    "base/futex.c": ['#include "basement/log.h"'],
    "docs/notes.md": ['#include "nothing.h"'],
}

SELF_TEST_EXPECTED = {
    'wire/ring.c:2: "protocol/caps.h"',
    'protocol/caps.c:2: "driver/device.h"',
    'transport/vtest/client.c:2: "renderer/context.h"',
    'transport/loopback/loopback.c:2: "renderer/ring.h"',
    'driver/device.c:2: "renderer/context.h"',
    'driver/device.c:3: "transport/vtest/client.h"',
    'driver/device.c:4: "device.h"',
    'driver/device.c:5: "../base/log.h"',
    'renderer/ring.c:2: "driver/ring.h"',
    'server/main.c:2: "driver/device.h"',
    'tools/info.c:1: "renderer/context.h"',
    'base/fd.c:1: "tests/unit/test.h"',
    'base/futex.c:1: "basement/log.h"',
    "renderer_of_old/",
}


def self_test():
    with tempfile.TemporaryDirectory() as root:
        for path, lines in SELF_TEST_TREE.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as source:
                source.write("".join(line + "\n" for line in lines))
        found = {line.rsplit(": ", 1)[0] if ": no rule" not in line else line.split(":")[0]
                 for line in check(root)}
    wrong = [f"not found: {line}" for line in sorted(SELF_TEST_EXPECTED - found)]
    wrong += [f"found for no reason: {line}" for line in sorted(found - SELF_TEST_EXPECTED)]
    return wrong


def main(arguments):
    if arguments == ["--self-test"]:
        wrong = self_test()
    elif len(arguments) in (1, 2):
        wrong = check(*arguments)
    else:
        sys.exit(__doc__)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
