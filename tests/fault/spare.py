#!/usr/bin/env python3
"""vesper-server's spare worker: forked ahead of its client, with the host's driver loaded.

    spare.py FAKE_SERVER SERVER DRIVER_MANIFEST WORKLOADS [TEST]...

FAKE_SERVER has a renderer that does what the test says (fake_context.c), SERVER the real one.
"""

import os
import signal
import subprocess
import sys
import unittest

from vtest import Server, is_running, wait_until

FAKE = REAL = DRIVER = WORKLOADS = None  # set from the command line

NOP = 1
LIMIT_S = 20  # another comes a second after the last client


class WithServer(unittest.TestCase):
    def start_server(self, program=None, options=(), **environment):
        self.server = Server(program or FAKE, *options, level="debug",
                             environment={"VESPER_SPARE": "1", **environment})
        self.addCleanup(self.server.__exit__, None)

    def connect(self):
        client = self.server.connect()
        self.addCleanup(client.close)
        return client.start()

    def visit(self):
        with self.server.connect() as client:
            client.start()
            os.close(client.create_blob(4096)[1])
            client.submit([([NOP], [], None)])
            client.round_trip()

    def spares(self):
        return self.server.children_named("vesper-spare")

    def await_warm(self):
        """The spare, once it has told the server that it is warm."""
        self.assertTrue(wait_until(lambda: any(self.said_warm(pid) for pid in self.spares()), LIMIT_S),
                        self.server.log())
        spare, = self.spares()
        return spare

    def said_warm(self, pid):
        return f"a spare worker (pid {pid}) is warm" in self.server.log()

    def complaints(self):
        return self.server.lines("warning") + self.server.lines("error")


class Life(WithServer):
    def test_it_is_no_client_before_it_has_one(self):
        self.start_server(options=("--max-clients", "1"))
        for _ in range(2):
            spare = self.await_warm()
            client = self.connect()
            client.round_trip()
            self.assertEqual(self.server.children_named("vesper-worker"), [spare])
            self.assertTrue(wait_until(self.spares, LIMIT_S))
            with self.server.connect(name=None) as second:
                self.assertTrue(second.hung_up(within_s=5))
            client.close()
            self.assertTrue(wait_until(lambda pid=spare: pid not in self.server.children()))
        self.assertEqual(len(self.server.lines("warning")), 2, self.server.log())

    def test_the_next_client_gets_it_and_another_is_made(self):
        self.start_server()
        for number in range(1, 4):
            spare = self.await_warm()
            client = self.connect()
            client.round_trip()
            self.assertEqual(self.server.children_named("vesper-worker"), [spare])
            self.assertIn(f"vesper-server[{spare}] debug: client {number} (test): connected", self.server.log())
            self.assertTrue(wait_until(self.spares, LIMIT_S))
            client.close()
            self.assertTrue(wait_until(lambda pid=spare: pid not in self.server.children()))
        self.assertEqual(self.complaints(), [])

    def test_one_client_each(self):
        self.start_server()
        self.await_warm()
        clients = [self.connect() for _ in range(5)]
        for client in clients:
            client.round_trip()
        self.assertEqual(len(set(self.server.children_named("vesper-worker"))), 5)

    def test_200_connects_leave_nothing(self):
        self.start_server()
        for _ in range(20):
            self.visit()
        self.await_warm()
        self.assertTrue(wait_until(lambda: self.server.children() == self.spares()))
        fds, resident = self.server.fd_count(), self.server.resident_kib()
        for _ in range(200):
            self.visit()
        self.await_warm()
        self.assertTrue(wait_until(lambda: self.server.children() == self.spares()), "processes are left")
        self.assertEqual(len(self.spares()), 1)
        self.assertEqual(self.server.fd_count(), fds)
        self.assertLessEqual(self.server.resident_kib(), resident + 1024)  # less than the findings of 200 spares
        self.assertEqual(self.complaints(), [])

    def test_a_worker_keeps_nothing_of_the_spare(self):
        """Nor a spare of the workers that run: else their clients would not see a killed server's end."""
        self.start_server()
        self.await_warm()
        first = self.connect()
        self.await_warm()
        second = self.connect()
        spare = self.await_warm()
        self.server.process.kill()
        for client in (first, second):
            self.assertTrue(client.hung_up(within_s=5))
        self.assertTrue(wait_until(lambda: not is_running(spare), LIMIT_S))
        self.server.process.wait()

    def test_none_if_told_so(self):
        self.start_server(VESPER_SPARE="0")
        for _ in range(20):
            self.visit()
            self.assertEqual(self.spares(), [])


