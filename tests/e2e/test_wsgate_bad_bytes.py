"""Bytes that make no sense, and sockets that end in the middle of anything:
the gateway lets go of all that they held, and a client beside sees nothing."""
import json
import os
import signal
import socket
import struct
import threading

import pytest

import harness
import wscases
import wsdriver
from bystander import CHANNEL, Bystander, Feed
from rawws import BINARY, CLOSE, PING, TEXT, RawWs, frame
from wscases import ECHO, WS

ARGS = ("--dev", "--sndbuf", "4096", "--command-rate", "100000",
        "--command-burst", "100000")
BACKLOG = ["market_data:B%d" % i for i in range(10)]
AT_ONCE = 10
UPGRADE = (b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


class World:
    def __init__(self, g, redis_server=None):
        self.g = g
        self.redis_server = redis_server

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.g.tool.pid))

    def raw(self, path="/ws", **kw):
        return RawWs(self.g.port, path, **kw)


# --- sockets in every state; each returns one ---

def connected(w):
    return w.raw(shake=False)


def in_a_request(w):
    c = w.raw(shake=False)
    c.sock.sendall(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgr")
    return c


def in_a_body(w):
    c = w.raw(shake=False)
    c.sock.sendall(b"POST /api/v1/dev/redis/publish-test HTTP/1.1\r\n"
                   b"Host: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")
    return c


def nonsense(w):
    c = w.raw(shake=False)
    c.sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3)
    return c


def with_no_handshake_answer_read(w):
    c = w.raw(shake=False)
    c.sock.sendall(UPGRADE)
    return c


def idle(w):
    return w.raw()


def in_a_head(w):
    c = w.raw()
    c.sock.sendall(frame(TEXT, b"x" * 300)[:3])
    return c


def in_a_frame(w):
    c = w.raw("/echo")
    c.sock.sendall(frame(BINARY, length=16 << 20) + b"x" * 100000)
    return c


def in_a_message(w):
    c = w.raw()
    c.send(TEXT, b"x" * 20000, fin=False)
    c.send(0, b"x" * 20000, fin=False)
    c.send(PING, b"between")
    return c


def in_a_ping(w):
    c = w.raw()
    c.send(TEXT, b"x", fin=False)
    c.sock.sendall(frame(PING, b"p" * 125)[:70])
    return c


def with_a_backlog(w):
    """It reads nothing of ten channels."""
    c = w.raw(rcvbuf=2048)
    c.send(TEXT, json.dumps({"type": "subscribe", "channels": BACKLOG}))
    return c


def with_unread_answers(w):
    """More than it may have before it is served again."""
    c = w.raw(rcvbuf=2048)
    c.sock.sendall(frame(TEXT, b'{"type":"list","id":"%s"}' % (b"i" * 60)) *
                   1500)
    return c


def with_an_unread_echo(w):
    c = w.raw("/echo", rcvbuf=2048)
    c.sock.sendall(frame(BINARY, b"x" * 200000) + frame(TEXT, b"x" * 1000))
    return c


def subscribing(w):
    """Redis has not answered yet."""
    c = w.raw()
    c.send(TEXT, json.dumps({"type": "subscribe", "channels": [
        "market_data:NEW%d" % i for i in range(500)]}))
    return c


def closing(w):
    c = w.raw()
    c.send(CLOSE, struct.pack(">H", 1000))
    return c


def closing_with_a_backlog(w):
    c = with_a_backlog(w)
    c.send(CLOSE, struct.pack(">H", 1000))
    return c


def closed_by_the_gateway(w):
    c = w.raw()
    c.send(TEXT, b"x", rsv=4)
    return c


STATES = [connected, in_a_request, in_a_body, nonsense,
          with_no_handshake_answer_read, idle, in_a_head, in_a_frame,
          in_a_message, in_a_ping, with_a_backlog, with_unread_answers,
          with_an_unread_echo, subscribing, closing, closing_with_a_backlog,
          closed_by_the_gateway]


# --- and their ends ---

def reset(c):
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack("ii", 1, 0))
    c.close()


def vanish(c):
    """Without reading what is there."""
    c.close()


def half_close(c):
    """Reads all that comes, to the end that the gateway owes it."""
    c.sock.shutdown(socket.SHUT_WR)
    c.sock.settimeout(harness.deadline(10))
    assert c.ended(), "the gateway does not close"
    c.close()


