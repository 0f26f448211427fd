"""Rows of two builds of tickwire beside each other: has a change cost speed?

`--base DIR` names the tools of the other build.  Both sides do the same work,
so a ratio below 1 is what the change costs.
"""
import copy
import os
import re
import time
import urllib.request

import machine
from chain import sampler as chain_sampler
from chain import LINE, RATE
from fanout import CHANNEL, FIXED, MESSAGE, SATURATED, idle_sample, wsgate
from fanout import sampler as fan_sampler
from intoredis import LINES_MAX
from intoredis import sampler as redis_sampler
from lines import bargen_argv, per_second
from load import seconds
from process import Failure, Server, filter_file, free_port
from rounds import redis_cli
from row import Spec

OTHER = "the other build"
QUESTIONS = 1000000
QUESTIONS_REDIS = 200000
KEYS = 1000
JOURNAL_LINES = 1000000
JOURNAL_MAX_S = 60


def spec(key, title, unit="us each", more_is_better=False, digits=3):
    return Spec(f"build-{key}", title, unit, "CPU", OTHER, more_is_better,
                digits, readme=False)


TEE = spec("tee", "tickpub --no-redis --tee", "M lines/s", True)
INTO = spec("redis", "tickpub into Redis", "us/tick")
BATCH = spec("batch", "tickpub --batch into Redis", "us/tick")
BARS = {"1": spec("bars-1", "bargen --stdin, one resolution", "M lines/s",
                  True),
        "1,5,15,60,D": spec("bars-5", "bargen --stdin, five resolutions",
                            "M lines/s", True)}
JOURNAL = spec("journal", "bargen from the journal in Redis", "us/tick")
FAN = {(n, w): spec(f"fan-{n}-{w}",
                    f"wsgate, {n} clients, {w} in flight", "s/M deliveries")
       for n, w in SATURATED}
STEADY = {(n, r): spec(f"fixed-{n}-{r}",
                       f"wsgate, {r} msg/s to {n} clients", "s/M deliveries")
          for n, r in FIXED}
ACCEPT = spec("accept", "wsgate, connections accepted", "k/s", True, 1)
CHAIN = spec("chain", f"whole chain, {RATE} ticks/s", "s/M ticks", digits=2)
LIMIT = spec("limit", "ratelimitd --stdin --no-redis", "us/question")
LIMIT_REDIS = spec("limit-redis", "ratelimitd --stdin with Redis",
                   "us/question")


def sides(bench, make):
    """`make(bench)` with the tools of each build."""
    other = copy.copy(bench)
    other.args = copy.copy(bench.args)
    other.args.bin = os.path.abspath(bench.args.base)
    return {"ours": make(bench), "base": make(other)}


def compare(bench, row, make, figure, sends, count=None):
    rounds = bench.interleave(sides(bench, make), count)
    has_faults = "faults" in rounds.samples[0]["ours"]
    bench.add(row, rounds, rounds.of("ours", figure),
              rounds.of("base", figure), sends,
              faults=rounds.faults("ours", "base") if has_faults else [])


def lines(bench):
    path, n = bench.ticks(bench.args.lines), bench.args.lines
    compare(bench, TEE, lambda b: per_second(
        [b.tool("tickpub"), "--no-redis", "--tee", "--log-level", "error"],
        path, n), "rate", f"{n} lines of about 96 bytes from a file")
    for resolutions, row in BARS.items():
        compare(bench, row, lambda b, r=resolutions: per_second(
            bargen_argv(b, r), path, n), "rate", f"the same {n} lines")


def fill_journal(bench, port):
    redis_cli(port, "FLUSHALL")
    filter_file([bench.tool("tickpub"), "--redis",
                 f"redis://127.0.0.1:{port}", "--log-level", "error"],
                bench.ticks(JOURNAL_LINES))


