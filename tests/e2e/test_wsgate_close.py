"""How connections end: who is told to go can read why, whatever it sends
meanwhile; and nobody is told to go for a message that is big."""
import json
import signal
import socket
import struct
import threading

import pytest

import harness
from rawws import BINARY, CLOSE, PING, TEXT, RawWs, frame

ROUNDS = 50
# More than one read of the gateway, less than a socket takes at once.
MORE = frame(TEXT, b'{"type":"ping","pad":"%s"}' % (b"x" * 30000)) * 8


def ending(c):
    """The close code and how the socket ends: "end" or the name of an error.
    It answers, and sends on behind its answer."""
    code = None
    try:
        while True:
            opcode, payload = c.recv()
            assert code is None, "a frame after the close frame"
            if opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                c.sock.sendall(frame(CLOSE, payload) + MORE)
    except EOFError:
        return code, "end"
    except OSError as e:
        return code, type(e).__name__


ENDS = {
    "the client closes": (frame(CLOSE, struct.pack(">H", 3001)), 3001),
    "the client closes without a code": (frame(CLOSE, b""), 1000),
    "a protocol error": (frame(TEXT, b"{}", mask=False), 1002),
    "binary": (frame(BINARY, b"x"), 1003),
    "not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "a frame too big": (frame(TEXT, b"x", length=1 << 20), 1009),
    "ten bad requests": (frame(TEXT, b"{") * 10, 4000),
    "a flood": (frame(TEXT, b'{"type":"ping"}') * 101, 4100),
}


@pytest.mark.parametrize("path,what", [
    (path, what) for path in ("/ws", "/api/v1/ws") for what in ENDS
    if path == "/ws" or what != "ten bad requests"])
def test_data_behind_a_close_frame_does_not_hide_it(gate, path, what):
    g = gate()
    sent, code = ENDS[what]
    for _ in range(ROUNDS):
        with RawWs(g.port, path) as c:
            c.sock.sendall(sent + MORE)
            assert ending(c) == (code, "end")
    harness.wait_until(lambda: g.metric("connections") == 0, 5, "all are gone")


def test_data_behind_the_answer_to_a_close_frame_does_not_hide_it(gate):
    """Both say that they close: what they said crosses."""
    g = gate()
    for _ in range(ROUNDS):
        with RawWs(g.port) as c:
            c.sock.sendall(frame(TEXT, b"{") * 10 +
                           frame(CLOSE, struct.pack(">H", 3001)) + MORE)
            assert ending(c) == (4000, "end")


def test_a_client_that_sends_on_learns_that_the_gateway_goes(gate):
    g = gate()
    clients = [g.raw() for _ in range(ROUNDS)]
    for c in clients:
        c.recv_until(TEXT)
    ends = []

    def talk(c):
        c.sock.sendall(MORE)
        ends.append(ending(c))
    g.tool.signal(signal.SIGTERM)
    threads = [threading.Thread(target=talk, args=(c,)) for c in clients]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert ends == [(1001, "end")] * ROUNDS
    for c in clients:
        c.close()
    assert g.tool.wait() == 0


