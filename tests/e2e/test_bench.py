"""The yardstick: its arithmetic, its marks, and README's table."""
import json
import subprocess
import sys
import time

import pytest

from harness import BIN, REPO, clean_env, deadline, wait_until

sys.path.insert(0, str(REPO / "tests/bench"))

import bench  # noqa: E402
import compare  # noqa: E402
import figures  # noqa: E402
import load  # noqa: E402
import machine  # noqa: E402
import peers  # noqa: E402
import readme  # noqa: E402
import report  # noqa: E402
import rounds  # noqa: E402
from row import Load, Row, Spec, from_json, to_json  # noqa: E402

QUIET = Load(0.1, 1.0, 0.0)
BUSY = Load(3.0, 60.0, 1.0)


def spec(**more):
    given = {"key": "k", "title": "a row", "unit": "us", "time": "CPU",
             "reference": "limit", **more}
    return Spec(**given)


def row(ours=(2.0,) * 5, theirs=(1.0,) * 5, loads=(QUIET,) * 5, faults=(),
        **more):
    return Row(spec(**more), "nothing", list(ours), list(theirs), list(loads),
               list(faults))


def test_a_ratio_is_of_the_two_samples_of_one_round():
    # Medians alone would say 1.0: 20 of each.  Each round says 2.
    ours, theirs = [10, 20, 40], [5, 10, 20]
    assert figures.pair_ratios(ours, theirs, True) == [2, 2, 2]
    assert figures.pair_ratios(ours, theirs, False) == [0.5, 0.5, 0.5]


def test_a_percentile_is_of_the_samples_of_all_rounds():
    rounds_ = [{100: 990, 200: 10}, {100: 900, 5000: 100}]
    assert figures.percentile(rounds_[0], 0.99) == 200
    assert figures.percentile(figures.pool(rounds_), 0.5) == 100
    assert figures.percentile(figures.pool(rounds_), 0.99) == 5000


def test_one_disturbed_round_widens_the_range_of_a_pooled_ratio():
    calm = [{100: 1000}] * 8
    disturbed = [{100: 1000}] * 7 + [{100: 900, 9000: 100}]
    assert figures.pooled_ratio(calm, calm, 0.99) == (1, 1, 1)
    middle, low, high = figures.pooled_ratio(disturbed, calm, 0.99)
    assert low < high and low <= middle <= high
    assert (middle, low, high) == figures.pooled_ratio(disturbed, calm, 0.99)


def test_a_histogram_of_the_load_client_is_read_and_summed():
    assert figures.parse_histogram("10 3\n250 1\n10 1\n") == {10: 4, 250: 1}


def test_what_others_used_is_busy_time_less_our_own():
    text = "cpu  100 0 50 1000 20 0 5 7 0 0\ncpu0 1 2 3 4\n"
    idle, steal = machine.parse_stat(text)
    assert (idle, steal) == (1020 / machine.TICK, 7 / machine.TICK)
    # 2 processors for 10 s, 13 s idle, 5 s ours, 0.5 s the kernel's threads':
    # 1.5 s are left, of which 1 s may be switching on our behalf.
    assert machine.others_share(10, 2, 13, 5, 0.5, 0) == pytest.approx(5)
    assert machine.others_share(10, 2, 13, 5, 0.5, 1) == pytest.approx(10)
    assert machine.others_share(10, 2, 19.9, 0.3, 0, 0) == 0


def test_a_process_with_blanks_in_its_name_is_read():
    text = "7 (a b) c) S 41 2 3 4 5 6 7 8 9 10 100 50 30 20 20 0 1"
    assert machine.parse_process(text) == (41, 200 / machine.TICK)


def test_the_meter_tells_its_own_processes_from_those_of_others():
    def used():
        stat = machine.read(f"/proc/{spin.pid}/stat")
        return machine.parse_process(stat)[1]

    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        others, own = machine.Meter(list), machine.Meter(lambda: [spin.pid])
        before = used()
        wait_until(lambda: used() - before >= 0.6, 60,
                   "0.6 s of CPU for the loop")
        seen, not_seen = others.stop(), own.stop()
        share = 100 * 0.6 / (time.monotonic() - others.at)
        assert seen.others > share / 2
        assert seen.others - not_seen.others > share / 2
    finally:
        spin.kill()
        spin.wait()


def test_a_row_that_was_disturbed_is_marked_unusable():
    assert row().why_unusable() == ""
    assert row(loads=[BUSY] + [QUIET] * 4).why_unusable() == ""
    assert "busy in 2 of 5" in row(loads=[BUSY] * 2 + [QUIET] * 3).why_unusable()
    # Wall time suffers sooner than CPU time, memory not at all.
    seven = [Load(0.5, 7.0, 0.0)] * 5
    assert row(loads=seven).why_unusable() == ""
    assert "busy in 5 of 5" in row(loads=seven, time="wall").why_unusable()
    assert row(loads=[BUSY] * 5, time="memory").why_unusable() == ""
    # --max-load 100
    assert row(loads=[BUSY] * 5).why_unusable(10.0) == ""


