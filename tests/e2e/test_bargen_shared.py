"""Several bargen on one Redis: every bar once, whoever comes, goes or hangs."""
import random

import pytest

from harness import wait_until
from sharedbars import (MINUTE_MS, Flock, Heard, Writer, expected, heard, held,
                        shares, trades)

SYMBOLS = ["S%02d" % n for n in range(24)]


@pytest.fixture
def flock(tool, redis_server):
    return Flock(tool, redis_server, "--resolutions", "1")


def settle(client, want, seconds=10.0):
    wait_until(lambda: shares(client) == want, seconds,
               lambda: "shares of %s (are %s)" % (want, shares(client)))


def finish(writer, sub, client, flock, resolution="1", minutes=1):
    """All that was to come has come; what was heard of it."""
    writer.finish()
    want = expected(writer.trades, minutes * MINUTE_MS)

    def complete():
        return all(client.zcard("bars:history:%s:%s" % (s, resolution)) >=
                   len([k for k in want if k[0] == s]) for s in SYMBOLS)
    wait_until(complete, 30, lambda: "all bars; they say " + flock.said())
    got = Heard(heard(sub, client))
    got.assert_exactly(want, resolution)
    assert got.flagged() == []
    return got


def test_three_share_the_shards_and_make_every_bar_once(redis_server, flock):
    client = redis_server.client()
    sub = redis_server.subscriber(patterns=["bars:*"])
    for _ in range(3):
        flock.join()
    settle(client, [6, 6, 4])
    writer = Writer(client, trades(random.Random(1), SYMBOLS, 20))
    writer.start()
    got = finish(writer, sub, client, flock)
    assert got.again == 0


def test_who_joins_gets_a_share_and_who_leaves_is_replaced_at_once(
        redis_server, flock):
    client = redis_server.client()
    first = flock.join()
    settle(client, [16])
    second = flock.join()
    settle(client, [8, 8])
    flock.join()
    settle(client, [6, 6, 4])
    flock.leave(second)
    # Not only when its leases have ended.
    settle(client, [8, 8], 1.5)
    flock.leave(first)
    settle(client, [16], 1.5)


def play(seed, redis_server, flock, steps=8):
    rng = random.Random(seed)
    client = redis_server.client()
    sub = redis_server.subscriber(patterns=["bars:*"])
    for _ in range(3):
        flock.join()
    writer = Writer(client, trades(rng, SYMBOLS, 40), 12)
    writer.start()
    for step in range(steps):
        writer.reach((step + rng.random()) / steps)
        what = rng.choice(["die", "leave", "freeze", "thaw", "join"])
        if what == "thaw" and flock.frozen:
            flock.thaw(rng.choice(flock.frozen))
        elif what in ("die", "leave", "freeze") and flock.up:
            getattr(flock, what)(rng.choice(flock.up))
        if len(flock.up) < 2 or what == "join" and len(flock.up) < 4:
            flock.join()
    for b in list(flock.frozen):
        flock.thaw(b)
    finish(writer, sub, client, flock)
    for b in list(flock.up):
        flock.leave(b)
        assert "ev=lost" not in b.stderr, b.stderr


@pytest.mark.parametrize("seed", range(1, 5))
def test_bars_are_right_whoever_comes_goes_or_hangs(redis_server, flock, seed):
    play(seed, redis_server, flock)


def test_one_that_was_frozen_writes_nothing_and_is_a_member_again(
        redis_server, flock):
    client = redis_server.client()
    sub = redis_server.subscriber(patterns=["bars:*"])
    first, second = flock.join(), flock.join()
    settle(client, [8, 8])
    writer = Writer(client, trades(random.Random(7), SYMBOLS, 60), 10)
    writer.start()
    writer.reach(0.2)
    flock.freeze(first)
    settle(client, [16])
    owner, = set(held(client).values())
    writer.reach(0.6)
    flock.thaw(first)
    first.wait_stderr("ev=lease_lost")
    settle(client, [8, 8])
    assert owner in held(client).values()
    got = finish(writer, sub, client, flock)
    assert got.again == 0
    assert second.running() and first.running()
