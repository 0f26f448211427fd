"""Wildcards: what each form stands for, alone and with names beside it."""
import itertools
import json
import threading

import pytest

import harness

BARS = ["bars:AAPL:1", "bars:AAPL:5", "bars:AAPL:D", "bars:MSFT:5",
        "bars:MSFT:15", "bars:5:1", "bars:NSE:NIFTY:5"]
CHAINS = ["option-chain:NIFTY:2025-11-28", "option-chain:NIFTY:2025-12-05",
          "option-chain:BANKNIFTY:2025-11-28", "option-chain:NIFTY"]
OTHERS = ["market_data:AAPL", "market_data:A:B", "barsX:AAPL:5",
          "orderbook:AAPL"]
FORMS = {
    "bars:*": BARS,
    "bars:*:*": BARS,
    "bars:*:5": ["bars:AAPL:5", "bars:MSFT:5", "bars:NSE:NIFTY:5"],
    "bars:*:1D": ["bars:AAPL:D"],
    "bars:AAPL:*": ["bars:AAPL:1", "bars:AAPL:5", "bars:AAPL:D"],
    "option-chain:*": CHAINS,
    "option-chain:*:2025-11-28": [CHAINS[0], CHAINS[2]],
    "option-chain:NIFTY:*": CHAINS[:2],
    "market_data:*": ["market_data:AAPL", "market_data:A:B"],
}
HOW = [{}, {"mode": "all"}, {"mode": "latest"}, {"interval_ms": 250}]


ids = itertools.count()


def ask(ws, kind, *names, **more):
    """Subscribe or unsubscribe; the results, in the order of the names."""
    id_ = next(ids)
    ws.send({"type": kind, "id": id_, "channels": names, **more})
    return ws.wait_type(kind + "d", id=id_)["results"]


def subscribe(ws, *names, **more):
    got = ask(ws, "subscribe", *names, **more)
    assert all(r["ok"] for r in got), got
    return [r["channel"] for r in got]


def heard(ws, redis, names, wait_for=0):
    """Publishes one message on each; what the client gets of them, waiting for
    so many (of an interval they come later)."""
    before = len(ws.of("update"))
    for name in names:
        redis.publish(name, json.dumps({"on": name}))
    end = str(before)
    redis.publish("orderbook:END", '"%s"' % end)
    ws.wait_type("update", channel="orderbook:END", data=end)

    def got_now():
        return [m for m in ws.of("update")[before:]
                if m["channel"] != "orderbook:END"]
    harness.wait_until(lambda: len(got_now()) >= wait_for, 5, "all of them")
    got = got_now()
    assert all(m["data"] == {"on": m["channel"]} for m in got)
    return [m["channel"] for m in got]


@pytest.mark.parametrize("how", HOW, ids=str)
def test_each_form_brings_what_it_says_once_and_nothing_else(redis_server,
                                                             gate, how):
    g = gate(redis=redis_server)
    r = redis_server.client()
    for form, names in FORMS.items():
        ws = g.ws()
        subscribe(ws, "orderbook:END")
        subscribe(ws, form, **how)
        # Channels that are new to the client, then the same ones.
        for _ in range(2):
            got = heard(ws, r, BARS + CHAINS + OTHERS, len(names))
            assert sorted(got) == sorted(names)
            assert "interval_ms" in how or got == names
        ws.close()
    g.counters_add_up()


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize("how", HOW[:-1], ids=str)
def test_names_and_wildcards_over_one_channel_bring_it_once(redis_server, gate,
                                                            how, known):
    """Whichever of them, whatever the order of subscribing."""
    g = gate(redis=redis_server)
    r = redis_server.client()
    over = ["bars:AAPL:5", "bars:AAPL:*", "bars:*:5", "bars:*"]
    if known:
        ws = g.ws()
        subscribe(ws, "orderbook:END", "bars:*")
        assert heard(ws, r, BARS) == BARS
    for n in (2, 3, 4):
        for names in itertools.permutations(over, n):
            ws = g.ws()
            subscribe(ws, "orderbook:END")
            subscribe(ws, names[0], **how)
            subscribe(ws, *names[1:], snapshot=False)
            assert heard(ws, r, ["bars:AAPL:5"]) == ["bars:AAPL:5"], names
            ws.close()


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_one_interval_among_them_brings_nothing_twice(redis_server, gate, at):
    """Streams of one channel at different intervals are the same messages."""
    g = gate(redis=redis_server)
    r = redis_server.client()
    over = ["bars:AAPL:5", "bars:AAPL:*", "bars:*:5", "bars:*"]
    clients = []
    for names in itertools.permutations(over):
        ws = g.ws()
        for name in names:
            subscribe(ws, name, **(
                {"interval_ms": 250} if name == over[at] else {}))
        clients.append(ws)
    for i in range(50):
        r.publish("bars:AAPL:5", str(i))
    for ws in clients:
        ws.wait_type("update", data=49)
        seen = [m["data"] for m in ws.of("update")]
        assert seen == (sorted(set(seen)) if at == 0 else list(range(50)))
        assert at > 0 or len(seen) < 50


