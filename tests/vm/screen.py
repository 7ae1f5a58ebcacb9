#!/usr/bin/env python3
"""Boots a virtual machine and looks at its screen, as a user of QEMU's window sees it.

    screen.py --library virglrenderer|ours [--wayland] [paths]

In one boot: the kernel's console; our driver on the display itself, without a window system: a hundred frames, and
the off-screen cube, pixel for pixel the one that the host's driver draws without a VM; the console again; colours that a
program of the guest writes to the console's pixels; Weston's desktop, and with --wayland (the driver has Wayland) vkcube
spinning in a window of it.

On virglrenderer Weston draws by pixman, and maps the memory that the host's driver has copied the cube to. On ours it draws
by OpenGL, which is llvmpipe, and the host exports linear images, so that it takes those that the host's driver draws
into. What llvmpipe draws appears one frame late, so that desktop is not looked at before something moves.

QEMU's monitor is of no help here: it has no picture of a screen that OpenGL shows ("no surface").
--pictures FOLDER keeps what was seen. Exit status: 0 passed, 1 failed, 77 skipped.
"""

import argparse
import os
import struct
import sys
import time
import zlib

import machine
import run
import windows

SKIPPED = run.SKIPPED
WIDTH, HEIGHT = 640, 480  # what the cube is drawn for, and small enough for TCG
VKCUBE_GREY = (51, 51, 51)  # behind its cube
STEP_LIMIT_S = 150

GUEST_SCRIPT = """. /mnt/env
echo 'Vesper: the console of a guest' >/dev/tty1
await() { while [ ! -e /mnt/$1 ]; do sleep 0.1; done; }
echo console; await seen-console
timeout 120 /mnt/displays picture >/mnt/picture.txt 2>&1; echo "picture: $?"
timeout 120 /mnt/displays cube /mnt/seen-cube 2>/mnt/cube.txt; echo "cube: $?"
await seen-console-again
printf '\\033[?25l' >/dev/tty1
perl -e 'my ($w, $h) = @ARGV; my ($r, $g, $b) = ("\\0\\0\\xff\\0", "\\0\\xff\\0\\0", "\\xff\\0\\0\\0");
    print +($r x $w) x ($h / 2), (($g x ($w / 2)) . ($b x ($w / 2))) x ($h / 2)' %d %d >/dev/fb0
echo pattern; await seen-pattern
""" % (WIDTH, HEIGHT)
WESTON_RENDERERS = {"virglrenderer": "pixman", "ours": "gl"}
ROADS = {"virglrenderer": windows.SHARED, "ours": windows.NOT_COPIED}
WESTON_SCRIPT = """
export XDG_RUNTIME_DIR=/run/user LIBSEAT_BACKEND=builtin SEATD_VTBOUND=0
mkdir -p -m 700 /run/user
weston --backend=drm --renderer=%s --drm-device=card0 --continue-without-input --no-config --idle-time=0 \
    --shell=desktop-shell.so --socket=guest >/mnt/weston.txt 2>&1 & weston=$!
for i in $(seq 1200); do [ -S /run/user/guest ] && break; sleep 0.1; done
echo desktop; await seen-desktop
"""
VKCUBE_SCRIPT = """
export WAYLAND_DISPLAY=guest
VESPER_LOG=info vkcube --wsi wayland --width 400 --height 400 >/mnt/vkcube.txt 2>/mnt/vkcube.err & vkcube=$!
await seen-vkcube
kill $vkcube; wait $vkcube
timeout 120 vkcube --wsi wayland --width 400 --height 400 --c 10 >>/mnt/vkcube.txt 2>&1; echo "vkcube: $?"
"""


def read_png(data):
    """Rows of RGB of a PNG with eight bits a channel."""
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, _, _, colour = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            packed += body
        at += 12 + size
    channels = {2: 3, 6: 4}[colour]
    stride, plain = width * channels, zlib.decompress(packed)
    rows, before = [], bytes(stride)
    for start in range(0, len(plain), stride + 1):
        before = unfilter(plain[start], plain[start + 1:start + 1 + stride], before, channels)
        rows.append(b"".join(before[i:i + 3] for i in range(0, stride, channels)))
    return rows


