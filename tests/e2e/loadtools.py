"""The load tools as processes: ordinary clients and those who attack.

Both are of tests/tools (neighbour.c, attacker.c), which say what they do.
"""
import json
import os
import select
import subprocess
import time

import pytest

from testbed import clean_env, deadline, testtool_path

SERVERS, LOAD = {0}, {1}


def share_out(pids, cpus):
    """Where there are two processors, servers have one and load the other."""
    if os.cpu_count() == 2:
        for pid in pids:
            os.sched_setaffinity(pid, cpus)


class Load:
    """A load tool; what it writes, line by line."""

    def __init__(self, name, *args, nice=0):
        argv = [str(testtool_path(name)), *map(str, args)]
        self.proc = subprocess.Popen(
            ["nice", "-n", str(nice), *argv], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=clean_env(), bufsize=0)
        self._out = b""

    def line(self, seconds):
        """The next line, as JSON; None at the end of its output."""
        end = time.monotonic() + seconds
        while b"\n" not in self._out:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [],
                                              left)[0]:
                pytest.fail("%s said nothing for %.0f s" %
                            (self.proc.args[3], seconds))
            data = os.read(self.proc.stdout.fileno(), 1 << 16)
            if not data:
                return None
            self._out += data
        line, _, self._out = self._out.partition(b"\n")
        return json.loads(line)

    def close(self):
        """Ends it by the end of its input; its exit status."""
        self.proc.stdin.close()
        try:
            return self.proc.wait(deadline(10))
        finally:
            if self.proc.poll() is None:
                self.proc.kill()
                self.proc.wait()
            self.proc.stdout.close()


class Neighbour(Load):
    """Ordinary clients; every one is right once this is there."""

    def __init__(self, gate, redis_server, *args):
        super().__init__("neighbour", "-p", gate.port, "-r",
                         redis_server.port, *args)
        self.opened = self.line(deadline(70))
        assert self.opened and self.opened["wrong"] == 0, self.opened

    def ask(self, command, seconds=70):
        self.proc.stdin.write(command.encode() + b"\n")
        return self.line(deadline(seconds))

    def slice(self, name):
        return self.ask("slice " + name, 10)

    def all_have_the_newest(self):
        """Publishes one of everything; milliseconds until all have it."""
        got = self.ask("check")
        assert got["wrong"] == 0, got
        return got["check"]


class Attackers(Load):
    """Twenty of them, for some seconds."""

    def __init__(self, gate, seconds, scale=1.0, kinds=()):
        more = [w for k in kinds for w in ("-k", k)]
        # What is left of the processor: the ordinary are measured.
        super().__init__("attacker", "-p", gate.port, "-d", seconds, "-x",
                         scale, *more, nice=5)
        self.seconds = seconds

    def report(self):
        """What each kind did, once they have ended."""
        out = []
        while True:
            line = self.line(self.seconds + deadline(10))
            if line is None:
                break
            out.append(line)
        assert self.close() == 0
        return out


def report_text(report):
    """A table for people."""
    lines = ["%-24s %9s %9s %9s %9s %9s %9s %9s" % (
        "kind", "acts", "MB sent", "connects", "refused", "ended", "held",
        "MB back")]
    for k in report:
        lines.append("%-24s %9d %9.1f %9d %9d %9d %9d %9.1f" % (
            k["kind"], k["acts"], k["sent"] / 1e6, k["connects"],
            k["refused"], k["ended"], k["held"], k["received"] / 1e6))
    return "\n".join(lines)


def let_run(seconds):
    """The load goes on; what is measured is measured over this time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(1, end - time.monotonic()))
