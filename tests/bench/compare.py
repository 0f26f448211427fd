"""Two runs beside each other: which rows moved, and whether that is explained."""
from report import ratio_text

MOVED = 0.10


def headline(row):
    """What must be the same again: (ratio, least, largest)."""
    return row.ratio() or (0.0, 0.0, 0.0)


def moved(a, b):
    before, after = headline(a)[0], headline(b)[0]
    return abs(after / before - 1) if before else float(after != before)


def reason(a, b, busy=1.0):
    """Why the row may have moved; empty where the runs do not say."""
    for name, row in (("first", a), ("second", b)):
        why = row.why_unusable(busy)
        if why:
            return f"the {name} run is unusable: {why}"
    (_, low_a, high_a), (_, low_b, high_b) = headline(a), headline(b)
    if low_a <= high_b and low_b <= high_a:
        return "the rounds of one run spread as far"
    return ""


def others(row):
    return max((load.taken for load in row.loads), default=0)


def compare(first, second, busy=1.0):
    """(lines, number of rows that moved and nothing says why)."""
    rows = {row.spec.key: row for row in second}
    both = [(row, rows[row.spec.key]) for row in first
            if row.spec.key in rows]
    lines, unexplained, stirred = [], 0, 0
    for a, b in both:
        far = moved(a, b)
        if far <= MOVED:
            continue
        why = reason(a, b, busy)
        stirred += 1
        unexplained += not why
        lines.append(
            f"{a.spec.title} / {a.spec.reference}: moved "
            f"{100 * far:.0f} %, {ratio_text(headline(a))} to "
            f"{ratio_text(headline(b))}; others took at most "
            f"{others(a):.0f} % and {others(b):.0f} % of a processor; "
            f"{why or 'NOT EXPLAINED'}")
    only = len(first) + len(second) - 2 * len(both)
    lines.append(
        f"{len(both)} rows in both runs, {len(both) - stirred} within "
        f"{100 * MOVED:.0f} %, {stirred} moved, {unexplained} of these not "
        f"explained" + (f"; {only} rows in one run only" if only else ""))
    return lines, unexplained
