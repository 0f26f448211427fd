"""Clients that do it wrong: the right code for them, no effect on others."""
import json
import signal
import struct
import time

import pytest

import harness
from rawws import BINARY, CLOSE, PING, PONG, TEXT, RawWs, frame


@pytest.fixture
def served(redis_server, gate):
    """A gateway with a good client beside; checked to be served at the end."""
    g = gate("--max-per-address", "50", redis=redis_server)
    good = g.ws()
    good.subscribe("market_data:GOOD")
    yield g
    redis_server.client().publish("market_data:GOOD", '"still there"')
    good.wait_type("update", data="still there")
    assert good.close_code is None
    assert g.tool.running()


VIOLATIONS = [
    ("binary", frame(BINARY, b"\x00\x01"), 1003),
    ("invalid UTF-8", frame(TEXT, b'{"a":"\xff"}'), 1007),
    ("UTF-8 surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
    ("unmasked", frame(TEXT, b"{}", mask=False), 1002),
    ("rsv1", frame(TEXT, b"{}", rsv=4), 1002),
    ("rsv2 on ping", frame(PING, b"", rsv=2), 1002),
    ("opcode 3", frame(3, b""), 1002),
    ("opcode 11", frame(11, b""), 1002),
    ("fragmented ping", frame(PING, b"", fin=False), 1002),
    ("long ping", frame(PING, b"x" * 126), 1002),
    ("continuation of nothing", frame(0, b"x"), 1002),
    ("text within text", frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"),
     1002),
    ("a frame too big", frame(TEXT, b"x", length=65537), 1009),
    ("a frame of 2^63-1", frame(TEXT, b"x", length=2**63 - 1), 1009),
    ("a frame of 2^63", frame(TEXT, b"", length=2**63), 1002),
    ("fragments too big", frame(TEXT, b"x" * 40000, fin=False) +
     frame(0, b"x" * 40000, fin=False), 1009),
    ("close code 1005", frame(CLOSE, struct.pack(">H", 1005)), 1002),
    ("close code 999", frame(CLOSE, struct.pack(">H", 999)), 1002),
    ("close of one byte", frame(CLOSE, b"\x03"), 1002),
    ("close with bad UTF-8", frame(CLOSE, b"\x03\xe8\xff"), 1007),
]


@pytest.mark.parametrize("what,sent,code", VIOLATIONS,
                         ids=[v[0] for v in VIOLATIONS])
def test_each_violation_has_its_close_code(served, what, sent, code):
    c = served.raw()
    c.sock.sendall(sent)
    assert c.close_code() == code, what
    assert c.ended()
    assert served.metric("closes_total", code=str(code)) >= 1


BAD_REQUESTS = [
    "{", "[]", "17", "null", "{}", '{"type":1}', '{"type":"nope"}',
    '{"type":"subscribe"}', '{"type":"subscribe","channels":"x"}',
    '{"type":"subscribe","channel":1}', '{"type":"ping","id":[]}',
    '{"type":"ping","id":"%s"}' % ("x" * 65),
    '{"type":"subscribe","channels":[],"mode":"some"}',
    '{"type":"subscribe","channels":[],"interval_ms":-1}',
    '{"type":"subscribe","channels":[],"interval_ms":1.5}',
    '{"type":"subscribe","channels":[],"snapshot":1}',
    '{"type":"subscribe","channels":[],"since":[]}',
    '{"type":"ping","type":"list"}', "[" * 60000]


@pytest.mark.parametrize("text", BAD_REQUESTS,
                         ids=range(len(BAD_REQUESTS)))
def test_bad_requests_get_an_error_and_go_on(served, text):
    c = served.raw()
    c.send(TEXT, text)
    while True:
        m = json.loads(c.recv_until(TEXT))
        if m["type"] == "error":
            break
    assert m["code"] == "bad_request" and m["message"]
    assert m["temporary"] is False
    c.send(TEXT, '{"type":"ping","id":1}')
    while json.loads(c.recv_until(TEXT))["type"] != "pong":
        pass


def test_ten_bad_requests_close_with_4000(served):
    c = served.raw()
    for _ in range(10):
        c.send(TEXT, "{")
    assert c.close_code() == 4000


def test_a_flood_of_messages_closes_with_4100(served):
    c = served.raw()
    c.sock.sendall(frame(TEXT, b'{"type":"ping"}') * 150)
    assert c.close_code() == 4100


def test_a_flood_in_one_write_is_answered_up_to_the_allowance(gate):
    g = gate("--command-rate", "1", "--command-burst", "100")
    c = g.raw()
    c.sock.sendall(b"".join(
        frame(TEXT, b'{"type":"ping","id":%d}' % i)
        for i in range(3000)))
    ids = []
    while True:
        opcode, payload = c.recv()
        if opcode == CLOSE:
            break
        m = json.loads(payload)
        if m["type"] == "pong":
            ids.append(m["id"])
    assert ids == list(range(100))
    assert payload[:2] == (4100).to_bytes(2, "big")


def test_a_flood_of_pings_closes_with_4100(served):
    c = served.raw()
    c.sock.sendall(frame(PING, b"") * 150)
    assert c.close_code() == 4100


def test_the_allowance_grows_again(redis_server, gate):
    g = gate("--command-rate", "200", "--command-burst", "10",
             redis=redis_server)
    ws = g.ws()
    for i in range(60):
        ws.send({"type": "ping", "id": i})
        time.sleep(0.01)  # half the rate: what is tested is that time gives
    ws.wait_type("pong", id=59)


def test_fragments_with_control_frames_between_are_one_message(served):
    c = served.raw()
    text = b'{"type":"ping","id":"whole"}'
    c.send(TEXT, text[:5], fin=False)
    c.send(PING, b"between")
    c.send(0, text[5:9], fin=False)
    c.send(PONG, b"")
    c.send(0, b"", fin=False)
    c.send(0, text[9:])
    assert c.recv_until(PONG) == b"between"
    assert json.loads(c.recv_until(TEXT))["id"] == "whole"


def test_frames_that_come_byte_by_byte_are_understood(served):
    c = served.raw()
    for b in frame(TEXT, b'{"type":"ping","id":1}') + frame(PING, b"abc"):
        c.sock.sendall(bytes([b]))
    while json.loads(c.recv_until(TEXT))["type"] != "pong":
        pass
    assert c.recv_until(PONG) == b"abc"


def test_many_messages_in_one_packet_are_answered_in_order(served):
    c = served.raw()
    c.sock.sendall(b"".join(
        frame(TEXT, b'{"type":"ping","id":%d}' % i) for i in range(50)))
    ids = []
    while len(ids) < 50:
        m = json.loads(c.recv_until(TEXT))
        if m["type"] == "pong":
            ids.append(m["id"])
    assert ids == list(range(50))


def test_a_message_of_64_kib_is_taken(served):
    c = served.raw()
    text = '{"type":"ping","id":1,"pad":"%s"}'
    c.send(TEXT, text % ("x" * (65536 - len(text) + 2)))
    while json.loads(c.recv_until(TEXT))["type"] != "pong":
        pass


def test_bytes_sent_with_the_handshake_are_not_lost(served):
    c = RawWs(served.port, shake=False)
    c.sock.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                   b"Connection: keep-alive, Upgrade\r\n"
                   b"Sec-WebSocket-Version: 13\r\n"
                   b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
                   frame(TEXT, b'{"type":"ping","id":"early"}'))
    while b"early" not in c.buf:
        c.buf += c.sock.recv(4096)
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in c.buf
    c.close()