ENDS = [reset, vanish, half_close]


def all_let_go(w, connections, subscriptions, fds):
    def now():
        return (w.g.metric("connections"), w.g.metric("subscriptions"),
                w.fds())
    # The one that asks is in it, too, as it was.
    harness.wait_until(lambda: now() <= (connections, subscriptions, fds), 15,
                       lambda: "%s, not %s" % (now(), (connections,
                                                       subscriptions, fds)))
    assert w.g.metric("connections") == connections


@pytest.fixture
def world(redis_server, gate):
    g = gate(*ARGS, redis=redis_server)
    return World(g, redis_server)


@pytest.mark.parametrize("state", STATES, ids=[f.__name__ for f in STATES])
def test_a_socket_may_end_in_any_state(world, redis_server, state):
    w = world
    feed = Feed(redis_server, [CHANNEL, *BACKLOG], 500)
    beside = Bystander(w.g)
    w.g.metric("connections")
    before = w.g.metric("connections"), w.g.metric("subscriptions"), w.fds()
    for end in ENDS:
        sockets = [state(w) for _ in range(AT_ONCE)]
        if state in (with_a_backlog, closing_with_a_backlog):
            harness.wait_until(
                lambda: w.g.metric("connections_behind") == AT_ONCE or
                state is closing_with_a_backlog, 10, "they are behind")
        threads = [threading.Thread(target=end, args=(c,)) for c in sockets]
        faults = []
        for t, c in zip(threads, sockets):
            t.run = lambda c=c: run(faults, end, c)
            t.start()
        for t in threads:
            t.join()
        assert not faults, (end.__name__, faults)
        all_let_go(w, *before)
    beside.done(feed)
    w.g.counters_add_up()


def run(faults, end, c):
    try:
        end(c)
    except (AssertionError, OSError) as e:
        faults.append(repr(e))


@pytest.mark.parametrize("path", ["/echo", "/ws"])
def test_what_was_asked_before_a_half_close_is_answered(world, path):
    """The end of what a client sends is there before its answers are gone."""
    w = world
    texts = [b'{"type":"ping","id":%d}' % i for i in range(2000)]
    sent = b"".join(frame(TEXT, t) for t in texts)
    for _ in range(5):
        with w.raw(path, rcvbuf=2048) as c:
            w.g.tool.signal(signal.SIGSTOP)
            c.sock.sendall(sent)
            c.sock.shutdown(socket.SHUT_WR)
            w.g.tool.signal(signal.SIGCONT)
            got = []
            with pytest.raises(EOFError):
                while True:
                    opcode, payload = c.recv()
                    m = json.loads(payload) if opcode == TEXT else {}
                    if m.get("type") in ("ping", "pong"):
                        got.append(m["id"])
            assert got == list(range(len(texts)))


FIRST_BYTES = {
    "nothing": b"",
    "no request": b"\x16\x03\x01\x02\x00" * 9,
    "part of a request": b"GET / HT",
    "a request": b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "requests": b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20,
    "a search": b"GET /api/v1/symbols HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a question about a body":
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
        b"Expect: 100-continue\r\n\r\n",
    "a handshake": UPGRADE,
    "a handshake that is refused": UPGRADE.replace(b": 13", b": 8"),
    "a handshake and a message": UPGRADE + frame(TEXT, b'{"type":"list"}'),
    "a handshake and a wrong frame": UPGRADE + frame(3, b""),
    "a handshake and a close frame": UPGRADE + frame(CLOSE, b""),
}


@pytest.mark.parametrize("what", FIRST_BYTES)
def test_a_socket_may_be_reset_before_it_is_accepted(world, what):
    """Its bytes are there, and nobody takes what they deserve."""
    w = world
    w.g.metric("connections")
    before = w.g.metric("connections"), w.g.metric("subscriptions"), w.fds()
    for end in (reset, vanish):
        w.g.tool.signal(signal.SIGSTOP)
        for _ in range(AT_ONCE):
            c = connected(w)
            c.sock.sendall(FIRST_BYTES[what])
            end(c)
        w.g.tool.signal(signal.SIGCONT)
        all_let_go(w, *before)
    assert w.g.tool.running(), w.g.tool.stderr[-4000:]


