"""wsgate's native protocol against a real Redis."""
import json
import threading
import time

import pytest

import harness


def trade(price, symbol="AAPL"):
    return ('{"type":"trade","symbol":"%s","time":1705575045123,"price":%s,'
            '"size":1}' % (symbol, price))


def tick(bid, symbol="AAPL"):
    return ('{"type":"tick","symbol":"%s","time":1705575045123,"bid":%s,'
            '"ask":2.50}' % (symbol, bid))


def results(ack):
    return {r["channel"]: r for r in ack["results"]}


# --- plain PUBLISH -----------------------------------------------------------

@pytest.mark.parametrize("payload", [
    '{"hello": [1, 2 ]}', '  [1.10,2e5 , "\u00e4\\u00e4"]', '"x"', "17",
    "null", '{"type":"tick","bid":95000.50}', '{"a":1,"a":2}'])
def test_a_published_payload_arrives_byte_for_byte(redis_server, gate,
                                                   payload):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:TEST")
    redis_server.client().publish("market_data:TEST", payload.encode())
    ws.wait_type("update", channel="market_data:TEST")
    text, = ws.texts("update")
    assert text.startswith('{"type":"update","channel":"market_data:TEST",'
                           '"seq":1,"data":%s,"timestamp":' % payload)
    assert text.endswith(',"source":"redis"}')


@pytest.mark.parametrize("payload", [
    b"{", b'{"a":1}x', b"", b"\x00", b'{"a":"\xff"}', b"NaN", b"hello",
    b'{"a":"\xed\xa0\x80"}', b"[1,]"])
def test_what_is_not_json_is_counted_and_not_forwarded(redis_server, gate,
                                                       payload):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:TEST")
    r = redis_server.client()
    r.publish("market_data:TEST", payload)
    r.publish("market_data:TEST", b'{"after":1}')
    assert ws.wait_type("update")["data"] == {"after": 1}
    assert len(ws.of("update")) == 1
    assert g.metric("messages_invalid_total") == (1 if payload else 1)


