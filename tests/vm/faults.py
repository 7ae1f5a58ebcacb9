#!/usr/bin/env python3
"""What a guest meets when something of its host breaks: a worker is killed, the render server is killed, the window
for host memory is full. Each costs what it must, is named in the log, and the machine goes on. The newcomer afterwards
is two processes that share memory; the host is one that exports dma-bufs and linear images, by layers of tests/layer.
On that host frames reach the guest's compositor as dma-bufs, copied or not, with points on timelines of the guest's
kernel: the real ones that tests/wsi/syncobj stands for elsewhere.

That makes the guest one in which our renderer runs, too, on our driver: it is asked for sync files of fences, which the
guest's kernel makes as a host's would.

    faults.py [paths as run.py's]

Exit status: 0 passed, 1 failed, 77 skipped.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time

import machine
import run
import windows

LIMIT_S = 120

# Two applications that wait for the GPU for ever, each in a context of its own.
GUEST_SCRIPT = """. /mnt/env
waits() { /mnt/interop-workloads submit_wait 100000000 >/mnt/$1.txt 2>&1; echo "$1: $?"; }
waits victim & victim=$!
for i in $(seq 600); do [ -e /mnt/first.seen ] && break; sleep 0.1; done
waits bystander &
wait $victim
for i in $(seq 1200); do [ -e /mnt/killed.seen ] && break; sleep 0.1; done
timeout 90 /mnt/external opaque dma-buf >/mnt/newcomer.txt 2>&1; echo "newcomer: $?"
LD_LIBRARY_PATH=/mnt VESPER_HOST_DRIVER=/mnt/libvulkan_vesper.so timeout 90 /mnt/sync-files >/mnt/sync-files.txt 2>&1
echo "sync-files: $?"
%s
for i in $(seq 600); do [ -e /mnt/looked.seen ] && break; sleep 0.1; done
pkill interop; wait
echo over
"""
WINDOW_STEPS = {
    "direct": (windows.step("dma-bufs"), windows.NOT_COPIED),
    "copied": (windows.step("dma-bufs", env="VESPER_WINDOW_DMA_BUFS=copy"), windows.COPIED_INTO_DMA_BUFS),
    "explicit": (windows.step("explicit"), windows.NOT_COPIED),
    "explicit-modes": (windows.step("picture"), windows.NOT_COPIED),
}
SAID = ("victim.txt", "newcomer.txt", "sync-files.txt", *(f"{name}.err" for name in WINDOW_STEPS), "full.txt")
SMALL_WINDOW_SCRIPT = """. /mnt/env
timeout 60 /mnt/interop-workloads mapped_copy 64 >/mnt/full.txt 2>&1; echo "full: $?"
VK_LOADER_DEBUG=error timeout 60 vulkaninfo --summary >/mnt/loader.txt 2>&1
"""
SMALL_WINDOW_MESSAGES = ("no room for", "in the window for host memory, which has 1 MiB", "hostmem=SIZE")
SYNC_FILES_PASSED = "[       OK ] a_fence_of_work_under_way_leaves_as_a_pending_sync_file"  # and not skipped
OUT_OF_DEVICE_MEMORY = "Received return code -2"  # of the loader


def workers_of(virtual_machine):
    """The server and its workers, oldest first: all have the server's command line."""
    return virtual_machine.workers("vesper-render-server")


def wait_for_workers(virtual_machine, count):
    virtual_machine.wait_until(lambda: len(workers_of(virtual_machine)) >= 1 + count, LIMIT_S, f"have {count} workers")
    return workers_of(virtual_machine)


def read(virtual_machine, name):
    path = virtual_machine.share / name
    return path.read_text(errors="replace") if path.exists() else ""


def expect(condition, what, virtual_machine):
    if not condition:
        said = "\n".join(f"{name}: {read(virtual_machine, name)}" for name in SAID)
        raise machine.Failure(f"{what}\n{said}\n{virtual_machine.story()}")


