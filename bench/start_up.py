#!/usr/bin/env python3
"""How long an application needs to have a device and to be rid of it again, by what its server had ready.

    bench/start_up.py [--build FOLDER] [--rounds N] [--host-driver JSON]

Each round starts vesper-bench once on every side, in a random order; its own clock counts, from before
vkCreateInstance to after vkDestroyInstance. The table has the medians, in Markdown, for docs/performance.md.

native            the host's driver
no spare          a server that runs already, with VESPER_SPARE=0: its worker begins with a cold driver
warm spare        a server that runs already and has had no client for two seconds
after another     the same server, at once after another client: no spare, but what the last one found out is known
new, no spare     a server that was started a moment before, as by vesper run, with VESPER_SPARE=0
new, spare        the same, with the spare that it begins to warm up meanwhile
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

QUIET_S = 2  # a spare is made after one


class Bench:
    def __init__(self, args, folder):
        self.folder, self.count = pathlib.Path(folder), 0
        self.server_program = args.build / "server/vesper-server"
        self.program = args.build / "bench/vesper-bench"
        self.manifest = self.folder / "icd.json"
        self.manifest.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": {
            "library_path": str((args.build / "driver/libvulkan_vesper.so").resolve()), "api_version": "1.4.0"}}))
        self.clean = {k: v for k, v in os.environ.items() if not k.startswith(("VESPER_", "VK_", "VN_", "VTEST_"))}
        self.host = {"VK_DRIVER_FILES": args.host_driver, "VK_ICD_FILENAMES": args.host_driver} \
            if args.host_driver else {}

    @contextlib.contextmanager
    def server(self, spare):
        """Its socket, once it listens."""
        self.count += 1
        path = self.folder / f"socket{self.count}"
        with subprocess.Popen([self.server_program, "--socket-path", path], stdout=subprocess.PIPE,
                              env={**self.clean, **self.host, "VESPER_SPARE": spare}) as process:
            process.stdout.readline()
            try:
                yield path
            finally:
                process.terminate()

    def run(self, env):
        """ms"""
        result = subprocess.run([self.program, "--open-once"], env={**self.clean, **env}, check=False,
                                stdout=subprocess.PIPE, text=True)
        if result.returncode != 0:
            sys.exit(f"start_up.py: {self.program} --open-once ended with {result.returncode}, environment {env}")
        return int(result.stdout) / 1e6

    def native(self):
        return self.run(self.host)

    def through(self, path):
        return self.run({"VK_DRIVER_FILES": str(self.manifest), "VK_ICD_FILENAMES": str(self.manifest),
                         "VESPER_SOCKET": str(path)})

    def through_warm(self, path):
        time.sleep(QUIET_S)
        return self.through(path)

    def through_second(self, path):
        self.through(path)
        return self.through(path)

    def through_new(self, spare):
        with self.server(spare) as path:
            return self.through(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--host-driver", help="the manifest of the host's driver; else the loader chooses")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vesper-bench-") as folder:
        bench = Bench(args, folder)
        with bench.server("0") as cold, bench.server("1") as warm:
            sides = {
                "native": bench.native,
                "no spare": lambda: bench.through(cold),
                "warm spare": lambda: bench.through_warm(warm),
                "after another": lambda: bench.through_second(warm),
                "new, no spare": lambda: bench.through_new("0"),
                "new, spare": lambda: bench.through_new("1"),
            }
            bench.through_warm(warm)  # files are in memory from here on
            figures = {name: [] for name in sides}
            for _ in range(args.rounds):
                for name in random.sample(list(sides), len(sides)):
                    figures[name].append(sides[name]())
    native = statistics.median(figures["native"])
    print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    print("|  | ms | / native |\n| --- | --- | --- |")
    for name, values in figures.items():
        print(f"| {name} | {statistics.median(values):.1f} | {statistics.median(values) / native:.2f} |")


if __name__ == "__main__":
    main()
