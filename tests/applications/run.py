#!/usr/bin/env python3
"""Runs applications of the distribution natively and through Vesper, and compares what they print or show.

    run.py --vesper PROGRAM --host-driver MANIFEST [--folder FOLDER --clock LIBRARY] [--only WORD]...

The system's own (catalog.SYSTEM), or those of a folder with another distribution, where the manifest lies too
(catalog.FOLDER). An application that is not installed is skipped. Those with windows get an X server of their own,
Xvfb, and are compared by its screen. Exit status: 0 if all are the same, 1 if not, 77 if none is installed.
"""

import argparse
import contextlib
import difflib
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

import xvfb
from catalog import FOLDER, SYSTEM
from folder import Folder, System, Unusable

SKIPPED = 77
FAILED = 125  # of `vesper run`: it failed, or the validation layer spoke


class Screen:
    """Xvfb, whose picture lies in a file."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "Xvfb_screen0")
        options = ["-screen", "0", "1024x768x24", "-fbdir", folder, "-nolisten", "tcp"]
        options += ["-br"]  # black, as a window is that nobody has painted yet
        self.process, number = xvfb.start(options, stderr=subprocess.DEVNULL)
        self.display = ":" + number
        # Not what an application finds: on a busy host that may still be the last one's window.
        self.empty = self.picture()

    def picture(self):
        with open(self.path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()[:16]

    def close(self):
        xvfb.end(self.process)


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stays(process, screen, expected, limit_s):
    """The picture that is there for a second, which is painted and, if one is expected, that. None if there is none
    in time."""
    last = screen.empty
    stayed, deadline = 0, time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.3)
        now = screen.picture()
        stayed = stayed + 1 if now == last != screen.empty and expected in (None, now) else 0
        last = now
        if stayed == 3:
            return now
    return None


def show(command, env, screen, expected, limit_s):
    """The screen that the application paints, or what the application says if that fails."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=said)
        try:
            picture = stays(process, screen, expected, limit_s)
            seen, status = screen.picture(), process.poll()
        finally:
            end(process)
        said.seek(0)
        complaint = "\n".join(said.read().splitlines()[-5:])
    if not picture:
        return f"nothing that stays (status {status}, last {seen})\n{complaint}"
    return f"picture {picture}" + (f"\nstatus {FAILED} of vesper:\n{complaint}" if process.returncode == FAILED else "")


def printed(command, env, keep, limit_s):
    try:
        done = subprocess.run(
            command, env=env, check=False, capture_output=True, text=True, errors="replace", timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        return f"nothing within {limit_s} s"
    lines = re.findall(keep, done.stdout, re.MULTILINE)
    if done.returncode != 0 or not lines:
        lines += [f"status {done.returncode}"] + done.stderr.splitlines()[-5:]
    return "\n".join(lines)


class Comparison:
    """Where the applications are, and the two ways to run one."""

    def __init__(self, args, place, screen):
        self.place, self.screen, self.clock = place, screen, args.clock
        self.native_env = {"VK_DRIVER_FILES": args.host_driver, "VK_ICD_FILENAMES": args.host_driver}
        self.vesper = [args.vesper, "run", "--host-driver", args.host_driver] + args.validate + ["--"]

    def run(self, application, vesper, env, native=""):
        env = {**self.place.env, **env, **application.env, "DISPLAY": self.screen.display}
        command = self.place.prefix + vesper + self.with_clock(application)
        if not application.window:
            return printed(command, env, application.keep, application.limit_s)
        expected = re.match("picture (.+)", native)
        return show(command, env, self.screen, expected and expected[1], application.limit_s)

    def with_clock(self, application):
        """Behind `vesper run`, whose server's time is the true one."""
        if application.clock is None:
            return application.command
        stops = [f"TEST_CLOCK_STOPS_AFTER={application.clock}"] if application.clock else []
        return ["env", f"LD_PRELOAD={self.clock}"] + stops + application.command

    def same(self, application):
        native = self.run(application, [], self.native_env)
        through = self.run(application, self.vesper, {}, native)
        if native == through and not re.search("^(status|nothing)", native, re.MULTILINE):
            print(f"same     {application.name}", flush=True)
            return True
        if native == through:
            print(f"FAILS    {application.name}, natively too:\n{native}", flush=True)
            return False
        lines = difflib.unified_diff(native.split("\n"), through.split("\n"), "natively", "through Vesper", "", "", 1, "")
        print("\n".join([f"DIFFERS  {application.name}"] + list(lines)[:40]), flush=True)
        return False

    def can_run(self, application):
        missing = not self.place.has(application.command[0])
        if missing:
            print(f"skipped  {application.name}: {application.command[0]} is not installed", flush=True)
        return not missing


def place_of(args, stack):
    if not args.folder:
        return System()
    build = pathlib.Path(args.vesper).resolve().parents[1]
    if not (build / "driver").is_dir():
        raise Unusable(f"{args.vesper} is not in a build folder, which --folder needs: meson compile, then name its tools/vesper")
    return Folder(args.folder, str(build), stack.enter_context(tempfile.TemporaryDirectory(prefix="vesper-folder-")))


def main(stack):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vesper", required=True, type=os.path.abspath)
    parser.add_argument("--host-driver", required=True, help="the host driver's JSON manifest")
    parser.add_argument("--folder", help="another distribution, as setup/applications makes")
    parser.add_argument("--clock", type=os.path.abspath, help="clock.c as a library, below the build folder")
    parser.add_argument("--validate", action="store_const", const=["--validate"], default=[],
                        help="the validation layer under the renderer must be silent")
    parser.add_argument("--only", action="append", help="only applications with this in their name; may be repeated")
    args = parser.parse_args()

    if not shutil.which("Xvfb") or not (args.folder or os.path.exists(args.host_driver)):
        print(f"skipped: needs {args.host_driver} and Xvfb")
        return SKIPPED
    try:
        place = place_of(args, stack)
    except Unusable as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    screen = Screen(stack.enter_context(tempfile.TemporaryDirectory(prefix="vesper-applications-")))
    stack.callback(screen.close)
    comparison = Comparison(args, place, screen)
    wanted = [a for a in (FOLDER if args.folder else SYSTEM) if any(word in a.name for word in args.only or [""])]
    outcomes = [comparison.same(application) for application in wanted if comparison.can_run(application)]
    return SKIPPED if not outcomes else 0 if all(outcomes) else 1


if __name__ == "__main__":
    with contextlib.ExitStack() as scratch:
        sys.exit(main(scratch))
