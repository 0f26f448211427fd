"""Attackers at a gateway with ordinary clients: for seconds what `make
soak-hostile` does for minutes, each kind alone and all at once.

Nobody of the ordinary is cut, refused or mute, and a ping is answered.  How much
later they are than beside attackers aimed elsewhere, only a quiet machine can
say: the soak does.
"""
import pytest

import harness
import loadtools

CLIENTS = ("named:16", "wild:4", "interval:4", "stock:4", "slow:4", "comer:6")
PING_MAX_S = 0.3
TRIES = 3
KINDS = ("doubled names", "channels of numbers", "new names", "new wildcards",
         "new intervals", "subscribe, unsubscribe", "pipelined /metrics",
         "pipelined scans", "idle keep-alive", "connects", "bad requests",
         "slow headers", "1 MB headers", "bad frames", "requests of no kind",
         "resets", "readers at 0 B/s", "readers at 1 KB/s", "fragments",
         "pings")


def attack(g, redis_server, seconds, **how):
    """What the ordinary saw, and what the attackers did."""
    neighbour = loadtools.Neighbour(g, redis_server, "-R", 200, *CLIENTS)
    try:
        neighbour.slice("before")
        report = loadtools.Attackers(g, seconds, **how).report()
        seen = neighbour.slice("attacked")
        neighbour.all_have_the_newest()
    finally:
        neighbour.close()
    return seen, report


def nobody_is_cut(seen, text):
    assert seen["cut"] == seen["refused"] == seen["denied"] == 0, text
    assert seen["late"] == seen["older"] == 0, text
    assert seen["arrival"]["count"] > 0, text
    assert seen["ping"]["count"] > 0, text


def is_prompt(seen):
    longest = harness.deadline(PING_MAX_S) * 1e6
    return max(seen["ping"]["max"], seen["silence_ms"] * 1000) < longest


def nobody_notices(*args, **how):
    """Where the machine itself stands still, another try tells."""
    for _ in range(TRIES):
        seen, report = attack(*args, **how)
        text = "%r\n%s" % (seen, loadtools.report_text(report))
        print(text)
        assert all(kind["acts"] > 0 for kind in report), text
        nobody_is_cut(seen, text)
        if is_prompt(seen):
            return
    pytest.fail("slow in each of %d tries: %s" % (TRIES, text))


@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_clients_do_not_notice(redis_server, gate, kind):
    g = gate("--no-limit", redis=redis_server)
    nobody_notices(g, redis_server, 2.5, kinds=[kind])
    g.counters_add_up()


def test_ordinary_clients_do_not_notice_all_at_once(redis_server, gate):
    g = gate("--no-limit", redis=redis_server)
    nobody_notices(g, redis_server, 8, scale=0.2)
    harness.wait_until(lambda: g.metric("connections") == 0, 20,
                       "all have gone")
    g.counters_add_up()