def test_a_row_of_few_rounds_or_of_other_work_is_unusable():
    assert "fewer than 5" in row((1, 1), (1, 1), [QUIET] * 2).why_unusable()
    assert "lost 3" in row(faults=["ours: lost 3"] * 2).why_unusable()
    assert "nothing" in row(theirs=[0] * 5).why_unusable()


def test_a_row_says_its_time_its_load_and_what_is_sent():
    text = "\n".join(report.row_lines(row(
        (3.0, 1.0, 2.0, 5.0, 4.0), (6.0, 2.0, 4.0, 10.0, 8.0), [BUSY] * 5)))
    assert "a row [CPU time]" in text
    assert "ours   3.000 (1.000..5.000) us" in text
    assert "limit  6.000 (2.000..10.000) us" in text
    assert "ratio  2.00 (2.00..2.00), median of 5 rounds" in text
    assert "sends  nothing" in text
    assert "load   3.00 before; of one processor others took 60 %" in text
    assert "UNUSABLE: machine busy in 5 of 5 rounds" in text
    assert "2 rows, 1 usable, 1 not" == report.closing(
        [row(), row(loads=[BUSY] * 5)])


def test_rounds_go_by_turns_and_backwards_in_every_other():
    order = []
    got = rounds.interleave({
        name: lambda name=name: order.append(name) or {"x": len(order)}
        for name in ("ours", "limit")}, 3)
    assert order == ["ours", "limit", "limit", "ours", "ours", "limit"]
    assert got.of("ours", "x") == [1, 4, 5] and got.of("limit", "x") == [2, 3, 6]
    assert len(got.loads) == 3


LINE = ("run conns 100 win 0 rate 1000 | deliv 99000/s published 1000/s | lat "
        "us p50 300 p99 900 p99.9 1000 max 1100 (n 1) | server cpu 10% 0.040 "
        "s/M | client cpu 5% 4.8 deliv/read 9.9 MB/s | closed 0 fail 0 stalls "
        "0 lost 0 rss 9000 KiB")


def test_the_line_of_the_load_client_is_read():
    got = load.parse(LINE)
    assert got["rate"] == 0.099 and got["cpu"] == 0.04
    assert got["bytes"] == pytest.approx(100)
    assert got["faults"] == []


@pytest.mark.parametrize("was,becomes,fault", [
    ("deliv 99000/s", "deliv 50000/s", "delivered 50 % of what was published"),
    ("closed 0", "closed 7", "closed 7"),
    ("lost 0", "lost 9", "lost 9"),
    ("10% 0.040", "0% 0.000", "its CPU time was not seen"),
])
def test_a_side_that_did_not_do_its_work_is_told(was, becomes, fault):
    assert load.parse(LINE.replace(was, becomes))["faults"] == [fault]


def test_a_load_client_that_lost_everybody_is_a_fault_not_an_end():
    line = LINE.replace("deliv 99000/s", "deliv -nan/s").replace(
        "published 1000/s", "published -nan/s").replace(
        "10% 0.040", "-nan% 0.000").replace("5% 4.8", "inf% 4.8")
    assert load.parse(line)["faults"] == ["delivered nothing"]


def test_a_saved_row_comes_back_as_it_was():
    first = row(loads=[QUIET] * 4 + [BUSY])
    assert from_json(json.loads(json.dumps(to_json(first)))) == first


def test_compare_names_the_rows_that_moved_and_why():
    before = [row(key="same"), row(key="moved"), row(key="wide"),
              row(key="busy"), row(key="gone")]
    after = [row(key="same", ours=(1.9,) * 5),
             row(key="moved", ours=(1.0,) * 5),
             row(key="wide", ours=(1.0, 1.0, 1.0, 1.0, 2.5)),
             row(key="busy", ours=(1.0,) * 5, loads=[BUSY] * 5)]
    lines, unexplained = compare.compare(before, after)
    assert unexplained == 1
    assert len(lines) == 4
    assert "moved 100 %" in lines[0] and "NOT EXPLAINED" in lines[0]
    assert "spread as far" in lines[1]
    assert "second run is unusable: machine busy" in lines[2]
    assert "at most 1 % and 61 %" in lines[2]
    assert lines[3].startswith("4 rows in both runs, 1 within 10 %, 3 moved, "
                               "1 of these not explained; 1 rows in one")


def a_run(name, rows):
    return {"name": name, "rows": rows, "busy": 1.0, "rounds": 5,
            "machine": {"processors": 2, "processor": "x", "kernel": "y"}}


