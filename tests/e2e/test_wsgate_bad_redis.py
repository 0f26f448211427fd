"""What comes from Redis and should not: bytes that are no JSON, payloads and
hashes of any size, names that nobody may have, keys of another type.  Each is
counted and logged, and nobody else waits for it."""
import json
import threading
import time

import pytest

import harness
from rawws import PING, PONG, TEXT, RawWs

MIB = 1 << 20
TRADE = '{"type":"trade","symbol":"A","time":%d,"price":187.20,"size":100}'


class Bystander:
    """A client of other things: it pings, and hears its own channel."""

    def __init__(self, gate, redis, channel="market_data:BY"):
        self.channel, self.redis = channel, redis
        self.heard = gate.ws()
        self.heard.subscribe(channel)
        self.socket = RawWs(gate.port)
        self.waits = []  # seconds of each ping
        self._asked = False
        self._thread = threading.Thread(target=self._ping, daemon=True)
        self._thread.start()

    def _ping(self):
        n = 0
        while not self._asked:
            n += 1
            sent = time.monotonic()
            self.socket.send(PING, b"%d" % n)
            while self.socket.recv_until(PONG) != b"%d" % n:
                pass
            self.waits.append(time.monotonic() - sent)
            harness.wait_until(lambda: self._asked or
                               time.monotonic() > sent + 0.01, 1)

    def worst(self):
        """The longest wait so far, when all that was published has been heard
        of: its own channel is in order behind it."""
        value = time.time_ns() // 1000
        self.redis.publish(self.channel, TRADE % value)
        self.heard.wait(lambda m: m["type"] == "update" and
                        m["data"]["time"] == value, 60)
        self.pinged()
        return max(self.waits)

    def pinged(self):
        seen = len(self.waits)
        harness.wait_until(lambda: len(self.waits) > seen + 1, 60,
                           "the bystander's pong")

    def others(self):
        """Messages that are not its own."""
        return [m for m in self.heard.messages
                if m["type"] in ("update", "snapshot") and
                m["channel"] != self.channel]

    def stop(self):
        self._asked = True
        self._thread.join(harness.deadline(10))
        self.socket.close()


ODD_RATE = ("--command-rate", "1000", "--command-burst", "1000")


@pytest.fixture
def world(redis_server, gate):
    """A gateway, a client that hears everything bad, and one that does not."""
    started = []

    def start(*args):
        # Redis would cut off a gateway for whom 32 MiB wait.
        redis_server.client().config_set("client-output-buffer-limit",
                                         "pubsub 0 0 0")
        g = gate(*ODD_RATE, *args, redis=redis_server)
        by = Bystander(g, redis_server.client())
        started.append(by)
        return g, by, redis_server.client()
    yield start
    for by in started:
        by.stop()


def received(g, outcome):
    return g.metric("messages_total", source="redis", outcome=outcome) or 0


