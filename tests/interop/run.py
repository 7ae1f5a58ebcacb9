#!/usr/bin/env python3
"""Runs one workload with one driver on one server, all real processes, and judges the outcome.

    run.py --driver ours|mesa --server ours|ours-trixie|virglrenderer|virglrenderer-0.10 --workload NAME [paths]

ours            our server here, on this distribution's lavapipe
ours-trixie     our server inside the Debian 13 folder, on its newer lavapipe
virglrenderer   virgl_test_server inside the Debian 13 folder, on a lavapipe that tests/layer/hostmem_layer.c
                lets export memory
virglrenderer-0.10
                Debian 12's, which speaks an older wire format: the driver must refuse it and say why

Under each of our servers, and under the application when the driver is ours, lies the Khronos validation
layer; a single message of it fails the test. Exit status: 0 passed, 1 failed, 77 skipped with its reason.

    run.py --self-test     checks that a validation layer that speaks, or is not there, is a failure
"""

import argparse
import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
VALIDATION = "VK_LAYER_KHRONOS_validation"
SERVER_START_LIMIT_S = 20
SERVER_STOP_LIMIT_S = 10

# Checks of the features that are left out, with any driver and server (""), or with the one that is named.
LEFT_OUT = {
    # Not silent under a validation layer that it cannot tell what it is about; and Mesa's driver, which waits for no
    # answer when it allocates, tells the application that all is well and then loses its context.
    "": ["too large an allocation"],
    # Mesa's driver passes the destruction on at once, and either renderer then misses the layout.
    "mesa": ["layout destroyed while recording"],
    # Its lavapipe calls a mathematical function that it looks for in a process without it.
    "virglrenderer": ["half precision"],
}
WORKLOADS = {  # name -> which program, its arguments, time limit in seconds
    "mapped_copy": ("workloads", ["mapped_copy", "64"], 60),
    "compute": ("workloads", ["compute", "1048576"], 60),
    "submit_wait": ("workloads", ["submit_wait", "2000"], 60),
    "features": ("features", [], 200),
    "demo": ("vesper", ["demo"], 100),
    "external_sync": ("external_sync", [], 100),
}
VULKANINFO_LIMIT_S = 90
REFUSAL = "the renderer speaks wire format 0 "


class Skip(Exception):
    pass


class Failure(Exception):
    pass


def need(path, remedy):
    if not path or not os.path.exists(path):
        raise Skip(f"{path or 'a program'} is not there: {remedy}")
    return path


def write_json(path, value):
    path.write_text(json.dumps(value, indent=4) + "\n")
    return str(path)


def icd_manifest(path, library):
    icd = {"library_path": str(library), "api_version": "1.4.0"}
    return write_json(path, {"file_format_version": "1.0.0", "ICD": icd})


def layer_manifest(path, library):
    layer = {
        "name": "VK_LAYER_VESPER_TEST_hostmem",
        "type": "GLOBAL",
        "library_path": str(library),
        "api_version": "1.3.0",
        "implementation_version": "1",
        "description": "Makes host-visible memory exportable as a mappable descriptor, for tests",
    }
    write_json(path, {"file_format_version": "1.1.2", "layer": layer})
    return layer["name"]


def choose_driver(env, manifest):
    """Sets the variables by which old and new loaders are told which driver to load."""
    env["VK_DRIVER_FILES"] = env["VK_ICD_FILENAMES"] = manifest


