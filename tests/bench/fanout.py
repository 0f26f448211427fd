"""Rows about wsgate: fan-out, latency at a fixed rate, idle connections."""
from figures import pool, percentile, pooled_ratio
from load import seconds, wsload
from process import LOAD, Server, free_port, number, run, wait_ready
from row import Spec

CHANNEL = "market_data:BTCUSD"
MESSAGE = 110  # bytes; wsload's default
RELAY = "rawfan relay"

# (clients, messages in flight)
SATURATED = ((100, 200), (1000, 200), (100, 16), (100, 1000))
# (clients, messages a second)
FIXED = ((100, 1000), (1000, 100))


def saturated_specs(reference, key="relay"):
    """{(clients, window): (rate, CPU)}"""
    return {(n, w): (
        Spec(f"fan-{n}-{w}-rate-{key}",
             f"wsgate, {n} clients, {w} in flight", "M deliveries/s", "wall",
             reference, True, readme=False),
        Spec(f"fan-{n}-{w}-cpu-{key}",
             f"wsgate, {n} clients, {w} in flight, CPU", "s/M deliveries",
             "CPU", reference)) for n, w in SATURATED}


def fixed_specs(reference, key="relay"):
    """{(clients, rate): (p50, p99, CPU)}"""
    def title(n, rate, what):
        return f"wsgate, {rate} msg/s to {n} clients, {what}"
    return {(n, r): (
        Spec(f"fixed-{n}-{r}-p50-{key}", title(n, r, "p50"), "us", "wall",
             reference, digits=0, readme=key == "relay"),
        Spec(f"fixed-{n}-{r}-p99-{key}", title(n, r, "p99"), "us", "wall",
             reference, digits=0),
        Spec(f"fixed-{n}-{r}-cpu-{key}", title(n, r, "CPU"), "s/M deliveries",
             "CPU", reference, readme=key == "relay")) for n, r in FIXED}


BUSY = saturated_specs(RELAY)
LATENCY = fixed_specs(RELAY)
IDLE = Spec("idle-bytes", "wsgate, idle connections, resident each", "bytes",
            "memory", RELAY, digits=0)
ACCEPT = Spec("idle-accept", "wsgate, connections accepted", "k/s", "CPU",
              RELAY, True, digits=1)


def wsgate(bench, redis_port):
    """(server, port, path) of a wsgate that is ready."""
    port = free_port()
    server = Server([bench.tool("wsgate"), "--listen", f"127.0.0.1:{port}",
                     "--redis", f"redis://127.0.0.1:{redis_port}",
                     "--max-per-address", "100000", "--log-level", "error"],
                    port=port)
    wait_ready(port)
    return server, port, f"/ws?subscribe={CHANNEL}"


def relay(bench, redis_port):
    port = free_port()
    server = Server([bench.ref("rawfan"), "-p", str(port), "-m", "relay",
                     "-B", "0", "-R", str(redis_port), "-t", CHANNEL],
                    port=port)
    return server, port, "/"


def sampler(bench, start, redis_port, options):
    """One server from start to end, one load client, input through Redis."""
    def one():
        server, port, path = start(bench, redis_port)
        with server:
            return wsload(bench, port, path, [server.pid], [
                "-P", "redis", "-q", str(redis_port), *options])
    return one


def size_text(rounds, side):
    return f"{rounds.of(side, 'bytes')[-1]:.0f} bytes a delivery"


def fanout(bench):
    with bench.redis() as redis:
        for (clients, window), (rate, cpu) in BUSY.items():
            options = ["-n", str(clients), "-W", str(window), *seconds(bench)]
            rounds = bench.interleave({
                "ours": sampler(bench, wsgate, redis.port, options),
                "relay": sampler(bench, relay, redis.port, options)})
            sends = (f"{MESSAGE} bytes by PUBLISH, at most {window} not yet "
                     f"with all {clients} clients; ours "
                     f"{size_text(rounds, 'ours')}, relay "
                     f"{size_text(rounds, 'relay')}")
            for spec, figure in ((rate, "rate"), (cpu, "cpu")):
                bench.add(spec, rounds, rounds.of("ours", figure),
                          rounds.of("relay", figure), sends,
                          faults=rounds.faults("ours", "relay"))


