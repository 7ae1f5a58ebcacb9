#!/usr/bin/env python3
"""How long a virtual machine takes from QEMU's start to the end of vulkaninfo in the guest, by renderer library.

    bench/vm.py [--build FOLDER] [--rounds N] [--in-turn N] [--driver ours|mesa]

Each round boots once on Debian's virglrenderer (with the test layer), once on our library, and once on ours without
spare workers, in turn, so that a machine that grows slower does so for all. Then one machine of each is kept, and
vulkaninfo runs --in-turn times in each, one machine after the other: what a start costs without a boot around it, and
how much of the host's processors it takes. Needs what tests/vm needs. Under TCG, since stock guests need nothing else:
figures compare with each other in one run, not with those of another.
"""

import argparse
import contextlib
import os
import pathlib
import random
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/vm"))

import machine  # noqa: E402
import run  # noqa: E402

LIMIT_S = 300
SIDES = {
    "virglrenderer": ("virglrenderer", {}),
    "ours": ("ours", {}),
    "ours, no spare": ("ours", {"VESPER_SPARE": "0"}),
}
# The guest's own clock for vulkaninfo alone; a second run finds every file in memory.
BOOT_COMMAND = """. /mnt/env
for i in first second; do
    start=$(date +%s%N); vulkaninfo --summary >/dev/null 2>&1 || exit 1
    echo "$i $(( ($(date +%s%N) - start) / 1000000 ))"
done"""
# Runs whenever the host says so.
IN_TURN_COMMAND = """. /mnt/env
i=0
while :; do
    until [ -e /mnt/go.$i ]; do sleep 0.05; done
    start=$(date +%s%N); vulkaninfo --summary >/dev/null 2>&1 || exit 1
    echo "$i: $(( ($(date +%s%N) - start) / 1000000 ))"
    i=$((i + 1))
done"""


def prepare(options, name):
    options.library, env = SIDES[name]
    virtual_machine = machine.Machine(machine.Folder(options.folder))
    run.prepare_host(virtual_machine, options)
    run.prepare_guest(virtual_machine, options)
    virtual_machine.env |= env
    return virtual_machine


def measure_boot(options, name):
    with prepare(options, name) as virtual_machine:
        start = time.monotonic()
        virtual_machine.start(BOOT_COMMAND)
        virtual_machine.wait_for_output("first ", LIMIT_S)
        total = time.monotonic() - start
        if virtual_machine.wait(LIMIT_S) != 0:
            raise machine.Failure(virtual_machine.story())
        figures = dict(line.split() for line in virtual_machine.output.splitlines())
    return {"boot to vulkaninfo's end, s": total, "vulkaninfo, first, s": int(figures["first"]) / 1e3,
            "vulkaninfo, again, s": int(figures["second"]) / 1e3}


def processor_s(virtual_machine, name):
    """What processes of this name, and their ended children, have used."""
    total = 0
    for pid in virtual_machine.processes(name):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / os.sysconf("SC_CLK_TCK")


def measure_once(virtual_machine, number):
    before = processor_s(virtual_machine, "qemu-system-x86_64")
    virtual_machine.give(f"go.{number}", b"")
    virtual_machine.wait_for_output(f"{number}: ", LIMIT_S)
    used = processor_s(virtual_machine, "qemu-system-x86_64") - before
    took = next(line for line in virtual_machine.output.splitlines() if line.startswith(f"{number}: "))
    return {"vulkaninfo in turn, s": int(took.split()[1]) / 1e3, "QEMU's processor time for it, s": used}


def measure_in_turn(options, seen):
    with contextlib.ExitStack() as stack:
        machines = {name: stack.enter_context(prepare(options, name)) for name in SIDES}
        for virtual_machine in machines.values():
            virtual_machine.start(IN_TURN_COMMAND)
        for number in range(options.in_turn + 1):
            for name in random.sample(list(machines), len(machines)):
                figures = measure_once(machines[name], number)
                if number > 0:  # the first one reads files
                    seen[name].append(figures)


def print_table(seen):
    print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    others = [name for name in seen if name != "virglrenderer"]
    print("|  | " + " | ".join([*seen, *(f"{name} / virglrenderer" for name in others)]) + " |")
    print("|" + " --- |" * (1 + len(seen) + len(others)))
    rows = dict.fromkeys(row for figures in seen["ours"] for row in figures)
    for row in rows:
        medians = {name: statistics.median(f[row] for f in figures if row in f) for name, figures in seen.items()}
        cells = [f"{value:.2f}" for value in medians.values()]
        cells += [f"{medians[name] / medians['virglrenderer']:.2f}" for name in others]
        print(f"| {row} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=3, help="boots of each")
    parser.add_argument("--in-turn", type=int, default=15, help="runs in machines that are up")
    parser.add_argument("--driver", choices=("ours", "mesa"), default="ours")
    options = parser.parse_args()
    build = options.build
    options.folder = ROOT / "build/vm"
    options.driver_library = build / "driver/libvulkan_vesper.so"
    options.vesper_program = build / "tools/vesper"
    options.workloads_program = build / "tests/apps/interop-workloads"
    options.external_program = options.external_sync_program = options.sync_file_program = None
    options.layer = build / "tests/layer/libVkLayer_vesper_test_hostmem.so"
    options.renderer_library = build / "virglabi/libvirglrenderer.so.1"
    options.render_server = build / "server/vesper-render-server"

    seen = {name: [] for name in SIDES}
    for _ in range(options.rounds):
        for name, figures in seen.items():
            figures.append(measure_boot(options, name))
    if options.in_turn > 0:
        measure_in_turn(options, seen)
    print_table(seen)


if __name__ == "__main__":
    main()
