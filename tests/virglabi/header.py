#!/usr/bin/env python3
"""Compares our virglrenderer.h, and what our library exports, with the headers that distributions ship.

    header.py --cc CC --ours HEADER --library LIBRARY --theirs HEADER [--theirs HEADER ...]

For each of their headers: every function has the same type, every structure the same members at the same offsets,
every constant the same value, and nothing is missing. The newest one must have nothing that ours lacks, ours nothing
that it lacks, and the library exports exactly its functions and needs no OpenGL. Exit status: 0 the same, 1 differences, each on a line,
77 none of their headers is there.

    header.py --cc CC --ours HEADER --self-test     checks that differences of each kind are found
"""

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

SKIPPED = 77
SWITCH = "-DVIRGL_RENDERER_UNSTABLE_APIS"
FUNCTION = re.compile(r"^[\w\s\*]*?\b(virgl_\w+)\s*\([^{}]*\)$", re.S)
STRUCT = re.compile(r"struct\s+(\w+)\s*\{(.*?)\}\s*;", re.S)
ENUM = re.compile(r"enum\s+(\w+)\s*\{(.*?)\}\s*;", re.S)


class Header:
    """What a C compiler makes of a header, and what it declares."""

    def __init__(self, cc, path):
        self.cc, self.path = cc, pathlib.Path(path)
        text = self.compile("-E", "-P", source=f'#include "{path}"\n').stdout
        text = re.sub(r'__attribute__\s*\(\(visibility\("default"\)\)\)', "", text)
        text = text[min(text.find("virgl_"), text.find("struct virgl")):] if "virgl_" in text else ""
        self.bodies = {name: body for name, body in STRUCT.findall(text) if name.startswith("virgl_")}
        self.structs = {name: self.members(body) for name, body in self.bodies.items()}
        self.enumerators = [line.split("=")[0].strip() for _, body in ENUM.findall(text) if "VIRGL" in body
                            for line in body.split(",") if line.strip()]
        bare = ENUM.sub("", STRUCT.sub("", text))
        self.functions = {}
        for statement in bare.split(";"):
            declaration = " ".join(statement.split())
            match = FUNCTION.match(declaration)
            if match and not declaration.startswith("typedef"):
                self.functions[match[1]] = declaration
        macros = self.compile("-E", "-dM", source=f'#include "{path}"\n').stdout
        self.macros = sorted(name for name, value in re.findall(r"^#define (VIRGL\w+) (.+)$", macros, re.M)
                             if "EXPORT" not in name)
        version = dict(re.findall(r"^#define VIRGL_(MAJOR|MINOR|MICRO)_VERSION \((\d+)\)", macros, re.M))
        self.version = tuple(int(version[part]) for part in ("MAJOR", "MINOR", "MICRO"))

    def compile(self, *arguments, source):
        command = [*self.cc, SWITCH, "-x", "c", *arguments, "-"]
        ended = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise ValueError(f"{self.path}: {ended.stderr.strip()}")
        return ended

    @staticmethod
    def members(body):
        names = []
        for declaration in body.split(";"):
            callback = re.search(r"\(\s*\*\s*(\w+)\s*\)", declaration)
            plain = re.search(r"(\w+)\s*(\[\w*\])?\s*$", declaration)
            if callback or plain:
                names.append((callback or plain)[1])
        return names

    def evaluate(self, expressions):
        """Their values, as this header has them."""
        prints = "".join(f'printf("%lld\\n", (long long)({text}));\n' for text in expressions)
        source = (f'#include <stdio.h>\n#include <stddef.h>\n#include "{self.path}"\n'
                  f"int main(void) {{\n{prints}return 0;\n}}\n")
        with tempfile.TemporaryDirectory() as scratch:
            self.compile("-o", f"{scratch}/values", source=source)
            output = subprocess.run([f"{scratch}/values"], capture_output=True, text=True, check=True).stdout
        return dict(zip(expressions, output.split()))

    def layout(self):
        """Expressions whose values say where everything is."""
        return [f"sizeof(struct {name})" for name in self.structs] + [
            f"offsetof(struct {name}, {member})" for name, members in self.structs.items() for member in members] + [
            f"sizeof(((struct {name} *)0)->{member})" for name, members in self.structs.items() for member in members]


def missing(kind, wanted, found, whose):
    return [f"{kind} {name} is not in {whose}" for name in sorted(set(wanted) - set(found))]


def compare_types(ours, theirs):
    """Members whose types differ, callbacks' arguments included."""
    source = f'#include "{theirs.path}"\n'
    for name, members in theirs.structs.items():
        source += f"struct ours_{name} {{{ours.bodies[name]}}};\n"
        for member in members:
            pair = ", ".join(f"__typeof__(((struct {tag} *)0)->{member})" for tag in (name, f"ours_{name}"))
            source += f'_Static_assert(__builtin_types_compatible_p({pair}), "{name}.{member} has another type");\n'
    try:
        theirs.compile("-fsyntax-only", source=source)
    except ValueError as error:
        return [str(error)]
    return []


def accepts(header, declarations):
    """A second declaration of another type is an error."""
    try:
        header.compile("-fsyntax-only", source=f'#include "{header.path}"\n' + "".join(f"{d};\n" for d in declarations))
    except ValueError:
        return False
    return True


