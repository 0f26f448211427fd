"""The machine's load: what others took while something was measured.

The time in which no processor was idle, less what the hypervisor took, less
what the bench itself and its own processes used, is what others used.  Idle
time is taken and not the busy columns of /proc/stat: those count whole ticks,
and a process that runs for less than a tick at a time is hardly in them.
"""
import os
import platform
import resource
import time

from row import Load

TICK = os.sysconf("SC_CLK_TCK")


def parse_stat(text):
    """(idle, steal) seconds of all processors from /proc/stat."""
    for line in text.splitlines():
        if line.startswith("cpu "):
            ticks = [int(x) for x in line.split()[1:]]
            return (ticks[3] + ticks[4]) / TICK, ticks[7] / TICK
    raise ValueError("no line 'cpu' in /proc/stat")


def parse_process(text):
    """CPU seconds of /proc/PID/stat with those of children it waited for."""
    # The name may hold blanks and brackets: count from its last bracket.
    fields = text.rsplit(")", 1)[1].split()
    return sum(int(x) for x in fields[11:15]) / TICK


def others_share(wall, processors, idle, steal, own):
    """Percent of one processor that others used in `wall` seconds."""
    busy = wall * processors - idle - steal
    return max(0.0, 100 * (busy - own) / wall)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def children_of(pid):
    return [int(c) for t in tasks(pid)
            for c in read(f"/proc/{pid}/task/{t}/children").split()]


def tasks(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def tree_cpu(pid):
    """CPU seconds of a process that runs, with all that it started."""
    stat = read(f"/proc/{pid}/stat")
    return (parse_process(stat) if stat else 0) + sum(
        tree_cpu(child) for child in children_of(pid))


def own_cpu(running):
    """CPU seconds of the bench and of every process that it started."""
    done = [resource.getrusage(who) for who in (resource.RUSAGE_SELF,
                                                resource.RUSAGE_CHILDREN)]
    return (sum(u.ru_utime + u.ru_stime for u in done) +
            sum(tree_cpu(pid) for pid in running))


class Meter:
    """From here on; stop() says what the machine did meanwhile."""

    def __init__(self, running):
        self.running = running
        self.average = float(read("/proc/loadavg").split()[0])
        self.idle, self.steal = parse_stat(read("/proc/stat"))
        self.own = own_cpu(running())
        self.at = time.monotonic()

    def stop(self):
        wall = time.monotonic() - self.at
        idle, steal = parse_stat(read("/proc/stat"))
        own = own_cpu(self.running()) - self.own
        others = others_share(wall, os.cpu_count() or 1, idle - self.idle,
                              steal - self.steal, own)
        return Load(self.average, round(others, 1),
                    round(100 * (steal - self.steal) / wall, 1))


def describe():
    """What the figures were measured on, for people and for --compare."""
    model = ""
    for line in read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"processor": model or platform.machine(),
            "processors": os.cpu_count() or 1, "kernel": platform.release()}
