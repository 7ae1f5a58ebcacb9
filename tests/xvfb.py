"""X servers for tests, on display numbers that they choose by themselves."""

import contextlib
import fcntl
import os
import subprocess
import tempfile


@contextlib.contextmanager
def display_numbers():
    """Held while an Xvfb starts until it has said its number, and while one ends. One that looks for a number by
    -displayfd takes no lock: it removes the socket of another that does not listen yet, or no more, and the other
    removes its."""
    path = os.path.join(tempfile.gettempdir(), f"vesper-display-numbers-{os.getuid()}")
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start(options, **popen):
    """(process, display number as text); none if it does not start."""
    reader, writer = os.pipe()
    with display_numbers():
        process = subprocess.Popen(["Xvfb", "-displayfd", str(writer), *options], pass_fds=[writer], **popen)
        os.close(writer)
        with os.fdopen(reader) as answer:
            return process, answer.readline().strip()


def end(process, signal="terminate"):
    with display_numbers():
        getattr(process, signal)()
        process.wait()
