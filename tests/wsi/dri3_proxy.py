#!/usr/bin/env python3
"""Stands between X clients and an X server without DRI3, such as Xvfb, and adds it.

    dri3_proxy.py [--version 1.0|1.2|1.4] [--refuse | --unused] [--points LIBDRM [--no-points]] SOCKET

Listens on SOCKET, a path; the server is that of $DISPLAY. A pixmap made of dma-bufs
becomes one of MIT-SHM, on the same descriptor: so the host's dma-bufs must be memfds (tests/layer), with rows one
after another, and the pixmap is as wide as their pitch. Everything else passes through, descriptors too. --refuse:
every pixmap is refused. Ends when the server does, with status 1 if nobody has asked for a pixmap; --unused: if
anybody has.

--points, with version 1.4: frames come with points on timelines of that libdrm's (tests/wsi/syncobj), and all of them
must; none with --no-points. Such a pixmap is released at the next frame's IdleNotify; its own comes before that, as it
may, to catch clients that believe it: who changes a pixmap that was not released ends the proxy.

Each request stays one request, so that sequence numbers need no translation: what the proxy answers itself is
replaced by a question that the server answers as well (GetInputFocus), whose answer is then replaced.
"""

import argparse
import ctypes
import mmap
import os
import select
import socket
import struct
import sys
import zlib

MAJOR = 250  # of the extension; the server has none there
GET_INPUT_FOCUS, QUERY_EXTENSION, INVALID, NO_OPERATION = 43, 98, 126, 127
QUERY_VERSION, OPEN, PIXMAP_FROM_BUFFER, GET_MODIFIERS, PIXMAP_FROM_BUFFERS = 0, 1, 2, 6, 7
IMPORT_SYNCOBJ, FREE_SYNCOBJ = 10, 11
PRESENT_QUERY_VERSION, PRESENT_PIXMAP, PRESENT_QUERY_CAPABILITIES, PRESENT_PIXMAP_SYNCED = 0, 1, 4, 5
CAPABILITY_SYNCOBJ, GENERIC_EVENT, IDLE_NOTIFY = 16, 35, 2
SHM_CREATE_PIXMAP, SHM_ATTACH_FD = 5, 6
NOTHING = struct.pack("<BxH", NO_OPERATION, 1)
LINEAR, METADATA = 0, 0xFE00000000000001  # tests/layer/modifiers.h


def connect():
    """To the server of $DISPLAY, by its socket."""
    number = os.environ["DISPLAY"].split(":")[1].split(".")[0]
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"/tmp/.X11-unix/X{number}")
    return server