def test_a_close_is_answered_with_its_code(served):
    c = served.raw()
    c.send(CLOSE, struct.pack(">H", 1000) + b"thanks")
    assert c.close_code() == 1000
    assert c.ended()


def test_a_close_without_a_code_is_answered(served):
    c = served.raw()
    c.send(CLOSE, b"")
    assert c.close_code() == 1000
    assert c.ended()


def test_what_was_asked_before_a_close_is_answered(served):
    c = served.raw()
    c.sock.sendall(frame(TEXT, b'{"type":"ping","id":9}') +
                   frame(CLOSE, struct.pack(">H", 1001)))
    got = b""
    while True:
        data = c.sock.recv(4096)
        if not data:
            break
        got += data
    assert b'"pong","id":9' in c.buf + got


def test_a_client_that_is_silent_is_pinged_then_closed(redis_server, gate):
    g = gate("--ping", "1s", redis=redis_server)
    deaf, alive = g.raw(), g.ws()
    for _ in range(2):  # the second comes when the first has been closed
        assert deaf.recv_until(PING) == b""
        assert deaf.close_code() == 4102
        deaf = g.raw()
    alive.subscribe("market_data:X")
    assert alive.close_code is None


def test_any_byte_is_life(redis_server, gate):
    g = gate("--ping", "1s", "--command-rate", "1000", redis=redis_server)
    c = g.raw()
    for closed in (1, 2):
        # As long as it takes to find one that is silent.
        silent = g.raw()

        def is_closed():
            c.send(TEXT, '{"type":"ping"}')
            return g.metric("closes_total", code="4102") == closed
        harness.wait_until(is_closed, 10, "the silent one is closed",
                           every=0.05)
        assert silent.close_code() == 4102
    assert not c.ended_already()


