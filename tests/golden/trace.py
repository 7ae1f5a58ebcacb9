#!/usr/bin/env python3
"""Holds `vesper trace` to a captured stream: every byte is understood, a stream cut short is not, and every
command is there that the stream is known to have.

    trace.py VESPER FILE COMMAND...
"""

import pathlib
import subprocess
import sys
import tempfile


def trace(vesper, path):
    result = subprocess.run([vesper, "trace", path], check=False, text=True, capture_output=True)
    return result.returncode, result.stdout, result.stderr


def main():
    vesper, path, *commands = sys.argv[1:]
    complaints = []
    status, text, errors = trace(vesper, path)
    if status != 0:
        complaints.append(f"status {status}: {text[-500:]}\n{errors}")
    complaints += [f"no {command} in it" for command in commands if command not in text]
    with tempfile.NamedTemporaryFile() as cut:
        cut.write(pathlib.Path(path).read_bytes()[:-4])
        cut.flush()
        if trace(vesper, cut.name)[0] != 1:
            complaints.append("a stream without its last word was taken for whole")
    for complaint in complaints:
        print("FAIL", complaint)
    print(f"{len(text.splitlines())} lines")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
