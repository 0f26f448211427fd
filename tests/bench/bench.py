#!/usr/bin/python3
"""Measure tickwire beside its reference programs and print the ratios.

Machines are noisy, so every figure is taken next to its reference, round by
round, A B A B; what counts is the ratio.  Each line prints the median and the
range of both and the median of the ratios pair by pair.  Servers run on
processor 0, load and Redis on processor 1.
"""
import argparse
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

SECTIONS = ("scanner", "tickpub", "bars", "redis", "fanout", "latency", "idle")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pin(cpu, argv):
    if os.cpu_count() and os.cpu_count() > 1:
        return ["taskset", "-c", str(cpu)] + argv
    return argv


def wait_port(port, deadline_s=10):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"bench: nothing listens on port {port}")


class Server:
    """A process that lives for one measurement."""

    def __init__(self, argv, cpu, port, env=None):
        self.proc = subprocess.Popen(
            pin(cpu, argv), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **(env or {})})
        wait_port(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.send_signal(signal.SIGTERM)
        try:
            self.proc.wait(6)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()

    @property
    def pid(self):
        return self.proc.pid


def run(argv, cpu=0, **kw):
    done = subprocess.run(pin(cpu, argv), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=180, **kw)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(argv)} ended with {done.returncode}: "
                 f"{done.stderr[-400:]}")
    return done.stdout + done.stderr


def peak_kib(pid):
    """Largest resident size so far.  (ru_maxrss would count this script, whose
    memory the child had until it became the tool.)"""
    try:
        with open(f"/proc/{pid}/status") as f:
            m = re.search(r"VmHWM:\s+(\d+)", f.read())
            return int(m.group(1)) if m else 0
    except OSError:
        return 0


def cpu_of_run(argv, stdin_path, cpu=0):
    """CPU seconds and peak KiB of one run over a file, output thrown away."""
    peak = 0
    with open(stdin_path, "rb") as f:
        p = subprocess.Popen(pin(cpu, argv), stdin=f,
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        while True:
            pid, status, usage = os.wait4(p.pid, os.WNOHANG)
            if pid:
                break
            peak = peak_kib(p.pid) or peak
            time.sleep(0.01)
        p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        sys.exit(f"bench: {' '.join(argv)} ended with {p.returncode}")
    return usage.ru_utime + usage.ru_stime, peak


def number(pattern, text):
    m = re.search(pattern, text)
    if not m:
        sys.exit(f"bench: no /{pattern}/ in: {text[-300:]}")
    return float(m.group(1))


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, unit, ours, theirs, reference, higher_is_better=True):
        ratios = [(a / b if higher_is_better else b / a)
                  for a, b in zip(ours, theirs) if a and b]
        med = statistics.median
        line = (f"{name:<38} {med(ours):>10.3f} ({min(ours):.3f}..{max(ours):.3f})"
                f"  {reference} {med(theirs):.3f} "
                f"({min(theirs):.3f}..{max(theirs):.3f}) {unit}"
                f"  ratio {med(ratios):.2f}")
        print(line, flush=True)
        self.rows.append(line)

    def single(self, name, unit, ours, digits=3):
        med = statistics.median
        line = (f"{name:<38} {med(ours):>10.{digits}f} "
                f"({min(ours):.{digits}f}..{max(ours):.{digits}f}) {unit}")
        print(line, flush=True)
        self.rows.append(line)


