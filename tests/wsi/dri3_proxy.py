#!/usr/bin/env python3
"""Stands between X clients and an X server without DRI3, such as Xvfb, and adds it.

    dri3_proxy.py [--version 1.0|1.2] [--refuse | --unused] SOCKET

Listens on SOCKET, a path; the server is that of $DISPLAY. A pixmap made of dma-bufs
becomes one of MIT-SHM, on the same descriptor: so the host's dma-bufs must be memfds (tests/layer), with rows one
after another, and the pixmap is as wide as their pitch. Everything else passes through, descriptors too. --refuse:
every pixmap is refused. Ends when the server does, with status 1 if nobody has asked for a pixmap; --unused: if
anybody has.

Each request stays one request, so that sequence numbers need no translation: what the proxy answers itself is
replaced by a question that the server answers as well (GetInputFocus), whose answer is then replaced.
"""

import argparse
import os
import select
import socket
import struct
import sys

MAJOR = 250  # of the extension; the server has none there
GET_INPUT_FOCUS, QUERY_EXTENSION, INVALID = 43, 98, 126
QUERY_VERSION, OPEN, PIXMAP_FROM_BUFFER, GET_MODIFIERS, PIXMAP_FROM_BUFFERS = 0, 1, 2, 6, 7
SHM_CREATE_PIXMAP, SHM_ATTACH_FD = 5, 6
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


class Client:
    """What passes between one client and the server."""

    def __init__(self, client, pixmaps, options):
        self.pixmaps, self.options = pixmaps, options
        self.client, self.server = client, connect()
        self.requests, self.answers = b"", b""
        self.fds = []  # the client's, not passed on yet
        self.set_up = self.told = False
        self.sequence = 0
        self.replaced = {}  # by sequence number: what makes another answer of the server's

    def close(self):
        for fd in self.fds:
            os.close(fd)
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
        elif request[0] == MAJOR:
            request = self.translate(request[1], request[head:])
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
        sys.exit(f"dri3_proxy: request {minor} is not known, or not so")

    def create_pixmap(self, pixmap, window, width, height, stride, offset, depth):
        fd = self.fds.pop(0)
        self.pixmaps.asked += 1
        if self.options.refuse:
            os.close(fd)
            return struct.pack("<BxH", INVALID, 1)
        if stride % 4 or stride // 4 < width:
            sys.exit(f"dri3_proxy: rows of {stride} bytes for {width} pixels")
        segment = self.pixmaps.attach(fd)
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
        replace, fds = self.replaced.pop(sequence, (None, [])) if kind == 1 else (None, [])
        if replace:
            answer = replace(answer)
        if fds:
            answer = answer[socket.send_fds(self.client, [answer], fds):]
            for fd in fds:
                os.close(fd)
        self.client.sendall(answer)
        return True


def serve(listener, pixmaps, options):
    clients = {}  # by both sockets
    while True:
        for ready in select.select([listener, pixmaps.server, *clients], [], [])[0]:
            if ready is listener:
                client = Client(listener.accept()[0], pixmaps, options)
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
    options = parser.parse_args()
    pixmaps = Pixmaps()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(options.socket + ".new")
        listener.listen()
        os.rename(options.socket + ".new", options.socket)  # who sees it can connect
        serve(listener, pixmaps, options)
    if bool(pixmaps.asked) == options.unused:
        sys.exit(f"dri3_proxy: {pixmaps.asked} pixmaps were asked for")


if __name__ == "__main__":
    main()
