"""What bargen makes of a stream of events, worked out slowly and plainly.

Written from the rules of bargen.1, docs/messages.md and decision 0015: every bar
keeps its events, every id its time, and what follows from them is worked out
anew after each event.  Nothing is shared with the tool.  Times are in
milliseconds, numbers are Decimals.
"""
from bisect import bisect_right, insort
from decimal import ROUND_HALF_EVEN, Context, Decimal

EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
DAY = 86400000
WIDTHS = {"1S": 1000, "5S": 5000, "1": 60000, "5": 300000, "60": 3600000,
          "D": DAY}
NEVER = float("-inf")


def digits_behind_dot(d):
    return -d.as_tuple().exponent


class Ids:
    """The numbers of a symbol's trades: which were seen, which are missing."""

    def __init__(self):
        self.seen = set()  # numbers and texts
        self.numbers = []  # in order
        self.time_of = {}
        self.contiguous = False

    def note(self, name, number, time):
        """False: it was here before."""
        key = name if number is None else number
        if key in self.seen:
            return False
        self.seen.add(key)
        if number is not None:
            insort(self.numbers, number)
            self.time_of[number] = time
            self.judge()
        return True

    def judge(self):
        steps = [b - a for a, b in zip(self.numbers, self.numbers[1:])]
        ones = sum(s == 1 for s in steps)
        far = sum(s > 8 for s in steps)
        if self.contiguous:
            self.contiguous = (ones * 4 >= len(steps) and
                               far * 4 <= len(steps))
        else:
            self.contiguous = (len(self.numbers) >= 16 and
                               ones * 2 > len(steps) and
                               far * 16 <= len(steps))

    def lost(self, closed):
        """[(from, to)] where numbers are missing, both ends included."""
        found = []
        if not self.contiguous:
            return found
        for a, b in zip(self.numbers, self.numbers[1:]):
            at, bt = self.time_of[a], self.time_of[b]
            if b - a > 1 and at <= bt + 1000 and max(at, bt) <= closed:
                found.append((min(at, bt), max(at, bt)))
        return found


class Bar:
    """Of trades, of quotes, or (no events) a fill."""

    def __init__(self, start, end):
        self.start, self.end = start, end
        self.events = []  # (time, number or -1, arrival, price, size, counts)
        self.gap = False
        self.partial = False

    def add(self, event):
        self.events.append(event)

    def touch(self, lost):
        self.gap = any(a < self.end and b >= self.start for a, b in lost)

    def close(self):
        return max(self.events, key=lambda e: e[:3])[3]

    def values(self, quotes):
        prices = [e[3] for e in self.events]
        sizes = [e for e in self.events if e[4]]
        volume = turnover = EXACT.create_decimal(0)
        for _, _, _, price, size, _ in sizes:
            volume = EXACT.add(volume, size)
            turnover = EXACT.add(turnover, EXACT.multiply(price, size))
        close = self.close()
        count = sum(e[5] for e in self.events)
        vwap = None
        if volume:
            vwap = EXACT.divide(turnover, volume).quantize(
                Decimal(1).scaleb(-digits_behind_dot(close) - 2),
                context=EXACT)
        return {"open": min(self.events, key=lambda e: e[:3])[3],
                "high": max(prices), "low": min(prices), "close": close,
                "volume": Decimal(count) if quotes else volume,
                "count": count, "vwap": vwap}


class Series:
    """The bars of one resolution, from the first event of their kind on."""

    def __init__(self, width, rules):
        self.width, self.rules = width, rules
        self.bars = {}     # start: with events
        self.starts = []   # of those, in order
        self.fills = {}    # start: without
        self.order = []    # starts of all

    def bucket(self, time):
        start = time - time % self.width
        return start, start + self.width

    def correctable(self, closed):
        """A function of a bar's start: may it be corrected?  It may if it has
        ended less than the window ago, and if it is one of the last two closed
        bars with events, or is behind one of them."""
        ended = bisect_right(self.starts, closed - self.width)
        last_two = self.starts[max(ended - 2, 0)] if ended else float("inf")
        least = min(closed - self.rules.window - self.width + 1, last_two)
        return lambda start: start >= least

    def add(self, event, closed, lost):
        """Unless it is too late."""
        start, end = self.bucket(event[0])
        if not self.correctable(closed)(start):
            return
        if start not in self.bars:
            insort(self.starts, start)
            if start in self.fills:
                self.bars[start] = self.fills.pop(start)
            else:
                self.bars[start] = Bar(start, end)
                self.bars[start].touch(lost)
                insort(self.order, start)
        self.bars[start].add(event)

    def fill(self, before, closed, lost):
        """Makes the fills that are missing, now that `closed` is closed: they
        stand behind bars that could be corrected `before`."""
        following, correctable = float("inf"), self.correctable(before)
        for start in reversed(self.starts):
            if not correctable(start):
                break
            end = start + self.width
            until = min(end + DAY, closed, following)
            while end + self.width <= until:
                if end not in self.fills:
                    self.fills[end] = Bar(end, end + self.width)
                    self.fills[end].touch(lost)
                    insort(self.order, end)
                end += self.width
            following = start

    def flag(self, lost, closed):
        correctable = self.correctable(closed)
        for start in reversed(self.order):
            if not correctable(start):
                break
            (self.bars.get(start) or self.fills[start]).touch(lost)


