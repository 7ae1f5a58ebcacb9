#!/usr/bin/env python3
"""Prints "passed failed skipped" of the tests in one of meson's testlog.json. No test at all is an error."""

import json
import sys

counts = {"passed": 0, "failed": 0, "skipped": 0}
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log:
        result = json.loads(line)["result"]
        if result in ("OK", "EXPECTEDFAIL"):
            counts["passed"] += 1
        elif result == "SKIP":
            counts["skipped"] += 1
        else:
            counts["failed"] += 1
print(*counts.values())
sys.exit(not any(counts.values()))
