"""scripts/keep: what it starts again, what it does not, what it passes on."""
import os
import shutil
import signal
import subprocess
import time

import pytest

import harness

KEEP = harness.REPO / "scripts" / "keep"
pytestmark = pytest.mark.skipif(not shutil.which("setpriv"),
                                reason="setpriv is not installed")


def heed_interrupts():
    """A shell that starts the tests with & has them ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def keep(tmp_path):
    """Start keep over a shell script; its output is in a file."""
    started = []

    def begin(script, stdin=subprocess.DEVNULL, prefix=()):
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
        log = tmp_path / "log"
        with open(log, "wb") as f:
            proc = subprocess.Popen([*prefix, str(KEEP), str(program)],
                                    stdin=stdin, stdout=f, stderr=f,
                                    cwd=tmp_path, start_new_session=True,
                                    preexec_fn=heed_interrupts)
        proc.log = log.read_text
        started.append(proc)
        return proc

    yield begin
    for proc in started:
        if proc.poll() is None:
            proc.kill()
            proc.wait()


def said(proc, text, count=1, seconds=10):
    harness.wait_until(lambda: proc.log().count(text) >= count, seconds,
                       lambda: "%d times %r in:\n%s" %
                       (count, text, proc.log()))


def gone(pid):
    """Ended, be it a zombie that nobody has waited for yet."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def pid_said(proc):
    said(proc, "pid=")
    return int(proc.log().split("pid=")[-1].split()[0])


def test_a_crash_is_followed_by_a_start_and_the_wait_grows(keep):
    proc = keep("echo up; kill -SEGV $$")
    said(proc, "starting it again in 0.2 s")
    said(proc, "starting it again in 0.4 s")
    said(proc, "starting it again in 0.8 s")
    said(proc, "was ended by signal 11", 3)
    assert proc.poll() is None


@pytest.mark.parametrize("status", [0, 64, 65, 69, 74, 77, 78, 126, 127])
def test_what_would_fail_again_is_not_started_again(keep, status):
    proc = keep("echo up; exit %d" % status)
    assert proc.wait(harness.deadline(5)) == status
    assert proc.log().count("up") == 1


def test_a_first_start_that_fails_ends_it_and_a_later_one_does_not(
        keep, tmp_path):
    proc = keep("echo up; exit 71")
    assert proc.wait(harness.deadline(5)) == 71
    assert "as soon as it was started" in proc.log()
    proc = keep("cd %s; [ -e ran ] && { echo up; exit 71; }; touch ran; "
                "kill -9 $$" % tmp_path)
    said(proc, "exited with 71; starting it again", 2)
    assert proc.poll() is None


def test_term_arrives_once_and_the_same_again_arrives_again(keep):
    proc = keep("trap 'echo term' TERM\necho pid=$$\n"
                "while :; do sleep 0.05; done")
    child = pid_said(proc)
    os.kill(proc.pid, signal.SIGINT)
    said(proc, "term")
    os.kill(proc.pid, signal.SIGTERM)  # foreman's, after Ctrl-C
    os.kill(proc.pid, signal.SIGINT)   # Ctrl-C once more
    said(proc, "term", 2)
    # It does not end: killed after 6 s, and nothing is left.
    assert proc.wait(harness.deadline(12)) == 137
    assert proc.log().count("term") == 2
    assert gone(child)


def test_hup_is_passed_on_and_the_program_goes_on(keep):
    proc = keep("trap 'echo reload' HUP\necho pid=$$\n"
                "while :; do sleep 0.05; done")
    pid_said(proc)
    os.kill(proc.pid, signal.SIGHUP)
    said(proc, "reload")
    assert proc.poll() is None and "again" not in proc.log()


def test_term_while_it_waits_to_start_again_ends_it(keep):
    proc = keep("echo up; kill -9 $$")
    said(proc, "starting it again in 3.2 s", seconds=20)
    began = time.monotonic()
    proc.terminate()
    proc.wait(harness.deadline(3))
    assert time.monotonic() - began < harness.deadline(1.5)


def test_the_program_reads_the_standard_input_of_keep(keep):
    r, w = os.pipe()
    proc = keep("read -r line; echo \"got $line\"", stdin=r)
    os.close(r)
    os.write(w, b"a line\n")
    assert proc.wait(harness.deadline(5)) == 0
    assert "got a line" in proc.log()
    os.close(w)


def test_the_program_dies_with_keep(keep):
    proc = keep("trap '' TERM\necho pid=$$\nexec sleep 1000")
    child = pid_said(proc)
    proc.kill()
    proc.wait()
    harness.wait_until(lambda: gone(child), 5, "the program is gone")


def test_keep_ends_with_what_started_it_even_if_the_program_hangs(keep):
    proc = keep("trap '' TERM\necho pid=$$ keeper=$PPID\n"
                "while :; do sleep 0.05; done",
                prefix=("sh", "-c", '"$@"; :', "-"))
    child = pid_said(proc)
    keeper = int(proc.log().split("keeper=")[1].split()[0])
    assert keeper != proc.pid
    proc.kill()
    proc.wait()
    harness.wait_until(lambda: gone(keeper) and gone(child), 12,
                       "keeper and program are gone")
