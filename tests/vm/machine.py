"""A virtual machine for tests: stock QEMU from the Debian 13 folder that setup/vm makes, without KVM.

    with Machine(Folder(path), env={...}) as machine:
        machine.give("guest.sh", b"vulkaninfo --summary")   # a file in the guest's /mnt
        machine.boot("sh /mnt/guest.sh", limit_s=120)       # start, run, power off
        machine.output                                      # what the command printed

The folder is QEMU's root by chroot and the guest's root over 9p, read-only below an overlay. Everything a
machine starts lives in namespaces of its own: processes, mounts, network. They vanish with it, however the test
ends, and two machines do not see each other. The machine's scratch folder is /tmp in the chroot; its "share" is
/mnt in the guest.

Errors: Skip where there is no folder, Failure with the reason and what guest and QEMU said last.
"""

import contextlib
import gzip
import json
import lzma
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import zlib

BOOT_LIMIT_S = 150  # a calm machine boots in 10 s
POWER_OFF_LIMIT_S = 60
QMP_LIMIT_S = 30
MODULES = ("virtio_pci", "virtio_gpu", "9pnet_virtio", "9p", "overlay")
# Without event indices the guest notifies QEMU of every command. With them QEMU 10.0 can miss one on a busy host: it
# tells the guest where to notify next and looks for commands with no barrier in between. The guest then fills its
# queue in silence, and both wait for ever. That is so of the file systems' queues, too: a program never starts.
GPU = "virtio-gpu-gl-pci,venus=on,blob=on,hostmem={hostmem},event_idx=off"
# no_timer_check: on a busy host the kernel would find that ticks are missing, and panic. nohz=off, highres=off: the
# kernel's timer ticks by itself, instead of being set for each next event. QEMU 10.0 loses its interrupt now and then
# on a busy host, once in some fifty boots: the kernel, which has nothing else to do, then sleeps for ever.
KERNEL_COMMAND_LINE = "console=ttyS0 quiet panic=-1 mitigations=off nowatchdog no_timer_check nohz=off highres=off"

# Runs in the initial file system. Tells the host what stage it is at by files in the share.
GUEST_INIT = """#!/bin/busybox sh
B=/bin/busybox
fail() { echo "guest: cannot $1"; $B poweroff -f; }
$B mkdir -p /proc /sys /dev /newroot /ro /rw
$B mount -t proc proc /proc; $B mount -t sysfs sys /sys; $B mount -t devtmpfs dev /dev
for m in $($B cat /modules/order); do $B insmod /modules/$m || fail "load $m"; done
$B mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose root /ro || fail "mount the root"
$B mount -t tmpfs tmpfs /rw; $B mkdir -p /rw/upper /rw/work
$B mount -t overlay overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work /newroot || fail "mount the overlay"
for d in proc sys dev; do $B mount --bind /$d /newroot/$d; done
$B mkdir -p /newroot/dev/shm /newroot/dev/pts
for d in tmp run dev/shm; do $B mount -t tmpfs tmpfs /newroot/$d; done
$B mount -t devpts devpts /newroot/dev/pts
$B mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 share /newroot/mnt || fail "mount the share"
$B ip link set lo up
: > /newroot/mnt/.started
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 XDG_RUNTIME_DIR=/run
$B chroot /newroot /bin/sh /mnt/.command > /newroot/mnt/.output 2>&1
echo $? > /newroot/mnt/.status.new; $B mv /newroot/mnt/.status.new /newroot/mnt/.status
$B poweroff -f
"""

# Process 1 of the namespaces. X keeps its screen in a file, which is how a test sees QEMU's window.
HOST_INIT = """set -e
mount --make-rprivate /
mount --bind "$1" "$2/tmp"
mount -t proc proc "$2/proc"
for d in sys dev; do mount --rbind /$d "$2/$d"; done
exec chroot "$2" /bin/sh /tmp/host.sh
"""

HOST_SCRIPT = """cd /tmp
Xvfb :0 -screen 0 1920x1200x24 -nolisten tcp -fbdir /tmp/screen >/tmp/x.log 2>&1 &
for i in $(seq 300); do [ -S /tmp/.X11-unix/X0 ] && break; sleep 0.1; done
. /tmp/qemu.sh
"""


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Failure(Exception):
    """What was tested does not hold, or the machine itself failed."""


def need(path, remedy):
    if not path or not os.path.exists(path):
        raise Skip(f"{path or 'a program'} is not there: {remedy}")
    return path


