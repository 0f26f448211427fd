"""Quotes with one side or none, and prices of zero and below."""
import json
import os
from decimal import Decimal

import pytest

from harness import run_tool, wait_until
from test_bargen_redis import (bargen, history, journal,  # noqa: F401
                               last_bar, wait_bar)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
T0 = 1587412800000  # 2020-04-20 20:00 UTC
LOW = "price is zero or negative (--allow-negative lets it pass)"


def tick(ms, symbol="X", **sides):
    return '{"type":"tick","symbol":"%s","time":%d%s}\n' % (
        symbol, T0 + ms, "".join(',"%s":%s' % s for s in sides.items()))


def trade(ms, price, size=1, symbol="X"):
    return ('{"type":"trade","symbol":"%s","time":%d,"price":%s,"size":%s}\n'
            % (symbol, T0 + ms, price, size))


def run(*args, stdin, env=None):
    t = run_tool(*args, stdin=stdin.encode(), env=env)
    assert t.proc.returncode == 0, t.stderr
    return t


def bars(*args, stdin):
    out = run("bargen", "--stdin", "--stdout", *args, stdin=stdin)
    return [json.loads(x, parse_float=Decimal)["bar"] for x in out.lines]


def test_the_examples_of_the_documentation_are_events():
    text = open(os.path.join(ROOT, "docs", "messages.md")).read()
    block = text.split("```json\n")[1].split("```")[0]
    said, at = [], 0
    while block[at:].strip():
        at += len(block[at:]) - len(block[at:].lstrip())
        said.append(block[at:json.JSONDecoder().raw_decode(block, at)[1]])
        at += len(said[-1])
    lines = [" ".join(x.split()) for x in said]
    t = run("tickpub", "--no-redis", "--tee", "--strict",
            stdin="\n".join(lines))
    assert t.stdout.decode().splitlines() == lines and len(lines) >= 6
    assert "ask" in t.lines[1].decode() and b"trade_excluded" in t.stdout


ONE_SIDED = [tick(0, bid=1.5), tick(1, ask=2.5), tick(2), tick(3, bid=0, ask=2),
             tick(4, bid=2, ask="0.00"), tick(5, bid="null", ask=3),
             tick(6, bid=0, ask=0)]


@pytest.mark.parametrize("door", [
    ("tickpub", "--no-redis", "--tee"),
    ("bargen", "--stdin", "--stdout", "--tee", "--final-only")],
    ids=["tickpub", "bargen"])
def test_a_quote_needs_no_side(door):
    t = run(*door, "--strict", stdin="".join(ONE_SIDED))
    got = [x for x in t.lines if b'"tick"' in x]
    assert got == [x.strip().encode() for x in ONE_SIDED]


@pytest.mark.parametrize("sides, want", [
    ({"bid": 1.5}, {"bid": 1.5}), ({"ask": 2.5}, {"ask": 2.5}), ({}, {}),
    ({"bid": 0, "ask": 2.5}, {"ask": 2.5}),
    ({"bid": 1.5, "ask": 0}, {"bid": 1.5}),
    ({"bid": 1.5, "ask": 2.5}, {"bid": 1.5, "ask": 2.5, "mid": 2.0,
                                "spread": 1.0})])
def test_the_newest_price_has_a_middle_only_of_two_sides(redis_server, tool,
                                                         sides, want):
    client = redis_server.client()
    line = tick(0, **sides)
    t = tool("tickpub", "--redis", redis_server.url, "--price-ttl", "60s",
             stdin=line.encode())
    assert t.wait() == 0, t.stderr
    assert json.loads(client.get("price:X")) == {
        "symbol": "X", "time": T0, **want}
    heard = client.hget("last:market_data:X", "tick").decode()
    assert heard.startswith(line.strip()[:-1] + ',"src"')


QUOTES = "".join([tick(0, bid=10, ask=11), tick(1000, ask=12),
                  tick(2000, bid=9), tick(3000, bid=0, ask=14), tick(4000),
                  tick(60500, bid=10, ask=12)])


@pytest.mark.parametrize("price, values", [
    ("bid", [10, 10, 9, 9, 2]), ("ask", [11, 14, 11, 14, 3]),
    ("mid", [10.5, 10.5, 10.5, 10.5, 1]),
    ("auto", [10.5, 10.5, 10.5, 10.5, 1])])
