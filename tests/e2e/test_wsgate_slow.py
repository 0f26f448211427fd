"""Clients that do not keep up: they conflate, nobody else notices."""
import json
import statistics
import threading
import time

import pytest

import harness
from rawws import TEXT

CHANNELS = ["market_data:S%d" % i for i in range(100)]
NAME = "messages_conflated_total"


class Reader(threading.Thread):
    """Reads everything at once; keeps what came last of each channel."""

    def __init__(self, ws):
        super().__init__(daemon=True)
        self.ws = ws
        self.count, self.seq, self.breaks = 0, {}, []
        self.last = {}
        self.error = None
        self.start()

    def run(self):
        try:
            while True:
                opcode, payload = self.ws.recv()
                if opcode == TEXT and payload.startswith(b'{"type":"update"'):
                    self.update(payload)
        except (EOFError, OSError) as e:
            self.error = e

    def update(self, payload):
        m = json.loads(payload)
        channel, seq = m["channel"], m["seq"]
        before = self.seq.get(channel)
        if before is not None and seq != before + 1:
            self.breaks.append((channel, before, seq))
        self.seq[channel] = seq
        self.last[channel] = m["data"]["n"]
        self.count += 1

    def wait(self, count):
        """Until so many have come; what came must be all of it."""
        harness.wait_until(lambda: self.count >= count, 10,
                           lambda: "%d of %d; %s" % (self.count, count,
                                                     self.error), every=0.001)


class Rounds:
    """A message for each channel, and the next round when the reader has all
    of this one: it is never behind, however slow the machine is."""

    EVERY_S = 0.02  # 5,000 messages a second

    def __init__(self, server, reader):
        self.redis, self.reader = server.client(), reader
        self.sent, self.next = 0, time.monotonic()

    def run(self):
        """Seconds from the first PUBLISH to the last update."""
        now = time.monotonic()
        if now < self.next:
            time.sleep(self.next - now)  # a rate, not a wait
        began = time.monotonic()
        self.next = began + self.EVERY_S
        p = self.redis.pipeline(transaction=False)
        for name in CHANNELS:
            p.publish(name, '{"type":"tick","n":%d,"bid":1.50}' % self.sent)
            self.sent += 1
        p.execute()
        self.reader.wait(self.sent)
        return time.monotonic() - began


def subscribe(ws, channels, **more):
    ws.send(TEXT, json.dumps({"type": "subscribe", "id": 1,
                              "channels": channels, **more}))
    while True:
        m = json.loads(ws.recv_until(TEXT))
        if m["type"] == "subscribed":
            assert all(r["ok"] for r in m["results"])
            return


def swallow(ws):
    try:
        while ws.sock.recv(1 << 16):
            pass
    except OSError:
        pass  # the test has ended


def read_what_is_there(ws):
    ws.sock.setblocking(False)
    try:
        while ws.sock.recv(1 << 16):
            pass
    except BlockingIOError:
        pass
    ws.sock.settimeout(harness.deadline(5))


def test_a_stall_of_ten_seconds_harms_nobody_and_ends_with_the_newest(
        redis_server, gate):
    g = gate("--log-size", "1MiB", redis=redis_server)
    beside = g.raw()
    subscribe(beside, CHANNELS)
    reader = Reader(beside)
    stalled = [g.raw(rcvbuf=16384) for _ in range(20)]
    for ws in stalled:
        subscribe(ws, CHANNELS)
    rounds = Rounds(redis_server, reader)
    # Everybody reads for a while ...
    before = []
    for _ in range(150):
        before.append(rounds.run())
        for ws in stalled:
            read_what_is_there(ws)
    # ... then all but one stop.
    harness.wait_until(
        lambda: rounds.run() and g.metric("connections_behind") == 20, 20,
        "they are behind")
    rss = g.tool.rss_bytes()
    during = []
    end = time.monotonic() + 10
    while time.monotonic() < end:
        during.append(rounds.run())
    grown = g.tool.rss_bytes() - rss
    assert reader.breaks == []
    assert reader.count == rounds.sent
    # Medians, and some room: the machine may be busier than it was before.
    was, is_ = statistics.median(before), statistics.median(during)
    assert is_ < was * 5 + harness.deadline(0.05), (was, is_)
    assert grown < 20 * 65536, grown
    assert g.metric("messages_queued") > 0
    assert g.metric("connections") == 21
    # They read again: the newest of each channel, in order, from a small
    # rest; the first frames may be cut, so the whole stream is kept.
    ws = stalled[0]
    ws.buf = b""
    tail = b""
    want = set(reader.last.values())
    while want:
        tail += ws.sock.recv(1 << 16)
        want = {n for n in want if b'"n":%d,' % n not in tail}
    assert len(tail) < 2 << 20
    for other in stalled[1:]:
        other.buf = b""
        threading.Thread(target=swallow, args=(other,), daemon=True).start()
    harness.wait_until(lambda: g.metric("connections_behind") == 0, 10,
                       "all caught up")
    g.counters_add_up()
    assert g.metric(NAME, reason="behind") > 0
    assert g.metric("closes_total", code="4101") == 0


