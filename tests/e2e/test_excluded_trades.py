"""Trades that use up an id but are none: no bar, no gap, no fault."""
import json

import pytest

from harness import run_tool, wait_until
from test_bargen_redis import (Journal, bargen, history,  # noqa: F401
                               shard_of, trade)
from test_tickpub_redis import adds_up, journal_objects

T0 = 1756220460000
NONE = {177: ("NA", "0", "0"), 60: ("NA", "0", "0"),
        61: ("INSURANCE_FUND", "99000.5", "3"), 118: ("ADL", "120000", "7")}


def futures_trade(i):
    """One a second; those in NONE were not made in the market."""
    kind, price, size = NONE.get(i, ("MARKET", "110500.1", "0.002"))
    return json.dumps({
        "e": "trade", "E": T0 + i * 1000, "T": T0 + i * 1000, "s": "BTCUSDT",
        "t": 1000 + i, "p": price, "q": size, "X": kind, "m": True})


FEED = "".join(futures_trade(i) + "\n" for i in range(181)).encode()


def tee(*args, stdin=FEED):
    t = run_tool("tickpub", "--no-redis", "--tee", *args, stdin=stdin)
    assert t.proc.returncode == 0, t.stderr
    return t


def test_trades_that_were_none_are_ignored_and_make_no_gap():
    t = tee("--feed", "binance", "--strict")
    assert "bad_line" not in t.stderr
    assert "lines=181 accepted=177 bad=0" in t.stderr
    assert " excluded=4" in t.stderr
    out = [json.loads(x) for x in t.lines]
    assert len(out) == 181
    none = [x for x in out if x["type"] == "trade_excluded"]
    assert [(x["id"], x["reason"]) for x in none] == [
        (str(1000 + i), NONE[i][0]) for i in sorted(NONE)]
    assert none[0]["time"] == T0 + 60000 and none[0]["price"] == 0
    bars = run_tool("bargen", "--stdin", "--stdout", "--final-only",
                    stdin=t.stdout).objects()
    got = [x["bar"] for x in bars if x["bar"]["final"]]
    assert [b["count"] for b in got] == [60, 57, 59]
    assert not any("gap" in b for b in got)
    assert {(b["high"], b["low"]) for b in got} == {(110500.1, 110500.1)}


def test_a_trade_that_is_really_missing_is_a_gap_beside_them():
    lines = FEED.splitlines(keepends=True)
    t = tee("--feed", "binance", stdin=b"".join(lines[:90] + lines[91:]))
    bars = run_tool("bargen", "--stdin", "--stdout", "--final-only",
                    stdin=t.stdout).objects()
    assert ["gap" in x["bar"] for x in bars if x["bar"]["final"]] == [
        False, True, False]


@pytest.mark.parametrize("line", [
    '{"type":"trade_excluded","symbol":"X","time":%d,"id":7}' % T0,
    '{"type":"trade_excluded","symbol":"X","time":%d,"id":"a-7","price":0,'
    '"size":-1,"note":[1]}' % T0])
def test_a_native_one_passes_as_it_is(line):
    t = tee("--strict", stdin=line.encode())
    assert t.lines == [line.encode()]
    assert "accepted=0 bad=0" in t.stderr


@pytest.mark.parametrize("members, column, why", [
    ('"time":%d' % T0, 1, "no trade id"),
    ('"time":%d,"id":""' % T0, 65, "no trade id"),
    ('"time":%d,"id":null' % T0, 65, "no trade id"),
    ('"id":7', 1, "no time")])
def test_one_without_an_id_or_a_time_is_bad(members, column, why):
    line = '{"type":"trade_excluded","symbol":"X",%s}' % members
    t = run_tool("tickpub", "--no-redis", stdin=line.encode())
    assert 'line=1 column=%d why="%s"' % (column, why) in t.stderr


