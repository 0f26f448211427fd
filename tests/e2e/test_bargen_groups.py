"""bargen instances with other symbols, resolutions or rules on one Redis."""
import json
import random
import signal
import time

import pytest

from harness import free_port, http_get, metric, wait_until
from sharedbars import (MINUTE_MS, Flock, Heard, Trade, T0, Writer, expected,
                        heard, held, line, shard_of, shares, trades)

SYMBOLS = ["S%02d" % n for n in range(12)]
# Both are in one shard.
PAIR = [s for s in ("P%d" % n for n in range(200)) if shard_of(s) == 5][:2]


@pytest.fixture
def flock(tool, redis_server):
    return Flock(tool, redis_server)


def closed(client, symbol, resolution="1"):
    return client.zcard("bars:history:%s:%s" % (symbol, resolution))


def kill_and_restart(flock, writer, args):
    """Twice, and each time it is away for a while."""
    for down, up in ((0.2, 0.35), (0.6, 0.75)):
        writer.reach(down)
        flock.die(next(b for b in flock.up
                       if list(args) == b.argv[5:5 + len(args)]))
        writer.reach(up)
        flock.join(*args)


def complete(client, want, resolution):
    counts = {}
    for symbol, _ in want:
        counts[symbol] = counts.get(symbol, 0) + 1
    return all(closed(client, s, resolution) >= n for s, n in counts.items())


def test_two_with_other_resolutions_lose_no_bar_when_one_is_killed(
        redis_server, flock):
    client = redis_server.client()
    sub = redis_server.subscriber(patterns=["bars:*"])
    flock.join("--resolutions", "1")
    flock.join("--resolutions", "5")
    writer = Writer(client, trades(random.Random(3), SYMBOLS, 60), 8)
    writer.start()
    kill_and_restart(flock, writer, ("--resolutions", "5"))
    writer.finish()
    for resolution, minutes in (("1", 1), ("5", 5)):
        want = expected(writer.trades, minutes * MINUTE_MS)
        wait_until(lambda: complete(client, want, resolution), 20,
                   lambda: "all bars of %s; they say %s" % (resolution,
                                                            flock.said()))
    got = Heard(heard(sub, client))
    for resolution, minutes in (("1", 1), ("5", 5)):
        got.assert_exactly(expected(writer.trades, minutes * MINUTE_MS),
                           resolution)
    assert got.again == 0 and got.flagged() == []


def test_two_with_other_symbols_of_one_shard_lose_no_bar_when_one_is_killed(
        redis_server, flock):
    client = redis_server.client()
    sub = redis_server.subscriber(patterns=["bars:*"])
    first, second = (("--symbols", symbol) for symbol in PAIR)
    flock.join(*first)
    flock.join(*second)
    writer = Writer(client, trades(random.Random(4), PAIR, 200, 12), 8)
    writer.start()
    kill_and_restart(flock, writer, second)
    writer.finish()
    want = expected(writer.trades, MINUTE_MS)
    wait_until(lambda: complete(client, want, "1"), 20,
               lambda: "all bars; they say " + flock.said())
    got = Heard(heard(sub, client))
    got.assert_exactly(want, "1")
    assert got.again == 0 and got.flagged() == []


def refused(b):
    assert b.wait(8) == 78, b.stderr
    return b.stderr


