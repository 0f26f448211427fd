"""Channels whose names begin with an underscore are tickwire's own."""
import json

import harness


def numsub(redis_server, name):
    return redis_server.client().pubsub_numsub(name)[0][1]


def instance(ws):
    return ws.wait_type("welcome")["instance"]


def codes(ack):
    return {r["channel"]: r.get("code") for r in ack["results"]}


def test_a_client_cannot_take_the_probe_away(redis_server, gate):
    """Whoever subscribed to the gateway's probe and left made it deaf to
    itself: stale for everybody, until it was restarted."""
    g = gate(redis=redis_server)
    ws, other = g.ws(), g.ws()
    probe = "_probe:" + instance(ws)
    assert numsub(redis_server, probe) == 1
    ws.subscribe(probe, "market_data:LEFT")
    assert numsub(redis_server, "market_data:LEFT") == 1
    ws.send({"type": "unsubscribe", "id": "u",
             "channels": [probe, "market_data:LEFT"]})
    ws.wait_type("unsubscribed", id="u")
    ws.close()
    # What nobody wants any more is given up some seconds later, all at once.
    harness.wait_until(
        lambda: numsub(redis_server, "market_data:LEFT") == 0, 15,
        "the gateway gives up what nobody wants")
    assert numsub(redis_server, probe) == 1
    seen = len(other.of("heartbeat"))
    harness.wait_until(lambda: len(other.of("heartbeat")) >= seen + 2, 15,
                       "two more heartbeats")
    assert {m["upstream"] for m in other.of("heartbeat")} == {"live"}
    assert harness.http_get(g.http("/ready"))[0] == 200


def test_internal_names_are_refused_in_every_form(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws("/ws?subscribe=_probe:x,market_data:A")
    ack = codes(ws.wait_type("subscribed"))
    assert ack == {"_probe:x": "forbidden", "market_data:A": None}
    names = ["_probe:" + instance(ws), "_probe:*", "_x", "_x:y:z"]
    assert codes(ws.subscribe(*names)) == dict.fromkeys(names, "forbidden")
    ws.send({"type": "subscribe", "id": "j", "channel": "_probe",
             "symbol": "x"})
    assert codes(ws.wait_type("subscribed", id="j")) == {
        "_probe:x": "forbidden"}
    ws.send({"type": "list", "id": "l"})
    listed = ws.wait_type("subscriptions", id="l")["results"]
    assert [r["channel"] for r in listed] == ["market_data:A"]


def test_standard_input_does_not_feed_internal_names(gate):
    g = gate("--stdin", stdin="pipe")
    ws = g.ws()
    ws.subscribe("market_data:A")
    for name in ("_probe:x", "market_data:A"):
        line = json.dumps({"channel": name, "data": {"n": 1}})
        g.tool.write(line + "\n")
    ws.wait_type("update")
    g.tool.wait_stderr("'_probe:x'")


def test_a_wildcard_wanted_again_is_still_given_up_in_the_end(redis_server,
                                                              gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    r = redis_server.client()
    for _ in range(3):
        ws.subscribe("market_data:*")
        assert r.pubsub_numpat() == 1
        ws.send({"type": "unsubscribe", "id": "u",
                 "channels": ["market_data:*"]})
        ws.wait_type("unsubscribed", id="u")
        ws.raw.clear()
    harness.wait_until(lambda: r.pubsub_numpat() == 0, 15,
                       "the pattern is given up")
