"""All tools together: real trades through Redis, and what happens when it fails."""
import json
import threading
import time
from decimal import Decimal

import pytest

from harness import (data_lines, deadline, free_port, http_get, wait_until)
from wsclient import WsClient

TRADES = "binance-aggtrades-xrpeth.ndjson.gz"
BARS_1M = "binance-xrpeth-bars-1m.ndjson.gz"
FIELDS = ("open", "high", "low", "close", "volume")


def reference_bars(name):
    """{time: (open, high, low, close, volume)} of the bars with trades."""
    rows = (json.loads(line, parse_float=Decimal, parse_int=Decimal)
            for line in data_lines(name))
    return {int(r["time"]): tuple(r[f] for f in FIELDS)
            for r in rows if not r["fill"]}


class Bars:
    """Final bars by time; the highest revision counts."""

    def __init__(self):
        self.rev, self.values = {}, {}

    def add(self, text):
        bar = json.loads(text, parse_float=Decimal, parse_int=Decimal)["bar"]
        at = int(bar["time"])
        if bar["final"] and bar["rev"] >= self.rev.get(at, -1):
            self.rev[at] = bar["rev"]
            self.values[at] = tuple(bar[f] for f in FIELDS)


def raw_data(text):
    """The payload of an update as it stands in the frame."""
    start = text.index('"data":') + len('"data":')
    return text[start:text.rindex(',"timestamp":')]


class Pipeline:
    """tickpub, bargen, wsgate and ratelimitd on one Redis."""

    def __init__(self, tool, redis_server, feed=(), resolutions="1"):
        url = ["--redis", redis_server.url]
        self.ports = {n: free_port() for n in
                      ("tickpub", "bargen", "wsgate", "ratelimitd")}

        def http(name):
            return ["--http", "127.0.0.1:%d" % self.ports[name]]
        self.bargen = tool("bargen", *url, *http("bargen"), "--resolutions",
                           resolutions)
        self.wsgate = tool("wsgate", *url, "--listen",
                           "127.0.0.1:%d" % self.ports["wsgate"])
        self.ratelimitd = tool("ratelimitd", *url, *http("ratelimitd"),
                               "--linger")
        self.tools = [self.bargen, self.wsgate, self.ratelimitd]
        for t in self.tools:
            t.wait_ready()
        self.tickpub = tool("tickpub", *url, *http("tickpub"), *feed,
                            stdin="pipe")
        self.tickpub.wait_ready()
        self.tools.append(self.tickpub)

    def ready(self, name):
        try:
            return http_get("http://127.0.0.1:%d/ready" % self.ports[name],
                            1)[0] == 200
        except OSError:
            return False

    def all_ready(self):
        return all(self.ready(n) for n in self.ports)

    def ws(self, query=""):
        return WsClient("ws://127.0.0.1:%d/ws%s" %
                        (self.ports["wsgate"], query))

    def assert_running(self):
        for t in self.tools:
            assert t.running(), "%s exited:\n%s" % (t.name, t.stderr[-3000:])


def test_real_trades_give_the_reference_bars_in_redis_and_on_a_websocket(
        tool, redis_server):
    want = reference_bars(BARS_1M)
    last = max(want)
    del want[last]  # the stream ends inside it
    lines = data_lines(TRADES)
    p = Pipeline(tool, redis_server, ["--feed", "binance", "--linger"])
    sub = redis_server.subscriber("bars:XRPETH:1")
    with p.ws() as ws:
        ws.subscribe("bars:XRPETH:1", mode="all")
        p.tickpub.write(b"\n".join(lines) + b"\n")
        on_redis, on_ws = Bars(), Bars()
        taken = [0, 0]

        def complete():
            messages = sub.poll()
            for _, data in messages[taken[0]:]:
                for text in data.split(b"\n"):
                    on_redis.add(text)
            taken[0] = len(messages)
            frames = ws.raw[taken[1]:]
            for text in frames:
                if text.startswith('{"type":"update"'):
                    on_ws.add(raw_data(text))
            taken[1] += len(frames)
            return len(on_redis.values) >= len(want) and \
                len(on_ws.values) >= len(want)
        wait_until(complete, 30, lambda: "%d bars (have %d in Redis, %d on the "
                   "WebSocket)" % (len(want), len(on_redis.values),
                                   len(on_ws.values)))
    on_redis.values.pop(last, None)
    on_ws.values.pop(last, None)
    assert on_redis.values == want
    assert on_ws.values == want


class Feeder(threading.Thread):
    """Writes trades with the time of day until it is stopped."""

    def __init__(self, tickpub, per_second=500):
        super().__init__(daemon=True)
        self.tickpub, self.gap = tickpub, 1.0 / per_second
        self.halt = threading.Event()
        self.count = 0
        self.start()

    def run(self):
        while not self.halt.wait(self.gap):
            self.count += 1
            line = ('{"type":"trade","symbol":"TEST","time":%d,"price":%d.25,'
                    '"size":1,"id":"%d"}\n' %
                    (time.time() * 1000, 100 + self.count % 7, self.count))
            try:
                self.tickpub.write(line)
            except (OSError, ValueError):  # the tool is gone
                return

    def stop(self):
        self.halt.set()
        self.join(deadline(5))


def upstreams(ws):
    return [m["upstream"] for m in ws.of("heartbeat")]


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_redis_fails_under_load_and_every_tool_is_live_within_3_s(
        tool, redis_server, how):
    p = Pipeline(tool, redis_server, ["--linger"], resolutions="1S,1")
    feeder = Feeder(p.tickpub)
    with p.ws() as ws:
        ws.subscribe("market_data:TEST", "bars:TEST:1S")
        ws.wait(lambda m: m["type"] == "update", 10, "a first update")
        wait_until(p.all_ready, 5, "all tools ready")
        if how == "kill":
            redis_server.kill()
        else:
            redis_server.freeze()
        began = time.monotonic()
        wait_until(lambda: upstreams(ws)[-1:] != ["live"] and upstreams(ws),
                   3.5, "the client is told stale or down")
        assert upstreams(ws)[-1] in ("stale", "down")
        wait_until(lambda: not p.ready("wsgate"), 2, "wsgate is not ready")
        wait_until(lambda: time.monotonic() - began > 8, 10, "8 s of outage")
        p.assert_running()
        if how == "kill":
            redis_server.start()
        else:
            redis_server.thaw()
        back = time.monotonic()
        at = len(ws.raw)
        wait_until(lambda: upstreams(ws)[-1] == "live", 5, "live again")
        told_after = time.monotonic() - back
        wait_until(p.all_ready, 5, lambda: "all ready again: %s" %
                   {n: p.ready(n) for n in p.ports})
        ready_after = time.monotonic() - back
        ws.wait(lambda m: m["type"] == "update" and
                m["channel"] == "market_data:TEST", 5, "updates again")
        wait_until(lambda: any('"update"' in t and "bars:TEST:1S" in t
                               for t in ws.raw[at:]), 8, "bars again")
    feeder.stop()
    p.assert_running()
    assert told_after < deadline(3)
    assert ready_after < deadline(3)
    for t in p.tools:
        assert t.terminate() == 0, t.stderr[-3000:]