def test_the_name_counts_then_the_narrower_wildcard(redis_server, gate):
    """Of what each was subscribed with, that of the first: here mode `all`
    brings every message, an interval of a minute the first alone."""
    g = gate(redis=redis_server)
    r = redis_server.client()
    order = ["bars:AAPL:5", "bars:AAPL:*", "bars:*:*", "bars:*"]
    for i, first in enumerate(order):
        ws = g.ws()
        subscribe(ws, "orderbook:END")
        for name in reversed(order[i + 1:]):
            subscribe(ws, name, interval_ms=60000)
        subscribe(ws, first, mode="all")
        for _ in range(5):
            assert heard(ws, r, ["bars:AAPL:5"]) == ["bars:AAPL:5"], first
        ws.close()
    for i, first in enumerate(order[:-1]):
        ws = g.ws()
        subscribe(ws, "orderbook:END")
        subscribe(ws, first, interval_ms=60000)
        subscribe(ws, *order[i + 1:], mode="all")
        counts = [len(heard(ws, r, ["bars:AAPL:5"])) for _ in range(5)]
        assert sum(counts) <= 1, first
        ws.close()


def test_redis_has_one_pattern_a_family_however_many_there_are(redis_server,
                                                               gate):
    g = gate(redis=redis_server)
    r = redis_server.client()
    a, b = g.ws(), g.ws()
    subscribe(a, "bars:*:5")
    assert r.pubsub_numpat() == 1
    subscribe(b, "bars:AAPL:*", "bars:*", "bars:MSFT:*")
    assert r.pubsub_numpat() == 1
    assert r.execute_command("PUBSUB", "NUMSUB", "bars:AAPL:5")[1] == 0
    subscribe(b, "option-chain:*:2025-11-28", "option-chain:NIFTY:*")
    assert r.pubsub_numpat() == 2
    a.close()
    b.close()
    harness.wait_until(lambda: r.pubsub_numpat() == 0, 15, "given up")


def test_unsubscribing_one_leaves_the_others(redis_server, gate):
    g = gate(redis=redis_server)
    r = redis_server.client()
    ws = g.ws()
    names = ["bars:AAPL:5", "bars:AAPL:*", "bars:*:5", "bars:*"]
    subscribe(ws, "orderbook:END", *names)
    for i in range(len(names)):
        ws.send({"type": "list", "id": i})
        assert {x["channel"] for x in
                ws.wait_type("subscriptions", id=i)["results"]} == {
            "orderbook:END", *names[i:]}
        assert heard(ws, r, ["bars:AAPL:5"]) == ["bars:AAPL:5"]
        assert ask(ws, "unsubscribe", names[i])[0]["ok"]
    assert heard(ws, r, BARS) == []


@pytest.mark.parametrize("name", [
    "bars:X:1min", "bars:X", "bars:*:7q", "bars:*:1min", "bars:A*:5",
    "bars:AAPL:5*", "*", "*:AAPL", "market*:AAPL", "market_data:A*",
    "market_data::*", "bars:*:5:*:x"])
def test_what_is_no_name_or_wildcard_is_refused(redis_server, gate, name):
    g = gate(redis=redis_server)
    result, = ask(g.ws(), "subscribe", name)
    assert not result["ok"]
    assert result["code"] == "bad_channel"


def test_a_resolution_has_one_spelling_behind_every_door(redis_server, gate):
    g = gate(redis=redis_server)
    r = redis_server.client()
    ws = g.ws()
    subscribe(ws, "orderbook:END")
    assert [x["as"] for x in ask(ws, "subscribe", "bars:AAPL:1D")] == [
        "bars:AAPL:D"]
    ws.send({"type": "subscribe", "id": "p", "channel": "bars",
             "symbol": "*", "resolution": "1D"})
    assert [x["as"] for x in ws.wait_type("subscribed", id="p")[
        "results"]] == ["bars:*:D"]
    assert heard(ws, r, ["bars:AAPL:D", "bars:MSFT:D"]) == ["bars:AAPL:D",
                                                            "bars:MSFT:D"]
    assert all(x["ok"] for x in
               ask(ws, "unsubscribe", "bars:AAPL:1D", "bars:*:1D"))
    assert heard(ws, r, ["bars:AAPL:D", "bars:MSFT:D"]) == []


