#!/usr/bin/env python3
"""Boots a virtual machine, runs Vulkan programs in it with one driver, on one renderer library, and judges them.

    run.py --driver ours|mesa --library virglrenderer|ours [paths]

mesa            Mesa's Venus driver, of the Debian 13 folder
ours            our libvirglrenderer.so.1 and vesper-render-server, in QEMU's LD_LIBRARY_PATH
virglrenderer   Debian 13's, which QEMU loads by itself; below its render server lies the layer that
                tests/interop uses, because lavapipe shares no memory otherwise

The programs, in one boot: vulkaninfo, the 64 MiB mapped copy, a compute check, and the off-screen cube, whose
picture must equal the one that the host's driver draws without a VM; ours also frames in windows of the tests' own
compositor and of an X server; ours on ours also two processes of the guest that share memory, fences and semaphores. Exit status: 0
passed, 1 failed, 77 skipped.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile

import machine
import validation
import windows
from machine import need

SKIPPED = 77
FRAMES = 4
ALL_STEPS_LIMIT_S = 400  # together with a slow boot less than meson gives the test, so that it tells what was seen
GUEST_DRIVERS = {"mesa": "/usr/share/vulkan/icd.d/virtio_icd.json", "ours": "/mnt/vesper_icd.json"}

# name -> command in the guest, time limit there
STEPS = {
    "vulkaninfo": ("vulkaninfo", 120),
    "mapped_copy": ("/mnt/interop-workloads mapped_copy 64", 120),
    "compute": ("/mnt/interop-workloads compute 1048576", 120),
    "cube": (f"/mnt/vesper demo --frames {FRAMES} --output /mnt/cube.png", 120),
}
# What processes of the guest share; of our driver in front of our library, which offer it. By dma-bufs of the guest's
# kernel whatever the host has; faults.py does it on a host that exports dma-bufs itself.
SHARING_STEPS = {
    "external": ("/mnt/external --hostile opaque", 120),
    "external-sync": ("/mnt/external-sync --sync-files", 120),
    "sync-file": ("/mnt/sync-file --required", 30),  # a part of our library: the guest's kernel stands for a host's
}
# What the guest's own compositor and X server are shown, to the last bit, on a host that exports no dma-bufs: they
# map the memory that the host's driver has copied frames to.
WINDOW_STEPS = {
    "window": (windows.step("shared-dma-bufs"), 60),
    "window-modes": (windows.step("picture"), 60),
    "window-unshared": (windows.step("no-dma-bufs", env="VESPER_WINDOW_DMA_BUFS=0"), 60),
}
X11_STEPS = {"window-x11": (windows.x11_step("picture"), 60)}
WINDOW_ROADS = {"window": windows.SHARED, "window-modes": windows.SHARED, "window-unshared": windows.COPIED_BY_CPU,
                "window-x11": windows.SHARED}
GUEST_SCRIPT = """. /mnt/env
step() { # NAME LIMIT COMMAND...
    name=$1 limit=$2; shift 2
    timeout $limit "$@" >/mnt/$name.txt 2>/mnt/$name.err
    echo "$name: $? after $(cut -d ' ' -f 1 /proc/uptime) s"
}
"""


def manifest(library):
    return json.dumps({"file_format_version": "1.0.0",
                       "ICD": {"library_path": library, "api_version": "1.4.0"}}).encode()


def add_layer(virtual_machine, library, name="hostmem"):
    """Above the host's driver and what was added before. "hostmem" goes below virglrenderer, which needs a host that
    exports memory."""
    path = virtual_machine.give_host(f"{name}.so", need(library, "build it"))
    layer = f"VK_LAYER_VESPER_TEST_{name}"
    virtual_machine.give_host(f"{name}.json", json.dumps({
        "file_format_version": "1.1.2",
        "layer": {"name": layer, "type": "GLOBAL", "library_path": path, "api_version": "1.3.0",
                  "implementation_version": "1", "description": "a host for tests"},
    }).encode())
    below = virtual_machine.env.get("VK_INSTANCE_LAYERS")
    virtual_machine.env |= {"VK_INSTANCE_LAYERS": f"{layer}:{below}" if below else layer, "VK_LAYER_PATH": "/tmp/host"}


def add_linear_images(virtual_machine, options):
    """A host that exports dma-bufs, linear images too, and imports no pages."""
    add_layer(virtual_machine, options.layer)
    add_layer(virtual_machine, options.modifier_layer, "modifiers")
    virtual_machine.env |= {"VESPER_TEST_DMA_BUFS_ONLY": "1", "VESPER_TEST_LINEAR_ONLY": "1"}


def add_our_library(virtual_machine, options):
    virtual_machine.give_host("libvirglrenderer.so.1", need(options.renderer_library, "build it"))
    server = virtual_machine.give_host("vesper-render-server", need(options.render_server, "build it"))
    virtual_machine.env |= {"LD_LIBRARY_PATH": "/tmp/host", "RENDER_SERVER_EXEC_PATH": server}


def prepare_host(virtual_machine, options):
    if options.library == "virglrenderer":
        add_layer(virtual_machine, options.layer)
    else:
        add_our_library(virtual_machine, options)


def prepare_guest(virtual_machine, options, extra_env=""):
    if options.driver == "ours":
        virtual_machine.give("libvulkan_vesper.so", need(options.driver_library, "build it"))
        virtual_machine.give("vesper_icd.json", manifest("/mnt/libvulkan_vesper.so"))
    virtual_machine.give("interop-workloads", need(options.workloads_program, "build it"))
    virtual_machine.give("vesper", need(options.vesper_program, "build it"))
    for name, program in (("external", options.external_program), ("external-sync", options.external_sync_program),
                          ("sync-file", options.sync_file_program)):
        if program:
            virtual_machine.give(name, need(program, "build it"))
    virtual_machine.give("env", f"export VK_DRIVER_FILES={GUEST_DRIVERS[options.driver]}\n{extra_env}\n".encode())


def native_picture(folder, options):
    """The cube as the host's driver draws it, inside the folder but without a VM."""
    with tempfile.TemporaryDirectory(prefix="vesper-vm-", dir=folder.path / "tmp") as scratch:
        inside = scratch[len(str(folder.path)):]
        subprocess.run(["cp", options.vesper_program, scratch], check=True)
        command = ["chroot", str(folder.path), "env", "-i", "VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.json",
                   f"{inside}/vesper", "demo", "--frames", str(FRAMES), "--output", f"{inside}/cube.png"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if ended.returncode != 0:
            raise machine.Failure(f"the cube is not drawn natively:\n{ended.stdout}{ended.stderr}")
        with open(f"{scratch}/cube.png", "rb") as picture:
            return picture.read()


def judge_device(text):
    """vulkaninfo ends well even where it saw no device worth the name."""
    names = [line.split("=")[1].strip() for line in text.splitlines() if "deviceName" in line]
    if not any("Virtio" in name or "Venus" in name or "Vesper" in name for name in names):
        raise machine.Failure(f"no device behind the protocol among {names}")
    return names[0]


def judge_place(text):
    """Ours tells the guest's node and bus, not the host's."""
    values = dict(re.findall(r"(\w+) += (\w+)$", text, re.MULTILINE))
    wanted = {"hasRender": "true", "renderMajor": "226", "renderMinor": "128", "primaryMajor": "226",
              "primaryMinor": "0", "pciDomain": "0", "pciBus": "0"}
    wrong = {name: values.get(name) for name, value in wanted.items() if values.get(name) != value}
    if wrong or "pciDevice" not in values:
        raise machine.Failure(f"the device is elsewhere: {wrong}")


def run(options):
    folder = machine.Folder(options.folder)
    with machine.Machine(folder) as virtual_machine:
        prepare_host(virtual_machine, options)
        prepare_guest(virtual_machine, options)
        validated = options.library == "ours" and validation.add(virtual_machine, options.peers)
        wanted_picture = native_picture(folder, options)
        steps = STEPS | (SHARING_STEPS if (options.driver, options.library) == ("ours", "ours") else {})
        if options.driver == "ours" and windows.give(virtual_machine, options):
            steps |= WINDOW_STEPS | (X11_STEPS if options.x11 else {})
        script = GUEST_SCRIPT + "".join(f"step {name} {limit} {command}\n" for name, (command, limit) in steps.items())
        virtual_machine.give("guest.sh", script.encode())
        virtual_machine.boot("sh /mnt/guest.sh", limit_s=ALL_STEPS_LIMIT_S)
        print(f"booted in {virtual_machine.boot_s:.1f} s\n{virtual_machine.output}", end="")

        share = virtual_machine.share
        for name in steps:
            if f"{name}: 0 " not in virtual_machine.output:
                said = "".join((share / f"{name}.{kind}").read_text(errors="replace")[-3000:]
                               for kind in ("txt", "err") if (share / f"{name}.{kind}").exists())
                raise machine.Failure(f"{name} failed in the guest:\n{said}\n{virtual_machine.story()}")
        for name in WINDOW_ROADS.keys() & steps.keys():
            windows.judge(virtual_machine, name, WINDOW_ROADS[name])
        description = (share / "vulkaninfo.txt").read_text(errors="replace")
        print(judge_device(description))
        if options.driver == "ours":
            judge_place(description)
        if (share / "cube.png").read_bytes() != wanted_picture:
            raise machine.Failure("the cube drawn in the guest differs from the native one")
        print("the cube equals the native one")
        if validated:
            validation.judge(virtual_machine)


def add_paths(parser):
    """What all tests of virtual machines are told."""
    parser.add_argument("--folder", default="build/vm", help="what setup/vm made")
    parser.add_argument("--peers", default="build/peers", help="what setup/peers made")
    parser.add_argument("--driver-library", help="libvulkan_vesper.so")
    parser.add_argument("--workloads-program", help="interop-workloads")
    parser.add_argument("--vesper-program", help="vesper")
    parser.add_argument("--external-program", help="external")
    parser.add_argument("--external-sync-program", help="external-sync")
    parser.add_argument("--sync-file-program", help="sync-file")
    parser.add_argument("--x11", action="store_true", help="the presenter has X11")
    parser.add_argument("--compositor-program", help="tests/wsi/compositor")
    parser.add_argument("--presenting-program", help="tests/wsi/presenting")
    parser.add_argument("--renderer-library", help="libvirglrenderer.so.1")
    parser.add_argument("--render-server", help="vesper-render-server")
    parser.add_argument("--layer", help="the test layer for virglrenderer")
    parser.add_argument("--modifier-layer", help="the test layer with modifiers")


def judge(test):
    """The exit status of a test that raises what it finds."""
    try:
        test()
    except machine.Skip as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    except machine.Failure as reason:
        print(f"FAILED: {reason}")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--driver", choices=("ours", "mesa"), required=True)
    parser.add_argument("--library", choices=("virglrenderer", "ours"), required=True)
    add_paths(parser)
    return judge(lambda: run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
