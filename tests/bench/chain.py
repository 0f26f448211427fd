"""Rows from end to end: standard input of tickpub to the client's socket.

The reference is a raw chain of the same hops: rawpub for tickpub, Redis, the
relay for wsgate, and a subscriber that throws everything away for bargen.
"""
import os
from contextlib import ExitStack

from fanout import CHANNEL, add_latency, latency_rounds, relay, wsgate
from load import seconds, wsload
from process import Server
from row import Spec

RATE = 20000
LINE = 140  # bytes
RAW = "raw chain"
P50 = Spec("chain-p50", f"whole chain, {RATE} ticks/s, p50", "us", "wall", RAW,
           digits=0)
P99 = Spec("chain-p99", f"whole chain, {RATE} ticks/s, p99", "us", "wall", RAW,
           digits=0)
CPU = Spec("chain-cpu", f"whole chain, {RATE} ticks/s, CPU", "s/M ticks",
           "CPU", RAW, digits=2)


def sampler(bench, port, publisher, beside, gate):
    """publisher < pipe < wsload, which is the client of the gate as well."""
    def one():
        read_end, write_end = os.pipe()
        with ExitStack() as stack:
            stack.callback(os.close, write_end)
            other = stack.enter_context(Server(beside))
            server, gate_port, path = gate(bench, port)
            stack.enter_context(server)
            first = stack.enter_context(Server(publisher, stdin=read_end))
            os.close(read_end)
            return wsload(bench, gate_port, path,
                          [first.pid, other.pid, server.pid],
                          ["-n", "1", "-P", "pipe", "-q", str(write_end),
                           "-r", str(RATE), "-l", str(LINE), *seconds(bench)],
                          pass_fds=(write_end,))
    return one


def chain(bench):
    with bench.redis() as redis:
        url = f"redis://127.0.0.1:{redis.port}"
        quiet = ["--redis", url, "--log-level", "error"]
        raw = [bench.ref("rawpub"), str(redis.port), CHANNEL]
        rounds = bench.interleave({
            "ours": sampler(bench, redis.port,
                            [bench.tool("tickpub"), *quiet],
                            [bench.tool("bargen"), *quiet], wsgate),
            "raw": sampler(bench, redis.port, raw, raw + ["sub"], relay)},
            latency_rounds(bench))
    sends = (f"{RATE} lines of {LINE} bytes a second, one every "
             f"{1e6 / RATE:g} us, to one client; ours is tickpub, Redis, "
             "bargen beside, wsgate; the raw chain rawpub, Redis, a "
             "subscriber beside, rawfan; ours "
             f"{rounds.of('ours', 'bytes')[-1]:.0f} bytes a delivery, raw "
             f"{rounds.of('raw', 'bytes')[-1]:.0f}")
    add_latency(bench, P50, rounds, "raw", 0.5, sends)
    add_latency(bench, P99, rounds, "raw", 0.99, sends)
    bench.add(CPU, rounds, rounds.of("ours", "cpu"), rounds.of("raw", "cpu"),
              sends + "; CPU of all but Redis",
              faults=rounds.faults("ours", "raw"))


SECTIONS = {"chain": (chain, [P50, P99, CPU])}
