"""10,000 clients lose their connections together and come back together, under
load: `make soak-hostile` (SOAK_CROWD=10000).

Each has ten channels; half of all channels are silent, so that what they last
said has to come from what is remembered.
"""
import os
import resource

import pytest

import gates
import harness
import loadtools

CROWD = int(os.environ.get("SOAK_CROWD", "10000"))
CHANNELS, SILENT, RATE = 200, 100, 100
RIGHT_MS = 5000
ROUNDS = 3


@pytest.fixture(autouse=True)
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CROWD + 1000:
        pytest.skip("needs %d descriptors, may have %d" % (CROWD + 1000, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def crowd(redis_server, tool):
    g = gates.Gate(tool, "--max-per-address", CROWD + 100, redis=redis_server)
    loadtools.share_out([g.tool.pid], loadtools.SERVERS)
    loadtools.share_out([redis_server.proc.pid, 0], loadtools.LOAD)
    n = loadtools.Neighbour(g, redis_server, "-R", RATE, "-C", CHANNELS, "-q",
                            SILENT, "-c", "named:%d" % CROWD)
    yield g, n
    n.close()
    loadtools.share_out([0], range(os.cpu_count()))


def reads(server):
    """How often Redis was asked what it remembers of a channel."""
    stats = server.client().info("commandstats")
    return sum(stats.get("cmdstat_" + name, {}).get("calls", 0)
               for name in ("hgetall", "hget", "hmget"))


class Measured:
    """Reads, and the gateway's processor time, from here on."""

    def __init__(self, server, g):
        self.server, self.g = server, g
        self.reads, self.cpu = reads(server), g.tool.cpu_seconds()

    def read(self):
        return reads(self.server) - self.reads

    def print(self, ms):
        print("%d clients were right after %d ms (%.2f s of the gateway's "
              "processor, load %.1f); %d reads of %d channels" % (
                  CROWD, ms, self.g.tool.cpu_seconds() - self.cpu,
                  os.getloadavg()[0], self.read(), CHANNELS))


def test_a_crowd_that_comes_back_at_once_is_right_in_time(redis_server, crowd):
    g, n = crowd
    for _ in range(ROUNDS):
        measured = Measured(redis_server, g)
        back = n.ask("reconnect")
        measured.print(back["reconnect"])
        assert back["wrong"] == 0, back
        assert back["reconnect"] <= harness.deadline(RIGHT_MS)
        assert measured.read() <= CHANNELS
    seen = n.slice("end")
    assert seen["cut"] == seen["refused"] == seen["denied"] == 0, seen
    g.counters_add_up()


def test_a_crowd_finds_a_new_gateway_and_is_right_in_time(redis_server, crowd,
                                                          tool):
    g, n = crowd
    g.tool.kill()
    g.tool = tool("wsgate", *g.tool.argv[1:-2])
    measured = Measured(redis_server, g)
    g.tool.wait_ready()
    loadtools.share_out([g.tool.pid], loadtools.SERVERS)
    back = n.ask("wait")
    measured.print(back["wait"])
    assert back["wrong"] == 0, back
    assert back["wait"] <= harness.deadline(RIGHT_MS)
    assert 0 < measured.read() <= CHANNELS
    seen = n.slice("end")
    assert seen["denied"] == 0 and seen["cut"] == CROWD, seen
    g.counters_add_up()
