#!/usr/bin/env python3
"""What a guest draws without Vulkan is seen in QEMU's window, with our library loaded: colours at their places, the
console, a Wayland desktop.

    display.py [paths as run.py's] [--picture FILE]

Exit status: 0 passed, 1 failed, 77 skipped.
"""

import argparse
import sys
import time

import machine
import run

LIMIT_S = 90
BLACK, RED, GREEN, BLUE = (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)
DESKTOP = (0x20, 0x40, 0x60)

# Each step waits until the test has looked. The pattern: red above, the left half of the rest green, the right blue.
GUEST_SCRIPT = """
ready() { echo "ready: $1"; for i in $(seq 600); do [ -e /mnt/$1.seen ] && return; sleep 0.1; done; }
size=$(cat /sys/class/graphics/fb0/virtual_size); width=${size%,*} height=${size#*,}
echo "size: $width $height"

printf '\\033[?25l\\033[2J\\033[H' >/dev/tty1
echo 'Vesper shows the console of a guest' >/dev/tty1
ready console

perl -e 'my ($w, $h) = @ARGV; my ($r, $g, $b) = ("\\0\\0\\xff\\0", "\\0\\xff\\0\\0", "\\xff\\0\\0\\0");
    print +($r x $w) x ($h / 2), (($g x ($w / 2)) . ($b x ($w / 2))) x ($h / 2)' $width $height >/dev/fb0
ready pattern

export LIBSEAT_BACKEND=builtin
printf '[core]\\nrequire-input=false\\n[shell]\\nbackground-color=0xff204060\\nlocking=false\\n' >/tmp/weston.ini
weston --backend=drm --renderer=pixman --seat=seat0 --config=/tmp/weston.ini --log=/tmp/weston.log >/dev/null 2>&1 &
for i in $(seq 300); do sleep 0.1; [ -S /run/wayland-1 ] && break; done
WAYLAND_DISPLAY=wayland-1 weston-terminal --shell=/mnt/shell.sh >/dev/null 2>&1 &
ready desktop
tail -n 5 /tmp/weston.log
"""
TERMINAL_SHELL = b"""#!/bin/sh
export VK_DRIVER_FILES=/mnt/vesper_icd.json
echo '$ vulkaninfo --summary'
vulkaninfo --summary 2>/dev/null | sed -n '/^Devices/,/driverInfo/p'
sleep 600
"""


class Screen:
    """One look at the X server's screen."""

    def __init__(self, virtual_machine, picture):
        self.width, self.height, self.rows = virtual_machine.screenshot(picture)

    def pixel(self, x, y):
        return tuple(self.rows[y][3 * x:3 * x + 3])

    def count(self, wanted):
        """How many of the pixels of a grid have that colour, about."""
        return sum(all(abs(a - b) < 12 for a, b in zip(self.pixel(x, y), wanted))
                   for y in range(0, self.height, 4) for x in range(0, self.width, 4))

    def bright(self):
        return sum(max(self.rows[y]) > 100 for y in range(self.height))


def window(screen, width, height):
    """Where QEMU's window is: it opens in the middle with 640x480, and grows to the right and down."""
    return (screen.width - 640) // 2, (screen.height - 480) // 2, width, height


def wait_for_screen(virtual_machine, picture, holds, what):
    deadline = time.monotonic() + LIMIT_S
    while True:
        screen = Screen(virtual_machine, picture)
        if holds(screen):
            return screen
        if time.monotonic() > deadline:
            raise machine.Failure(f"{what} is not to be seen in {picture}\n{virtual_machine.story()}")
        time.sleep(0.3)


def shows_pattern(width, height):
    def holds(screen):
        x, y, w, h = window(screen, width, height)
        places = {RED: (w // 2, h // 4), GREEN: (w // 4, h * 3 // 4), BLUE: (w * 3 // 4, h * 3 // 4)}
        return all(screen.pixel(x + dx, y + dy) == colour for colour, (dx, dy) in places.items())
    return holds


def save_window(screen, width, height, path):
    x, y, w, h = window(screen, width, height)
    machine.write_png(path, w, h, [row[3 * x:3 * (x + w)] for row in screen.rows[y:y + h]])


def check(options):
    folder = machine.Folder(options.folder)
    with machine.Machine(folder) as virtual_machine:
        options.library, options.driver = "ours", "ours"
        run.prepare_host(virtual_machine, options)
        run.prepare_guest(virtual_machine, options)
        virtual_machine.give("guest.sh", GUEST_SCRIPT.encode())
        virtual_machine.give("shell.sh", TERMINAL_SHELL).chmod(0o755)
        picture = virtual_machine.scratch / "screen.png"
        virtual_machine.start("sh /mnt/guest.sh")

        virtual_machine.wait_for_output("ready: console", LIMIT_S)
        size = next(line for line in virtual_machine.output.splitlines() if line.startswith("size:"))
        width, height = (int(word) for word in size.split()[1:])
        wait_for_screen(virtual_machine, picture, lambda screen: 8 <= screen.bright() < 100, "the console")
        print("the console is seen")
        virtual_machine.give("console.seen", b"")

        virtual_machine.wait_for_output("ready: pattern", LIMIT_S)
        wait_for_screen(virtual_machine, picture, shows_pattern(width, height), "the pattern")
        print("colours are seen at their places")
        virtual_machine.give("pattern.seen", b"")

        virtual_machine.wait_for_output("ready: desktop", LIMIT_S)
        enough = width * height // 16 // 4
        wait_for_screen(virtual_machine, picture, lambda screen: screen.count(DESKTOP) > enough, "the desktop")
        print("the desktop is seen")
        if options.picture:
            time.sleep(10)  # for what runs in its terminal
            save_window(Screen(virtual_machine, picture), width, height, options.picture)
        virtual_machine.give("desktop.seen", b"")
        if "no textures" in virtual_machine.qemu_log():
            raise machine.Failure(virtual_machine.story())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    run.add_paths(parser)
    parser.add_argument("--picture", help="keep the desktop's as PNG")
    return run.judge(lambda: check(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
