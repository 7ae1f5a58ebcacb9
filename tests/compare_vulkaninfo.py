#!/usr/bin/env python3
"""Checks that every line by which vulkaninfo through Vesper differs from native vulkaninfo is explained.

    compare_vulkaninfo.py --registry VK_XML --vesper PROGRAM [--host system|newer --peers FOLDER]
    compare_vulkaninfo.py --registry VK_XML --files NATIVE VESPER
    compare_vulkaninfo.py --self-test

The explanations are the rules in docs/vulkaninfo-differences.md. Prints each difference that none of them
covers. Exit status: 0 all explained, 1 not, 77 skipped with the reason.
"""

import argparse
import collections
import glob
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
RULES = ROOT / "docs/vulkaninfo-differences.md"
POLICY = ROOT / "protocol/policy.xml"
SKIPPED = 77


class Line(collections.namedtuple("Line", "place text")):
    """One line of vulkaninfo and where it stands."""

    def __str__(self):
        return f"{self.place} > {self.text}"


# --------------------------------------------------------------------- vulkaninfo's text


def heading_levels(lines):
    """Index of each underlined line -> 0 for ====, 1 for ----."""
    levels = {}
    for index in range(1, len(lines)):
        underline = lines[index].strip()
        if re.fullmatch(r"={3,}|-{3,}", underline) and lines[index - 1].strip():
            levels[index - 1] = 0 if underline[0] == "=" else 1
    return levels


def name_of(text):
    """What a line is called as a place for others: without its value."""
    return re.split(r"\s*[=:]", text, maxsplit=1)[0].strip()


def parse(text, rewrites):
    """All lines with their places. Alignment, which depends on the longest name of a list, is taken out."""
    raw = text.splitlines()
    levels = heading_levels(raw)
    headings, parents, result = [], [], []
    for index, line in enumerate(raw):
        stripped = re.sub(r"\s+", " ", line).strip()
        if not stripped or re.fullmatch(r"[=-]{3,}", stripped):
            continue
        for pattern, replacement in rewrites:
            stripped = pattern.sub(replacement, stripped)
        stripped = stripped.strip()
        depth = len(line) - len(line.lstrip("\t"))
        if index in levels:
            headings = [(level, name) for level, name in headings if level < levels[index]]
            parents = []
        parents = [(d, name) for d, name in parents if d < depth]
        place = " > ".join(name for _, name in headings + parents)
        result.append(Line(place, stripped))
        if index in levels:
            headings.append((levels[index], name_of(stripped)))
        else:
            parents.append((depth, name_of(stripped)))
    return result


# ------------------------------------------------------------------------------- rules


class Rule(collections.namedtuple("Rule", "sign place pattern")):
    pass