class Folder:
    """What setup/vm made."""

    def __init__(self, path):
        self.path = pathlib.Path(path).resolve()
        if not (self.path / ".recipe").exists():
            raise Skip(f"{path} is not there: run setup/vm as root")
        if os.geteuid() != 0:
            raise Skip("chroot into the Debian 13 folder needs root")
        kernels = sorted((self.path / "lib/modules").iterdir())
        if not kernels:
            raise Skip(f"{path} has no kernel: remove it and run setup/vm again")
        self.kernel = kernels[-1].name

    def image(self):
        return self.path / "boot" / f"vmlinuz-{self.kernel}"

    def modules_in_order(self, names):
        """Files of these modules and all that they need, each behind what it needs."""
        modules = self.path / "lib/modules" / self.kernel
        needs = {}
        for line in (modules / "modules.dep").read_text().splitlines():
            file, _, others = line.partition(":")
            needs[file] = others.split()
        by_name = {os.path.basename(f).split(".")[0].replace("-", "_"): f for f in needs}
        order = []
        for name in names:
            file = by_name.get(name)  # absent: built into the kernel
            for needed in [*reversed(needs[file]), file] if file else []:
                if needed not in order:
                    order.append(needed)
        return [modules / file for file in order]


def cpio(files):
    """An archive of {path: (mode, bytes)}; directories in front of what they hold."""
    archive = bytearray()

    def add(name, mode, data):
        fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        archive.extend(b"070701" + b"".join(b"%08x" % field for field in fields))
        archive.extend(name.encode() + b"\0")
        archive.extend(b"\0" * (-len(archive) % 4))
        archive.extend(data)
        archive.extend(b"\0" * (-len(archive) % 4))

    for name, (mode, data) in files.items():
        add(name, mode, data)
    add("TRAILER!!!", 0, b"")
    return bytes(archive)


def initial_file_system(folder):
    directory, program, plain = 0o040755, 0o100755, 0o100644
    files = {
        "bin": (directory, b""),
        "modules": (directory, b""),
        "init": (program, GUEST_INIT.encode()),
        "bin/busybox": (program, (folder.path / "usr/bin/busybox").read_bytes()),
    }
    order = []
    for module in folder.modules_in_order(MODULES):
        data, name = module.read_bytes(), module.name
        if name.endswith(".xz"):
            data, name = lzma.decompress(data), name[:-len(".xz")]
        files[f"modules/{name}"] = (plain, data)
        order.append(name)
    files["modules/order"] = (plain, "\n".join(order).encode())
    return gzip.compress(cpio(files), compresslevel=1)


def quote(text):
    return "'" + str(text).replace("'", "'\\''") + "'"


