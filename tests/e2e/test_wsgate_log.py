"""What the gateway logs of its clients and messages: at debug, and only there."""
import re

import pytest

import harness


def lines(g, event):
    """The fields of each line of an event."""
    found = re.findall(r"^.* level=debug tool=wsgate ev=%s (.*)$" % event,
                       g.tool.stderr, re.M)
    return [dict(re.findall(r'(\w+)="?([^" ]*)"?', text)) for text in found]


def wait_lines(g, event, count):
    harness.wait_until(lambda: len(lines(g, event)) >= count, 5,
                       lambda: "%d lines of %s" % (count, event))
    return lines(g, event)


@pytest.fixture
def talk(redis_server, gate):
    """Three clients, two of them named and one a wildcard; a message."""
    def run(level):
        g = gate("--log-level", level, redis=redis_server)
        a, b, c = g.ws(), g.ws(), g.ws()
        stock = g.ws("/api/v1/ws")
        a.subscribe("market_data:AAPL")
        b.subscribe("market_data:AAPL", interval_ms=50)
        c.subscribe("market_data:*")
        harness.wait_until(lambda: g.metric("subscriptions") == 6, 5,
                           "all are subscribed")
        redis = redis_server.client()
        for name in ("market_data:AAPL", "market_data:MSFT",
                     "stock:market_status"):
            redis.publish(name, '{"type":"market_status"}')
        for ws in (a, b):
            ws.wait_type("update", channel="market_data:AAPL")
        c.wait_type("update", channel="market_data:MSFT")
        stock.wait_type("market_status")
        c.send({"type": "unsubscribe", "channels": ["market_data:*"]})
        c.wait_type("unsubscribed")
        return g
    return run


def test_at_debug_each_step_has_a_line(talk):
    g = talk("debug")
    came = wait_lines(g, "client_connect", 4)
    assert [line["path"] for line in came] == ["/ws"] * 3 + ["/api/v1/ws"]
    assert {line["peer"] for line in came} == {"127.0.0.1"}
    a, b, c, stock = [line["client"] for line in came]
    wanted = wait_lines(g, "client_subscribe", 6)
    assert sorted((line["client"], line["channel"]) for line in wanted) == \
        sorted([(a, "market_data:AAPL"), (b, "market_data:AAPL"),
                (c, "market_data:*"), (stock, "stock:price_updates"),
                (stock, "stock:market_status"),
                (stock, "stock:trading_alerts")])
    told = wait_lines(g, "broadcast", 3)
    assert [(line["channel"], line["seq"], line["clients"])
            for line in told] == [("market_data:AAPL", "1", "3"),
                                  ("market_data:MSFT", "1", "1"),
                                  ("stock:market_status", "1", "1")]
    assert wait_lines(g, "client_unsubscribe", 1) == [
        {"client": c, "channel": "market_data:*"}]


def test_at_info_there_is_none(talk):
    g = talk("info")
    for event in ("client_connect", "client_subscribe", "client_unsubscribe",
                  "broadcast"):
        assert event not in g.tool.stderr
