"""Rows about bargen and what it reads from Redis."""
import time
import urllib.request

from machine import run_seconds
from process import Failure, Server, filter_file, free_port, number
from rounds import redis_cli
from row import Spec

CPU = Spec("journal-cpu", "bargen from the journal, own CPU", "us/tick", "CPU",
           "bargen --stdin", readme=False)

LINES_MAX = 1000000
READ_MAX_S = 60
POLL_S = 0.05


def argv(bench, port):
    return [bench.tool("bargen"), "--redis", f"redis://127.0.0.1:{port}",
            "--final-only", "--price", "bid", "--log-level", "error"]


def taken(port):
    """Ticks that went into bars."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics",
                                timeout=5) as r:
        return number(r"\ntickwire_bargen_events_total (\d+)",
                      r.read().decode())


def from_journal(bench, redis_port, lines):
    def one():
        http = free_port()
        redis_cli(redis_port, "FLUSHALL")
        filter_file([bench.tool("tickpub"), "--redis",
                     f"redis://127.0.0.1:{redis_port}", "--journal-max",
                     "1GiB", "--log-level", "error"], bench.ticks(lines))
        with Server([*argv(bench, redis_port), "--from", "start", "--http",
                     f"127.0.0.1:{http}"], port=http) as server:
            end = time.monotonic() + READ_MAX_S
            while taken(http) < lines:
                if time.monotonic() > end:
                    raise Failure("bargen has not read the whole journal")
                time.sleep(POLL_S)
            return {"us": run_seconds(server.pid) / lines * 1e6}
    return one


def from_input(bench, redis_port, lines):
    def one():
        redis_cli(redis_port, "FLUSHALL")
        used = filter_file([*argv(bench, redis_port), "--stdin"],
                           bench.ticks(lines))
        return {"us": used["cpu"] / lines * 1e6}
    return one


def journal(bench):
    lines = min(bench.args.lines, LINES_MAX)
    with bench.redis() as redis:
        rounds = bench.interleave({
            "ours": from_journal(bench, redis.port, lines),
            "input": from_input(bench, redis.port, lines)})
    bench.add(CPU, rounds, rounds.of("ours", "us"), rounds.of("input", "us"),
              f"both turn the same {lines} ticks into one-minute bars in "
              "Redis; the journal holds what tickpub makes of the file that "
              "standard input is")


SECTIONS = {"journal": (journal, [CPU])}