def test_who_is_turned_away_can_read_why(gate):
    g = gate("--max-per-address", "1")
    g.raw().recv_until(TEXT)
    for _ in range(ROUNDS):
        c = RawWs(g.port, shake=False)
        head = ("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        c.sock.sendall(head.encode() + MORE)
        while b"\r\n\r\n" not in c.buf:
            c.buf += c.sock.recv(4096)
        assert c.buf.startswith(b"HTTP/1.1 101 ")
        c.buf = c.buf.partition(b"\r\n\r\n")[2]
        assert ending(c) == (1013, "end")
        c.close()


@pytest.mark.parametrize("status,head", [
    (413, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000"),
    (431, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + "x" * 9000),
    (505, "GET / HTTP/9.9\r\nHost: x"),
], ids=["413", "431", "505"])
def test_an_http_answer_is_read_while_the_body_still_comes(gate, status, head):
    g = gate()
    for _ in range(ROUNDS):
        with RawWs(g.port, shake=False) as c:
            c.sock.sendall(head.encode() + b"\r\n\r\n")
            # As clients do that look at the answer when all is sent.
            c.sock.sendall(b"x" * 30000000)
            got = b""
            while True:
                data = c.sock.recv(65536)
                if not data:
                    break
                got += data
            assert int(got.split()[1]) == status


def test_who_finds_no_connection_left_can_read_so(gate):
    g = gate("--max-connections", "1")
    kept = RawWs(g.port, shake=False)
    kept.sock.sendall(b"GET /api/v1/ws/status HTTP/1.1\r\nHost: x\r\n\r\n")
    assert kept.sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    for _ in range(ROUNDS):
        with RawWs(g.port, shake=False) as c:
            # It is all there when the gateway accepts.
            g.tool.signal(signal.SIGSTOP)
            c.sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n"
                           b"Content-Length: 60000\r\n\r\n" + b"x" * 60000)
            g.tool.signal(signal.SIGCONT)
            got = b""
            while True:
                data = c.sock.recv(65536)
                if not data:
                    break
                got += data
            assert got.startswith(b"HTTP/1.1 503 ")
    kept.close()


# --- big messages ---

def big(n):
    return json.dumps({"type": "book", "pad": "p" * n})


@pytest.fixture
def served(redis_server, gate):
    return gate(redis=redis_server)


@pytest.mark.parametrize("mode", ["latest", "all"])
@pytest.mark.parametrize("name", ["market_data:BIG", "market_data:*"])
def test_a_snapshot_of_one_and_a_half_megabytes_comes_whole(
        served, redis_server, name, mode):
    redis_server.client().hset("last:market_data:BIG", "book", big(1500000))
    if name.endswith("*"):
        with served.ws() as ws:
            ws.subscribe("market_data:BIG")
            ws.wait_type("snapshot")
    c = served.raw(rcvbuf=4096)
    c.send(TEXT, json.dumps({"type": "subscribe", "channels": [name],
                             "mode": mode}))
    while True:
        m = json.loads(c.recv_until(TEXT))
        if m["type"] == "snapshot":
            break
    assert m["data"]["pad"] == "p" * 1500000
    c.send(TEXT, '{"type":"ping","id":1}')
    while json.loads(c.recv_until(TEXT))["type"] != "pong":
        pass


def test_who_reads_a_big_snapshot_slowly_gets_it(redis_server, gate):
    """Its pings wait behind it: they are no answers that it did not read, and
    whoever reads is alive."""
    g = gate("--ping", "1s", redis=redis_server)
    redis_server.client().hset("last:market_data:BIG", "book", big(3000000))
    c = g.raw(rcvbuf=4096)
    c.send(TEXT, '{"type":"subscribe","channels":["market_data:BIG"]}')
    while json.loads(c.recv_until(TEXT))["type"] != "subscribed":
        pass
    silent = g.raw()

    def one_is_closed():
        c.buf += c.sock.recv(8192)
        return g.metric("closes_total", code="4102")
    harness.wait_until(one_is_closed, 10, "a silent one is closed", every=0.02)
    silent.close()
    assert g.metric("closes_total", code="4102") == 1
    assert len(c.buf) < 2000000, "it was meant to be slow"
    while True:
        m = json.loads(c.recv_until(TEXT))
        if m["type"] == "snapshot":
            break
    assert m["data"]["pad"] == "p" * 3000000
    c.recv_until(PING)


def test_who_does_not_read_its_answers_is_served_when_it_does(gate):
    """It is not read meanwhile, so that what is kept for it is bounded."""
    g = gate("--command-burst", "100000")
    c = g.raw(rcvbuf=2048)

    def many(k):
        return json.dumps({"type": "unsubscribe", "id": k, "channels":
                           ["%d:%d" % (k, i) for i in range(4000)]},
                          separators=(",", ":")).encode()
    before = g.tool.rss_bytes()
    sender = threading.Thread(
        target=lambda: c.sock.sendall(b"".join(frame(TEXT, many(k))
                                               for k in range(100))))
    sender.start()
    beside = g.ws()
    for k in range(20):
        beside.send({"type": "ping", "id": k})
        beside.wait_type("pong", id=k)
    assert g.tool.rss_bytes() < before + (30 << 20)
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    ids = []
    while len(ids) < 100:
        m = json.loads(c.recv_until(TEXT))
        if m["type"] == "unsubscribed":
            ids.append(m["id"])
            assert m["omitted"] + len(m["results"]) == 4000
    sender.join()
    assert ids == list(range(100))
    c.send(TEXT, "ping")
    assert c.recv_until(TEXT) == b"pong"
