#!/usr/bin/env python3
"""virglrenderer's own vtest server, of Debian 13, with our library under it instead of its own: one more program that
uses the interface, as it polls for fences and exports all memory. Vulkan programs run on it with both drivers.

    vtest.py --peers DIR --library FILE --render-server FILE --workloads FILE --driver MANIFEST [--driver MANIFEST]

Exit status: 0 passed, 1 failed, 77 skipped.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
START_LIMIT_S = 20
STEPS = (["mapped_copy", "64"], ["compute", "65536"], ["submit_wait", "200"])
STEP_LIMIT_S = 60


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def start_server(root, scratch):
    inside = f"/{scratch.relative_to(root)}"
    command = ["chroot", str(root), "env", "-i", f"LD_LIBRARY_PATH={inside}", "VESPER_LOG=info",
               f"RENDER_SERVER_EXEC_PATH={inside}/vesper-render-server",
               "VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.json",
               "virgl_test_server", "--venus", "--no-virgl", "--socket-path", f"{inside}/socket"]
    with open(scratch / "log", "wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + START_LIMIT_S
    while not (scratch / "socket").exists():
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"virgl_test_server does not listen:\n{(scratch / 'log').read_text()}")
        time.sleep(0.05)
    return server


def run_steps(options, scratch, driver):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("VK_", "VN_", "VTEST_", "VESPER_"))}
    env |= {"VN_DEBUG": "vtest", "VTEST_SOCKET_NAME": str(scratch / "socket"), "VK_DRIVER_FILES": driver,
            "VK_ICD_FILENAMES": driver}
    passed = True
    for step in STEPS:
        ended = subprocess.run([options.workloads, *step], env=env, capture_output=True, text=True, check=False,
                               timeout=STEP_LIMIT_S)
        print(f"{os.path.basename(driver)}, {' '.join(step)}: {ended.returncode}\n{ended.stdout}{ended.stderr}", end="")
        passed = passed and ended.returncode == 0
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, type=pathlib.Path)
    for name in ("--library", "--render-server", "--workloads"):
        parser.add_argument(name, required=True)
    parser.add_argument("--driver", action="append", required=True)
    options = parser.parse_args()
    root = (options.peers / "trixie").resolve()
    if not (root / "usr/bin/virgl_test_server").exists():
        skip(f"{root} is not there: run setup/peers as root")
    if os.geteuid() != 0:
        skip("chroot into the Debian 13 folder needs root")

    with tempfile.TemporaryDirectory(prefix="vesper-", dir=root / "tmp") as folder:
        scratch = pathlib.Path(folder)
        shutil.copy(options.library, scratch / "libvirglrenderer.so.1")
        shutil.copy(options.render_server, scratch / "vesper-render-server")
        server = start_server(root, scratch)
        try:
            passed = all([run_steps(options, scratch, driver) for driver in options.driver])
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        log = (scratch / "log").read_text(errors="replace")
        if "initialised with flags" not in log:
            passed = False
            print("our library was not loaded")
        if not passed:
            print(log[-4000:])
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
