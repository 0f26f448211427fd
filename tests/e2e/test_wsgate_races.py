"""What happens when several things reach the gateway in one turn."""
import json
import select
import signal
import socket
import threading
import types

import gates
import harness
from rawws import TEXT


class HoldingProxy:
    """Between the gateway and Redis: holds the reply to one HGETALL back."""

    def __init__(self, server):
        self.server = server
        self.armed = False
        self.held = threading.Event()
        self.release = threading.Event()
        self.passed = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.redis = types.SimpleNamespace(
            url="redis://127.0.0.1:%d" % port)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.server.port))
            threading.Thread(target=self._pump, args=(near, far),
                             daemon=True).start()

    def _pump(self, near, far):
        try:
            self._copy(near, far)
        except ConnectionError:
            pass  # an end has gone

    def _copy(self, near, far):
        hold = False
        with near, far:
            while True:
                for s in select.select([near, far], [], [])[0]:
                    data = s.recv(1 << 20)
                    if not data:
                        return
                    if s is near and self.armed and b"HGETALL" in data:
                        self.armed, hold = False, True
                        self.held.set()
                    elif s is far and hold:
                        self.release.wait(harness.deadline(10))
                    (far if s is near else near).sendall(data)
                    if s is far and hold:
                        hold = False
                        self.passed.set()

    def close(self):
        self.listener.close()


def text(ws, **value):
    ws.send(TEXT, json.dumps(value))


def acked(ws):
    while json.loads(ws.recv_until(TEXT))["type"] != "subscribed":
        pass


def test_a_slow_client_is_closed_while_its_own_subscribe_is_served(
        redis_server, tool):
    """What was missed of a channel puts it over its bound, and its subscribe
    is read in the same turn."""
    proxy = HoldingProxy(redis_server)
    g = gates.Gate(tool, "--backlog-all", "65536", redis=proxy.redis)
    r = redis_server.client()
    slow, other = g.raw(rcvbuf=2048), g.ws()
    text(slow, type="subscribe", mode="all",
         channels=["market_data:*", "bars:known:1"])
    acked(slow)
    other.subscribe("bars:known:1")
    sent = 0

    def publish(n):
        nonlocal sent
        for _ in range(n):
            r.publish("market_data:AAPL",
                      '{"time":%d,"p":"%s"}' % (1700000000000 + sent,
                                                "x" * 2000))
            sent += 1

    def is_behind():
        publish(5)
        return g.metric("connections_behind") >= 1
    harness.wait_until(is_behind, 20, "a client that is behind")
    publish(5)
    r.hset("last:market_data:AAPL", "tick",
           '{"type":"tick","time":1800000000000,"p":"%s"}' % ("z" * 100000))
    proxy.armed = True
    r.client_kill_filter(_type="pubsub")
    assert proxy.held.wait(harness.deadline(5))
    g.tool.signal(signal.SIGSTOP)
    harness.wait_until(
        lambda: open("/proc/%d/stat" % g.tool.pid).read().split()[2] == "T",
        5, "the gateway is stopped")
    proxy.release.set()
    assert proxy.passed.wait(harness.deadline(5))
    text(slow, type="subscribe", mode="latest", channels=["bars:known:1"])
    mine = slow.sock.getsockname()[1]
    harness.wait_until(lambda: harness.tcp_unread(g.port, mine) > 0, 5,
                       "both wait in its sockets")
    g.tool.signal(signal.SIGCONT)
    harness.wait_until(
        lambda: g.metric("closes_total", code="4101") == 1, 10, "4101")
    r.publish("bars:known:1", '{"last":1}')
    other.wait(lambda m: m.get("data") == {"last": 1})
    assert g.tool.running()
    g.counters_add_up()
    g.close()
    proxy.close()


def test_a_snapshot_that_waited_for_room_is_not_older_than_updates(
        redis_server, tool):
    """The named channel's turn comes behind 12 MB of others' snapshots."""
    g = gates.Gate(tool, redis=redis_server)
    r = redis_server.client()
    names = ["orderbook:B%d" % i for i in range(200)]
    pipe = r.pipeline(transaction=False)
    for name in names:
        pipe.hset("last:" + name, "orderbook",
                  '{"type":"orderbook","p":"%s"}' % ("y" * 60000))
    pipe.hset("last:market_data:Z", mapping={
        "tick": '{"type":"tick","v":"cached"}',
        "trade": '{"type":"trade","v":"cached"}'})
    pipe.execute()
    slow = g.raw(rcvbuf=4096)
    text(slow, type="subscribe", channels=[*names, "market_data:Z"])
    acked(slow)
    quick = g.ws()
    quick.subscribe("market_data:Z")
    order = []

    def publish(i):
        r.publish("market_data:Z", '{"type":"trade","v":%d}' % i)
        quick.wait_type("update", seq=i)

    for i in range(1, 5):
        publish(i)
    published = 4
    while order[-1:] != [("update", 8)]:
        m = json.loads(slow.recv_until(TEXT))
        if m.get("channel") == "market_data:Z":
            order.append((m["type"], m["seq"]))
        elif m["type"] == "snapshot" and m["channel"] == names[-1]:
            while published < 8:
                published += 1
                publish(published)
    seqs = [seq for _, seq in order]
    assert seqs == sorted(seqs), order
    kinds = [kind for kind, _ in order]
    assert kinds == sorted(kinds), order  # snapshots before updates
    g.close()
