"""X display numbers are for all processes of a machine."""

import contextlib
import fcntl
import os
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
