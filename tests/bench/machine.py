"""The machine's load: what others took while something was measured.

Two ways, and the larger answer.  The CPU of every process that is not ours, as
far as it can be seen; and the time in which no processor was idle, less what is
ours, the kernel's threads' and the hypervisor's.  The second also sees what runs
in other containers, but counts interrupts and the way out of idleness as
others', which is much where processes wake thousands of times a second: so much
of it as goes with our own work is left out.  (The busy columns of /proc/stat
would not do: they count whole ticks, and a process that runs for less than a
tick at a time is hardly in them.)
"""
import os
import platform
import resource
import time

from row import Load

TICK = os.sysconf("SC_CLK_TCK")
KTHREADD = 2
# Interrupts and switches, as a share of the CPU time of what they are for.
SWITCHING = 0.2


def parse_stat(text):
    """(idle, steal) seconds of all processors from /proc/stat."""
    for line in text.splitlines():
        if line.startswith("cpu "):
            ticks = [int(x) for x in line.split()[1:]]
            return (ticks[3] + ticks[4]) / TICK, ticks[7] / TICK
    raise ValueError("no line 'cpu' in /proc/stat")


def parse_process(text):
    """(parent, CPU seconds) of /proc/PID/stat, with those of the children that
    it waited for: a process that ends is not lost, its parent has it."""
    # The name may hold blanks and brackets: count from its last bracket.
    fields = text.rsplit(")", 1)[1].split()
    return int(fields[1]), sum(int(x) for x in fields[11:15]) / TICK


def others_share(wall, processors, idle, own, kernel, seen):
    """Percent of one processor that others used in `wall` seconds; `idle` is
    what was left idle or taken by the hypervisor, `seen` the CPU seconds of
    the processes that are not ours."""
    left = wall * processors - idle - own - kernel
    return 100 * max(0.0, seen, left - SWITCHING * own) / wall


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def run_seconds(pid):
    """Of the first thread of a process that runs, to the nanosecond."""
    return int(read(f"/proc/{pid}/schedstat").split()[0]) / 1e9


def cpu_seconds(pid):
    """Of a process that runs."""
    return parse_process(read(f"/proc/{pid}/stat"))[1]


def tasks(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def children_of(pid):
    return [int(c) for t in tasks(pid)
            for c in read(f"/proc/{pid}/task/{t}/children").split()]


def tree(pid):
    return [pid] + [p for child in children_of(pid) for p in tree(child)]


def snapshot(running):
    """CPU seconds so far: ours (this script, `running` with all that they
    started, and what has ended of them), the kernel's threads', others'."""
    ours = {p for pid in running for p in tree(pid)}
    done = [resource.getrusage(who) for who in (resource.RUSAGE_SELF,
                                                resource.RUSAGE_CHILDREN)]
    own, kernel, others = sum(u.ru_utime + u.ru_stime for u in done), 0, 0
    for name in os.listdir("/proc"):
        stat = read(f"/proc/{name}/stat") if name.isdigit() else ""
        if not stat or int(name) == os.getpid():
            continue
        parent, cpu = parse_process(stat)
        if int(name) in ours:
            own += cpu
        elif KTHREADD in (int(name), parent):
            kernel += cpu
        else:
            others += cpu
    return own, kernel, others


class Meter:
    """From here on; stop() says what the machine did meanwhile."""

    def __init__(self, running):
        self.running = running
        self.average = float(read("/proc/loadavg").split()[0])
        self.before = snapshot(running())
        self.idle, self.steal = parse_stat(read("/proc/stat"))
        self.at = time.monotonic()

    def stop(self):
        wall = time.monotonic() - self.at
        idle, steal = parse_stat(read("/proc/stat"))
        idle, steal = idle - self.idle, steal - self.steal
        used = [now - then for then, now in zip(self.before,
                                                snapshot(self.running()))]
        others = others_share(wall, os.cpu_count() or 1, idle + steal, *used)
        return Load(self.average, round(others, 1),
                    round(100 * steal / wall, 1))


def describe():
    """What the figures were measured on, for people and for --compare."""
    model = ""
    for line in read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"processor": model or platform.machine(),
            "processors": os.cpu_count() or 1, "kernel": platform.release()}