def test_memory_of_ended_sockets_returns(redis_server, gate):
    """All states, all ends, many times: what the first rounds took is enough
    for the others."""
    # Freed memory that a sanitizer keeps is none that the gateway keeps.
    env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
           ":quarantine_size_mb=1:thread_local_quarantine_size_kb=16"}
    g = gate(*ARGS, redis=redis_server, env=env)
    w = World(g)
    before = g.metric("connections"), g.metric("subscriptions"), w.fds()

    def rounds(count):
        for i in range(count):
            for state in STATES:
                for c in [state(w) for _ in range(4)]:
                    (reset, vanish)[i % 2](c)
        all_let_go(w, *before)
        return g.tool.rss_bytes()
    rounds(10)
    after = [rounds(5) for _ in range(4)]
    assert after[-1] - after[0] < 3 << 20, after


def test_wrong_frames_cost_a_client_beside_nothing(world, redis_server):
    """Hundreds of clients, each with something wrong, and as many that are
    right: cut frames, reserved bits, control frames in parts, UTF-8 that is
    split or none."""
    w = world
    feed = Feed(redis_server, [CHANNEL], 0)
    beside = Bystander(w.g)
    w.g.metric("connections")
    before = w.g.metric("connections"), w.g.metric("subscriptions"), w.fds()
    for group in wscases.GROUPS:
        if group == "sizes":
            continue
        for path in (ECHO, WS):
            cases = wscases.cases(path, group)
            wrong = wsdriver.faults(w.g.port, path, cases)
            assert not wrong, wrong
    all_let_go(w, *before)
    beside.done(feed)


# --- readers that are slow in their own ways ---

def reads_nothing(sock, until):
    until.wait()


def reads_a_kilobyte_a_second(sock, until):
    while not until.wait(0.1):
        sock.recv(102)


def reads_in_bursts(sock, until):
    while not until.wait(1):
        sock.setblocking(False)
        try:
            while sock.recv(1 << 16):
                pass
        except BlockingIOError:
            pass
        sock.setblocking(True)


def keeping(sock, kept):
    """A socket of which all that is read is kept."""
    class Kept:
        def recv(self, n):
            data = sock.recv(n)
            kept.extend(data)
            return data

        def setblocking(self, on):
            sock.setblocking(on)
    return Kept()


@pytest.mark.parametrize("pace", [reads_nothing, reads_a_kilobyte_a_second,
                                  reads_in_bursts])
def test_a_slow_reader_is_not_felt_and_has_the_newest_at_last(
        world, redis_server, pace):
    w = world
    feed = Feed(redis_server, [CHANNEL, *BACKLOG], 500)
    beside = Bystander(w.g)
    slow = []
    for _ in range(AT_ONCE):
        c = w.raw(rcvbuf=2048)
        c.send(TEXT, json.dumps({"type": "subscribe", "channels": BACKLOG}))
        slow.append((c, bytearray(c.buf)))
    until = threading.Event()
    threads = [threading.Thread(target=pace, args=(keeping(c.sock, kept),
                                                   until))
               for c, kept in slow]
    for t in threads:
        t.start()
    harness.wait_until(lambda: w.g.metric("connections_behind") >= AT_ONCE / 2
                       and feed.rounds > 150, 30, "they are behind")
    rss = w.g.tool.rss_bytes()
    begun = feed.rounds
    harness.wait_until(lambda: feed.rounds > begun + 150, 30, "it goes on")
    grown = w.g.tool.rss_bytes() - rss
    beside.done(feed)
    until.set()
    for t in threads:
        t.join()
    assert grown < AT_ONCE * 65536 + (1 << 20), grown
    for c, kept in slow:
        c.buf = bytes(kept)
        c.sock.settimeout(harness.deadline(10))
        last = {}
        while len(last) < len(BACKLOG) or min(last.values()) < feed.rounds - 1:
            m = json.loads(c.recv_until(TEXT))
            if m["type"] == "update":
                assert last.get(m["channel"], -1) < m["data"]["n"]
                last[m["channel"]] = m["data"]["n"]
        c.close()
    assert w.g.metric("closes_total", code="4101") == 0
    harness.wait_until(lambda: w.g.metric("connections_behind") == 0, 10,
                       "nobody is behind")
    w.g.counters_add_up()
