"""The installed units under a real systemd: `make soak-systemd`.

In the order of a day: a start before Redis, events through the feed's pipe, an
invented market with crashes, more gateways, wrong settings, the stop.
"""
import re
import shutil
import time

import pytest
import redis

from harness import REPO, deadline, http_get, wait_until
from rawws import RawWs
from systemd_machine import Machine

TOOLS = ("tickpub", "bargen", "wsgate@8080", "ratelimitd")
PAGE = "http://127.0.0.1:8080/"
TRADE = ('{"type":"trade","symbol":"%s","time":%d,"price":100.50,"size":1,'
         '"id":"%d"}\n')


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    m = Machine(tmp_path_factory.mktemp("machine"))
    try:
        m.install()
        # A name, so that looking it up is known to work with so few rights.
        with open(m.path("etc/hosts"), "a") as hosts:
            hosts.write("\n127.0.0.1 redis.test\n")
        m.path("etc/tickwire/tickwire.env").write_text("REDIS_HOST=redis.test\n")
        m.boot()
        m.enter_network()
        yield m
    finally:
        m.off()


@pytest.fixture
def db():
    client = redis.Redis("127.0.0.1", socket_timeout=deadline(5))
    yield client
    client.close()


def active(machine, *tools):
    return all(machine.show(t)["ActiveState"] == "active" for t in tools)


def page_is_there():
    try:
        return http_get(PAGE, 1)[0] == 200
    except OSError:
        return False


def write_feed(machine, symbol, number):
    line = TRADE % (symbol, int(time.time() * 1000), number)
    # The container's /run is a file system of its own.
    pipe = "/proc/%d/root/run/tickwire/feed" % machine.init
    with open(pipe, "w") as f:
        f.write(line)


def newest(db, symbol):
    return (db.hget("last:market_data:" + symbol, "trade") or b"").decode()


def test_a_start_without_redis_waits_for_it(machine):
    machine.systemctl("enable", "tickwire.target")
    start = time.monotonic()
    machine.systemctl("start", "tickwire.target")
    assert time.monotonic() - start < deadline(5)
    wait_until(lambda: active(machine, "wsgate@8080", "ratelimitd"), 15,
               "those that work without Redis")
    wait_until(page_is_there, 5, "the page")
    for tool in ("tickpub", "bargen"):
        assert machine.show(tool)["ActiveState"] == "activating"
    machine.systemctl("start", "redis-server")
    wait_until(lambda: active(machine, *TOOLS), 15, "every tool is ready")
    assert [machine.show(t)["NRestarts"] for t in TOOLS] == ["0"] * 4


def test_the_tools_run_as_users_without_rights(machine):
    users = set()
    for tool in TOOLS:
        pid = machine.show(tool)["MainPID"]
        status = machine.call("cat", "/proc/%s/status" % pid).stdout
        fields = dict(line.split(":\t", 1) for line in status.splitlines()
                      if ":\t" in line)
        users.add(int(fields["Uid"].split()[0]))
        assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert len(users) == 4 and min(users) > 60000  # DynamicUser's range


def test_a_feed_is_a_unit_that_writes_to_the_pipe(machine, db):
    """The example of docs/operations.md, with a program that ends."""
    text = (REPO / "docs/operations.md").read_text()
    unit = re.search(r"^```ini\n(\[Unit\].*?)^```$", text, re.M | re.S).group(1)
    unit, count = re.subn(r"^ExecStart=.*$", "ExecStart=/bin/cat /etc/tickwire/"
                          "events", unit, flags=re.M)
    assert count == 1
    machine.path("etc/tickwire/events").write_text(
        TRADE % ("UNIT", int(time.time() * 1000), 7))
    machine.path("etc/systemd/system/feed.service").write_text(unit)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "feed")
    wait_until(lambda: '"id":"7"' in newest(db, "UNIT"), 10, "the trade")
    machine.systemctl("stop", "feed")


def test_events_that_a_feed_writes_while_tickpub_is_gone_arrive(machine, db):
    write_feed(machine, "FEED", 1)
    wait_until(lambda: '"id":"1"' in newest(db, "FEED"), 10, "the first trade")
    machine.kill("tickpub")
    write_feed(machine, "FEED", 2)
    wait_until(lambda: '"id":"2"' in newest(db, "FEED"), 10, "the second trade")
    wait_until(lambda: active(machine, "tickpub"), 10, "tickpub is back")
    assert machine.show("tickpub.socket")["ActiveState"] == "active"


def test_events_that_wait_do_not_start_tickpub_for_ever(machine, db):
    """A wrong setting and a feed that goes on: a few tries, then both failed."""
    settings = machine.path("etc/tickwire/tickpub.env")
    settings.write_text("TICKPUB_ROUTES_FILE=/nowhere\n")
    machine.systemctl("stop", "tickpub.service")
    write_feed(machine, "WAITS", 4)
    wait_until(lambda: machine.show("tickpub.socket")["ActiveState"] ==
               "failed", 10, "the pipe gives up")
    assert machine.show("tickpub")["ExecMainStatus"] == "78"
    log = machine.call("journalctl", "-u", "tickpub", "-o", "cat").stdout
    assert log.count("/nowhere") <= 4, log
    settings.unlink()
    machine.systemctl("start", "tickpub.service")
    write_feed(machine, "WAITS", 5)
    wait_until(lambda: '"id":"5"' in newest(db, "WAITS"), 10, "a trade arrives")


