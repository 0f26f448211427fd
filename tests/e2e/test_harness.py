"""What the other tests rely on: a fault of a program fails the test."""
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import harness
import toolprocess
from harness import Tool

HERE = pathlib.Path(__file__).parent


@pytest.fixture
def faulty():
    """A program that is ready, and does the named fault on SIGTERM."""
    path = harness.testtool_path("faulty")

    def start(fault):
        return Tool("faulty", fault, path=path).wait_ready()
    return start


@pytest.fixture
def sanitized():
    """Skips where programs are built without sanitizers."""
    if subprocess.run([harness.testtool_path("faulty"), "sanitized"],
                      check=False).returncode:
        pytest.skip("built without sanitizers")


REPORTS = {"leak": "detected memory leaks",
           "use-after-free": "heap-use-after-free",
           "overflow": "signed integer overflow"}


@pytest.mark.parametrize("fault", sorted(REPORTS))
def test_a_fault_that_a_sanitizer_sees_fails_the_cleanup(
        faulty, sanitized, sanitizer_reports, fault):
    t = faulty(fault)
    with pytest.raises(pytest.fail.Exception, match="status 99"):
        t.cleanup()
    said = sanitizer_reports.pop()
    assert len(said) == 1
    assert REPORTS[fault] in said[0] and "faulty.c" in said[0]


@pytest.mark.parametrize("fault", sorted(REPORTS))
def test_a_status_that_the_test_has_seen_hides_no_report(
        faulty, sanitized, sanitizer_reports, fault):
    t = faulty(fault)
    assert t.terminate() == 99
    with pytest.raises(pytest.fail.Exception, match="status 99"):
        t.cleanup()
    assert sanitizer_reports.pop()


def test_what_a_program_has_written_is_there_however_late_its_reader_is(
        tool, monkeypatch):
    monkeypatch.setattr(toolprocess.Collected, "_keep_empty", lambda self: None)
    t = tool("tickpub", "--no-redis", "--tee", stdin="pipe").wait_ready()
    assert "ev=ready" in t.stderr
    t.write('{"type":"trade","symbol":"A","time":1700000000000,"price":1,'
            '"size":1}\n')
    t.close_stdin()
    assert t.proc.wait(harness.deadline(10)) == 0
    assert len(t.lines) == 1 and "ev=done" in t.stderr


def test_a_status_that_the_test_has_not_seen_fails_the_cleanup(faulty):
    t = faulty("status")
    with pytest.raises(pytest.fail.Exception, match="ended with status 3"):
        t.cleanup()
    t = faulty("status")
    assert t.terminate() == 3
    t.cleanup()


def test_a_program_that_stays_fails_the_cleanup(faulty, monkeypatch):
    monkeypatch.setattr(toolprocess, "STOP_S", 0.2)
    t = faulty("stay")
    with pytest.raises(pytest.fail.Exception, match="did not stop within"):
        t.cleanup()
    assert t.proc.returncode == -signal.SIGKILL


def test_a_program_that_was_frozen_is_continued_for_its_end(faulty):
    t = faulty("none")
    t.signal(signal.SIGSTOP)
    t.cleanup()
    assert t.proc.returncode == 0


def test_one_that_fails_does_not_leave_the_others_running(faulty):
    tools = [faulty("status"), faulty("none"), faulty("status")]
    with pytest.raises(pytest.fail.Exception, match="ended with status 3"):
        harness.stop_all(tools)
    assert [t.proc.returncode for t in tools] == [3, 0, 3]


def test_a_program_that_the_test_killed_has_no_status_to_expect(faulty):
    t = faulty("none")
    t.kill()
    t.cleanup()


INNER = """
import subprocess
import harness

PATH = harness.testtool_path("faulty")


def test_by_the_fixture(tool):
    tool("faulty", "leak", path=PATH).wait_ready()


def test_in_a_pipe_of_a_shell():
    # Nobody sees its status, nor what it writes.
    subprocess.run("'%s' leak now 2>/dev/null | cat" % PATH, shell=True,
                   env=harness.clean_env(), check=True)


def test_without_a_fault(tool):
    tool("faulty", "none", path=PATH).wait_ready()
"""


def test_a_leak_fails_the_test_however_the_program_was_started(
        sanitized, tmp_path):
    (tmp_path / "test_inner.py").write_text(INNER)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p",
         "conftest", "-rA", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE, text=True, check=False,
        timeout=harness.deadline(60))
    assert done.stdout.count("detected memory leaks") >= 2
    ends = {line.split(" ")[0] + line.rpartition("::")[2].split(" ")[0]
            for line in done.stdout.splitlines()
            if line.startswith(("PASSED ", "FAILED ", "ERROR "))}
    assert {"ERRORtest_by_the_fixture", "ERRORtest_in_a_pipe_of_a_shell",
            "PASSEDtest_without_a_fault"} <= ends
    assert "ERRORtest_without_a_fault" not in ends
