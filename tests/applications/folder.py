"""Programs of another distribution, which lies unpacked in a folder."""

import os
import shutil

# The folder's root for one program and its children: what they write goes to memory, and the build folder with what is
# tested is where its manifests say. $1 folder, $2 scratch, $3 build folder, then the program.
ENTER = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
for d in proc sys dev; do mount --rbind "/$d" "$2/root/$d"; done
mkdir -p "$2/root$3"
mount --bind "$3" "$2/root$3"
root=$2/root
shift 3
exec chroot "$root" "$@"
"""

PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"


class Unusable(Exception):
    """Why the folder cannot be used; the remedy is in the text."""


class Folder:
    """prefix: what goes in front of a command. The X server is reached by its abstract socket."""

    def __init__(self, path, build, scratch):
        self.path = os.path.realpath(path)
        if not os.path.exists(os.path.join(self.path, ".recipe")):
            raise Unusable(f"{path} is not there: run setup/peers or setup/applications as root")
        if os.geteuid() != 0:
            raise Unusable(f"chroot into {path} needs root")
        self.prefix = ["unshare", "--mount", "sh", "-c", ENTER, "sh", self.path, scratch, build]
        self.env = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": "/tmp"}

    def has(self, program):
        return shutil.which(self.path + program if program.startswith("/") else program,
                            path=":".join(self.path + directory for directory in PATH.split(":"))) is not None


class System:
    """The machine's own programs, as they are."""

    prefix = []

    def __init__(self):
        dropped = ("VK_", "VN_", "VTEST_", "VESPER_", "DISPLAY", "WAYLAND_DISPLAY", "LD_PRELOAD")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}

    @staticmethod
    def has(program):
        return shutil.which(program) is not None