def read_rules(text):
    rewrites, rules = [], []
    for block in re.findall(r"^```rule\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in filter(None, block.splitlines()):
            if line.startswith("~ "):
                pattern, arrow, replacement = line[2:].partition(" =>")
                if not arrow:
                    sys.exit(f"{RULES}: no => in: {line}")
                rewrites.append((re.compile(pattern), replacement.strip()))
            else:
                place, arrow, pattern = line[2:].rpartition(" > ")
                if line[:2] not in ("- ", "+ ") or not arrow:
                    sys.exit(f"{RULES}: not a rule: {line}")
                rules.append(Rule(line[0], re.compile(place), pattern))
    return rewrites, rules


class Facts:
    """What the @ patterns ask for."""

    def __init__(self, registry, vesper_lines):
        policy = ElementTree.parse(POLICY).getroot()
        self.carried = {e.get("name") for section in ("extensions", "private-extensions")
                        for e in policy.iterfind(f"{section}/extension")}
        self.local = {e.get("name") for e in policy.iterfind("local-extensions/extension")}
        self.shown = {line.text.split(" ")[0] for line in vesper_lines if "Extensions" in line.place}
        self.providers = {}  # structure -> extensions that bring it; a version counts as shown
        for feature in registry.findall("feature"):
            for item in feature.iterfind("require/type"):
                self.providers.setdefault(item.get("name"), set()).add("version")
        for extension in registry.findall("extensions/extension"):
            for item in extension.iterfind("require/type"):
                self.providers.setdefault(item.get("name"), set()).add(extension.get("name"))

    def holds(self, question, line):
        if question == "@not-carried":
            name = line.text.split(" ")[0]
            return name.startswith("VK_") and name not in self.carried
        if question == "@absent-structure":
            innermost = re.findall(r"Vk\w+", str(line))[-1:]
            providers = self.providers.get(*innermost, set()) if innermost else set()
            return bool(providers) and "version" not in providers and not providers & self.shown
        if question == "@local":
            return line.text.split(" ")[0] in self.local
        if question == "@local-structure":
            innermost = re.findall(r"Vk\w+", str(line))[-1:]
            return bool(innermost and self.providers.get(*innermost, set()) & self.local)
        sys.exit(f"{RULES}: no question {question}")


def explains(rule, sign, line, facts):
    if rule.sign != sign:
        return False
    if rule.pattern.startswith("@"):
        # A structure's own heading is a line too.
        return bool(rule.place.search(f"{line.place} > {name_of(line.text)}")) and facts.holds(rule.pattern, line)
    return bool(rule.place.search(line.place) and re.fullmatch(rule.pattern, line.text))


def compare(native_text, vesper_text, registry, rules_text):
    """The differences that nothing explains, as text."""
    rewrites, rules = read_rules(rules_text)
    native, vesper = parse(native_text, rewrites), parse(vesper_text, rewrites)
    facts = Facts(registry, vesper)
    only_native = collections.Counter(native) - collections.Counter(vesper)
    only_vesper = collections.Counter(vesper) - collections.Counter(native)
    result = []
    for sign, lines in (("-", only_native), ("+", only_vesper)):
        for line in lines:
            if not any(explains(rule, sign, line, facts) for rule in rules):
                result.append(f"{sign} {line}")
    return result, sum(only_native.values()) + sum(only_vesper.values())


# --------------------------------------------------------------------------- self-test

SELF_TEST_REGISTRY = """<registry><feature><require><type name="VkOldFeatures"/></require></feature>
<extensions><extension name="VK_EXT_gone"><require><type name="VkPhysicalDeviceGoneFeaturesEXT"/></require></extension>
<extension name="VK_EXT_there"><require><type name="VkPhysicalDeviceThereFeaturesEXT"/></require></extension>
</extensions></registry>"""

SELF_TEST_NATIVE = """Device Extensions: count = 3
	VK_EXT_gone  : extension revision 1
	VK_EXT_there : extension revision 1

VkPhysicalDeviceGoneFeaturesEXT:
--------------------------------
	gone = true

VkPhysicalDeviceThereFeaturesEXT:
---------------------------------
	there = true

Limits:
-------
	maxThings = 7
"""

SELF_TEST_VESPER = """Device Extensions: count = 1
	VK_EXT_there : extension revision 1

VkPhysicalDeviceThereFeaturesEXT:
---------------------------------
	there = false

Limits:
-------
	maxThings = 8
"""

SELF_TEST_UNEXPLAINED = [
    "- VkPhysicalDeviceThereFeaturesEXT > there = true",
    "- Limits > maxThings = 7",
    "+ VkPhysicalDeviceThereFeaturesEXT > there = false",
    "+ Limits > maxThings = 8",
]


def self_test():
    """A lost feature of an extension that is shown, and a changed limit, must not pass."""
    registry = ElementTree.fromstring(SELF_TEST_REGISTRY)
    found, count = compare(SELF_TEST_NATIVE, SELF_TEST_VESPER, registry, RULES.read_text())
    if sorted(found) != sorted(SELF_TEST_UNEXPLAINED) or count != 7:
        print(f"self-test: of {count} differences found unexplained:", *found, sep="\n")
        return 1
    return 0


# -------------------------------------------------------------------------------- main


def find_host(which, peers):
    if which == "newer":
        manifest, remedy = os.path.join(peers, "icd/lavapipe.json"), "run setup/peers"
    else:
        manifest = (sorted(glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json")) or ["lvp_icd*.json"])[0]
        remedy = "install mesa-vulkan-drivers"
    if not os.path.exists(manifest):
        print(f"skipped: {manifest} is not there: {remedy}")
        sys.exit(SKIPPED)
    return manifest


def run_vulkaninfo(command, env):
    try:
        result = subprocess.run(command, env=env, check=False, text=True, capture_output=True)
    except FileNotFoundError as error:
        print(f"skipped: {error.filename} is not there: install vulkan-tools")
        sys.exit(SKIPPED)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {result.returncode}\n{result.stderr}")
    return result.stdout


def run_both(args):
    manifest = find_host(args.host, args.peers)
    dropped = ("VK_", "VN_", "VTEST_", "VESPER_", "DISPLAY", "WAYLAND_DISPLAY")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    native_env = dict(env, VK_DRIVER_FILES=manifest, VK_ICD_FILENAMES=manifest)
    native = run_vulkaninfo(["vulkaninfo"], native_env)
    vesper = run_vulkaninfo([args.vesper, "run", "--host-driver", manifest, "--", "vulkaninfo"], env)
    return native, vesper


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--registry", help="vk.xml")
    parser.add_argument("--vesper", help="the vesper program")
    parser.add_argument("--host", choices=("system", "newer"), default="system")
    parser.add_argument("--peers", default="build/peers", help="where setup/peers put its folders")
    parser.add_argument("--files", nargs=2, metavar=("NATIVE", "VESPER"))
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    if not args.registry or not (args.vesper or args.files):
        parser.error("--registry and one of --vesper and --files are needed")
    native, vesper = [pathlib.Path(f).read_text() for f in args.files] if args.files else run_both(args)
    registry = ElementTree.parse(args.registry).getroot()
    unexplained, count = compare(native, vesper, registry, RULES.read_text())
    print(*unexplained, sep="\n", end="\n" if unexplained else "")
    print(f"{count} lines differ, {len(unexplained)} unexplained by {RULES.relative_to(ROOT)}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
