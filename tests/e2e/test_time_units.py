"""A time in another unit than milliseconds is refused by name, or converted."""
import json
from decimal import Decimal

import pytest

from harness import free_port, metric, http_get, run_tool, wait_until
from test_bargen_redis import (bargen, history, journal,  # noqa: F401
                               trade as redis_trade)

S = 1697097600  # 2023-10-12 08:00 UTC
TICKPUB = ("tickpub", "--no-redis", "--tee")
BARGEN = ("bargen", "--stdin", "--stdout", "--tee")
DOORS = [pytest.param(TICKPUB, id="tickpub"), pytest.param(BARGEN, id="bargen")]
IN = {"s": "seconds", "ms": "milliseconds", "us": "microseconds",
      "ns": "nanoseconds"}
NOW = {"s": "%d" % S, "ms": "%d123" % S, "us": "%d123456" % S,
       "ns": "%d123456789" % S}


def trade(time, price="1.50"):
    return ('{"type":"trade","symbol":"A","time":%s,"price":%s,"size":1}\n'
            % (time, price))


def run(door, *args, stdin, status=0):
    t = run_tool(*door, *args, stdin=stdin.encode())
    assert t.proc.returncode == status, t.stderr
    return t


def why(unit):
    return "time looks like %s (--time-unit %s reads them)" % (IN[unit], unit)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_another_unit_is_refused_by_its_name(door, unit):
    t = run(door, stdin=trade(NOW["ms"]) + trade(NOW[unit]))
    assert [json.loads(x).get("type") for x in t.lines][0] == "trade"
    assert sum(b'"trade"' in x for x in t.lines) == 1
    assert 'line=2 column=37 why="%s"' % why(unit) in t.stderr
    t = run(door, "--strict", stdin=trade(NOW[unit]), status=65)
    assert "line 1, column 37: " + why(unit) in t.stderr


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("time, unit", [
    ("631151999999", "s"), ("631151999999.9", "s"), ("1", "s"),
    ("%d.5" % S, "s"), ("9000000000000", "us")])
def test_times_are_of_1990_to_2255(door, time, unit):
    t = run(door, "--strict", stdin=trade(time), status=65)
    assert why(unit) in t.stderr


@pytest.mark.parametrize("door, args", [
    pytest.param(TICKPUB, ["--max-future", "100000d"], id="tickpub"),
    pytest.param(BARGEN, ["--max-future", "0s"], id="bargen")])
def test_the_first_and_the_last_time_are_times(door, args):
    args = ["--max-future", "3650d"] if door is TICKPUB else args
    last = [] if door is TICKPUB else ["8999999999999.5"]
    for time in ["631152000000", "631152000000.5"] + last:
        t = run(door, *args, "--strict", stdin=trade(time))
        assert trade(time).strip().encode() in t.lines


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("unit, time, ms", [
    ("s", "%d" % S, "%d000" % S),
    ("s", "%d.123456789" % S, "%d123.456789" % S),
    ("s", "%d.1" % S, "%d100" % S),
    ("ms", "%d123.5" % S, "%d123.5" % S),
    ("us", "%d123456" % S, "%d123.456" % S),
    ("us", "%d123000.5" % S, "%d123.0005" % S),
    ("ns", "%d123456789" % S, "%d123.456789" % S),
    ("ns", "%d000000000" % S, "%d000" % S)])
def test_the_unit_that_is_named_is_converted_exactly(door, unit, time, ms):
    t = run(door, "--time-unit", unit, "--strict", stdin=trade(time))
    assert t.lines[0] == trade(ms).strip().encode()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_milliseconds_are_refused_where_another_unit_is_named(door, unit):
    t = run(door, "--time-unit", unit, "--strict", stdin=trade(NOW["ms"]),
            status=65)
    assert why("ms") in t.stderr


def test_bars_are_those_of_the_same_trades_in_milliseconds():
    def bars(unit, factor):
        lines = "".join(trade(format(Decimal(S * 1000 + i * 7001) * factor, "f"),
                              "%d.5" % (i % 17)if i % 17 else "1")
                        for i in range(500))
        return run(("bargen", "--stdin", "--stdout", "--final-only"),
                   "--time-unit", unit, stdin=lines).lines
    want = bars("ms", Decimal(1))
    assert len(want) > 50
    assert bars("s", Decimal("0.001")) == want
    assert bars("us", Decimal(1000)) == want
    assert bars("ns", Decimal(10) ** 6) == want


def test_bar_events_have_the_unit_too():
    bar = ('{"type":"bar","symbol":"A","resolution":"1","bar":{"time":%d,'
           '"open":1.0,"end":%d,"final":true}}')
    t = run(TICKPUB, "--time-unit", "s", "--strict", stdin=bar % (S, S + 60))
    assert t.lines == [(bar % (S * 1000, S * 1000 + 60000)).encode()]
    t = run(TICKPUB, "--strict", stdin=bar % (S, S + 60), status=65)
    assert "column 59: " + why("s") in t.stderr


def test_the_environment_names_the_unit():
    t = run_tool(*TICKPUB, stdin=trade(S).encode(),
                 env={"TICKPUB_TIME_UNIT": "s"})
    assert t.lines == [trade(S * 1000).strip().encode()]


@pytest.mark.parametrize("args, said", [
    (["tickpub", "--time-unit", "s", "--feed", "binance"], "--time-unit"),
    (["tickpub", "--time-unit", "s", "--simulate", "A"], "--time-unit"),
    (["tickpub", "--time-unit", "min"], "--time-unit"),
    (["tickpub", "--simulate", "A", "--start", str(S)], "looks like seconds"),
    (["bargen", "--time-unit", "s"], "--time-unit")])
def test_a_unit_where_there_is_none_is_a_usage_error(args, said):
    t = run_tool(*args)
    assert t.proc.returncode == 64
    assert said in t.stderr


def test_feeds_convert_by_magnitude_and_refuse_what_is_before_1990():
    line = ('{"e":"trade","s":"A","t":1,"p":"2","q":"3","T":%s}\n')
    t = run(("tickpub", "--no-redis", "--tee", "--feed", "binance"),
            stdin="".join(line % NOW[u] for u in IN) + line % "123456785")
    assert [json.loads(x, parse_float=str)["time"] for x in t.lines] == [
        S * 1000, S * 1000 + 123, "%d123.456" % S, "%d123.456789" % S]
    assert "line=5 column=48" in t.stderr
    assert "not a Unix time between 1990 and 2255" in t.stderr


def test_the_journal_and_pubsub_refuse_it_as_well(redis_server, tool):
    client = redis_server.client()
    for source in ("journal", "pubsub"):
        port = free_port()
        t = tool("bargen", "--redis", redis_server.url, "--source", source,
                 "--http", "127.0.0.1:%d" % port).wait_ready()
        line = redis_trade(S)
        if source == "journal":
            client.xadd("journal:%d" % 7, {"d": line})
        else:
            wait_until(lambda: client.pubsub_numpat() == 2)
            client.publish("market_data:X", line)
        wait_until(lambda: metric(
            http_get("http://127.0.0.1:%d/metrics" % port)[1],
            "tickwire_bargen_bad_payloads_total") == 1)
        assert t.terminate(10) == 0
    assert client.keys("last:bars:*") == []


def test_the_standard_input_of_the_gateway_refuses_it_in_the_same_words(tool):
    t = tool("wsgate", "--listen", "127.0.0.1:%d" % free_port(), "--no-redis",
             "--stdin", "--linger", stdin=trade(S).encode())
    t.wait_ready()
    t.wait_stderr(why("s"))
