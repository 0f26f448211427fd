"""Bars in tests: reference files, and what of a stream of bars counts."""
import json
from decimal import Decimal

from harness import data_lines, wait_until

TRADES = "binance-aggtrades-xrpeth.ndjson.gz"
REFERENCE = {"1": "binance-xrpeth-bars-1m.ndjson.gz",
             "5": "binance-xrpeth-bars-5m.ndjson.gz"}
FIELDS = ("open", "high", "low", "close", "volume")


def decode(text):
    """JSON with every number as a Decimal: 1.10 is not 1.1000000000000001."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def values(bar):
    return tuple(bar[f] for f in FIELDS)


def reference(resolution):
    """{time: (open, high, low, close, volume)} without the fill rows."""
    rows = map(decode, data_lines(REFERENCE[resolution]))
    return {int(r["time"]): values(r) for r in rows if not r["fill"]}


def native(line):
    """A Binance aggregate trade as a trade of ours."""
    t = json.loads(line)
    return ('{"type":"trade","symbol":"%s","time":%d,"price":%s,"size":%s,'
            '"id":"%d"}\n' % (t["s"], t["T"], t["p"], t["q"], t["a"]))


class Finals:
    """Final bars by resolution and time; the highest revision counts."""

    def __init__(self, messages=()):
        self.bars = {}
        self.again = 0  # the same revision of a bar twice
        for m in messages:
            self.add(m)

    def add(self, message):
        m = decode(message) if isinstance(message, (str, bytes)) else message
        bar = m["bar"]
        if m["type"] != "bar" or not bar["final"]:
            return
        key = (m["resolution"], int(bar["time"]))
        old = self.bars.get(key)
        if old and old["rev"] == bar["rev"]:
            self.again += 1
        if not old or bar["rev"] >= old["rev"]:
            self.bars[key] = bar

    def of(self, resolution):
        return {time: values(bar) for (r, time), bar in self.bars.items()
                if r == resolution}


def assert_reference(finals, resolution):
    """Every bar of the reference, equal, and no other.  The last one of the
    file is unfinished: it may be missing."""
    want, got = reference(resolution), finals.of(resolution)
    last = max(want)
    assert set(got) - set(want) == set(), "bars that are not in the reference"
    assert set(want) - set(got) <= {last}, "bars are missing"
    wrong = {t: (got[t], want[t]) for t in got if got[t] != want[t]}
    assert not wrong, "%d bars differ: %s" % (len(wrong),
                                              list(wrong.items())[:3])


def everything_heard(subscriber, client):
    """Payloads of all bars that were published until now.  Redis may still hold
    some of them back: a mark behind them tells when all are there."""
    client.publish("bars:XRPETH:1", "mark")
    wait_until(lambda: (b"bars:XRPETH:1", b"mark") in subscriber.poll()[-1:],
               20, "the mark")
    return [data for _, data in subscriber.messages if data != b"mark"]
