#!/usr/bin/env python3
"""How long a virtual machine takes from QEMU's start to the end of vulkaninfo in the guest, by renderer library.

    bench/vm.py [--build FOLDER] [--rounds N] [--driver ours|mesa]

Each round boots once on Debian's virglrenderer (with the test layer) and once on our library, in turn, so that a
machine that grows slower does so for both; needs what tests/vm needs. Under TCG, since stock guests need nothing
else: figures compare with each other in one run, not with those of another.
"""

import argparse
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/vm"))

import machine  # noqa: E402
import run  # noqa: E402

LIMIT_S = 300
# The guest's own clock for vulkaninfo alone; a second run finds every file in memory.
COMMAND = """. /mnt/env
for i in first second; do
    start=$(date +%s%N); vulkaninfo --summary >/dev/null 2>&1 || exit 1
    echo "$i $(( ($(date +%s%N) - start) / 1000000 ))"
done"""


def measure(options, library):
    options.library = library
    with machine.Machine(machine.Folder(options.folder)) as virtual_machine:
        run.prepare_host(virtual_machine, options)
        run.prepare_guest(virtual_machine, options)
        start = time.monotonic()
        virtual_machine.start(COMMAND)
        virtual_machine.wait_for_output("first ", LIMIT_S)
        total = time.monotonic() - start
        if virtual_machine.wait(LIMIT_S) != 0:
            raise machine.Failure(virtual_machine.story())
        figures = dict(line.split() for line in virtual_machine.output.splitlines())
    return {"boot to vulkaninfo's end, s": total, "vulkaninfo, first, s": int(figures["first"]) / 1e3,
            "vulkaninfo, again, s": int(figures["second"]) / 1e3}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--driver", choices=("ours", "mesa"), default="ours")
    options = parser.parse_args()
    build = options.build
    options.folder = ROOT / "build/vm"
    options.driver_library = build / "driver/libvulkan_vesper.so"
    options.vesper_program = build / "tools/vesper"
    options.workloads_program = build / "tests/apps/interop-workloads"
    options.layer = build / "tests/layer/libVkLayer_vesper_test_hostmem.so"
    options.renderer_library = build / "virglabi/libvirglrenderer.so.1"
    options.render_server = build / "server/vesper-render-server"

    seen = {"virglrenderer": [], "ours": []}
    for _ in range(options.rounds):
        for library, figures in seen.items():
            figures.append(measure(options, library))
    print("|  | virglrenderer | ours | ours / virglrenderer |\n| --- | --- | --- | --- |")
    for row in seen["ours"][0]:
        theirs, ours = (statistics.median(f[row] for f in seen[library]) for library in seen)
        print(f"| {row} | {theirs:.2f} | {ours:.2f} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
