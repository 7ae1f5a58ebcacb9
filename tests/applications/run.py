#!/usr/bin/env python3
"""Runs applications of the distribution natively and through Vesper, and compares what they print or show.

    run.py --vesper PROGRAM --host-driver MANIFEST [--only WORD]

An application that is not installed is skipped. Those with windows get an X server of their own, Xvfb, and are
compared by its screen. Exit status: 0 if all are the same, 1 if not, 77 if none is installed.
"""

import argparse
import contextlib
import difflib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

SKIPPED = 77
TIMEOUT_S = 120

# name: for people. command: what is run. window: compared by the screen, else by what it prints.
# keep: a pattern, the parts of the output that count. env: more variables.
Application = namedtuple("Application", "name command window keep env", defaults=(False, ".+", {}))

ZINK = {"MESA_LOADER_DRIVER_OVERRIDE": "zink", "LIBGL_ALWAYS_SOFTWARE": "1"}


def ffmpeg(chain):
    """Frames of a test picture through a chain of filters, as hashes."""
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=1"]
    devices = ["-init_hw_device", "vulkan=v:0", "-filter_hw_device", "v"]
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error"] + devices + source
    return Application(f"ffmpeg: {chain}", command + ["-vf", chain, "-f", "framemd5", "-"], keep="^[0-9].+")


def vulkan_filter(name, pixels="yuv420p"):
    return ffmpeg(f"format={pixels},hwupload,{name},hwdownload,format={pixels}")


APPLICATIONS = [
    vulkan_filter("scale_vulkan=w=160:h=120"),
    vulkan_filter("gblur_vulkan=sigma=2"),
    vulkan_filter("hflip_vulkan"),
    vulkan_filter("transpose_vulkan"),
    vulkan_filter("chromaber_vulkan=dist_x=2"),
    vulkan_filter("libplacebo=w=200:h=100"),
    Application("OpenGL through Zink: glxinfo", ["glxinfo", "-B"], keep="^OpenGL .*version.+", env=ZINK),
    Application(
        "OpenGL through Zink: glmark2",
        ["glmark2", "--validate", "-s", "320x240"]
        + [word for scene in ("build", "texture", "shading", "bump", "effect2d", "shadow") for word in ("-b", scene)],
        keep=r"^\[.+Validation.+",
        env=ZINK,
    ),
    Application("Direct3D 12 through vkd3d: triangle", ["vkd3d-triangle"], window=True),
]


class Screen:
    """Xvfb, whose picture lies in a file."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "Xvfb_screen0")
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-fbdir", folder, "-nolisten", "tcp"]
        self.process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.display = ":" + pipe.readline().strip()

    def picture(self):
        with open(self.path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()[:16]

    def close(self):
        self.process.terminate()
        self.process.wait()


def clean_env():
    """Our environment without anything that chooses a Vulkan driver, a layer or a server."""
    dropped = ("VK_", "VN_", "VTEST_", "VESPER_", "DISPLAY", "WAYLAND_DISPLAY", "LD_PRELOAD")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def show(command, env, screen):
    """The screen once the application has painted it and it stays."""
    empty = last = screen.picture()
    stayed, deadline = 0, time.monotonic() + TIMEOUT_S
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while stayed < 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.3)
            now = screen.picture()
            stayed = stayed + 1 if now == last != empty else 0
            last = now
        return f"picture {last}" if stayed == 3 else f"nothing that stays (status {process.poll()})"
    finally:
        end(process)


def printed(command, env, keep):
    try:
        done = subprocess.run(
            command, env=env, check=False, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return f"nothing within {TIMEOUT_S} s"
    lines = re.findall(keep, done.stdout, re.MULTILINE)
    if done.returncode != 0 or not lines:
        lines += [f"status {done.returncode}"] + done.stderr.splitlines()[-5:]
    return "\n".join(lines)


def run(application, prefix, env, screen):
    env = {**env, **application.env, "DISPLAY": screen.display}
    command = prefix + application.command
    return show(command, env, screen) if application.window else printed(command, env, application.keep)


def compare(application, vesper, manifest, screen):
    env = clean_env()
    host = {**env, "VK_DRIVER_FILES": manifest, "VK_ICD_FILENAMES": manifest}
    native = run(application, [], host, screen)
    through = run(application, [vesper, "run", "--host-driver", manifest, "--"], env, screen)
    if native == through and not re.search("^(status|nothing)", native, re.MULTILINE):
        print(f"same     {application.name}", flush=True)
        return True
    if native == through:
        print(f"FAILS    {application.name}, natively too:\n{native}", flush=True)
        return False
    lines = difflib.unified_diff(native.split("\n"), through.split("\n"), "natively", "through Vesper", "", "", 1, "")
    print("\n".join([f"DIFFERS  {application.name}"] + list(lines)[:40]), flush=True)
    return False


def main(stack):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vesper", required=True)
    parser.add_argument("--host-driver", required=True, help="the host driver's JSON manifest")
    parser.add_argument("--only", default="", help="only applications with this in their name")
    args = parser.parse_args()

    if not os.path.exists(args.host_driver) or not shutil.which("Xvfb"):
        print(f"skipped: needs {args.host_driver} and Xvfb")
        return SKIPPED
    screen = Screen(stack.enter_context(tempfile.TemporaryDirectory(prefix="vesper-applications-")))
    stack.callback(screen.close)
    outcomes = []
    for application in APPLICATIONS:
        if args.only not in application.name:
            continue
        if shutil.which(application.command[0]):
            outcomes.append(compare(application, args.vesper, args.host_driver, screen))
        else:
            print(f"skipped  {application.name}: {application.command[0]} is not installed")
    return SKIPPED if not outcomes else 0 if all(outcomes) else 1


if __name__ == "__main__":
    with contextlib.ExitStack() as scratch:
        sys.exit(main(scratch))
