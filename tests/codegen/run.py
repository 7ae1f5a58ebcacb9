#!/usr/bin/env python3
"""Runs the generator on a tiny registry and compares what it writes with golden/, then on broken inputs,
each of which must fail on the line that its comment names. `run.py --update` rewrites golden/."""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATE = os.path.join(HERE, "..", "..", "protocol", "generate.py")
GOLDEN = {
    "protocol": ["proto_widget.c", "proto_encode_widget.c", "proto_decode_widget.c", "proto_chains.c"],
    "renderer": ["rnd_dispatch.c"],
    "driver": ["drv_entry.c", "drv_record.c", "drv_simple.c"],
}
INPUTS = ("registry", "video", "private", "policy")


def generate(part, out, **replaced):
    command = [sys.executable, GENERATE, "--part", part, "--out", out]
    for name in INPUTS:
        command += ["--" + name, replaced.get(name, os.path.join(HERE, f"tiny_{name}.xml"))]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check_golden(update):
    failures = 0
    with tempfile.TemporaryDirectory() as out:
        for part, names in GOLDEN.items():
            result = generate(part, out)
            if result.returncode:
                print(f"FAIL {part}: {result.stderr}")
                return 1
            for name in names:
                text, golden = read(os.path.join(out, name)), os.path.join(HERE, "golden", name)
                if update:
                    with open(golden, "w", encoding="utf-8") as file:
                        file.write(text)
                elif text != read(golden):
                    print(f"FAIL {name} differs from {golden}; look, then run.py --update")
                    failures += 1
    return failures


def check_bad():
    failures = 0
    folder = os.path.join(HERE, "bad")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        line, message = re.search(r"expect: (\d+): (.*?) -->", read(path)).groups()
        with tempfile.TemporaryDirectory() as out:
            result = generate("protocol", out, **{name.split(".")[1]: path})
        expected = f"{path}:{line}: error: {message}"
        if result.returncode == 0 or expected not in result.stderr:
            print(f"FAIL {name}: expected {expected!r}, got {result.stderr!r}")
            failures += 1
    return failures


def main():
    update = sys.argv[1:] == ["--update"]
    failures = check_golden(update) + check_bad()
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
