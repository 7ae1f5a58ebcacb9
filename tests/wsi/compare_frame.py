#!/usr/bin/env python3
"""Compares what a Wayland program shows in its Nth frame, natively and through Vesper.

    compare_frame.py --vesper PROGRAM --compositor PROGRAM --frame N -- APP [ARGS...]

The application must present in FIFO, so that each frame is seen, and draw the same whenever it draws. The window is
on the tests' own compositor, which keeps that frame. Exit status 0: few pixels differ, and little.
"""

import argparse
import importlib.util
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "apps"))
sys.dont_write_bytecode = True
from run import clean_env, find_host

HEAD = struct.Struct("=QIIIIIIIII")  # screen.h, up to the pixels
MOST = 2  # by which a channel may differ
FEW = 0.001  # of the pixels may differ more: on an edge a rounding chooses


def load_servers():
    """This folder's run.py; tests/apps has one of that name, too."""
    path = pathlib.Path(__file__).resolve().parent / "run.py"
    spec = importlib.util.spec_from_file_location("wsi_run", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def show(command, env, args):
    """(width, height, pixels) of the frame."""
    env = dict(env)
    with tempfile.TemporaryDirectory(prefix="vesper-wsi-") as folder:
        env["XDG_RUNTIME_DIR"] = folder
        compositor = load_servers().Compositor(env, [args.compositor, "frames", str(args.frame)])
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        compositor.end()
        screen = (pathlib.Path(folder) / "screen").read_bytes()
    _, width, height, shown, *_ = HEAD.unpack_from(screen)
    if shown < args.frame:
        sys.exit(f"{command}: {shown} frames were shown, {args.frame} are needed")
    return width, height, screen[HEAD.size:HEAD.size + width * height * 4]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vesper", required=True)
    parser.add_argument("--compositor", required=True)
    parser.add_argument("--frame", type=int, required=True)
    parser.add_argument("app", nargs="+")
    args = parser.parse_args()

    manifest = find_host("system", "")
    env = clean_env()
    native = show(args.app, dict(env, VK_DRIVER_FILES=manifest, VK_ICD_FILENAMES=manifest), args)
    ours = show([args.vesper, "run", "--host-driver", manifest, "--", *args.app], env, args)
    if native[:2] != ours[:2]:
        sys.exit(f"natively the window is {native[:2]}, through Vesper {ours[:2]}")
    pixels = native[0] * native[1]
    if len(set(native[2][i * 4:i * 4 + 3] for i in range(0, pixels, 7))) < 10:
        sys.exit("natively the window shows nothing worth comparing")
    different = sum(any(abs(native[2][i * 4 + c] - ours[2][i * 4 + c]) > MOST for c in range(3)) for i in range(pixels))
    print(f"{different} of {pixels} pixels differ by more than {MOST}")
    return 1 if different > FEW * pixels else 0


if __name__ == "__main__":
    sys.exit(main())
