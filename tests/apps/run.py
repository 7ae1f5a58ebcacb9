#!/usr/bin/env python3
"""Runs an application on a lavapipe: natively, or through Vesper with the validation layer on both sides.

    run.py [--vesper PROGRAM] [--no-validation] --host system|newer --peers FOLDER -- APP [ARGS...]

system is the distribution's lavapipe, newer the one that setup/peers obtains. Without --vesper the
application runs natively. Exit status: the application's; 77, with the reason, if there is no such driver.
"""

import argparse
import glob
import os
import subprocess
import sys

SKIPPED = 77


def find_host(which, peers):
    if which == "newer":
        manifest = os.path.join(peers, "icd/lavapipe.json")
        remedy = "run setup/peers"
    else:
        found = sorted(glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json"))
        manifest = found[0] if found else "/usr/share/vulkan/icd.d/lvp_icd*.json"
        remedy = "install mesa-vulkan-drivers"
    if not os.path.exists(manifest):
        print(f"skipped: {manifest} is not there: {remedy}")
        sys.exit(SKIPPED)
    return manifest


def clean_env():
    """Our environment without anything that chooses a Vulkan driver, a layer or a server."""
    dropped = ("VK_", "VN_", "VTEST_", "VESPER_", "DISPLAY", "WAYLAND_DISPLAY")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vesper", help="the vesper program; natively without")
    parser.add_argument("--no-validation", action="store_true", help="for applications whose server dies")
    parser.add_argument("--host", choices=("system", "newer"), required=True)
    parser.add_argument("--peers", required=True, help="where setup/peers put its folders")
    parser.add_argument("app", nargs="+")
    args = parser.parse_args()

    manifest = find_host(args.host, args.peers)
    env = clean_env()
    if not args.no_validation:
        env["VKH_VALIDATE"] = "1"
    if args.vesper:
        command = [args.vesper, "run", "--host-driver", manifest]
        command += ([] if args.no_validation else ["--validate"]) + ["--"] + args.app
    else:
        env["VK_DRIVER_FILES"] = env["VK_ICD_FILENAMES"] = manifest
        # In a sanitized build: the host's driver leaks a little, in a library that is gone by then.
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        command = args.app
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
