#!/usr/bin/env python3
"""What `vesper vm` starts: QEMU's command line and environment, and what it says when something is missing.

    vesper_vm.py VESPER
"""

import itertools
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

VESPER = sys.argv[1]
failures = 0


def expect(what, holds, seen=""):
    global failures
    failures += not holds
    print(f"{'ok  ' if holds else 'FAIL'} {what}" + ("" if holds else f": {seen}"))


def vm(*arguments, **env):
    plain = {"PATH": os.environ["PATH"], "VK_DRIVER_FILES": "/nowhere/driver.json", "DISPLAY": ":7"}
    return subprocess.run([VESPER, "vm", *arguments], env={k: v for k, v in (plain | env).items() if v is not None},
                          check=False, text=True, capture_output=True)


def check_printed_line():
    ended = vm("--print", "--memory", "3G", "--hostmem", "2G", "--", "-smp", "4", "-drive", "file=a b.img")
    words = shlex.split(ended.stdout.replace("\\\n", " "))
    expect("--print succeeds", ended.returncode == 0, ended.stderr)
    pairs = list(zip(words, words[1:]))
    for pair in (("-m", "3G"), ("-display", "sdl,gl=on"), ("-smp", "4"), ("-drive", "file=a b.img"),
                 ("-device", "virtio-gpu-gl-pci,venus=on,blob=on,event_idx=off,hostmem=2G"),
                 ("-object", "memory-backend-memfd,id=vesper-ram,share=on,size=3G")):
        expect(" ".join(pair), pair in pairs, words)
    expect("an accelerator is chosen", "-accel" in words, words)
    variables = dict(word.split("=", 1) for word in itertools.takewhile(lambda word: "=" in word, words))
    expect("the library is there", os.path.exists(variables["LD_LIBRARY_PATH"] + "/libvirglrenderer.so.1"), words)
    expect("the server is there", os.access(variables["RENDER_SERVER_EXEC_PATH"], os.X_OK), words)
    expect("the host's driver is passed on", variables["VK_DRIVER_FILES"] == "/nowhere/driver.json", words)
    chosen = shlex.split(vm("--print", "--", "-accel", "tcg", "-cpu", "qemu64").stdout.replace("\\\n", " "))
    expect("the user's accelerator counts", chosen.count("-accel") == 1 and chosen.count("-cpu") == 1, chosen)


def check_start(folder):
    qemu = folder / "qemu"
    qemu.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH|$RENDER_SERVER_EXEC_PATH|$*"; exit 9\n')
    qemu.chmod(0o755)
    ended = vm("--qemu", str(qemu), "--", "-name", "guest", LD_LIBRARY_PATH="/before")
    library, server, arguments = ended.stdout.strip().split("|")
    expect("the status is QEMU's", ended.returncode == 9, ended)
    expect("what was in LD_LIBRARY_PATH stays behind ours", library.endswith(":/before"), library)
    expect("the server's path is full", server.startswith("/"), server)
    expect("QEMU's options come last", arguments.endswith("-name guest"), arguments)


def check_complaints():
    ended = vm("--print", DISPLAY=None, WAYLAND_DISPLAY=None)
    if not os.path.isdir("/dev/dri"):
        expect("without a screen or a render node there is a remedy",
               ended.returncode == 125 and "xvfb-run" in ended.stderr, ended)
    expect("no such QEMU", vm("--qemu", "no-such-qemu-here").returncode == 127)
    expect("wrong options", vm("--nonsense").returncode == 2)
    expect("--help", "QEMU-OPTIONS" in vm("--help").stdout)


with tempfile.TemporaryDirectory() as scratch:
    check_printed_line()
    check_start(pathlib.Path(scratch))
    check_complaints()
sys.exit(1 if failures else 0)
