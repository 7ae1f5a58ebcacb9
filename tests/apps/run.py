#!/usr/bin/env python3
"""Runs an application on a lavapipe: natively, or through Vesper with the validation layer on both sides.

    run.py [--vesper PROGRAM] [--no-validation] [--dma-bufs LAYER --server PROGRAM [--gbm LIBRARY]
           [--modifiers LAYER] [--gbm-trait NAME] [--expect TEXT] |
           (--bar LAYER [--modifiers LAYER] | --captures LAYER | --addresses LAYER | --binaries LAYER |
            --video LAYER | --faults LAYER --fault-at PLACE)
            --server PROGRAM]
           --host system|newer --peers FOLDER -- APP [ARGS...]

system is the distribution's lavapipe, newer the one that setup/peers obtains. Without --vesper the
application runs natively. --dma-bufs makes the host one that imports no pages but exports dma-bufs, by
means of the test layer tests/layer/hostmem_layer.c. With --gbm it exports none either, and what it imports comes
from that library in place of libgbm, with a trait that its source names. --modifiers makes it know
VK_EXT_image_drm_format_modifier (tests/layer/modifier_layer.c). --expect asks for a line of the server's log.
--bar makes it one whose optimal images that the host copies lie behind a BAR, in memory that cannot be shared.
--captures makes it one that captures and replays descriptors and shader groups' handles (tests/layer/capture_layer.c),
--addresses one that reports objects' addresses (tests/layer/addresses_layer.c),
--binaries one that has pipeline binaries (tests/layer/binary_layer.c),
--video one that decodes and encodes (tests/layer/video_layer.c), natively too,
--faults one that loses its device (tests/layer/fault_layer.c) in the submission or in the wait for it.
Exit status: the application's; 77, with the reason, if there is no such driver.
"""

import argparse
import contextlib
import glob
import json
import os
import subprocess
import sys
import tempfile

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


def write_layer(folder, name, library):
    """A manifest, for the name that a loader knows the layer by."""
    layer = {"name": f"VK_LAYER_VESPER_TEST_{name}", "type": "GLOBAL", "library_path": os.path.abspath(library),
             "api_version": "1.3.0", "implementation_version": "1", "description": "a host for tests"}
    with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as manifest:
        json.dump({"file_format_version": "1.1.2", "layer": layer}, manifest)
    return layer["name"]


def write_server(folder, server, dma_bufs=None, bar=None, modifiers=None, captures=None, addresses=None,
                 binaries=None, video=None, faults=None, fault_at=None, gbm=None, gbm_trait=""):
    """A server whose host has the test layers under it, below the layer of `vesper run --validate`: where
    a loader finds layers decides about their order."""
    libraries = {"modifiers": modifiers, "captures": captures, "addresses": addresses, "binaries": binaries,
                 "video": video, "faults": faults, "bar": bar, "hostmem": dma_bufs}
    layers = [write_layer(folder, name, library) for name, library in libraries.items() if library]
    path = os.path.join(folder, "server")
    with open(path, "w", encoding="utf-8") as script:
        host = "export VESPER_TEST_DMA_BUFS_ONLY=1\n" if dma_bufs else ""
        if gbm:
            os.symlink(os.path.abspath(gbm), os.path.join(folder, "libgbm.so.1"))
            host = (f"export VESPER_TEST_DMA_BUFS_ONLY=import VESPER_GBM=/dev/null VESPER_TEST_GBM='{gbm_trait}'\n"
                    f"export LD_LIBRARY_PATH='{folder}'${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\n")
        if faults:
            host = f"export VESPER_TEST_FAULT={fault_at}\n"
        script.write("#!/bin/sh\n"
                     f"{host}"
                     f"export VK_LAYER_PATH='/usr/share/vulkan/explicit_layer.d:{folder}'\n"
                     f"export VK_INSTANCE_LAYERS=\"{':'.join(layers)}"
                     "${VK_INSTANCE_LAYERS:+:$VK_INSTANCE_LAYERS}\"\n"
                     f"exec '{os.path.abspath(server)}' \"$@\"\n")
    os.chmod(path, 0o755)
    return path


