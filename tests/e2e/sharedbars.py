"""Several bargen on one Redis: who they are, what they read, what was right."""
import json
import signal
import threading
import time
from collections import namedtuple
from decimal import Decimal

import barcheck
from harness import deadline, wait_until

T0 = 1756684800000  # 2025-09-01 00:00 UTC
MINUTE_MS = 60000

Trade = namedtuple("Trade", "symbol time price size id")


def shard_of(symbol, shards=16):
    """FNV-1a 64 mod shards, as docs/messages.md and common/event/route.h say."""
    h = 14695981039346656037
    for byte in symbol.encode():
        h = ((h ^ byte) * 1099511628211) % (1 << 64)
    return h % shards


def trades(rng, symbols, minutes, per_minute=6):
    """In order of time, every symbol in every minute; ids are contiguous."""
    found = []
    for s, symbol in enumerate(symbols):
        times = sorted(T0 + m * MINUTE_MS + rng.randrange(MINUTE_MS)
                       for m in range(minutes) for _ in range(per_minute))
        found += [Trade(symbol, t, "%d.%02d" % (10 + s, rng.randrange(100)),
                        "0.%03d" % rng.randrange(1, 1000), str(n))
                  for n, t in enumerate(times, 1)]
    return sorted(found, key=lambda t: (t.time, t.symbol, int(t.id)))


def line(t):
    return ('{"type":"trade","symbol":"%s","time":%d,"price":%s,"size":%s,'
            '"id":"%s"}' % (t.symbol, t.time, t.price, t.size, t.id))


def expected(all_trades, width_ms):
    """{(symbol, time): (open, high, low, close, volume)} of the bars that a
    later trade of their symbol closes."""
    bars, newest = {}, {}
    for t in sorted(all_trades, key=lambda t: (t.symbol, t.time, int(t.id))):
        start = t.time // width_ms * width_ms
        price, size = Decimal(t.price), Decimal(t.size)
        o, h, lo, _, v = bars.get((t.symbol, start),
                                  (price, price, price, price, Decimal(0)))
        bars[t.symbol, start] = (o, max(h, price), min(lo, price), price,
                                 v + size)
        newest[t.symbol] = t.time
    # Less the grace: the last bars may stay open.
    return {(s, start): bar for (s, start), bar in bars.items()
            if start + width_ms + 250 <= newest[s]}


class Writer(threading.Thread):
    """Writes trades into the journal as tickpub does, a few at a time."""

    PART = 24

    def __init__(self, client, all_trades, seconds=2.0, prefix=""):
        super().__init__(daemon=True)
        self.client, self.trades, self.prefix = client, all_trades, prefix
        self.pause_s = seconds * self.PART / len(all_trades)
        self.done = 0
        self.failed = None

    def run(self):
        try:
            while self.done < len(self.trades):
                part = self.trades[self.done:self.done + self.PART]
                self.write(part)
                self.done += len(part)
                time.sleep(self.pause_s)
        except Exception as e:  # told by finish()
            self.failed = e

    def write(self, part):
        batches = {}
        for t in part:
            batches.setdefault(shard_of(t.symbol), []).append(line(t))
        pipe = self.client.pipeline(transaction=False)
        for shard, lines in batches.items():
            pipe.xadd("%sjournal:%d" % (self.prefix, shard),
                      {"d": "\n".join(lines)})
        pipe.execute()

    def reach(self, share):
        """Until that part of the trades is written."""
        wait_until(lambda: self.failed or
                   self.done >= share * len(self.trades), 60,
                   "trades to flow", every=0.002)

    def finish(self):
        self.join(deadline(60))
        assert not self.is_alive() and not self.failed, (self.done, self.failed)


class Flock:
    """Instances of bargen that come and go."""

    def __init__(self, tool, redis_server, *args):
        self.tool, self.server, self.args = tool, redis_server, args
        self.up, self.frozen = [], []

    def join(self, *args):
        """A new one; it need not be ready yet."""
        b = self.tool("bargen", "--redis", self.server.url, "--throttle", "1ms",
                      *(self.args + args), ready=False)
        self.up.append(b)
        return b

    def leave(self, b):
        self.up.remove(b)
        assert b.terminate() == 0

    def die(self, b):
        self.up.remove(b)
        b.kill()

    def freeze(self, b):
        self.up.remove(b)
        self.frozen.append(b)
        b.signal(signal.SIGSTOP)

    def thaw(self, b):
        self.frozen.remove(b)
        self.up.append(b)
        b.signal(signal.SIGCONT)

    def said(self):
        return "\n".join("%d:\n%s" % (b.pid, b.stderr[-1500:])
                         for b in self.up + self.frozen)


class Heard:
    """Final bars of all series, as they were published."""

    def __init__(self, messages):
        self.bars = {}  # (symbol, resolution, time): bar of the highest rev
        self.contents = {}  # (symbol, resolution, time, rev): contents
        self.again = 0
        for text in messages:
            self.add(barcheck.decode(text))

    def add(self, m):
        bar = m["bar"]
        if not bar["final"]:
            return
        key = (m["symbol"], m["resolution"], int(bar["time"]))
        content = json.dumps(bar, default=str, sort_keys=True)
        old = self.contents.setdefault(key + (bar["rev"],), content)
        if key + (bar["rev"],) in self.contents and old is not content:
            self.again += 1
            assert old == content, "%s twice: %s, then %s" % (key, old, content)
        if key not in self.bars or bar["rev"] >= self.bars[key]["rev"]:
            self.bars[key] = bar

    def assert_exactly(self, want, resolution):
        got = {(s, t): barcheck.values(bar)
               for (s, r, t), bar in self.bars.items() if r == resolution}
        missing = sorted(set(want) - set(got))
        assert not missing, "%d bars are missing: %s" % (len(missing),
                                                         missing[:5])
        extra = sorted(k for k in set(got) - set(want))
        assert not extra, "%d bars too many: %s" % (len(extra), extra[:5])
        wrong = {k: (got[k], want[k]) for k in want if got[k] != want[k]}
        assert not wrong, "%d bars differ: %s" % (len(wrong),
                                                  list(wrong.items())[:3])

    def flagged(self):
        return [k for k, bar in self.bars.items() if bar.get("gap")]


def held(client, base="bargen:", shards=16):
    """{shard: id of its owner}."""
    values = client.mget(["%slease:%d" % (base, n) for n in range(shards)])
    return {n: v.decode().split(":")[0] for n, v in enumerate(values) if v}


def shares(client, **kw):
    """How many shards each owner has, the most first."""
    owners = list(held(client, **kw).values())
    return sorted((owners.count(o) for o in set(owners)), reverse=True)


def heard(subscriber, client):
    """Payloads of all bars until now; a mark behind them tells when all are
    there."""
    client.publish("bars:mark", "mark")
    wait_until(lambda: (b"bars:mark", b"mark") in subscriber.poll()[-1:], 20,
               "the mark")
    return [data for _, data in subscriber.messages if data != b"mark"]