def receive_exactly(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            sys.exit("dri3_proxy: the server has closed the connection")
        data += part
    return data


class Pixmaps:
    """A connection of the proxy's own, on which segments of shared memory are attached: any client may then make
    pixmaps of them."""

    def __init__(self):
        self.server = connect()
        self.server.sendall(struct.pack("<BxHHHH2x", ord("l"), 11, 0, 0, 0))
        head = receive_exactly(self.server, 8)
        setup = receive_exactly(self.server, 4 * struct.unpack_from("<H", head, 6)[0])
        if head[0] != 1:
            sys.exit("dri3_proxy: the server refuses the connection")
        self.next_id, self.id_mask = struct.unpack_from("<II", setup, 4)
        self.next_id += 1
        self.asked = 0  # pixmaps, so far
        name = b"MIT-SHM"
        self.server.sendall(struct.pack("<BxHHxx", QUERY_EXTENSION, 4, len(name)) + name + b"\0")
        reply = receive_exactly(self.server, 32)
        self.major = reply[9]
        if not reply[8]:
            sys.exit("dri3_proxy: the server has no MIT-SHM")

    def attach(self, fd):
        """The segment with that descriptor's memory."""
        segment = self.next_id
        self.next_id += 1
        request = struct.pack("<BBHIBxxx", self.major, SHM_ATTACH_FD, 3, segment, 0)
        socket.send_fds(self.server, [request], [fd])
        self.server.sendall(struct.pack("<BxH", GET_INPUT_FOCUS, 1))
        answer = receive_exactly(self.server, 32)
        if answer[0] != 1:
            sys.exit(f"dri3_proxy: the server does not map the memory: error {answer[1]}")
        return segment


class Timelines:
    """Of the kernel, by libdrm, or by what stands for both."""

    def __init__(self, library):
        self.drm = ctypes.CDLL(library)
        self.node = next((fd for fd in map(self.drm.drmOpenRender, range(128, 192)) if fd >= 0), None)
        if self.node is None:
            sys.exit("dri3_proxy: there is no render node")

    def take(self, fd):
        handle = ctypes.c_uint32()
        if self.drm.drmSyncobjFDToHandle(self.node, fd, ctypes.byref(handle)) != 0:
            sys.exit("dri3_proxy: that is no timeline")
        os.close(fd)
        return handle

    def free(self, handle):
        self.drm.drmSyncobjDestroy(self.node, handle)

    def reached(self, handle):
        point = ctypes.c_uint64()
        self.drm.drmSyncobjQuery(self.node, ctypes.byref(handle), ctypes.byref(point), 1)
        return point.value

    def reach(self, handle, point):
        self.drm.drmSyncobjTimelineSignal(self.node, ctypes.byref(handle), ctypes.byref(ctypes.c_uint64(point)), 1)


class Frame:
    """One that came with points, from its request on until its pixmap is released."""

    def __init__(self, pixels, timeline, point):
        self.pixels, self.timeline, self.point = pixels, timeline, point
        self.sum = None  # of what the server has read

    def read(self):
        self.sum = zlib.crc32(self.pixels)

    def release(self, timelines):
        if zlib.crc32(self.pixels) != self.sum:
            sys.exit("dri3_proxy: a pixmap was changed before it was released")
        timelines.reach(self.timeline, self.point)


class Client:
    """What passes between one client and the server."""

    def __init__(self, client, pixmaps, timelines, options):
        self.pixmaps, self.timelines, self.options = pixmaps, timelines, options
        self.present_major = None
        self.pixels = {}  # by pixmap
        self.syncobjs = {}  # handles, by the client's ids
        self.frames = {}  # not read yet, by pixmap and serial number
        self.read_last = None  # the frame that was, and is not released yet
        self.client, self.server = client, connect()
        self.requests, self.answers = b"", b""
        self.fds = []  # the client's, not passed on yet
        self.set_up = self.told = False
        self.sequence = 0
        self.replaced = {}  # by sequence number: what makes another answer of the server's

    def close(self):
        for fd in self.fds:
            os.close(fd)
        for handle in self.syncobjs.values():
            self.timelines.free(handle)
        self.client.close()
        self.server.close()

    def from_client(self):
        data, fds, _, _ = socket.recv_fds(self.client, 1 << 16, 16)
        self.fds += fds
        self.requests += data
        if not self.set_up and len(self.requests) >= 12:
            name, word = struct.unpack_from("<HH", self.requests, 6)
            size = 12 + (name + 3) // 4 * 4 + (word + 3) // 4 * 4
            if len(self.requests) >= size:
                self.server.sendall(self.requests[:size])
                self.requests = self.requests[size:]
                self.set_up = True
        while self.set_up and self.pass_request():
            pass
        return bool(data)

    def pass_request(self):
        """Passes the first request on; False if it is not whole."""
        if len(self.requests) < 4:
            return False
        size, head = 4 * struct.unpack_from("<H", self.requests, 2)[0], 4
        if size == 0:
            if len(self.requests) < 8:
                return False
            size, head = 4 * struct.unpack_from("<I", self.requests, 4)[0], 8
        if len(self.requests) < size:
            return False
        request, self.requests = self.requests[:size], self.requests[size:]
        self.sequence = (self.sequence + 1) & 0xFFFF
        if request[0] == QUERY_EXTENSION and request[8:8 + struct.unpack_from("<H", request, 4)[0]] == b"DRI3":
            self.replaced[self.sequence] = (lambda reply: reply[:8] + bytes([1, MAJOR, 0, 0]) + reply[12:], [])
        elif request[0] == QUERY_EXTENSION and request[8:8 + struct.unpack_from("<H", request, 4)[0]] == b"Present":
            self.replaced[self.sequence] = (self.learn_present, [])
        elif request[0] == MAJOR:
            request = self.translate(request[1], request[head:])
        elif request[0] == self.present_major and self.timelines:
            request = self.translate_present(request)
        self.send_request(request)
        return True

    def send_request(self, request):
        if request[:2] == bytes([self.pixmaps.major, SHM_ATTACH_FD]):
            fd = self.fds.pop(0)
            request = request[socket.send_fds(self.server, [request], [fd]):]
            os.close(fd)
        self.server.sendall(request)

    def answer(self, body, fds=()):
        """Instead of the answer to GetInputFocus: `body` from its first byte behind the sequence number on."""
        count = len(fds)
        extra = max(0, len(body) + 8 - 32)
        self.replaced[self.sequence] = (
            lambda reply: struct.pack("<BBHI", 1, count, struct.unpack_from("<H", reply, 2)[0], extra // 4) +
            body.ljust(24, b"\0"), list(fds))
        return struct.pack("<BxH", GET_INPUT_FOCUS, 1)

    def translate(self, minor, body):
        if minor == QUERY_VERSION:
            return self.answer(struct.pack("<II", *self.options.version))
        if minor == OPEN:
            return self.answer(b"", [os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)])
        if minor == GET_MODIFIERS:
            return self.answer(struct.pack("<II16xQQQ", 1, 2, METADATA, METADATA, LINEAR))
        if minor == PIXMAP_FROM_BUFFERS:
            pixmap, window, count, width, height, stride, offset = struct.unpack_from("<IIBxxxHHII", body)
            depth, modifier = body[48], struct.unpack_from("<Q", body, 52)[0]
            if (count, modifier) in ((1, LINEAR), (2, METADATA)):
                if count == 2:
                    os.close(self.fds.pop(1))  # nobody reads metadata
                return self.create_pixmap(pixmap, window, width, height, stride, offset, depth)
        if minor == PIXMAP_FROM_BUFFER:
            pixmap, window, _, width, height, stride, depth = struct.unpack_from("<IIIHHHB", body)
            return self.create_pixmap(pixmap, window, width, height, stride, 0, depth)
        if minor == IMPORT_SYNCOBJ and self.timelines:
            self.syncobjs[struct.unpack_from("<I", body)[0]] = self.timelines.take(self.fds.pop(0))
            return NOTHING
        if minor == FREE_SYNCOBJ and self.timelines:
            self.free_syncobj(self.syncobjs.pop(struct.unpack_from("<I", body)[0]))
            return NOTHING
        sys.exit(f"dri3_proxy: request {minor} is not known, or not so")

    def free_syncobj(self, handle):
        self.timelines.free(handle)
        self.frames = {key: frame for key, frame in self.frames.items() if frame.timeline is not handle}
        if self.read_last and self.read_last.timeline is handle:
            self.read_last = None

    def learn_present(self, reply):
        self.present_major = reply[9]
        return reply

    def translate_present(self, request):
        """Makes the server's Present extension one of version 1.4."""
        minor = request[1]
        if minor == PRESENT_QUERY_VERSION:
            self.replaced[self.sequence] = (lambda reply: reply[:8] + struct.pack("<II", 1, 4) + reply[16:], [])
        elif minor == PRESENT_QUERY_CAPABILITIES:
            self.replaced[self.sequence] = (
                lambda reply: reply[:8] + bytes([reply[8] | CAPABILITY_SYNCOBJ]) + reply[9:], [])
        elif minor == PRESENT_PIXMAP and not self.options.no_points:
            sys.exit("dri3_proxy: a frame without points")
        elif minor == PRESENT_PIXMAP_SYNCED:
            if self.options.no_points:
                sys.exit("dri3_proxy: a frame with points")
            return self.present_synced(request)
        return request

    def present_synced(self, request):
        pixmap, serial = struct.unpack_from("<II", request, 8)
        acquire, release, acquire_point, release_point = struct.unpack_from("<IIQQ", request, 32)
        if not 0 < acquire_point < release_point or acquire != release:
            sys.exit(f"dri3_proxy: points {acquire_point} of {acquire:#x} and {release_point} of {release:#x}")
        if self.timelines.reached(self.syncobjs[acquire]) < acquire_point:
            sys.exit("dri3_proxy: a frame that is not complete")
        self.frames[pixmap, serial] = Frame(self.pixels[pixmap], self.syncobjs[release], release_point)
        return (struct.pack("<BBH", self.present_major, PRESENT_PIXMAP, 18) + request[4:32] +
                bytes(8) + request[56:])

    def pixmap_idle(self, event):
        serial, pixmap = struct.unpack_from("<II", event, 20)
        frame = self.frames.pop((pixmap, serial), None)
        if frame:
            frame.read()
            if self.read_last:
                self.read_last.release(self.timelines)
            self.read_last = frame

    def create_pixmap(self, pixmap, window, width, height, stride, offset, depth):
        fd = self.fds.pop(0)
        self.pixmaps.asked += 1
        if self.options.refuse:
            os.close(fd)
            return struct.pack("<BxH", INVALID, 1)
        if stride % 4 or stride // 4 < width:
            sys.exit(f"dri3_proxy: rows of {stride} bytes for {width} pixels")
        segment = self.pixmaps.attach(fd)
        if self.timelines:
            self.pixels[pixmap] = mmap.mmap(fd, offset + stride * height, prot=mmap.PROT_READ)
        os.close(fd)
        return struct.pack("<BBHIIHHBxxxII", self.pixmaps.major, SHM_CREATE_PIXMAP, 7, pixmap, window, stride // 4,
                           height, depth, segment, offset)

    def from_server(self):
        data, fds, _, _ = socket.recv_fds(self.server, 1 << 16, 16)
        for fd in fds:
            os.close(fd)
            sys.exit("dri3_proxy: a descriptor from the server, of which nothing is known")
        self.answers += data
        if not self.told and len(self.answers) >= 8:
            size = 8 + 4 * struct.unpack_from("<H", self.answers, 6)[0]
            if len(self.answers) >= size:
                self.client.sendall(self.answers[:size])
                self.answers = self.answers[size:]
                self.told = True
        while self.told and self.pass_answer():
            pass
        return bool(data)

    def pass_answer(self):
        """Passes the first answer, event or error on; False if it is not whole."""
        if len(self.answers) < 32:
            return False
        kind, sequence, length = self.answers[0], *struct.unpack_from("<xxHI", self.answers)
        size = 32 + (4 * length if kind in (1, 35) else 0)
        if len(self.answers) < size:
            return False
        answer, self.answers = self.answers[:size], self.answers[size:]
        if kind == GENERIC_EVENT and answer[1] == self.present_major and answer[8] == IDLE_NOTIFY:
            self.pixmap_idle(answer)
        replace, fds = self.replaced.pop(sequence, (None, [])) if kind == 1 else (None, [])
        if replace:
            answer = replace(answer)
        if fds:
            answer = answer[socket.send_fds(self.client, [answer], fds):]
            for fd in fds:
                os.close(fd)
        self.client.sendall(answer)
        return True


def serve(listener, pixmaps, timelines, options):
    clients = {}  # by both sockets
    while True:
        for ready in select.select([listener, pixmaps.server, *clients], [], [])[0]:
            if ready is listener:
                client = Client(listener.accept()[0], pixmaps, timelines, options)
                clients[client.client] = clients[client.server] = client
            elif ready is pixmaps.server:
                if not pixmaps.server.recv(32):
                    return  # the server has ended
            elif ready in clients:
                client = clients[ready]
                try:
                    alive = client.from_client() if ready is client.client else client.from_server()
                except OSError:
                    alive = False
                if not alive:
                    del clients[client.client], clients[client.server]
                    client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--version", default="1.2", type=lambda text: [int(part) for part in text.split(".")])
    parser.add_argument("--refuse", action="store_true")
    parser.add_argument("--unused", action="store_true")
    parser.add_argument("socket")
    parser.add_argument("--points", metavar="LIBDRM")
    parser.add_argument("--no-points", action="store_true")
    options = parser.parse_args()
    pixmaps = Pixmaps()
    timelines = Timelines(options.points) if options.points else None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(options.socket + ".new")
        listener.listen()
        os.rename(options.socket + ".new", options.socket)  # who sees it can connect
        serve(listener, pixmaps, timelines, options)
    if bool(pixmaps.asked) == options.unused:
        sys.exit(f"dri3_proxy: {pixmaps.asked} pixmaps were asked for")


if __name__ == "__main__":
    main()