class ValidationLog:
    """The validation layer, its messages kept in a file of their own. `prefix` is what a path inside the
    Debian 13 folder lacks of its full path."""

    def __init__(self, directory, prefix=""):
        self.file = directory / "validation.log"
        inside = str(directory)[len(prefix):]
        (directory / "vk_layer_settings.txt").write_text(
            "khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG\n"
            "khronos_validation.report_flags = error,warn,info\n"
            f"khronos_validation.log_filename = {inside}/validation.log\n")
        self.env = {
            "VK_INSTANCE_LAYERS": VALIDATION,
            "VK_LAYER_SETTINGS_PATH": inside,
            # Each process that loads the layer begins the file anew; a spare worker would be one more.
            "VESPER_SPARE": "0",
        }

    def judge(self, whose):
        """The layer introduces itself when it is loaded, and must have nothing else to say."""
        text = self.file.read_text(errors="replace") if self.file.exists() else ""
        if "status-message" not in text:
            raise Failure(f"the validation layer was not loaded under {whose}:\n{text[:1000]}")
        messages = re.findall(r"Validation (?:Error|Warning|Performance Warning):[^\n]*\n?[^\n]*", text)
        if messages:
            raise Failure(f"{len(messages)} validation messages under {whose}, the first:\n{messages[0][:2000]}")


def clean_env():
    """Our environment without anything that chooses a Vulkan driver, a layer or a peer."""
    dropped = ("VK_", "VN_", "VTEST_", "VESPER_", "RENDER_SERVER")
    env = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        env.pop(name, None)
    return env


