"""Rows beside what Debian and npm have, in the same minutes.

Each peer runs alone on processor 0 like wsgate, with the same load client, the
same counts and its own best input: nats-server by its own protocol, nchan and
ws from a WebSocket, while wsgate has Redis in the way (on processor 1, its CPU
is not counted for anybody).  How each is set up stands in tests/bench/peer/.
"""
import os
import shutil
import subprocess
import time

import fanout
from intoredis import sampler as into_redis
from lines import bargen_argv, per_second
from load import seconds, wsload
from machine import children_of
from process import Server, filter_file, free_port, number, pin, run
from record import Recorder
from rounds import redis_cli
from row import Spec

HERE = os.path.dirname(os.path.abspath(__file__))
NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so"
SATURATED = ((100, 200), (1000, 200))
PIPE_LINES = 500000
OPTIONS = 10000


def configured(bench, name, **ports):
    """The configuration of a peer in a folder of its own, ports filled in."""
    folder = bench.path(f"{name}-{ports['PORT']}")
    os.makedirs(os.path.join(folder, "tmp"))
    with open(os.path.join(HERE, "peer", f"{name}.conf"),
              encoding="utf-8") as f:
        text = f.read()
    for key, port in ports.items():
        text = text.replace(f"@{key}@", str(port))
    path = os.path.join(folder, f"{name}.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return folder, path


class Gate:
    """A fan-out server that listens: how to reach, feed and weigh it."""

    def __init__(self, server, port, path, pids, options):
        self.server, self.port, self.path = server, port, path
        self.pids, self.options = pids, options


def nats(bench):
    port, feed = free_port(), free_port()
    _, conf = configured(bench, "nats", PORT=port, INPUT=feed)
    server = Server(["nats-server", "-c", conf], port=port)
    # It puts several messages in a frame: count messages, not frames.
    return Gate(server, port, "/", [server.pid],
                ["-m", "nats", "-P", "nats", "-q", str(feed), "-c"])


def nchan(bench):
    port = free_port()
    folder, conf = configured(bench, "nchan", PORT=port)
    server = Server(["nginx", "-p", folder + "/", "-c", conf, "-e", "stderr"],
                    port=port)
    # The master listens before its worker is there.
    end = time.monotonic() + 10
    while not children_of(server.pid) and time.monotonic() < end:
        time.sleep(0.01)
    return Gate(server, port, "/sub", children_of(server.pid),
                ["-P", "ws", "-U", "/pub"])


def ws(bench):
    port = free_port()
    server = Server(["node", os.path.join(bench.args.peer_dir, "ws.mjs"),
                     str(port)], port=port)
    return Gate(server, port, "/sub", [server.pid],
                ["-P", "ws", "-U", "/pub"])


FANS = {"nats-server": nats, "nginx nchan": nchan, "node ws": ws}
KEYS = {"nats-server": "nats", "nginx nchan": "nchan", "node ws": "ws"}


def lacks(bench, name):
    """What is missing of a peer; empty where all is there."""
    programs = {"nats-server": ["nats-server"], "nginx nchan": ["nginx"],
                "node ws": ["node"], "DuckDB": ["node"], "mawk": ["mawk"],
                "redis-cli --pipe": ["redis-cli"]}
    modules = {"node ws": "ws", "DuckDB": "@duckdb/node-api"}
    for program in programs[name]:
        if not shutil.which(program):
            return f"{program} is not installed"
    if name == "nginx nchan" and not os.path.exists(NCHAN):
        return f"{NCHAN} is missing"
    if name in modules and subprocess.run(
            ["node", "--input-type=module", "-e",
             f"import '{modules[name]}'; process.exit(0)"],
            cwd=bench.args.peer_dir, stderr=subprocess.DEVNULL,
            check=False).returncode != 0:
        return f"node does not find {modules[name]} in {bench.args.peer_dir}"
    return ""


def present(bench, names):
    out = []
    for name in names:
        why = lacks(bench, name)
        if why:
            bench.out(f"skipped: {name}: {why}\n")
        else:
            out.append(name)
    return out


def gate_sampler(bench, start, options):
    def one():
        gate = start(bench)
        with gate.server:
            return wsload(bench, gate.port, gate.path, gate.pids,
                          gate.options + options)
    return one


def measure(bench, redis, peers, options, count=None):
    sides = {"ours": fanout.sampler(bench, fanout.wsgate, redis.port,
                                    options)}
    for name in peers:
        sides[name] = gate_sampler(bench, FANS[name], options)
    return bench.interleave(sides, count)


def sends_text(rounds, name, what):
    return (f"{what}; ours through Redis, {rounds.of('ours', 'bytes')[-1]:.0f}"
            f" bytes a delivery, {name} without, "
            f"{rounds.of(name, 'bytes')[-1]:.0f} bytes")


BUSY = {(name, n, w): fanout.saturated_specs(name, KEYS[name])[n, w][1]
        for n, w in SATURATED for name in FANS}


def fan(bench):
    peers = present(bench, FANS)
    with bench.redis() as redis:
        for clients, window in SATURATED if peers else ():
            rounds = measure(bench, redis, peers, [
                "-n", str(clients), "-W", str(window), *seconds(bench)])
            for name in peers:
                bench.add(BUSY[name, clients, window], rounds,
                          rounds.of("ours", "cpu"), rounds.of(name, "cpu"),
                          sends_text(rounds, name, f"{fanout.MESSAGE} bytes, "
                                     f"at most {window} not yet with all "
                                     f"{clients} clients"),
                          faults=rounds.faults("ours", name))


CHANNELS, TAKES, TAKERS = 100, 10, 1000
MIXED = Spec("mixed-nats", f"wsgate, {CHANNELS} channels, {TAKERS} clients of "
             f"{TAKES} each, CPU", "s/M deliveries", "CPU", "nats-server",
             readme=False)


def mixed(bench):
    """Each client has other channels than the next one: no two receive the
    same bytes, and nothing can be sent to all in one piece."""
    if not present(bench, ["nats-server"]):
        return
    options = ["-n", str(TAKERS), "-x", f"{CHANNELS},{TAKES}", "-W", "200",
               *seconds(bench)]

    def ours(redis_port):
        def one():
            server, port, _ = fanout.wsgate(bench, redis_port)
            with server:
                return wsload(bench, port, "/ws", [server.pid],
                              ["-P", "redis", "-q", str(redis_port), *options])
        return one

    with bench.redis() as redis:
        rounds = bench.interleave({
            "ours": ours(redis.port),
            "nats": gate_sampler(bench, nats, options)})
    bench.add(MIXED, rounds, rounds.of("ours", "cpu"),
              rounds.of("nats", "cpu"),
              sends_text(rounds, "nats", f"{fanout.MESSAGE} bytes on the "
                         "channels by turns, at most 200 not yet with all who "
                         "take them"),
              faults=rounds.faults("ours", "nats"))


FIXED = {(name, n, r): fanout.fixed_specs(name, KEYS[name])[n, r]
         for n, r in fanout.FIXED for name in FANS}


def fixed(bench):
    peers = present(bench, FANS)
    count = bench.args.latency_rounds or bench.args.rounds
    with bench.redis() as redis:
        for clients, rate in fanout.FIXED if peers else ():
            rounds = measure(bench, redis, peers, [
                "-n", str(clients), "-r", str(rate), *seconds(bench)], count)
            for name in peers:
                p50, p99, cpu = FIXED[name, clients, rate]
                sends = sends_text(rounds, name, f"{rate} messages of "
                                   f"{fanout.MESSAGE} bytes a second")
                fanout.add_latency(bench, p50, rounds, name, 0.5, sends)
                fanout.add_latency(bench, p99, rounds, name, 0.99, sends)
                bench.add(cpu, rounds, rounds.of("ours", "cpu"),
                          rounds.of(name, "cpu"), sends,
                          faults=rounds.faults("ours", name))


IDLE = {name: Spec(f"idle-{KEYS[name]}", fanout.IDLE.title, "bytes", "memory",
                   name, digits=0) for name in FANS}


def idle(bench):
    def sample(start):
        gate = start(bench)
        mode = gate.options[:2] if gate.options[0] == "-m" else []
        return fanout.idle_sample(bench, gate.server, gate.port, gate.path,
                                  gate.pids, mode)
    peers = present(bench, FANS)
    if not peers:
        return
    with bench.redis() as redis:
        sides = {"ours": lambda: fanout.idle_sample(
            bench, *fanout.wsgate(bench, redis.port))}
        for name in peers:
            sides[name] = lambda start=FANS[name]: sample(start)
        rounds = bench.interleave(sides)
    for name in peers:
        bench.add(IDLE[name], rounds, rounds.of("ours", "bytes"),
                  rounds.of(name, "bytes"),
                  f"{bench.args.idle} upgrades, each for one channel, then "
                  "nothing",
                  faults=rounds.faults("ours", name))


BARS = {
    "DuckDB": Spec("bars-duckdb", "bargen --stdin, 100 symbols", "M lines/s",
                   "CPU", "DuckDB", True),
    "mawk": Spec("bars-mawk", "bargen --stdin, 100 symbols", "M lines/s",
                 "CPU", "mawk", True),
}
NAMES = Spec("bars-duckdb-options", f"bargen --stdin, {OPTIONS} options",
             "M lines/s", "CPU", "DuckDB", True)


def duckdb(bench, path, lines):
    """CPU of the query alone; node's start is not counted."""
    def one():
        text = run(["node", os.path.join(bench.args.peer_dir, "duckdb.mjs"),
                    path])
        return {"rate": lines / number(r"cpu ([\d.]+)", text) / 1e6,
                "bars": int(number(r"bars (\d+)", text))}
    return one


def mawk(bench, path, lines):
    argv = ["mawk", "-f", os.path.join(HERE, "peer", "bars.awk")]

    def one():
        return {"rate": lines / filter_file(argv, path)["cpu"] / 1e6}
    return one


def count_lines(argv, path):
    """How many lines a filter writes (not measured)."""
    with open(path, "rb") as f:
        p = subprocess.Popen(pin(0, argv), stdin=f, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        total = sum(chunk.count(b"\n")
                    for chunk in iter(lambda: p.stdout.read(1 << 16), b""))
        p.wait()
    return total


def bars_of(bench, path, symbols, specs):
    lines = bench.args.lines
    makers = {"DuckDB": duckdb, "mawk": mawk}
    argv = bargen_argv(bench, "1")
    sides = {"ours": per_second(argv, path, lines)}
    for name in specs:
        sides[name] = makers[name](bench, path, lines)
    rounds = bench.interleave(sides)
    ours = count_lines(argv, path)
    for name, spec in specs.items():
        theirs = rounds.of(name, "bars")[0] if name == "DuckDB" else \
            count_lines(["mawk", "-f", os.path.join(HERE, "peer", "bars.awk")],
                        path)
        # Ours leaves the bars open that end after the input.
        right = ours <= theirs <= ours + symbols
        bench.add(spec, rounds, rounds.of("ours", "rate"),
                  rounds.of(name, "rate"),
                  f"both read the same {lines} lines from a file and write "
                  f"one-minute bars to /dev/null: ours {ours} closed ones, "
                  f"{name} {theirs}; one thread each",
                  faults=[] if right else [f"{name} made other bars"])


def bars(bench):
    there = present(bench, BARS)
    if there:
        bars_of(bench, bench.ticks(bench.args.lines), 100,
                {name: BARS[name] for name in there})
    if "DuckDB" in there:
        bars_of(bench, bench.ticks(bench.args.lines, "-c", "-s",
                                   str(OPTIONS)), OPTIONS, {"DuckDB": NAMES})


PIPE = Spec("redis-pipe", "tickpub into Redis (PUBLISH, keys, journal)",
            "k ticks/s", "wall", "redis-cli --pipe", True, digits=0)


def pipe(bench):
    """The very bytes that tickpub sent once, sent by redis-cli."""
    if not present(bench, ["redis-cli --pipe"]):
        return
    lines = min(PIPE_LINES, bench.args.lines)
    sent = bench.path("commands")

    def redis_cli_pipe(port):
        def one():
            redis_cli(port, "FLUSHALL")
            with open(sent, "rb") as f:
                start = time.monotonic()
                text = run(["redis-cli", "-p", str(port), "--pipe"], stdin=f)
                wall = time.monotonic() - start
            errors = int(number(r"errors: (\d+)", text))
            return {"rate": lines / wall / 1e3,
                    "replies": int(number(r"replies: (\d+)", text)),
                    "faults": [f"{errors} errors"] if errors else []}
        return one

    with bench.redis() as redis:
        with Recorder(sent, redis.port) as recorder:
            filter_file([bench.tool("tickpub"), "--redis",
                         f"redis://127.0.0.1:{recorder.port}", "--log-level",
                         "error"], bench.ticks(lines))
        rounds = bench.interleave({
            "ours": into_redis(bench, redis.port, lines),
            "pipe": redis_cli_pipe(redis.port)})
    ours, theirs = rounds.of("ours", "rate"), rounds.of("pipe", "rate")
    bench.add(PIPE, rounds, ours, theirs,
              f"ours {lines} ticks from a file, a tick: "
              f"{rounds.of('ours', 'calls')[-1]}; redis-cli from a file what "
              f"tickpub sent once for the same ticks, "
              f"{rounds.of('pipe', 'replies')[-1]} commands, "
              f"{os.path.getsize(sent) / 1e6:.0f} MB",
              faults=rounds.faults("pipe"))


SECTIONS = {
    "peer-fanout": (fan, list(BUSY.values())),
    "peer-mixed": (mixed, [MIXED]),
    "peer-latency": (fixed, [s for three in FIXED.values() for s in three]),
    "peer-idle": (idle, list(IDLE.values())),
    "peer-bars": (bars, [*BARS.values(), NAMES]),
    "peer-redis": (pipe, [PIPE]),
}