@pytest.mark.parametrize("name,outcome", [
    ("prod:executions:42", "private"), ("prod:alerts:7", "private"),
    ("prod:_probe:0123456789abcdef", "internal"),
    ("prod:bars:AAPL:1min", None)])
def test_what_is_not_for_everybody_comes_by_no_wildcard(redis_server, gate,
                                                        name, outcome):
    """Not to those who were there, nor to those who come later."""
    g = gate(redis=redis_server)
    r = redis_server.client()
    ws, other = g.ws(), g.ws()
    got = []
    for client, wildcard in ((ws, "prod:*"), (other, "prod:*:*")):
        subscribe(client, "orderbook:END")
        ask(client, "subscribe", wildcard)
        got.append(heard(client, r, [name, name, "prod:x:y"]))
    if outcome:
        assert got == [["prod:x:y"], ["prod:x:y"]]
        assert g.metric("messages_total", source="redis",
                        outcome=outcome) == 4
        assert g.metric("channels") == 2
    else:  # only under bars: itself is the last part a resolution
        assert got[0] == [name, name, "prod:x:y"]


def test_a_channel_that_several_wildcards_cover_has_one_snapshot(redis_server,
                                                                 gate):
    g = gate(redis=redis_server)
    r = redis_server.client()
    first, ws = g.ws(), g.ws()
    subscribe(first, "orderbook:END", "bars:*")
    heard(first, r, BARS)
    subscribe(ws, "orderbook:END", "bars:*:5", "bars:AAPL:*", "bars:MSFT:5")
    wanted = ["bars:AAPL:1", "bars:AAPL:5", "bars:AAPL:D", "bars:MSFT:5",
              "bars:NSE:NIFTY:5"]
    harness.wait_until(lambda: len([m for m in ws.of("snapshot")
                                    if m["channel"] in BARS]) >= 5, 5,
                       "snapshots")
    heard(ws, r, [])
    assert sorted(m["channel"] for m in ws.of("snapshot")
                  if m["channel"] in BARS) == sorted(wanted)


def test_wildcards_come_and_go_while_messages_come_without_loss(redis_server,
                                                                gate):
    """One client changes what it has over a stream; it hears all of it once,
    as does one that keeps what it has."""
    g = gate(redis=redis_server)
    still, fickle = g.ws(), g.ws()
    subscribe(still, "bars:*:5", mode="all")
    subscribe(fickle, "bars:*", mode="all")
    stop = threading.Event()
    sent = []

    def publish():
        r = redis_server.client()
        while not stop.is_set():
            r.publish("bars:AAPL:5", str(len(sent)))
            sent.append(len(sent))
    t = threading.Thread(target=publish)
    t.start()
    try:
        for _ in range(10):
            for name in ("bars:*:5", "bars:AAPL:*", "bars:AAPL:5"):
                subscribe(fickle, name, mode="all", snapshot=False)
            for name in ("bars:AAPL:*", "bars:AAPL:5", "bars:*:5"):
                ask(fickle, "unsubscribe", name)
    finally:
        stop.set()
        t.join()
    for ws in (still, fickle):
        harness.wait_until(lambda: len(ws.of("update")) >= len(sent), 10,
                           "all updates")
        assert [m["data"] for m in ws.of("update")] == sent


def outcomes(g):
    return {o: g.metric("messages_total", source="redis", outcome=o)
            for o in ("delivered", "copy", "duplicate", "outdated", "invalid",
                      "too_big", "unwanted", "private", "internal",
                      "invalid_name", "channels_full")}


def test_every_message_from_redis_has_one_outcome(redis_server, gate):
    g = gate(redis=redis_server)
    r = redis_server.client()
    ws = g.ws()
    subscribe(ws, "orderbook:END", "bars:*:5", "bars:AAPL:5", "prod:*")
    heard(ws, r, [
        "bars:AAPL:5",      # by name, and a copy by the family
        "bars:MSFT:5", "bars:MSFT:5",
        "bars:MSFT:1",      # unwanted
        "market_data:X",    # Redis sends it to nobody
        "prod:x", "prod:not a name"])
    r.publish("bars:MSFT:5", '1\n2\n{')
    r.publish("prod:y", "{")
    r.publish("orderbook:END", '"last"')
    ws.wait_type("update", data="last")
    got = outcomes(g)
    assert {k: v for k, v in got.items() if v} == {
        "delivered": 4 + 2 + 2, "copy": 1, "unwanted": 1, "invalid_name": 1,
        "invalid": 2}
    assert g.metric("channels") == 5  # none for what is not wanted
