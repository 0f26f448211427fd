"""The units of systemd/ as `make install` leaves them; no systemd runs here
(tests/soak/test_systemd.py boots one)."""
import os
import shlex
import shutil
import socket
import subprocess

import pytest

import harness
from harness import deadline

# The template stands for each of its instances.
UNITS = {"tickpub": "tickpub.service", "bargen": "bargen.service",
         "wsgate": "wsgate@.service", "ratelimitd": "ratelimitd.service"}
SECTIONS = {".service": {"Unit", "Service", "Install"},
            ".socket": {"Unit", "Socket", "Install"},
            ".target": {"Unit", "Install"}}


def make(target, prefix):
    subprocess.run(["make", "-s", target, "PREFIX=%s" % prefix], cwd=harness.REPO,
                   check=True, stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """The folder of the installed units; the tools that they start are there."""
    prefix = tmp_path_factory.mktemp("prefix")
    make("install-systemd", prefix)
    (prefix / "bin").mkdir()
    for name in UNITS:
        (prefix / "bin" / name).symlink_to(harness.tool_path(name))
    return prefix / "lib/systemd/system"


def read(path):
    """{section: {key: [values]}}; a key may stand there more than once."""
    found = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return found


def words(unit, section, key):
    return " ".join(unit[section].get(key, [])).split()


def analyze(*args):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run(["systemd-analyze", "--no-pager", *args], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)


def test_systemd_finds_nothing_to_say_about_the_units(units, monkeypatch):
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", "%s:" % units)
    paths = [str(p).replace("@.", "@8080.") for p in units.iterdir()]
    done = analyze("verify", "--man=no", *paths)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", UNITS.values())
def test_a_unit_exposes_little(units, name):
    """10 is a service with no protection at all; the threshold is in tenths."""
    done = analyze("security", "--offline=yes", "--threshold=20",
                   str(units / name))
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


def test_the_target_enables_every_unit_and_takes_it_along(units):
    target = read(units / "tickwire.target")
    assert set(words(target, "Install", "Also")) == {
        "tickpub.socket", "tickpub.service", "bargen.service",
        "ratelimitd.service", "wsgate@8080.service"}
    assert words(target, "Install", "WantedBy") == ["multi-user.target"]
    for path in units.iterdir():
        unit = read(path)
        assert set(unit) == SECTIONS[path.suffix], path.name
        if path.suffix != ".target":
            assert words(unit, "Unit", "PartOf") == ["tickwire.target"]
            assert words(unit, "Install", "WantedBy") == ["tickwire.target"]


@pytest.mark.parametrize("tool,name", UNITS.items())
def test_a_unit_restarts_crashes_but_no_wrong_settings(units, tool, name):
    unit = read(units / name)
    service = unit["Service"]
    assert service["Type"] == ["notify"]
    assert service["Restart"] == ["on-failure"]
    # Usage, refused by Redis, bad rules or routes.
    assert words(unit, "Service", "RestartPreventExitStatus") == [
        "64", "77", "78"]
    # Sooner than systemd's own limit of five starts in ten seconds would bear.
    assert service["RestartSec"] == ["1s"]
    assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]
    argv = shlex.split(service["ExecStart"][0])
    assert argv[0] == str(units.parents[2] / "bin" / tool)
    # Addresses and passwords come by environment, which others cannot read.
    assert not {"--redis", "--prefix"} & set(argv)
    assert "-/etc/tickwire/tickwire.env" in service["EnvironmentFile"]


@pytest.mark.parametrize("kind", ["path", "abstract"])
@pytest.mark.parametrize("name", UNITS)
def test_systemd_is_told_when_a_tool_is_ready_and_when_it_stops(
        units, name, kind, redis_server, tool, tmp_path):
    """Started with the arguments of its unit."""
    argv = shlex.split(read(units / UNITS[name])["Service"]["ExecStart"][0])
    if kind == "path":
        address = notify = str(tmp_path / "notify")
    else:
        notify = "@tickwire-test-%d-%s" % (os.getpid(), name)
        address = "\0" + notify[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(address)
        s.settimeout(deadline(10))
        t = tool(name, *argv[1:], stdin="pipe", ready=False,
                 env={"NOTIFY_SOCKET": notify, "REDIS_URL": redis_server.url,
                      "LISTEN": "127.0.0.1:0"})
        assert s.recv(100) == b"READY=1"
        assert t.terminate() == 0
        assert s.recv(100) == b"STOPPING=1"
