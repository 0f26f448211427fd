"""A client beside those that misbehave: what it sees of them."""
import json
import threading
import time

import harness
from rawws import TEXT

EVERY_S = 0.02  # pings, and rounds of messages
ADDRESS = "127.0.0.3"
CHANNEL = "market_data:BESIDE"


class Feed:
    """Publishes a number on its channels, a round after the other."""

    def __init__(self, redis_server, channels, size):
        self.redis = redis_server.client()
        self.channels, self.pad = channels, "x" * size
        self.rounds = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def round(self):
        p = self.redis.pipeline(transaction=False)
        for name in self.channels:
            p.publish(name, '{"type":"tick","n":%d,"pad":"%s"}' %
                      (self.rounds, "" if name == CHANNEL else self.pad))
        p.execute()
        self.rounds += 1

    def _run(self):
        while not self.stop.is_set():
            self.round()
            self.stop.wait(EVERY_S)

    def done(self):
        """Ends with one more; how many rounds there were."""
        self.stop.set()
        self.thread.join(harness.deadline(20))
        self.round()
        return self.rounds


class Bystander:
    """Of its own address: pings all the time and keeps every value of its
    channel."""

    def __init__(self, g):
        self.g = g
        self.ws = g.raw(source=ADDRESS)
        self.waits, self.values, self.error = [], [], None
        self.ws.send(TEXT, json.dumps(
            {"type": "subscribe", "id": "s", "channels": [CHANNEL],
             "mode": "all", "snapshot": False}))
        assert self.until("subscribed")["results"][0]["ok"]
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def until(self, kind):
        while True:
            m = json.loads(self.ws.recv_until(TEXT))
            if m["type"] == "update":
                self.values.append(m["data"]["n"])
            if m["type"] == kind:
                return m

    def _run(self):
        try:
            while not self.stop.is_set():
                begun = time.monotonic()
                self.ws.send(TEXT, '{"type":"ping","id":%d}' % len(self.waits))
                assert self.until("pong")["id"] == len(self.waits)
                self.waits.append(time.monotonic() - begun)
                self.stop.wait(EVERY_S)
        except (AssertionError, EOFError, OSError) as e:
            self.error = e

    def done(self, feed=None, within=2.0):
        """It was answered all the time, and missed no value."""
        last = feed and feed.done() - 1
        self.stop.set()
        self.thread.join(harness.deadline(20))
        assert self.error is None and not self.thread.is_alive(), self.error
        assert len(self.waits) > 0
        assert max(self.waits) < harness.deadline(within), max(self.waits)
        if feed:
            while not self.values or self.values[-1] < last:
                self.until("update")
            assert self.values == list(range(self.values[0], last + 1))