def newest_bar(db):
    return db.zrange("bars:history:SIM:1S", -1, -1)


def new_bars(db):
    """tickpub, Redis and bargen do their work."""
    before = newest_bar(db)
    wait_until(lambda: newest_bar(db) != before, 10, "a new bar")


def test_a_setting_makes_tickpub_invent_a_market(machine, db):
    settings = machine.path("etc/tickwire/tickpub.env")
    settings.write_text("SIMULATOR_SYMBOLS=SIM\n")
    machine.systemctl("restart", "tickpub")
    new_bars(db)


@pytest.mark.parametrize("tool", TOOLS)
def test_kill_9_takes_nothing_else_along(machine, db, tool):
    others = [t for t in TOOLS + ("redis-server",) if t != tool]
    before = {t: machine.show(t)["MainPID"] for t in others}
    start = time.monotonic()
    old = machine.kill(tool)
    misses = []

    def back():
        if not page_is_there():
            misses.append(time.monotonic() - start)
        assert db.ping()
        now = machine.show(tool)
        return now["ActiveState"] == "active" and now["MainPID"] != old

    wait_until(back, 5, "%s is back" % tool)
    seconds = time.monotonic() - start
    print("kill -9 %s: ready again after %.2f s; page away %d times, until "
          "%.2f s" % (tool, seconds, len(misses), max(misses, default=0)))
    if tool != "wsgate@8080":
        assert not misses
    wait_until(page_is_there, 5, "the page")
    new_bars(db)
    assert {t: machine.show(t)["MainPID"] for t in others} == before


def test_a_crash_of_redis_ends_no_tool(machine, db):
    before = {t: machine.show(t)["MainPID"] for t in TOOLS}
    old = machine.kill("redis-server")
    assert page_is_there()

    def back():
        now = machine.show("redis-server")
        return now["ActiveState"] == "active" and now["MainPID"] != old

    wait_until(back, 15, "Redis is back")
    new_bars(db)
    assert {t: machine.show(t)["MainPID"] for t in TOOLS} == before


def test_gateways_are_added_by_their_ports(machine):
    machine.systemctl("start", "wsgate@8081", "wsgate@8082")
    for port in (8080, 8081, 8082):
        assert http_get("http://127.0.0.1:%d/" % port)[0] == 200
    machine.systemctl("stop", "wsgate@8081", "wsgate@8082")
    assert page_is_there()


@pytest.mark.parametrize("tool,line,status", [
    ("bargen", "LOG_LEVEL=loud", "64"),
    ("bargen", "REDIS_PASSWORD=wrong", "77"),
    ("ratelimitd", "RATELIMIT_RULES=/nowhere", "78"),
])
def test_a_wrong_setting_is_tried_once(machine, tool, line, status):
    settings = machine.path("etc/tickwire/%s.env" % tool)
    settings.write_text(line + "\n")
    machine.call("systemctl", "restart", tool)  # fails, as it should
    wait_until(lambda: machine.show(tool)["ActiveState"] == "failed", 10,
               "%s gives up" % tool)
    now = machine.show(tool)
    assert (now["ExecMainStatus"], now["NRestarts"]) == (status, "0")
    settings.unlink()
    machine.systemctl("start", tool)
    assert active(machine, tool)


def test_a_reload_reads_the_rules_again(machine):
    """The settings are root's alone, the rules a file that anyone may read."""
    rules = machine.path("etc/tickwire/rules.json")
    shutil.copyfile(REPO / "ratelimitd/rules.example.json", rules)
    rules.chmod(0o644)
    settings = machine.path("etc/tickwire/ratelimitd.env")
    settings.write_text("RATELIMIT_RULES=/etc/tickwire/rules.json\n")
    settings.chmod(0o600)
    machine.systemctl("restart", "ratelimitd")
    pid = machine.show("ratelimitd")["MainPID"]
    machine.systemctl("reload", "ratelimitd")
    wait_until(lambda: "ev=reloaded rules=/etc/tickwire/rules.json" in
               machine.call("journalctl", "_PID=" + pid, "-o", "cat").stdout,
               5, "the reload in the log")
    assert machine.show("ratelimitd")["MainPID"] == pid


def test_every_tool_stops_in_under_five_seconds_but_for_the_drain(machine):
    """Of three clients the last is let go after two thirds of 20 s."""
    pids = {t: machine.show(t)["MainPID"] for t in TOOLS}
    assert "0" not in pids.values()
    clients = [RawWs(8080) for _ in range(3)]  # none answers a goodbye
    start = time.monotonic()
    machine.systemctl("stop", "tickwire.target")
    # PartOf= stops the tools by jobs of their own.
    for tools, bound in ([t for t in TOOLS if not t.startswith("wsgate")],
                         5), (TOOLS, 15):
        wait_until(lambda tools=tools: all(machine.show(t)["MainPID"] == "0"
                                           for t in tools),
                   start + bound - time.monotonic(), "%s stopped" % tools)
        print("stop: %.2f s" % (time.monotonic() - start))
    for client in clients:
        client.sock.close()
    for tool in TOOLS:
        now = machine.show(tool)
        assert (now["Result"], now["ActiveState"]) == ("success", "inactive")
        assert now["ExecMainStatus"] == "0"