@pytest.mark.parametrize("first,second,option,said", [
    (["--resolutions", "1,5"], ["--resolutions", "5,15"], "--resolutions",
     "5,15 here overlaps with 1,5 of instance "),
    ([], ["--symbols", "X,Y"], "--symbols", "X,Y here overlaps with * of "),
    (["--symbols", "X,Z"], ["--symbols", "X,Y"], "--symbols",
     "X,Y here overlaps with X,Z of "),
    ([], ["--grace", "1s"], "--grace", "1000 here, but instance "),
    ([], ["--fill"], "--fill", "1 here, but instance "),
    ([], ["--price", "mid"], "--price", "mid here, but instance "),
    ([], ["--source", "pubsub"], "--source", "pubsub here, but instance "),
    ([], ["--shards", "8"], "--shards", "8 here, but instance "),
    ([], ["--correction-window", "5s"], "--correction-window", "5000 here, "),
])
def test_what_cannot_be_shared_is_refused_at_start(
        redis_server, tool, flock, first, second, option, said):
    client = redis_server.client()
    before = flock.join(*first)
    wait_until(lambda: any(k.endswith(b":members") or k == b"bargen:members"
                           for k in client.keys("bargen:*")), 5, "it is there")
    other = tool("bargen", "--redis", redis_server.url, *second)
    text = refused(other)
    assert "bargen: %s: %s" % (option, said) in text
    keys = [k for k in client.keys("bargen:*members")]
    ids = [i.decode() for k in keys for i in client.zrange(k, 0, -1)]
    assert len(ids) == 1 and "instance " + ids[0] in text
    assert before.running()


def test_one_that_has_ended_is_in_nobodys_way(redis_server, tool, flock):
    first = flock.join("--resolutions", "1,5")
    client = redis_server.client()
    wait_until(lambda: len(held(client, "bargen:1,5:")) == 16, 5, "its shards")
    flock.leave(first)
    second = tool("bargen", "--redis", redis_server.url, "--resolutions",
                  "5,15").wait_ready(3)
    # One that was killed looks alive for a while.
    second.kill()
    third = tool("bargen", "--redis", redis_server.url, "--resolutions", "15,60")
    third.wait_ready(6)
    assert "group_refused" not in third.stderr


def test_a_group_that_joins_at_the_same_moment_is_in_nobodys_way(
        redis_server, tool):
    """Its members are seen before its row: it will be compared by that."""
    client = redis_server.client()
    client.zadd("bargen:members", {"other": int(time.time() * 1000) + 60000})
    b = tool("bargen", "--redis", redis_server.url, "--resolutions", "5")
    b.wait_ready(8)
    assert "group_refused" not in b.stderr


def test_one_that_comes_back_when_others_make_its_bars_waits(
        redis_server, tool, flock):
    client = redis_server.client()
    first = flock.join("--resolutions", "1,5")
    first.wait_stderr("ev=ready")  # before that it would give up
    wait_until(lambda: len(held(client, "bargen:1,5:")) == 16, 5, "its shards")
    flock.freeze(first)
    wait_until(lambda: held(client, "bargen:1,5:") == {}, 8, "they have ended")
    second = tool("bargen", "--redis", redis_server.url, "--resolutions", "5,15")
    second.wait_ready(8)
    flock.thaw(first)
    first.wait_stderr("ev=group_refused")
    assert held(client, "bargen:1,5:") == {}
    assert second.terminate() == 0
    wait_until(lambda: len(held(client, "bargen:1,5:")) == 16, 5, "its shards")
    assert first.running()


def write(client, *found):
    writer = Writer(client, list(found))
    writer.write(list(found))


def one(minute, n, price="10"):
    return Trade("X", T0 + minute * MINUTE_MS + n * 1000, price, "1",
                 str(minute * 10 + n + 1))


def bar_of(client, resolution):
    text = client.hget("last:bars:X:%s" % resolution, "bar")
    return json.loads(text)["bar"] if text else None


def wait_count(client, resolution, count):
    wait_until(lambda: (bar_of(client, resolution) or {}).get("count") == count,
               6, lambda: "a bar of %d trades, not %s" %
               (count, bar_of(client, resolution)))


def test_another_list_of_resolutions_forgets_nothing(redis_server, flock):
    client = redis_server.client()
    first = flock.join("--resolutions", "1,D")
    write(client, one(0, 0), one(0, 1))
    wait_count(client, "D", 2)
    flock.leave(first)
    write(client, one(0, 2))
    second = flock.join("--resolutions", "5,D")
    wait_count(client, "D", 3)
    assert "gap" not in bar_of(client, "D")
    second.wait_stderr("ev=state_adopted")
    flock.leave(second)
    write(client, one(0, 3))
    # And back: what the others have read since is not read again.
    flock.join("--resolutions", "1,D")
    wait_count(client, "D", 4)
    assert "gap" not in bar_of(client, "D")
    # What is new begins where the others had got to.
    assert (bar_of(client, "5")["count"], bar_of(client, "1")["count"]) == (1, 1)