PAYLOADS = {
    "not JSON": (b"hello", "invalid"),
    "empty": (b"", "invalid"),
    "half an object": (b'{"type":"trade","symbol":"A"', "invalid"),
    "two values": (b"{}{}", "invalid"),
    "not UTF-8": (b'{"type":"trade","x":"\xff\xfe"}', "invalid"),
    "a surrogate in UTF-8": (b'{"x":"\xed\xa0\x80"}', "invalid"),
    "overlong UTF-8": (b'{"x":"\xc0\xaf"}', "invalid"),
    "half a character at the end": (b'{"x":"\xe2\x82', "invalid"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "invalid"),
    "NUL bytes": (b"\0" * 100, "invalid"),
    "a NUL within a string": (b'{"x":"a\0b"}', "invalid"),
    "a NUL behind": (b"{}\0", "invalid"),
    "control characters": (b'{"x":"\x01"}', "invalid"),
    "a frame of ours": (b'\x81\x05hello', "invalid"),
    "only line feeds": (b"\n" * 1000, "invalid"),
    "1 MiB that opens": (b"[" * MIB, "invalid"),
    "1 MiB deep": (b"[" * (MIB // 2) + b"]" * (MIB // 2),
                   "invalid"),
    "10 MiB, no JSON": (b"x" * 10 * MIB, "too_big"),
    "10 MiB, JSON": (b'{"type":"trade","pad":"%s"}' % (b"x" * 10 * MIB),
                     "too_big"),
    "10 MiB of numbers": (b'[%s1]' % (b"1," * 5 * MIB), "too_big"),
}


@pytest.mark.parametrize("what", PAYLOADS)
def test_a_bad_payload_is_counted_and_costs_nobody(world, what):
    payload, outcome = PAYLOADS[what]
    g, by, r = world()
    ws = g.ws()
    ws.subscribe("market_data:*")
    ws.subscribe("market_data:A", mode="all")
    for _ in range(3):
        r.publish("market_data:A", payload)
    r.publish("market_data:A", TRADE % 7)
    ws.wait(lambda m: m["type"] == "update" and m["channel"] ==
            "market_data:A" and isinstance(m["data"], dict) and
            m["data"].get("time") == 7, 20)
    assert by.worst() < harness.deadline(1)
    assert received(g, outcome) == 3
    assert ws.of("update", "market_data:A")[0]["seq"] == 1
    assert "ev=message_%s channel=market_data:A" % outcome in g.tool.stderr
    assert not by.others()
    assert g.metric("connections") == 3
    g.counters_add_up()


@pytest.mark.parametrize("line", [b"x", b"{}", b""])
def test_a_payload_of_millions_of_lines_holds_nobody_up(world, line):
    g, by, r = world()
    ws = g.ws()
    ws.subscribe("market_data:A")
    ws.subscribe("market_data:*")
    n = 4 * MIB
    r.publish("market_data:A", (line + b"\n") * n)
    assert by.worst() < harness.deadline(1)
    counted = received(g, "delivered") + received(g, "invalid") + \
        received(g, "too_big")
    assert 1 <= counted < 5000
    # What was cut off is told to who looks after the publisher.
    assert received(g, "too_big") >= 1
    assert "ev=message_too_big channel=market_data:A" in g.tool.stderr


def test_values_of_a_payload_come_one_by_one_up_to_the_bound(world):
    g, by, r = world()
    ws = g.ws()
    ws.subscribe("market_data:A", mode="all")
    r.publish("market_data:A", "\n".join(TRADE % i for i in range(1, 4097)))
    harness.wait_until(lambda: len(ws.of("update", "market_data:A")) == 4096,
                       20, "each of them")
    assert received(g, "too_big") == 0
    r.publish("market_data:A", "\r\n".join(TRADE % i
                                           for i in range(5001, 9100)))
    ws.wait(lambda m: m["type"] == "update" and m["data"]["time"] == 9096, 20)
    by.worst()
    assert len(ws.of("update", "market_data:A")) == 2 * 4096
    assert received(g, "too_big") == 1


def test_bad_payloads_are_all_counted_and_not_all_printed(world):
    g, by, r = world()
    ws = g.ws()
    ws.subscribe("market_data:A")
    pipe = r.pipeline(transaction=False)
    for i in range(5000):
        pipe.publish("market_data:A", b"\xff%d" % i)
    pipe.execute()
    assert by.worst() < harness.deadline(1)
    assert received(g, "invalid") == 5000
    lines = [t for t in g.tool.stderr.splitlines()
             if "ev=message_invalid" in t]
    assert 1 <= len(lines) < 200


NAMES = {
    "empty": b"",
    "the prefix alone": b"market_data:",
    "the family alone": b"market_data",
    "70,000 bytes": b"market_data:" + b"A" * 70000,
    "256 bytes": b"market_data:" + b"A" * 244,
    "10 MiB": b"market_data:" + b"A" * 10 * MIB,
    "a space": b"market_data:A B",
    "CR LF": b"market_data:A\r\nSET x y",
    "not UTF-8": b"market_data:\xff\xfe",
    "a NUL": b"market_data:A\0B",
    "a star": b"market_data:*",
    "a question mark": b"market_data:?",
    "brackets": b"market_data:[a-z]",
    "a quote": b'market_data:"}',
    "a backslash": b"market_data:\\u0041",
    "an empty part": b"market_data:A::B",
    "internal": b"market_data:_A",
}


@pytest.mark.parametrize("what", NAMES)
def test_nobody_hears_a_channel_with_an_odd_name(world, what):
    g, by, r = world()
    ws = g.ws()
    ws.subscribe("market_data:*", "bars:*")
    channels = g.metric("channels")
    for i in range(20):
        r.publish(NAMES[what], TRADE % i)
    r.publish("market_data:A", TRADE % 7)
    ws.wait(lambda m: m["type"] == "update" and
            m["channel"] == "market_data:A")
    assert by.worst() < harness.deadline(1)
    assert {m["channel"] for m in ws.of("update")} <= {
        "market_data:A", "market_data:BY"}
    assert g.metric("channels") == channels + 1
    matched = what not in ("empty", "the family alone")
    assert sum(received(g, outcome) for outcome in
               ("invalid_name", "internal", "unwanted")) == \
        (20 if matched else 0)


def test_a_name_that_is_a_prefix_alone_is_nobodys(world):
    g, by, r = world("--prefix", "p:")
    by.channel = "p:" + by.channel
    ws = g.ws()
    ws.subscribe("market_data:*")
    for name in ("p:", "p", "p:market_data:", "market_data:A", "P:market_data:A"):
        r.publish(name, TRADE % 1)
    r.publish("p:market_data:A", TRADE % 7)
    m = ws.wait_type("update")
    assert (m["channel"], m["data"]["time"]) == ("market_data:A", 7)


# --- what it remembers ---

def fill(r, key, n, value):
    pipe = r.pipeline(transaction=False)
    for i in range(n):
        pipe.hset(key, "f%d" % i, value(i))
        if i % 20000 == 19999:
            pipe.execute()
    pipe.execute()


def price(i):
    return ('{"type":"price_update","symbol":"S%d","time":%d,"price":1}' %
            (i, 1700000000000 + i))


def bar(i):
    return ('{"type":"bar","symbol":"H","resolution":"1","time":%d,"open":1,'
            '"high":1,"low":1,"close":1,"volume":1}' %
            (1700000000000 + i * 60000))


HASHES = {
    "prices of 100,000 symbols": ("stock:price_updates", price, 16384),
    "100,000 bars": ("bars:H:1", bar, 1),
    "100,000 fields that are no JSON": ("market_data:J",
                                        lambda i: "no JSON %d" % i, 0),
    "100,000 fields that are not UTF-8": ("market_data:J",
                                          lambda i: b'"\xff%d"' % i, 0),
}


@pytest.mark.parametrize("what", HASHES)
def test_a_hash_of_any_size_holds_nobody_up(world, what):
    channel, value, shown = HASHES[what]
    g, by, r = world("--confirm", "60s", "--log-size", "64M")
    fill(r, "last:" + channel, 100000, value)
    by.waits.clear()  # it is slow to be filled, by this same process
    ws = g.ws()
    ws.send({"type": "subscribe", "id": 1, "channels": [channel]})
    ack = ws.wait_type("subscribed", 60, id=1)
    assert ack["results"][0]["ok"]
    by.pinged()
    assert max(by.waits) < harness.deadline(1)
    harness.wait_until(lambda: len(ws.of("snapshot", channel)) == shown, 60,
                       "%d snapshots" % shown)
    r.publish(channel, value(100001) if shown else TRADE % 7)
    ws.wait_type("update", 20, channel=channel)
    if not shown:
        assert "ev=message_invalid channel=last:" + channel in g.tool.stderr
        assert len(g.tool.stderr.splitlines()) < 1000


def test_who_waits_for_a_huge_hash_does_not_hold_up_who_waits_for_none(world):
    g, by, r = world("--confirm", "60s")
    fill(r, "last:bars:H:1", 100000, bar)
    r.hset("last:bars:I:1", "bar", bar(1))
    ws, other = g.ws(), g.ws()
    ws.send({"type": "subscribe", "id": 1, "channels": ["bars:H:1"]})
    other.send({"type": "subscribe", "id": 1, "channels": ["bars:I:1"]})
    other.wait_type("snapshot", 60, channel="bars:I:1")
    snapshot = ws.wait_type("snapshot", 60, channel="bars:H:1")
    # Of what came while it was read, nothing is lost.
    r.publish("bars:H:1", bar(200000))
    update = ws.wait_type("update", 20, channel="bars:H:1")
    assert snapshot["data"]["time"] < update["data"]["time"]


def test_a_value_that_no_frame_can_hold_is_not_remembered(world):
    g, by, r = world("--confirm", "60s")
    r.hset("last:market_data:K", mapping={
        "tick": b'{"type":"tick","pad":"%s"}' % (b"x" * 10 * MIB),
        "trade": TRADE % 5})
    ws = g.ws()
    ws.send({"type": "subscribe", "id": 1, "channels": ["market_data:K"]})
    ws.wait_type("subscribed", 60, id=1)
    assert ws.wait_type("snapshot", 20)["data"]["time"] == 5
    assert by.worst() < harness.deadline(1)
    assert "ev=message_too_big channel=last:market_data:K" in g.tool.stderr
    assert len(ws.of("snapshot")) == 1


@pytest.mark.parametrize("kind", ["string", "list", "set", "zset", "stream"])
def test_a_cache_of_another_type_is_no_cache(world, kind):
    g, by, r = world("--confirm", "60s")
    key = "last:market_data:W"
    {"string": lambda: r.set(key, "x"), "list": lambda: r.lpush(key, "x"),
     "set": lambda: r.sadd(key, "x"), "zset": lambda: r.zadd(key, {"x": 1}),
     "stream": lambda: r.xadd(key, {"x": "y"})}[kind]()
    ws = g.ws()
    assert ws.subscribe("market_data:W")["results"][0]["ok"]
    r.publish("market_data:W", TRADE % 7)
    assert ws.wait_type("update")["data"]["time"] == 7
    assert not ws.of("snapshot")
    assert "ev=cache_unreadable channel=market_data:W" in g.tool.stderr
    assert by.worst() < harness.deadline(1)


# --- keys that the endpoints read ---

def wrong(r, key):
    """Of a type that nothing here asks for."""
    r.delete(key)
    r.xadd(key, {"x": "y"})


def ask(g, path):
    status, body = harness.http_get(g.http(path), 10)
    return status, json.loads(body)


@pytest.mark.parametrize("path,key", [
    ("/api/v1/bars/A/1", "bars:A:1"), ("/api/v1/bars/A/1", "last:bars:A:1"),
    ("/api/v1/price/A", "price:A"), ("/api/v1/price/A", "stock:price:A"),
    ("/api/v1/simulator/status", "instance:tickpub:1"),
    ("/api/v1/symbols", "last:market_data:A")])
def test_keys_of_another_type_are_an_answer_and_no_crash(world, path, key):
    g, by, r = world()
    wrong(r, key)
    status, body = ask(g, path)
    assert status in (200, 404, 502, 503)
    assert isinstance(body, dict)
    assert by.worst() < harness.deadline(1)
    assert harness.http_get(g.http("/ready"))[0] == 200


@pytest.mark.parametrize("value", [b"no JSON", b"\xff\xfe", b"", b"{", b"[1]",
                                   b'"x"', b"\0"])
def test_values_that_are_no_json_are_not_passed_on(world, value):
    g, by, r = world()
    r.set("price:A", value)
    r.set("instance:tickpub:1", value)
    r.hset("last:bars:A:1", "bar", value)
    r.zadd("bars:A:1", {value: 1})
    for path in ("/api/v1/price/A", "/api/v1/bars/A/1",
                 "/api/v1/simulator/status"):
        status, body = ask(g, path)
        assert status in (200, 404, 502, 503), path
    assert by.worst() < harness.deadline(1)


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\0b", b'"', b"\\", b"a b",
                                  b"\r\n", b"A" * 70000])
def test_keys_with_odd_names_leave_the_lists_whole(world, name):
    g, by, r = world()
    r.hset(b"last:market_data:" + name, "tick", TRADE % 1)
    r.set(b"instance:tickpub:" + name, '{"state":"running","simulator":true,'
          '"symbols":["X"],"rate":1}')
    r.hset("last:market_data:GOOD", "tick", TRADE % 1)
    r.set("instance:tickpub:good", '{"state":"running","simulator":true,'
          '"symbols":["GOOD"],"rate":1}')
    status, body = ask(g, "/api/v1/symbols")
    assert status == 200
    assert "GOOD" in [s["symbol"] for s in body["symbols"]]
    status, body = ask(g, "/api/v1/simulator/status")
    assert status == 200 and "GOOD" in body["symbols"]
