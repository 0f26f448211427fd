"""Real trades with fills, shuffled and doubled, through instances that are
stopped, killed and frozen all the time: every bar is exact, and said once.

Twenty runs; `make soak-bars` has two hundred (TW_BARS_RUNS).
"""
import os
import signal

import pytest

import barfleet
from barfleet import Fleet, Ledger, Stream

RUNS = int(os.environ.get("TW_BARS_RUNS", "20"))
LINES = 500  # between two restarts
# A trade that is late by minutes ends a hole that began with the trade before it,
# which may be as old again: bars of that time must be within the window.
ARGS = ("--resolutions", ",".join(barfleet.RESOLUTIONS), "--fill",
        "--correction-window", "1h", "--throttle", "1ms")


@pytest.mark.parametrize("seed", range(RUNS))
def test_one_instance_restarted_at_every_500th_line(tool, redis_server, seed):
    rng = barfleet.seeded(seed)
    symbols = ["XRPETH"]
    ledger = Ledger(redis_server, symbols)
    stream = Stream(tool, redis_server,
                    barfleet.trades(symbols, rng, shuffled=seed > 0))
    fleet = Fleet(tool, redis_server, 1, *ARGS)
    while stream.write(LINES):
        if rng.random() < 0.5:
            stream.taken(fleet)  # exactly at that line
        else:
            barfleet.pause(rng)  # somewhere before
        if rng.random() < 0.5:
            fleet.kill_all()
        else:
            fleet.leave(0)
        fleet.join()
        ledger.listen()
    stream.end()
    stream.taken(fleet)
    fleet.end()
    ledger.listen_to_the_end()
    assert fleet.started > len(stream.lines) // LINES
    ledger.assert_consistent(repeats=False)
    ledger.assert_reference()


def change(fleet, frozen, rng):
    """One instance comes, goes, dies, hangs or wakes up."""
    what = rng.choice(["join", "kill", "leave", "freeze", "thaw"])
    i = rng.randrange(len(fleet.members))
    awake = [m for m in fleet.members if m not in frozen]
    if what == "thaw" and frozen:
        frozen.pop(rng.randrange(len(frozen))).signal(signal.SIGCONT)
    elif what == "freeze" and len(awake) > 1:
        frozen.append(rng.choice(awake))
        frozen[-1].signal(signal.SIGSTOP)
    elif what == "kill" and fleet.members[i] not in frozen:
        fleet.kill(i)
    elif what == "leave" and fleet.members[i] not in frozen:
        fleet.leave(i)
    if what == "join" and len(fleet.members) < 5 or \
            len(fleet.members) - len(frozen) < 2:
        fleet.join()


@pytest.mark.parametrize("seed", range(RUNS))
def test_three_instances_that_come_and_go_die_and_hang(tool, redis_server,
                                                       seed):
    rng = barfleet.seeded(1000 + seed)
    # In three shards, so that each may be another's.
    symbols = ["XRPETH", "ABC", "DEF"]
    ledger = Ledger(redis_server, symbols)
    stream = Stream(tool, redis_server,
                    barfleet.trades(symbols, rng, shuffled=seed > 0))
    fleet = Fleet(tool, redis_server, 3, *ARGS)
    frozen = []
    while stream.write(LINES * 4):
        # Long enough, now and then, for leases to end.
        stream.journaled()
        barfleet.pause(rng, 0.7)
        change(fleet, frozen, rng)
        ledger.listen()
    for member in frozen:
        member.signal(signal.SIGCONT)
    stream.end()
    stream.taken(fleet)
    fleet.end()
    ledger.listen_to_the_end()
    ledger.assert_consistent(repeats=False)
    ledger.assert_reference()