def test_the_table_goes_between_its_markers_and_nowhere_else():
    run = a_run("make bench", [row(), row(title="hidden", readme=False),
                               row(title="bad", loads=[BUSY] * 5)])
    block = readme.block(run)
    old = block.replace("a row", "an older row")
    text = readme.replace("before\n" + old + "after\n", run)
    assert text == "before\n" + block + "after\n"
    assert "hidden" not in block and "2 of 3 rows usable" in block
    assert "| bad | CPU | " in block and "not usable: machine busy" in block
    with pytest.raises(ValueError):
        readme.replace("no markers", run)


@pytest.mark.parametrize("kind", ["own", "peers"])
def test_the_table_of_the_readme_is_the_one_that_the_tool_prints(kind):
    cells = readme.cells((REPO / "README.md").read_text(),
                         bench.KINDS[kind][0])
    head = [[c.strip() for c in line.strip("|").split("|")]
            for line in readme.HEADER.splitlines()]
    assert cells[:2] == head
    shown = [s for s in bench.specs(kind) if s.readme]
    assert [(c[0], c[3].split(":")[0]) for c in cells[2:]] == [
        (s.title, s.reference) for s in shown]
    assert all(len(c) == len(head[0]) for c in cells)


@pytest.mark.parametrize("kind", list(bench.KINDS))
def test_every_row_has_a_key_and_a_time_of_its_own(kind):
    specs = bench.specs(kind)
    assert len({s.key for s in specs}) == len(specs)
    assert {s.time for s in specs} <= set(report.KINDS)


def test_a_peer_that_is_missing_is_named_and_skipped(tmp_path):
    said = []
    args = bench.parse(["--peers", "--peer-dir", str(tmp_path)])
    here = peers.present(rounds.Bench(args, said.append), ["DuckDB", "mawk"])
    assert "DuckDB" not in here
    assert any("skipped: DuckDB" in text for text in said)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A folder with the one reference program that the runs below need."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run(["gcc", "-O1", "-w", "-o", str(folder / "gen_ticks"),
                    str(REPO / "tests/bench/gen_ticks.c")], check=True)
    return folder


def run_bench(reference, *options, section="resolutions"):
    return subprocess.run(
        [sys.executable, str(REPO / "tests/bench/bench.py"), "--bin", str(BIN),
         "--ref", str(reference), "--only", section, "--lines", "5000",
         *options], stdout=subprocess.PIPE, text=True, env=clean_env(),
        timeout=deadline(60))


def test_a_run_prints_saves_and_counts_its_rows(reference, tmp_path):
    path = tmp_path / "run.json"
    done = run_bench(reference, "--rounds", "5", "--max-load", "1000",
                     "--json", str(path))
    assert done.returncode == 0
    assert "4 rows, all usable; " in done.stdout
    assert "bargen, resolution 2 (1,5 beside 1) [CPU time]" in done.stdout
    assert "of what one resolution costs" in done.stdout
    run = bench.load(str(path))
    assert [r.spec.key for r in run["rows"]] == [
        f"resolution-{n}" for n in (2, 3, 4, 5)]
    assert all(len(r.ours) == len(r.loads) == 5 for r in run["rows"])
    assert "bargen, resolution 5 (1,5,15,60,D beside 1,5,15,60) | CPU" \
        in readme.block(run)


def test_a_section_that_fails_does_not_end_the_others(reference, tmp_path):
    path = tmp_path / "run.json"
    done = run_bench(reference, "--only", "scanner", "--rounds", "5",
                     "--max-load", "1000", "--json", str(path))
    assert done.returncode == 1
    assert "FAILED: section scanner" in done.stdout
    assert "4 rows, all usable" in done.stdout
    assert len(bench.load(str(path))["rows"]) == 4


def test_a_run_with_unusable_rows_has_a_status_of_its_own(reference):
    done = run_bench(reference, "--rounds", "1", "--max-load", "1000")
    assert done.returncode == bench.SOME_UNUSABLE
    assert "4 rows, 0 usable, 4 not" in done.stdout


def test_two_builds_are_measured_beside_each_other(reference, tmp_path):
    """The other build's tools really run: here they note that they did."""
    base = tmp_path / "base"
    base.mkdir()
    for name in ("tickpub", "bargen"):
        (base / name).write_text(f"#!/bin/sh\necho >>{tmp_path}/{name}.ran\n"
                                 f"exec {BIN}/{name} \"$@\"\n")
        (base / name).chmod(0o755)
    done = run_bench(reference, "--base", str(base), "--rounds", "5",
                     "--max-load", "1000", section="build-lines")
    assert done.returncode == 0
    assert "3 rows, all usable; " in done.stdout
    assert "the other build" in done.stdout
    assert len((tmp_path / "tickpub.ran").read_text()) == 5
    assert len((tmp_path / "bargen.ran").read_text()) == 10


def test_a_section_of_another_kind_of_run_is_refused(reference):
    done = run_bench(reference, "--base", "/", section="fanout")
    assert done.returncode == 2
