"""Trade ids: no trade twice whatever its id, no hole without a flag."""
import json
import random
import subprocess

import pytest

import idmodel
from barcheck import decode
from harness import clean_env, deadline, tool_path, wait_until

T0 = 1756684800000  # 2025-09-01


def trade(id, time, price="10", size="1"):
    return ('{"type":"trade","symbol":"X","time":%d,"price":%s,"size":%s,'
            '"id":"%s"}\n' % (time, price, size, id))


def bars_of(lines, *args):
    """Every bar that is published for these lines."""
    run = subprocess.run(
        [tool_path("bargen"), "--stdin", "--stdout", "--throttle", "60s",
         *args], input="".join(lines), capture_output=True, text=True,
        env=clean_env(), timeout=deadline(60))
    assert run.returncode == 0, run.stderr
    return [decode(line)["bar"] for line in run.stdout.splitlines()]


def count_of(lines):
    return int(bars_of(lines, "--resolutions", "D")[-1]["count"])


IDS = {
    "even": lambda n, rng: [2 * i for i in range(n)],
    "random": lambda n, rng: [rng.getrandbits(62) for _ in range(n)],
    "random and few": lambda n, rng: rng.sample(range(2 * n), n),
    "shuffled": lambda n, rng: rng.sample(range(n), n),
    "descending": lambda n, rng: [10**9 - 3 * i for i in range(n)],
    "of a clock": lambda n, rng: [(T0 + 20 * i << 22) + rng.randint(0, 3)
                                  for i in range(n)],
    "in runs": lambda n, rng: [i // 3 * 1000 + i % 3 for i in range(n)],
    "half lost": lambda n, rng: [i for i in range(2 * n)
                                 if rng.random() < .5],
    "text": lambda n, rng: ["trade-%d" % (7919 * i) for i in range(n)],
}


@pytest.mark.parametrize("kind", IDS)
def test_a_trade_repeated_2500_later_counts_once(kind):
    ids = IDS[kind](20000, random.Random(5))
    trades = [trade(id, T0 + 20 * i) for i, id in enumerate(ids)]
    lines = []
    for i, line in enumerate(trades):
        lines.append(line)
        if i >= 2500:
            lines.append(trades[i - 2500])
    assert count_of(lines) == len(ids)


def test_one_old_number_with_a_newer_time_forgets_nothing():
    trades = [trade(i, T0 + i) for i in range(1000)]
    assert count_of(trades + [trade(5, T0 + 5000)] + trades) == 1001


def test_a_numbering_that_starts_anew_counts_and_the_old_one_stays_known():
    old = [trade(i, T0 + i) for i in range(1000)]
    new = [trade(i, T0 + 5000 + i) for i in range(1000)]
    assert count_of(old + new + old + new) == 2000


def test_ids_lost_between_swapped_trades_are_flagged():
    """177 to 181 are missing; 175 and 182 come late.  When the hole below 176 is
    lost, the one below 183 is not yet, and then 182 moves its end back."""
    ids = [*range(120, 175), 176, 183, 175, 182, *range(184, 250)]
    bars = bars_of([trade(i, T0 + (i - 120) * 1000) for i in ids],
                   "--final-only", "--resolutions", "1")
    last = {int(bar["time"]): bar for bar in bars}
    # Of the 57th to the 61st second.
    assert last[T0]["count"] == 57 and last[T0].get("gap")
    assert last[T0 + 60000]["count"] == 58 and last[T0 + 60000].get("gap")


def gaps_of(ids, *args):
    """[bar has a gap] of bars of five seconds, two trades a second."""
    bars = bars_of([trade(id, T0 + i * 500) for i, id in enumerate(ids)],
                   "--final-only", "--resolutions", "5S", *args)
    last = {int(bar["time"]): bar.get("gap", False) for bar in bars}
    return [last[time] for time in sorted(last)]


def test_a_feed_that_loses_a_third_is_flagged_throughout():
    gaps = gaps_of([i for i in range(600) if i % 3])
    assert len(gaps) > 30 and all(gaps)


@pytest.mark.parametrize("kind", ["even", "random", "random and few",
                                  "of a clock", "in runs", "text"])
def test_ids_that_do_not_count_trades_have_no_gap(kind):
    gaps = gaps_of(IDS[kind](2000, random.Random(3)))
    assert len(gaps) > 150 and not any(gaps)


def test_filled_bars_in_a_hole_are_flagged_and_corrected_once():
    """21 and 22 are missing, and so long nobody trades; then they come."""
    lines = [trade(i, T0 + i * 1000) for i in range(1, 21)]
    lines += [trade(i, T0 + 300000 + i) for i in range(23, 26)]
    lines += [trade(26, T0 + 365000)]
    late = [trade(21, T0 + 130000, "9"), trade(22, T0 + 190000, "8")]
    bars = bars_of(lines + late, "--final-only", "--resolutions", "1",
                   "--fill", "--correction-window", "1h")

    def minute(n):
        return [(int(bar["rev"]), bar.get("fill", False),
                 bar.get("gap", False), int(bar["close"])) for bar in bars
                if bar["time"] == T0 + n * 60000 and bar["final"]]
    # Missing when the grace of 23 is over: 21 takes the flag from what is before
    # it, and 22 from the rest.
    assert [m[1:] for m in minute(1)] == [(True, False, 10), (True, True, 10),
                                          (True, False, 10)]
    assert [m[1:] for m in minute(2)] == [(True, False, 10), (True, True, 10),
                                          (False, True, 9), (False, False, 9)]
    assert minute(3)[-1][1:] == (False, False, 8)
    assert minute(4)[-1][1:] == (True, False, 8)
    assert not minute(5)[-1][2]
    for n in range(6):
        assert [m[0] for m in minute(n)] == list(range(len(minute(n))))


def test_what_was_missed_before_ids_were_known_is_flagged_afterwards():
    ids = [1, 2, 3, 6] + list(range(7, 40))
    bars = bars_of([trade(i, T0 + i * 5000) for i in ids], "--final-only",
                   "--resolutions", "1", "--correction-window", "10m")
    first = [bar for bar in bars if bar["time"] == T0]
    assert [bar.get("gap", False) for bar in first] == [False, True]


def test_the_example_of_the_documentation():
    def second(n):
        return [(bool(bar.get("gap")), int(bar["rev"])) for bar in bars
                if bar["time"] == T0 + n * 1000]
    lines = [trade(i, T0 + i * 1000) for i in range(1, 41)
             if i not in (21, 22)]
    bars = bars_of(lines, "--final-only", "--resolutions", "1S")
    assert second(19) == [(False, 0)]
    assert second(20) == [(False, 0), (True, 1)] or second(20) == [(True, 0)]
    assert second(21) == second(22) == []
    assert second(23) == [(True, 0)]
    assert second(24) == [(False, 0)]
    late = [trade(i, T0 + i * 1000) for i in (21, 22)]
    bars = bars_of(lines + late, "--final-only", "--resolutions", "1S")
    assert second(20)[-1][0] is False and second(23)[-1][0] is False
    assert second(21)[-1][0] is False and second(22)[-1][0] is False


@pytest.mark.parametrize("seeds", [range(0, 20), range(20, 40)], ids=str)
def test_random_losses_are_flagged_exactly_as_documented(seeds):
    known = wrong = 0
    for seed in seeds:
        market, there = idmodel.stream(random.Random(seed))
        model = idmodel.Bars()
        for i, (id, time, price, size) in enumerate(there):
            model.trade(i, id, time, price, size)
        model.finish()
        bars = bars_of([trade(*t) for t in there], "--final-only",
                       "--resolutions", "1", "--correction-window", "1440m")
        got, want = {}, {}
        for bar in bars:
            if bar["final"]:
                got.setdefault(bar["time"], []).append(
                    (bar["time"], bar["rev"], bar["open"], bar["high"],
                     bar["low"], bar["close"], bar["volume"], bar["count"],
                     bar.get("gap", False)))
        for final in model.finals:
            want.setdefault(final[0], []).append(final)
        assert got == want, "seed %d" % seed
        # Nothing is missing without a flag where it can be known.
        ids = {t[0] for t in there}
        for id, time, _, _ in market:
            bar = got.get(time - time % idmodel.MINUTE_MS)
            if id in ids or not bar or not min(ids) < id < max(ids):
                continue
            wrong += 1
            known += model.contiguous
            assert bar[-1][-1] or not model.contiguous, (seed, id)
    assert known > 200 and known > wrong // 2


# --- through Redis ---


def fill(client, lines):
    """One entry of the journal."""
    client.xadd("journal:0", {"d": "".join(lines)})


@pytest.mark.parametrize("kind", ["random", "text", "half lost", "even"])
def test_ids_are_known_after_kills(tool, redis_server, kind):
    """Each trade twice, 1,500 later, with kills in between."""
    rng = random.Random(7)
    ids = IDS[kind](4000, rng)
    trades = [trade(id, T0 + 20 * i) for i, id in enumerate(ids)]
    client = redis_server.client()

    def start():
        return tool("bargen", "--redis", redis_server.url, "--resolutions",
                    "D", "--throttle", "1ms", "--shards", "1", ready=False)

    def counted():
        message = client.hget("last:bars:X:D", "bar")
        return int(json.loads(message)["bar"]["count"]) if message else 0
    bargen = start()
    for part in range(0, len(trades), 500):
        fill(client, trades[part:part + 500])
        if part >= 1500:
            fill(client, trades[part - 1500:part - 1000])
        done = min(part + 500, len(trades))
        wait_until(lambda: counted() >= done, 20,
                   lambda: "%d of %d: %s" % (counted(), done, bargen.stderr))
        bargen.kill()
        bargen = start()
    fill(client, trades[-1000:])
    fill(client, [trade("end", T0 + 20 * len(trades))])
    wait_until(lambda: counted() > len(trades), 20,
               lambda: "the end: " + bargen.stderr)
    assert counted() == len(trades) + 1
    assert bargen.terminate() == 0
    assert "state_bad" not in bargen.stderr
    fields = client.hkeys("bargen:D:state:0")
    # A text is a block, of which 256 are a field.
    blocks = sum(name.startswith(b"i:X:") for name in fields)
    assert blocks in {"random": range(12, 16), "text": range(12, 16),
                      "even": range(0, 5), "half lost": range(0, 3)}[kind]


def test_blocks_that_are_forgotten_leave_the_state(tool, redis_server):
    trades = [trade("t%d" % i, T0 + 1000 * i) for i in range(4000)]
    client = redis_server.client()
    for part in range(0, len(trades), 200):
        fill(client, trades[part:part + 200])
    bargen = tool("bargen", "--redis", redis_server.url, "--resolutions", "D",
                  "--shards", "1", "--throttle", "1ms").wait_ready()

    def counted():
        message = client.hget("last:bars:X:D", "bar")
        return message and json.loads(message)["bar"]["count"] == 4000
    wait_until(counted, 20, lambda: bargen.stderr)
    assert bargen.terminate() == 0
    chunks = sorted(int(name.split(b":")[2])
                    for name in client.hkeys("bargen:D:state:0")
                    if name.startswith(b"i:X:"))
    # The newest 1,024 of 4,000.
    assert chunks == [11, 12, 13, 14, 15]


def test_a_symbol_with_more_scattered_ids_than_are_kept_is_reported(tool):
    lines = [trade("t%d" % i, T0 + i // 1000) for i in range(66000)]
    run = subprocess.run(
        [tool_path("bargen"), "--stdin", "--stdout", "--http", "127.0.0.1:0",
         "--resolutions", "D"], input="".join(lines), capture_output=True,
        text=True, env=clean_env(), timeout=deadline(60))
    assert run.returncode == 0
    assert "ev=ids_forgotten blocks=" in run.stderr