def run_on_layer(command, env, backing, expected):
    """The renderer must say that it found the host that was meant."""
    done = subprocess.run(command, env=env, check=False, stderr=subprocess.PIPE, text=True, errors="replace")
    lines = done.stderr.splitlines()
    print("\n".join(line for line in lines if " debug: " not in line), file=sys.stderr)
    if not any(" memory type " in line and line.endswith(f", {backing}") for line in lines):
        print(f"no memory type was backed by {backing}: is the test layer under the server?")
        return 1
    if expected and not any(expected in line for line in lines):
        print(f"the server's log has no line with \"{expected}\"")
        return 1
    return done.returncode


def main(stack):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vesper", help="the vesper program; natively without")
    parser.add_argument("--no-validation", action="store_true", help="for applications whose server dies")
    parser.add_argument("--dma-bufs", metavar="LAYER", help="put the test layer under the server")
    parser.add_argument("--bar", metavar="LAYER", help="another layer, for another host")
    parser.add_argument("--captures", metavar="LAYER", help="another layer, for a third one")
    parser.add_argument("--addresses", metavar="LAYER", help="another layer, for one more")
    parser.add_argument("--binaries", metavar="LAYER", help="another layer, for a fifth one")
    parser.add_argument("--video", metavar="LAYER", help="another layer, for a sixth one")
    parser.add_argument("--faults", metavar="LAYER", help="another layer, for a fourth one")
    parser.add_argument("--fault-at", choices=("submit", "wait"), help="where it loses its device")
    parser.add_argument("--server", help="the server program, for these")
    parser.add_argument("--icd", help="the application's driver instead of ours; no validation above that")
    parser.add_argument("--gbm", metavar="LIBRARY", help="what stands in for libgbm")
    parser.add_argument("--gbm-trait", default="", help="its VESPER_TEST_GBM")
    parser.add_argument("--modifiers", metavar="LAYER", help="put that layer above the one of --dma-bufs")
    parser.add_argument("--expect", metavar="TEXT", help="what a line of the server's log has to contain")
    parser.add_argument("--host", choices=("system", "newer"), required=True)
    parser.add_argument("--peers", required=True, help="where setup/peers put its folders")
    parser.add_argument("app", nargs="+")
    args = parser.parse_args()

    manifest = find_host(args.host, args.peers)
    env = clean_env()
    if not args.no_validation and not args.icd:
        env["VKH_VALIDATE"] = "1"
    if args.vesper:
        command = [args.vesper, "run", "--host-driver", manifest]
        if args.icd:
            if not os.path.exists(args.icd):
                print(f"skipped: {args.icd} is not there: run setup/peers")
                return SKIPPED
            command += ["--icd", args.icd]
            # In a sanitized build: Mesa's driver leaks a little, in a library that is gone by then.
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        if args.dma_bufs or args.bar or args.captures or args.addresses or args.binaries or args.video or args.faults:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vesper-apps-"))
            if args.addresses:
                # Handles in callbacks are the driver's: the layers above it are to have no others.
                env["VK_LAYER_DISABLES"] = "VK_VALIDATION_FEATURE_DISABLE_UNIQUE_HANDLES_EXT"
            command += ["--log", "debug",
                        "--server", write_server(folder, args.server, args.dma_bufs, args.bar, args.modifiers,
                                                   args.captures, args.addresses, args.binaries, args.video,
                                                   args.faults, args.fault_at, args.gbm, args.gbm_trait)]
        command += ([] if args.no_validation else ["--validate"]) + ["--"] + args.app
    else:
        env["VK_DRIVER_FILES"] = env["VK_ICD_FILENAMES"] = manifest
        # In a sanitized build: the host's driver leaks a little, in a library that is gone by then.
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        command = args.app
        if args.video:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vesper-apps-"))
            env |= {"VK_INSTANCE_LAYERS": write_layer(folder, "video", args.video), "VK_LAYER_PATH": folder}
    if args.dma_bufs:
        return run_on_layer(command, env, "dma-buf of libgbm" if args.gbm else "dma-buf", args.expect)
    if args.bar:
        return run_on_layer(command, env, "copies", args.expect)
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    with contextlib.ExitStack() as scratch:
        sys.exit(main(scratch))