class Server:
    """A running server process group: stopped, and checked for what it left, by the context manager."""

    def __init__(self, command, env, socket_path, log, whose):
        self.command, self.env, self.socket_path = command, env, socket_path
        self.log, self.whose = log, whose
        self.process = None

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + SERVER_START_LIMIT_S
        while not self.accepts():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failure(f"{self.whose} did not start:\n{self.output()}")
            time.sleep(0.02)
        return self

    def accepts(self):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket_path))
            except OSError:
                return False
        return True

    def output(self):
        return pathlib.Path(self.log).read_text(errors="replace")[-4000:]

    def stop(self):
        """Asks the server to end, then makes sure of everything it started."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(SERVER_STOP_LIMIT_S)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return ended

    def __exit__(self, kind, value, traceback):
        ended = self.stop()
        if kind is not None:
            return
        if not ended:
            raise Failure(f"{self.whose} did not end within {SERVER_STOP_LIMIT_S} s of SIGTERM")
        if "Sanitizer" in self.output():
            raise Failure(f"{self.whose} said:\n{self.output()}")


class Setting:
    """Paths given on the command line, and a scratch folder on each side of the chroot."""

    def __init__(self, options, stack):
        self.options = options
        self.peers = pathlib.Path(options.peers)
        self.scratch = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="vesper-interop-")))
        self.stack = stack

    def trixie(self):
        root = self.peers / "trixie"
        need(root / ".recipe", "run setup/peers as root")
        if os.geteuid() != 0:
            raise Skip("chroot into the Debian 13 folder needs root")
        return root.resolve()

    def inside(self, root):
        """A scratch folder inside the Debian 13 folder, and a short path to it from out here: the path of
        a socket has room for 107 bytes."""
        directory = pathlib.Path(self.stack.enter_context(
            tempfile.TemporaryDirectory(prefix="vesper-interop-", dir=root / "tmp")))
        directory.chmod(0o755)
        link = self.scratch / "inside"
        link.symlink_to(directory)
        return directory, link

    def server(self):
        return {
            "ours": self.our_server,
            "ours-trixie": self.our_server_in_trixie,
            "virglrenderer": self.virglrenderer,
            "virglrenderer-0.10": self.old_virglrenderer,
        }[self.options.server]()

    def our_server(self):
        need(self.options.server_program, "build it")
        manifests = glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json")
        need(manifests[0] if manifests else None, "apt-get install mesa-vulkan-drivers")
        directory = self.scratch / "server"
        directory.mkdir()
        validation = ValidationLog(directory)
        env = clean_env() | validation.env
        choose_driver(env, manifests[0])
        socket_path = self.scratch / "socket"
        command = [self.options.server_program, "--socket-path", str(socket_path)]
        return Server(command, env, socket_path, directory / "log", "our server"), validation

    def our_server_in_trixie(self):
        need(self.options.server_program, "build it")
        root = self.trixie()
        directory, link = self.inside(root)
        program = shutil.copy(self.options.server_program, directory / "vesper-server")
        validation = ValidationLog(directory, str(root))
        env = clean_env() | validation.env
        choose_driver(env, "/usr/share/vulkan/icd.d/lvp_icd.json")
        inside = str(directory)[len(str(root)):]
        command = ["chroot", str(root), inside + "/" + os.path.basename(program),
                   "--socket-path", inside + "/socket"]
        server = Server(command, env, link / "socket", directory / "log", "our server on Debian 13")
        return server, validation

    def virglrenderer(self):
        need(self.options.layer, "build it")
        root = self.trixie()
        directory, link = self.inside(root)
        inside = str(directory)[len(str(root)):]
        layer = os.path.basename(shutil.copy(self.options.layer, directory))
        env = clean_env()
        env["VK_INSTANCE_LAYERS"] = layer_manifest(directory / "hostmem.json", inside + "/" + layer)
        env["VK_LAYER_PATH"] = inside
        choose_driver(env, "/usr/share/vulkan/icd.d/lvp_icd.json")
        command = ["chroot", str(root), "virgl_test_server", "--venus", "--no-virgl",
                   "--socket-path", inside + "/socket"]
        server = Server(command, env, link / "socket", directory / "log", "virgl_test_server")
        return server, None  # what it asks of its host driver is not ours to judge

    def old_virglrenderer(self):
        root = self.peers / "virglrenderer-0.10"
        need(root, "run setup/peers on Debian 12")
        libraries = glob.glob(str(root / "usr/lib/*"))
        env = clean_env() | {"LD_LIBRARY_PATH": ":".join(libraries)}
        socket_path = self.scratch / "socket"
        command = [str(root / "usr/bin/virgl_test_server"), "--venus", "--use-egl-surfaceless",
                   f"--socket-path={socket_path}"]
        return Server(command, env, socket_path, self.scratch / "log", "Debian 12's virgl_test_server"), None

    def client(self, socket_path):
        """The environment of an application, and the validation layer's log under it if the driver is ours."""
        env = clean_env() | {"VN_DEBUG": "vtest", "VTEST_SOCKET_NAME": str(socket_path)}
        if self.options.driver == "mesa":
            # In a sanitized build: Mesa's driver leaks a little, in a library that is gone by then.
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
            choose_driver(env, need(str(self.peers / "icd" / "virtio.json"), "run setup/peers"))
            return env, None
        need(self.options.driver_library, "build it")
        choose_driver(env, icd_manifest(self.scratch / "vesper_icd.json", self.options.driver_library))
        directory = self.scratch / "client"
        directory.mkdir()
        validation = ValidationLog(directory)
        return env | validation.env, validation

    def workload(self):
        if self.options.workload == "vulkaninfo":
            program = shutil.which("vulkaninfo")
            if not program:
                raise Skip("no vulkaninfo: apt-get install vulkan-tools")
            return [program], VULKANINFO_LIMIT_S
        name, arguments, limit_s = WORKLOADS[self.options.workload]
        program = need(getattr(self.options, f"{name}_program"), "build it")
        if name == "features":
            whose = ("", self.options.driver, self.options.server)
            arguments = ["", *(check for who in whose for check in LEFT_OUT.get(who, []))]
        return [program, *arguments], limit_s


def run_client(command, env, limit_s, server):
    """(exit status, output)"""
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          start_new_session=True) as client:
        try:
            output, _ = client.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(client.pid, signal.SIGKILL)
            output, _ = client.communicate()
            raise Failure(f"not done after {limit_s} s:\n{output[-2000:]}\n{server.output()}")
    return client.returncode, output


def judge_refusal(status, output):
    if status == 0 or REFUSAL not in output:
        raise Failure(f"not refused with the reason ('{REFUSAL}...'): exit status {status}:\n{output[-2000:]}")
    return next(line for line in output.splitlines() if REFUSAL in line)