class Deaths(WithServer):
    def test_killed(self):
        self.start_server()
        killed = self.await_warm()
        os.kill(killed, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: self.server.lines("error")))
        self.assertIn(f"no client yet: its worker (pid {killed}) died of SIGKILL", self.server.lines("error")[0])
        self.visit()
        self.assertNotEqual(self.await_warm(), killed)
        self.visit()
        self.assertEqual(len(self.complaints()), 1, self.server.log())

    def test_killed_and_not_yet_noticed(self):
        """The client that comes meanwhile is served, too."""
        self.start_server()
        spare = self.await_warm()
        self.server.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.server.process.send_signal, signal.SIGCONT)
        client = self.server.connect()
        self.addCleanup(client.close)
        os.kill(spare, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not is_running(spare), LIMIT_S))
        self.server.process.send_signal(signal.SIGCONT)
        client.start()
        client.round_trip()

    def test_host_driver_that_crashes(self):
        self.start_server(VESPER_FAKE_WARM_UP="crash")
        self.assertTrue(wait_until(lambda: self.server.lines("warning"), LIMIT_S))
        self.assertIn("has ended while it loaded the host's driver", self.server.lines("warning")[0])
        self.assertIn("died of SIGSEGV", self.server.lines("error")[0])
        self.assertEqual(self.spares(), [])
        self.visit()
        self.assertTrue(wait_until(lambda: len(self.server.lines("warning")) == 2, LIMIT_S))

    def test_host_driver_that_does_not_return(self):
        self.start_server(VESPER_FAKE_WARM_UP="block")
        self.assertTrue(wait_until(self.spares, LIMIT_S))
        self.visit()
        self.assertTrue(wait_until(self.spares, LIMIT_S))

    def test_server_ends(self):
        for warm_up in ("", "block"):
            for number in (signal.SIGTERM, signal.SIGKILL):
                with self.subTest(warm_up=warm_up, number=number):
                    self.start_server(VESPER_FAKE_WARM_UP=warm_up)
                    self.assertTrue(wait_until(self.spares, LIMIT_S))
                    spare, = self.spares()
                    self.server.stop(number)
                    self.assertTrue(wait_until(lambda pid=spare: not is_running(pid), LIMIT_S))
                    self.assertEqual(self.complaints(), [])


class RealRenderer(WithServer):
    """On the host's Vulkan driver: with a spare, with what it has found out, and with neither."""

    def run_application(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("VK_", "VN_"))}
        environment |= {"VK_DRIVER_FILES": DRIVER, "VK_ICD_FILENAMES": DRIVER, "VN_DEBUG": "vtest",
                        "VTEST_SOCKET_NAME": self.server.path}
        ended = subprocess.run([WORKLOADS, "submit_wait", "10"], env=environment, text=True, check=False,
                               capture_output=True, timeout=60)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr + self.server.log())

    def memory_types(self):
        return [line.partition("memory type")[2] for line in self.server.log().splitlines() if "memory type" in line]

    def test_applications(self):
        # The loader has unloaded the host's driver when leaks are looked for: what that has leaked could not be told.
        self.start_server(REAL, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        self.await_warm()
        shown = self.memory_types()
        for _ in range(3):  # the second has no spare, but what the first one found out
            self.run_application()
        self.assertGreater(len(shown), 0)
        self.assertEqual(self.memory_types()[:4 * len(shown)], shown * 4)
        self.await_warm()
        self.run_application()
        self.assertEqual(self.complaints(), [])


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    FAKE, REAL, DRIVER, WORKLOADS = sys.argv[1:5]
    del sys.argv[1:5]
    unittest.main()
