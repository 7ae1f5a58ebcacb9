"""The tests' own compositor and presenter (tests/wsi) in a guest.

    windows.give(machine, options)        # before the start; False: this build has none
    STEPS["picture"] = windows.step("picture"), 60

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


def give(virtual_machine, options):
    if not options.compositor_program:
        return False
    virtual_machine.give("in-window", SCRIPT.encode())
    virtual_machine.give("compositor", machine.need(options.compositor_program, "build it"))
    virtual_machine.give("presenting", machine.need(options.presenting_program, "build it"))
    return True


def step(test, compositor="", env=""):
    """tests/wsi/main.c's test of that name, with the compositor's arguments and settings of the environment."""
    return f"env {env} sh /mnt/in-window {compositor} -- /mnt/presenting wayland {test}"