def test_a_payload_of_several_lines_is_several_messages(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL")
    lines = [tick("1.%d0" % i) for i in range(5)]
    bad = lines[:2] + ["{oops"] + lines[2:]
    redis_server.client().publish("market_data:AAPL", "\n".join(bad) + "\n")
    harness.wait_until(lambda: len(ws.of("update")) == 5, 5, "five updates")
    assert [m["seq"] for m in ws.of("update")] == [1, 2, 3, 4, 5]
    for line, text in zip(lines, [t for t in ws.raw if '"update"' in t]):
        assert '"data":%s,' % line in text
    assert g.metric("messages_invalid_total") == 1


def test_one_json_value_with_line_feeds_in_it_stays_whole(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL")
    text = '{\n "a": 1,\n "b": [\n2]\n}'
    redis_server.client().publish("market_data:AAPL", text)
    ws.wait_type("update")
    assert '"data":%s,' % text in ws.texts("update")[0]


def test_a_message_larger_than_64_kib_arrives(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.subscribe("option-chain:NIFTY:2025-11-28")
    text = json.dumps({"rows": ["x" * 100] * 20000})
    redis_server.client().publish("option-chain:NIFTY:2025-11-28", text)
    ws.wait_type("update")
    assert '"data":%s,' % text in ws.texts("update")[0]


def test_a_message_that_no_frame_holds_is_counted(redis_server, gate):
    g = gate("--log-size", "64KiB", redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL")
    r = redis_server.client()
    r.publish("market_data:AAPL", '"%s"' % ("x" * 20000))
    r.publish("market_data:AAPL", "1")
    assert ws.wait_type("update")["data"] == 1
    assert g.metric("messages_invalid_total") == 1


def test_the_prefix_is_not_part_of_channel_names(redis_server, gate):
    g = gate("--prefix", "test:", redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL", "bars:AAPL:*")
    r = redis_server.client()
    r.publish("market_data:AAPL", "0")
    r.publish("test:market_data:AAPL", "1")
    r.publish("test:bars:AAPL:5", "2")
    ws.wait_type("update", channel="bars:AAPL:5")
    assert [m["data"] for m in ws.of("update")] == [1, 2]


# --- subscribing -------------------------------------------------------------

def test_welcome_is_first_and_says_the_bounds(redis_server, gate):
    g = gate("--max-subscriptions", "7", "--ping", "20s", redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL")
    first = ws.messages[0]
    assert first["type"] == "welcome"
    assert first["max_subscriptions"] == 7
    assert first["ping_ms"] == 20000
    assert first["upstream"] == "live"
    assert first["instance"] and first["version"]


def test_channel_and_parameters_are_the_joined_name(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    for i, (members, name) in enumerate([
            ({"channel": "option-chain", "symbol": "NIFTY",
              "expiry": "2025-11-28"}, "option-chain:NIFTY:2025-11-28"),
            ({"channel": "bars", "symbol": "AAPL", "resolution": "1"},
             "bars:AAPL:1"),
            ({"channel": "market_data", "symbol": "AAPL"},
             "market_data:AAPL"),
            ({"channel": "executions", "account_id": 42}, "executions:42"),
            ({"channel": "stock:price_updates"}, "stock:price_updates")]):
        ws.send({"type": "subscribe", "id": i, **members})
        ack = ws.wait_type("subscribed", id=i)
        assert [r["channel"] for r in ack["results"]] == [name]


def test_results_are_per_channel(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    ack = results(ws.subscribe("market_data:AAPL", "executions:42",
                               "alerts:7", "account", "positions:1",
                               "no such name", "", "x" * 300, "*",
                               "market_data:\u00e4"))
    assert ack["market_data:AAPL"]["ok"]
    assert ack["market_data:AAPL"]["seq"] == 0
    assert len(ack["market_data:AAPL"]["epoch"]) >= 4
    for name in ("executions:42", "alerts:7", "account", "positions:1"):
        assert ack[name]["code"] == "forbidden"
        assert not ack[name]["ok"]
    for name in ("no such name", "", "*", "market_data:\u00e4"):
        assert ack[name]["code"] == "bad_channel"
    assert len(ack) == 10


def test_a_resolution_has_one_name_in_every_door(redis_server, gate):
    """1D was acknowledged and mute: bars are published under D."""
    g = gate(redis=redis_server)
    ws = g.ws("/ws?subscribe=bars:A:1D,bars:A:1min")
    ack = results(ws.wait_type("subscribed"))
    assert ack["bars:A:1D"]["as"] == "bars:A:D"
    assert ack["bars:A:1min"]["code"] == "bad_channel"
    assert "D, W, M" in ack["bars:A:1min"]["message"]
    ws.send({"type": "subscribe", "id": "j", "channel": "bars", "symbol": "A",
             "resolution": "1W"})
    ack = results(ws.wait_type("subscribed", id="j"))
    assert ack["bars:A:1W"]["as"] == "bars:A:W"
    assert "as" not in results(ws.subscribe("bars:A:5"))["bars:A:5"]
    ack = results(g.ws().subscribe("bars:A:2D", "bars:A", "bars",
                                   "bars:A:7"))
    assert {r["code"] for r in ack.values()} == {"bad_channel"}
    r = redis_server.client()
    for resolution in ("D", "W", "5"):
        r.publish("bars:A:" + resolution, '{"n":"%s"}' % resolution)
        ws.wait_type("update", channel="bars:A:" + resolution)
    ws.send({"type": "list", "id": "l"})
    listed = ws.wait_type("subscriptions", id="l")["results"]
    assert {c["channel"] for c in listed} == {"bars:A:D", "bars:A:W",
                                              "bars:A:5"}
    ws.send({"type": "unsubscribe", "id": "u",
             "channels": ["bars:A:1D", "bars:A:W"]})
    ack = results(ws.wait_type("unsubscribed", id="u"))
    assert all(r["ok"] for r in ack.values())
    assert ack["bars:A:1D"]["as"] == "bars:A:D"


def test_names_of_other_environments_are_as_private_as_ours(redis_server,
                                                            gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    names = ["prod:executions:42", "a:b:executions:42", "prod:alerts:7",
             "prod:account", "x:positions:1", "prod:executions:*",
             "prod-executions:42", "prod:_probe:abc", "market_data:_A"]
    ack = results(ws.subscribe(*names, "mine", "mine:x"))
    assert {n: r.get("code") for n, r in ack.items()} == {
        **dict.fromkeys(names, "forbidden"), "mine": None, "mine:x": None}


def test_ids_come_back_as_they_were(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    for i in (7, -1, "seven", "\u00e4 \"quoted\"", 2**53):
        ws.send({"type": "ping", "id": i})
        ws.wait_type("pong", id=i)


def test_subscribing_in_the_address_needs_no_message(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws("/ws?subscribe=market_data:AAPL,bars:AAPL:1")
    ack = ws.wait_type("subscribed")
    assert list(results(ack)) == ["market_data:AAPL", "bars:AAPL:1"]
    redis_server.client().publish("market_data:AAPL", "1")
    ws.wait_type("update", channel="market_data:AAPL")


@pytest.mark.parametrize("names", ["%FF", "a%00b", ""])
def test_what_is_no_list_in_the_address_is_answered(redis_server, gate,
                                                    names):
    g = gate(redis=redis_server)
    ws = g.ws("/ws?subscribe=" + names)
    m = ws.wait(lambda m: m["type"] not in ("welcome", "heartbeat"), 5,
                "an answer")
    assert m["type"] == "error" or not m["results"][0]["ok"]
    ws.subscribe("market_data:AAPL")


def test_a_name_and_a_wildcard_over_it_do_not_double(redis_server, gate):
    g = gate(redis=redis_server)
    both, name, wild = g.ws(), g.ws(), g.ws()
    both.subscribe("market_data:AAPL", "market_data:*")
    name.subscribe("market_data:AAPL")
    wild.subscribe("market_data:*")
    r = redis_server.client()
    for i in range(100):
        r.publish("market_data:AAPL", str(i))
        r.publish("market_data:MSFT", str(i))
    for ws, n in ((both, 200), (name, 100), (wild, 200)):
        harness.wait_until(lambda: len(ws.of("update")) >= n, 5, "updates")
        got = [m["data"] for m in ws.of("update", "market_data:AAPL")]
        assert got == list(range(100))
        assert len(ws.of("update")) == n


def test_names_come_and_go_beside_a_wildcard_without_loss(redis_server, gate):
    g = gate(redis=redis_server)
    wild, fickle = g.ws(), g.ws()
    wild.subscribe("market_data:*")
    stop = threading.Event()
    sent = []

    def publish():
        r = redis_server.client()
        while not stop.is_set():
            r.publish("market_data:AAPL", str(len(sent)))
            sent.append(len(sent))
    t = threading.Thread(target=publish)
    t.start()
    for i in range(10):
        fickle.send({"type": "subscribe", "id": i,
                     "channels": ["market_data:AAPL"]})
        fickle.wait_type("subscribed", id=i)
        fickle.send({"type": "unsubscribe", "id": 100 + i,
                     "channels": ["market_data:AAPL"]})
        fickle.wait_type("unsubscribed", id=100 + i)
    stop.set()
    t.join()
    harness.wait_until(
        lambda: len(wild.of("update")) >= len(sent), 10, "all updates")
    assert [m["data"] for m in wild.of("update")] == sent


def test_unsubscribe_stops_updates_and_says_what_was_not_there(redis_server,
                                                               gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL", "market_data:MSFT")
    ws.send({"type": "unsubscribe", "id": 1,
             "channels": ["market_data:AAPL", "market_data:X"]})
    got = results(ws.wait_type("unsubscribed", id=1))
    assert got["market_data:AAPL"]["ok"]
    assert got["market_data:X"]["code"] == "not_subscribed"
    r = redis_server.client()
    r.publish("market_data:AAPL", "1")
    r.publish("market_data:MSFT", "2")
    ws.wait_type("update", channel="market_data:MSFT")
    assert len(ws.of("update")) == 1


def test_list_tells_mode_and_interval(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.subscribe("market_data:AAPL", "stock:price_updates",
                 "stock:market_status", "bars:AAPL:*")
    ws.send({"type": "subscribe", "id": 2, "channels": ["market_data:AAPL"],
             "interval_ms": 250})
    ws.wait_type("subscribed", id=2)
    ws.send({"type": "subscribe", "id": 3, "channels": ["bars:AAPL:*"],
             "mode": "all"})
    ws.wait_type("subscribed", id=3)
    ws.send({"type": "list", "id": "l"})
    got = results(ws.wait_type("subscriptions", id="l"))
    assert {k: (v["mode"], v.get("interval_ms")) for k, v in got.items()} == {
        "market_data:AAPL": ("latest", 250),
        "stock:price_updates": ("latest", None),
        "stock:market_status": ("all", None),
        "bars:AAPL:*": ("all", None)}


def test_a_repeated_subscribe_does_not_double(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    for mode in ("latest", "all", "latest", "latest"):
        ws.send({"type": "subscribe", "id": mode, "mode": mode,
                 "channels": ["market_data:AAPL", "market_data:AAPL"]})
        ws.wait_type("subscribed", id=mode)
    redis_server.client().publish("market_data:AAPL", "1")
    redis_server.client().publish("market_data:AAPL", "2")
    harness.wait_until(lambda: len(ws.of("update")) >= 2, 5, "updates")
    assert [m["data"] for m in ws.of("update")] == [1, 2]
    assert g.metric("subscriptions") == 1


def test_more_than_1024_subscriptions_are_refused_one_by_one(redis_server,
                                                             gate):
    g = gate(redis=redis_server)
    ws, other = g.ws(), g.ws()
    other.subscribe("market_data:X")
    ok = 0
    for i in range(10):
        names = ["market_data:S%d" % (1000 * i + k) for k in range(1000)]
        ws.send({"type": "subscribe", "id": i, "channels": names,
                 "snapshot": False})
        ack = ws.wait_type("subscribed", id=i, seconds=20)
        assert [r["channel"] for r in ack["results"]] == names
        ok += sum(r["ok"] for r in ack["results"])
        assert all(r["ok"] or r["code"] == "too_many"
                   for r in ack["results"])
    assert ok == 1024
    redis_server.client().publish("market_data:X", "1")
    other.wait_type("update")
    redis_server.client().publish("market_data:S1023", "1")
    ws.wait_type("update", channel="market_data:S1023")


def test_redis_is_asked_for_what_clients_want_and_no_more(redis_server, gate):
    g = gate(redis=redis_server)
    r = redis_server.client()

    def subscribed():
        return {n for n in r.pubsub_channels() if b"_probe" not in n}
    one, two = g.ws(), g.ws()
    one.subscribe("market_data:AAPL", "market_data:MSFT", "bars:*")
    two.subscribe("market_data:AAPL")
    assert subscribed() == {b"market_data:AAPL", b"market_data:MSFT"}
    assert r.pubsub_numpat() == 1
    one.close()
    harness.wait_until(lambda: subscribed() == {b"market_data:AAPL"} and
                       r.pubsub_numpat() == 0, 10, "the rest is given up")
    two.close()
    harness.wait_until(lambda: not subscribed(), 10, "all is given up")
    assert g.metric("channels") == 0


# --- snapshots ---------------------------------------------------------------

def test_the_cached_messages_come_before_updates(redis_server, gate):
    g = gate(redis=redis_server)
    r = redis_server.client()
    r.hset("last:market_data:AAPL", mapping={"tick": tick("1.10"),
                                             "trade": trade("1.20")})
    ws = g.ws()
    ack = ws.subscribe("market_data:AAPL")
    r.publish("market_data:AAPL", tick("1.30"))
    ws.wait_type("update")
    kinds = [m["type"] for m in ws.messages if m["type"] != "heartbeat"]
    assert kinds == ["welcome", "subscribed", "snapshot", "snapshot",
                     "update"]
    texts = [t for t in ws.raw if '"snapshot"' in t]
    assert any('"data":%s,' % tick("1.10") in t for t in texts)
    assert any('"data":%s,' % trade("1.20") in t for t in texts)
    assert {m["seq"] for m in ws.of("snapshot")} == {ack["results"][0]["seq"]}
    assert ws.of("update")[0]["seq"] == ack["results"][0]["seq"] + 1


def test_a_live_channel_answers_from_memory(redis_server, gate):
    g = gate(redis=redis_server)
    first = g.ws()
    first.subscribe("market_data:AAPL")
    r = redis_server.client()
    for i in range(3):
        r.publish("market_data:AAPL", tick("1.%d0" % i))
    r.publish("market_data:AAPL", trade("9.90"))
    harness.wait_until(lambda: len(first.of("update")) == 4, 5, "updates")
    second = g.ws()
    ack = second.subscribe("market_data:AAPL")
    second.wait_type("snapshot", seq=4)
    harness.wait_until(lambda: len(second.of("snapshot")) == 2, 5, "both")
    assert ack["results"][0]["seq"] == 4
    assert [m["data"].get("bid", m["data"].get("price"))
            for m in second.of("snapshot")] == [1.2, 9.9]


def test_a_wildcard_shows_what_the_gateway_knows(redis_server, gate):
    g = gate(redis=redis_server)
    first = g.ws()
    first.subscribe("market_data:*")
    r = redis_server.client()
    for i in range(500):
        r.publish("market_data:S%d" % i, tick("1.10", "S%d" % i))
    harness.wait_until(lambda: len(first.of("update")) == 500, 5, "updates")
    second = g.ws()
    second.subscribe("market_data:*")
    harness.wait_until(lambda: len(second.of("snapshot")) == 500, 5, "all")


def test_a_wildcard_over_many_channels_shows_all_of_them(gate):
    """More than goes out in one turn, beside a channel that is named."""
    n = 3000
    g = gate("--stdin", stdin="pipe")
    g.tool.write("".join(
        '{"channel":"market_data:S%d","data":{"type":"tick","p":"%s"}}\n'
        % (i, "x" * 100) for i in range(n)))
    harness.wait_until(lambda: g.metric("channels") == n, 10, "channels")
    ws = g.ws()
    ws.subscribe("market_data:*", "market_data:S7")
    harness.wait_until(lambda: len(ws.of("snapshot")) >= n, 10, "snapshots")
    shown = [m["channel"] for m in ws.of("snapshot")]
    assert sorted(shown) == sorted("market_data:S%d" % i for i in range(n))


def test_a_client_has_32_wildcards_and_no_more(gate):
    g = gate()
    ws = g.ws()
    got = results(ws.subscribe(*["p%d:*" % i for i in range(1000)], "plain"))
    assert sum(r["ok"] for r in got.values()) == 33
    assert got["p31:*"]["ok"] and got["plain"]["ok"]
    assert got["p32:*"]["code"] == "too_many"
    ws.send({"type": "subscribe", "id": 2, "channels": ["p31:*", "q:*"]})
    got = results(ws.wait_type("subscribed", id=2))
    assert got["p31:*"]["ok"] and got["q:*"]["code"] == "too_many"
    ws.send({"type": "unsubscribe", "id": 3, "channels": ["p31:*"]})
    ws.send({"type": "subscribe", "id": 4, "channels": ["q:*"]})
    assert results(ws.wait_type("subscribed", id=4))["q:*"]["ok"]


def test_snapshot_false_shows_nothing(redis_server, gate):
    g = gate(redis=redis_server)
    r = redis_server.client()
    r.hset("last:market_data:AAPL", "tick", tick("1.10"))
    ws = g.ws()
    ws.subscribe("market_data:AAPL", snapshot=False)
    r.publish("market_data:AAPL", "1")
    ws.wait_type("update")
    assert not ws.of("snapshot")


def test_since_is_answered_with_a_gap_and_a_snapshot(redis_server, gate):
    g = gate(redis=redis_server)
    r = redis_server.client()
    r.hset("last:market_data:AAPL", "tick", tick("1.10"))
    ws = g.ws()
    ws.subscribe("market_data:AAPL", since={"market_data:AAPL": "17-0"})
    gap = ws.wait_type("gap", channel="market_data:AAPL")
    assert gap["from"] == "17-0"
    ws.wait_type("snapshot")
    kinds = [m["type"] for m in ws.messages if m["type"] != "heartbeat"]
    assert kinds == ["welcome", "subscribed", "gap", "snapshot"]


def test_ack_snapshot_updates_hold_under_concurrent_publishing(redis_server,
                                                               gate):
    g = gate(redis=redis_server)
    stop = threading.Event()

    def publish():
        r = redis_server.client()
        i = 0
        while not stop.is_set():
            i += 1
            p = r.pipeline(transaction=False)
            for s in "ABCD":
                text = tick("%d.0" % i, s)
                p.publish("market_data:" + s, text)
                p.hset("last:market_data:" + s, "tick", text)
            p.execute()
    t = threading.Thread(target=publish)
    t.start()
    try:
        for i in range(15):
            ws = g.ws()
            names = ["market_data:" + s for s in "ABCD"]
            ack = results(ws.subscribe(*names))
            for name in names:
                harness.wait_until(lambda: len(ws.of("update", name)) > 3, 5,
                                   "updates")
                seen = [m for m in ws.messages if m.get("channel") == name]
                n = ack[name]["seq"]
                kinds = [m["type"] for m in seen]
                assert "snapshot" not in kinds[1:]
                bids = [m["data"]["bid"] for m in seen]
                if kinds[0] == "snapshot":
                    assert seen.pop(0)["seq"] == n
                assert [m["seq"] for m in seen] == \
                    list(range(n + 1, n + 1 + len(seen)))
                # Nothing is missing between snapshot and updates; the same
                # message may be in both.
                assert all(b - a in (0, 1) for a, b in zip(bids, bids[1:]))
            ws.close()
    finally:
        stop.set()
        t.join()


# --- interval ----------------------------------------------------------------

def test_an_interval_bounds_the_rate_and_ends_with_the_newest(redis_server,
                                                              gate):
    g = gate(redis=redis_server)
    slow, fast = g.ws(), g.ws()
    slow.subscribe("market_data:AAPL", interval_ms=200)
    fast.subscribe("market_data:AAPL")
    r = redis_server.client()
    began = time.monotonic()
    for i in range(300):
        r.publish("market_data:AAPL", tick("%d.0" % i))
        time.sleep(0.003)  # a rate: at least 0.9 s, so several intervals
    took = time.monotonic() - began
    slow.wait(lambda m: m["type"] == "update" and m["data"]["bid"] == 299.0)
    harness.wait_until(lambda: len(fast.of("update")) == 300, 5, "all")
    seen = [m["seq"] for m in slow.of("update")]
    assert seen == sorted(set(seen)) and seen[-1] == 300
    assert 3 <= len(seen) <= took / 0.2 + 3
    g.counters_add_up()


# --- the other commands ------------------------------------------------------

def test_auth_is_answered_honestly(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws()
    ws.send({"type": "auth", "id": 1, "token": "x"})
    assert ws.wait_type("error", id=1)["code"] == "unsupported"


def test_heartbeats_come_and_say_live(redis_server, gate):
    g = gate("--heartbeat", "200ms", redis=redis_server)
    ws = g.ws()
    harness.wait_until(lambda: len(ws.of("heartbeat")) >= 3, 5, "heartbeats")
    assert {m["upstream"] for m in ws.of("heartbeat")} == {"live"}


# --- the older addresses -----------------------------------------------------

def test_the_stock_address_sends_its_three_types_in_their_envelope(
        redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws("/api/v1/ws")
    harness.wait_until(lambda: g.metric("subscriptions") == 3, 5, "ready")
    r = redis_server.client()
    price = '{"type":"price_update","symbol":"AAPL","price":187.20}'
    status = '{"type":"market_status","status":"open"}'
    alert = '{"type":"trading_alert","text":"halt"}'
    private = '{"type":"trading_alert","user_id":"7","text":"yours"}'
    r.publish("stock:price_updates", price)
    r.publish("stock:trading_alerts", private)
    r.publish("stock:trading_alerts", alert)
    r.publish("market_data:AAPL", tick("1.10"))
    r.publish("stock:market_status", status)
    ws.wait_type("market_status")
    assert ws.raw == [
        '{"type":"price_update","data":%s,"source":"redis"}' % price,
        '{"type":"trading_alert","data":%s,"source":"redis"}' % alert,
        '{"type":"market_status","data":%s,"source":"redis"}' % status]


@pytest.mark.parametrize("user", ['"7"', "7", '"a b"'])
def test_an_alert_that_names_a_user_reaches_nobody(redis_server, gate, user):
    g = gate(redis=redis_server)
    r = redis_server.client()
    private = '{"type":"trading_alert","user_id":%s,"text":"yours"}' % user
    public = '{"type":"trading_alert","user_id":"","n":%d}'
    r.hset("last:stock:trading_alerts", "trading_alert", private)
    named, wild, old = g.ws(), g.ws(), g.ws("/api/v1/ws")
    named.subscribe("stock:trading_alerts")
    wild.subscribe("stock:*")
    harness.wait_until(lambda: g.metric("subscriptions") == 5, 5, "ready")
    r.publish("stock:trading_alerts", private)
    r.publish("stock:trading_alerts", "\n".join(
        [public % 1, private, public % 2]))
    for ws in (named, wild):
        ws.wait_type("update", channel="stock:trading_alerts", seq=2)
    old.wait(lambda m: m["data"].get("n") == 2)
    for ws in (named, wild, old):
        assert not [t for t in ws.raw if "yours" in t]
    assert g.metric("messages_total", source="redis", outcome="private") == 2


def test_the_tick_address_sends_every_quote_and_trade_raw(redis_server, gate):
    g = gate(redis=redis_server)
    ws = g.ws("/stream/ticks")
    harness.wait_until(lambda: g.metric("subscriptions") == 1 and
                       redis_server.client().pubsub_numpat() == 1, 5, "ready")
    r = redis_server.client()
    r.publish("market_data:AAPL", tick("1.10"))
    r.publish("market_data:AAPL", trade("1.20"))
    r.publish("market_data:AAPL", '{"type":"other"}')
    r.publish("market_data:MSFT", tick("1.30", "MSFT"))
    harness.wait_until(lambda: len(ws.raw) == 3, 5, "three ticks")
    assert ws.raw == [tick("1.10"), trade("1.20"), tick("1.30", "MSFT")]


# --- going away --------------------------------------------------------------

def test_sigterm_says_bye_then_1001_and_exits_in_time(redis_server, gate):
    g = gate(redis=redis_server)
    many = [g.ws("/ws?subscribe=market_data:AAPL") for _ in range(30)]
    for ws in many:
        ws.wait_type("subscribed")
    began = time.monotonic()
    assert g.tool.terminate() == 0
    assert time.monotonic() - began < harness.deadline(5)
    for ws in many:
        harness.wait_until(lambda: ws.close_code is not None, 5, "closed")
        assert ws.close_code == 1001
        bye = ws.of("bye")[0]
        assert bye["reason"] == "drain" and len(bye["retry_ms"]) == 2


def test_new_clients_are_sent_away_while_draining(redis_server, gate):
    g = gate("--drain", "3s", redis=redis_server)
    stays = [g.raw() for _ in range(150)]
    g.tool.signal(15)
    g.tool.wait()
    assert g.tool.proc.returncode == 0
    assert all(c.close_code() in (1001, None) for c in stays)