def numbers(client):
    """Fencing numbers of the leases."""
    values = client.mget(["bargen:lease:%d" % n for n in range(16)])
    return [int(v.split(b":")[1]) for v in values if v]


def test_the_numbers_of_leases_grow_whatever_redis_has_lost(redis_server,
                                                            flock):
    client = redis_server.client()
    flock.join()
    wait_until(lambda: len(numbers(client)) == 16, 5, "its shards")
    before = max(numbers(client))
    # As Redis had it some time ago.
    client.zadd("bargen:fences", {"last": before - 1000000})
    client.delete(*("bargen:lease:%d" % n for n in range(16)))
    wait_until(lambda: len(numbers(client)) == 16, 5, "its shards again")
    assert min(numbers(client)) > before


def test_the_state_of_versions_without_groups_is_taken_over(redis_server,
                                                            flock):
    client = redis_server.client()
    first = flock.join("--resolutions", "1")
    write(client, one(0, 0), one(0, 1))
    wait_count(client, "1", 2)
    flock.leave(first)
    # As such a version left it, whatever its resolutions were.
    client.delete("bargen:groups", "bargen:fences", "bargen:members")
    for n in range(16):
        client.hdel("bargen:state:%d" % n, "owner")
    second = flock.join("--resolutions", "1,5")
    write(client, one(0, 2))
    wait_count(client, "1", 3)
    second.wait_stderr('ev=state_adopted shard=%d from="bargen:state:%d"' %
                       (shard_of("X"), shard_of("X")))


def test_one_that_wakes_up_leaves_the_state_of_the_next_alone(redis_server,
                                                             flock):
    client = redis_server.client()
    first = flock.join("--resolutions", "1")
    wait_until(lambda: shares(client) == [16], 5, "its shards")
    write(client, one(0, 0))
    wait_count(client, "1", 1)
    first.signal(signal.SIGSTOP)
    write(client, one(0, 1))
    second = flock.join("--resolutions", "1")
    wait_until(lambda: len(held(client)) == 16 and shares(client) == [16], 8,
               "the shards of the other")
    wait_count(client, "1", 2)
    stored = client.hgetall("bargen:state:%d" % shard_of("X"))
    first.signal(signal.SIGCONT)
    wait_until(lambda: shares(client) == [8, 8], 8, "both have their share")
    flock.leave(second)
    wait_until(lambda: shares(client) == [16], 8, "its shards again")
    again = client.hgetall("bargen:state:%d" % shard_of("X"))
    assert {k: v for k, v in again.items() if k.startswith(b"s:")} == \
        {k: v for k, v in stored.items() if k.startswith(b"s:")}
    write(client, one(0, 2))
    wait_count(client, "1", 3)


def test_pubsub_is_shared_and_what_nobody_heard_is_flagged(redis_server,
                                                          flock):
    """Each instance hears everything; one of them makes the bar."""
    client = redis_server.client()
    sub = redis_server.subscriber("bars:X:1")
    args = ("--source", "pubsub", "--resolutions", "1")
    flock.join(*args)
    wait_until(lambda: shares(client) == [16] and client.pubsub_numpat() == 2,
               5, "its shards")
    flock.join(*args)
    wait_until(lambda: shares(client) == [8, 8] and
               client.pubsub_numpat() >= 2, 5, "both have their share")
    wait_until(lambda: client.execute_command("PUBSUB", "NUMPAT") == 2 and len(
        [c for c in client.client_list() if c["psub"] == "2"]) == 2, 5,
        "both listen")
    client.publish("market_data:X", line(one(0, 0)))
    client.publish("market_data:X", line(one(0, 1)))
    wait_count(client, "1", 2)
    assert "gap" not in bar_of(client, "1")
    owner = held(client)[shard_of("X")]
    old = next(b for b in flock.up if "instance=" + owner in b.stderr)
    flock.leave(old)
    wait_until(lambda: shares(client) == [16], 5, "the other has all")
    wait_until(lambda: client.hget("bargen:pubsub:%d" % shard_of("X"), "owner")
               != owner.encode(), 5, "and has read them")
    client.publish("market_data:X", line(one(0, 2)))
    wait_count(client, "1", 3)
    assert bar_of(client, "1")["gap"] is True
    assert len([m for m in sub.payloads() if m["bar"]["final"]]) == 0


