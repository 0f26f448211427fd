"""wsgate connected and mute: whatever keeps messages from coming is told within
3 s, and so is its end; and nothing is told that did not happen."""
import re
import time

import pytest

import harness
from harness import wait_until

TOLD_S = 3
STEADY_S = 10
# What tickwire_limit is to a replica: a function that writes.
WRITES = """#!lua name=limits
redis.register_function('tickwire_limit', function(keys, args)
  return redis.call('SET', 'used', 1)
end)
"""


class Pair:
    """A master and its replica."""

    def __init__(self, folder):
        self.master = harness.RedisServer(
            folder / "master", "--repl-diskless-sync-delay", "0").start()
        self.replica = harness.RedisServer(folder / "replica").start()
        self.attach()

    def attached(self):
        return self.replica.client().role()[3] == b"connected"

    def attach(self):
        """Until it is a replica in step; when that was seen."""
        self.replica.client().replicaof("127.0.0.1", self.master.port)
        wait_until(self.attached, 10, "the replica is in step")

    def stop(self):
        self.replica.stop()
        self.master.stop()


@pytest.fixture
def pair(tmp_path):
    p = Pair(tmp_path)
    yield p
    p.stop()


def told(g):
    """The changes of state since it was live at first."""
    states = re.findall(r"ev=redis_upstream state=(\w+)", g.tool.stderr)
    return states[states.index("live") + 1:] if "live" in states else []


def heard_by(ws):
    return [m["upstream"] for m in ws.of("heartbeat")]


def watched(gate, redis, *channels):
    """A gateway that tells a state only when it changes, and its client."""
    g = gate("--heartbeat", "60s", redis=redis)
    ws = g.ws()
    ws.subscribe(*channels or ("market_data:A",))
    return g, ws


def becomes(g, states, began=None, seconds=TOLD_S):
    """Until exactly these states were told; within seconds of began."""
    began = began or time.monotonic()
    wait_until(lambda: len(told(g)) >= len(states), 20,
               lambda: "%s (told: %s)" % (states, told(g)))
    assert told(g) == states
    assert time.monotonic() - began < harness.deadline(seconds)


def stays(g, states, meanwhile=lambda: None):
    """No change for STEADY_S."""
    end = time.monotonic() + STEADY_S

    def over():
        meanwhile()
        return time.monotonic() > end
    wait_until(over, STEADY_S + 5, every=0.05)
    assert told(g) == states


def flow(redis, ws, channel="market_data:A"):
    """Messages that are published are heard."""
    marker = "m%d" % len(ws.raw)
    r = redis.client()

    def heard():
        r.publish(channel, '"%s"' % marker)
        return any(m["data"] == marker for m in ws.of("update", channel))
    wait_until(heard, 5, "messages flow", every=0.05)


def test_a_replica_that_refuses_writes_is_as_good_as_its_master(pair, gate):
    pair.master.client().execute_command("FUNCTION", "LOAD", WRITES)
    pair.attach()
    g, ws = watched(gate, pair.replica)
    flow(pair.master, ws)

    def refused():
        return harness.metric(
            harness.http_get(g.http("/metrics"))[1],
            "tickwire_redis_errors_total", role="cmd", **{"class": "resolve"})
    stays(g, [], lambda: harness.http_get(g.http("/api/v1/price/A")))
    assert refused() > 5  # the entry of the instance, and limits
    assert g.tool.stderr.count("ev=redis_down") == 0
    assert g.tool.stderr.count("ev=redis_replica") == 1
    assert harness.http_get(g.http("/ready"))[0] == 200
    flow(pair.master, ws)
