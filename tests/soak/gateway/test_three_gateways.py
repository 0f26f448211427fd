"""Three gateways, feeds that start again, a Redis that is killed and comes back
with older data, links that are lost, gateways that crash: `make soak-gateway`
(SOAK_SECONDS=180, SOAK_SEED=1).

Whatever happens, nobody hears an older price after a newer one or one price
twice, seq never goes back, and when all is well again everybody has the newest.
"""
import json
import os
import random
import time

import redis

import gates
from testbed import wait_until

SECONDS = float(os.environ.get("SOAK_SECONDS", "180"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
SYMBOLS = ["S%d" % i for i in range(30)]
TYPES = ("tick", "trade")
BASE_MS = 1700000000000


class Feed:
    """Numbers what it publishes, and caches it in the same transaction."""

    def __init__(self, server):
        self.server = server
        self.n = 0
        self.newest = {}  # (channel, type): n that Redis has taken
        self.redis = server.client()
        self.starts_again()

    def starts_again(self):
        self.run = "run%d" % self.n
        self.seq = {}

    def publish(self, slots, also=lambda pipe: None):
        """False: Redis is away, and may have taken it or not."""
        pipe = self.redis.pipeline(transaction=True)
        told = {}
        for channel, kind in slots:
            self.n += 1
            self.seq[channel] = self.seq.get(channel, 0) + 1
            text = json.dumps({
                "type": kind, "symbol": channel.split(":")[1],
                "time": BASE_MS + self.n, "n": self.n, "src": self.run,
                "seq": self.seq[channel]})
            pipe.hset("last:" + channel, kind, text)
            pipe.publish(channel, text)
            told[channel, kind] = self.n
        also(pipe)
        try:
            pipe.execute()
        except (redis.RedisError, OSError):
            return False
        self.newest.update(told)
        return True


class Listener:
    """A client, and what must be true of everything that it hears."""

    def __init__(self, gate, request, wants):
        self.ws = gate.ws()
        self.wants = wants
        self.seen = 0
        self.newest = {}
        self.floor = {}
        self.ws.send(request)

    def check(self):
        texts = self.ws.raw[self.seen:]
        self.seen += len(texts)
        for text in texts:
            m = json.loads(text)
            if m["type"] in ("update", "snapshot"):
                self.hear(m, text)

    def hear(self, m, text):
        slot = m["channel"], m["data"]["type"]
        n, update = m["data"]["n"], m["type"] == "update"
        last = self.newest.get(slot, 0)
        assert n > last if update else n >= last, (last, text)
        floor = self.floor.get(m["channel"], 0)
        assert m["seq"] > floor if update else m["seq"] >= floor, (floor, text)
        self.newest[slot] = n
        self.floor[m["channel"]] = m["seq"]

    def has(self, newest):
        self.check()
        return all(self.newest.get(slot) == n for slot, n in newest.items()
                   if self.wants(slot[0]))


def requests(rng):
    """One of each kind of client."""
    some = rng.sample(SYMBOLS, 5)
    names = ["market_data:" + s for s in some]
    yield {"channels": names}, names.__contains__
    yield {"channels": names, "mode": "all"}, names.__contains__
    yield {"channels": names, "interval_ms": 250}, names.__contains__
    yield {"channels": ["market_data:*"]}, lambda channel: True
    yield {"channels": ["market_data:*", *names], "interval_ms": 500,
           "mode": "latest"}, lambda channel: True


class Field:
    def __init__(self, server, tool):
        self.rng = random.Random(SEED)
        self.server, self.tool = server, tool
        self.feed = Feed(server)
        self.slots = [("market_data:" + s, t) for s in SYMBOLS for t in TYPES]
        self.gates = [None] * 3
        self.listeners = [[] for _ in self.gates]
        for i in range(3):
            self.start(i)

    def start(self, i):
        self.gates[i] = gates.Gate(self.tool, redis=self.server, live=False)
        self.listeners[i] = [
            Listener(self.gates[i], {"type": "subscribe", **request}, wants)
            for request, wants in requests(self.rng)]

    def all_listeners(self):
        return [x for of_gate in self.listeners for x in of_gate]

    def check(self):
        for listener in self.all_listeners():
            listener.check()

    def live(self):
        wait_until(lambda: all(
            gates.harness.http_get(g.http("/ready"))[0] == 200
            for g in self.gates), 20, "all gateways are live", every=0.1)

    # --- what goes wrong ---

    def kill_link(self):
        self.feed.redis.client_kill_filter(
            _type=self.rng.choice(["pubsub", "normal"]))

    def redis_comes_back_with_older_data(self):
        self.feed.redis.save()
        self.feed.publish(self.rng.sample(self.slots, 30))
        self.server.kill()
        self.server.start()

    def gateway_crashes(self):
        i = self.rng.randrange(3)
        self.gates[i].tool.kill()
        self.gates[i].close()
        self.start(i)

    def client_changes_its_mind(self):
        listener = self.rng.choice(self.all_listeners())
        channel = "market_data:" + self.rng.choice(SYMBOLS)
        kind = self.rng.choice(["subscribe", "unsubscribe"])
        if kind == "unsubscribe" and listener.wants(channel):
            return  # what it must hear is not taken from it
        listener.ws.send({"type": kind, "channels": [channel]})

    def step(self):
        self.feed.publish(self.rng.sample(self.slots, self.rng.randint(1, 20)))
        self.check()
        what = self.rng.random()
        if what < 0.01:
            self.kill_link()
        elif what < 0.013:
            self.redis_comes_back_with_older_data()
        elif what < 0.015:
            self.gateway_crashes()
        elif what < 0.025:
            self.feed.starts_again()
        elif what < 0.05:
            self.client_changes_its_mind()


def everybody_has(field, newest, what):
    def late():
        return [(k, {s: n for s, n in newest.items() if x.wants(s[0]) and
                     x.newest.get(s) != n})
                for k, x in enumerate(field.all_listeners())
                if not x.has(newest)]
    wait_until(lambda: not late(), 20, lambda: "%s: %r" % (what, late()[:2]),
               every=0.05)


def test_nobody_hears_what_is_older_or_twice_and_all_have_the_newest(
        redis_server, tool):
    field = Field(redis_server, tool)
    field.live()
    rounds, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        field.step()
        rounds += 1
        if rounds % 500 == 0:
            field.live()
            assert field.feed.publish(field.slots)
            everybody_has(field, field.feed.newest, "published")
            # And once more with nobody listening: the cache has to tell it.
            assert field.feed.publish(
                field.slots, lambda p: p.client_kill_filter(_type="pubsub"))
            everybody_has(field, field.feed.newest, "missed")
    field.live()
    assert field.feed.publish(field.slots)
    everybody_has(field, field.feed.newest, "at the end")
    for g in field.gates:
        g.counters_add_up()
        g.close()
    print("%d rounds, %d events, seed %d" % (rounds, field.feed.n, SEED))