def unfilter(kind, line, above, channels):
    row = bytearray(line)
    for i in range(len(row)):
        a = row[i - channels] if i >= channels else 0
        b = above[i]
        c = above[i - channels] if i >= channels else 0
        nearest = min((a, b, c), key=lambda x: abs(a + b - c - x))
        row[i] = (row[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
    return bytes(row)


class Screen:
    def __init__(self, virtual_machine, pictures):
        self.machine, self.pictures = virtual_machine, pictures

    def look(self):
        """Rows of RGB of what the guest shows."""
        width, height, rows = self.machine.screenshot(self.machine.scratch / "seen.png")
        left, top = (width - WIDTH) // 2, (height - HEIGHT) // 2  # where QEMU's window opens
        return [row[left * 3:(left + WIDTH) * 3] for row in rows[top:top + HEIGHT]]

    def wait_for(self, holds, name, limit_s=STEP_LIMIT_S):
        """Looks until it holds, and keeps the picture. Machines may be slow."""
        deadline = time.monotonic() + limit_s
        while True:
            rows = self.look()
            found = holds(rows)
            if self.pictures and (found or time.monotonic() > deadline):
                machine.write_png(os.path.join(self.pictures, f"{name}.png"), WIDTH, HEIGHT, rows)
            if found:
                print(f"{name}: seen")
                return rows
            if time.monotonic() > deadline:
                raise machine.Failure(f"{name} is not on the guest's screen after {limit_s} s\n{self.machine.story()}")
            time.sleep(0.5)


def count(rows, holds):
    return sum(holds(row[i], row[i + 1], row[i + 2]) for row in rows for i in range(0, len(row), 3))


def is_console(rows):
    """One line of text or two, on black."""
    text = count(rows[:64], lambda r, g, b: min(r, g, b) > 120)
    black = count(rows[64:], lambda r, g, b: max(r, g, b) < 8)
    return 200 < text < 8000 and black == (HEIGHT - 64) * WIDTH


def is_desktop(rows):
    """The panel with its clock, and the grey pattern below."""
    text = count(rows[:32], lambda r, g, b: min(r, g, b) > 180)
    pattern = count(rows[40:], lambda r, g, b: 100 < r < 160 and abs(r - g) < 16 and abs(g - b) < 16)
    return text > 50 and pattern > 0.95 * WIDTH * (HEIGHT - 40)


RED, GREEN, BLUE = b"\xff\0\0", b"\0\xff\0", b"\0\0\xff"


def is_pattern(rows):
    """Red above; the left half of the rest green, the right one blue."""
    half = HEIGHT // 2
    return rows[:half] == [RED * WIDTH] * half and \
        rows[half:] == [GREEN * (WIDTH // 2) + BLUE * (WIDTH // 2)] * half


def is_vkcube(rows):
    """A window of 400x400 with a cube on grey, which fills a third to two thirds of it."""
    grey = count(rows, lambda r, g, b: all(abs(x - y) <= 2 for x, y in zip((r, g, b), VKCUBE_GREY)))
    return 400 * 400 / 4 < grey < 400 * 400 * 3 / 4


def check_display(virtual_machine, screen, wanted_cube):
    share = virtual_machine.share
    virtual_machine.wait_for_output("console\n", STEP_LIMIT_S)
    screen.wait_for(is_console, "console")
    (share / "seen-console").touch()
    virtual_machine.wait_for_output("picture: ", STEP_LIMIT_S)
    if "picture: 0" not in virtual_machine.output:
        raise machine.Failure(f"the display's pictures are wrong:\n{(share / 'picture.txt').read_text()}")
    virtual_machine.wait_until(lambda: "shown\n" in virtual_machine.output or "cube: " in virtual_machine.output,
                               STEP_LIMIT_S, "show the cube")
    if "shown\n" not in virtual_machine.output:
        raise machine.Failure(f"the cube is not shown:\n{(share / 'cube.txt').read_text()}")
    screen.wait_for(lambda rows: rows == wanted_cube, "cube")
    (share / "seen-cube").touch()
    virtual_machine.wait_for_output("cube: ", STEP_LIMIT_S)
    screen.wait_for(is_console, "console-again")
    (share / "seen-console-again").touch()
    virtual_machine.wait_for_output("pattern\n", STEP_LIMIT_S)
    screen.wait_for(is_pattern, "pattern")
    (share / "seen-pattern").touch()


def check_desktop(virtual_machine, screen, is_still):
    virtual_machine.wait_for_output("desktop\n", STEP_LIMIT_S)
    if is_still:
        screen.wait_for(is_desktop, "desktop")
    (virtual_machine.share / "seen-desktop").touch()


def check_window(virtual_machine, screen):
    share = virtual_machine.share
    first = screen.wait_for(is_vkcube, "vkcube")
    screen.wait_for(lambda rows: is_vkcube(rows) and rows != first, "vkcube-spinning")
    (share / "seen-vkcube").touch()  # it spins until then, however slow we are; another one ends by itself
    virtual_machine.wait_for_output("vkcube: ", STEP_LIMIT_S)
    if "vkcube: 0" not in virtual_machine.output:
        raise machine.Failure(f"vkcube failed:\n{(share / 'vkcube.txt').read_text()}{virtual_machine.story()}")


def check(options):
    folder = machine.Folder(options.folder)
    options.driver = "ours"
    gpu = machine.GPU.format(hostmem="1G") + f",xres={WIDTH},yres={HEIGHT}"
    with machine.Machine(folder, gpu=gpu) as virtual_machine:
        run.prepare_host(virtual_machine, options)
        if options.library == "ours":
            run.add_linear_images(virtual_machine, options)
        run.prepare_guest(virtual_machine, options)
        virtual_machine.give("displays", run.need(options.displays_program, "build it"))
        weston = WESTON_SCRIPT % WESTON_RENDERERS[options.library]
        script = GUEST_SCRIPT + weston + (VKCUBE_SCRIPT if options.wayland else "") + "kill $weston; wait\n"
        virtual_machine.give("guest.sh", script.encode())
        wanted_cube = read_png(run.native_picture(folder, options))
        virtual_machine.start("sh /mnt/guest.sh")
        screen = Screen(virtual_machine, options.pictures)
        check_display(virtual_machine, screen, wanted_cube)
        check_desktop(virtual_machine, screen, WESTON_RENDERERS[options.library] == "pixman")
        if options.wayland:
            check_window(virtual_machine, screen)
            windows.judge(virtual_machine, "vkcube", ROADS[options.library])
        virtual_machine.wait(STEP_LIMIT_S)
        if options.library == "ours" and "no textures" in virtual_machine.qemu_log():
            raise machine.Failure(virtual_machine.story())
        print(f"all seen {time.monotonic() - virtual_machine.started_at:.0f} s after the start")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=("virglrenderer", "ours"), required=True)
    run.add_paths(parser)
    parser.add_argument("--displays-program", help="tests/wsi/display/displays")
    parser.add_argument("--wayland", action="store_true", help="the driver has Wayland")
    parser.add_argument("--pictures", help="a folder for what was seen")
    return run.judge(lambda: check(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
