"""README's tables: made from what was measured, never typed."""
from report import KINDS, figure_text, ratio_text

HEADER = ("| what | time | ours | reference | ratio (range) |\n"
          "|---|---|---|---|---|")
BEGIN = "<!-- {name}: printed by the tool, do not edit -->"
END = "<!-- end of {name} -->"


def table_row(row, busy=1.0):
    spec, why = row.spec, row.why_unusable(busy)
    ours = f"{figure_text(row.figure('ours'), spec.digits)} {spec.unit}"
    theirs = (f"{spec.reference}: "
              f"{figure_text(row.figure('theirs'), spec.digits)}")
    ratio = ratio_text(row.ratio()) if row.ratio() else ""
    if why:
        ratio = f"{ratio} not usable: {why.split(' (')[0]}".strip()
    if row.note:
        ours += f", {row.note.split(' of what')[0]}"
    return (f"| {spec.title} | {KINDS[spec.time].split()[0]} | {ours} | "
            f"{theirs} | {ratio} |")


def block(run):
    """The table of one run between its two marker comments."""
    rows, busy = run["rows"], run["busy"]
    usable = sum(not row.why_unusable(busy) for row in rows)
    machine = run["machine"]
    version = ".".join(machine["kernel"].split(".")[:2])
    lines = [BEGIN.format(name=run["name"]),
             f"`{run['name']}` on {machine['processors']} processors "
             f"({machine['processor']}), kernel {version}, "
             f"{run['rounds']} rounds; {usable} of {len(rows)} rows usable:",
             "", HEADER]
    lines += [table_row(row, busy) for row in rows if row.spec.readme]
    return "\n".join(lines + [END.format(name=run["name"])]) + "\n"


def replace(text, run):
    """`text` with the block of this run in place of the one it has."""
    begin, end = BEGIN.format(name=run["name"]), END.format(name=run["name"])
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"no markers of '{run['name']}'")
    head, rest = text.split(begin)
    _, tail = rest.split(end + "\n")
    return head + block(run) + tail


def cells(text, name):
    """The table of this name in README, a list of cells a line."""
    body = text.split(BEGIN.format(name=name))[1].split(
        END.format(name=name))[0]
    table = [line for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in table]
