"""Plays cases (wscases.py) against a gateway, many at once, and says what was
not as it must be."""
import asyncio
import base64
import hashlib
import json
import os
import socket
import struct

import harness
from wscases import CLOSE, OPEN, PING, PONG, TEXT, close, frame

AT_ONCE = 32
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ONE_BY_ONE = 300  # bytes of what is larger: the first and the last so many
PROBE = b"still there?"


class Wrong(Exception):
    """Not what the case expects; its text says what."""


class Pace:
    """The next byte of a connection, when the gateway has read the last one:
    otherwise it would read several at a time.  The kernel is asked (sock_diag(7))
    about the gateway's end; where it does not say, bytes only go one by one."""

    SOCK_DIAG, BY_FAMILY, REQUEST, ALL = 4, 20, 1, 0xffffffff
    LOOPBACK = socket.inet_aton("127.0.0.1") + bytes(12)

    def __init__(self, port):
        self.port = port
        try:
            self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM,
                                         self.SOCK_DIAG)
        except OSError:
            self.netlink = None

    def close(self):
        if self.netlink:
            self.netlink.close()

    def unread(self, peer_port):
        """Bytes that wait at the gateway in the connection from that port."""
        if not self.netlink:
            return 0
        ask = struct.pack("=BBBBIHH16s16sIII", socket.AF_INET,
                          socket.IPPROTO_TCP, 0, 0, self.ALL,
                          socket.htons(self.port), socket.htons(peer_port),
                          self.LOOPBACK, self.LOOPBACK, 0, self.ALL, self.ALL)
        self.netlink.send(struct.pack("=IHHII", 16 + len(ask), self.BY_FAMILY,
                                      self.REQUEST, 0, 0) + ask)
        said = self.netlink.recv(4096)
        if struct.unpack_from("=H", said, 4)[0] != self.BY_FAMILY:
            return 0  # there is no such connection any more
        return struct.unpack_from("=I", said, 16 + 4 + 48 + 4)[0]

    async def is_read(self, peer_port):
        """All that the connection from that port has sent."""
        await asyncio.sleep(0)  # the others send theirs
        while self.unread(peer_port):
            await asyncio.sleep(0)


def brief(got):
    text = repr(got)
    return text if len(text) < 120 else text[:100] + "... (%d)" % len(text)