def add_latency(bench, spec, rounds, side, share, sends):
    """A row of a percentile over the samples of all rounds."""
    ours = rounds.of("ours", "latencies")
    theirs = rounds.of(side, "latencies")
    ratio, low, high = pooled_ratio(ours, theirs, share)
    figure = f"p{100 * share:.0f}"
    bench.add(spec, rounds, rounds.of("ours", figure),
              rounds.of(side, figure), sends,
              faults=rounds.faults("ours", side), pooled={
                  "ours": percentile(pool(ours), share),
                  "theirs": percentile(pool(theirs), share), "ratio": ratio,
                  "low": low, "high": high,
                  "samples": sum(pool(ours).values())})


def latency_rounds(bench):
    """One round of p99 spreads two to four times: more rounds, all pooled."""
    return bench.args.latency_rounds or 2 * bench.args.rounds


def latency(bench):
    with bench.redis() as redis:
        for (clients, rate), (p50, p99, cpu) in LATENCY.items():
            options = ["-n", str(clients), "-r", str(rate), *seconds(bench)]
            rounds = bench.interleave({
                "ours": sampler(bench, wsgate, redis.port, options),
                "relay": sampler(bench, relay, redis.port, options)},
                latency_rounds(bench))
            sends = (f"{rate} messages of {MESSAGE} bytes a second by "
                     f"PUBLISH, one at a time; ours "
                     f"{size_text(rounds, 'ours')}, relay "
                     f"{size_text(rounds, 'relay')}")
            add_latency(bench, p50, rounds, "relay", 0.5, sends)
            add_latency(bench, p99, rounds, "relay", 0.99, sends)
            bench.add(cpu, rounds, rounds.of("ours", "cpu"),
                      rounds.of("relay", "cpu"), sends,
                      faults=rounds.faults("ours", "relay"))


def idle_sample(bench, server, port, path, pids=None, mode=()):
    with server:
        argv = [bench.ref("wsload"), "-p", str(port), "-u", path, "-n",
                str(bench.args.idle), "-I", "-d",
                f"{min(1, bench.args.seconds):g}", *mode]
        for pid in pids or [server.pid]:
            argv += ["-S", str(pid)]
        text = run(argv, LOAD)
    failed = int(number(r"fail (\d+)", text) + number(r"closed (\d+)", text))
    grown = number(r"= (-?\d+) B/conn", text)
    return {"bytes": grown,
            "accept": bench.args.idle / 1e3 /
            max(number(r"server cpu ([\d.]+) s", text), 0.001),
            "faults": ([f"{failed} connections failed"] if failed else []) +
            (["no growth seen"] if grown <= 0 else [])}


def idle(bench):
    with bench.redis() as redis:
        rounds = bench.interleave({
            "ours": lambda: idle_sample(bench, *wsgate(bench, redis.port)[:2],
                                        "/ws"),
            "relay": lambda: idle_sample(bench, *relay(bench, redis.port))})
    sends = (f"{bench.args.idle} upgrades, then nothing; ours answers with a "
             "welcome message too")
    faults = rounds.faults("ours", "relay")
    bench.add(IDLE, rounds, rounds.of("ours", "bytes"),
              rounds.of("relay", "bytes"), sends, faults=faults)
    bench.add(ACCEPT, rounds, rounds.of("ours", "accept"),
              rounds.of("relay", "accept"), sends, faults=faults)


SECTIONS = {
    "fanout": (fanout, [s for pair in BUSY.values() for s in pair]),
    "latency": (latency, [s for three in LATENCY.values() for s in three]),
    "idle": (idle, [IDLE, ACCEPT]),
}
