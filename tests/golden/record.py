#!/usr/bin/env python3
"""Records the golden streams of this folder: what Mesa's driver says to our renderer.

    record.py BUILD OUTPUT

runs `vesper demo` on Mesa's Venus driver and our server of the BUILD folder, with VESPER_CAPTURE, and leaves
what it executed in OUTPUT: the context's own stream, and its ring's with the streams that the ring points to.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, output = map(pathlib.Path, sys.argv[1:])
    vesper = build.resolve() / "tools" / "vesper"
    virtio = pathlib.Path(__file__).resolve().parents[2] / "build" / "peers" / "icd" / "virtio.json"
    with tempfile.TemporaryDirectory() as scratch:
        command = [vesper, "run", "--host-driver", "lavapipe", "--icd", virtio, "--",
                   vesper, "demo", "--frames", "3", "--output", f"{scratch}/cube.png"]
        subprocess.run(command, check=True, env={"PATH": "/usr/bin:/bin", "VESPER_CAPTURE": scratch})
        for kind in ("context", "ring"):
            captured = max(pathlib.Path(scratch).glob(f"*-{kind}.stream"),
                           key=lambda path: path.stat().st_size)
            shutil.copy(captured, output / f"mesa_demo_{kind}.stream")
            print(f"mesa_demo_{kind}.stream: {captured.stat().st_size} bytes")


if __name__ == "__main__":
    main()
