#!/usr/bin/python3
"""Measure tickwire beside its reference programs and print the ratios.

Machines are noisy, so every figure is taken next to its reference, round by
round; what counts is the ratio of the two in one round.  The load of the
machine stands beside each row, and a row that was disturbed says so.
"""
import argparse
import json
import sys
import time

import builds
import chain
import compare
import fanout
import intoredis
import journal
import lines
import machine
import peers
import process
import readme
import stalled
from report import closing, heading
from rounds import Bench
from row import BUSY_CPU, BUSY_WALL, from_json, to_json

OWN = {**lines.SECTIONS, **intoredis.SECTIONS,
       **journal.SECTIONS, **fanout.SECTIONS,
       **stalled.SECTIONS, **chain.SECTIONS}
KINDS = {"own": ("make bench", OWN),
         "peers": ("make bench-peers", peers.SECTIONS),
         "builds": ("make bench-builds", builds.SECTIONS)}
SOME_UNUSABLE = 75  # EX_TEMPFAIL: try again when the machine is quiet


def specs(kind):
    """Every row that a whole run prints, in order."""
    return [spec for _, rows in KINDS[kind][1].values() for spec in rows]


def save(path, bench, kind, busy, started):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"version": 1, "name": KINDS[kind][0],
                   "started": started, "machine": machine.describe(),
                   "rounds": bench.args.rounds, "busy": busy,
                   "rows": [to_json(row, busy) for row in bench.rows]},
                  f, indent=1)
        f.write("\n")


def load(path):
    try:
        with open(path, encoding="utf-8") as f:
            run = json.load(f)
        run["rows"] = [from_json(row) for row in run["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as e:
        sys.exit(f"bench: {path} is not what --json writes: {e}")
    return run


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__)
    every = [name for _, sections in KINDS.values() for name in sections]
    p.add_argument("--bin", default="bin", help="folder of the tools")
    p.add_argument("--ref", default="build/bench",
                   help="folder of the reference programs")
    p.add_argument("--peer-dir", default="build/peers",
                   help="folder where npm put its packages")
    p.add_argument("--peers", action="store_true",
                   help="beside programs of others instead")
    p.add_argument("--base", metavar="DIR",
                   help="beside the tools of another build, in DIR, instead")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--latency-rounds", type=int, metavar="N",
                   help="of rows with percentiles (twice --rounds)")
    p.add_argument("--seconds", type=float, default=3,
                   help="of one sample of a server (3)")
    p.add_argument("--lines", type=int, default=5000000)
    p.add_argument("--idle", type=int, default=10000)
    p.add_argument("--max-load", type=float, default=BUSY_CPU, metavar="PCT",
                   help="of a processor that others may take (%(default)g; "
                   "half of it for wall time)")
    p.add_argument("--only", action="append", choices=every, metavar="SECTION",
                   help=", ".join(every))
    p.add_argument("--json", metavar="FILE", help="write every figure there")
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--compare", nargs=2, metavar="FILE",
                   help="rows that moved by more than 10 %% between two runs")
    p.add_argument("--readme", nargs="+", metavar="FILE",
                   help="README's table of these runs")
    p.add_argument("--into", metavar="README",
                   help="with --readme: put it there, between the markers")
    args = p.parse_args(argv)
    if args.base and args.peers:
        p.error("--base and --peers are two kinds of run")
    args.kind = "builds" if args.base else "peers" if args.peers else "own"
    for name in args.only or ():
        if name not in KINDS[args.kind][1]:
            p.error(f"--only {name} is not of {KINDS[args.kind][0]}")
    if args.rounds < 1 or args.lines < 1 or args.seconds <= 0:
        p.error("--rounds, --lines and --seconds are at least one")
    args.busy = args.max_load / BUSY_CPU
    return args


def measure(args):
    process.pin_self()
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    begin = time.monotonic()
    bench = Bench(args, lambda text: print(text, flush=True))
    bench.out(heading(machine.describe(), args.rounds, args.max_load,
                      args.max_load * BUSY_WALL / BUSY_CPU))
    failed = 0
    try:
        sections = KINDS[args.kind][1]
        for name in args.only or sections:
            try:
                sections[name][0](bench)
            except process.Failure as e:
                failed += 1
                bench.out(f"FAILED: section {name}: {e}\n")
                process.stop_all()
    finally:
        process.stop_all()
        if args.json:
            save(args.json, bench, args.kind, args.busy, started)
    bad = any(row.why_unusable(args.busy) for row in bench.rows)
    bench.out(f"{closing(bench.rows, args.busy)}; "
              f"{time.monotonic() - begin:.0f} s" +
              (f"; {failed} sections FAILED" if failed else ""))
    return 1 if failed else SOME_UNUSABLE if bad else 0


def write_readme(paths, into):
    for run in map(load, paths):
        if not into:
            print(readme.block(run), end="")
            continue
        with open(into, encoding="utf-8") as f:
            text = f.read()
        with open(into, "w", encoding="utf-8") as f:
            f.write(readme.replace(text, run))


def main(argv=None):
    args = parse(argv)
    if args.compare:
        first, second = map(load, args.compare)
        text, unexplained = compare.compare(first["rows"], second["rows"],
                                            first["busy"])
        print("\n".join(text))
        return 1 if unexplained else 0
    if args.readme:
        write_readme(args.readme, args.into)
        return 0
    return measure(args)


if __name__ == "__main__":
    sys.exit(main())