def test_a_stalled_reader_gets_each_kind_once_and_in_order(redis_server, gate):
    g = gate("--log-size", "64KiB", "--backlog", "8KiB", "--sndbuf", "4096",
             redis=redis_server)
    slow = g.raw(rcvbuf=4096)
    names = ["market_data:A", "market_data:B", "bars:A:1"]
    subscribe(slow, names)
    r = redis_server.client()
    pad = "x" * 500
    p = r.pipeline(transaction=False)
    for i in range(3000):
        p.publish(names[i % 2], '{"type":"%s","n":%d,"p":"%s"}' %
                  (("tick", "trade")[i % 3 == 0], i, pad))
        if i % 100 == 0:
            bar, final = i // 300, i % 300 == 200
            p.publish("bars:A:1", '{"type":"bar","bar":{"time":%d,"n":%d,'
                      '"final":%s},"p":"%s"}' %
                      (60000 * bar, i, "true" if final else "false", pad))
    p.execute()
    harness.wait_until(lambda: g.metric("messages_total", source="redis") ==
                       3030, 10, "all came")
    seen = []
    while not seen or len({(m["channel"], m["data"]["type"])
                           for m in seen if m["data"].get("n", 0) >= 2990 or
                           m["data"].get("bar", {}).get("n") == 2900}) < 5:
        m = json.loads(slow.recv_until(TEXT))
        if m["type"] == "update":
            seen.append(m)
    for name in names:
        seqs = [m["seq"] for m in seen if m["channel"] == name]
        assert seqs == sorted(set(seqs))
    assert len(seen) < 1000
    finals = {m["data"]["bar"]["time"] for m in seen
              if m["channel"] == "bars:A:1" and m["data"]["bar"]["final"]}
    assert finals == {60000 * k for k in range(10)}
    harness.wait_until(lambda: g.metric("connections_behind") == 0, 5, "done")
    g.counters_add_up()


def test_mode_all_misses_nothing_or_is_closed_with_4101(redis_server, gate):
    g = gate("--backlog-all", "256KiB", redis=redis_server)
    keeps, stalls = g.raw(), g.raw(rcvbuf=4096)
    for ws in (keeps, stalls):
        subscribe(ws, ["stock:market_status"])
    reader = Reader(keeps)
    r = redis_server.client()
    code = None
    for i in range(300):
        p = r.pipeline(transaction=False)
        for k in range(10):
            p.publish("stock:market_status",
                      '{"type":"market_status","n":%d,"p":"%s"}' %
                      (10 * i + k, "x" * 2000))
        p.execute()
        reader.wait(10 * i - 40)  # a third of the backlog that it may have
        # The gateway leaves it a second to read why.
        if not code and g.metric("messages_dropped_total", reason="slow"):
            code = stalls.close_code()
    reader.wait(3000)
    assert reader.breaks == []
    assert code == 4101
    assert g.metric("closes_total", code="4101") == 1
    g.counters_add_up()


@pytest.mark.parametrize("path, interval", [("/ws", 0), ("/ws", 50),
                                            ("/api/v1/ws", 0)])
