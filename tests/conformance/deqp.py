"""Runs cases of deqp-vk, natively or through Vesper, one process for many cases.

A process that crashes or stalls costs the case that it was at: the rest goes on in the next process.
"""

import math
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections import namedtuple

# Statuses are deqp-vk's own words, and two of ours: Crash and Timeout.
PASSED = ("Pass", "QualityWarning", "CompatibilityWarning")

Result = namedtuple("Result", "status seconds detail")

CASE = re.compile(r"^Test case '(.*)'\.\.$")
STATUS = re.compile(
    r"^  (Pass|Fail|QualityWarning|CompatibilityWarning|NotSupported|ResourceError|InternalError|Crash|Timeout|Waiver) "
    r"\((.*)$"
)


class Runner:
    """How to start deqp-vk: on which driver, from which folder, and how long a case may take."""

    def __init__(self, deqp, prefix, env, folder, timeout_s, deadline=math.inf, cache="shaders.cache"):
        self.deqp = os.path.abspath(deqp)
        self.prefix = prefix  # command before deqp-vk: nothing, or vesper run ... --
        self.env = env
        self.folder = folder  # for logs and compiled shaders
        self.timeout_s = timeout_s
        self.deadline = deadline  # of time.monotonic(): what has not been reported by then is left out
        self.cache = cache  # the file in the folder for compiled shaders: for one process at a time

    def command(self, *args):
        return self.prefix + [
            self.deqp,
            "--deqp-archive-dir=" + os.path.dirname(self.deqp),
            "--deqp-log-filename=/dev/null",
            "--deqp-log-images=disable",
            "--deqp-log-shader-sources=disable",
            "--deqp-shadercache-filename=" + os.path.join(self.folder, self.cache),
            "--deqp-shadercache-truncate=disable",
            *args,
        ]

    def run(self, names, report):
        """Runs the cases; calls report(name, Result) for each, once, until the deadline."""
        left = list(names)
        while left and time.monotonic() < self.deadline:
            done = self._run_process(left, report)
            left = [name for name in left if name not in done]

    def _run_process(self, names, report):
        """One process over `names`, to its end or its first trouble. Returns the names reported."""
        done = set()
        with tempfile.NamedTemporaryFile("w", suffix=".cases", dir=self.folder) as file:
            file.write("\n".join(names) + "\n")
            file.flush()
            process = subprocess.Popen(
                self.command("--deqp-caselist-file=" + file.name),
                env=self.env,
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            current, began, tail, stalled, late = None, time.monotonic(), [], False, False
            for line in lines_of(process, self.timeout_s, self.deadline):
                late = time.monotonic() >= self.deadline
                stalled = line is None
                if late or stalled:
                    break
                tail = tail[-20:] + [line]
                case, status = CASE.match(line), STATUS.match(line)
                if case:
                    current, began = case.group(1), time.monotonic()
                elif status and current:
                    detail = status.group(2).split(" at ")[0].rstrip(")")
                    report(current, Result(status.group(1), time.monotonic() - began, detail[:160]))
                    done.add(current)
                    current = None
            end(process)
        if late:
            return done
        if current or not done:
            # The case at hand; or none, when deqp-vk ended before its first: then the first one has the blame.
            name = current or names[0]
            took = time.monotonic() - began
            detail = " | ".join(line.strip() for line in tail[-4:])[:300]
            report(name, Result("Timeout" if stalled else "Crash", took, f"status {process.returncode}: {detail}"))
            done.add(name)
        return done


def lines_of(process, timeout_s, deadline):
    """The process's lines as they come; None once, at the end, if it says nothing for that long or by the deadline."""
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=max(0, min(timeout_s, deadline - time.monotonic())))
        except queue.Empty:
            yield None
            return
        if line is None:
            return
        yield line


def end(process):
    """Ends a process and what it started, gently first: vesper run takes its server along.

    One that a kernel's driver does not let die yet is left to die when it does.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if has_ended(process):
            return
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
    has_ended(process)


def has_ended(process):
    """Whether it has, or does within five seconds."""
    try:
        process.wait(timeout=5)
        return True
    except subprocess.TimeoutExpired:
        return False


def list_cases(runner, group):
    """Every case of a group, in deqp-vk's order."""
    with tempfile.TemporaryDirectory(dir=runner.folder) as folder:
        subprocess.run(
            runner.command("--deqp-runmode=txt-caselist", "--deqp-case=" + group),
            env=runner.env,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        with open(os.path.join(folder, "dEQP-VK-cases.txt"), encoding="utf-8") as file:
            return [line[len("TEST: ") :].strip() for line in file if line.startswith("TEST: ")]
