"""The rules of docs/messages.md for duplicates and missing trades, written as
plainly as they are told there: everything is worked out anew for every trade.
For numbers that are never used anew."""
from decimal import Decimal

MINUTE_MS = 60000


class Bars:
    """Bars of a minute of one symbol, all of which may still be corrected."""

    def __init__(self, grace_ms=250, width_ms=MINUTE_MS):
        self.grace_ms, self.width_ms = grace_ms, width_ms
        self.time_of = {}  # of the trade with that id
        self.contiguous = False
        self.newest = self.closed = -1
        self.bars = {}
        self.finals = []  # (time, rev, open, high, low, close, volume, count, gap)
        self.duplicates = 0

    def steps(self):
        ids = sorted(self.time_of)
        return list(zip(ids, ids[1:]))

    def judge(self):
        steps = [b - a for a, b in self.steps()]
        ones = sum(1 for s in steps if s == 1)
        longs = sum(1 for s in steps if s > 8)
        if self.contiguous:
            self.contiguous = 4 * ones >= len(steps) and 4 * longs <= len(steps)
        else:
            self.contiguous = (len(self.time_of) >= 16 and
                               2 * ones > len(steps) and
                               16 * longs <= len(steps))

    def lost(self):
        """[(from, to)] of the holes that are lost."""
        if not self.contiguous:
            return []
        times = [(self.time_of[a], self.time_of[b])
                 for a, b in self.steps() if b - a > 1]
        return [(min(a, b), max(a, b)) for a, b in times
                if a <= b + 1000 and max(a, b) <= self.closed]

    def issue(self, time):
        bar = self.bars[time]
        trades = sorted(bar["trades"])
        prices = [price for _, _, _, price, _ in trades]
        self.finals.append((time, bar["rev"], prices[0], max(prices),
                            min(prices), prices[-1],
                            sum(size for _, _, _, _, size in trades),
                            len(trades), bar["gap"]))

    def touched(self, time, lost):
        return any(to >= time and start < time + self.width_ms
                   for start, to in lost)

    def flag(self, taking=None):
        """`taking`: the bar that is issued with its trade."""
        lost = self.lost()
        for time, bar in sorted(self.bars.items()):
            gap = self.touched(time, lost)
            if gap != bar["gap"]:
                bar["gap"] = gap
                if bar["final"] and time != taking:
                    bar["rev"] += 1
                    self.issue(time)

    def move(self, closed):
        self.closed = max(self.closed, closed)
        self.flag()
        for time, bar in sorted(self.bars.items()):
            if not bar["final"] and time + self.width_ms <= self.closed:
                bar["final"] = True
                self.issue(time)

    def trade(self, number, id, time, price, size):
        """`number`: in order of arrival."""
        if id in self.time_of:
            self.duplicates += 1
            return
        self.time_of[id] = time
        self.judge()
        start = time - time % self.width_ms
        self.flag(taking=start)
        bar = self.bars.get(start)
        if not bar:
            first = self.bars.get(min(self.bars, default=None))
            if first and start < min(self.bars) and first["final"]:
                # It was the first, and so partial, and no longer is.
                first["rev"] += 1
                self.issue(min(self.bars))
            over = start + self.width_ms <= self.closed
            bar = self.bars[start] = {
                "trades": [], "rev": int(over), "final": over,
                "gap": self.touched(start, self.lost())}
        elif bar["final"]:
            bar["rev"] += 1
        bar["trades"].append((time, id, number, Decimal(price), Decimal(size)))
        if bar["final"]:
            self.issue(start)
        self.newest = max(self.newest, time)
        self.move(self.newest - self.grace_ms)

    def finish(self):
        self.move(self.newest)


def stream(rng):
    """All trades of a market, and what of them arrives: some are lost, swapped
    or doubled.  Each is (id, time, price, size)."""
    time, id, market = 1756684800000, rng.randint(0, 10**6), []
    step = rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 2, 0])
    pace = rng.choice([300, 1500, 6000])
    for _ in range(rng.randint(150, 600)):
        time += int(rng.expovariate(1 / pace))
        id += step or rng.randint(1, 10**6)
        market.append((id, time, "%d.%02d" % (rng.randint(95, 105),
                                              rng.randint(0, 99)),
                       str(rng.randint(1, 50))))
    share = rng.choice([0, .005, .02, .05, .1, .2, .35, .45])
    there, at = [], 0
    while at < len(market):
        if rng.random() < share:
            at += rng.choice([1, 1, 1, 2, 5, 12]) if share < .3 else 1
        else:
            there.append(market[at])
            at += 1
    far = rng.choice([0, 3, 8, 120])
    there = [trade for _, trade in sorted(
        ((i + rng.uniform(0, far), trade) for i, trade in enumerate(there)))]
    for _ in range(rng.choice([0, 2, 20])):
        i = rng.randrange(len(there) - 30)
        j = i + rng.randint(1, 29)
        there[i], there[j] = there[j], there[i]
    doubled, again = [], rng.choice([0, 0, .05, .5])
    for i, trade in enumerate(there):
        doubled.append(trade)
        if rng.random() < again:
            doubled.append(there[rng.randint(max(0, i - 400), i)])
    return market, doubled
