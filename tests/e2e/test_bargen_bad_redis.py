"""Several bargen on a Redis that hangs, forgets clients, is full or read-only."""
import random
import threading

import pytest

from harness import wait_until
from sharedbars import (MINUTE_MS, Flock, Heard, Writer, expected, heard, held,
                        trades)

SYMBOLS = ["S%02d" % n for n in range(24)]


class Patient(Writer):
    """Writes nothing while Redis would refuse it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.gate = threading.Lock()

    def write(self, part):
        with self.gate:
            super().write(part)


@pytest.fixture
def flock(tool, redis_server):
    return Flock(tool, redis_server, "--resolutions", "1")


class Trouble:
    """What happens to Redis.  Each ends it again."""

    def __init__(self, rng, client, flock):
        self.rng, self.client, self.flock = rng, client, flock

    def _hold(self):
        """For a moment, or until all leases have ended."""
        seen = [(b, len(b.stderr)) for b in self.flock.up]
        if self.rng.random() < 0.5:
            wait_until(lambda: any("_refused" in b.stderr[n:] or
                                   "redis_down" in b.stderr[n:]
                                   for b, n in seen), 10, "one to notice")
        else:
            wait_until(lambda: held(self.client) == {}, 10, "no lease")

    def hangs(self):
        self.client.execute_command("CLIENT", "PAUSE",
                                    self.rng.choice([400, 3400, 4400]),
                                    self.rng.choice(["WRITE", "ALL"]))
        self.client.set("trouble", "over")  # waits for it

    def forgets_clients(self):
        for _ in range(self.rng.choice([1, 4])):
            self.client.execute_command("CLIENT", "KILL", "TYPE", "normal",
                                        "SKIPME", "yes")

    def is_full(self):
        self.client.config_set("maxmemory", "1")
        self._hold()
        self.client.config_set("maxmemory", "0")

    def is_read_only(self):
        self.client.execute_command("REPLICAOF", "127.0.0.1", "1")
        self._hold()
        self.client.execute_command("REPLICAOF", "NO", "ONE")


def play(seed, redis_server, flock):
    rng = random.Random(seed)
    writing, client = redis_server.client(), redis_server.client()
    sub = redis_server.subscriber(patterns=["bars:*"])
    trouble = Trouble(rng, client, flock)
    kinds = [trouble.hangs, trouble.forgets_clients, trouble.is_full,
             trouble.is_read_only]
    rng.shuffle(kinds)
    for _ in range(3):
        flock.join()
    wait_until(lambda: len(held(client)) == 16, 10, "all shards")
    writer = Patient(writing, trades(rng, SYMBOLS, 40), 4)
    writer.start()
    for step, kind in enumerate(kinds):
        writer.reach((step + rng.random()) / len(kinds))
        with writer.gate:
            kind()
            writing.connection_pool.disconnect()
    writer.finish()
    want = expected(writer.trades, MINUTE_MS)
    wait_until(lambda: all(client.zcard("bars:history:%s:1" % s) >=
                           len([k for k in want if k[0] == s])
                           for s in SYMBOLS), 40,
               lambda: "all bars; they say " + flock.said())
    return Heard(heard(sub, client)), want


@pytest.mark.parametrize("seed", range(1, 5))
def test_bars_are_right_whatever_redis_goes_through(redis_server, flock, seed):
    got, want = play(seed, redis_server, flock)
    got.assert_exactly(want, "1")
    assert got.again == 0 and got.flagged() == []
    wait_until(lambda: len(held(redis_server.client())) == 16, 15, "all shards")
    assert all(b.running() for b in flock.up)
