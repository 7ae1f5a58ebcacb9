#!/usr/bin/env python3
"""vesper-server, with a renderer that does what the test says (fake_context.c), against clients that
speak vtest well, badly, or not at all.

    server.py SERVER [TEST]...
"""

import fcntl
import contextlib
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

from vtest import (ANY, BUSY_WAIT, CONTEXT_INIT, CREATE_BLOB, CREATE_RENDERER, GET_CAPSET, GET_PARAM,
                   HOST3D, MAPPABLE, PING, PROTOCOL_VERSION, RESOURCE_IMPORT, RESOURCE_UNREF, SUBMIT_CMD2, SYNC_READ,
                   SYNC_UNREF, SYNC_WAIT, SYNC_WRITE, VENUS, Client, Hangup, Server, dwords, is_running,
                   submit_body, u64, wait_until)

PROGRAM = None  # set from the command line

# The fake renderer's commands, as in fake_context.c.
NOP, FATAL, FATAL_LATER, BLOCK, BLOCK_TEARDOWN, CRASH, RELEASE = range(1, 8)
MEMORY_BLOB_ID = 77

# Sealed against resizing and against further seals.
EXPECTED_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


def readable(fd, within_s=0):
    return bool(select.select([fd], [], [], within_s)[0])


class WithServer(unittest.TestCase):
    options = ()

    def setUp(self):
        self.server = Server(PROGRAM, *self.options)
        self.addCleanup(self.server.__exit__, None)

    def connect(self, **arguments):
        client = self.server.connect(**arguments)
        self.addCleanup(client.close)
        return client

    def start(self, **arguments):
        return self.connect().start(**arguments)

    def assert_refused(self, client, reason, level="warning"):
        """The server hangs up at once and has said why in one line."""
        self.assertTrue(client.hung_up(within_s=5), "still connected")
        self.assertEqual(self.server.lines("warning") + self.server.lines("error"),
                         self.server.lines(level))
        self.assertEqual(len(self.server.lines(level)), 1, self.server.log())
        self.assertIn(reason, self.server.lines(level)[0])


