"""Rows about lines of text: scanner, tickpub, bargen; no Redis, no sockets."""
from figures import middle_and_range
from process import filter_file, filter_output, number, run
from row import Spec

SCANNER = {
    "strict": Spec("scanner-strict", "scanner, strict path", "M lines/s",
                   "CPU", "jbench strict", True),
    "shape": Spec("scanner-shape", "scanner, usual shape", "M lines/s",
                  "CPU", "jbench shape", True),
}
TICKPUB = Spec("tickpub-tee", "tickpub --no-redis --tee", "M lines/s", "CPU",
               "scanner alone", True)
BARS = Spec("bargen", "bargen --stdin, 100 symbols, one resolution",
            "M lines/s", "CPU", "bars_limit", True)
MEMORY = Spec("bargen-memory", "bargen --stdin, peak memory", "MiB", "memory",
              "bars_limit", digits=1, readme=False)
OPTIONS = 10000
NAMES = Spec("bargen-names", f"bargen --stdin, {OPTIONS} options of one root",
             "M lines/s", "CPU", "random names as long", True, readme=False)
WIDTHS = "1,5,15,30,60,240,D,W"
MANY = Spec("bargen-many", f"bargen --stdin, {OPTIONS} options, 8 resolutions",
            "MiB", "memory", "one resolution", digits=1, readme=False)
LONG_LINES = 50000000
LONG = Spec("bargen-long", f"bargen --stdin, {LONG_LINES // 1000000} million "
            "lines", "MiB", "memory", "a tenth of them", digits=1,
            readme=False)
RESOLUTIONS = ("1", "1,5", "1,5,15", "1,5,15,60", "1,5,15,60,D")
FURTHER = [Spec(f"resolution-{i + 1}",
                f"bargen, resolution {i + 1} ({wide} beside {narrow})",
                "M lines/s", "CPU", f"with {i}", True)
           for i, (narrow, wide) in enumerate(
               zip(RESOLUTIONS, RESOLUTIONS[1:]), 1)]

SCAN_LINES = 500000


def median_of(argv):
    return lambda: {"rate": number(r"med ([\d.]+)", run(argv))}


def per_second(argv, path, lines):
    """Lines a CPU second of a whole process, its start included."""
    def one():
        used = filter_file(argv, path)
        return {"rate": lines / used["cpu"] / 1e6, "mib": used["kib"] / 1024,
                "seconds": used["cpu"]}
    return one


def scanner(bench):
    path = bench.ticks(SCAN_LINES)
    for mode, spec in SCANNER.items():
        rounds = bench.interleave({
            "ours": median_of([bench.ref("scan_bench"), mode, path, "5"]),
            "jbench": median_of([bench.ref("jbench"), mode, path, "5"])})
        bench.add(spec, rounds, rounds.of("ours", "rate"),
                  rounds.of("jbench", "rate"),
                  f"nothing; both read the same {SCAN_LINES} lines of about "
                  "96 bytes in memory, five times, and give the median")


def tickpub(bench):
    path, scan = bench.ticks(bench.args.lines), bench.ticks(SCAN_LINES)
    rounds = bench.interleave({
        "ours": per_second([bench.tool("tickpub"), "--no-redis", "--tee",
                            "--log-level", "error"], path, bench.args.lines),
        "scan": median_of([bench.ref("scan_bench"), "shape", scan, "3"])})
    bench.add(TICKPUB, rounds, rounds.of("ours", "rate"),
              rounds.of("scan", "rate"),
              f"ours reads {bench.args.lines} lines from a file and writes "
              f"them to /dev/null; the scanner reads {SCAN_LINES} in memory")


def bargen_argv(bench, resolutions):
    return [bench.tool("bargen"), "--stdin", "--stdout", "--no-redis",
            "--final-only", "--price", "bid", "--log-level", "error",
            "--resolutions", resolutions]


def bars(bench):
    path, lines = bench.ticks(bench.args.lines), bench.args.lines
    rounds = bench.interleave({
        "ours": per_second(bargen_argv(bench, "1"), path, lines),
        "limit": per_second([bench.ref("bars_limit")], path, lines)})
    sends = (f"both read the same {lines} lines from a file and write "
             "one-minute bars to /dev/null")
    bench.add(BARS, rounds, rounds.of("ours", "rate"),
              rounds.of("limit", "rate"), sends)
    bench.add(MEMORY, rounds, rounds.of("ours", "mib"),
              rounds.of("limit", "mib"), sends)


def names(bench):
    """Names that differ in few places must cost what random ones do."""
    lines = bench.args.lines
    chain, drawn = (bench.ticks(lines, form, "-s", str(OPTIONS))
                    for form in ("-c", "-a"))
    # Quarters of an hour: the names count for more than the bars written.
    argv = bargen_argv(bench, "15")
    rounds = bench.interleave({
        "ours": per_second(argv, chain, lines),
        "random": per_second(argv, drawn, lines),
        "many": per_second(bargen_argv(bench, WIDTHS), chain, lines)})
    sends = (f"both read {lines} lines of {OPTIONS} symbols with names of 19 "
             "bytes and write to /dev/null")
    bench.add(NAMES, rounds, rounds.of("ours", "rate"),
              rounds.of("random", "rate"), sends)
    bench.add(MANY, rounds, rounds.of("many", "mib"),
              rounds.of("ours", "mib"), sends)


def long(bench):
    """What grows with the number of lines shows in ten times as many."""
    argv = bargen_argv(bench, "1")

    def sampler(lines):
        source = [bench.ref("gen_ticks"), "-n", str(lines)]

        def one():
            return {"mib": filter_output(argv, source)["kib"] / 1024}
        return one
    rounds = bench.interleave({"ours": sampler(LONG_LINES),
                               "tenth": sampler(LONG_LINES // 10)})
    bench.add(LONG, rounds, rounds.of("ours", "mib"),
              rounds.of("tenth", "mib"),
              "both read from a pipe ticks of 100 symbols and write one-minute "
              "bars to /dev/null")


def resolutions(bench):
    """What each further resolution costs, beside one fewer."""
    path, lines = bench.ticks(bench.args.lines), bench.args.lines
    rounds = bench.interleave({
        wide: per_second(bargen_argv(bench, wide), path, lines)
        for wide in RESOLUTIONS})
    first = rounds.of(RESOLUTIONS[0], "seconds")
    for spec, narrow, wide in zip(FURTHER, RESOLUTIONS, RESOLUTIONS[1:]):
        cost = [100 * (b - a) / one for one, a, b in zip(
            first, rounds.of(narrow, "seconds"), rounds.of(wide, "seconds"))]
        middle, low, high = middle_and_range(cost)
        bench.add(spec, rounds, rounds.of(wide, "rate"),
                  rounds.of(narrow, "rate"),
                  f"both are bargen over the same {lines} lines",
                  note=f"costs {middle:+.1f} % ({low:+.1f}..{high:+.1f}) of "
                  "what one resolution costs")


SECTIONS = {
    "scanner": (scanner, list(SCANNER.values())),
    "tickpub": (tickpub, [TICKPUB]),
    "bars": (bars, [BARS, MEMORY]),
    "names": (names, [NAMES, MANY]),
    "long": (long, [LONG]),
    "resolutions": (resolutions, FURTHER),
}
