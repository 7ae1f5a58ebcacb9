#!/usr/bin/env python3
"""Compares drivers: runs vesper-bench on each, round by round in turn, and prints a table of ratios.

    bench/run.py [--build FOLDER] [--rounds N] [--only TEXT] [--host-driver JSON|lavapipe]
                 [--side NAME=COMMAND]... [--json FILE]

Two sides are always there: native, and vesper (`vesper run --`). More come with --side, whose command is
put before the benchmark's own, so that other drivers and servers are measured in the same run:

    --side 'upstream=env VK_DRIVER_FILES=virtio.json VN_DEBUG=vtest VTEST_SOCKET_NAME=/tmp/upstream.sock'

Each round runs every side once, in an order that moves on by one each time, so that a machine that grows
slower or faster meanwhile does so for all. A side's figure is the median over the rounds of vesper-bench's
own medians. The table is Markdown, for docs/performance.md.
"""

import argparse
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5, help="of vesper-bench, a row and round")
    parser.add_argument("--only", default="", help="only rows whose names contain this")
    parser.add_argument("--host-driver", help="as vesper run's; native uses the same")
    parser.add_argument("--side", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--json", type=pathlib.Path, help="also write all figures to this file")
    return parser.parse_args()


def installed_lavapipe():
    for folder in ("/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"):
        for path in sorted(pathlib.Path(folder).glob("lvp_icd*.json")):
            return str(path)
    sys.exit("run.py: --host-driver lavapipe: no lvp_icd*.json: install mesa-vulkan-drivers")


def make_sides(args):
    """Name -> command that goes before the benchmark's."""
    vesper = args.build / "tools/vesper"
    native, options = [], []
    if args.host_driver:
        manifest = installed_lavapipe() if args.host_driver == "lavapipe" else args.host_driver
        native = ["env", f"VK_DRIVER_FILES={manifest}", f"VK_ICD_FILENAMES={manifest}"]
        options = ["--host-driver", manifest]
    sides = {"native": native, "vesper": [str(vesper), "run", *options, "--"]}
    for text in args.side:
        name, equals, command = text.partition("=")
        if not equals or not command:
            sys.exit(f"run.py: --side {text}: must be NAME=COMMAND")
        sides[name] = shlex.split(command)
    return sides


def run_once(args, name, prefix):
    """Row name -> row of one run."""
    bench = [str(args.build / "bench/vesper-bench"), "--samples", str(args.samples)]
    bench += ["--only", args.only] if args.only else []
    result = subprocess.run(prefix + bench, check=False, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"run.py: {name}: status {result.returncode} from: {shlex.join(prefix + bench)}")
    return {row["name"]: row for row in json.loads(result.stdout)["rows"]}


def measure(args, sides):
    """Side -> row name -> list of medians, one a round; and the rows' descriptions."""
    figures = {name: {} for name in sides}
    rows = {}
    names = list(sides)
    for number in range(args.rounds):
        for name in names[number % len(names):] + names[:number % len(names)]:
            print(f"round {number + 1} of {args.rounds}: {name}", file=sys.stderr)
            for row in run_once(args, name, sides[name]).values():
                rows[row["name"]] = row
                figures[name].setdefault(row["name"], []).append(row["median"])
    return figures, rows


def three_digits(value):
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def table(figures, rows):
    others = [name for name in figures if name != "native"]
    head = ["", *figures, *(f"{name} / native" for name in others)]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name, row in rows.items():
        medians = {side: statistics.median(values[name]) for side, values in figures.items()}
        cells = [f"{row['what']}, {row['unit']}"]
        cells += [three_digits(medians[side]) for side in figures]
        cells += [three_digits(medians[side] / medians["native"]) for side in others]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    args = parse_arguments()
    sides = make_sides(args)
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"run.py: this machine is busy (load {load:.1f}): ratios will be off", file=sys.stderr)
    figures, rows = measure(args, sides)
    print(table(figures, rows))
    if args.json:
        args.json.write_text(json.dumps({"figures": figures, "rows": list(rows)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