class Handshake(WithServer):
    def test_bytes_of_the_reference(self):
        client = self.connect(name=None)
        client.raw(dwords(11, 8) + b"vulkaninfo\0")
        client.raw(dwords(0, 10) + dwords(2, 7, 0, 0))
        self.assertEqual(client.read(8), dwords(0, 10))
        self.assertEqual(client.read(12), dwords(1, 7, 0))
        client.raw(dwords(1, 11, 4))
        self.assertEqual(client.read(12), dwords(1, 11, 4))
        client.raw(dwords(1, 15, 1))
        self.assertEqual(client.read(16), dwords(2, 15, 1, 64))
        client.raw(dwords(2, 16, 4, 0))
        self.assertEqual(client.read(12), dwords(1 + 304 // 4, 16, 1))
        capset = client.read(304)
        self.assertEqual(capset[:4], dwords(1))
        self.assertEqual(capset[160:164], b"VSPR")
        client.raw(dwords(1, 17, 4))
        client.raw(dwords(6, 18, 2, 1, 131268, 0, 0, 0))
        self.assertEqual(client.read(12), dwords(1, 18, 1))
        os.close(client.read_fd())
        client.raw(dwords(10, 24, 1, 0, 9, 1, 10, 0, 0, 0, 0, NOP))
        client.raw(dwords(1, 3, 1))
        client.round_trip()

    def test_versions(self):
        for offered, agreed in ((0, 0), (1, 0), (2, 2), (3, 3), (4, 4), (5, 4), (99, 4)):
            with self.subTest(offered=offered), self.server.connect() as client:
                self.assertEqual(client.ask(PROTOCOL_VERSION, offered), (agreed,))

    def test_version_is_the_lower_one_for_every_offer(self):
        with self.server.connect() as client:
            self.assertEqual(client.ask(PROTOCOL_VERSION, 0xFFFFFFFF), (4,))

    def test_params(self):
        with self.server.connect() as client:
            self.assertEqual(client.ask(GET_PARAM, 1), (1, 64))
            for unknown in (0, 2, 3, 0xFFFFFFFF):
                self.assertEqual(client.ask(GET_PARAM, unknown), (0, 0))

    def test_capset_of_another_id_or_version_is_invalid(self):
        with self.server.connect() as client:
            for capset, version in ((4, 1), (0, 0), (1, 0), (2, 0), (5, 0)):
                self.assertEqual(client.ask(GET_CAPSET, capset, version), (0,))

    def test_length_of_a_fixed_body_is_not_looked_at(self):
        with self.server.connect() as client:
            client.raw(dwords(77, GET_PARAM, 1))
            self.assertEqual(client.reply(GET_PARAM), (1, 64))

    def test_messages_in_single_bytes(self):
        with self.server.connect() as client:
            for byte in dwords(0, PING) + dwords(2, BUSY_WAIT, 0, 0):
                client.raw(bytes([byte]))
            self.assertEqual(client.reply(PING), ())
            self.assertEqual(client.reply(BUSY_WAIT), (0,))

    def test_many_messages_in_one_write(self):
        with self.server.connect() as client:
            client.raw(dwords(2, BUSY_WAIT, 0, 0) * 3000)
            for _ in range(3000):
                self.assertEqual(client.reply(BUSY_WAIT), (0,))

    def test_context_twice_is_harmless(self):
        with self.start() as client:
            client.send(CONTEXT_INIT, VENUS)
            client.round_trip()

    def test_name_cannot_forge_a_log_line(self):
        with self.server.connect(name="x\nvesper-server[1] error: \x1b[31mforged") as client:
            client.send(9999)
            self.assert_refused(client, "client 1 (x?vesper-server")


class Refusals(WithServer):
    def refuse(self, reason, *messages, start=True):
        client = self.start() if start else self.connect()
        for message in messages:
            client.send(*message)
        self.assert_refused(client, reason)

    def test_first_message_must_be_create_renderer(self):
        client = self.connect(name=None)
        client.send(PING)
        self.assert_refused(client, "before CREATE_RENDERER")

    def test_second_create_renderer(self):
        client = self.connect()
        client.create_renderer("again")
        self.assert_refused(client, "a second CREATE_RENDERER")

    def test_unknown_command(self):
        self.refuse("unknown command 39", (39,))

    def test_command_0(self):
        self.refuse("unknown command 0", (0,))

    def test_enormous_command(self):
        self.refuse("unknown command 4294967295", (0xFFFFFFFF,))

    def test_virgl(self):
        self.refuse("only Venus", (9,))

    def test_drm_sync(self):
        self.refuse("DRM sync objects", (25, 0))

    def test_context_of_another_capset(self):
        self.refuse("capset 2", (CONTEXT_INIT, 2), start=False)

    def test_blob_before_context(self):
        self.refuse("no context", (CREATE_BLOB, HOST3D, MAPPABLE, 4096, 0, 0, 0), start=False)

    def test_blob_of_guest_type(self):
        self.refuse("HOST3D", (CREATE_BLOB, 1, MAPPABLE, 4096, 0, 0, 0))

    def test_blob_of_size_0(self):
        self.refuse("no blob of that kind", (CREATE_BLOB, HOST3D, MAPPABLE, 0, 0, 0, 0))

    def test_blob_of_half_the_address_space(self):
        self.refuse("no blob of that size", (CREATE_BLOB, HOST3D, MAPPABLE, 0, 0x80000000, 0, 0))

    def test_shared_memory_with_other_flags(self):
        self.refuse("no blob of that kind", (CREATE_BLOB, HOST3D, 3, 4096, 0, 0, 0))

    def test_blob_of_unknown_memory(self):
        self.refuse("no blob of that kind", (CREATE_BLOB, HOST3D, MAPPABLE, 4096, 0, 5, 0))

    def test_reading_an_unknown_sync(self):
        self.refuse("SYNC_READ", (SYNC_READ, 1))

    def test_writing_an_unknown_sync(self):
        self.refuse("SYNC_WRITE", (SYNC_WRITE, 1, 0, 0))

    def test_waiting_for_an_unknown_sync(self):
        self.refuse("SYNC_WAIT", (SYNC_WAIT, 0, 0, 1, 0, 0))

    def test_wait_with_half_a_triple(self):
        self.refuse("multiple of 3", (SYNC_WAIT, 0, 0, 1))

    def test_wait_shorter_than_its_head(self):
        self.refuse("2 to", (SYNC_WAIT, 0))

    def test_commands_before_context(self):
        self.refuse("before CONTEXT_INIT", (SUBMIT_CMD2, *submit_body([([NOP], [], None)])),
                    start=False)

    def test_no_batches(self):
        self.refuse("0 batches", (SUBMIT_CMD2, 0))

    def test_more_batches_than_fit(self):
        self.refuse("batches", (SUBMIT_CMD2, 0xFFFFFFFF))

    def test_commands_outside_of_the_message(self):
        self.refuse("outside", (SUBMIT_CMD2, 1, 0, 9, 0xFFFFFFFF, 9, 0, 0, 0, 0))

    def test_commands_that_begin_outside_of_the_message(self):
        self.refuse("outside", (SUBMIT_CMD2, 1, 0, 10, 0, 9, 0, 0, 0, 0))

    def test_syncs_outside_of_the_message(self):
        self.refuse("outside", (SUBMIT_CMD2, 1, 0, 9, 0, 9, 0x55555556, 0, 0, 0))

    def test_ring_index_64(self):
        self.refuse("ring index", (SUBMIT_CMD2, *submit_body([([NOP], [], 64)])))

    def test_fence_descriptors(self):
        self.refuse("fence descriptors", (SUBMIT_CMD2, 1, 2, 9, 0, 9, 0, 0, 0, 0))

    def test_drm_syncs_in_a_batch(self):
        self.refuse("DRM sync objects", (SUBMIT_CMD2, 1, 0, 9, 0, 9, 0, 0, 1, 0))

    def test_unknown_sync_in_a_batch(self):
        self.refuse("unknown sync", (SUBMIT_CMD2, *submit_body([([], [(7, 1)], None)])))

    def test_fence_on_an_unbound_ring(self):
        client = self.start()
        sync = client.create_sync()
        client.submit([([], [(sync, 1)], 9)])
        self.assert_refused(client, "ring index 9")

    def test_absurd_lengths(self):
        client = self.start()
        client.raw(dwords(0xFFFFFFFF, SUBMIT_CMD2))
        self.assert_refused(client, "allowed")

    def test_absurd_name(self):
        client = self.connect(name=None)
        client.raw(dwords((1 << 20) + 1, CREATE_RENDERER))
        self.assert_refused(client, "allowed")


class Blobs(WithServer):
    def test_shared_memory_has_exact_size_and_seals(self):
        with self.start() as client:
            for expected_id, size in enumerate((131268, 1, 1 << 20), start=1):
                resource, fd = client.create_blob(size)
                self.assertEqual(resource, expected_id)
                self.assertEqual(os.fstat(fd).st_size, size)
                self.assertEqual(fcntl.fcntl(fd, fcntl.F_GET_SEALS) & EXPECTED_SEALS, EXPECTED_SEALS)
                os.close(fd)

    def test_memory_blob(self):
        with self.start() as client:
            os.close(client.create_blob(4096, blob_id=MEMORY_BLOB_ID, flags=3)[1])

    def test_import_takes_the_descriptor_that_follows(self):
        message = dwords(3, RESOURCE_IMPORT, 1, *u64(4096))
        with self.start() as client, open("/dev/zero", "rb") as zero:
            for expected_id in 1, 2:
                client.raw(message)
                client.raw_with_fds(b"\0", zero.fileno())
                self.assertEqual(client.reply(RESOURCE_IMPORT), (expected_id,))
            client.raw_with_fds(message + b"\0", zero.fileno())
            self.assertEqual(client.reply(RESOURCE_IMPORT), (3,))

    def test_refused_import_costs_nothing(self):
        with self.start() as client, open("/dev/zero", "rb") as zero:
            client.raw_with_fds(dwords(3, RESOURCE_IMPORT, 1, 0, 0) + b"\0", zero.fileno())
            self.assertEqual(client.reply(RESOURCE_IMPORT), (0,))
            client.round_trip()

    def test_import_without_a_descriptor(self):
        client = self.start()
        client.raw(dwords(3, RESOURCE_IMPORT, 1, *u64(4096)) + b"\0")
        self.assert_refused(client, "no descriptor")

    def test_import_of_an_unknown_kind(self):
        client = self.start()
        client.raw(dwords(3, RESOURCE_IMPORT, 7, *u64(4096)))
        self.assert_refused(client, "kind 7")

    def test_import_before_a_context(self):
        client = self.connect()
        client.raw(dwords(3, RESOURCE_IMPORT, 1, *u64(4096)))
        self.assert_refused(client, "no context yet")

    def test_descriptors_that_nobody_asked_for(self):
        client = self.start()
        with open("/dev/zero", "rb") as zero:
            client.raw_with_fds(dwords(2, BUSY_WAIT), zero.fileno())
            client.raw_with_fds(dwords(0, 0), zero.fileno())
        self.assert_refused(client, "nobody asked for")

    def test_unref_of_an_unknown_id_is_ignored(self):
        with self.connect() as client:
            client.send(RESOURCE_UNREF, 1)
            client.start()
            for resource in (0, 1, 0xFFFFFFFF):
                client.send(RESOURCE_UNREF, resource)
            client.round_trip()

    def test_worker_keeps_no_descriptor(self):
        with self.start() as client:
            client.round_trip()
            worker, = self.server.children()
            before = len(os.listdir(f"/proc/{worker}/fd"))
            for _ in range(20):
                resource, fd = client.create_blob(4096)
                client.raw_with_fds(dwords(3, RESOURCE_IMPORT, 1, *u64(4096)) + b"\0", fd)
                client.reply(RESOURCE_IMPORT)
                os.close(fd)
                sync = client.create_sync(1)
                os.close(client.wait_sync([(sync, 1)]))
            client.round_trip()
            self.assertEqual(len(os.listdir(f"/proc/{worker}/fd")), before)


class Syncs(WithServer):
    def setUp(self):
        super().setUp()
        self.client = self.start()

    def wait(self, *arguments, **keywords):
        fd = self.client.wait_sync(*arguments, **keywords)
        self.addCleanup(os.close, fd)
        return fd

    def test_ids_count_from_1(self):
        self.assertEqual([self.client.create_sync() for _ in range(3)], [1, 2, 3])

    def test_values_have_64_bits(self):
        sync = self.client.create_sync(0xFEDCBA9876543210)
        self.assertEqual(self.client.read_sync(sync), 0xFEDCBA9876543210)

    def test_values_may_fall(self):
        sync = self.client.create_sync(5)
        self.client.write_sync(sync, 3)
        self.assertEqual(self.client.read_sync(sync), 3)

    def test_unref_of_an_unknown_sync_is_ignored(self):
        self.client.send(SYNC_UNREF, 17)
        self.client.round_trip()

    def test_unref_makes_a_sync_unknown(self):
        sync = self.client.create_sync()
        self.client.send(SYNC_UNREF, sync)
        self.client.send(SYNC_READ, sync)
        self.assert_refused(self.client, "SYNC_READ")

    def test_wait_for_nothing_is_ready(self):
        self.assertTrue(readable(self.wait([])))

    def test_wait_for_a_reached_value_is_ready(self):
        sync = self.client.create_sync(5)
        self.assertTrue(readable(self.wait([(sync, 5)], timeout_ms=0)))

    def test_eventfd_holds_1_and_does_not_block(self):
        fd = self.wait([])
        self.assertEqual(os.read(fd, 8), struct.pack("<Q", 1))
        with self.assertRaises(BlockingIOError):
            os.read(fd, 8)

    def test_wait_becomes_ready_when_written(self):
        sync = self.client.create_sync()
        fd = self.wait([(sync, 2)])
        self.client.write_sync(sync, 1)
        self.client.round_trip()
        self.assertFalse(readable(fd))
        self.client.write_sync(sync, 2)
        self.assertTrue(readable(fd, within_s=5))

    def test_wait_for_all(self):
        first, second = self.client.create_sync(), self.client.create_sync()
        fd = self.wait([(first, 1), (second, 1)])
        self.client.write_sync(first, 1)
        self.client.round_trip()
        self.assertFalse(readable(fd))
        self.client.write_sync(first, 0)  # was reached: that it falls again does not matter
        self.client.write_sync(second, 1)
        self.assertTrue(readable(fd, within_s=5))

    def test_wait_for_any(self):
        first, second = self.client.create_sync(), self.client.create_sync()
        fd = self.wait([(first, 1), (second, 1)], flags=ANY)
        self.client.write_sync(second, 1)
        self.assertTrue(readable(fd, within_s=5))

    def test_wait_for_any_with_one_reached_is_ready(self):
        first, second = self.client.create_sync(), self.client.create_sync(1)
        self.assertTrue(readable(self.wait([(first, 1), (second, 1)], flags=ANY)))

    def test_wait_of_timeout_0_never_becomes_ready(self):
        sync = self.client.create_sync()
        fd = self.wait([(sync, 1)], timeout_ms=0)
        self.client.write_sync(sync, 1)
        self.client.round_trip()
        self.assertFalse(readable(fd))

    def test_expiry_is_not_signalled(self):
        sync = self.client.create_sync()
        fd = self.wait([(sync, 1)], timeout_ms=20)
        time.sleep(0.05)
        os.close(self.client.wait_sync([]))  # drops what has expired
        self.client.write_sync(sync, 1)
        self.client.round_trip()
        self.assertFalse(readable(fd))

    def test_wait_is_kept_beyond_the_sync(self):
        sync = self.client.create_sync()
        self.wait([(sync, 1)])
        self.client.send(SYNC_UNREF, sync)
        self.client.round_trip()


class Submissions(WithServer):
    def test_syncs_without_a_ring_are_written_at_once(self):
        with self.start() as client:
            first, second = client.create_sync(), client.create_sync()
            client.submit([([NOP], [(first, 7)], None), ([], [(second, 8), (first, 9)], None)])
            self.assertEqual((client.read_sync(first), client.read_sync(second)), (9, 8))

    def test_ring_0_signals_when_consumed(self):
        with self.start() as client:
            sync = client.create_sync()
            client.submit([([NOP], [(sync, 3)], 0)])
            self.assertEqual(client.read_sync(sync), 3)

    def test_fences_of_a_ring_signal_in_order_and_wake_waits(self):
        with self.start() as client:
            sync, other = client.create_sync(), client.create_sync()
            client.submit([([], [(sync, 1)], 1), ([], [(sync, 2)], 1), ([], [(other, 1)], 2)])
            fd = client.wait_sync([(sync, 2)])
            self.assertFalse(readable(fd, within_s=0.05))
            client.submit([([RELEASE, 1], [], None)])
            self.assertTrue(readable(fd, within_s=5))
            self.assertEqual((client.read_sync(sync), client.read_sync(other)), (2, 0))
            os.close(fd)

    def test_fence_keeps_its_sync(self):
        with self.start() as client:
            sync = client.create_sync()
            client.submit([([], [(sync, 1)], 1)])
            client.send(SYNC_UNREF, sync)
            client.submit([([RELEASE, 1], [], None)])
            client.round_trip()

    def test_batches_of_6_dwords_from_an_old_client(self):
        with self.start(version=3) as client:
            syncs = [client.create_sync() for _ in range(3)]
            client.submit([([NOP], [(sync, 4)], None) for sync in syncs], stride=6)
            self.assertEqual([client.read_sync(sync) for sync in syncs], [4, 4, 4])

    def test_batches_of_8_dwords_with_version_3(self):
        with self.start(version=3) as client:
            syncs = [client.create_sync() for _ in range(3)]
            client.submit([([NOP], [(sync, 4)], None) for sync in syncs])
            self.assertEqual([client.read_sync(sync) for sync in syncs], [4, 4, 4])

    def test_syncobj_counts_are_not_read_in_version_3(self):
        with self.start(version=3) as client:
            client.send(SUBMIT_CMD2, 1, 0, 9, 1, 10, 0, 0, 0xAAAA, 0xBBBB, NOP)
            client.round_trip()

    def test_a_mebibyte_of_commands(self):
        with self.start() as client:
            client.submit([([NOP] * (1 << 18), [], None)])
            client.round_trip()


class Ends(WithServer):
    """Whatever happens to one client costs that client, one line, and nobody else."""

    def setUp(self):
        super().setUp()
        self.neighbour = self.start()
        self.neighbour_worker = self.worker_of_newest()

    def worker_of_newest(self):
        self.assertTrue(wait_until(lambda: self.server.children()))
        return self.server.children()[-1]

    def tearDown(self):
        sync = self.neighbour.create_sync()
        self.neighbour.submit([([NOP], [(sync, 1)], 0)])
        self.assertEqual(self.neighbour.read_sync(sync), 1)
        os.close(self.neighbour.create_blob(4096)[1])
        self.assertTrue(wait_until(lambda: self.server.children() == [self.neighbour_worker]),
                        "a worker is left")

    def warnings_and_errors(self):
        return self.server.lines("warning") + self.server.lines("error")

    def test_leaving(self):
        self.start().close()
        self.assertTrue(wait_until(lambda: "client 2 (test): has left" in self.server.log()))
        self.assertEqual(self.warnings_and_errors(), [])

    def test_fatal_command(self):
        client = self.start()
        client.submit([([FATAL], [], None)])
        self.assert_refused(client, "fatal, as told")

    def test_context_dies_on_another_thread(self):
        client = self.start()
        client.submit([([FATAL_LATER], [], None)])
        self.assert_refused(client, "fatal, as told")

    def test_crash_is_reported_with_its_signal(self):
        client = self.start()
        worker = self.worker_of_newest()
        client.submit([([CRASH], [], None)])
        self.assertTrue(client.hung_up(within_s=5))
        self.assertTrue(wait_until(lambda: self.server.lines("error")))
        line, = self.server.lines("error")
        self.assertIn(f"client 2: its worker (pid {worker}) died of SIG", line)
        self.assertEqual(self.server.lines("warning"), [])

    def test_vanishing_in_the_middle_of_a_header(self):
        client = self.start()
        client.raw(b"\1\0\0")
        client.close()
        self.assertTrue(wait_until(self.warnings_and_errors))
        self.assertIn("middle of a header", self.warnings_and_errors()[0])

    def test_vanishing_in_the_middle_of_a_message(self):
        client = self.start()
        client.raw(dwords(1000, SUBMIT_CMD2, 1))
        client.close()
        self.assertTrue(wait_until(self.warnings_and_errors))
        self.assertIn("middle of SUBMIT_CMD2, 4 of 4000 bytes", self.warnings_and_errors()[0])

    def test_stopping_in_the_middle_of_a_message_blocks_nobody_else(self):
        self.start().raw(dwords(1000, SUBMIT_CMD2, 1))
        self.neighbour.round_trip()
        with self.start() as third:
            third.round_trip()
        self.doCleanups_of_stopped_client()

    def doCleanups_of_stopped_client(self):
        for pid in self.server.children():
            if pid != self.neighbour_worker:
                with contextlib.suppress(ProcessLookupError):  # the third one's may just be gone
                    os.kill(pid, signal.SIGTERM)

    def test_vanishing_while_the_host_driver_blocks(self):
        client = self.start()
        client.submit([([BLOCK], [], None)])
        time.sleep(0.1)
        self.assertEqual(len(self.server.children()), 2)
        client.close()
        self.assertTrue(wait_until(lambda: len(self.server.children()) == 1, within_s=3))
        self.assertEqual(self.warnings_and_errors(), [])

    def test_teardown_that_blocks(self):
        client = self.start()
        client.submit([([BLOCK_TEARDOWN], [], None)])
        client.round_trip()
        client.close()
        self.assertTrue(wait_until(lambda: len(self.server.children()) == 1, within_s=3))

    def test_not_reading_answers(self):
        client = self.start()
        client.socket.settimeout(0.3)
        with self.assertRaises((TimeoutError, socket.timeout)):
            while True:
                client.raw(dwords(2, BUSY_WAIT, 0, 0) * 1000)
        client.close()

    def test_garbage(self):
        rng = random.Random(1)
        for turn in range(100):
            with self.server.connect(name=rng.choice([None, "garbage"])) as client:
                try:
                    client.raw(rng.randbytes(rng.randrange(1, 3000)))
                    client.socket.shutdown(socket.SHUT_WR)
                    self.assertTrue(client.hung_up(within_s=5), turn)
                except Hangup:
                    pass
        self.assertEqual(len(self.warnings_and_errors()), 100, self.server.log())

    def test_garbage_in_bodies(self):
        rng = random.Random(2)
        commands = [3, 7, 10, 11, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]
        values = [0, 1, 2, 4, 8, 64, 4096, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
        for _ in range(200):
            with self.server.connect(name="garbage") as client:
                try:
                    client.send(CONTEXT_INIT, VENUS)
                    for _ in range(20):
                        body = [rng.choice(values) for _ in range(rng.randrange(14))]
                        if len(body) > 2 and rng.random() < 0.8:
                            body[1:2] = [rng.choice([0, 1, 9, 10])]
                        client.send(rng.choice(commands), *body)
                    client.socket.shutdown(socket.SHUT_WR)
                    self.assertTrue(client.hung_up(within_s=5))
                except Hangup:
                    pass
        self.assertEqual(self.server.lines("error"), [], self.server.log())
        self.assertLessEqual(len(self.server.lines("warning")), 200)


class Growth(WithServer):
    def visit(self):
        with self.server.connect() as client:
            client.start()
            os.close(client.create_blob(131268)[1])
            sync = client.create_sync()
            os.close(client.wait_sync([(sync, 1)], timeout_ms=1000))
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
        self.assertEqual(sorted(os.listdir(self.server.folder.name)), ["log", "socket"])

    def test_many_clients_at_once(self):
        clients = [self.start() for _ in range(40)]
        for client in clients:
            client.round_trip()
        self.assertEqual(len(self.server.children()), 40)
        for client in clients:
            client.close()
        self.assertTrue(wait_until(lambda: not self.server.children()))


class Stopping(WithServer):
    def stop(self, number):
        clients = [self.start() for _ in range(3)]
        clients[1].submit([([BLOCK], [], None)])
        clients[2].raw(b"\1")
        clients[0].round_trip()
        workers = self.server.children()
        self.assertEqual(len(workers), 3)
        status = self.server.stop(number, within_s=5)
        for client in clients:
            self.assertTrue(client.hung_up(within_s=2))
        self.assertTrue(wait_until(lambda: not any(map(is_running, workers))))
        return status

    def test_sigterm(self):
        self.assertEqual(self.stop(signal.SIGTERM), 0)
        self.assertFalse(os.path.exists(self.server.path))
        self.assertEqual(self.server.lines("error") + self.server.lines("warning"), [])

    def test_sigint(self):
        self.assertEqual(self.stop(signal.SIGINT), 0)
        self.assertFalse(os.path.exists(self.server.path))

    def test_sighup(self):
        self.assertEqual(self.stop(signal.SIGHUP), 0)
        self.assertFalse(os.path.exists(self.server.path))

    def test_workers_die_with_a_killed_listener(self):
        self.assertEqual(self.stop(signal.SIGKILL), -signal.SIGKILL)

    def test_path_that_another_server_took_stays(self):
        os.unlink(self.server.path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.server.path)
            self.assertEqual(self.server.stop(), 0)
            self.assertTrue(os.path.exists(self.server.path))


class Crowds(WithServer):
    options = ("--max-clients", "2")

    def serve(self):
        client = self.start()
        client.round_trip()
        return client

    def test_who_is_one_too_many_is_turned_away_and_nobody_else(self):
        clients = [self.serve(), self.serve()]
        with self.connect(name=None) as third:
            self.assert_refused(third, "client 3: turned away, 2 clients are being served and --max-clients")
        for client in clients:
            client.round_trip()

    def test_who_leaves_makes_room(self):
        clients = [self.serve(), self.serve()]
        for _ in range(5):
            clients.pop(0).close()
            self.assertTrue(wait_until(lambda: len(self.server.children()) == 1))
            clients.append(self.serve())
        self.assertEqual(self.server.lines("warning"), [])

    def test_workers_that_die_make_room(self):
        self.serve(), self.serve()
        for worker in self.server.children():
            os.kill(worker, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not self.server.children()))
        self.serve(), self.serve()


class OneAfterTheOther(WithServer):
    options = ("--no-fork",)

    def test_second_client_waits_for_the_first(self):
        first, second = self.start(), self.connect()
        first.round_trip()
        second.send(BUSY_WAIT, 0, 0)
        self.assertFalse(second.hung_up(within_s=0.1))
        first.close()
        second.socket.settimeout(5)
        self.assertEqual(self.server.children(), [])

    def test_bad_client_ends_alone(self):
        for _ in range(3):
            with self.connect() as client:
                client.send(0)
                self.assertTrue(client.hung_up(within_s=5))
        with self.start() as client:
            client.round_trip()

    def test_sigterm_while_serving(self):
        client = self.start()
        client.round_trip()
        self.assertEqual(self.server.stop(within_s=5), 0)
        self.assertTrue(client.hung_up(within_s=1))
        self.assertFalse(os.path.exists(self.server.path))

    def test_stuck_client_ends_the_server(self):
        client = self.start()
        client.submit([([BLOCK], [], None)])
        client.close()
        self.assertEqual(self.server.process.wait(5), 1)
        self.assertFalse(os.path.exists(self.server.path))
        self.assertIn("stuck client", self.server.lines("error")[0])


class OneOnly(WithServer):
    options = ("--no-loop-or-fork",)

    def test_ends_with_the_first_client(self):
        with self.start() as client:
            client.round_trip()
        self.assertEqual(self.server.process.wait(5), 0)
        self.assertFalse(os.path.exists(self.server.path))


class Starting(unittest.TestCase):
    def run_briefly(self, *options, **environment):
        return subprocess.run([PROGRAM, *options], env={**os.environ, **environment}, text=True,
                              capture_output=True, timeout=20, check=False)

    def test_greeting(self):
        with Server(PROGRAM) as server:
            self.assertEqual(server.greeting, f"vesper-server: listening at {server.path}\n")

    def test_help_and_version(self):
        for option, text in (("--help", "--socket-path PATH"), ("--version", "vesper-server ")):
            result = self.run_briefly(option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn(text, result.stdout)

    def test_wrong_options(self):
        for options, text in ((["--frobnicate"], "unknown option --frobnicate"),
                              (["-x"], "unknown option"),
                              (["--socket-path"], "--socket-path needs a value"),
                              (["saved.stream"], "unexpected argument saved.stream"),
                              (["--max-clients", "0"], "--max-clients 0 is no number from 1"),
                              (["--max-clients", "-1"], "--max-clients -1 is no number from 1"),
                              (["--max-clients", "many"], "--max-clients many is no number from 1"),
                              (["--max-clients", "99999999999"], "is no number from 1"),
                              (["--socket-path", ""], "0 bytes"),
                              (["--socket-path", "/tmp/" + "x" * 120], "125 bytes")):
            result = self.run_briefly(*options)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn(text, result.stderr)

    def test_options_of_virgl_test_server(self):
        with Server(PROGRAM, "--venus", "--multi-clients", "--no-virgl", "--use-egl-surfaceless",
                    "--use-glx", "--use-gles", "--compat", "--rendernode", "/dev/null") as server:
            with server.connect() as client:
                client.round_trip()
            self.assertIn("--use-glx: ignored", server.log())

    def test_dead_servers_socket_is_taken_over(self):
        with Server(PROGRAM) as server:
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(os.path.join(server.folder.name, "stale"))
            second = subprocess.Popen(
                [PROGRAM, "--socket-path", os.path.join(server.folder.name, "stale")],
                stdout=subprocess.PIPE)
            self.assertIn(b"listening", second.stdout.readline())
            second.terminate()
            self.assertEqual(second.wait(5), 0)
            second.stdout.close()

    def test_live_servers_socket_is_left_alone(self):
        with Server(PROGRAM) as server:
            result = self.run_briefly("--socket-path", server.path)
            self.assertEqual(result.returncode, 1)
            self.assertIn("another server listens there", result.stderr)
            self.assertIn("--socket-path", result.stderr)
            with server.connect() as client:
                client.round_trip()

    def test_file_that_is_no_socket_is_left_alone(self):
        with Server(PROGRAM) as server:
            result = self.run_briefly("--socket-path", server.log_path)
            self.assertEqual(result.returncode, 1)
            self.assertIn("no socket", result.stderr)
            self.assertTrue(os.path.isfile(server.log_path))

    def test_path_from_the_environment(self):
        with Server(PROGRAM) as server:
            result = self.run_briefly(VTEST_SOCKET_NAME=server.path)
            self.assertIn(server.path, result.stderr)

    def test_running_out_of_descriptors_is_survived(self):
        with Server(PROGRAM) as server:
            pid = server.process.pid
            subprocess.run(["prlimit", f"--pid={pid}", "--nofile=3:1024"], check=True)
            with server.connect() as client:
                self.assertTrue(wait_until(lambda: "cannot accept" in server.log()))
                subprocess.run(["prlimit", f"--pid={pid}", "--nofile=1024:1024"], check=True)
                client.round_trip()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = sys.argv.pop(1)
    unittest.main()
