"""A row of the yardstick: what was measured, and whether it can be used."""
from dataclasses import asdict, dataclass, field

from figures import middle_and_range, pair_ratios

# Fewer rounds say little: one disturbed round of three moves the median.
ROUNDS_MIN = 5
# Percent of one processor that other processes and the hypervisor may take.
# Wall time and latency suffer sooner than CPU time does.
BUSY_CPU, BUSY_WALL = 10.0, 5.0


@dataclass(frozen=True)
class Spec:
    """What a row is about, known before anything is measured."""

    key: str
    title: str
    unit: str
    time: str            # CPU, wall or memory
    reference: str
    more_is_better: bool = False
    digits: int = 3
    readme: bool = True  # also in README's table


@dataclass
class Load:
    """What the machine did beside one round."""

    average: float       # /proc/loadavg before it, one minute
    others: float        # CPU of other processes, percent of one processor
    steal: float         # taken by the hypervisor, percent of one processor

    @property
    def taken(self):
        return self.others + self.steal


@dataclass
class Row:
    spec: Spec
    sends: str                    # what each side sends or reads
    ours: list                    # a figure a round
    theirs: list
    loads: list = field(default_factory=list)
    faults: list = field(default_factory=list)  # a side did not do its work
    pooled: dict = None           # of latencies: ours, theirs, ratio, low, high
    note: str = ""

    @property
    def ratios(self):
        return pair_ratios(self.ours, self.theirs, self.spec.more_is_better)

    def ratio(self):
        """(ratio, least, largest); None where a side measured nothing."""
        if self.pooled:
            return (self.pooled["ratio"], self.pooled["low"],
                    self.pooled["high"])
        return middle_and_range(self.ratios) if self.ratios else None

    def figure(self, side):
        """(median or pooled figure, least, largest of the rounds)."""
        values = self.ours if side == "ours" else self.theirs
        middle, low, high = middle_and_range(values)
        return (self.pooled[side] if self.pooled else middle), low, high

    def busy_limit(self, scale=1.0):
        return {"CPU": BUSY_CPU, "wall": BUSY_WALL}.get(
            self.spec.time, float("inf")) * scale

    def busy_rounds(self, scale=1.0):
        limit = self.busy_limit(scale)
        return sum(load.taken > limit for load in self.loads)

    def why_unusable(self, scale=1.0):
        """Empty for a row that can be used.  A median stands one disturbed
        round in four; two in five may be what it is made of."""
        if self.faults:
            more = len(self.faults) - 1
            return self.faults[0] + (f", and {more} like it" if more else "")
        if not self.ratio():
            return "a side measured nothing"
        if len(self.ours) < ROUNDS_MIN:
            return f"fewer than {ROUNDS_MIN} rounds"
        busy = self.busy_rounds(scale)
        if busy * 4 > len(self.loads):
            return (f"machine busy in {busy} of {len(self.loads)} rounds "
                    f"(limit {self.busy_limit(scale):g} % of a processor)")
        return ""


def to_json(row, scale=1.0):
    """Everything that is needed to print or compare the row again."""
    out = asdict(row)
    out["unusable"] = row.why_unusable(scale)
    ratio = row.ratio()
    out["ratio"] = list(ratio) if ratio else None
    return out


def from_json(data):
    data = {k: v for k, v in data.items() if k not in ("unusable", "ratio")}
    data["spec"] = Spec(**data["spec"])
    data["loads"] = [Load(**load) for load in data["loads"]]
    return Row(**data)
