"""Clients that hear a channel at intervals, and change them."""
import itertools
import json

import pytest

import harness

NAME, END = "market_data:Q", "orderbook:END"
ids = itertools.count(1)


def ask(ws, kind, *names, **more):
    id_ = next(ids)
    ws.send({"type": kind, "id": id_, "channels": names, **more})
    got = ws.wait_type(kind + "d", id=id_)["results"]
    assert all(r["ok"] for r in got), got
    return got


def publish(redis, observer, numbers, type_="tick"):
    """And waits until the gateway has taken all of them."""
    p = redis.pipeline(transaction=False)
    for n in numbers:
        p.publish(NAME, json.dumps({"type": type_, "n": n}))
    id_ = "end %d" % next(ids)
    p.publish(END, json.dumps(id_))
    p.execute()
    observer.wait_type("update", channel=END, data=id_)


def told(ws):
    """In order: which kind, n."""
    return [(m["type"], m["data"]["n"]) for m in ws.messages
            if m["type"] in ("update", "snapshot") and m["channel"] == NAME]


def is_only_newer(ws):
    """Updates are newer than all before them, snapshots not older."""
    newest, seq = 0, 0
    for m in ws.messages:
        if m["type"] not in ("update", "snapshot") or m["channel"] != NAME:
            continue
        is_update = m["type"] == "update"
        assert m["data"]["n"] >= newest + is_update, told(ws)
        assert m["seq"] >= seq + is_update, told(ws)
        newest, seq = m["data"]["n"], m["seq"]


@pytest.fixture
def room(redis_server, gate):
    g = gate(redis=redis_server)
    observer = g.ws()
    ask(observer, "subscribe", END)
    return g, redis_server.client(), observer


@pytest.mark.parametrize("name", [NAME, "market_data:*"])
@pytest.mark.parametrize("had", [NAME, "market_data:*"])
def test_nothing_older_follows_when_a_client_comes_to_an_interval(room, had,
                                                                  name):
    g, r, observer = room
    there, ws = g.ws(), g.ws()
    ask(there, "subscribe", name, interval_ms=1000)
    ask(ws, "subscribe", had)
    publish(r, observer, range(1, 41))
    ws.wait_type("update", data={"type": "tick", "n": 40})
    ask(ws, "subscribe", name, interval_ms=1000)
    if name != had:
        ask(ws, "unsubscribe", had)
    publish(r, observer, range(41, 44))
    for c in (there, ws):
        c.wait_type("update", data={"type": "tick", "n": 43})
        is_only_newer(c)
    g.counters_add_up()


@pytest.mark.parametrize("name", [NAME, "market_data:*"])
def test_updates_follow_the_snapshot_of_who_comes_while_some_wait(room, name):
    """Of several types, and of some that were never sent at this interval."""
    g, r, observer = room
    there, ws = g.ws(), g.ws()
    ask(observer, "subscribe", NAME)  # so that it is known
    publish(r, observer, [1], "quote")
    ask(there, "subscribe", name, interval_ms=1000)
    publish(r, observer, [2], "tick")
    publish(r, observer, [3], "trade")
    publish(r, observer, [4, 5], "tick")
    ask(ws, "subscribe", name, interval_ms=1000)
    for c in (there, ws):
        c.wait_type("update", data={"type": "tick", "n": 5})
    assert told(there) == [("snapshot", 1), ("update", 2), ("update", 3),
                           ("update", 5)]
    got = told(ws)
    assert sorted(got[:2]) == [("snapshot", 1), ("snapshot", 2)]
    assert got[2:] == [("update", 3), ("update", 5)]
    seqs = [m["seq"] for m in ws.messages if m.get("channel") == NAME]
    assert seqs == sorted(seqs)


@pytest.mark.parametrize("over", [{}, {"mode": "all"}, {"interval_ms": 250}],
                         ids=str)
def test_what_waits_for_a_name_is_shown_when_it_is_given_up(room, over):
    g, r, observer = room
    ws = g.ws()
    ask(ws, "subscribe", "market_data:*", **over)
    ask(ws, "subscribe", NAME, interval_ms=60000)
    publish(r, observer, [1, 2, 3])
    ws.wait_type("update", data={"type": "tick", "n": 1})
    assert told(ws) == [("update", 1)]
    ask(ws, "unsubscribe", NAME)
    ws.wait_type("snapshot", data={"type": "tick", "n": 3})
    publish(r, observer, [4])
    ws.wait_type("update", data={"type": "tick", "n": 4})
    is_only_newer(ws)
    g.counters_add_up()


def test_who_takes_nothing_along_brings_others_nothing(room):
    g, r, observer = room
    there, ws = g.ws(), g.ws()
    ask(there, "subscribe", "market_data:*", interval_ms=60000)
    publish(r, observer, [1, 2])
    ask(ws, "subscribe", "market_data:OTHER")
    for _ in range(2):
        ask(ws, "subscribe", "market_data:*", interval_ms=60000)
        ask(ws, "subscribe", "market_data:*", interval_ms=60000)
        ask(ws, "subscribe", NAME, interval_ms=60000)
        ask(ws, "unsubscribe", NAME)
        ask(ws, "unsubscribe", "market_data:*")
    publish(r, observer, [3])
    # It was not lost: somebody who has heard 3 makes it go out.
    ask(ws, "subscribe", NAME)
    publish(r, observer, [4])
    ws.wait_type("update", data={"type": "tick", "n": 4})
    ask(ws, "subscribe", "market_data:*", interval_ms=60000)
    ask(ws, "unsubscribe", NAME)
    there.wait_type("update", data={"type": "tick", "n": 4})
    assert told(there) == [("update", 1), ("update", 4)]
    is_only_newer(ws)


def test_what_waits_is_counted_when_its_client_goes(room):
    g, r, observer = room
    with g.ws() as ws:
        ask(ws, "subscribe", NAME, interval_ms=60000)
        publish(r, observer, [1, 2, 3])
        ws.wait_type("update", data={"type": "tick", "n": 1})
        assert told(ws) == [("update", 1)]
        before = g.counters_add_up()
    harness.wait_until(
        lambda: g.metric("messages_dropped_total", reason="closed") == 1, 5,
        "the one that waited is counted")
    assert g.counters_add_up() == before + 1
