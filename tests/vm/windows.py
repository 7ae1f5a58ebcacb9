"""The tests' presenter (tests/wsi) in a guest, under their own compositor or an X server.

    windows.give(machine, options)        # before the start; False: this build has none
    STEPS["window"] = windows.step("picture"), 60
    windows.judge(machine, "window", windows.SHARED)

A step is a command line for the guest's shell. It ends as the presenter does, or as the compositor if only that
has failed, and what both say is its output.
"""

import machine

SCRIPT = """# in-window COMPOSITOR'S ARGUMENTS -- COMMAND...
options=
while [ "$1" != -- ]; do options="$options $1"; shift; done
shift
export XDG_RUNTIME_DIR=$(mktemp -d) WAYLAND_DISPLAY=vesper
/mnt/compositor $options & compositor=$!
for i in $(seq 300); do [ -S $XDG_RUNTIME_DIR/vesper ] && break; sleep 0.1; done
"$@"; status=$?
kill $compositor
wait $compositor || [ $status != 0 ] || status=1
exit $status
"""

X11_SCRIPT = """# in-x11 COMMAND...
Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp -extension GLX 3>/tmp/display & server=$!
for i in $(seq 300); do [ -s /tmp/display ] && break; sleep 0.1; done
DISPLAY=:$(cat /tmp/display) "$@"; status=$?
kill $server
exit $status
"""


def give(virtual_machine, options):
    if not options.compositor_program:
        return False
    virtual_machine.give("in-window", SCRIPT.encode())
    virtual_machine.give("in-x11", X11_SCRIPT.encode())
    virtual_machine.give("compositor", machine.need(options.compositor_program, "build it"))
    virtual_machine.give("presenting", machine.need(options.presenting_program, "build it"))
    return True


def step(test, compositor="", env=""):
    """tests/wsi/main.c's test of that name, with the compositor's arguments and settings of the environment."""
    return f"env VESPER_LOG=info {env} sh /mnt/in-window {compositor} -- /mnt/presenting wayland {test}"


def x11_step(test):
    return f"env VESPER_LOG=info sh /mnt/in-x11 /mnt/presenting xcb {test}"


# What the driver's log says of a swapchain's frames.
NOT_COPIED = "frames are not copied"
COPIED_INTO_DMA_BUFS = "frames are copied into linear dma-bufs"
SHARED = "frames go through shared memory\n"
COPIED_BY_CPU = "the CPU copies them\n"


def judge(virtual_machine, name, road):
    """Whether frames of the step of that name have taken that road."""
    said = (virtual_machine.share / f"{name}.err").read_text(errors="replace")
    if road not in said or ("the CPU" in said and "the CPU" not in road):
        raise machine.Failure(f"{name}: the driver does not say {road!r}:\n{said}")
