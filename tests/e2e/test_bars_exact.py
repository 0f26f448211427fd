"""Real trades with fills, shuffled and doubled, through instances that are
stopped and killed all the time: every bar is exact, and said once.

Twenty runs; `make soak-bars` has two hundred (TW_BARS_RUNS).
"""
import os

import pytest

import barfleet
from barfleet import Fleet, Ledger, Stream

RUNS = int(os.environ.get("TW_BARS_RUNS", "20"))
LINES = 500  # between two restarts
ARGS = ("--resolutions", ",".join(barfleet.RESOLUTIONS), "--fill",
        "--correction-window", "5m", "--throttle", "1ms")


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
            fleet.kill(0)
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
