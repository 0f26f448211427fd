"""--shards is changed between two starts: what was stored is of other shards, and
whoever reads any of it says so and begins anew, with gap."""
import pytest

from harness import wait_until
from sharedbars import MINUTE_MS, T0, shard_of
from test_bargen_redis import history, trade

# In many shards, whatever their number.
SYMBOLS = ["S%d" % i for i in range(12)]


def write(client, shards, symbols, minute):
    for s in symbols:
        client.xadd("journal:%d" % shard_of(s, shards),
                    {"d": trade(T0 + minute * MINUTE_MS + 300, symbol=s)})


def wait_bars(client, symbols, minute):
    def times():
        return [{b["time"] for b in history(client, symbol=s)}
                for s in symbols]
    wait_until(lambda: all(T0 + minute * MINUTE_MS in t for t in times()), 10,
               "the bars of minute %d" % minute)


def bar_of(client, symbol, minute):
    bar, = [b for b in history(client, symbol=symbol)
            if b["time"] == T0 + minute * MINUTE_MS]
    return bar


@pytest.fixture
def start(tool, redis_server):
    def start(shards, *args):
        return tool("bargen", "--redis", redis_server.url, "--throttle", "1ms",
                    "--shards", str(shards), *args).wait_ready()
    return start


def run(client, start, shards, minutes, n=1):
    """Instances until the bars of these minutes, less the last, are there."""
    all_of = [start(shards) for _ in range(n)]
    for m in minutes:
        write(client, shards, SYMBOLS, m)
    wait_bars(client, SYMBOLS, minutes[-2])
    for b in all_of:
        assert b.terminate() == 0
    return "".join(b.stderr for b in all_of)


@pytest.mark.parametrize("shards", (1, 8, 32))
@pytest.mark.parametrize("n", (1, 3))
def test_each_symbol_begins_anew_with_a_gap(redis_server, start, shards, n):
    client = redis_server.client()
    run(client, start, 16, (0, 1))
    said = run(client, start, shards, (1, 2, 3), n)
    assert "ev=state_bad" in said and "--shards" in said
    bars = [bar_of(client, s, 1) for s in SYMBOLS]
    assert [s for s, b in zip(SYMBOLS, bars) if not b.get("gap")] == []
    # And goes on like any other.
    bars = [bar_of(client, s, 2) for s in SYMBOLS]
    assert [s for s, b in zip(SYMBOLS, bars) if b.get("gap")] == []
    said = run(client, start, shards, (4, 5), n)
    assert "ev=state_bad" not in said
    bars = [bar_of(client, s, 4) for s in SYMBOLS]
    assert [s for s, b in zip(SYMBOLS, bars) if b.get("gap")] == []


def test_what_was_stored_before_two_changes_is_not_used(redis_server, start):
    """The number is what it once was, but the state is older."""
    client = redis_server.client()
    run(client, start, 16, (0, 1))
    run(client, start, 8, (1, 2))
    said = run(client, start, 16, (2, 3, 4))
    assert "ev=state_bad" in said
    bars = [bar_of(client, s, 2) for s in SYMBOLS]
    assert [s for s, b in zip(SYMBOLS, bars) if not b.get("gap")] == []


def test_one_that_comes_late_begins_anew_as_well(redis_server, start):
    """Whoever has its shard by then did not see the change."""
    client = redis_server.client()
    run(client, start, 16, (0, 1))
    first = start(8)
    wait_until(lambda: client.hget("bargen:state:0", "shards") == b"8")
    wait_until(lambda: all(client.hget("bargen:state:%d" % n, "shards") == b"8"
                           for n in range(8)))
    assert first.terminate() == 0
    said = run(client, start, 8, (1, 2, 3))
    assert "ev=state_bad" not in said
    bars = [bar_of(client, s, 1) for s in SYMBOLS]
    assert [s for s, b in zip(SYMBOLS, bars) if not b.get("gap")] == []


def test_the_state_of_another_group_is_of_its_shards(redis_server, start, tool):
    client = redis_server.client()
    run(client, start, 16, (0, 1))
    b = start(8, "--resolutions", "1,5")
    for m in (1, 2):
        write(client, 8, SYMBOLS, m)
    wait_bars(client, SYMBOLS, 1)
    assert b.terminate() == 0
    assert "ev=state_bad" in b.stderr
    bars = [bar_of(client, s, 1) for s in SYMBOLS]
    assert [s for s, b in zip(SYMBOLS, bars) if not b.get("gap")] == []
