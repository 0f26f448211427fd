"""Ten times kill -9 while trades flow: no trade lost, none counted twice."""
import random
import threading
import time

import pytest

import barcheck
from barcheck import Finals, assert_reference
from harness import data_lines, deadline, wait_until


class Feeder(threading.Thread):
    """Writes lines to a tool, a few at a time: a stream, not a lump."""

    PART, PAUSE_S = 20, 0.005

    def __init__(self, tool, lines):
        super().__init__(daemon=True)
        self.tool, self.lines = tool, lines
        self.done = 0

    def run(self):
        while self.done < len(self.lines):
            part = self.lines[self.done:self.done + self.PART]
            self.tool.write("".join(part))
            self.done += len(part)
            time.sleep(self.PAUSE_S)

    def finish(self):
        self.join(deadline(30))
        assert not self.is_alive(), "%d of %d" % (self.done, len(self.lines))


@pytest.mark.parametrize("seed", [1, 2])
def test_final_bars_survive_ten_kills_of_bargen(tool, redis_server, seed):
    rng = random.Random(seed)
    client = redis_server.client()
    sub = redis_server.subscriber("bars:XRPETH:1", "bars:XRPETH:5")
    lines = [barcheck.native(t) for t in data_lines(barcheck.TRADES)]
    feed = tool("tickpub", "--redis", redis_server.url, stdin="pipe")
    feeder = Feeder(feed, lines)
    feed.wait_ready()

    def start():
        return tool("bargen", "--redis", redis_server.url, "--resolutions",
                    "1,5", "--throttle", "1ms", ready=False)
    bargen = start()
    feeder.start()
    for kill in range(10):
        # At a moment that is different each time; trades keep flowing.
        at = (kill + rng.random()) * len(lines) / 10
        wait_until(lambda: feeder.done >= at, 30, "trades to flow",
                   every=0.001)
        bargen.kill()
        bargen = start()
    feeder.finish()
    feed.close_stdin()
    assert feed.wait(20) == 0
    last = max(barcheck.reference("1"))

    def finished():
        message = client.hget("last:bars:XRPETH:1", "bar")
        return message and b'"time":%d,' % last in message
    wait_until(finished, 30, "the last bar; bargen says " + bargen.stderr)
    assert bargen.terminate() == 0
    heard = Finals(barcheck.everything_heard(sub, client))
    kept = Finals(client.zrange("bars:history:XRPETH:1", 0, -1) +
                  client.zrange("bars:history:XRPETH:5", 0, -1))
    for finals in (heard, kept):
        assert_reference(finals, "1")
        assert_reference(finals, "5")
        assert finals.again == 0
        # Every trade went in once: no revision was ever needed.
        assert all(bar["rev"] == 0 for bar in finals.bars.values())
        assert not [b for b in finals.bars.values() if b.get("gap")]


@pytest.mark.parametrize("seed", [1, 2])
def test_final_bars_survive_twenty_cuts_of_the_links(tool, redis_server, seed):
    rng = random.Random(seed)
    client = redis_server.client()
    lines = [barcheck.native(t) for t in data_lines(barcheck.TRADES)]
    feed = tool("tickpub", "--redis", redis_server.unix_url, stdin="pipe")
    feeder = Feeder(feed, lines)
    feed.wait_ready()
    # On TCP, so that its links can be told from the others.
    bargen = tool("bargen", "--redis", redis_server.url, "--resolutions", "1,5",
                  "--throttle", "1ms").wait_ready()
    sub = redis_server.subscriber("bars:XRPETH:1", "bars:XRPETH:5")
    feeder.start()

    def links():
        return [c for c in client.client_list()
                if c["name"].startswith("bargen")]
    for cut in range(20):
        at = (cut + rng.random()) * len(lines) / 20
        wait_until(lambda: feeder.done >= at, 30, "trades to flow",
                   every=0.001)
        for link in links():
            client.client_kill_filter(_id=link["id"])
    feeder.finish()
    feed.close_stdin()
    assert feed.wait(20) == 0
    last = max(barcheck.reference("1"))
    wait_until(lambda: b'"time":%d,' % last in
               (client.hget("last:bars:XRPETH:1", "bar") or b""), 30,
               lambda: "the last bar; bargen says " + bargen.stderr[-2000:])
    assert bargen.terminate() == 0
    heard = Finals(barcheck.everything_heard(sub, client))
    assert_reference(heard, "1")
    assert_reference(heard, "5")
    assert heard.again == 0
    assert all(bar["rev"] == 0 for bar in heard.bars.values())
    assert bargen.stderr.count("ev=redis_down") >= 5
