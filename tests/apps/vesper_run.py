#!/usr/bin/env python3
"""What `vesper run` promises besides Vulkan: exit statuses, signals, environment, nothing left behind.

    vesper_run.py VESPER
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

VESPER = sys.argv[1]
failures = 0


def expect(what, value, wanted):
    global failures
    ok = value == wanted
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what}" + ("" if ok else f": {value!r}, expected {wanted!r}"))


def run(folder, *command, options=()):
    env = dict(os.environ, XDG_RUNTIME_DIR=str(folder))
    return subprocess.run([VESPER, "run", *options, "--", *command], env=env, check=False, text=True,
                          capture_output=True)


def sh(folder, script):
    return run(folder, "sh", "-c", script)


def statuses(folder):
    expect("status 0", sh(folder, "exit 0").returncode, 0)
    expect("status 7", sh(folder, "exit 7").returncode, 7)
    expect("128 + n after signal n", sh(folder, "kill -KILL $$").returncode, 128 + signal.SIGKILL)
    expect("no such program", run(folder, "no-such-program-here").returncode, 127)
    expect("not a program", run(folder, "/etc/passwd").returncode, 126)
    expect("no such server", run(folder, "true", options=["--server", "/no/server"]).returncode, 125)
    expect("a server that ends", run(folder, "true", options=["--server", "/bin/false"]).returncode, 125)
    expect("no such host driver", run(folder, "true", options=["--host-driver", "/no.json"]).returncode, 125)
    expect("wrong option", run(folder, "true", options=["--no-such-option"]).returncode, 2)
    expect("wrong log level", run(folder, "true", options=["--log", "loud"]).returncode, 2)
    result = subprocess.run([VESPER, "run"], check=False, capture_output=True)
    expect("no application", result.returncode, 2)


def environment(folder):
    seen = sh(folder, 'echo "$VN_DEBUG|$VK_DRIVER_FILES|$VK_ICD_FILENAMES"; test -S "$VTEST_SOCKET_NAME" && echo there')
    first, second = (seen.stdout.splitlines() + ["", ""])[:2]
    debug, files, names = (first.split("|") + ["", "", ""])[:3]
    expect("VN_DEBUG", debug, "vtest")
    expect("VK_DRIVER_FILES is ours", os.path.basename(files).startswith("vesper_icd"), True)
    expect("VK_ICD_FILENAMES too", names, files)
    expect("the socket", second, "there")
    expect("standard input", subprocess.run([VESPER, "run", "--", "cat"], input=b"abc", check=False,
                                            capture_output=True).stdout, b"abc")


def forwarded_signals(folder):
    script = "trap 'echo got TERM; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    env = dict(os.environ, XDG_RUNTIME_DIR=str(folder))
    process = subprocess.Popen([VESPER, "run", "--", "sh", "-c", script], env=env, text=True,
                               stdout=subprocess.PIPE)
    expect("started", process.stdout.readline(), "ready\n")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    expect("the application got SIGTERM", output, "got TERM\n")
    expect("and decided on the status", process.returncode, 3)


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def no_process_left(folder):
    server = int(sh(folder, "echo $VESPER_SERVER_PID").stdout)
    expect("the server has ended", alive(server), False)


def killed_outright(folder):
    """Even SIGKILL to `vesper run` ends the server."""
    env = dict(os.environ, XDG_RUNTIME_DIR=str(folder))
    process = subprocess.Popen([VESPER, "run", "--", "sh", "-c", "echo $VESPER_SERVER_PID; exec sleep 1"],
                               env=env, text=True, stdout=subprocess.PIPE)
    server = int(process.stdout.readline())
    expect("a server runs", alive(server), True)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while alive(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    expect("it ends with vesper run", alive(server), False)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        statuses(folder)
        environment(folder)
        forwarded_signals(folder)
        no_process_left(folder)
        expect("no file left behind", sorted(path.name for path in folder.iterdir()), [])
        killed_outright(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
