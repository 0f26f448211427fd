"""The WebSocket load client: start it, read what it says."""
import re

from figures import parse_histogram, percentile
from machine import read
from process import LOAD, number, run

# What a side may miss of the messages times clients: those in flight when the
# measurement began and ended.
COMPLETE = 0.98


def parse(text):
    """The figures of one line of wsload."""
    # Where every client was lost nothing was timed: zero, and a fault.
    text = re.sub(r"-?(nan|inf)\b", "0", text)
    rate = number(r"deliv (\d+)/s", text)
    published = number(r"published (\d+)/s", text)
    clients = number(r"conns (\d+)", text)
    out = {"rate": rate / 1e6, "published": published, "clients": clients,
           "cpu": number(r"% ([\d.]+) s/M", text),
           "bytes": number(r"([\d.]+) MB/s", text) * 1e6 / max(rate, 1)}
    out["kib"] = number(r"rss (\d+) KiB", text)
    stalled = re.search(r"stalled \d+ kernel (\d+) B", text)
    out["kernel"] = int(stalled.group(1)) if stalled else 0
    out["faults"] = faults(text, rate, published, clients)
    return out


def faults(text, rate, published, clients):
    found = []
    for what in ("closed", "fail", "lost"):
        count = int(number(rf"\b{what} (\d+)", text))
        if count:
            found.append(f"{what} {count}")
    window = int(number(r"win (\d+)", text))
    # A closed loop publishes what was delivered; only an open one can tell.
    if not window and rate < COMPLETE * published * clients:
        found.append(f"delivered {100 * rate / (published * clients or 1):.0f}"
                     " % of what was published")
    if rate == 0:
        found.append("delivered nothing")
    elif number(r"% ([\d.]+) s/M", text) == 0:
        found.append("its CPU time was not seen")
    return found


def wsload(bench, port, path, pids, options, cpu=LOAD, **popen):
    """One run against a server that listens; the figures of parse(), with the
    latencies where the rate is fixed."""
    samples = bench.path("latencies")
    argv = [bench.ref("wsload"), "-p", str(port), "-u", path]
    for pid in pids:
        argv += ["-S", str(pid)]
    fixed = "-r" in options
    text = run(argv + options + (["-H", samples] if fixed else []), cpu,
               **popen)
    if bench.args.verbose:
        bench.out("    " + text.strip())
    out = parse(text)
    if fixed:
        out["latencies"] = parse_histogram(read(samples))
        out["p50"] = percentile(out["latencies"], 0.5)
        out["p99"] = percentile(out["latencies"], 0.99)
    return out


def seconds(bench):
    """Options for how long: warm-up, then what is measured."""
    return ["-w", f"{min(0.5, bench.args.seconds / 2):g}", "-d",
            f"{bench.args.seconds:g}"]
