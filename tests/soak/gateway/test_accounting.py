"""Every message has one outcome, and every frame one for each subscriber, under
churn and with a full channel table: `make soak-gateway` (SOAK_LOAD_SECONDS=60).
"""
import json
import os
import random
import time

import gates
import harness
from testbed import wait_until

SECONDS = float(os.environ.get("SOAK_LOAD_SECONDS", "60"))
CHANNELS_MAX = 262144
OUTCOMES = ("delivered", "copy", "duplicate", "outdated", "invalid", "too_big",
            "unwanted", "private", "internal", "invalid_name", "channels_full")


def outcomes(g):
    text = harness.http_get(g.http("/metrics"))[1]
    return {o: harness.metric(text, "tickwire_wsgate_messages_total",
                              source="redis", outcome=o) for o in OUTCOMES}


def fill_the_table(r, g):
    """All names that there is room for, by a wildcard; returns receivers."""
    received = 0
    for first in range(0, CHANNELS_MAX + 1000, 1000):
        pipe = r.pipeline(transaction=False)
        for i in range(first, first + 1000):
            pipe.publish("orderbook:%d" % i, "1")
        received += sum(pipe.execute())
        wait_until(lambda: sum(outcomes(g).values()) == received, 60,
                   "what was published has arrived", every=0.05)
    assert outcomes(g)["channels_full"] > 0
    return received


def payload(rng, i):
    if rng.random() < 0.01:
        return "{"
    return json.dumps({"type": rng.choice(["tick", "trade"]), "n": i})


def test_every_message_is_in_one_counter(redis_server, tool):
    rng = random.Random(2)
    g = gates.Gate(tool, redis=redis_server)
    r = redis_server.client()
    keeper = g.ws()
    keeper.subscribe("orderbook:*", "market_data:*", "stock:*")
    received = fill_the_table(r, g)
    clients, stuck = [], [g.raw(rcvbuf=2048) for _ in range(3)]
    for s in stuck:
        s.send(1, json.dumps({"type": "subscribe", "mode": "latest",
                              "channels": ["market_data:*"]}))
    end, i = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        pipe = r.pipeline(transaction=False)
        for _ in range(200):
            i += 1
            pipe.publish(rng.choice(
                ["market_data:%d" % rng.randrange(50), "orderbook:1",
                 "orderbook:new%d" % i, "stock:_x", "stock:executions:1"]),
                payload(rng, i))
        # By name and by wildcard it is received twice.
        received += sum(pipe.execute())
        if len(clients) < 20:
            clients.append(g.ws())
        c = rng.choice(clients)
        c.send({"type": rng.choice(["subscribe", "unsubscribe"]),
                "channels": [rng.choice(["market_data:*", "market_data:%d" %
                                         rng.randrange(50), "orderbook:1"])],
                "mode": rng.choice(["latest", "all"])})
        if rng.random() < 0.1:
            clients.remove(c)
            c.close()
        if i % 20000 == 0:
            g.counters_add_up()
    for c in clients:
        c.close()
    wait_until(lambda: sum(outcomes(g).values()) == received, 30,
               lambda: "%r are %d" % (outcomes(g), received), every=0.2)
    now = outcomes(g)
    assert all(now[o] > 0 for o in ("delivered", "copy", "invalid", "internal",
                                    "private", "channels_full")), now
    expected = g.counters_add_up()
    assert expected > 0
    print("%d messages received, %d frames expected" % (received, expected))
    g.close()