def test_status_says_who_shares_and_what_is_held(redis_server, tool):
    client = redis_server.client()
    port = free_port()
    at = "http://127.0.0.1:%d" % port
    first = tool("bargen", "--redis", redis_server.url, "--http",
                 "127.0.0.1:%d" % port).wait_ready()
    tool("bargen", "--redis", redis_server.url).wait_ready()
    wait_until(lambda: shares(client) == [8, 8], 5, "both have their share")

    def health():
        return json.loads(http_get(at + "/health")[1])
    wait_until(lambda: health()["shards"] == 8, 5, health)
    status = health()
    assert status["members"] == 2
    assert status["leases_taken"] == 16 and status["leases_lost"] == 0
    assert status["fence"] > 1700000000000  # it begins at the time of day

    def shown(*names):
        page = http_get(at + "/metrics")[1]
        return [metric(page, "tickwire_bargen_" + name) for name in names]
    wait_until(lambda: shown("members", "shards_held", "leases_taken_total",
                             "leases_lost_total") == [2, 8, 16, 0], 5,
               "the same in /metrics")
    wait_until(lambda: json.loads(client.get(
        client.keys("instance:bargen:*")[0]))["members"] == 2, 5,
        "the instance's key says so")
    assert first.running()


def test_where_multi_is_refused_nothing_is_published_and_it_is_said(
        redis_server, tool):
    client = redis_server.client()
    client.execute_command("ACL", "SETUSER", "bars", "on", ">pw", "~*", "&*",
                           "+@all", "-multi")
    sub = redis_server.subscriber("bars:X:1")
    port = free_port()
    b = tool("bargen", "--redis",
             redis_server.url.replace("://", "://bars:pw@"), "--http",
             "127.0.0.1:%d" % port)
    write(client, one(0, 0), one(2, 0))
    b.wait_stderr("ev=checkpoint_refused why=\"NOPERM")
    assert "'multi'" in b.stderr
    assert http_get("http://127.0.0.1:%d/ready" % port)[0] == 503
    assert sub.poll() == [] and not client.keys("bars:*")
    client.execute_command("ACL", "SETUSER", "bars", "+multi")
    b.wait_ready()
    wait_count(client, "1", 1)


def test_redis_restarted_empty_gets_the_open_bars_of_both_again(redis_server,
                                                               flock):
    """Each has what it had in memory: nobody else may take its shards, of which
    Redis knows nothing."""
    client = redis_server.client()
    by_shard = {shard_of("Q%d" % n): "Q%d" % n for n in range(300)}
    symbols = list(by_shard.values())
    flock.join("--resolutions", "1")
    flock.join("--resolutions", "1")
    wait_until(lambda: shares(client) == [8, 8], 5, "both have their share")

    def counts():
        found = [client.hget("last:bars:%s:1" % s, "bar") for s in symbols]
        return [json.loads(text)["bar"]["count"] if text else 0
                for text in found]
    write(client, *[one(0, 0)._replace(symbol=s) for s in symbols])
    wait_until(lambda: counts() == [1] * 16, 5, counts)
    redis_server.restart()
    client = redis_server.client()
    write(client, *[one(0, 1)._replace(symbol=s) for s in symbols])
    wait_until(lambda: counts() == [2] * 16, 10,
               lambda: "all bars, not %s; they say %s" % (counts(),
                                                          flock.said()))
    wait_until(lambda: shares(client) == [8, 8], 5, "both have their share")
