"""scripts/deps: which packages it wants, what it says while apt works, and why
it failed.  apt-get is a stand-in here: nothing is installed."""
import os
import re
import shutil
import subprocess

import pytest

import harness

DEPS = harness.REPO / "scripts" / "deps"
NEEDS = ("sh", "awk", "cat", "env", "grep", "mktemp", "rm", "sed", "sort",
         "tail")

WORKS = """
all=$*
fd=${all#*Status-Fd=}
fd=${fd%% *}
# Programs that packages run write to standard output, which apt closes for
# them where it is also the status descriptor.
[ "$fd" -gt 2 ] || exit 100
case $* in
*' update') echo 'Hit:1 somewhere' ;;
*) echo '0 upgraded, 7 newly installed, 0 to remove and 0 not upgraded.'
   echo 'Need to get 12.3 MB of archives.'
   for n in 1 2 3 4 5 6 7; do
       echo "dlstatus:$n:$((n * 14)).2857:Retrieving file $n of 7" >&$fd
   done
   for n in 1 2 3 4 5 6 7; do
       echo "pmstatus:libx$n:$((n * 14)).2857:Installing libx$n" >&$fd
   done ;;
esac
"""


@pytest.fixture
def deps(tmp_path):
    """Run scripts/deps where nothing is installed and apt-get is `apt`."""
    for name in NEEDS:
        os.symlink(shutil.which(name), tmp_path / name)

    def program(name, text):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
    program("dpkg-query", "exit 1\n")
    program("sudo", "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec \"$@\"\n")

    def run(*args, apt=None, uid=0):
        program("id", "echo %d\n" % uid)
        if apt is not None:
            program("apt-get", apt)
        return subprocess.run([DEPS, *args], capture_output=True, text=True,
                              env={"PATH": str(tmp_path)},
                              timeout=harness.deadline(20))
    return run


def test_the_release_chooses_the_versions(deps):
    names = deps("--list", "build", "run", "web", "test", "lint", "fuzz",
                 "bench").stdout.split()
    assert {"gcc", "redis-server", "clang", "llvm", "libcjson-dev"} <= set(names)
    assert len(names) == len(set(names))
    # Debian 13 has no clang-14, and no release keeps a versioned name for long.
    assert not [n for n in names if re.search(r"-\d+(-dev)?$", n)]


def test_every_package_can_be_had_from_this_release(deps):
    if not shutil.which("apt-cache"):
        pytest.skip("this is not Debian")
    names = deps("--list", "build", "run", "web", "test", "lint", "fuzz",
                 "bench").stdout.split()
    said = subprocess.run(["apt-cache", "policy", *names], capture_output=True,
                          text=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
                          timeout=harness.deadline(60)).stdout
    if not re.search(r"Candidate: \d", said):
        pytest.skip("apt has no package lists: apt-get update")
    have = re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: \d", said, re.M)
    assert set(names) <= set(have)


def test_an_unknown_group_is_a_usage_error(deps):
    done = deps("build", "nonsense", apt="exit 1\n")
    assert done.returncode == 64 and "'nonsense'" in done.stderr


@pytest.mark.parametrize("uid", [0, 1000])
def test_progress_is_printed_while_apt_works(deps, uid):
    done = deps("build", apt=WORKS, uid=uid)
    assert done.returncode == 0, done.stderr
    assert "apt-get install gcc make" in done.stderr
    assert "7 newly installed" in done.stderr
    assert "Need to get 12.3 MB" in done.stderr
    assert len(re.findall(r"fetched \d+ %", done.stderr)) >= 5
    assert len(re.findall(r"installed \d+ %", done.stderr)) >= 5


@pytest.mark.parametrize("said, remedy", [
    ("Err:1 mirror trixie InRelease\n"
     "E: Temporary failure resolving 'mirror'", "is there a network"),
    ("E: Could not get lock /var/lib/dpkg/lock-frontend", "another apt"),
    ("E: Unable to locate package libwslay-dev", "sources.list"),
])
def test_a_failure_gives_the_reason_and_what_helps(deps, tmp_path, said, remedy):
    (tmp_path / "said").write_text(said + "\n")
    done = deps("build", apt="cat %s\nexit 100\n" % (tmp_path / "said"))
    assert done.returncode == 69
    assert "apt-get update failed" in done.stderr
    for line in said.splitlines():
        assert "deps:   " + line in done.stderr
    assert remedy in done.stderr


def test_a_failure_of_dpkg_shows_what_it_said(deps):
    done = deps("build", apt="case $* in *' update') exit 0 ;; esac\n"
                "echo 'update-something: no room'\n"
                "echo 'dpkg: error processing package something'\n"
                "echo 'E: Sub-process /usr/bin/dpkg returned an error code (1)'\n"
                "exit 100\n")
    assert done.returncode == 69
    assert "apt-get install failed" in done.stderr
    assert "update-something: no room" in done.stderr
    assert "dpkg: error processing package something" in done.stderr
    assert "E: Sub-process" in done.stderr
