"""make cov: the table counts what ran, and too little fails."""
import shutil
import subprocess

import pytest

import harness

FOLDERS = ("common", "tickpub", "bargen", "wsgate", "ratelimitd")
HALF = """\
int half(int n);
int half(int n)
{
    if (n > 0)
        return 1;
    return 2;
}
int main(void)
{
    return half(1) - 1;
}
"""


@pytest.fixture
def measured(tmp_path):
    """A tree with one program in each folder, each of which ran half of it."""
    if shutil.which("gcovr") is None:
        pytest.skip("gcovr is not installed")
    (tmp_path / "scripts").mkdir()
    shutil.copy(harness.REPO / "scripts" / "cov", tmp_path / "scripts")
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "half.c").write_text(HALF)
        out = tmp_path / "build" / "cov" / folder
        out.mkdir(parents=True)
        subprocess.run(["gcc", "--coverage", "-o", out / "half",
                        "%s/half.c" % folder], cwd=tmp_path, check=True)
        subprocess.run([out / "half"], check=True)

    def run(lines, branches):
        return subprocess.run(
            [tmp_path / "scripts" / "cov", str(lines), str(branches)],
            capture_output=True, text=True, timeout=harness.deadline(60))
    run.html = tmp_path / "build" / "cov" / "html" / "index.html"
    return run


def test_each_folder_has_a_row_of_lines_and_branches(measured):
    done = measured(80, 50)
    assert done.returncode == 0, done.stderr
    rows = [row.split() for row in done.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == list(FOLDERS) + ["total"]
    for row in rows[:-1]:
        assert row[1:] == "5 / 6 83.3 % 1 / 2 50.0 %".split()
    assert rows[-1][1:] == "25 / 30 83.3 % 5 / 10 50.0 %".split()
    assert "half.c" in measured.html.read_text()


@pytest.mark.parametrize("lines,branches", [(84, 50), (80, 51)])
def test_a_folder_below_the_least_that_is_wanted_fails(measured, lines,
                                                       branches):
    done = measured(lines, branches)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 7
    assert done.stderr == (
        "cov: less than %d %% of lines or %d %% of branches: common tickpub "
        "bargen wsgate ratelimitd total\n" % (lines, branches))
