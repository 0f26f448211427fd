"""How rows are printed for people."""

KINDS = {"CPU": "CPU time", "wall": "wall time", "memory": "memory"}


def figure_text(figure, digits):
    middle, low, high = figure
    return f"{middle:.{digits}f} ({low:.{digits}f}..{high:.{digits}f})"


def ratio_text(ratio):
    middle, low, high = ratio
    return f"{middle:.2f} ({low:.2f}..{high:.2f})"


def load_text(loads):
    if not loads:
        return "not measured"
    others = [load.others for load in loads]
    steal = [load.steal for load in loads]
    return (f"{loads[0].average:.2f} before; of one processor others took "
            f"{sorted(others)[len(others) // 2]:.0f} % "
            f"(most {max(others):.0f} %), the hypervisor {max(steal):.0f} %")


def row_lines(row, busy=1.0):
    """The block of one row."""
    spec = row.spec
    why = row.why_unusable(busy)
    width = max(4, len(spec.reference))
    yield f"{spec.title} [{KINDS[spec.time]}]"
    yield (f"  {'ours':<{width}}  "
           f"{figure_text(row.figure('ours'), spec.digits)} {spec.unit}")
    yield (f"  {spec.reference:<{width}}  "
           f"{figure_text(row.figure('theirs'), spec.digits)} {spec.unit}")
    ratio = row.ratio()
    if ratio:
        how = f"median of {len(row.ratios)} rounds"
        if row.pooled:
            how = (f"{row.pooled['samples']} samples of {len(row.ratios)} "
                   "rounds pooled")
        yield f"  ratio  {ratio_text(ratio)}, {how}{row.note and '; ' + row.note}"
    yield f"  sends  {row.sends}"
    yield f"  load   {load_text(row.loads)}"
    yield f"  {'UNUSABLE: ' + why if why else 'usable'}"
    yield ""


def heading(machine, rounds, busy_cpu, busy_wall):
    return (f"{machine['processors']} processors ({machine['processor']}), "
            f"kernel {machine['kernel']}; {rounds} rounds, ours and the "
            "reference by turns.\n"
            "Figure (least..largest of the rounds); a ratio is of the two in "
            "one round, above 1 is better than the reference.\n"
            f"A row is unusable where others took more than {busy_cpu:g} % of "
            f"one processor ({busy_wall:g} % for wall time) in more than one "
            "round in four.\n")


def closing(rows, busy=1.0):
    bad = sum(bool(row.why_unusable(busy)) for row in rows)
    if not bad:
        return f"{len(rows)} rows, all usable"
    return f"{len(rows)} rows, {len(rows) - bad} usable, {bad} not"