def test_a_slow_reader_of_all_symbols_has_the_newest_of_each(
        redis_server, gate, path, interval):
    g = gate("--backlog-all", "256KiB", redis=redis_server)
    ws = g.raw(path, rcvbuf=4096)
    if path == "/ws":
        subscribe(ws, ["stock:price_updates"], interval_ms=interval)
    r = redis_server.client()
    harness.wait_until(lambda: r.pubsub_numsub("stock:price_updates")[0][1],
                       5, "it is subscribed to")
    symbols, rounds = 300, 40
    for n in range(rounds):
        p = r.pipeline(transaction=False)
        for k in range(symbols):
            p.publish("stock:price_updates",
                      '{"type":"price_update","symbol":"S%d","n":%d,"p":"%s"}'
                      % (k, n, "x" * 400))
        p.execute()
    harness.wait_until(lambda: g.metric("messages_total", source="redis") ==
                       symbols * rounds, 20, "all came")
    last = {}
    while len(last) < symbols or min(last.values()) < rounds - 1:
        m = json.loads(ws.recv_until(TEXT))
        if m["type"] in ("update", "price_update"):
            assert last.get(m["data"]["symbol"], -1) < m["data"]["n"]
            last[m["data"]["symbol"]] = m["data"]["n"]
    conflated = g.metric("messages_conflated_total", reason="interval") + \
        g.metric("messages_conflated_total", reason="behind")
    assert conflated > symbols * rounds / 2
    assert g.metric("closes_total", code="4101") == 0
    assert g.metric("symbols_forgotten_total") == 0
    g.counters_add_up()


def test_a_small_backlog_of_a_slow_reader_is_not_conflated(redis_server,
                                                           gate):
    g = gate(redis=redis_server)
    ws = g.raw(rcvbuf=2048)
    subscribe(ws, ["market_data:A"])
    r = redis_server.client()
    for i in range(100):
        r.publish("market_data:A", '{"type":"tick","n":%d,"p":"%s"}' %
                  (i, "x" * 400))
    harness.wait_until(lambda: g.metric("messages_total", source="redis") ==
                       100, 5, "all came")
    got = []
    while len(got) < 100:
        m = json.loads(ws.recv_until(TEXT))
        if m["type"] == "update":
            got.append(m["data"]["n"])
    assert got == list(range(100))


@pytest.mark.parametrize("size", [40000, 400000])
def test_a_frame_longer_than_the_socket_takes_is_finished(redis_server, gate,
                                                          size):
    g = gate("--log-size", "4MiB", "--sndbuf", "4096", redis=redis_server)
    slow = [g.raw(rcvbuf=4096) for _ in range(5)]
    for ws in slow:
        subscribe(ws, ["option-chain:A:2025-11-28"])
    r = redis_server.client()
    for i in range(30):
        r.publish("option-chain:A:2025-11-28",
                  '{"type":"option_chain","n":%d,"p":"%s"}' % (i, "x" * size))
    for ws in slow:
        n = -1
        while n < 29:
            m = json.loads(ws.recv_until(TEXT))
            if m["type"] == "update":
                assert m["data"]["n"] > n
                n = m["data"]["n"]
                assert len(m["data"]["p"]) == size
    harness.wait_until(lambda: g.metric("connections_behind") == 0, 5, "done")
    g.counters_add_up()


def test_subscribing_while_behind_keeps_the_order(redis_server, gate):
    g = gate("--log-size", "256KiB", "--backlog", "16KiB", "--sndbuf", "4096",
             redis=redis_server)
    ws = g.raw(rcvbuf=4096)
    subscribe(ws, ["market_data:A"])
    r = redis_server.client()

    def burst(name, first, count):
        p = r.pipeline(transaction=False)
        for i in range(first, first + count):
            p.publish(name, '{"type":"tick","n":%d,"p":"%s"}' %
                      (i, "x" * 500))
        p.execute()
    other = g.ws()
    other.subscribe("market_data:B")
    burst("market_data:A", 0, 500)
    burst("market_data:B", 0, 50)
    harness.wait_until(lambda: len(other.of("update")) == 50, 5, "B is live")
    ws.send(TEXT, '{"type":"subscribe","id":2,"channels":["market_data:B"]}')
    harness.wait_until(lambda: g.metric("subscriptions") == 3, 5, "taken")
    burst("market_data:B", 50, 50)
    burst("market_data:A", 500, 1)
    seen = []
    while True:
        m = json.loads(ws.recv_until(TEXT))
        seen.append(m)
        if m.get("channel") == "market_data:A" and m["data"]["n"] == 500:
            break
    ack = next(i for i, m in enumerate(seen) if m["type"] == "subscribed")
    n = seen[ack]["results"][0]["seq"]
    of_b = [(i, m) for i, m in enumerate(seen)
            if m.get("channel") == "market_data:B"]
    assert all(i > ack for i, _ in of_b)
    assert all(m["seq"] > n for _, m in of_b if m["type"] == "update")
    assert [m["type"] for _, m in of_b].count("snapshot") <= 1
    assert of_b[-1][1]["data"]["n"] == 99