def test_bargen_counts_it_as_ignored_and_passes_it_on():
    line = '{"type":"trade_excluded","symbol":"X","time":%d,"id":7}' % T0
    t = run_tool("bargen", "--stdin", "--stdout", "--tee", "--strict",
                 stdin=line.encode())
    assert t.proc.returncode == 0, t.stderr
    assert t.lines == [line.encode()]


def test_it_goes_into_the_journal_and_on_a_channel_of_its_own(redis_server, tool):
    client = redis_server.client()
    sub = redis_server.subscriber(patterns=["*"])
    lines = FEED.splitlines(keepends=True)[58:63]
    t = tool("tickpub", "--redis", redis_server.url, "--feed", "binance",
             stdin=b"".join(lines))
    assert t.wait() == 0, t.stderr
    n = adds_up(t)
    assert (n["lines"], n["accepted"], n["bad"], n["excluded"]) == (5, 3, 0, 2)
    kept = journal_objects(client)
    assert [o["id"] for o in kept] == ["1058", "1059", "1060", "1061", "1062"]
    none = [o for o in kept if o["type"] == "trade_excluded"]
    assert len(none) == 2 and not any("src" in o or "seq" in o for o in none)
    # The numbers of the channel have no hole.
    sub.wait(5)
    heard = [p for p in sub.payloads("market_data:BTCUSDT")]
    assert [p["seq"] for p in heard] == [1, 2, 3]
    assert sub.payloads("_excluded:BTCUSDT") == none
    assert client.hkeys("last:market_data:BTCUSDT") == [b"trade"]
    assert [k for k in client.keys("*") if b"xclu" in k] == []
    price = client.get("price:BTCUSDT")
    assert not price or json.loads(price)["price"] == 110500.1


def test_a_batch_sent_twice_changes_nothing(redis_server, bargen,  # noqa: F811
                                            tool):
    client = redis_server.client()
    journal = Journal(client, shard_of("X"))
    first = bargen("--final-only")
    lines, seq = [], 0
    for i in range(70):
        if i in (20, 21, 59):
            lines.append('{"type":"trade_excluded","symbol":"X","time":%d,'
                         '"id":"%d"}' % (T0 + i * 1000, 1000 + i))
        else:
            seq += 1
            lines.append(trade(T0 + i * 1000, id=str(1000 + i), src="a",
                               seq=seq))
    for cut in (0, 1):  # the second time after a restart
        journal.add(*lines)
        wait_until(lambda: len(history(client)) >= 1)
        if cut == 0:
            first.terminate()
            bargen("--final-only")
    journal.add(trade(T0 + 121000, id="1070", src="a", seq=seq + 1))
    wait_until(lambda: len(history(client)) == 2)
    bars = history(client)
    assert [b["count"] for b in bars] == [57, 10]
    assert not any("gap" in b for b in bars), bars


@pytest.mark.parametrize("args", ([], ["--symbols", "BTCUSDT"]))
@pytest.mark.parametrize("joined", ([], ["--batch"]))
def test_bargen_hears_of_it_without_the_journal(redis_server, bargen,  # noqa: F811
                                                tool, args, joined):
    client = redis_server.client()
    bargen("--source", "pubsub", "--final-only", "--resolutions", "1S", *args)
    wait_until(lambda: client.pubsub_numpat() == 2 or
               len(client.pubsub_channels("*:BTCUSDT")) == 2)
    t = tool("tickpub", "--redis", redis_server.url, "--feed", "binance",
             *joined, stdin=FEED)
    assert t.wait() == 0, t.stderr
    assert adds_up(t)["excluded"] > 0
    # The last two are open.
    wait_until(lambda: len(history(client, "1S", "BTCUSDT")) == 175)
    assert not [b for b in history(client, "1S", "BTCUSDT") if "gap" in b]


def test_routes_show_where_it_goes():
    t = run_tool("tickpub", "--routes")
    row, = [x.split() for x in t.stdout.decode().splitlines() if x.startswith("trade_excluded")]
    assert row == (["trade_excluded", "_excluded:{symbol}"] + ["-"] * 4 +
                   ["latest", "-", "yes", "default"])
