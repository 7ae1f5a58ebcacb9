"""A vtest client that can do everything wrong, and a vesper-server under test."""

import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

RESOURCE_UNREF, BUSY_WAIT, CREATE_RENDERER, PING, PROTOCOL_VERSION = 3, 7, 8, 10, 11
GET_PARAM, GET_CAPSET, CONTEXT_INIT, CREATE_BLOB = 15, 16, 17, 18
SYNC_CREATE, SYNC_UNREF, SYNC_READ, SYNC_WRITE, SYNC_WAIT, SUBMIT_CMD2 = 19, 20, 21, 22, 23, 24

RESOURCE_IMPORT = 0x56000000

VENUS = 4
HOST3D, MAPPABLE = 2, 1
ANY, FOREVER = 1, 0xFFFFFFFF
RING_IDX = 1


class Hangup(Exception):
    """The server has closed the connection."""


def dwords(*values):
    return struct.pack(f"<{len(values)}I", *values)


def u64(value):
    return value & 0xFFFFFFFF, value >> 32


class Client:
    def __init__(self, path, name="test", timeout_s=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        self.socket.connect(path)
        if name is not None:
            self.create_renderer(name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def raw(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Hangup from error

    def send(self, command, *body):
        self.raw(dwords(len(body), command) + dwords(*body))

    def read(self, size):
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionResetError as error:
                raise Hangup from error
            if not part:
                raise Hangup
            data += part
        return data

    def reply(self, command):
        """The body's dwords of an answer to `command`."""
        length, answered = struct.unpack("<2I", self.read(8))
        assert answered == command, f"answer to {answered} instead of {command}"
        return struct.unpack(f"<{length}I", self.read(4 * length))

    def ask(self, command, *body):
        self.send(command, *body)
        return self.reply(command)

    def read_fd(self):
        """The descriptor that comes next, which must ride on one byte alone."""
        data, fds, _, _ = socket.recv_fds(self.socket, 4096, 4)
        if not data:
            raise Hangup
        assert len(data) == 1 and len(fds) == 1, f"{len(data)} bytes with {len(fds)} descriptors"
        return fds[0]

    def raw_with_fds(self, data, *fds):
        socket.send_fds(self.socket, [data], fds)

    def hung_up(self, within_s):
        """Whether the server closes the connection in that time, after whatever it says before."""
        self.socket.settimeout(within_s)
        try:
            while self.socket.recv(4096):
                pass
            return True
        except ConnectionResetError:
            return True
        except (TimeoutError, socket.timeout):
            return False

    # --- the protocol ---

    def create_renderer(self, name):
        text = name.encode() + b"\0"
        self.raw(dwords(len(text), CREATE_RENDERER) + text)

    def start(self, version=4):
        """Up to a context."""
        assert self.ask(PROTOCOL_VERSION, version) == (min(version, 4),)
        self.send(CONTEXT_INIT, VENUS)
        return self

    def create_blob(self, size, blob_id=0, flags=MAPPABLE, blob_type=HOST3D):
        resource, = self.ask(CREATE_BLOB, blob_type, flags, *u64(size), *u64(blob_id))
        return resource, self.read_fd()

    def create_sync(self, value=0):
        return self.ask(SYNC_CREATE, *u64(value))[0]

    def read_sync(self, sync):
        low, high = self.ask(SYNC_READ, sync)
        return low | high << 32

    def write_sync(self, sync, value):
        self.send(SYNC_WRITE, sync, *u64(value))

    def wait_sync(self, points, flags=0, timeout_ms=FOREVER):
        """An eventfd. `points` is a list of (sync, value)."""
        triples = [dword for sync, value in points for dword in (sync, *u64(value))]
        assert self.ask(SYNC_WAIT, flags, timeout_ms, *triples) == ()
        return self.read_fd()

    def submit(self, batches, stride=8):
        """`batches` is a list of (commands, syncs, ring index or None)."""
        self.send(SUBMIT_CMD2, *submit_body(batches, stride))

    def round_trip(self):
        """Returns when the server has executed everything sent so far."""
        assert self.ask(BUSY_WAIT, 0, 0) == (0,)


def submit_body(batches, stride=8):
    command_at = 1 + stride * len(batches)
    sync_at = command_at + sum(len(commands) for commands, _, _ in batches)
    heads, all_commands, all_syncs = [], [], []
    for commands, syncs, ring in batches:
        head = [0 if ring is None else RING_IDX, command_at, len(commands), sync_at, len(syncs),
                ring or 0, 0, 0]
        heads += head[:stride]
        command_at += len(commands)
        sync_at += 3 * len(syncs)
        all_commands += commands
        for sync, value in syncs:
            all_syncs += [sync, *u64(value)]
    return [len(batches)] + heads + all_commands + all_syncs


def wait_until(condition, within_s=10):
    """Whether it becomes true in that time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def hear_hangups():
    """A server started under nohup ignores SIGHUP, as it should; the tests must not depend on how they were started."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Server:
    """A server with a folder of its own, without spare workers unless the environment asks for them. Ends, and says
    so if it did not end well, with the block."""

    def __init__(self, program, *options, level="info", environment=None):
        self.folder = tempfile.TemporaryDirectory(prefix="vesper-test-")
        self.path = os.path.join(self.folder.name, "socket")
        self.log_path = os.path.join(self.folder.name, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [program, "--socket-path", self.path, *options], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, preexec_fn=hear_hangups,
                env={**os.environ, "VESPER_LOG": level, "VESPER_SPARE": "0", **(environment or {})})
        self.greeting = self.process.stdout.readline().decode()

    def __enter__(self):
        return self

    def __exit__(self, exception_type, *_):
        try:
            if self.process.poll() is None:
                status = self.stop()
                if exception_type is None:
                    assert status == 0, f"the server ended with {status}: {self.log()}"
            assert "Sanitizer" not in self.log(), self.log()
        finally:
            self.process.stdout.close()
            self.folder.cleanup()

    def stop(self, number=signal.SIGTERM, within_s=20):
        self.process.send_signal(number)
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def connect(self, **arguments):
        return Client(self.path, **arguments)

    def log(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()

    def lines(self, label):
        """What was logged at a level: "warning", "error"."""
        pattern = re.compile(rf"vesper-server\[\d+\] {label}: ")
        return [line for line in self.log().splitlines() if pattern.match(line)]

    def children(self):
        pid = self.process.pid
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                return [int(child) for child in children.read().split()]
        except FileNotFoundError:
            return []

    def children_named(self, name):
        """Of these, those that are "vesper-worker" or "vesper-spare"."""
        return [pid for pid in self.children() if process_name(pid) == name]

    def fd_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def process_name(pid):
    """None once it is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
            return comm.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_running(pid):
    """False for zombies, too, once their last thread is gone: until then their descriptors are open."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            state = stat.read().rsplit(")", 1)[1].split()[0]
        return state != "Z" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False
