"""/api/v1/ws, for clients of a stock service: what its publishers send comes in
the envelope that those clients know."""
import json

import pytest

import harness

CHANNELS = {"stock:price_updates": "price_update",
            "stock:market_status": "market_status",
            "stock:trading_alerts": "trading_alert"}


@pytest.fixture
def served(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws("/api/v1/ws")
    harness.wait_until(lambda: g.metric("subscriptions") == 3, 5,
                       "it is subscribed")
    return redis_server.client(), ws


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_object_without_a_type_gets_that_of_its_channel(served, channel):
    redis, ws = served
    text = '{"symbol": "AAPL", "price":150.250}'
    redis.publish(channel, text)
    ws.wait_type(CHANNELS[channel])
    assert ws.texts(CHANNELS[channel]) == [
        '{"type":"%s","data":%s,"source":"redis"}' % (CHANNELS[channel], text)]


def test_from_standard_input_as_well(gate):
    g = gate("--stdin", stdin="pipe")
    ws = g.ws("/api/v1/ws")
    harness.wait_until(lambda: g.metric("subscriptions") == 3, 5,
                       "it is subscribed")
    g.tool.write('{"channel":"stock:market_status","data":{"open":true}}\n')
    m = ws.wait_type("market_status")
    assert m == {"type": "market_status", "data": {"open": True},
                 "source": "local"}


def test_what_is_no_object_or_says_another_type_is_not_passed_on(served):
    redis, ws = served
    for payload in ("150.25", "[{}]", '"x"', '{"type":"tick","bid":1}'):
        redis.publish("stock:price_updates", payload)
    redis.publish("stock:trading_alerts", '{"user_id":"u1","level":1}')
    redis.publish("stock:price_updates", '{"last":1}')
    assert ws.wait_type("price_update")["data"] == {"last": 1}
    redis.publish("stock:trading_alerts", '{"level":2}')
    assert ws.wait_type("trading_alert")["data"] == {"level": 2}
    assert len(ws.messages) == 2, json.dumps(ws.messages)
