#!/usr/bin/env python3
"""`vesper info` gives a reason for all that is held back, and knows what backs every memory type.

    vesper_info.py VESPER
"""

import os
import re
import subprocess
import sys


def main():
    # In a sanitized build: the host's driver, loaded to be looked at, leaks a little.
    env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    result = subprocess.run([sys.argv[1], "info"], check=False, text=True, capture_output=True, env=env)
    text = result.stdout
    print(text + result.stderr)
    types = re.findall(r"^    \d+ .* GiB .*$", text, re.MULTILINE)
    complaints = []
    if result.returncode != 0:
        complaints.append(f"status {result.returncode}")
    if "memory types" not in text or not types:
        complaints.append("no memory types")
    if any("host type" not in line for line in types):
        complaints.append("a memory type without what backs it")
    if not re.search(r"^windows +\S.*shared memory", text, re.MULTILINE):
        complaints.append("nothing about windows")
    if not re.search(r"^windows .*explicit synchronisation of dma-bufs( where|: \S)", text, re.MULTILINE):
        complaints.append("nothing about explicit synchronisation")
    if not re.search(r"^huge pages +(none for|for allocations)", text, re.MULTILINE):
        complaints.append("nothing about huge pages")
    if not re.search(r"^  frames +\S.* shared memory: \S", text, re.MULTILINE):
        complaints.append("no reason for how frames come into windows")
    for words in ("no reason was given", "held back although", "not exposed by Vesper"):
        if words in text:
            complaints.append(words)
    for complaint in complaints:
        print("FAIL", complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
