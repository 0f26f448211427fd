"""`foreman start` in a clean clone: the page, its ports, crashes, the end."""
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time

import pytest
import redis

import harness
import pipeline
from wsclient import WsClient

pytestmark = pytest.mark.skipif(
    not (shutil.which("foreman") and shutil.which("setpriv")),
    reason="foreman or setpriv is not installed")


@pytest.fixture
def clone(tmp_path):
    return pipeline.clean_clone(tmp_path / "clone")


@pytest.fixture
def start(clone):
    """Start pipelines in the clone; they are gone after the test."""
    started = []

    def begin(*args, **kw):
        started.append(pipeline.Pipeline(clone, *args, **kw))
        return started[-1]

    yield begin
    for p in started:
        p.close()
    for p in started:
        for fault in ("ERROR: AddressSanitizer", "LeakSanitizer",
                      "runtime error:", "Assertion"):
            assert fault not in p.output, p.output[-4000:]


def prices_move(p, add=0):
    """The page is there, and its WebSocket brings prices that change, and
    bars."""
    status, body = harness.http_get(p.url("/", add))
    assert status == 200 and b"<title>" in body
    with WsClient("ws://127.0.0.1:%d/ws" % (p.base + add)) as ws:
        ws.subscribe("market_data:AAPL", "bars:AAPL:1S")
        harness.wait_until(
            lambda: len({m["data"].get("bid", m["data"].get("price"))
                         for m in ws.of("update", "market_data:AAPL")}) >= 3
            and ws.of("update", "bars:AAPL:1S"), 20,
            lambda: "prices and bars; output:\n" + p.output[-3000:])


def own_redis(p, **kw):
    return redis.Redis("127.0.0.1", p.redis_port, socket_timeout=harness.deadline(5),
                       **kw)


def test_foreman_start_brings_a_page_with_moving_prices(start):
    p = start().wait_pages()
    prices_move(p)
    # The ports of the README: a hundred apart, in the order of the Procfile.
    for n, name in enumerate(pipeline.TOOLS):
        assert p.get("/health", n * 100) == 200, name
    assert own_redis(p).ping()


def test_it_starts_with_env_copied_from_the_example(start):
    text = (harness.REPO / ".env.example").read_text()
    p = start(dotenv=text).wait_pages()
    prices_move(p)
    assert own_redis(p).ping()


def test_it_starts_with_every_line_of_the_example_uncommented(
        start, redis_server):
    text = (harness.REPO / ".env.example").read_text()
    text = re.sub(r"^#([A-Z][A-Z_]*=)", r"\1", text, flags=re.M)
    for name, value in (("REDIS_URL", redis_server.url),
                        ("HTTP_LISTEN", "127.0.0.1:%d" % redis_server.port),
                        ("ADMIN", "127.0.0.1:%d" % redis_server.port),
                        ("BAR_GENERATOR_RESOLUTIONS", '"1,1S"')):
        text, n = re.subn(r"^%s=.*$" % name, "%s=%s" % (name, value), text,
                          flags=re.M)
        assert n == 1, name
    p = start("-m", "all=1,wsgate=2", dotenv=text).wait_pages(adds=(0, 1))
    prices_move(p, 1)


def test_three_gateways_have_three_ports(start):
    p = start("-m", "all=1,wsgate=3").wait_pages(adds=(0, 1, 2))
    assert len(p.pids("wsgate")) == 3
    for add in range(3):
        prices_move(p, add)


@pytest.mark.parametrize("how", ["terminal", "INT", "TERM", "HUP"])
def test_ctrl_c_ends_everything_in_time(start, how):
    """Ctrl-C at a terminal, or a signal to foreman alone."""
    p = start("-m", "all=1,wsgate=2").wait_pages(adds=(0, 1))
    with WsClient("ws://127.0.0.1:%d/ws" % p.base) as ws:
        ws.subscribe("market_data:AAPL")
        before = time.monotonic()
        if how == "terminal":
            p.interrupt()
        else:
            os.kill(p.proc.pid, signal.Signals["SIG" + how])
        assert p.wait_end() == 0, p.output[-3000:]
        took = time.monotonic() - before
    # In order: each tool was asked once, and none was killed.
    assert took < harness.deadline(6)
    assert "sending SIGKILL" not in p.output
    assert "ev=stop_now" not in p.output
    # Redis went last: nothing that was accepted is lost.
    assert "ev=lost" not in p.output
    assert "ev=redis_down" not in p.output.split("starting shutdown")[1]
    assert ws.close_code == 1001
    for add in (0, 1, 100, 200, 300, 450):
        assert pipeline.is_free(p.base + add)