def compare(ours, theirs):
    """Lines that say what differs."""
    wrong = missing("function", theirs.functions, ours.functions, "ours")
    wrong += missing("structure", theirs.structs, ours.structs, "ours")
    wrong += missing("constant", theirs.macros, ours.macros, "ours")
    wrong += missing("constant", theirs.enumerators, ours.enumerators, "ours")
    for name in theirs.structs.keys() & ours.structs.keys():
        wrong += missing(f"member of {name}:", theirs.structs[name], ours.structs[name], "ours")
    if wrong:
        return wrong
    versions = [f"VIRGL_{part}_VERSION" for part in ("MAJOR", "MINOR", "MICRO")]
    constants = [name for name in theirs.macros if not name.endswith("_H") and name not in versions
                 and (name != "VIRGL_RENDERER_CALLBACKS_VERSION" or theirs.version >= ours.version)]
    expressions = theirs.layout() + constants + theirs.enumerators
    try:
        here, there = ours.evaluate(expressions), theirs.evaluate(expressions)
    except ValueError as error:
        return [str(error)]
    wrong += [f"{text} is {here[text]}, {there[text]} in {theirs.path}" for text in expressions
              if here[text] != there[text]]
    wrong += compare_types(ours, theirs)
    common = [name for name in ours.functions if name in theirs.functions]
    if not accepts(theirs, [ours.functions[name] for name in common]):
        wrong += [f"{ours.functions[name]}: declared as {theirs.functions[name]}" for name in common
                  if not accepts(theirs, [ours.functions[name]])]
    return wrong


def compare_newest(ours, newest):
    """As compare(), and nothing more in ours."""
    wrong = missing("function", ours.functions, newest.functions, newest.path)
    wrong += missing("structure", ours.structs, newest.structs, newest.path)
    wrong += missing("constant", ours.macros, newest.macros, newest.path)
    for name in newest.structs.keys() & ours.structs.keys():
        if newest.structs[name] != ours.structs[name]:
            wrong.append(f"members of {name}: {ours.structs[name]}, in {newest.path} {newest.structs[name]}")
    return compare(ours, newest) + wrong


def exported(library):
    listing = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in listing.splitlines()}


def wrong_dependencies(library):
    """Nothing of OpenGL or Vulkan is loaded into a machine monitor unasked."""
    listing = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", listing)
    return [f"the library needs {name}" for name in needed if re.search(r"GL|epoxy|gbm|drm|vulkan", name)]


def check(options):
    there = [path for path in options.theirs if os.path.exists(path)]
    if not there:
        print(f"skipped: {options.theirs[-1]} is not there: run setup/peers as root")
        return SKIPPED
    ours = Header(options.cc, options.ours)
    theirs = sorted((Header(options.cc, path) for path in there), key=lambda header: header.version)
    newest = theirs[-1]
    wrong = [line for header in theirs[:-1] for line in compare(ours, header)]
    wrong += compare_newest(ours, newest) if newest.version >= ours.version else compare(ours, newest)
    names = exported(options.library)
    wrong += missing("exported function", ours.functions, names, "the library")
    wrong += missing("exported symbol", names, ours.functions, "our header")
    wrong += wrong_dependencies(options.library)
    for line in wrong:
        print(line)
    if not wrong:
        compared = ", ".join(".".join(map(str, header.version)) for header in theirs)
        print(f"{len(ours.functions)} functions, {len(ours.structs)} structures, {len(ours.macros)} constants as in {compared}")
    return 1 if wrong else 0


SPOILED = [  # what is replaced, by what, what must be said
    ("uint32_t ring_idx,\n                                uint64_t fence_id", "uint64_t ring_idx, uint64_t fence_id",
     "write_context_fence"),
    ("void virgl_renderer_context_poll(uint32_t", "void virgl_renderer_context_poll(uint64_t", "virgl_renderer_context_poll("),
    ("int drm_fourcc;\n    int fd;", "int fd;\n    int drm_fourcc;", "offsetof(struct virgl_renderer_resource_info, fd)"),
    ("BLOB_FD_TYPE_SHM 0x0003", "BLOB_FD_TYPE_SHM 0x0004", "VIRGL_RENDERER_BLOB_FD_TYPE_SHM is"),
    ("VIRGL_EXPORT void virgl_renderer_force_ctx_0(void);", "", "function virgl_renderer_force_ctx_0 is not"),
    ("    void *d3d_tex2d;\n", "", "member of virgl_renderer_resource_info_ext: d3d_tex2d"),
    ("VIRGL_LOG_LEVEL_DEBUG,\n", "VIRGL_LOG_LEVEL_DEBUG = 7,\n", "VIRGL_LOG_LEVEL_DEBUG is 7"),
]


def self_test(options):
    good = Header(options.cc, options.ours)
    failures = []
    for before, after, wanted in SPOILED:
        text = pathlib.Path(options.ours).read_text()
        if before not in text:
            failures.append(f"nothing to spoil: {before!r}")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            spoiled = pathlib.Path(scratch) / "virglrenderer.h"
            spoiled.write_text(text.replace(before, after, 1))
            (spoiled.parent / "virgl-version.h").write_bytes(
                (pathlib.Path(options.ours).parent / "virgl-version.h").read_bytes())
            found = compare(Header(options.cc, spoiled), good)
        if not any(wanted in line for line in found):
            failures.append(f"{after!r} instead of {before!r} is not found: {found}")
    found = compare(good, good)
    failures += [f"found for no reason: {line}" for line in found]
    for line in failures:
        print(line)
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cc", required=True, type=shlex.split)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--library")
    parser.add_argument("--theirs", action="append", default=[])
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    return self_test(options) if options.self_test else check(options)


if __name__ == "__main__":
    sys.exit(main())
