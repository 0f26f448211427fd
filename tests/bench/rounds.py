"""Rounds: every side once a round, one after the other, the load beside them."""
import os
import subprocess
import tempfile

from machine import Meter
from process import Server, free_port, run, running_pids, LOAD
from report import row_lines
from row import Row


class Rounds:
    """The samples of each side and the load, round by round."""

    def __init__(self):
        self.samples = []
        self.loads = []

    def of(self, side, figure):
        return [sample[side][figure] for sample in self.samples]

    def faults(self, *sides):
        """What a side did not do; such a row compares different work."""
        return [f"{side}: {text}" for sample in self.samples for side in sides
                for text in sample[side].get("faults", [])]


def interleave(sides, count):
    """`sides` is {name: function that measures once}.  Every other round goes
    backwards, so that a machine that slows down slows both alike."""
    rounds = Rounds()
    for i in range(count):
        meter = Meter(running_pids)
        names = list(sides)
        sample = {name: sides[name]()
                  for name in (names if i % 2 == 0 else reversed(names))}
        rounds.samples.append(sample)
        rounds.loads.append(meter.stop())
    return rounds


class Bench:
    """Options, input files and the rows so far."""

    def __init__(self, args, out=print):
        self.args = args
        self.out = out
        self.rows = []
        self.dir = tempfile.TemporaryDirectory(prefix="tickwire-bench-")
        self.files = {}

    def tool(self, name):
        return os.path.join(self.args.bin, name)

    def ref(self, name):
        return os.path.join(self.args.ref, name)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def ticks(self, lines, *options):
        """A file of that many ticks: 100 symbols unless `options` say more."""
        key = (lines,) + options
        if key not in self.files:
            path = self.path(f"ticks-{len(self.files)}.ndjson")
            with open(path, "wb") as f:
                subprocess.run([self.ref("gen_ticks"), "-n", str(lines),
                                *options], stdout=f, check=True)
            self.files[key] = path
        return self.files[key]

    def redis(self):
        port = free_port()
        server = Server(["redis-server", "--port", str(port), "--bind",
                         "127.0.0.1", "--save", "", "--appendonly", "no",
                         "--dir", self.dir.name,
                         "--client-output-buffer-limit",
                         "pubsub 256mb 128mb 60"], LOAD, port)
        server.port = port
        return server

    def interleave(self, sides, count=None):
        return interleave(sides, count or self.args.rounds)

    def add(self, spec, rounds, ours, theirs, sends, **more):
        """`ours` and `theirs` are lists of a figure a round."""
        row = Row(spec, sends, ours, theirs, rounds.loads, **more)
        self.rows.append(row)
        for line in row_lines(row, self.args.busy):
            self.out(line)


def redis_cli(port, *words):
    return run(["redis-cli", "-p", str(port), *words], LOAD)