def test_nothing_is_left_when_foreman_is_killed(start):
    p = start().wait_pages()
    with WsClient("ws://127.0.0.1:%d/ws" % p.base) as ws:
        ws.subscribe("market_data:AAPL")
        p.proc.kill()
        p.wait_end()
    assert ws.close_code == 1001  # it ended as at a TERM
    assert pipeline.is_free(p.base) and pipeline.is_free(p.redis_port)


def test_nothing_is_left_when_a_keeper_is_killed(start):
    p = start().wait_pages()
    keeper = parent(p.pids("bargen")[0])
    os.kill(keeper, signal.SIGKILL)
    p.wait_end()


def parent(pid):
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def is_back(p, name):
    """A process of that name answers."""
    if name == "redis":
        try:
            return own_redis(p).ping()
        except redis.RedisError:
            return False
    return p.get("/health", pipeline.TOOLS.index(name) * 100) == 200


def kill_one(p, name):
    """kill -9 of one; returns (what stayed, seconds until it was back)."""
    before = {n: p.pids(pipeline.COMM[n]) for n in pipeline.NAMES}
    assert len(before[name]) == 1, before
    os.kill(before[name][0], signal.SIGKILL)
    began = time.monotonic()

    def back():
        if name != "wsgate":
            assert p.get("/") == 200, "the page is gone"
        now = p.pids(pipeline.COMM[name])
        return now and now != before[name] and is_back(p, name)

    harness.wait_until(back, 5, lambda: "%s is back; output:\n%s" %
                       (name, p.output[-3000:]))
    took = time.monotonic() - began
    after = {n: p.pids(pipeline.COMM[n]) for n in pipeline.NAMES}
    stayed = [n for n in pipeline.NAMES if n != name]
    assert {n: after[n] for n in stayed} == {n: before[n] for n in stayed}
    return stayed, took


def test_a_tool_that_is_killed_comes_back_alone(start):
    p = start().wait_pages()
    prices_move(p)
    print("\n| kill -9 of | stays | back after |\n|---|---|---|")
    for name in pipeline.NAMES:
        stayed, took = kill_one(p, name)
        print("| %s | %s | %.2f s |" % (name, ", ".join(stayed), took))
        p.wait_pages()
        prices_move(p)
    assert p.output.count("was ended by signal 9") == len(pipeline.NAMES)


def test_a_tool_that_is_killed_again_and_again_does_not_stop_the_rest(start):
    p = start().wait_pages()
    for _ in range(7):
        kill_one(p, "ratelimitd")
    assert p.proc.poll() is None


# --- what cannot start ends, and says why ---

def test_a_port_that_is_taken_is_named_with_the_remedy(start):
    taken = []

    def occupy(p):
        s = socket.create_server(("127.0.0.1", p.base))
        taken.append(s)
        return ["foreman", "start", "-p", str(p.base)]

    p = start(command=occupy)
    assert p.wait_end() == 71
    assert re.search(r"wsgate: 127\.0\.0\.1:%d is in use .*foreman start -p" %
                     p.base, p.output), p.output
    taken[0].close()


def test_a_redis_port_that_is_taken_is_named_with_the_remedy(
        start, redis_server):
    p = start(env={"RUN_REDIS_PORT": str(redis_server.port)})
    assert p.wait_end() == 71
    line = next(ln for ln in p.output.splitlines() if "is in use" in ln)
    assert "127.0.0.1:%d" % redis_server.port in line
    assert "RUN_REDIS_PORT=" in line and "REDIS_URL=" in line


def test_a_bad_setting_is_said_once_and_ends_everything(start):
    p = start(dotenv="SIMULATOR_RATE=often\n")
    assert p.wait_end() == 64
    assert p.output.count("'often'") == 1, p.output
    assert "tickpub exited with 64" in p.output


def test_a_refused_password_ends_everything(start, redis_server):
    redis_server.client().config_set("requirepass", "right")
    p = start(dotenv="REDIS_PORT=%d\nREDIS_PASSWORD=wrong\n" %
              redis_server.port)
    assert p.wait_end() == 77


