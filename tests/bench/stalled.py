"""Rows about one client of a thousand that stops reading: what it costs the
others and what is held for it.

The reference is the same gateway with the same clients, none of which stalls.
"""
from fanout import CHANNEL, MESSAGE, wsgate
from load import seconds, wsload
from row import Spec

CLIENTS, WINDOW, RATE = 1000, 200, 100
HELD_MAX = 64 << 10  # bytes: what a client may be owed
NOBODY = "nobody stalls"
RATE_ROW = Spec("stalled-rate", f"wsgate, 1 of {CLIENTS} clients stalls, the "
                "others", "M deliveries/s", "wall", NOBODY, True, readme=False)
CPU = Spec("stalled-cpu", f"wsgate, 1 of {CLIENTS} clients stalls, CPU for the "
           "others", "s/M deliveries", "CPU", NOBODY, readme=False)
HELD = Spec("stalled-held", f"wsgate, held for a client of {CLIENTS} that "
            "stalls", "bytes", "memory", "the bound", digits=0, readme=False)


def sampler(bench, redis_port, stalled, options):
    """All clients count but those who stall."""
    def one():
        server, port, path = wsgate(bench, redis_port)
        with server:
            return wsload(bench, port, path, [server.pid], [
                "-P", "redis", "-q", str(redis_port), "-n",
                str(CLIENTS - stalled), "-s", str(stalled), *options,
                *seconds(bench)])
    return one


def sides(bench, redis_port, *options):
    return bench.interleave({
        "ours": sampler(bench, redis_port, 1, options),
        "none": sampler(bench, redis_port, 0, options)})


def held(sample):
    """Bytes in the socket of the one that stalls, and what the gateway has
    grown by beyond what it has with nobody stalled, after as many messages."""
    grown = (sample["ours"]["kib"] - sample["none"]["kib"]) * 1024
    return sample["ours"]["kernel"] + max(0, grown)


def stalled(bench):
    with bench.redis() as redis:
        rounds = sides(bench, redis.port, "-W", str(WINDOW))
        sends = (f"{MESSAGE} bytes on {CHANNEL}, at most {WINDOW} not yet "
                 "with all who read")
        for spec, figure in ((RATE_ROW, "rate"), (CPU, "cpu")):
            bench.add(spec, rounds, rounds.of("ours", figure),
                      rounds.of("none", figure), sends,
                      faults=rounds.faults("ours", "none"))
        rounds = sides(bench, redis.port, "-r", str(RATE))
    bench.add(HELD, rounds, [held(s) for s in rounds.samples],
              [HELD_MAX] * len(rounds.samples),
              f"{RATE} messages of {MESSAGE} bytes a second; in its socket "
              f"{max(rounds.of('ours', 'kernel')):.0f} bytes at most, the rest "
              "is what the gateway's memory differs by",
              faults=rounds.faults("ours", "none"))


SECTIONS = {"stalled": (stalled, [RATE_ROW, CPU, HELD])}
