#!/usr/bin/env python3
"""Checks that every folder includes only what the arrows of ARCHITECTURE.md allow, that includes are
written from the root, and that each header has a guard named after its file."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Folder -> the folders it may include, besides itself.
ALLOWED = {
    "base": set(),
    "wire": {"base"},
    "protocol": {"base", "wire"},
    "transport": {"base", "wire"},
    "transport/loopback": {"base", "wire", "transport", "renderer"},
    "driver": {"base", "wire", "protocol", "transport"},
    "renderer": {"base", "wire", "protocol"},
    "server": {"base", "wire", "renderer"},
    "tools": {"base", "wire", "protocol"},
    "bench": {"base", "tools"},
    "tests": None,  # tests may look at anything
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def folder_of(path):
    """The most specific folder with a rule of its own."""
    for parent in [path, *path.parents]:
        if str(parent) in ALLOWED:
            return str(parent)
    return None


def complaints(path, text):
    folder = folder_of(path.parent)
    if folder is None:
        yield 1, f"no rule for this folder in {pathlib.Path(__file__).name}"
        return
    allowed = ALLOWED[folder]
    for number, line in enumerate(text.splitlines(), 1):
        include = INCLUDE.match(line)
        if not include or allowed is None:
            continue
        target = pathlib.PurePosixPath(include.group(1))
        if len(target.parts) == 1:
            yield number, f'"{target}" is not written from the root'
        elif target.parts[0] != path.parts[0] and target.parts[0] not in allowed:
            yield number, f'{folder}/ must not include "{target}"'
    guard = re.sub(r"[^A-Z0-9]", "_", path.name.upper())
    if path.suffix == ".h" and not re.search(rf"^#ifndef \w*{guard}$", text, re.MULTILINE):
        yield 1, f"no guard that ends in {guard}"


def main():
    listed = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    failed = False
    for name in listed:
        path = pathlib.PurePosixPath(name)
        for line, complaint in complaints(path, (ROOT / name).read_text(encoding="utf-8")):
            print(f"{name}:{line}: {complaint}")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