class Rules:
    def __init__(self, resolutions=("1",), grace=250, window=60000, fill=False,
                 price="auto"):
        self.resolutions, self.grace, self.window = resolutions, grace, window
        self.fill, self.price = fill, price


def number_of(name):
    """Of an id of digits alone that fits 63 bits."""
    if name is None or not name.isdigit() or (name[0] == "0" and name != "0"):
        return None
    return int(name) if int(name) < 2 ** 63 else None


class Symbol:
    def __init__(self, rules):
        self.rules = rules
        self.ids = Ids()
        self.quotes = None  # are bars of quotes made?
        self.issued = {}  # (resolution, start): of quotes, before trades came
        self.first_quote = float("inf")
        self.begin()

    def begin(self):
        self.newest = self.closed = NEVER
        self.series = {r: Series(WIDTHS[r], self.rules)
                       for r in self.rules.resolutions}
        self.arrival = 0

    # --- events

    def quote(self, time, bid, ask):
        side = self.rules.price
        if side == "trade" or self.quotes is False:
            return
        price = {"bid": bid, "ask": ask}.get(side)
        if price is None:
            price = EXACT.divide(EXACT.add(bid, ask), 2)
        self.quotes = True
        self.first_quote = min(self.first_quote, time)
        self.take(time, -1, price, None, True)

    def trade(self, time, price, size, name):
        if self.rules.price in ("bid", "ask", "mid"):
            return
        number = number_of(name)
        behind = self.quotes and self.behind_quotes(time)
        if name is not None and not self.ids.note(name, number, time):
            return
        self.reflag()  # before the trade goes into bars
        if behind:
            return
        if self.quotes:
            self.end_quotes()
        self.quotes = False
        self.take(time, -1 if number is None else number, price, size,
                  size is None or size > 0)

    def excluded(self, time, name):
        if self.rules.price in ("bid", "ask", "mid"):
            return
        self.ids.note(name, number_of(name), time)
        self.reflag()

    # --- what follows

    def take(self, time, number, price, size, counts):
        self.arrival += 1
        event = (time, number, self.arrival, price, size, counts)
        lost = self.ids.lost(self.closed)
        for series in self.series.values():
            series.add(event, self.closed, lost)
        self.newest = max(self.newest, time)
        self.close(self.newest - self.rules.grace)

    def reflag(self, closed=None):
        """What is lost by `closed`, on what can be corrected by now."""
        lost = self.ids.lost(self.closed if closed is None else closed)
        for series in self.series.values():
            series.flag(lost, self.closed)

    def close(self, closed):
        before = self.closed
        if closed > before:
            self.reflag(closed)
            self.closed = closed
        if self.rules.fill:
            lost = self.ids.lost(self.closed)
            for series in self.series.values():
                series.fill(before, self.closed, lost)

    def behind_quotes(self, time):
        """A first trade of a time that quotes have made bars of, all of which
        can be corrected no more."""
        issued = any(start + s.width <= self.closed
                     for s in self.series.values() for start in s.starts[:1])
        return (issued and self.first_quote <= time and
                time < self.closed - self.rules.window)

    def end_quotes(self):
        """Behind the newest bar of quotes all are final, itself is forgotten."""
        for name, series in self.series.items():
            if not series.bars:
                continue
            newest = series.starts[-1]
            if self.rules.fill:
                series.fill(self.closed, newest, [])
            for start, bar in self.contents(series, True):
                if start != newest:
                    self.issued[name, start] = dict(bar, final=True)
                else:
                    self.issued[name, start] = None
        self.begin()

    def contents(self, series, quotes):
        bars = {start: bar.values(quotes) for start, bar in series.bars.items()}
        close = None
        for start in series.order:
            bar = series.bars.get(start)
            if bar:
                content = bars[start]
                close = content["close"]
            else:
                bar = series.fills[start]
                content = {"open": close, "high": close, "low": close,
                           "close": close, "volume": Decimal(0), "count": 0,
                           "vwap": None, "fill": True}
            content.update(time=start, end=bar.end, gap=bar.gap,
                           partial=start == series.starts[0])
            content.setdefault("fill", False)
            yield start, content

    def finish(self):
        """{(resolution, start): what was last said of the bar}, None where it
        was given up while it was open."""
        if self.newest != NEVER:
            self.close(self.newest)
        out = dict(self.issued)
        for name, series in self.series.items():
            if not series.bars:
                continue
            for start, bar in self.contents(series, self.quotes):
                bar["final"] = bar["end"] <= self.closed
                bar["partial"] |= not bar["final"]
                out[name, start] = bar
        return out