def test_a_handshake_takes_five_seconds_at_most(served):
    c = RawWs(served.port, shake=False)
    c.sock.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\n")
    began = time.monotonic()
    assert c.ended()
    assert time.monotonic() - began < harness.deadline(7)
    c.close()


@pytest.mark.parametrize("change,status", [
    ({"Sec-WebSocket-Version": "8"}, 426),
    ({"Sec-WebSocket-Version": None}, 426),
    ({"Sec-WebSocket-Key": None}, 400),
    ({"Sec-WebSocket-Key": "short"}, 400),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ!=="}, 400),
    ({"Upgrade": "h2c"}, 426),
    ({"Upgrade": None, "Connection": None}, 426),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"X-Long": "x" * 9000}, 431),
])
def test_a_bad_handshake_is_refused(served, change, status):
    c = RawWs(served.port, shake=False)
    assert c.handshake(headers=change) == status
    if status == 426:
        assert "Sec-WebSocket-Version: 13" in c.head
    c.close()


def test_origins_same_host_and_allowed_ones_pass(redis_server, gate):
    g = gate("--allow-origin", "https://*.example.org",
             redis=redis_server)
    for origin in ("http://127.0.0.1:%d" % g.port,
                   "https://app.example.org", None):
        with RawWs(g.port, headers={"Origin": origin}) as c:
            assert c.status == 101, origin
    for origin in ("https://example.org", "http://app.example.org",
                   "http://127.0.0.1:1"):
        with RawWs(g.port, headers={"Origin": origin}) as c:
            assert c.status == 403, origin


def test_an_address_has_so_many_connections_and_no_more(served):
    kept = [served.raw() for _ in range(49)]  # and the good one
    for c in kept:
        assert c.status == 101 and b'"welcome"' in c.recv_until(TEXT)
    assert served.raw().close_code() == 1013
    kept.pop().close()

    def welcome():
        with served.raw() as c:
            return c.recv()[0] == TEXT
    harness.wait_until(welcome, 5, "one leaves")


def test_a_full_gateway_closes_with_1013(redis_server, gate):
    g = gate("--max-connections", "3", redis=redis_server)
    kept = [g.raw() for _ in range(3)]
    assert [c.status for c in kept] == [101] * 3
    c = g.raw()
    assert c.status == 101
    assert c.close_code() == 1013


def test_a_client_that_vanishes_is_forgotten(served):
    c = served.raw()
    c.send(TEXT, '{"type":"subscribe","channels":["market_data:X"]}')
    harness.wait_until(lambda: served.metric("connections") == 2, 5, "it")
    c.sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: RST
    c.close()
    harness.wait_until(lambda: served.metric("connections") == 1, 5, "gone")
    assert served.metric("subscriptions") == 1


def test_a_client_that_never_reads_its_answers_is_let_go(redis_server, gate):
    g = gate("--command-rate", "1000000", "--command-burst", "1000000",
             redis=redis_server)
    c = g.raw(rcvbuf=2048)
    names = ",".join('"market_data:S%d"' % i for i in range(1000))
    text = '{"type":"subscribe","channels":[%s]}' % names
    c.sock.settimeout(harness.deadline(1))
    try:
        for _ in range(2000):
            c.send(TEXT, text)
    except OSError:
        pass  # it is not read from any more, or was closed
    assert g.tool.rss_bytes() < 400 << 20
    with g.ws() as ws:
        ws.subscribe("market_data:X")


def test_who_is_let_go_in_the_middle_of_its_own_messages_harms_nobody(gate):
    """It asks for more answers than it reads, and makes the mistakes that
    it is let go for: the end comes while its frames are being read."""
    g = gate()
    beside = g.ws()
    many = json.dumps({"type": "unsubscribe",
                       "channels": ["%d" % i for i in range(900)]},
                      separators=(",", ":")).encode()
    flood = frame(TEXT, many) * 7 + frame(TEXT, b"{") * 12
    assert len(flood) < 65536
    for cut in (False, True):
        if cut:  # the last mistake comes in two frames
            flood = (frame(TEXT, many) * 7 + frame(TEXT, b"{") * 9 +
                     frame(TEXT, b"{", fin=False) + frame(0, b"{") +
                     frame(TEXT, b"{") * 2)
        c = g.raw(rcvbuf=2048)
        # All of it lies in the socket when the gateway reads again.
        g.tool.signal(signal.SIGSTOP)
        c.sock.sendall(flood)
        g.tool.signal(signal.SIGCONT)
        beside.send({"type": "ping", "id": 7 + cut})
        beside.wait_type("pong", id=7 + cut)
        assert c.close_code() == 4000
        assert g.tool.running(), g.tool.stderr[-4000:]
    beside.send({"type": "ping", "id": 1})
    beside.wait_type("pong", id=1)
