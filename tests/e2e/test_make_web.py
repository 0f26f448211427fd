"""make web: nothing that is not the pinned package gets into the page."""
import os
import shutil
import subprocess

import pytest

import harness

NEEDS = ("sh", "rm", "mkdir", "sha512sum", "cat", "echo", "tail", "tar", "mv",
         "dirname")


@pytest.fixture
def tree(tmp_path):
    """A tree with scripts/web, and a PATH that holds no npm but ours."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "wsgate" / "web").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    shutil.copy(harness.REPO / "scripts" / "web", tmp_path / "scripts")
    for name in NEEDS:
        os.symlink(shutil.which(name), tmp_path / "bin" / name)

    def run(npm=None, **env):
        if npm is not None:
            path = tmp_path / "bin" / "npm"
            path.write_text("#!/bin/sh\n" + npm)
            path.chmod(0o755)
        return subprocess.run(
            [tmp_path / "scripts" / "web"], capture_output=True, text=True,
            env={"PATH": str(tmp_path / "bin"), **env},
            timeout=harness.deadline(20))
    run.vendor = tmp_path / "wsgate" / "web" / "vendor"
    return run


def test_a_missing_npm_is_reported_and_no_error(tree):
    done = tree()
    assert done.returncode == 0
    assert "npm is missing" in done.stderr and "make deps" in done.stderr
    assert not tree.vendor.exists()


def test_a_missing_npm_is_an_error_where_that_is_wanted(tree):
    assert tree(STRICT="1").returncode == 1


def test_a_network_that_is_down_is_reported_and_no_error(tree):
    done = tree("echo 'npm error no network' >&2; exit 1\n")
    assert done.returncode == 0
    assert "no network" in done.stderr
    assert not tree.vendor.exists()


def test_a_package_with_another_digest_is_never_used(tree):
    done = tree("echo evil > lightweight-charts-4.2.3.tgz\n")
    assert done.returncode == 1
    assert "is not the package that was pinned" in done.stderr
    assert not tree.vendor.exists()


def test_what_is_there_already_needs_neither_npm_nor_network(tree):
    have = harness.REPO / "wsgate" / "web" / "vendor"
    if not (have / ".stamp").exists():
        pytest.skip("needs the chart library: make web")
    shutil.copytree(have, tree.vendor)
    done = tree()
    assert done.returncode == 0 and done.stdout == done.stderr == ""
    (tree.vendor / "lightweight-charts.mjs").write_text("changed")
    assert "npm is missing" in tree().stderr