class Bench:
    def __init__(self, args):
        self.args = args
        self.tool = lambda n: os.path.join(args.bin, n)
        self.ref = lambda n: os.path.join(args.ref, n)
        self.table = Table()
        self.dir = tempfile.TemporaryDirectory(prefix="tickwire-bench-")
        self.ticks = os.path.join(self.dir.name, "ticks.ndjson")
        with open(self.ticks, "wb") as f:
            subprocess.run([self.ref("gen_ticks"), "-n", str(args.lines)],
                           stdout=f, check=True)

    def rounds(self, *fns):
        out = [[] for _ in fns]
        for _ in range(self.args.rounds):
            for i, fn in enumerate(fns):
                out[i].append(fn())
        return out

    def redis(self):
        port = free_port()
        return Server(["redis-server", "--port", str(port), "--bind",
                       "127.0.0.1", "--save", "", "--appendonly", "no",
                       "--dir", self.dir.name,
                       "--client-output-buffer-limit",
                       "pubsub 256mb 128mb 60"], 1, port), port

    def scanner(self):
        small = os.path.join(self.dir.name, "scan.ndjson")
        with open(small, "wb") as f:
            subprocess.run([self.ref("gen_ticks"), "-n", "500000"], stdout=f,
                           check=True)

        def rate(argv):
            return lambda: number(r"med ([\d.]+)", run(argv))
        for mode in ("strict", "shape"):
            ours, theirs = self.rounds(
                rate([self.ref("scan_bench"), mode, small, "5"]),
                rate([self.ref("jbench"), mode, small, "5"]))
            self.table.add(f"scanner, {mode} path", "M lines/CPU s", ours,
                           theirs, f"jbench {mode}")

    def per_second(self, argv):
        def one():
            cpu, rss = cpu_of_run(argv, self.ticks)
            self.rss = rss
            return self.args.lines / cpu / 1e6
        return one

    def tickpub(self):
        small = os.path.join(self.dir.name, "scan.ndjson")
        if not os.path.exists(small):
            with open(small, "wb") as f:
                subprocess.run([self.ref("gen_ticks"), "-n", "500000"],
                               stdout=f, check=True)
        ours, theirs = self.rounds(
            self.per_second([self.tool("tickpub"), "--no-redis", "--tee",
                             "--log-level", "error"]),
            lambda: number(r"med ([\d.]+)",
                           run([self.ref("scan_bench"), "shape", small, "3"])))
        self.table.add("tickpub --no-redis --tee", "M lines/CPU s", ours,
                       theirs, "scanner alone")

    def bars(self):
        base = [self.tool("bargen"), "--stdin", "--stdout", "--no-redis",
                "--final-only", "--price", "bid", "--log-level", "error",
                "--resolutions"]
        ours, theirs = self.rounds(self.per_second(base + ["1"]),
                                   self.per_second([self.ref("bars_limit")]))
        self.table.add(f"bargen --stdin, {self.args.lines} lines",
                       "M lines/CPU s", ours, theirs, "bars_limit")
        self.per_second(base + ["1"])()
        self.table.single("bargen peak memory", "MiB", [self.rss / 1024], 1)
        one, four = self.rounds(self.per_second(base + ["1"]),
                                self.per_second(base + ["1,5,15,60"]))
        cost = [(a / b - 1) / 3 * 100 for a, b in zip(one, four)]
        self.table.single("bargen, cost of a further resolution", "%", cost, 1)

    def redis_section(self):
        server, port = self.redis()
        with server:
            # Memory of the journal stays the same from round to round.
            def ours():
                cpu0 = time.monotonic()
                cpu, _ = cpu_of_run(
                    [self.tool("tickpub"), "--redis",
                     f"redis://127.0.0.1:{port}", "--log-level", "error"],
                    self.redis_ticks)
                self.own.append(cpu / self.redis_lines * 1e6)
                return self.redis_lines / (time.monotonic() - cpu0) / 1e3

            self.own = []
            self.redis_lines = min(self.args.lines, 1000000)
            self.redis_ticks = os.path.join(self.dir.name, "redis.ndjson")
            with open(self.redis_ticks, "wb") as f:
                subprocess.run([self.ref("gen_ticks"), "-n",
                                str(self.redis_lines)], stdout=f, check=True)

            def theirs():
                return number(r"([\d.]+) /s ", run(
                    [self.ref("rbench"), "-p", str(port), "-o", "pub", "-P",
                     "512", "-d", "2"])) / 1e3
            a, b = self.rounds(ours, theirs)
            self.table.add("tickpub into Redis", "k ticks/s", a, b,
                           "rbench -o pub -P 512")
            self.table.single("tickpub into Redis, own CPU", "us a tick",
                              self.own)

    def wsgate(self, redis_port, port):
        return Server([self.tool("wsgate"), "--listen", f"127.0.0.1:{port}",
                       "--redis", f"redis://127.0.0.1:{redis_port}",
                       "--max-per-address", "100000", "--log-level", "error"],
                      0, port)

    def rawfan(self, redis_port, port):
        return Server([self.ref("rawfan"), "-p", str(port), "-m", "relay",
                       "-B", "0", "-R", str(redis_port), "-t",
                       "market_data:BTCUSD"], 0, port)

    def load(self, server, port, path, more, redis_port):
        return run([self.ref("wsload"), "-p", str(port), "-u", path, "-P",
                    "redis", "-q", str(redis_port), "-S", str(server.pid)]
                   + more, cpu=1)

    def gate_pair(self, more, pattern):
        redis, rport = self.redis()
        with redis:
            def measure(make, path):
                def one():
                    port = free_port()
                    with make(rport, port) as server:
                        if make == self.wsgate:
                            wait_ready(port)
                        text = self.load(server, port, path, more, rport)
                        if self.args.verbose:
                            print("   ", text.strip(), flush=True)
                        return [number(p, text) for p in pattern]
                return one
            ours, theirs = self.rounds(
                measure(self.wsgate, "/ws?subscribe=market_data:BTCUSD"),
                measure(self.rawfan, "/"))
        return list(zip(*ours)), list(zip(*theirs))

    def fanout(self):
        for conns in (100, 1000):
            ours, theirs = self.gate_pair(
                ["-n", str(conns), "-W", "200", "-d", "4", "-w", "1"],
                [r"deliv (\d+)/s", r"% ([\d.]+) s/M"])
            name = f"wsgate, {conns} clients, W=200"
            self.table.add(name, "M deliveries/s",
                           [x / 1e6 for x in ours[0]],
                           [x / 1e6 for x in theirs[0]], "rawfan relay")
            self.table.add(name + ", CPU", "s/M deliveries", ours[1],
                           theirs[1], "rawfan relay", higher_is_better=False)

    def latency(self):
        for conns, rate in ((100, 1000), (1000, 100)):
            ours, theirs = self.gate_pair(
                ["-n", str(conns), "-r", str(rate), "-d", "4", "-w", "1"],
                [r"p50 (\d+)", r"p99 (\d+)", r"% ([\d.]+) s/M"])
            for i, what in enumerate(("p50", "p99", "CPU")):
                unit = "us" if i < 2 else "s/M deliveries"
                self.table.add(f"wsgate, {rate}/s x {conns}, {what}", unit,
                               ours[i], theirs[i], "rawfan relay",
                               higher_is_better=False)

    def idle(self):
        redis, rport = self.redis()
        with redis:
            def one():
                port = free_port()
                with self.wsgate(rport, port) as server:
                    wait_ready(port)
                    text = run([self.ref("wsload"), "-p", str(port), "-u",
                                "/ws", "-n", str(self.args.idle), "-I", "-d",
                                "2", "-S", str(server.pid)], cpu=1)
                    return (number(r"= (-?\d+) B/conn", text),
                            number(r"\(([\d.]+)/s\)", text))
            got = [one() for _ in range(min(3, self.args.rounds))]
        self.table.single(f"wsgate, {self.args.idle} idle connections",
                          "bytes resident each", [g[0] for g in got], 0)
        self.table.single("wsgate, connections accepted", "per s",
                          [g[1] for g in got], 0)


def wait_ready(port, deadline_s=10):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready",
                                        timeout=1) as r:
                if r.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    sys.exit("bench: wsgate is not ready")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--bin", default="bin")
    p.add_argument("--ref", default="build/bench")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--lines", type=int, default=5000000)
    p.add_argument("--idle", type=int, default=10000)
    p.add_argument("--only", action="append", choices=SECTIONS)
    p.add_argument("--verbose", action="store_true")
    args = p.parse_args()
    bench = Bench(args)
    print(f"ours (range)  reference (range)  ratio: above 1 is better than the "
          f"reference; {args.rounds} rounds, {os.cpu_count()} processors")
    for name in args.only or SECTIONS:
        fn = bench.redis_section if name == "redis" else getattr(bench, name)
        fn()


if __name__ == "__main__":
    main()
