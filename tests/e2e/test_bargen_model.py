"""400 random streams: bargen's bars are those of a plain model (barmodel.py),
every value, revision, fill and flag."""
import os

import pytest

from barstreams import Case

# Of 20 streams each; `make soak-streams` runs more.
CASES = int(os.environ.get("TW_BAR_STREAMS", "400")) // 20
FIRST = int(os.environ.get("TW_BAR_SEED", "0")) * 1000000


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CASES))
def test_bars_are_those_of_the_model(seed):
    wrong, _ = Case(seed).differences()
    assert not wrong, "\n".join(wrong)


def test_the_streams_hold_what_may_go_wrong():
    """A model that agrees about nothing but plain trades would say little."""
    kinds = dict.fromkeys(("fill", "gap", "partial", "corrected", "unfinished",
                           "quotes", "filled anew"), 0)
    counts = dict.fromkeys(("duplicates", "late", "revisions"), 0)
    for seed in range(20):
        case = Case(seed)
        for messages in case.run().values():
            for bar in (m["bar"] for m in messages):
                fill = bar.get("fill", False)
                kinds["fill"] += fill
                kinds["gap"] += bar.get("gap", False)
                kinds["partial"] += bar.get("partial", False)
                kinds["corrected"] += bar["rev"] > 0
                kinds["unfinished"] += not bar["final"]
                kinds["quotes"] += bar["volume"] == bar["count"] > 0
                kinds["filled anew"] += fill and bar["rev"] > 0
        for name in counts:
            counts[name] += case.counts[name]
    rare = {k: v for k, v in {**kinds, **counts}.items() if v < 50}
    assert not rare
