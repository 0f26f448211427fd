"""Of 2,000 clients one in a hundred stops to read for half a minute, and comes
back: `make soak-hostile` (SOAK_STALL_SECONDS=30).
"""
import os
import statistics

import gates
import loadtools
from testbed import wait_until

SECONDS = float(os.environ.get("SOAK_STALL_SECONDS", "30"))
CHANNELS, RATE = 500, 1000
STALLED = 20
CLIENTS = ("named:1960", "tape:%d" % STALLED, "comer:20")
HELD_MAX = 64 << 10  # bytes, each of those who do not read
P99_RATIO = 1.10
PAIRS = (3, 7)  # at least, at most: one pair says little on a busy machine


def most_in_a_socket(port):
    """Bytes that wait in the kernel for one client of this port, at most."""
    ours = ":%04X" % port
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f]
    return max(int(row[4].split(":")[0], 16) for row in rows[1:]
               if row[1].endswith(ours))


def harmed_nobody(seen):
    assert seen["cut"] == seen["refused"] == seen["denied"] == 0, seen
    assert seen["late"] == seen["older"] == 0, seen
    assert seen["arrival"]["count"] > 0, seen
    assert seen["silence_ms"] < 5000, seen  # a channel has two a second


def describe(seen):
    return "latency us %s; %d conflated of those who read; own %.0f %%" % (
        " ".join("%s %d" % kv for kv in seen["latency"].items()),
        seen["missed"], 100 * seen["own_cpu"] / seen["seconds"])


class Field:
    """The clients, and a feed that goes on whatever they do."""

    def __init__(self, redis_server, tool):
        # A small log has been written round before anybody is measured.
        self.g = gates.Gate(tool, "--max-per-address", "5000", "--log-size",
                            "1MiB", redis=redis_server)
        loadtools.share_out([self.g.tool.pid], loadtools.SERVERS)
        loadtools.share_out([redis_server.proc.pid, 0], loadtools.LOAD)
        self.neighbour = loadtools.Neighbour(
            self.g, redis_server, "-R", RATE, "-C", CHANNELS, *CLIENTS)

    def slice(self, name):
        self.neighbour.slice("between")
        loadtools.let_run(SECONDS)
        seen = self.neighbour.slice(name)
        print("%s: %s" % (name, describe(seen)))
        harmed_nobody(seen)
        return seen["latency"]["p99"]

    def stalled(self):
        g = self.g
        conflated = g.metric("messages_conflated_total", reason="behind")
        rss = g.tool.rss_bytes()
        self.neighbour.ask("stall")
        wait_until(lambda: g.metric("connections_behind") >= STALLED, 60,
                   "what the kernel takes for them is full", every=0.2)
        p99 = self.slice("twenty do not read")
        grown = g.tool.rss_bytes() - rss
        assert g.metric("connections_behind") >= STALLED
        queued = g.metric("messages_queued")
        in_kernel = most_in_a_socket(g.port)
        assert queued > 0
        g.counters_add_up()
        self.neighbour.ask("resume")
        newest_ms = self.neighbour.all_have_the_newest()
        wait_until(lambda: g.metric("connections_behind") == 0, 10,
                   "all have caught up")
        # A client keeps a place in the log that all share, not what is in it.
        held = in_kernel + max(0, grown) // STALLED
        print("  %d messages were owed; held for one, %d bytes (%d of them in "
              "its socket); all had the newest after %d ms" % (
                  queued, held, in_kernel, newest_ms))
        assert held <= HELD_MAX
        assert g.metric("messages_conflated_total",
                        reason="behind") > conflated
        g.counters_add_up()
        return p99


def test_those_who_stop_reading_cost_nobody_anything(redis_server, tool):
    field = Field(redis_server, tool)
    ratios = []
    try:
        field.slice("to warm up")
        while len(ratios) < PAIRS[0] or (
                len(ratios) < PAIRS[1] and
                statistics.median(ratios) > P99_RATIO):
            without = field.slice("all read")
            ratios.append(field.stalled() / without)
            print("  p99 with them / without: %.2f" % ratios[-1])
    finally:
        field.neighbour.close()
        loadtools.share_out([0], range(os.cpu_count()))
    print("median ratio of %d pairs: %.2f" % (len(ratios),
                                             statistics.median(ratios)))
    assert statistics.median(ratios) <= P99_RATIO, ratios
    assert field.g.metric("closes_total", code="4101") == 0
