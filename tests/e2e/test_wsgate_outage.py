"""wsgate while Redis is killed, hung or absent: clients are told, and it heals."""
import time

import harness


def upstreams(ws):
    return [m["upstream"] for m in ws.of("heartbeat")]


def publishing(redis_server, ws, channel, marker):
    """Publish until ws hears the marker."""
    r = redis_server.client()

    def heard():
        r.publish(channel, '"%s"' % marker)
        return any(m["data"] == marker for m in ws.of("update", channel))
    harness.wait_until(heard, 10, "messages flow", every=0.05)


def test_a_killed_redis_is_told_and_everything_comes_back(redis_server, gate):
    g = gate("--heartbeat", "60s", redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL", "bars:AAPL:*")
    publishing(redis_server, ws, "market_data:AAPL", "before")
    began = time.monotonic()
    redis_server.kill()
    ws.wait(lambda m: m["type"] == "heartbeat" and
            m["upstream"] in ("stale", "down"), 5)
    assert time.monotonic() - began < harness.deadline(3)
    assert harness.http_get(g.http("/ready"))[0] == 503
    redis_server.start()
    back = time.monotonic()
    harness.wait_until(lambda: upstreams(ws) and upstreams(ws)[-1] == "live",
                       10, "live again")
    assert time.monotonic() - back < harness.deadline(3)
    publishing(redis_server, ws, "market_data:AAPL", "after")
    publishing(redis_server, ws, "bars:AAPL:1", "bar")
    assert ws.close_code is None
    seqs = [m["seq"] for m in ws.of("update", "market_data:AAPL")]
    assert seqs == sorted(set(seqs))


def test_a_hung_redis_is_told_and_comes_back(redis_server, gate):
    g = gate("--heartbeat", "60s", redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL")
    publishing(redis_server, ws, "market_data:AAPL", "before")
    began = time.monotonic()
    redis_server.freeze()
    ws.wait(lambda m: m["type"] == "heartbeat" and
            m["upstream"] in ("stale", "down"), 6)
    assert time.monotonic() - began < harness.deadline(3.5)
    # Eight seconds of hang, as the design has it.
    harness.wait_until(lambda: time.monotonic() - began > 8, 10)
    assert g.tool.running()
    redis_server.thaw()
    back = time.monotonic()
    harness.wait_until(lambda: upstreams(ws)[-1] == "live", 10, "live again")
    assert time.monotonic() - back < harness.deadline(3)
    publishing(redis_server, ws, "market_data:AAPL", "after")
    assert ws.close_code is None


def test_a_gateway_starts_without_redis_and_finds_it_later(redis_absent, gate):
    g = gate(redis=redis_absent, live=False)
    ws = g.ws()
    began = time.monotonic()
    ack = ws.subscribe("market_data:AAPL")
    assert ack["results"][0]["ok"]
    assert time.monotonic() - began < harness.deadline(1)
    redis_absent.start()
    publishing(redis_absent, ws, "market_data:AAPL", "hello")


def test_require_redis_exits_69(redis_absent, tool):
    t = tool("wsgate", "--listen", "127.0.0.1:0", "--redis", redis_absent.url,
             "--require-redis")
    assert t.wait() == 69
    assert len(t.stderr.splitlines()) >= 1


def test_an_ack_comes_also_from_a_hung_redis(redis_server, gate):
    g = gate("--confirm", "1s", redis=redis_server)
    ws = g.ws()
    redis_server.freeze()
    ack = ws.subscribe("market_data:AAPL")
    assert ack["results"][0]["ok"]
    redis_server.thaw()
    publishing(redis_server, ws, "market_data:AAPL", "later")


def test_what_was_missed_is_told_from_the_cache(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    old = '{"type":"tick","time":1700000000000,"bid":1.10}'
    heard = '{"type":"tick","time":1700000000001,"bid":1.15}'
    new = '{"type":"tick","time":1700000000002,"bid":1.20}'
    redis_server.client().hset("last:market_data:AAPL", "tick", old)
    ws.subscribe("market_data:AAPL")
    ws.wait_type("snapshot")
    redis_server.client().publish("market_data:AAPL", heard)
    ws.wait_type("update", seq=1)
    # Somebody publishes and caches while the gateway's link is down.
    r = redis_server.client()
    p = r.pipeline(transaction=True)
    p.hset("last:market_data:AAPL", "tick", new)
    p.client_kill_filter(_type="pubsub")
    p.execute()
    m = ws.wait_type("update", seq=2, seconds=10)
    assert m["data"]["bid"] == 1.2
    assert '"data":%s,' % new in ws.texts("update")[-1]


def test_unsubscribing_while_redis_is_away_holds_after_it_returns(
        redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL", "market_data:MSFT")
    redis_server.kill()
    ws.send({"type": "unsubscribe", "id": 1,
             "channels": ["market_data:AAPL"]})
    ws.wait_type("unsubscribed", id=1)
    redis_server.start()
    publishing(redis_server, ws, "market_data:MSFT", "x")
    redis_server.client().publish("market_data:AAPL", "1")
    publishing(redis_server, ws, "market_data:MSFT", "y")
    assert not ws.of("update", "market_data:AAPL")
