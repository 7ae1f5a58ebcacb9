#!/usr/bin/env python3
"""Frames a second of vkcube, and how many come late, natively and through Vesper, round by round in turn.

    bench/presenting.py [--build FOLDER] [--rounds N] [--frames N] [--mode N]... [--size N] [--host-driver JSON]
    bench/presenting.py --pacing ...

Under an Xvfb of its own, for each present mode (0 IMMEDIATE, 1 MAILBOX, 2 FIFO). A round's figure comes from a
long and a short run, so that starting and ending are not in it; the table has the medians, in Markdown, for
docs/performance.md.

--pacing: in FIFO on the tests' compositor at 60 Hz, which counts between the first frame and the last at how many
refreshes there was no new frame to show.
"""

import argparse
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

MODES = {0: "IMMEDIATE", 1: "MAILBOX", 2: "FIFO"}
SHORT = 60  # frames


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--mode", type=int, action="append", choices=MODES, help="several times; all without")
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--pacing", action="store_true", help="count late frames instead")
    parser.add_argument("--host-driver", help="as vesper run's; native uses the same")
    return parser.parse_args()


def make_sides(args):
    native, options = [], []
    if args.host_driver:
        native = ["env", f"VK_DRIVER_FILES={args.host_driver}", f"VK_ICD_FILENAMES={args.host_driver}"]
        options = ["--host-driver", args.host_driver]
    return {"native": native, "vesper": [str(args.build / "tools/vesper"), "run", *options, "--"]}


def start_server():
    reader, writer = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
                              pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as answer:
        number = answer.readline().strip()
    if not number:
        sys.exit("presenting.py: Xvfb does not start")
    return server, dict(os.environ, DISPLAY=f":{number}")


def run_once(side, mode, frames, size, env):
    command = [*side, "vkcube", "--c", str(frames), "--present_mode", str(mode), "--width", str(size),
               "--height", str(size)]
    start = time.monotonic()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def rate(side, mode, args, env):
    short = run_once(side, mode, SHORT, args.size, env)
    return args.frames / (run_once(side, mode, SHORT + args.frames, args.size, env) - short)


# --- pacing ---

ON_THEIR_WAY = 8  # frames at most, when the window closes
SCREEN = struct.Struct("=QIIIII")  # the start of tests/wsi/compositor/screen.h


def start_compositor(args, folder):
    program = args.build / "tests/wsi/compositor/compositor"
    env = dict(os.environ, XDG_RUNTIME_DIR=folder, WAYLAND_DISPLAY="vesper")
    compositor = subprocess.Popen([program, "refresh", "60"], env=env)
    while not os.path.exists(f"{folder}/vesper"):
        if compositor.poll() is not None:
            sys.exit(f"presenting.py: {program} does not start")
        time.sleep(0.05)
    return compositor, env


def count_late(side, args):
    """(frames that were shown, refreshes without one) of one run."""
    with tempfile.TemporaryDirectory() as folder:
        compositor, env = start_compositor(args, folder)
        command = [*side, "vkcube-wayland", "--c", str(args.frames), "--present_mode", "2", "--width", str(args.size),
                   "--height", str(args.size)]
        try:
            subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        finally:
            compositor.terminate()
            compositor.wait()
        with open(f"{folder}/screen", "rb") as screen:
            _, _, _, shown, _, late = SCREEN.unpack(screen.read(SCREEN.size))
    return shown, late


def compare_pacing(args, sides):
    late = {name: [] for name in sides}
    for i in range(args.rounds):
        for name in sorted(sides, reverse=i % 2):
            shown, missed = count_late(sides[name], args)
            if shown < args.frames - ON_THEIR_WAY:
                sys.exit(f"presenting.py: {name}: {shown} of {args.frames} frames were shown")
            late[name].append(missed)
    print(f"| FIFO at 60 Hz, {args.frames} frames, {args.size} x {args.size} | native | vesper |")
    print("| --- | --- | --- |")
    for what, pick in {"fewest": min, "median": statistics.median, "most": max}.items():
        print(f"| late, {what} of {args.rounds} runs | {pick(late['native']):.0f} | {pick(late['vesper']):.0f} |")


# --- rates ---


def main():
    args = parse_arguments()
    if os.getloadavg()[0] > 0.5:
        print(f"presenting.py: the load is {os.getloadavg()[0]:.1f}: figures are not for publishing", file=sys.stderr)
    sides = make_sides(args)
    if args.pacing:
        compare_pacing(args, sides)
        return
    server, env = start_server()
    try:
        print(f"| frames a second, {args.size} x {args.size} | native | vesper | vesper / native |")
        print("| --- | --- | --- | --- |")
        for mode in args.mode or MODES:
            rates = {name: [] for name in sides}
            for i in range(args.rounds):
                for name in sorted(sides, reverse=i % 2):
                    rates[name].append(rate(sides[name], mode, args, env))
            native, vesper = (statistics.median(rates[name]) for name in ("native", "vesper"))
            print(f"| {MODES[mode]} | {native:.0f} | {vesper:.0f} | {vesper / native:.2f} |", flush=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
