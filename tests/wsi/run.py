#!/usr/bin/env python3
"""Runs an application under a window system of its own: natively, or through Vesper with the validation layer.

    run.py [--vesper PROGRAM [--dma-bufs LAYER [--modifiers LAYER] --renderer PROGRAM]] [--no-validation]
           [--server xvfb|weston|...] -- APP [ARGS...]

--dma-bufs makes the host one that exports dma-bufs, by that layer (tests/layer) under that server program;
--modifiers gives them modifiers, by another.
When the application prints "kill", the window system is killed. Exit status: the application's; 77, with the
reason, if there is no such window system.
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

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "apps"), str(TESTS)]
sys.dont_write_bytecode = True
import xvfb
from run import SKIPPED, clean_env, find_host, write_server


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


class Xvfb:
    """A server on a display number that it chooses by itself."""

    listen, host = "-nolisten", ""

    def __init__(self, env, options):
        if not shutil.which("Xvfb"):
            skip("there is no Xvfb: install xvfb")
        self.process, number = xvfb.start(["-screen", "0", "640x480x24", self.listen, "tcp", *options],
                                          env=env, stderr=subprocess.PIPE)
        if not number:
            sys.exit(f"Xvfb does not start: {self.process.stderr.read().decode()}")
        env["DISPLAY"] = f"{self.host}:{number}"

    def end(self, signal="terminate"):
        xvfb.end(self.process, signal)
        self.process.stderr.close()


class XvfbByTcp(Xvfb):
    """As it is reached over a network, or by ssh."""

    listen, host = "-listen", "127.0.0.1"


class XvfbWithDri3(Xvfb):
    """Behind dri3_proxy.py, whose options are the options. The display number is one that no server takes."""

    def __init__(self, env, options):
        super().__init__(env, [])
        number = 100000 + os.getpid()
        self.path = pathlib.Path(f"/tmp/.X11-unix/X{number}")
        self.path.unlink(missing_ok=True)
        self.proxy = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("dri3_proxy.py"), *options,
                                       self.path], env=env)
        while not self.path.exists():
            if self.proxy.poll() is not None:
                super().end()
                sys.exit("the proxy does not start")
            time.sleep(0.05)
        env["DISPLAY"] = f":{number}"

    def end(self, signal="terminate"):
        """The proxy ends with the server."""
        super().end(signal)
        self.path.unlink(missing_ok=True)
        if self.proxy.wait() != 0:
            sys.exit("the proxy has failed, see above")


class Weston:
    """Without a display, with a single output."""

    size = (640, 600)

    def __init__(self, env, options):
        if not shutil.which("weston"):
            skip("there is no Weston: install weston")
        folder = pathlib.Path(env["XDG_RUNTIME_DIR"])
        width, height = self.size
        self.log = open(folder / "weston.log", "w+b")
        # --debug: lets others take screenshots.
        self.process = subprocess.Popen(
            ["weston", "--backend=headless-backend.so", "--shell=desktop-shell.so", f"--width={width}",
             f"--height={height}", "--socket=vesper", "--idle-time=0", "--no-config", "--debug", *options],
            env=env, stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(600):
            if (folder / "vesper").exists():
                break
            if self.process.poll() is not None:
                self.log.seek(0)
                sys.exit(f"Weston does not start: {self.log.read().decode()}")
            time.sleep(0.05)
        env["WAYLAND_DISPLAY"] = "vesper"

    def end(self, signal="terminate"):
        getattr(self.process, signal)()
        self.process.wait()
        self.log.close()


class Compositor:
    """The test's own (tests/wsi/compositor): its program and arguments are the options."""

    def __init__(self, env, options):
        folder = pathlib.Path(env["XDG_RUNTIME_DIR"])
        self.process = subprocess.Popen(options, env=env)
        while not (folder / "vesper").exists():
            if self.process.poll() is not None:
                sys.exit("the test's compositor does not start")
            time.sleep(0.05)
        env["WAYLAND_DISPLAY"] = "vesper"

    def end(self, signal="terminate"):
        if self.process.returncode is None:
            getattr(self.process, signal)()
        if self.process.wait() != 0 and self.process.returncode != -9:
            sys.exit(f"the test's compositor ends with status {self.process.returncode}")


class NoServer:
    def __init__(self, env, options):
        pass

    def end(self, signal="terminate"):
        pass


SERVERS = {"xvfb": Xvfb, "xvfb-tcp": XvfbByTcp, "dri3": XvfbWithDri3, "weston": Weston, "compositor": Compositor,
           "none": NoServer}


def run_app(command, env, server):
    app = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        for line in app.stdout:
            print(line, end="", flush=True)
            if line == "kill\n":
                server.end("kill")
        return app.wait()
    finally:
        app.kill()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vesper", help="the vesper program; natively without")
    parser.add_argument("--no-validation", action="store_true")
    parser.add_argument("--server", choices=SERVERS, default="xvfb")
    parser.add_argument("--server-option", action="append", default=[])
    parser.add_argument("--dma-bufs", metavar="LAYER", help="put the test layer under Vesper's server")
    parser.add_argument("--modifiers", metavar="LAYER", help="put that test layer there, too")
    parser.add_argument("--renderer", help="Vesper's server program, for --dma-bufs")
    parser.add_argument("--leaks", action="store_true", help="leaks of a sanitized program are not its own")
    parser.add_argument("app", nargs="+")
    args = parser.parse_args()

    env = clean_env()
    manifest = find_host("system", "")
    if not args.no_validation:
        env["VKH_VALIDATE"] = "1"
    if args.leaks or not args.vesper:
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    command = args.app
    if args.vesper:
        validate = [] if args.no_validation else ["--validate"]
        command = [args.vesper, "run", "--host-driver", manifest, *validate]
    else:
        env["VK_DRIVER_FILES"] = env["VK_ICD_FILENAMES"] = manifest
    with tempfile.TemporaryDirectory(prefix="vesper-wsi-") as folder:
        env["XDG_RUNTIME_DIR"] = folder
        if args.vesper:
            if args.dma_bufs:
                command += ["--server", write_server(folder, args.renderer, args.dma_bufs, modifiers=args.modifiers)]
            command += ["--", *args.app]
        server = SERVERS[args.server](env, args.server_option)
        try:
            return run_app(command, env, server)
        finally:
            server.end()


if __name__ == "__main__":
    sys.exit(main())
