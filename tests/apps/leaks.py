#!/usr/bin/env python3
"""Thousands of objects, made and destroyed, leave nothing behind: neither descriptors nor memory.

    leaks.py --vesper PROGRAM --host system|newer --peers FOLDER [--descriptors-only] -- APP [ARGS...]

Runs the program leaks natively and through Vesper. What the host's driver leaks by itself, which the native run
shows, is not our fault; a sanitizer keeps freed memory, so there only descriptors tell.
"""

import argparse
import subprocess
import sys

import run

# What an allocator may keep or take, whatever was allocated. 10,000 leaks of 64 bytes are more.
SLACK_KIB = 512


def measure(command, env):
    """{kind: [client's descriptors, client's KiB, server's descriptors, server's KiB]}"""
    done = subprocess.run(command, env=env, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"{' '.join(command)}: status {done.returncode}")
        sys.exit(1)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {line[0]: [int(number) for number in line[1:]] for line in lines}


def judge(kind, native, vesper, descriptors_only):
    """What is wrong with a kind of object, in words; nothing if all is well."""
    by_host_fds, by_host_kib = max(native[0], 0), max(native[1], 0)
    faults = []
    for side, fds, kib in (("client", vesper[0], vesper[1]), ("server", vesper[2], vesper[3])):
        if fds > by_host_fds:
            faults.append(f"{kind}: the {side} has {fds} descriptors more than before, natively {by_host_fds}")
        if kib > 1.5 * by_host_kib + SLACK_KIB and not descriptors_only:
            faults.append(f"{kind}: the {side} has {kib} KiB more than before, natively {by_host_kib}")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vesper", required=True)
    parser.add_argument("--host", choices=("system", "newer"), required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--descriptors-only", action="store_true")
    parser.add_argument("app", nargs="+")
    args = parser.parse_args()

    manifest = run.find_host(args.host, args.peers)
    env = run.clean_env()
    host_env = {**env, "VK_DRIVER_FILES": manifest, "VK_ICD_FILENAMES": manifest}
    host_env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    native = measure(args.app, host_env)
    env["VESPER_SPARE"] = "0"  # a spare worker comes and goes by itself: tests/fault/spare.py counts those
    vesper = measure([args.vesper, "run", "--host-driver", manifest, "--"] + args.app, env)
    faults = []
    for kind, numbers in vesper.items():
        print(f"{kind}: natively {native[kind][:2]}, client {numbers[:2]}, server {numbers[2:]}")
        faults += judge(kind, native[kind], numbers, args.descriptors_only)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
