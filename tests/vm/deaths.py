#!/usr/bin/env python3
"""Processes that die in a virtual machine or under it, with our driver in the guest and Debian's virglrenderer on the
host: a guest's process is killed in the middle of its work, and its worker on the host goes, nothing else; a worker is
killed, and its process in the guest loses its device and says so, while its neighbour goes on.

    deaths.py [paths as run.py's]

Exit status: 0 passed, 1 failed, 77 skipped.
"""

import argparse
import os
import signal
import sys
import time

import machine
import run

SERVER = "virgl_render_server"
LIMIT_S = 120

DEATHS = """. /mnt/env
cd /mnt
forever() { ./interop-workloads submit_wait 100000000 >$1.txt 2>&1; }
await() { until [ -e $1 ]; do sleep 0.1; done; }
forever killed & await killed.txt; sleep 2
pkill -KILL interop-workloa; wait
touch killed.done
await go
forever neighbour &
sleep 2
./interop-workloads submit_wait 100000000 >lost.txt 2>&1 & lost=$!
sleep 2
touch lost.running
wait $lost
echo "lost: $?"
touch lost.done
sleep 2
pgrep -c interop-workloa | sed 's/^/alive: /'
pkill -KILL interop-workloa
./interop-workloads compute 65536
"""


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def workers(virtual_machine):
    """Children of the render server, one for each context, oldest first."""
    servers = virtual_machine.workers(SERVER)
    return [pid for pid in servers if parent_of(pid) in servers]


def await_workers(virtual_machine, count):
    """Reading /proc races with processes that come and go."""
    def reached():
        try:
            return len(workers(virtual_machine)) == count
        except (OSError, ValueError):
            return False
    virtual_machine.wait_until(reached, LIMIT_S, f"have {count} workers on the host")


def deaths(virtual_machine):
    share = virtual_machine.share
    virtual_machine.give("guest.sh", DEATHS.encode())
    virtual_machine.start("sh /mnt/guest.sh")
    virtual_machine.wait_for_output("", LIMIT_S)
    virtual_machine.wait_until((share / "killed.done").exists, LIMIT_S, "kill its process")
    await_workers(virtual_machine, 0)
    print("a killed guest process leaves no worker behind")

    (share / "go").touch()
    virtual_machine.wait_until((share / "lost.running").exists, LIMIT_S, "start two processes")
    await_workers(virtual_machine, 2)
    os.kill(workers(virtual_machine)[-1], signal.SIGKILL)
    start = time.monotonic()
    virtual_machine.wait_until((share / "lost.done").exists, LIMIT_S, "notice that its worker died")
    print(f"a worker's death reached its process in {time.monotonic() - start:.1f} s")
    status = virtual_machine.wait(LIMIT_S)
    output = virtual_machine.output
    lost = (share / "lost.txt").read_text(errors="replace")
    if status != 0 or "alive: 1" not in output or "right" not in output:
        raise machine.Failure(f"somebody else was hurt, too:\n{virtual_machine.story()}")
    if "lost: 1" not in output or "VK_ERROR_DEVICE_LOST" not in lost or "lost the renderer" not in lost:
        raise machine.Failure(f"the process whose worker died did not say so:\n{output}\n{lost}")
    print("its neighbour went on, and a new process works")


def check(options):
    options.driver, options.library = "ours", "virglrenderer"
    with machine.Machine(machine.Folder(options.folder)) as virtual_machine:
        run.prepare_host(virtual_machine, options)
        run.prepare_guest(virtual_machine, options)
        deaths(virtual_machine)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    run.add_paths(parser)
    return run.judge(lambda: check(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
