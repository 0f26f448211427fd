"""What is made of measured numbers: medians, ratios, pooled percentiles.

Everything here is a function of its arguments.  A ratio is above 1 where ours
is better than the reference, whatever the unit.
"""
import random
from statistics import median

BOOTSTRAPS = 400


def pair_ratios(ours, theirs, more_is_better):
    """The ratio of each round, from the two samples of that round."""
    pairs = [(a, b) for a, b in zip(ours, theirs) if a > 0 and b > 0]
    if more_is_better:
        return [a / b for a, b in pairs]
    return [b / a for a, b in pairs]


def parse_histogram(text):
    """{microseconds: count} of what `wsload -H` writes."""
    counts = {}
    for line in text.splitlines():
        value, count = line.split()
        counts[int(value)] = counts.get(int(value), 0) + int(count)
    return counts


def pool(histograms):
    """One histogram of all samples of several rounds."""
    total = {}
    for one in histograms:
        for value, count in one.items():
            total[value] = total.get(value, 0) + count
    return total


def percentile(histogram, q):
    """The least value that more than the share q of the samples are below."""
    wanted = q * sum(histogram.values())
    seen = 0
    for value in sorted(histogram):
        seen += histogram[value]
        if seen > wanted:
            return value
    return max(histogram, default=0)


def pooled_ratio(ours, theirs, q):
    """theirs/ours of the percentile over all samples, and where 90 % of the
    answers lie when whole rounds are drawn again (a bootstrap by rounds, since
    the samples of one round are not independent of each other)."""
    def ratio(a, b):
        return percentile(pool(b), q) / max(percentile(pool(a), q), 1)

    rounds = range(min(len(ours), len(theirs)))
    # A fixed seed: the same samples print the same range.
    draw = random.Random(1)
    again = []
    for _ in range(BOOTSTRAPS if len(rounds) > 1 else 0):
        picked = draw.choices(rounds, k=len(rounds))
        again.append(ratio([ours[i] for i in picked],
                           [theirs[i] for i in picked]))
    middle = ratio(ours, theirs)
    again = sorted(again) or [middle]
    tail = len(again) // 20
    return middle, again[tail], again[-1 - tail]


def middle_and_range(values):
    return median(values), min(values), max(values)
