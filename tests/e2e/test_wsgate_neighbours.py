"""What one client asks for does not cost the others: neither their time nor
their room.  How long they wait is asked of a client beside it."""
import json
import signal
import threading
import time

import pytest

import harness
from rawws import TEXT, frame


class Beside:
    """A client of its own address that pings all the time."""

    def __init__(self, g):
        self.c = g.raw(source="127.0.0.3")
        self.worst = 0.0
        self.n = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.stop.is_set():
            begun = time.monotonic()
            self.c.send(TEXT, json.dumps({"type": "ping", "id": self.n}))
            while json.loads(self.c.recv_until(TEXT)).get("id") != self.n:
                pass
            self.worst = max(self.worst, time.monotonic() - begun)
            self.n += 1
            self.stop.wait(0.06)  # its own allowance is 20 a second

    def done(self):
        self.stop.set()
        self.thread.join(harness.deadline(20))
        assert not self.thread.is_alive() and self.n > 0
        return self.worst


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def result_of(c, id):
    while True:
        m = json.loads(c.recv_until(TEXT))
        if m.get("id") == id:
            return m


@pytest.mark.parametrize("kind", ["doubled", "since", "no text", "bad names"])
def test_a_big_message_costs_what_its_bytes_cost(redis_server, gate, kind):
    g = gate(redis=redis_server)
    c = g.raw()
    text = compact({
        "doubled": {"type": "subscribe", "id": 1,
                    "channels": ["bars:AAPL:1"] * 4096},
        "since": {"type": "subscribe", "id": 1, "channels": ["a:b"] * 2500,
                  "since": {"a:b": "1" * 48000}},
        "no text": {"type": "subscribe", "id": 1, "channels": [1] * 4096},
        "bad names": {"type": "subscribe", "id": 1,
                      "channels": ["%x!" % i for i in range(4096)]},
    }[kind])
    assert len(text) <= 65536
    before = g.tool.rss_bytes()
    c.send(TEXT, text)
    while True:
        answer = c.recv_until(TEXT)
        m = json.loads(answer)
        if m.get("id") == 1:
            break
    assert len(answer) < 140000
    if kind == "since":
        assert m["code"] == "bad_request"
    elif kind == "bad names":
        assert m["omitted"] + len(m["results"]) == 4096
    else:
        assert len(m["results"]) == 1
    assert g.tool.rss_bytes() - before < 32 << 20


def test_a_client_takes_no_more_room_than_it_may_have(redis_server, gate):
    """Its limit is checked before anything is opened."""
    g = gate("--command-burst", "100000", redis=redis_server)
    c = g.raw()
    ok = 0
    for k in range(20):
        c.send(TEXT, compact({"type": "subscribe", "id": k, "snapshot": False,
                              "channels": ["a:%d:%d" % (k, i)
                                           for i in range(4000)]}))
        m = result_of(c, k)
        ok += sum(r["ok"] for r in m["results"])
    assert ok == 1024
    assert g.metric("channels") <= 1024 + 10
    assert g.metric("refused_total", code="too_many") == 80000 - 1024


def test_an_address_takes_no_more_room_than_it_may_have(redis_server, gate):
    g = gate("--max-address-subscriptions", "1500", redis=redis_server)
    first, second = g.raw(), g.raw()
    other = g.raw(source="127.0.0.2")
    ok = {}
    for k, c in enumerate((first, second, other)):
        c.send(TEXT, compact({"type": "subscribe", "id": k, "channels":
                              ["a:%d:%d" % (k, i) for i in range(1000)]}))
        m = result_of(c, k)
        ok[k] = sum(r["ok"] for r in m["results"])
        ok[k, "why"] = {r["message"] for r in m["results"] if not r["ok"]}
    assert ok[0] == 1000 and ok[1] == 500 and ok[2] == 1000
    assert ok[1, "why"] == {"too many subscriptions from this address"}
    first.close()
    names = ["a:3:%d" % i for i in range(1000)]

    def room():
        second.send(TEXT, compact({"type": "subscribe", "id": 9,
                                   "channels": names[:100]}))
        return sum(r["ok"] for r in result_of(second, 9)["results"]) == 100
    harness.wait_until(room, 10, "its room is given back", every=0.1)


def test_calling_off_what_is_under_way_is_cheap(redis_server, gate):
    """Redis hangs, so that all of it stays under way."""
    g = gate("--confirm", "60s", "--command-burst", "100000", "--max-message",
             "1MiB", redis=redis_server)
    beside = Beside(g)
    c = g.raw()
    redis_server.proc.send_signal(signal.SIGSTOP)
    try:
        names = ["a:%d" % i for i in range(1000)]
        subscribe = compact({"type": "subscribe", "channels": names})
        c.sock.sendall(frame(TEXT, subscribe) * 50)
        c.send(TEXT, compact({"type": "unsubscribe", "id": "u",
                              "channels": names[::-1]}))
        m = result_of(c, "u")
        assert all(r["ok"] for r in m["results"]) and len(m["results"]) == 1000
    finally:
        redis_server.proc.send_signal(signal.SIGCONT)
    assert beside.done() < harness.deadline(1.0)


@pytest.mark.parametrize("path", ["/ws", "/api/v1/ws", "/stream/ticks"])
def test_a_ping_in_text_is_answered_for_hours(gate, path):
    g = gate()
    c = g.raw(path)
    for _ in range(15):
        c.send(TEXT, "ping")
        while c.recv_until(TEXT) != b"pong":
            pass
    assert not c.ended_already()


def test_many_clients_that_ask_for_much_take_turns(gate):
    """Each command of one that has a thousand channels is some work; fifty
    such clients at once are served in turns, a client beside them in between."""
    g = gate("--command-burst", "100000", "--command-rate", "100000")
    busy = [g.raw() for _ in range(50)]
    names = ["a:%d" % i for i in range(1000)]
    for c in busy:
        c.send(TEXT, compact({"type": "subscribe", "id": 0,
                              "channels": names}))
        assert len(result_of(c, 0)["results"]) == 1000
    beside = Beside(g)
    readers = []
    for c in busy:
        c.sock.sendall(frame(TEXT, b'{"type":"list"}') * 200 +
                       frame(TEXT, b'{"type":"ping","id":"end"}'))
        t = threading.Thread(target=lambda c=c: [
            None for _ in iter(lambda: b'"id":"end"' in c.recv_until(TEXT),
                               True)])
        t.start()
        readers.append(t)
    for t in readers:
        t.join(harness.deadline(60))
        assert not t.is_alive()
    assert beside.done() < harness.deadline(1.0)
