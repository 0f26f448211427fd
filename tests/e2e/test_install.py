"""make install and make uninstall: what is put where, and what is left."""
import os
import platform
import re
import subprocess

import pytest

import harness

TOOLS = ("tickpub", "bargen", "wsgate", "ratelimitd")


def make(*args):
    """make in the repository, without building what the tests run."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DESTDIR", "PREFIX")}
    done = subprocess.run(
        ["make", "--no-print-directory", "-o", "all", *args],
        cwd=harness.REPO, env=env, capture_output=True, text=True,
        timeout=harness.deadline(60))
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def at(tmp_path):
    """Run a target with DESTDIR=tmp_path/root PREFIX=/opt/tw."""
    for t in TOOLS:
        harness.tool_path(t)

    def run(target, *args):
        return make(target, "BIN=%s" % harness.BIN,
                    "DESTDIR=%s" % (tmp_path / "root"), "PREFIX=/opt/tw", *args)
    run.root = tmp_path / "root"
    run.prefix = run.root / "opt" / "tw"
    return run


def readelf(flag, path):
    return subprocess.run(["readelf", "-W", flag, path], check=True,
                          capture_output=True).stdout.decode(errors="replace")


def paths(top):
    return sorted(str(p.relative_to(top)) for p in top.rglob("*"))


def test_programs_are_stripped_and_their_symbols_kept_aside(at):
    at("install")
    for t in TOOLS:
        program = at.prefix / "bin" / t
        sections = readelf("-S", program)
        assert ".debug_info" not in sections and ".symtab" not in sections
        assert "%s.debug" % t in readelf("-p.gnu_debuglink", program)
        symbols = at.prefix / "lib/debug/opt/tw/bin" / (t + ".debug")
        assert ".debug_info" in readelf("-S", symbols)
        build = re.search("Build ID: (.*)", readelf("-n", program))[1]
        assert "Build ID: " + build in readelf("-n", symbols)
        said = subprocess.run([program, "--version"], capture_output=True,
                              text=True, env=harness.clean_env(),
                              timeout=harness.deadline(10))
        assert said.returncode == 0 and t in said.stdout
        assert (at.prefix / "share/man/man1" / (t + ".1")).exists()
    assert (at.prefix / "lib/systemd/system/bargen.service").exists()
    web = harness.REPO / "wsgate" / "web"
    installed = at.prefix / "share" / "tickwire" / "web"
    assert paths(installed) == paths(web)
    assert (installed / "index.html").read_bytes() == \
        (web / "index.html").read_bytes()


def test_debug_symbols_go_where_they_are_wanted(at):
    at("install", "DEBUGDIR=/usr/lib/debug")
    assert (at.root / "usr/lib/debug/opt/tw/bin/wsgate.debug").exists()
    at("uninstall", "DEBUGDIR=/usr/lib/debug")
    assert paths(at.root) == []


def test_uninstall_removes_what_install_put_and_nothing_else(at):
    ours = at.prefix / "bin" / "other"
    ours.parent.mkdir(parents=True)
    ours.write_text("not tickwire's")
    (at.prefix / "share" / "man").mkdir(parents=True)
    before = paths(at.root)
    at("install")
    at("install")  # a second time changes nothing about that
    page = at.prefix / "share" / "tickwire" / "web" / "own.html"
    page.write_text("the operator's")
    at("uninstall")
    assert paths(at.root) == sorted(before + [
        "opt/tw/share/tickwire", "opt/tw/share/tickwire/web",
        "opt/tw/share/tickwire/web/own.html"])
    page.unlink()
    assert "nothing is installed" in at("uninstall").stderr


def test_what_an_earlier_version_put_goes_with_the_next(at):
    at("install")
    manifest = at.prefix / "share" / "tickwire" / "manifest"
    old = at.prefix / "share" / "tickwire" / "old" / "page.html"
    old.parent.mkdir()
    old.write_text("of the version before")
    manifest.write_text(manifest.read_text() + "/opt/tw/share/tickwire/old/\n"
                        "/opt/tw/share/tickwire/old/page.html\n")
    at("install")
    assert not old.exists()
    at("uninstall")
    assert paths(at.root) == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86 has it")
def test_a_release_is_built_with_control_flow_protection(tmp_path):
    obj = tmp_path / "common" / "base" / "err.o"
    make("BUILD=release", "B=%s" % tmp_path, str(obj))
    assert "IBT" in readelf("-n", obj)
