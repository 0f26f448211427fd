"""Random streams of trades and quotes; bargen's bars beside the model's."""
import json
import random
import re
from decimal import Decimal

from barcheck import decode
from barmodel import Rules, Symbol
from harness import run_tool

T0 = 1756684800000  # 2025-09-01 00:00 UTC, a Monday
VALUES = ("open", "high", "low", "close", "volume", "count", "vwap", "end",
          "final", "partial", "gap", "fill")


def of_scale(r, least, most, scales):
    scale = r.choice(scales)
    return Decimal(r.randrange(least * 10 ** scale,
                               most * 10 ** scale)).scaleb(-scale)


class Stream:
    """One symbol's events: (arrives, line, what the model is told)."""

    def __init__(self, r, symbol, unit, grace, window):
        self.r, self.symbol, self.unit = r, symbol, unit
        self.grace, self.window = grace, window
        self.ids = r.choice(("contiguous",) * 4 + (
            "even", "steps", "random", "text", "none", "mixed"))
        self.loss = r.choice((0, 0, 0.02, 0.1, 0.4))
        self.excluded = r.choice((0, 0, 0, 0.05))
        self.again = r.choice((0, 0, 0.1, 0.5))
        self.delay = r.choice((0, 0, grace, window, 2 * window + 3 * unit))
        self.late = r.choice((0.05, 0.3, 1))  # share of events
        self.scales = r.choice(((2,), (0, 1, 2), (8,), range(13)))
        self.events = []

    def step(self):
        """Bursts and pauses, and now and then the edge of a bar."""
        r, unit = self.r, self.unit
        kind = r.random()
        if kind < 0.1:
            return 0
        if kind < 0.15:
            return unit - self.time % unit - r.randrange(2)
        if kind < 0.6:
            return r.randrange(1 + unit // 4)
        if kind < 0.9:
            return r.randrange(3 * unit)
        return r.randrange((12 if kind < 0.98 else 60) * unit)

    def next_id(self, last):
        if self.ids == "contiguous":
            return last + 1
        if self.ids == "even":
            return last + 2
        if self.ids == "steps":
            return last + self.r.choice((1, 1, 1, 2, 3, 12))
        return self.r.randrange(10 ** 12)

    def name(self, number):
        if self.ids == "none" or (self.ids == "mixed" and
                                  self.r.random() < 0.3):
            return None
        if self.ids == "text" or (self.ids == "mixed" and
                                  self.r.random() < 0.3):
            return "t-%x" % number
        return str(number)

    def put(self, time, line, told, arrives=None):
        """Late or not; and some again."""
        r = self.r
        if arrives is None:
            arrives = time
            if self.delay and r.random() < self.late:
                arrives += r.randrange(1 + self.delay)
        self.events.append((arrives, line, told))
        if r.random() < self.again:
            self.events.append((arrives + r.choice(
                (0, r.randrange(1 + self.window), r.randrange(50 * self.unit))),
                line, told))

    def trades(self, n):
        r = self.r
        number = r.randrange(10 ** 9)
        for _ in range(n):
            self.time += self.step()
            number = self.next_id(number)
            if r.random() < self.loss:
                continue
            name = self.name(number)
            price = of_scale(r, 90, 110, self.scales)
            size = r.choice((None, Decimal(0)) + 18 * (
                of_scale(r, 0, 30, self.scales),))
            more = ',"id":"%s"' % name if name is not None else ""
            if name is not None and r.random() < self.excluded:
                self.put(self.time, '{"type":"trade_excluded","symbol":"%s",'
                         '"time":%d%s,"reason":"NA"}' % (
                             self.symbol, self.time, more),
                         ("excluded", self.time, name))
                continue
            # Without an id the same line is another trade.
            again, self.again = self.again, self.again if name else 0
            self.put(self.time, '{"type":"trade","symbol":"%s","time":%d,'
                     '"price":%s%s%s}' % (
                         self.symbol, self.time, format(price, "f"),
                         "" if size is None else ',"size":' +
                         format(size, "f"), more),
                     ("trade", self.time, price, size, name))
            self.again = again

    def ticks(self, n):
        again, self.again = self.again, 0  # a quote has no id
        for _ in range(n):
            self.time += self.step()
            bid = of_scale(self.r, 90, 100, self.scales)
            ask = of_scale(self.r, 100, 110, self.scales)
            self.put(self.time, '{"type":"tick","symbol":"%s","time":%d,'
                     '"bid":%s,"ask":%s}' % (self.symbol, self.time,
                                             format(bid, "f"),
                                             format(ask, "f")),
                     ("quote", self.time, bid, ask))
        self.again = again

    def make(self, price):
        """Quotes and trades, the first trades perhaps of long ago."""
        r = self.r
        self.time = T0 + r.randrange(86400000)
        kind = r.random()
        if price in ("bid", "ask", "mid") or (price == "auto" and kind < 0.3):
            self.ticks(r.randrange(1, 40))
            now, begin = self.time, len(self.events)
            if r.random() < 0.5:
                self.time = T0 - r.randrange(1, 30) * 86400000
            back = max(e[0] for e in self.events) + 1 - self.time
            self.trades(r.randrange(60))
            for i in range(begin, len(self.events)):
                a, line, told = self.events[i]
                self.events[i] = (a + back, line, told)
            self.time = now  # between the trades, which quotes must not move
            if r.random() < 0.5:
                self.ticks(r.randrange(20))
        else:
            self.trades(r.randrange(1, 130))
        self.events.sort(key=lambda e: e[0])
        return self.events


PROFILES = ((("1S", "5S", "1"), 1000), (("1",), 60000),
            (("1", "5", "60"), 60000), (("60", "D"), 3600000),
            (("1S", "60"), 1000))


class Case:
    """Some streams that one bargen reads together, told apart by symbol."""

    def __init__(self, seed, streams=20):
        r = random.Random(seed)
        resolutions, unit = r.choice(PROFILES)
        grace = r.choice((0, 100, 250, unit // 2, min(3 * unit, 3600000)))
        window = r.choice((0, 1000, 5 * unit, 60000))
        self.rules = Rules(resolutions, grace, window, r.random() < 0.5,
                           r.choice(("auto",) * 6 + ("trade", "mid", "bid",
                                                     "ask")))
        self.seed = seed
        self.counts = {}  # what the tool counted, of its last run
        self.streams = {}
        for i in range(streams):
            name = "S%d" % i
            self.streams[name] = Stream(
                random.Random("%s %d" % (seed, i)), name, unit, grace,
                window).make(self.rules.price)
        self.lines = []
        waiting = {name: [e[1] for e in reversed(events)]
                   for name, events in self.streams.items()}
        while waiting:  # any order between symbols, bursts of one
            name = r.choice(list(waiting))
            for _ in range(r.choice((1, 1, 2, 10))):
                if waiting[name]:
                    self.lines.append(waiting[name].pop())
            if not waiting[name]:
                del waiting[name]

    def options(self):
        rules = self.rules
        out = ["--stdin", "--stdout", "--throttle", "1h", "--resolutions",
               ",".join(rules.resolutions), "--grace", "%dms" % rules.grace,
               "--correction-window", "%dms" % rules.window, "--price",
               rules.price]
        return out + ["--fill"] if rules.fill else out

    def expected(self, name):
        symbol = Symbol(self.rules)
        for _, _, told in self.streams[name]:
            getattr(symbol, told[0])(*told[1:])
        return symbol.finish()

    def run(self):
        """What was said, by symbol: its messages in order."""
        text = "".join(line + "\n" for line in self.lines)
        t = run_tool("bargen", *self.options(), stdin=text.encode(), seconds=60)
        assert t.proc.returncode == 0, t.stderr
        assert "bad_line" not in t.stderr, t.stderr
        done = re.search(r"ev=done (.*)", t.stderr).group(1)
        self.counts = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", done)}
        said = {name: [] for name in self.streams}
        for line in t.stdout.splitlines():
            message = decode(line)
            said[message["symbol"]].append(message)
        return said

    def differences(self):
        """What is wrong, as text; and what was said."""
        said, out = self.run(), []
        for name in self.streams:
            wrong = compare(self.expected(name), said[name])
            if wrong:
                out.append("seed %r, symbol %s, bargen %s:" % (
                    self.seed, name, " ".join(self.options())))
                out += ["  " + w for w in wrong[:5]]
        return out, said


def shown(bar):
    return {k: bar.get(k, False if k in ("partial", "gap", "fill") else None)
            for k in VALUES}


def compare(want, messages):
    finals, last, out = {}, {}, []
    for m in messages:
        bar = m["bar"]
        key = m["resolution"], int(bar["time"])
        last[key] = bar
        if not bar["final"]:
            continue
        rev, content = int(bar["rev"]), json.dumps(
            {k: str(v) for k, v in bar.items()}, sort_keys=True)
        revs = finals.setdefault(key, {})
        if rev in revs:
            out.append("%s: final twice with rev %d, %s content" % (
                key, rev, "the same" if revs[rev] == content else "other"))
        if revs and rev < max(revs):
            out.append("%s: rev %d after %d" % (key, rev, max(revs)))
        revs[rev] = content
    for key in sorted(want.keys() | last.keys()):
        w, got = want.get(key), last.get(key)
        if w is None and key in want:
            if got and got["final"]:
                out.append("%s: was given up, and is final" % (key,))
            continue
        if w is None or got is None:
            out.append("%s: %s, not %s" % (key, got and shown(got),
                                           w and shown(w)))
            continue
        w, got = shown(w), shown(got)
        if got != w:
            out.append("%s: %s" % (key, {k: (got[k], w[k]) for k in VALUES
                                         if got[k] != w[k]}))
    return out