def judge_output(status, output, server):
    """vulkaninfo ends well even where it saw no device worth the name: what it printed must name one
    that is reached through the protocol, not the host's driver by mistake."""
    if status != 0:
        raise Failure(f"exit status {status}:\n{output[-2000:]}\n{server.whose} said:\n{server.output()}")
    names = [line for line in output.splitlines() if "deviceName" in line or line.startswith("device")]
    if not names:
        raise Failure(f"no device in the output:\n{output[:2000]}")
    if not any("Virtio" in line or "Venus" in line or "Vesper" in line for line in names):
        raise Failure(f"the device is not one behind the protocol: {names[0].strip()}")
    return names[0].strip()


def judge_version(output):
    """Mesa's driver stops at Vulkan 1.2 where the renderer cannot import sync files; ours always can,
    and no host here is older than 1.3."""
    versions = [line.split("(")[0].split("=")[1].strip() for line in output.splitlines()
                if line.strip().startswith("apiVersion")]
    if not versions or not all(version.split(".")[:2] >= ["1", "3"] for version in versions):
        raise Failure(f"Mesa's driver shows {versions or 'no version'} where 1.3 was to be seen")


def run(options):
    with contextlib.ExitStack() as stack:
        setting = Setting(options, stack)
        server, server_validation = setting.server()
        env, client_validation = setting.client(server.socket_path)
        command, limit_s = setting.workload()
        start = time.monotonic()
        with server:
            status, output = run_client(command, env, limit_s, server)
        if options.server == "virglrenderer-0.10":
            print(judge_refusal(status, output))
            return
        name = judge_output(status, output, server)
        if options.workload == "vulkaninfo" and options.driver == "mesa" and options.server.startswith("ours"):
            judge_version(output)
        print(name if options.workload == "vulkaninfo" else output.strip())
        if client_validation:
            client_validation.judge("the application")
        if server_validation:
            server_validation.judge(server.whose)
        print(f"passed in {time.monotonic() - start:.1f} s")


def self_test():
    """The layer's file as both generations of it write it, and what must be made of that."""
    loaded = "Validation Information: [ WARNING-CreateInstance-status-message ] | MessageID = 0x23dfd876\n"
    samples = (
        (loaded, True),
        ("", False),
        (loaded + "Validation Error: [ VUID-VkBufferCreateInfo-size-00912 ] | MessageID\nsize is zero\n", False),
        (loaded + "VUID-x(ERROR / SPEC): msgNum: 1 - Validation Error: [ VUID-x ] Object 0\n", False),
        (loaded + "Validation Warning: [ BestPractices-x ] | MessageID\n", False),
    )
    with tempfile.TemporaryDirectory() as scratch:
        log = ValidationLog(pathlib.Path(scratch))
        for text, silent in samples:
            log.file.write_text(text)
            try:
                log.judge("the self-test")
                judged_silent = True
            except Failure:
                judged_silent = False
            if judged_silent != silent:
                sys.exit(f"judged {'silent' if judged_silent else 'a failure'}: {text!r}")


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--driver", choices=("ours", "mesa"), required=True)
    servers = ("ours", "ours-trixie", "virglrenderer", "virglrenderer-0.10")
    parser.add_argument("--server", choices=servers, required=True)
    parser.add_argument("--workload", choices=("vulkaninfo", *WORKLOADS), required=True)
    parser.add_argument("--peers", default="build/peers", help="what setup/peers made")
    parser.add_argument("--driver-library", help="libvulkan_vesper.so")
    parser.add_argument("--server-program", help="vesper-server")
    parser.add_argument("--workloads-program", help="interop-workloads")
    parser.add_argument("--features-program", help="the application test 'features'")
    parser.add_argument("--vesper-program", help="vesper")
    parser.add_argument("--external-sync-program", help="the application test 'external-sync'")
    parser.add_argument("--layer", help="the test layer for virglrenderer")
    try:
        run(parser.parse_args())
    except Skip as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    except Failure as reason:
        print(f"FAILED: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
