"""Rows about tickpub into Redis."""
import re

from process import filter_file, number, run
from rounds import redis_cli
from row import Spec

RATE = Spec("redis-rate", "tickpub into Redis (PUBLISH, keys, journal)",
            "k ticks/s", "wall", "rbench -o pub -P 512", True, digits=0)
CPU = Spec("redis-cpu", "tickpub into Redis, own CPU", "us/tick", "CPU",
           "rbench, own CPU")
BATCH = Spec("redis-batch", "tickpub --batch into Redis", "k ticks/s", "wall",
             "tickpub without", True, digits=0)

LINES_MAX = 1000000


def calls(stats, lines):
    """Commands a tick, from `INFO commandstats`."""
    found = re.findall(r"cmdstat_(\w+):calls=(\d+)", stats)
    per_tick = [(int(n) / lines, name.upper()) for name, n in found]
    # One call in a run is this script's own (INFO) or the handshake.
    return ", ".join(f"{name} {n:.4g}" for n, name in
                     sorted(per_tick, reverse=True) if n * lines > 2)


def sampler(bench, port, lines, *options):
    """One run of tickpub over a file into Redis, till all is answered."""
    path = bench.ticks(lines)

    def one():
        # Every run meets the same empty Redis.
        redis_cli(port, "FLUSHALL")
        redis_cli(port, "CONFIG", "RESETSTAT")
        used = filter_file([bench.tool("tickpub"), "--redis",
                            f"redis://127.0.0.1:{port}", "--log-level",
                            "error", *options], path)
        return {"rate": lines / used["wall"] / 1e3,
                "us": used["cpu"] / lines * 1e6,
                "calls": calls(redis_cli(port, "INFO", "commandstats"), lines)}
    return one


def publisher(bench, port):
    """rbench: PUBLISH and nothing else, prebuilt, over one connection."""
    def one():
        text = run([bench.ref("rbench"), "-p", str(port), "-o", "pub", "-P",
                    "512", "-d", f"{min(2, bench.args.seconds):g}"])
        rate = number(r"([\d.]+) /s ", text)
        return {"rate": rate / 1e3,
                "us": number(r"client cpu +(\d+)%", text) / 100 / rate * 1e6}
    return one


def redis(bench):
    lines = min(bench.args.lines, LINES_MAX)
    with bench.redis() as server:
        rounds = bench.interleave({
            "ours": sampler(bench, server.port, lines),
            "batch": sampler(bench, server.port, lines, "--batch"),
            "pub": publisher(bench, server.port)})
    sends = (f"ours {lines} ticks of about 96 bytes from a file, a tick: "
             f"{rounds.of('ours', 'calls')[-1]}; rbench PUBLISH 1 of lines "
             "of the same form, 1,024 in flight, no file, no check; no "
             "subscriber")
    bench.add(RATE, rounds, rounds.of("ours", "rate"),
              rounds.of("pub", "rate"), sends)
    bench.add(CPU, rounds, rounds.of("ours", "us"), rounds.of("pub", "us"),
              sends)
    bench.add(BATCH, rounds, rounds.of("batch", "rate"),
              rounds.of("ours", "rate"),
              f"the same {lines} ticks; with --batch, a tick: "
              f"{rounds.of('batch', 'calls')[-1]}")


SECTIONS = {"redis": (redis, [RATE, CPU, BATCH])}