class Connection:
    """One that has shaken hands.  Whatever it reads must be what a server may
    send: whole frames, no mask, no reserved bit, the shortest length."""

    def __init__(self, path):
        self.path = path
        self.loop = asyncio.get_running_loop()
        self.buf = bytearray()
        self.told = False  # by a close frame that it ends
        self.sock = socket.socket()
        self.sock.setblocking(False)

    async def open(self, port):
        await self.loop.sock_connect(self.sock, ("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16))
        await self.loop.sock_sendall(self.sock, (
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: %s\r\n\r\n" %
            (self.path.path.encode(), port, key)))
        while b"\r\n\r\n" not in self.buf:
            await self._more()
        head, _, rest = bytes(self.buf).partition(b"\r\n\r\n")
        self.buf = bytearray(rest)
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        if not head.startswith(b"HTTP/1.1 101 ") or \
                b"sec-websocket-accept: " + accept.lower() not in head.lower():
            raise Wrong("the handshake: %s" % brief(head))

    async def _more(self):
        data = await self.loop.sock_recv(self.sock, 1 << 18)
        if not data:
            raise EOFError
        self.buf += data

    async def _need(self, n):
        while len(self.buf) < n:
            await self._more()

    async def frame(self):
        """(opcode, payload) of the next."""
        await self._need(2)
        first, n, at = self.buf[0], self.buf[1], 2
        self.told = self.told or first & 15 == CLOSE
        if n > 127 or first & 0xf0 != 0x80:
            raise Wrong("a server must not send frames that begin with %s" %
                        bytes(self.buf[:2]).hex())
        if n >= 126:
            least, size = (126, 2) if n == 126 else (65536, 8)
            await self._need(2 + size)
            at += size
            n = int.from_bytes(self.buf[2:at], "big")
            if n < least:
                raise Wrong("a length of %d in %d bytes" % (n, size))
        await self._need(at + n)
        payload = bytes(self.buf[at:at + n])
        del self.buf[:at + n]
        return first & 15, payload

    async def heard(self):
        """The next that the case is about, as it is written there."""
        while True:
            opcode, payload = await self.frame()
            if opcode == PING:
                continue  # is the client alive
            if self.path.path != "/ws" or opcode != TEXT:
                return opcode, payload
            m = json.loads(payload)
            if m["type"] == "pong":
                return "pong", m["id"]
            if m["type"] == "error":
                return "error", m["code"]
            if m["type"] not in ("welcome", "heartbeat"):
                return opcode, payload

    async def send(self, data, pace=None):
        """Until all has gone, or the other side takes no more.  With a pace,
        byte by byte."""
        try:
            if not pace:
                await self.loop.sock_sendall(self.sock, data)
                return
            big = len(data) > 3 * ONE_BY_ONE
            tail = len(data) - ONE_BY_ONE if big else 0
            for i in range(ONE_BY_ONE if big else len(data)):
                await self._byte(data[i:i + 1], pace)
            if big:
                await self.loop.sock_sendall(self.sock, data[ONE_BY_ONE:tail])
                for i in range(tail, len(data)):
                    await self._byte(data[i:i + 1], pace)
        except ConnectionError:
            pass  # what was said about it is still read

    async def _byte(self, byte, pace):
        await self.loop.sock_sendall(self.sock, byte)
        await pace.is_read(self.sock.getsockname()[1])

    async def ends(self):
        """Nothing more but the end of the stream.  Who was not told that it
        ends may be asked before whether it is alive."""
        try:
            more = await self.frame()
            while more == (PING, b"") and not self.told:
                more = await self.frame()
        except EOFError:
            return
        except ConnectionError as e:
            raise Wrong("the socket ends by %s" % type(e).__name__) from e
        raise Wrong("a frame behind the close frame: %s" % brief(more))


async def expect(c, want):
    got = await c.heard()
    if got != want:
        raise Wrong("%s came, not %s" % (brief(got), brief(want)))


async def expect_close(c, code, answered):
    got = await c.heard()
    if got[0] != CLOSE:
        raise Wrong("%s came, not a close frame with %s" % (brief(got), code))
    if got[1][:2] != struct.pack(">H", code):
        raise Wrong("closed with %s, not with %d" % (
            struct.unpack(">H", got[1][:2])[0] if got[1] else "no code", code))
    reason = got[1][2:].decode()
    if bool(reason) == answered:
        raise Wrong("closed with the reason %r" % reason)


async def play(c, case, pace):
    for want in case.back:
        await expect(c, want)
    code, answered = case.end, case.answered
    if code == OPEN:
        await c.sending
        await c.send(frame(PING, PROBE), pace)
        await expect(c, (PONG, PROBE))
        code, answered = 1000, True
        await c.send(close(1000, b"done"), pace)
    await expect_close(c, code, answered)
    if not answered:
        await c.send(close(code))
    await c.ends()


async def run_case(port, path, case, pace):
    """None, or what was wrong."""
    c = Connection(path)
    c.sending = None
    try:
        await c.open(port)
        c.sending = asyncio.ensure_future(c.send(case.sent, pace))
        await play(c, case, pace)
    except Wrong as e:
        return str(e)
    except EOFError:
        return "the socket ended without a close frame"
    except ConnectionError as e:
        return "the socket ended by %s" % type(e).__name__
    finally:
        if c.sending:
            c.sending.cancel()
        c.sock.close()
    return None


async def run_all(port, path, cases, one_by_one):
    pace = Pace(port) if one_by_one else None
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(case):
        async with gate:
            try:
                why = await asyncio.wait_for(run_case(port, path, case, pace),
                                             harness.deadline(15))
            except asyncio.TimeoutError:
                why = "nothing more came in %.0f s" % harness.deadline(15)
        return why and "%s: %s" % (case.name, why)
    try:
        return [f for f in await asyncio.gather(*map(one, cases)) if f]
    finally:
        if pace:
            pace.close()


def faults(port, path, cases, one_by_one=False):
    """A line for each case that failed, with its name.  one_by_one: the
    gateway reads byte by byte."""
    return asyncio.run(run_all(port, path, cases, one_by_one))
