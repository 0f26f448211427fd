"""--dev: the echo that conformance suites judge, and a price to try with."""
import json
import os
import struct
import threading
import urllib.request

import pytest

import harness
from rawws import BINARY, CLOSE, PING, PONG, TEXT, frame

BOUND = 16 << 20
PATH = "/api/v1/dev/redis/publish-test"


@pytest.fixture
def dev(gate):
    return gate("--dev")


@pytest.fixture
def echo(dev):
    c = dev.raw("/echo")
    c.sock.settimeout(harness.deadline(30))
    return c


def masked(opcode, payload, fin=True):
    """As rawws.frame(), with a mask of zeros: for what is large."""
    head = frame(opcode, fin=fin, length=len(payload))
    return head[:-4] + b"\0\0\0\0" + payload


def heard(c):
    """The next frame but for pings, which may come at any time."""
    while True:
        got = c.recv()
        if got[0] != PING:
            return got


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65535, 65536,
                                  65537, 1 << 20, BOUND])
def test_a_message_of_any_size_comes_back(echo, opcode, size):
    payload = b"x" * size if opcode == TEXT else os.urandom(size)
    sent = masked(opcode, payload)
    sender = threading.Thread(target=echo.sock.sendall, args=(sent,))
    sender.start()
    assert heard(echo) == (opcode, payload)
    sender.join()
    echo.send(TEXT, "and another")
    assert heard(echo) == (TEXT, b"and another")


def test_a_message_above_the_bound_is_refused(echo):
    echo.sock.sendall(frame(BINARY, length=BOUND + 1) + b"x" * 1000)
    assert echo.close_code() == 1009
    assert echo.ended()


