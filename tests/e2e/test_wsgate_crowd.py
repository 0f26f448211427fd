"""Clients that lose their connections together and come back together, under
load (tests/soak/hostile/test_all_at_once.py: ten thousand).

Each has ten channels; half of all channels are silent, so that what they last
said has to come from what is remembered.
"""
import pytest

import harness
import loadtools

CLIENTS, CHANNELS, SILENT = 400, 60, 30
RIGHT_MS = 5000


@pytest.fixture
def crowd(redis_server, gate):
    g = gate(redis=redis_server)
    n = loadtools.Neighbour(g, redis_server, "-R", 50, "-C", CHANNELS, "-q",
                            SILENT, "-c", "named:%d" % CLIENTS)
    yield g, n
    n.close()


def reads(server):
    """How often Redis was asked what it remembers of a channel."""
    stats = server.client().info("commandstats")
    return sum(stats.get("cmdstat_" + name, {}).get("calls", 0)
               for name in ("hgetall", "hget", "hmget"))


def test_a_crowd_that_comes_back_at_once_is_right_in_time(redis_server, crowd):
    g, n = crowd
    before = reads(redis_server)
    back = n.ask("reconnect")
    assert back["wrong"] == 0, back
    assert back["reconnect"] <= harness.deadline(RIGHT_MS)
    assert reads(redis_server) - before <= CHANNELS
    seen = n.slice("end")
    assert seen["cut"] == seen["refused"] == seen["denied"] == 0, seen
    assert seen["older"] == 0, seen
    g.counters_add_up()


def test_a_crowd_finds_a_new_gateway_and_is_right_in_time(redis_server, crowd,
                                                          tool):
    g, n = crowd
    before = reads(redis_server)
    g.tool.kill()
    g.tool = tool("wsgate", *g.tool.argv[1:-2]).wait_ready()
    back = n.ask("wait")
    assert back["wrong"] == 0, back
    assert back["wait"] <= harness.deadline(RIGHT_MS)
    assert 0 < reads(redis_server) - before <= CHANNELS
    seen = n.slice("end")
    assert seen["denied"] == 0 and seen["cut"] == CLIENTS, seen
    g.counters_add_up()