def entries_read(port):
    """How many journal entries the bargen on this HTTP port has taken in."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics",
                                timeout=5) as r:
        found = re.search(rb"^tickwire_bargen_journal_entries_total (\d+)",
                          r.read(), re.M)
    return int(found.group(1)) if found else 0


def journal_sampler(bench, redis_port, entries):
    """From the beginning of a journal to its end."""
    def one():
        for key in redis_cli(redis_port, "--raw", "KEYS",
                             "bargen:state:*").split():
            redis_cli(redis_port, "DEL", key)
        port = free_port()
        with Server([bench.tool("bargen"), "--redis",
                     f"redis://127.0.0.1:{redis_port}", "--http",
                     f"127.0.0.1:{port}", "--price", "bid", "--log-level",
                     "error"], port=port) as server:
            end = time.monotonic() + JOURNAL_MAX_S
            while entries_read(port) < entries:
                if time.monotonic() > end or server.proc.poll() is not None:
                    raise Failure("bargen does not get to the journal's end")
                time.sleep(0.02)
            return {"us": machine.cpu_seconds(server.pid) / JOURNAL_LINES *
                    1e6}
    return one


def questions(bench, count):
    path = bench.path(f"questions-{count}.ndjson")
    if not os.path.exists(path):
        with open(path, "w", encoding="ascii") as f:
            for i in range(count):
                f.write(f'{{"id":{i},"rule":"api","key":"user-{i % KEYS}"}}\n')
    return path


def limit_sampler(bench, count, *options):
    def one():
        used = filter_file([bench.tool("ratelimitd"), "--stdin", "--log-level",
                            "error", *options], questions(bench, count))
        return {"us": used["cpu"] / count * 1e6}
    return one


def redis(bench):
    n = min(bench.args.lines, LINES_MAX)
    with bench.redis() as server:
        for row, options in ((INTO, ()), (BATCH, ("--batch",))):
            compare(bench, row, lambda b, o=options: redis_sampler(
                b, server.port, n, *o), "us", f"{n} ticks from a file")
        fill_journal(bench, server.port)
        entries = sum(int(redis_cli(server.port, "--raw", "XLEN", key))
                      for key in redis_cli(server.port, "--raw", "KEYS",
                                           "journal:*").split())
        compare(bench, JOURNAL, lambda b: journal_sampler(
            b, server.port, entries), "us",
            f"{JOURNAL_LINES} ticks in {entries} journal entries")


def limits(bench):
    compare(bench, LIMIT, lambda b: limit_sampler(b, QUESTIONS, "--no-redis"),
            "us", f"{QUESTIONS} questions about {KEYS} keys from a file")
    with bench.redis() as server:
        compare(bench, LIMIT_REDIS, lambda b: limit_sampler(
            b, QUESTIONS_REDIS, "--no-deny-cache", "--redis",
            f"redis://127.0.0.1:{server.port}"), "us",
            f"{QUESTIONS_REDIS} questions about {KEYS} keys from a file, each "
            "asked of Redis")


def fanout(bench):
    with bench.redis() as server:
        for (clients, window), row in FAN.items():
            options = ["-n", str(clients), "-W", str(window), *seconds(bench)]
            compare(bench, row, lambda b, o=options: fan_sampler(
                b, wsgate, server.port, o), "cpu",
                f"{MESSAGE} bytes by PUBLISH, at most {window} not yet with "
                f"all {clients} clients")
        for (clients, rate), row in STEADY.items():
            options = ["-n", str(clients), "-r", str(rate), *seconds(bench)]
            compare(bench, row, lambda b, o=options: fan_sampler(
                b, wsgate, server.port, o), "cpu",
                f"{rate} messages of {MESSAGE} bytes a second by PUBLISH")
        compare(bench, ACCEPT, lambda b: lambda: idle_sample(
            b, *wsgate(b, server.port)[:2], "/ws"), "accept",
            f"{bench.args.idle} upgrades")


def chain(bench):
    with bench.redis() as server:
        quiet = ["--redis", f"redis://127.0.0.1:{server.port}", "--log-level",
                 "error"]
        compare(bench, CHAIN, lambda b: chain_sampler(
            b, server.port, [b.tool("tickpub"), *quiet],
            [b.tool("bargen"), *quiet], wsgate), "cpu",
            f"{RATE} lines of {LINE} bytes a second on {CHANNEL} to one "
            "client; CPU of all but Redis")


SECTIONS = {
    "build-lines": (lines, [TEE, *BARS.values()]),
    "build-redis": (redis, [INTO, BATCH, JOURNAL]),
    "build-fanout": (fanout, [*FAN.values(), *STEADY.values(), ACCEPT]),
    "build-chain": (chain, [CHAIN]),
    "build-limits": (limits, [LIMIT, LIMIT_REDIS]),
}
