#!/usr/bin/env python3
"""vesper-server with its real renderer: what a hostile or vanishing client costs, and what an application
sees when its server dies. A real application works beside them on the host's Vulkan driver.

    isolation.py SERVER DRIVER_MANIFEST WORKLOADS [TEST]...
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest

from vtest import Hangup, Server, is_running, u64, wait_until

PROGRAM = DRIVER = WORKLOADS = None  # set from the command line

CREATE_INSTANCE, DESTROY_INSTANCE, ENUMERATE_PHYSICAL_DEVICES, DESTROY_DEVICE = 0, 1, 2, 12
WAIT_RING_SEQNO = 253
INSTANCE_CREATE_INFO = 1

CHOOSES_VULKAN = ("VK_", "VN_", "VTEST_", "VESPER_")


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(CHOOSES_VULKAN)}


def create_instance(instance_id, layer_count=0):
    return [CREATE_INSTANCE, 0, *u64(1), INSTANCE_CREATE_INFO, *u64(0), 0, *u64(0),
            layer_count & 0xFFFFFFFF, *u64(layer_count), 0, *u64(0), *u64(0), *u64(1),
            *u64(instance_id)]


# Some tenths of a second on a calm machine. Without the closed connection it would take 5 s.
LOSS_LIMIT_S = 4


class Application:
    """Two thousand submissions with waits, say, through our driver."""

    def __init__(self, server, *arguments):
        environment = {**clean_environment(), "VK_DRIVER_FILES": DRIVER, "VK_ICD_FILENAMES": DRIVER,
                       "VN_DEBUG": "vtest", "VTEST_SOCKET_NAME": server.path}
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([WORKLOADS, *arguments], env=environment, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def wait_until_it_works(self):
        """It has its device, says so, and goes on."""
        for line in self.process.stdout:
            if line.startswith("device: "):
                return
        raise AssertionError(f"{WORKLOADS} has ended with {self.process.wait()} and without a device")

    def finish(self, within_s=60):
        """(exit status, output)"""
        try:
            output, _ = self.process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, output


class WithServer(unittest.TestCase):
    def setUp(self):
        saved = dict(os.environ)
        os.environ.clear()
        os.environ.update(clean_environment())
        self.addCleanup(os.environ.update, saved)
        self.server = Server(PROGRAM)
        self.addCleanup(self.server.__exit__, None)

    def connect(self):
        client = self.server.connect()
        self.addCleanup(client.close)
        return client.start()

    def complaints(self):
        return self.server.lines("warning") + self.server.lines("error")


class Hostility(WithServer):
    """Each client loses its own context, with one line; the application beside it finishes."""

    def setUp(self):
        super().setUp()
        self.application = Application(self.server, "submit_wait", "3000")
        self.addCleanup(self.application.process.stdout.close)

    def tearDown(self):
        status, output = self.application.finish()
        self.assertEqual(status, 0, output)
        self.assertTrue(wait_until(lambda: not self.server.children()), "a worker is left")

    def assert_ends(self, commands, reason):
        client = self.connect()
        try:
            client.submit([(commands, [], None)])
        except Hangup:
            pass
        self.assertTrue(client.hung_up(within_s=5), self.server.log())
        self.assertEqual(len(self.complaints()), 1, self.server.log())
        self.assertRegex(self.complaints()[0], reason)

    def test_unknown_command(self):
        self.assert_ends([5000, 0], "5000")

    def test_truncated_command(self):
        self.assert_ends(create_instance(5)[:-3], "vkCreateInstance")

    def test_claim_of_2_to_the_63_elements(self):
        self.assert_ends(create_instance(5, layer_count=1 << 63), "vkCreateInstance")

    def test_id_that_names_nothing(self):
        self.assert_ends([DESTROY_INSTANCE, 0, *u64(77), *u64(0)], "77")

    def test_id_of_the_wrong_type(self):
        self.assert_ends(create_instance(5) + [DESTROY_DEVICE, 0, *u64(5), *u64(0)],
                         "vkDestroyDevice.*5")

    def test_id_that_is_taken(self):
        self.assert_ends(create_instance(5) + create_instance(5), "vkCreateInstance")

    def test_reply_without_a_place_for_it(self):
        ask = [ENUMERATE_PHYSICAL_DEVICES, 1, *u64(5), *u64(1), 0, *u64(0)]
        self.assert_ends(create_instance(5) + ask, "vkEnumeratePhysicalDevices.*repl")

    def test_unknown_ring(self):
        self.assert_ends([WAIT_RING_SEQNO, 0, *u64(9), 1, 0], "vkWaitRingSeqnoMESA")

    def test_random_commands(self):
        rng = random.Random(3)
        for _ in range(50):
            client = self.connect()
            try:
                client.submit([([rng.randrange(346), 0] + [rng.choice([0, 1, 2, 5, 1 << 31])
                                                           for _ in range(60)], [], None)])
            except Hangup:
                pass
            self.assertTrue(client.hung_up(within_s=5), self.server.log())
        self.assertEqual(len(self.complaints()), 50, self.server.log())

    def test_vanishing_with_an_instance(self):
        client = self.connect()
        client.submit([(create_instance(5), [], None)])
        client.close()
        self.assertTrue(wait_until(lambda: re.search(r"\(test\): has left", self.server.log())))
        self.assertEqual(self.complaints(), [])

    def test_vanishing_in_the_middle_of_a_message(self):
        client = self.connect()
        client.raw(b"\xff\0\0\0\x18\0\0\0\1")
        client.close()
        self.assertTrue(wait_until(self.complaints))
        self.assertIn("middle of SUBMIT_CMD2", self.complaints()[0])


class Growth(WithServer):
    def visit(self):
        with self.server.connect() as client:
            client.start()
            os.close(client.create_blob(131268)[1])
            client.round_trip()

    def test_200_connects_leave_nothing(self):
        for _ in range(20):
            self.visit()
        self.assertTrue(wait_until(lambda: not self.server.children()))
        fds, resident = self.server.fd_count(), self.server.resident_kib()
        for _ in range(200):
            self.visit()
        self.assertTrue(wait_until(lambda: not self.server.children()), "processes are left")
        self.assertEqual(self.server.fd_count(), fds)
        self.assertLessEqual(self.server.resident_kib(), resident + 256)
        self.assertEqual(self.complaints(), [])


class Loss(WithServer):
    """The application's side: VK_ERROR_DEVICE_LOST within a second, an orderly end, no signal."""

    def lose(self, kill):
        application = Application(self.server, "submit_wait", "10000000")
        self.addCleanup(application.process.stdout.close)
        application.wait_until_it_works()
        worker, = self.server.children()
        start = time.monotonic()
        kill(worker)
        status, output = application.finish(within_s=10)
        self.assertLess(time.monotonic() - start, LOSS_LIMIT_S, output)
        self.assertGreater(status, 0, output)
        self.assertIn("DEVICE_LOST", output)
        self.assertTrue(wait_until(lambda: not is_running(worker)))

    def test_worker_killed(self):
        self.lose(lambda worker: os.kill(worker, signal.SIGKILL))
        self.assertTrue(wait_until(lambda: self.server.lines("error")), self.server.log())
        line, = self.server.lines("error")
        self.assertIn("died of SIGKILL", line)

    def test_server_killed(self):
        self.lose(lambda _: self.server.process.kill())

    def test_server_ended(self):
        self.lose(lambda _: self.server.process.terminate())


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    PROGRAM, DRIVER, WORKLOADS = sys.argv[1:4]
    del sys.argv[1:4]
    unittest.main()
