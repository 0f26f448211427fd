"""Twenty attackers beside two hundred ordinary clients: `make soak-hostile`
(SOAK_ATTACK_SECONDS=60, SOAK_ATTACK_ORDER=BAAB).

The gateway A serves the ordinary.  The attackers are aimed at a second one on
the same machine (B) and at A by turns, each time with the same strength, so that
what differs is what A does for attackers and not what the machine has left.
"""
import os
import threading

import gates
import loadtools
from testbed import wait_until

SECONDS = float(os.environ.get("SOAK_ATTACK_SECONDS", "60"))
ORDER = os.environ.get("SOAK_ATTACK_ORDER", "BAAB")
CLIENTS = ("named:100", "wild:20", "interval:30", "stock:20", "slow:20",
           "comer:10")
RATE = 2000
P99_RATIO = 1.5
# Of a gateway under attack.  Each of the attackers' 100 connections that read
# too little may be owed 1 MiB of answers (docs/protocol.md), an address has up to
# 65,536 channels, of about 1 KiB with their subscription, and the log has 16 MiB.
RSS_MAX = (100 + 2 * 64 + 16 + 32) << 20


class Peak(threading.Thread):
    """The largest resident size of a tool while this runs."""

    def __init__(self, tool):
        super().__init__(daemon=True)
        self.tool, self.bytes = tool, 0
        self._end = threading.Event()
        self.start()

    def run(self):
        while not self._end.wait(0.1):
            self.bytes = max(self.bytes, self.tool.rss_bytes())

    def stop(self):
        self._end.set()
        self.join()
        return self.bytes


class Slice:
    """What the ordinary saw while attackers were aimed at `target`."""

    def __init__(self, name, neighbour, a, target):
        cpu = a.tool.cpu_seconds()
        neighbour.slice("between")
        peak = Peak(a.tool)
        attackers = loadtools.Attackers(target, SECONDS)
        self.report = attackers.report()
        self.name, self.seen = name, neighbour.slice(name)
        self.rss = peak.stop()
        self.cpu = (a.tool.cpu_seconds() - cpu) / self.seen["seconds"]
        self.newest_ms = neighbour.all_have_the_newest()

    @property
    def p99(self):
        return self.seen["latency"]["p99"]

    def print(self):
        seen = self.seen
        print("\n%s: attackers at %s for %.0f s" % (
            self.name, self.name[0], seen["seconds"]))
        print("  ordinary: %d updates published, %d messages received, "
              "%d conflated of those who read, %d cut, %d refused, %d denied, "
              "%d newcomers late, longest silence %d ms %s" % tuple(
                  seen[k] for k in ("published", "received", "missed", "cut",
                                    "refused", "denied", "late", "silence_ms",
                                    "first_fault")))
        for what in ("latency", "ping", "arrival"):
            print("  %s us: %s" % (what, " ".join(
                "%s %d" % kv for kv in seen[what].items())))
        print("  A: %.0f %% of a processor, %.1f MiB resident at most; all had "
              "the newest %d ms after the end; load tool %.0f %%" % (
                  100 * self.cpu, self.rss / (1 << 20), self.newest_ms,
                  100 * seen["own_cpu"] / seen["seconds"]))
        print(loadtools.report_text(self.report))

    def harmed_nobody(self):
        seen = self.seen
        assert seen["cut"] == seen["refused"] == seen["denied"] == 0, seen
        assert seen["late"] == 0 and seen["arrival"]["count"] > 0, seen
        assert seen["older"] == 0, seen
        assert seen["missed"] < seen["received"] / 1000, seen
        assert seen["silence_ms"] < 1000, seen
        # 2,000 a second were published, and those who read had them all.
        assert seen["published"] > 0.9 * RATE * seen["seconds"], seen
        for kind in self.report:
            assert kind["acts"] > 0, kind


def test_nobody_notices_a_hostile_neighbour(redis_server, tool):
    a = gates.Gate(tool, "--no-limit", redis=redis_server)
    b = gates.Gate(tool, "--no-limit", redis=redis_server)
    loadtools.share_out([a.tool.pid, b.tool.pid], loadtools.SERVERS)
    loadtools.share_out([redis_server.proc.pid, 0], loadtools.LOAD)
    neighbour = loadtools.Neighbour(a, redis_server, "-R", RATE, *CLIENTS)
    slices = []
    try:
        for i, where in enumerate(ORDER):
            slices.append(Slice("%s%d" % (where, i), neighbour, a,
                                a if where == "A" else b))
            slices[-1].print()
    finally:
        neighbour.close()
        loadtools.share_out([0], range(os.cpu_count()))
    of = {w: [s for s in slices if s.name[0] == w] for w in "AB"}
    mean = {w: sum(s.p99 for s in of[w]) / len(of[w]) for w in "AB"}
    print("\np99 %.0f us with the attackers at A, %.0f us at B: ratio %.2f" % (
        mean["A"], mean["B"], mean["A"] / mean["B"]))
    for s in slices:
        s.harmed_nobody()
    assert max(s.rss for s in slices) < RSS_MAX
    assert mean["A"] <= P99_RATIO * mean["B"], mean
    # And it is over when they have gone.
    wait_until(lambda: a.metric("connections") == 0, 20, "all have gone")
    a.counters_add_up()