def test_bars_are_made_of_the_side_that_is_there(price, values):
    first = [b for b in bars("--price", price, stdin=QUOTES) if b["final"]][0]
    assert [first[k] for k in ("open", "high", "low", "close", "count")] == [
        Decimal(str(v)) for v in values]


@pytest.mark.parametrize("door", [
    ("tickpub", "--no-redis"), ("bargen", "--stdin", "--stdout")],
    ids=["tickpub", "bargen"])
@pytest.mark.parametrize("line, name", [
    (trade(0, "-37.63"), "price"), (trade(0, "0"), "price"),
    (trade(0, "-0.0"), "price"), (tick(0, bid="-0.25", ask="-0.20"), "bid"),
    (tick(0, bid=1, ask="-1"), "ask")],
    ids=["negative", "zero", "minus-zero", "bid", "ask"])
def test_prices_below_zero_are_refused_and_the_option_is_named(door, line,
                                                              name):
    t = run(*door, stdin=line)
    column = line.index('"%s":' % name) + len(name) + 4
    assert 'line=1 column=%d why="%s"' % (column, LOW) in t.stderr
    assert b'"price"' not in t.stdout and b'"bar"' not in t.stdout


NEGATIVE = [trade(0, "1.50", 2), trade(1000, "-37.63", 5), trade(2000, "0"),
            trade(3000, "-0.01"), trade(60500, "-2")]


def test_where_they_are_allowed_bars_are_below_zero():
    lines = "".join(NEGATIVE)
    t = run("tickpub", "--no-redis", "--tee", "--strict", "--allow-negative",
            stdin=lines)
    assert t.stdout.decode() == lines
    got = bars("--allow-negative", "--final-only", "--strict", stdin=lines)
    first = [b for b in got if b["final"]][0]
    assert [str(first[k]) for k in (
        "open", "high", "low", "close", "volume", "count", "vwap")] == [
        "1.50", "1.50", "-37.63", "-0.01", "9", "4", "-20.5733"]


def test_quotes_below_zero_have_a_middle_and_zero_alone_is_no_side():
    lines = (tick(0, bid="-0.25", ask="-0.20") + tick(1000, bid="-0.30", ask=0) +
             tick(2000, bid=0, ask="0.05") + tick(60500, bid=1, ask=2))
    got = bars("--allow-negative", "--final-only", "--strict", stdin=lines)
    first = [b for b in got if b["final"]][0]
    assert [first[k] for k in ("open", "low", "close", "count")] == [
        Decimal("-0.225"), Decimal("-0.225"), Decimal("-0.15"), 2]
    # The last bid is none: the bar of asks has all three.
    got = bars("--allow-negative", "--final-only", "--price", "ask",
               stdin=lines)
    assert [b["count"] for b in got if b["final"]] == [3]


@pytest.mark.parametrize("tool_args, name", [
    (("tickpub", "--no-redis", "--strict"), "TICKPUB_ALLOW_NEGATIVE"),
    (("bargen", "--stdin", "--stdout", "--strict"),
     "BAR_GENERATOR_ALLOW_NEGATIVE")])
def test_the_environment_allows_them_too(tool_args, name):
    run(*tool_args, stdin="".join(NEGATIVE), env={name: "true"})


def test_the_journal_has_them_and_bars_in_redis_are_below_zero(
        redis_server, bargen, tool):  # noqa: F811
    client = redis_server.client()
    first = bargen("--allow-negative")
    t = tool("tickpub", "--redis", redis_server.url, "--allow-negative",
             "--price-ttl", "60s", stdin="".join(NEGATIVE[:2]).encode())
    assert t.wait() == 0, t.stderr
    assert json.loads(client.get("price:X"))["price"] == -37.63
    wait_bar(client, lambda b: b["close"] == -37.63)
    first.kill()  # and what is stored is read again
    bargen("--allow-negative")
    t = tool("tickpub", "--redis", redis_server.url, "--allow-negative",
             stdin="".join(NEGATIVE[2:]).encode())
    assert t.wait() == 0, t.stderr
    wait_until(lambda: len(history(client)) == 1)
    bar, = history(client)
    assert [bar[k] for k in ("open", "low", "close", "volume", "vwap")] == [
        1.5, -37.63, -0.01, 9, -20.5733]


def test_bargen_without_the_option_takes_none_from_the_journal(
        redis_server, bargen, journal):  # noqa: F811
    client = redis_server.client()
    bargen()
    journal.add(*[x.strip() for x in NEGATIVE])
    wait_bar(client, lambda b: b["close"] == 1.5)
    assert last_bar(client)["count"] == 1
