"""Reference trades through Redis into one or more bargen that do not live long.

A Fleet is a number of instances that share the work; a Stream writes the trades
through one tickpub, some hundred lines at a time, and knows when all of them
are in the bars; a Ledger has heard everything that was published and judges it.
"""
import collections
import json
import random
import time

import barcheck
from barcheck import decode
from harness import data_lines, wait_until

RESOLUTIONS = ("1", "5")


def trades(symbols, rng, shuffled):
    """Lines of native trades of all symbols, interleaved.  Shuffled: most are
    late by up to 2 s, one in fifty by up to four minutes, so that bars and
    fills are closed by then; and one line in twenty comes twice."""
    lines = []
    for i, symbol in enumerate(symbols):
        for row in data_lines(barcheck.TRADES):
            at = json.loads(row)["T"]
            line = barcheck.native(row).replace("XRPETH", symbol)
            lines.append((at, i, line))
            if shuffled and rng.random() < 0.05:
                lines.append((at, i, line))
    if shuffled:
        lines = [(at + late(rng), i, line) for at, i, line in lines]
    # Sorted by time and symbol alone: the rest stays in order.
    return [line for _, _, line in sorted(lines, key=lambda row: row[:2])]


def late(rng):
    """Milliseconds."""
    return rng.uniform(0, 2000 if rng.random() < 0.98 else 240000)


class Fleet:
    """Instances of bargen on one Redis."""

    def __init__(self, tool, server, count, *args):
        self._tool, self._args = tool, ("--redis", server.url) + args
        self._client = server.client()
        self.members = []
        self.started = 0
        for _ in range(count):
            self.join()

    def join(self):
        self.members.append(self._tool("bargen", *self._args))
        self.started += 1

    def kill(self, i):
        self.members.pop(i).kill()

    def kill_all(self):
        """And let the seconds pass for which their leases would live."""
        while self.members:
            self.kill(0)
        keys = (self._client.keys("bargen:*lease:*") +
                self._client.keys("bargen:*members"))
        if keys:
            self._client.delete(*keys)

    def leave(self, i):
        """By SIGTERM, which ends it at once before it is there."""
        member = self.members.pop(i)
        member.wait_ready(20)
        assert member.terminate(20) == 0

    def freeze(self, i):
        self.members[i].freeze()

    def thaw(self, i):
        self.members[i].thaw()

    def end(self):
        while self.members:
            self.leave(0)

    @property
    def log(self):
        return "\n".join(m.stderr[-1500:] for m in self.members)


class Stream:
    """Trades on their way through tickpub and the journal."""

    def __init__(self, tool, server, lines):
        self.client = server.client()
        self.lines, self.done = lines, 0
        self._feed = tool("tickpub", "--redis", server.url, stdin="pipe")
        self._feed.wait_ready()

    def write(self, count):
        """The next lines.  True: there were some."""
        part = self.lines[self.done:self.done + count]
        self._feed.write("".join(part))
        self.done += len(part)
        return bool(part)

    def _written(self):
        return sum(line.count(b"\n") + 1 for key in self._journals()
                   for _, entry in self.client.xrange(key)
                   for line in [entry[b"d"].rstrip(b"\n")])

    def _journals(self):
        return self.client.keys("journal:*")

    def journaled(self):
        """Waits until every line that was written is in the journal."""
        wait_until(lambda: self._written() == self.done, 30,
                   "all lines in the journal", every=0.02)

    def _is_taken(self, key):
        last = self.client.xinfo_stream(key)["last-generated-id"]
        return self.client.hget(b"bargen:1,5:state:" + key.rpartition(b":")[2],
                                "cursor") == last

    def taken(self, fleet):
        """Waits until all of that is in the bars."""
        self.journaled()
        wait_until(lambda: all(map(self._is_taken, self._journals())), 40,
                   lambda: "all entries taken; " + fleet.log, every=0.005)

    def end(self):
        self._feed.close_stdin()
        assert self._feed.wait(20) == 0


class Ledger:
    """All final bars that were published, with every issue of each."""

    def __init__(self, server, symbols):
        self.symbols = symbols
        self.client = server.client()
        # Big enough for a subscriber that looks at the end.
        self.client.config_set("client-output-buffer-limit", "pubsub 0 0 0")
        self._sub = server.subscriber(patterns=("bars:*",))
        self.issues = collections.defaultdict(list)
        self.updates = 0

    def listen(self):
        for _, data in self._sub.poll():
            message = decode(data)
            if not message["bar"]["final"]:
                self.updates += 1
                continue
            key = (message["symbol"], message["resolution"],
                   int(message["bar"]["time"]))
            self.issues[key].append((int(message["bar"]["rev"]), data))
        self._sub.messages.clear()

    def listen_to_the_end(self):
        self.client.publish("bars:mark", '{"bar":{"final":true,"time":0,'
                            '"rev":0},"symbol":"","resolution":"mark"}')

        def marked():
            self.listen()
            return self.issues.pop(("", "mark", 0), None)
        wait_until(marked, 20, "the mark")

    def assert_consistent(self, repeats):
        """Never two contents of one rev; with repeats False not even twice the
        same, and revs in order."""
        for key, issues in self.issues.items():
            texts = collections.defaultdict(set)
            for rev, data in issues:
                texts[rev].add(data)
            twice = {r: t for r, t in texts.items() if len(t) > 1}
            assert not twice, (key, twice)
            if not repeats:
                revs = [rev for rev, _ in issues]
                assert revs == sorted(set(revs)), (key, issues)

    def _heard(self, symbol, resolution):
        return {time: max(issues)[1] for (s, r, time), issues
                in self.issues.items() if (s, r) == (symbol, resolution)}

    def _stored(self, symbol, resolution):
        rows = self.client.zrange("bars:history:%s:%s" % (symbol, resolution),
                                  0, -1)
        bars = {int(decode(row)["bar"]["time"]): row for row in rows}
        assert len(bars) == len(rows), "one row a bar"
        return bars

    def assert_reference(self):
        """What was heard last and what Redis keeps is the reference, fills and
        all; the last bar of the file is still open."""
        for symbol in self.symbols:
            for resolution in RESOLUTIONS:
                want = reference(resolution)
                want.pop(max(want))
                heard = self._heard(symbol, resolution)
                assert heard == self._stored(symbol, resolution)
                got = {t: content(data) for t, data in heard.items()}
                assert set(got) == set(want), (symbol, resolution,
                                               sorted(set(got) ^ set(want))[:5])
                wrong = {t: (got[t], want[t]) for t in got
                         if got[t] != want[t]}
                assert not wrong, (symbol, resolution, len(wrong),
                                   list(wrong.items())[:3])


def reference(resolution):
    """{time: (values, is it a fill)}."""
    rows = map(decode, data_lines(barcheck.REFERENCE[resolution]))
    return {int(r["time"]): (barcheck.values(r), r["fill"]) for r in rows}


def content(message):
    """As reference(); nothing is missing from the stream, so no last issue may
    say so."""
    bar = decode(message)["bar"]
    assert not bar.get("gap"), message
    return barcheck.values(bar), bar.get("fill", False)


def seeded(seed):
    return random.Random("bars %d" % seed)


def pause(rng, most=0.03):
    """A moment that is different each time: for what happens at any."""
    time.sleep(rng.random() * most)