def test_without_make_it_says_what_is_missing(start, clone):
    (clone / "bin" / "bargen").unlink()
    p = start()
    assert p.wait_end() == 127
    assert "bin/bargen is missing (make builds it)" in p.output


# --- which Redis ---

@pytest.mark.parametrize("setting", ["REDIS_URL=redis://127.0.0.1:%d/0",
                                     "REDIS_PORT=%d", ])
def test_a_redis_that_env_names_is_used_and_none_is_started(
        start, redis_server, setting):
    p = start(dotenv=setting % redis_server.port + "\n").wait_pages()
    prices_move(p)
    assert redis_server.client().exists("last:market_data:AAPL")
    assert not p.pids("redis-server")
    assert pipeline.is_free(p.redis_port)
    name = setting.split("=")[0]
    assert "redis: %s is set" % name in p.output
    p.interrupt()
    assert p.wait_end() == 0, p.output[-2000:]


def test_password_and_database_hold_for_the_redis_of_its_own(start):
    p = start(dotenv='REDIS_PASSWORD="a b\\"c"\nREDIS_DB=3\n').wait_pages()
    prices_move(p)
    with pytest.raises(redis.AuthenticationError):
        own_redis(p).ping()
    r = own_redis(p, password='a b"c', db=3)
    assert r.exists("last:market_data:AAPL")
    for pid in p.processes():
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            assert b'a b"c' not in f.read()


# --- the other ways to start it ---

def test_make_run_is_foreman_start_with_a_word_when_ready(start, clone):
    p = start(command=["scripts/run"],
              dotenv=lambda p: "PORT=%d\n" % p.base)
    harness.wait_until(lambda: "tickwire is ready: http://127.0.0.1:%d/\n" %
                       p.base in p.output, 20, lambda: p.output[-3000:])
    assert "redis-cli -p %d" % p.redis_port in p.output
    prices_move(p)
    p.interrupt()
    assert p.wait_end() == 0


def test_make_run_looks_at_the_ports_first(start, redis_server):
    p = start(command=["scripts/run"],
              dotenv=lambda p: "PORT=%d\n" % p.base,
              env={"RUN_REDIS_PORT": str(redis_server.port)})
    assert p.wait_end() == 71
    assert "run: 127.0.0.1:%d is in use (try: make run RUN_REDIS_PORT=%d)" % (
        redis_server.port, redis_server.port + 1) in p.output
    assert "started with pid" not in p.output


def test_the_local_procfile_is_one_pipe_without_redis(start, clone):
    p = start("-f", "Procfile.local").wait_pages()
    prices_move(p)
    assert not p.pids("redis-server")
    os.kill(p.pids("bargen")[0], signal.SIGKILL)
    harness.wait_until(lambda: "starting it again" in p.output, 10,
                       lambda: p.output[-2000:])
    p.wait_pages()
    prices_move(p)
    p.proc.kill()
    p.wait_end()


HONCHO_LINE = re.compile(r"^([A-Za-z0-9_]+):\s*(.+)$")


def test_the_procfile_holds_under_the_rules_of_honcho(clone):
    """Names of [A-Za-z0-9_] that occur once, /bin/sh and a session for each
    line, a port each hundred, TERM to the whole group."""
    lines = [HONCHO_LINE.match(ln).groups()
             for ln in (clone / "Procfile").read_text().splitlines()]
    assert [name for name, _ in lines] == list(pipeline.NAMES)
    base, mark = pipeline.free_base(), "honcho-rules-%d" % os.getpid()
    started = []
    for n, (name, command) in enumerate(lines):
        assert command.startswith("exec "), name
        env = harness.clean_env({"PORT": str(base + 100 * n), "MARK": mark,
                                 "RUN_REDIS_PORT": str(base + 450)})
        started.append(subprocess.Popen(
            command, shell=True, cwd=clone, env=env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL))

    def ready():
        try:
            return harness.http_get("http://127.0.0.1:%d/ready" % base)[0]
        except OSError:
            return 0

    try:
        harness.wait_until(lambda: ready() == 200, 20, "the page is ready")
        for proc in started:
            os.killpg(proc.pid, signal.SIGTERM)
        for proc in started:
            assert proc.wait(harness.deadline(6)) == 0, shlex.join(proc.args)
    finally:
        for pid in pipeline.marked("MARK=" + mark):
            os.kill(pid, signal.SIGKILL)