def find_library(program, name):
    """What the program is linked with here: not in the guest."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    found = re.search(rf"^\s*{re.escape(name)} => (\S+)", listed, re.MULTILINE)
    if not found:
        raise machine.Failure(f"{program} has no {name}:\n{listed}")
    return found.group(1)


def check_kills(folder, options):
    with machine.Machine(folder) as virtual_machine:
        run.prepare_host(virtual_machine, options)
        run.add_linear_images(virtual_machine, options)
        run.prepare_guest(virtual_machine, options)
        virtual_machine.give("sync-files", run.need(options.sync_files_program, "build it"))
        virtual_machine.give("libcmocka.so.0", find_library(options.sync_files_program, "libcmocka.so.0"))
        steps = WINDOW_STEPS if windows.give(virtual_machine, options) else {}
        shown = "".join(f"timeout 60 {command} 2>/mnt/{name}.err; echo \"{name}: $?\"\n"
                        for name, (command, _) in steps.items())
        virtual_machine.give("guest.sh", (GUEST_SCRIPT % shown).encode())
        virtual_machine.start("sh /mnt/guest.sh")
        server, victim = wait_for_workers(virtual_machine, 1)[:2]
        virtual_machine.give("first.seen", b"")
        bystander = wait_for_workers(virtual_machine, 2)[-1]
        time.sleep(3)  # both wait for the GPU by now, most probably

        os.kill(victim, signal.SIGKILL)
        killed_at = time.monotonic()
        virtual_machine.wait_for_output("victim: ", LIMIT_S)
        print(f"the application whose worker was killed ended after {time.monotonic() - killed_at:.1f} s")
        expect("victim: 0" not in virtual_machine.output, "it ended as if nothing had happened", virtual_machine)
        expect("DEVICE_LOST" in read(virtual_machine, "victim.txt"), "it was not told of a lost device", virtual_machine)
        virtual_machine.wait_until(lambda: "died of SIGKILL" in virtual_machine.qemu_log(), LIMIT_S, "name the dead")
        expect("interop" in virtual_machine.qemu_log(), "the log does not name the context", virtual_machine)

        os.kill(server, signal.SIGKILL)
        time.sleep(1)
        virtual_machine.give("killed.seen", b"")
        virtual_machine.wait_for_output("newcomer: ", LIMIT_S)
        log = virtual_machine.qemu_log()
        expect(re.search(r"the render server \S+ \(pid \d+\) died of SIGKILL", log),
               "the log does not say how the render server ended", virtual_machine)
        expect("newcomer: 0" in virtual_machine.output, "no memory is shared in new contexts after the server's death",
               virtual_machine)
        expect("bystander: " not in virtual_machine.output, "another application was harmed", virtual_machine)
        expect(bystander in workers_of(virtual_machine), "another worker was harmed", virtual_machine)
        virtual_machine.wait_for_output("sync-files: ", LIMIT_S)
        expect(SYNC_FILES_PASSED in read(virtual_machine, "sync-files.txt"), "a renderer in the guest gives no sync files",
               virtual_machine)
        for name, (_, road) in steps.items():
            virtual_machine.wait_for_output(f"{name}: ", LIMIT_S)
            expect(f"{name}: 0" in virtual_machine.output, f"{name}: frames are not seen", virtual_machine)
            windows.judge(virtual_machine, name, road)
        virtual_machine.give("looked.seen", b"")
        virtual_machine.wait(LIMIT_S)
        print("another application and the machine went on")


def check_small_window(folder, options):
    with machine.Machine(folder, hostmem="1M") as virtual_machine:
        run.prepare_host(virtual_machine, options)
        run.prepare_guest(virtual_machine, options)
        virtual_machine.give("guest.sh", SMALL_WINDOW_SCRIPT.encode())
        virtual_machine.boot("sh /mnt/guest.sh", 2 * LIMIT_S)
        said = read(virtual_machine, "full.txt")
        expect("full: 0" not in virtual_machine.output and "full: 124" not in virtual_machine.output,
               "64 MiB fitted into a window of 1 MiB", virtual_machine)
        expect(all(text in said for text in SMALL_WINDOW_MESSAGES),
               f"the guest's driver does not name the window: {said}", virtual_machine)
        expect(OUT_OF_DEVICE_MEMORY in read(virtual_machine, "loader.txt"), "the loader was told something else",
               virtual_machine)
        print("a full window is named by the guest's driver")


def check(options):
    folder = machine.Folder(options.folder)
    options.library, options.driver = "ours", "ours"
    check_kills(folder, options)
    check_small_window(folder, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    run.add_paths(parser)
    parser.add_argument("--sync-files-program", help="renderer_sync_files")
    return run.judge(lambda: check(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