class Machine:
    """One virtual machine: prepared by the constructor, started by start() or boot(), gone at the end of `with`.

    env       of QEMU, in the folder: which Vulkan driver the host has, LD_LIBRARY_PATH, layers
    hostmem   size of the window through which the guest sees host memory
    gpu       the device, if not the usual one
    """

    def __init__(self, folder, env=None, hostmem="1G", gpu=None, memory="2G"):
        self.folder, self.env, self.memory = folder, env or {}, memory
        self.gpu = gpu or GPU.format(hostmem=hostmem)
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="vesper-vm-"))
        self.share = self.scratch / "share"
        self.process, self.command, self.started_at = None, None, None
        for name in ("share", "host", "screen"):
            (self.scratch / name).mkdir()
        self.scratch.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.scratch, ignore_errors=True)

    # --- before the start ---

    def give(self, name, content):
        """A file, its bytes or its path, for the guest: /mnt/NAME."""
        return self._put(self.share / name, content)

    def give_host(self, name, content):
        """A file for QEMU and its children. Returns its path in the folder."""
        self._put(self.scratch / "host" / name, content)
        return f"/tmp/host/{name}"

    @staticmethod
    def _put(target, content):
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            shutil.copy(content, target)
        return target

    # --- running ---

    def qemu_command(self):
        return [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", self.memory,
            "-nodefaults", "-no-reboot", "-nic", "none", "-vga", "none",
            "-kernel", "/tmp/vmlinuz", "-initrd", "/tmp/initrd",
            "-append", KERNEL_COMMAND_LINE,
            "-serial", "file:/tmp/console.log", "-qmp", "unix:/tmp/qmp.sock,server=on,wait=off",
            "-device", self.gpu, "-display", "sdl,gl=on",
            "-global", "virtio-9p-pci.event_idx=off",
            "-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
            "-virtfs", "local,path=/tmp/share,mount_tag=share,security_model=none",
        ]

    def start(self, command):
        """Boots; the guest then runs the shell command and powers off."""
        (self.share / ".command").write_text(command + "\n")
        shutil.copy(self.folder.image(), self.scratch / "vmlinuz")
        (self.scratch / "initrd").write_bytes(initial_file_system(self.folder))
        env = {
            "DISPLAY": ":0",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "XDG_RUNTIME_DIR": "/tmp",
            "VK_DRIVER_FILES": "/usr/share/vulkan/icd.d/lvp_icd.json",
        } | self.env
        exports = "".join(f"export {name}={quote(value)}\n" for name, value in env.items())
        (self.scratch / "qemu.sh").write_text(exports + " ".join(quote(word) for word in self.qemu_command()) + "\n")
        (self.scratch / "host.sh").write_text(HOST_SCRIPT)
        # The first program dies with us; the second is process 1 of what dies with it.
        namespaces = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--net", "--ipc", "--fork",
                      "--kill-child", "sh", "-c", HOST_INIT, "sh", str(self.scratch), str(self.folder.path)]
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
        with open(self.scratch / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(namespaces, env=clean, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        self.command, self.started_at = command, time.monotonic()

    def boot(self, command, limit_s):
        """start() and wait()."""
        self.start(command)
        return self.wait(limit_s)

    def wait(self, limit_s):
        """Until the guest's command has ended, `limit_s` after it began at the latest. Returns its exit status,
        once the machine is off."""
        self.wait_until((self.share / ".started").exists, BOOT_LIMIT_S, "boot")
        self.boot_s = time.monotonic() - self.started_at
        self.wait_until((self.share / ".status").exists, limit_s, "finish its command")
        status = int((self.share / ".status").read_text())
        try:
            self.process.wait(POWER_OFF_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"QEMU did not end within {POWER_OFF_LIMIT_S} s of the guest's end\n{self.story()}") from None
        if self.process.returncode != 0:
            raise Failure(f"QEMU ended with status {self.process.returncode} as the guest powered off\n{self.story()}")
        return status

    def wait_for_output(self, text, limit_s):
        """Until the guest's command has printed this."""
        self.wait_until((self.share / ".started").exists, BOOT_LIMIT_S, "boot")
        self.wait_until(lambda: text in self.output, limit_s, f"say {text!r}")

    def wait_until(self, condition, limit_s, what):
        deadline = time.monotonic() + limit_s
        while not condition():
            if self.process.poll() is not None and not condition():
                raise Failure(f"QEMU ended (status {self.process.returncode}) before the guest could {what}\n"
                              f"{self.story()}")
            if time.monotonic() > deadline:
                raise Failure(f"the guest did not {what} within {limit_s} s\n{self.story()}")
            time.sleep(0.1)

    def kill(self):
        """Ends whatever is left, at once."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    # --- looking ---

    @property
    def output(self):
        return self._read(self.share / ".output")

    @staticmethod
    def _read(path):
        return path.read_text(errors="replace") if path.exists() else ""

    def story(self):
        """What the guest's command, the guest's kernel and QEMU said last."""
        parts = (("the guest's command", self.output), ("the guest's console", self._read(self.scratch / "console.log")),
                 ("QEMU", self._read(self.scratch / "qemu.log")))
        return "\n".join(f"--- {who}:\n{text[-4000:]}" for who, text in parts if text.strip())

    def qemu_log(self):
        return self._read(self.scratch / "qemu.log")

    def processes(self, name):
        """The processes of this machine's host side with this name, as the host's process ids."""
        namespace = os.stat(f"/proc/{self.process.pid}/ns/pid_for_children").st_ino
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                pid = int(entry.name)
                command = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
                if os.stat(entry / "ns/pid").st_ino == namespace and os.path.basename(command) == name:
                    found.append(pid)
        return sorted(found)

    def workers(self, server):
        """Of a render server's processes, all of which have its command line: its root and those that serve a
        context, oldest first. A spare worker serves nobody yet."""
        return [pid for pid in self.processes(server) if self._read(pathlib.Path(f"/proc/{pid}/comm")) != "vesper-spare\n"]

    def monitor(self, execute, **arguments):
        """One command for QEMU's monitor (QMP). Returns what it answers."""
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(QMP_LIMIT_S)
            qmp.connect(str(self.scratch / "qmp.sock"))
            lines = qmp.makefile("rw")
            lines.readline()
            for request in ({"execute": "qmp_capabilities"}, {"execute": execute, "arguments": arguments}):
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
                while "event" in answer:
                    answer = json.loads(lines.readline())
                if "error" in answer:
                    raise Failure(f"QEMU's monitor refuses {execute}: {answer['error']['desc']}")
        return answer["return"]

    def screendump(self, target):
        """What QEMU believes is on its screen, as PNG."""
        self.monitor("screendump", filename="/tmp/screen.png", format="png")
        shutil.copy(self.scratch / "screen.png", target)

    def screenshot(self, target):
        """What a user sees: the X server's screen with QEMU's window on it, as PNG. Returns (width, height,
        rows of RGB)."""
        width, height, rows = read_xwd((self.scratch / "screen" / "Xvfb_screen0").read_bytes())
        write_png(target, width, height, rows)
        return width, height, rows


def read_xwd(data):
    """An image of 32 bits a pixel as Xvfb keeps it."""
    header = struct.unpack(">25I", data[:100])
    header_size, width, height, stride, colours = header[0], header[4], header[5], header[12], header[19]
    at = header_size + colours * 12
    rows = []
    for y in range(height):
        line = data[at + y * stride:at + y * stride + width * 4]
        row = bytearray(width * 3)
        row[0::3], row[1::3], row[2::3] = line[2::4], line[1::4], line[0::4]
        rows.append(bytes(row))
    return width, height, rows


def write_png(path, width, height, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)
                                   + chunk(b"IEND", b""))