def test_fragments_above_the_bound_are_refused(echo):
    part = b"x" * (BOUND // 2)
    echo.sock.sendall(masked(BINARY, part, fin=False) +
                      masked(0, part, fin=False))
    echo.sock.sendall(frame(0, b"x"))
    assert echo.close_code() == 1009


def test_fragments_come_back_as_one_message(echo):
    for opcode in (TEXT, BINARY):
        echo.send(opcode, b"a\xc3", fin=False)
        echo.send(PING, b"between")
        echo.send(0, b"", fin=False)
        echo.send(PONG, b"unasked")
        echo.send(0, b"\xa9z")
        assert heard(echo) == (PONG, b"between")
        assert heard(echo) == (opcode, b"a\xc3\xa9z")


def test_a_message_cut_into_bytes_comes_back(echo):
    for b in frame(TEXT, "Κόσμε".encode()) + frame(BINARY, b"\xff\xfe"):
        echo.sock.sendall(bytes([b]))
    assert heard(echo) == (TEXT, "Κόσμε".encode())
    assert heard(echo) == (BINARY, b"\xff\xfe")


def test_a_thousand_messages_and_pings_come_back_in_order(echo):
    """It has no allowance of messages."""
    echo.sock.sendall(b"".join(
        frame(TEXT, b"%d" % i) + frame(PING, b"%d" % i) for i in range(1000)))
    for i in range(1000):
        assert heard(echo) == (TEXT, b"%d" % i)
        assert heard(echo) == (PONG, b"%d" % i)


ENDS = [
    (frame(TEXT, b"\xce\xba\xed\xa0\x80"), 1007),
    (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    (frame(TEXT, b"\xc3", fin=False) + frame(0, b"x"), 1007),
    (frame(TEXT, b"\xc3"), 1007),
    (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    (frame(0, b"x"), 1002),
    (frame(TEXT, b"x", fin=False) + frame(BINARY, b"x"), 1002),
    (frame(BINARY, b"x", fin=False) + frame(TEXT, b"x"), 1002),
    (frame(TEXT, b"x", rsv=4), 1002),
    (frame(3, b"x"), 1002),
    (frame(12, b""), 1002),
    (frame(PING, b"x" * 126), 1002),
    (frame(PING, b"x", fin=False), 1002),
    (frame(CLOSE, b"x"), 1002),
    (frame(TEXT, b"x", mask=False), 1002),
] + [(frame(CLOSE, struct.pack(">H", n)), n if ok else 1002)
     for n, ok in [(1000, True), (1003, True), (1007, True), (1011, True),
                   (3000, True), (4999, True), (0, False), (999, False),
                   (1004, False), (1005, False), (1006, False), (1015, False),
                   (2999, False), (5000, False), (65535, False)]]


@pytest.mark.parametrize("sent,code", ENDS, ids=range(len(ENDS)))
def test_each_end_has_its_code(echo, sent, code):
    echo.sock.sendall(frame(TEXT, b"first") + sent)
    assert heard(echo) == (TEXT, b"first")
    assert echo.close_code() == code
    assert echo.ended()


def test_who_does_not_read_its_echo_costs_a_bounded_memory(dev):
    """The gateway stops to read from it; then everything comes back."""
    c = dev.raw("/echo", rcvbuf=4096)
    c.sock.settimeout(harness.deadline(60))
    count, size = 24, 4 << 20
    sender = threading.Thread(
        target=lambda: [c.sock.sendall(masked(BINARY, bytes([i]) * size))
                        for i in range(count)])
    before = dev.tool.rss_bytes()
    sender.start()
    peak = []

    def is_stuck():
        """It has answered one, and reads no more."""
        peak.append(dev.tool.rss_bytes())
        return dev.metric("commands_total") >= 1
    harness.wait_until(is_stuck, 20, "it has read a message")
    # Another client is served meanwhile, and nothing more is read of this one.
    with dev.ws() as beside:
        for i in range(50):
            beside.send({"type": "ping", "id": i})
            beside.wait_type("pong", id=i)
            peak.append(dev.tool.rss_bytes())
    assert dev.metric("commands_total") <= 50 + 8
    for i in range(count):
        opcode, payload = heard(c)
        assert opcode == BINARY and payload == bytes([i]) * size
    sender.join()
    assert max(peak) - before < 48 << 20


def test_without_the_option_there_is_nothing(gate):
    g = gate()
    assert harness.http_get(g.http("/echo"))[0] == 404
    c = g.raw("/echo")
    assert c.status == 404
    assert post(g)[0] == 404
    assert harness.http_get(g.http(PATH))[0] == 404


# --- publish-test ---

def post(g, **headers):
    status, body = harness.http_get(urllib.request.Request(
        g.http(PATH), headers=headers, method="POST"))
    return status, json.loads(body)


def test_a_price_is_published_and_comes_back(redis_server, gate):
    g = gate("--dev", "--prefix", "dev:", redis=redis_server)
    native, stock = g.ws(), g.ws("/api/v1/ws")
    native.subscribe("stock:price_updates")
    harness.wait_until(lambda: g.metric("subscriptions") == 4, 5,
                       "both are subscribed")
    status, said = post(g)
    assert status == 200
    assert said["status"] == "published" and said["receivers"] == 1
    assert said["channel"] == "dev:stock:price_updates"
    assert said["message"]["symbol"] == "TEST"
    assert said["message"]["type"] == "price_update"
    m = native.wait_type("update", channel="stock:price_updates")
    assert m["data"] == said["message"] and m["source"] == "redis"
    m = stock.wait_type("price_update")
    assert m["data"] == said["message"]
    redis = json.loads(harness.http_get(g.http("/api/v1/redis/status"))[1])
    assert redis["events_published"] == 1


def test_without_redis_it_says_so(dev):
    status, said = post(dev)
    assert status == 503 and said["error"] == "redis_unavailable"
    assert said["message"]


def test_where_redis_refuses_it_says_why(redis_server, gate):
    redis_server.client().execute_command(
        "ACL", "SETUSER", "listener", "on", ">secret", "~*", "+@all",
        "resetchannels", "&_probe:*", "&market_data:*")
    g = gate("--dev", "--redis",
             redis_server.url.replace("redis://", "redis://listener:secret@"),
             redis=redis_server)
    status, said = post(g)
    assert status == 503 and said["error"] == "redis_error"
    assert "NOPERM" in said["message"]


def test_only_post_and_only_from_here(dev):
    assert harness.http_get(dev.http(PATH))[0] == 405
    assert post(dev, Origin="https://evil.example")[0] == 403
