"""What all tools have in common: how they begin, and every way that they end.
"""
import fcntl
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import harness
from harness import wait_until
from wsclient import WsClient

TOOLS = ["tickpub", "bargen", "wsgate", "ratelimitd"]


def trade(i):
    return b'{"type":"trade","symbol":"A%d","time":%d,"price":%d.50,' \
           b'"size":1,"id":"%d"}\n' % (i % 50, 1705575045123 + i * 50,
                                       100 + i % 7, i)


def question(i):
    return b'{"id":%d,"rule":"api","key":"k%d","cost":1}\n' % (i, i % 100)


# What makes each tool read lines and write lines, with no Redis.
PIPES = {
    "tickpub": (["--no-redis", "--tee"], trade),
    "bargen": (["--stdin", "--stdout", "--throttle", "1ms",
                "--resolutions", "1S"], trade),
    "ratelimitd": (["--no-redis", "--stdin"], question),
}
LISTEN = {"wsgate": ["--listen", "127.0.0.1:0"]}


def lines_of(name, count):
    make = PIPES.get(name, (None, trade))[1]
    return b"".join(make(i) for i in range(count))


def shell(command, **kw):
    """Run a pipe of a shell, as a user would: (status of each part, result)."""
    return subprocess.run(["bash", "-c", command + '; echo "${PIPESTATUS[@]}" '
                           '>&2'], env=harness.clean_env(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=harness.deadline(20), **kw)


# ---- help, version, usage ----

@pytest.mark.parametrize("name", TOOLS)
def test_help_goes_to_stdout_and_fits_on_a_page(tool, name):
    t = tool(name, "--help", ready=False)
    assert t.wait() == 0
    assert t.stderr == ""
    text = t.stdout.decode()
    assert text.startswith("usage: %s " % name)
    assert len(text.splitlines()) <= 32
    for option in ("--redis", "--no-redis", "--http", "--help"):
        assert option in text


@pytest.mark.parametrize("name", TOOLS)
def test_version_names_the_tool(tool, name):
    t = tool(name, "--version", ready=False)
    assert t.wait() == 0
    assert re.fullmatch(name.encode() + rb" \d+\.\d+\.\d+\n", t.stdout)


@pytest.mark.parametrize("name", TOOLS)
def test_help_wins_over_nonsense_beside_it(tool, name):
    t = tool(name, "--no-such-option", "--help", ready=False)
    assert t.wait() == 0
    assert t.stdout.startswith(b"usage: ")


@pytest.mark.parametrize("name", TOOLS)
def test_an_unknown_option_is_two_lines_and_status_64(tool, name):
    t = tool(name, "--no-such-option", ready=False)
    assert t.wait() == 64
    assert t.stdout == b""
    lines = t.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("%s: --no-such-option" % name)
    assert lines[1] == "Try '%s --help'." % name


@pytest.mark.parametrize("name", TOOLS)
def test_help_to_a_full_disk_is_status_74(tool, name):
    t = tool(name, "--help", stdout="/dev/full", ready=False)
    assert t.wait() == 74
    assert "standard output" in t.stderr


# ---- standard output ----

@pytest.mark.parametrize("name", sorted(PIPES))
def test_output_to_a_full_disk_is_status_74(tool, name):
    t = tool(name, *PIPES[name][0], stdin=lines_of(name, 5000),
             stdout="/dev/full", ready=False)
    assert t.wait() == 74
    assert "%s: standard output" % name in t.stderr


@pytest.mark.parametrize("name", sorted(PIPES))
def test_one_line_to_a_full_disk_is_status_74(tool, name):
    count = {"bargen": 50}.get(name, 1)
    t = tool(name, *PIPES[name][0], stdin=lines_of(name, count),
             stdout="/dev/full", ready=False)
    assert t.wait() == 74


@pytest.mark.parametrize("name", sorted(PIPES))
def test_a_reader_that_leaves_is_no_error(name):
    args, _ = PIPES[name]
    tool = harness.tool_path(name)
    r = shell("'%s' %s | head -1" % (tool, " ".join(args)),
              input=lines_of(name, 50000))
    assert r.stdout.count(b"\n") == 1
    assert r.stderr.split()[-2:] == [b"0", b"0"], r.stderr
    assert b"EPIPE" not in r.stderr and b"roken pipe" not in r.stderr


@pytest.mark.parametrize("name", sorted(PIPES))
def test_a_reader_that_leaves_ends_it_though_input_goes_on(tool, name):
    r, w = os.pipe()
    t = tool(name, *PIPES[name][0], stdin="pipe", stdout=w, ready=False)
    os.close(w)
    feeder = Flood(t, name)
    assert os.read(r, 10)
    os.close(r)
    assert t.wait(5) == 0
    feeder.join(harness.deadline(5))


@pytest.mark.parametrize("name", sorted(PIPES))
def test_a_closed_stdout_is_status_74(name):
    tool = harness.tool_path(name)
    r = shell("'%s' %s >&-" % (tool, " ".join(PIPES[name][0])),
              input=lines_of(name, 10))
    assert r.stderr.split()[-1] == b"74", r.stderr


@pytest.mark.parametrize("name", sorted(PIPES))
def test_a_closed_stdin_is_status_71(name):
    tool = harness.tool_path(name)
    r = shell("'%s' %s <&-" % (tool, " ".join(PIPES[name][0])))
    assert r.stderr.split()[-1] == b"71", r.stderr
    assert b"standard input" in r.stderr


# ---- the end of the input ----

@pytest.mark.parametrize("name", sorted(PIPES))
def test_the_end_of_the_input_ends_it(tool, name):
    t = tool(name, *PIPES[name][0], stdin=lines_of(name, 2000), ready=False)
    assert t.wait() == 0, t.stderr
    assert t.stdout.endswith(b"}\n")
    if name != "bargen":
        assert len(t.lines) == 2000


@pytest.mark.parametrize("name", sorted(PIPES))
def test_an_empty_input_is_no_error(tool, name):
    t = tool(name, *PIPES[name][0], ready=False)
    assert t.wait() == 0
    assert t.stdout == b""


@pytest.mark.parametrize("name", sorted(PIPES))
def test_a_regular_file_is_an_input_too(tool, name, tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(lines_of(name, 3000))
    out = tmp_path / "out"
    out.touch()
    t = tool(name, *PIPES[name][0], stdin=path, stdout=out, ready=False)
    assert t.wait() == 0
    assert out.read_bytes().endswith(b"}\n")


# ---- signals ----

class Flood(threading.Thread):
    """Writes lines as fast as they are taken, until the tool is gone."""

    def __init__(self, t, name):
        super().__init__(daemon=True)
        self.tool, self.data = t, lines_of(name, 2000)
        self.start()

    def run(self):
        try:
            while True:
                self.tool.write(self.data)
        except (OSError, ValueError):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT],
                         ids=["TERM", "INT"])
@pytest.mark.parametrize("name", sorted(PIPES))
def test_a_signal_under_load_ends_it_orderly(tool, name, number):
    t = tool(name, *PIPES[name][0], stdin="pipe").wait_ready()
    Flood(t, name)
    wait_until(lambda: len(t.stdout) > 100000, 10, "output flows")
    t0 = time.monotonic()
    t.signal(number)
    assert t.wait(5) == 0, t.stderr
    assert time.monotonic() - t0 < harness.deadline(5)
    assert t.stdout.endswith(b"\n")  # no half line


def listen_to_all(port):
    """A WebSocket client of the gateway that has subscribed to all prices."""
    s = socket.create_connection(("127.0.0.1", port), harness.deadline(5))
    s.sendall(b"GET /ws?subscribe=market_data:* HTTP/1.1\r\n"
              b"Host: localhost\r\nUpgrade: websocket\r\n"
              b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    assert s.recv(4096).startswith(b"HTTP/1.1 101 ")
    return s


@pytest.mark.parametrize("name", TOOLS)
def test_sigterm_ends_it_with_redis_under_load(redis_server, tool, name):
    port = harness.free_port()
    args = ["--redis", redis_server.url]
    if name == "wsgate":
        args += ["--listen", "127.0.0.1:%d" % port]
    if name == "ratelimitd":
        args += ["--stdin"]
    t = tool(name, *args, stdin="pipe").wait_ready()
    if name in ("tickpub", "ratelimitd"):
        Flood(t, name)
    else:
        feeder = tool("tickpub", "--redis", redis_server.url, "--simulate",
                      "AAPL,MSFT", "--rate", "2000").wait_ready()
        assert feeder.running()
    client = listen_to_all(port) if name == "wsgate" else None
    wait_until(lambda: t.cpu_seconds() > 0.05, 10, "it works")
    t0 = time.monotonic()
    assert t.terminate(5) == 0, t.stderr
    assert time.monotonic() - t0 < harness.deadline(5)
    if client:
        client.close()


@pytest.mark.parametrize("name", TOOLS)
def test_without_redis_a_tool_starts_and_sigterm_ends_it(
        redis_absent, tool, name):
    t = tool(name, "--redis", redis_absent.url, *LISTEN.get(name, []),
             stdin="pipe")
    t.wait_stderr("ev=redis_down")
    assert t.running()
    t0 = time.monotonic()
    assert t.terminate(5) == 0, t.stderr
    assert time.monotonic() - t0 < harness.deadline(5)


@pytest.mark.parametrize("name", TOOLS)
def test_require_redis_without_redis_is_status_69(redis_absent, tool, name):
    t = tool(name, "--redis", redis_absent.url, "--require-redis",
             *LISTEN.get(name, []), stdin="pipe")
    assert t.wait(10) == 69, t.stderr


@pytest.mark.parametrize("name", TOOLS)
def test_a_wrong_password_at_start_is_status_77(redis_server, tool, name):
    redis_server.client().config_set("requirepass", "sesame")
    t = tool(name, "--redis",
             "redis://:wrong@127.0.0.1:%d" % redis_server.port,
             *LISTEN.get(name, []), stdin="pipe")
    assert t.wait(10) == 77, t.stderr


def hold(t, name, ports):
    """Makes it have more to write than the pipe takes, which nobody reads: a
    stop has to wait for its reader.  Returns what must stay open."""
    if name != "wsgate":
        t.write(lines_of(name, 300))
        t.wait_read()
        return None
    ws = WsClient("ws://127.0.0.1:%d/ws" % ports["wsgate"])
    ws.subscribe(*["bars:S%d:1" % k for k in range(300)])
    return ws


@pytest.fixture
def notified(tmp_path):
    """A supervisor's socket: .env for the tool, wait(text) for a message."""
    class Supervisor:
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}

        def wait(self, text):
            while text not in s.recv(100):
                pass

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(Supervisor.env["NOTIFY_SOCKET"])
        s.settimeout(harness.deadline(5))
        yield Supervisor()


@pytest.mark.parametrize("name", TOOLS)
def test_a_second_signal_ends_it_at_once(tool, name, notified):
    ports = {"wsgate": harness.free_port()}
    args = {"wsgate": ["--no-redis", "--stdout", "--listen",
                       "127.0.0.1:%d" % ports["wsgate"]]}
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
    t = tool(name, *args.get(name, PIPES.get(name, ([],))[0]), stdin="pipe",
             stdout=w, env=notified.env).wait_ready()
    os.close(w)
    held = hold(t, name, ports)
    t.signal(signal.SIGTERM)
    notified.wait(b"STOPPING=1")
    t.signal(signal.SIGINT)
    assert t.wait(5) == 128 + signal.SIGINT, t.stderr
    assert "ev=stop_now signal=2" in t.stderr
    assert "drain_timeout" not in t.stderr
    os.close(r)
    if held:
        held.close()


# ---- health ----

@pytest.mark.parametrize("name", ["tickpub", "bargen", "ratelimitd"])
def test_health_ready_and_metrics_are_served(redis_server, tool, name):
    port = harness.free_port()
    at = "127.0.0.1:%d" % port
    t = tool(name, "--redis", redis_server.url, "--http", at,
             stdin="pipe").wait_ready()
    for path in ("/health", "/ready", "/metrics"):
        status, body = harness.http_get("http://%s%s" % (at, path))
        assert status == 200, path
        assert body
    assert harness.http_get("http://%s/nothing" % at)[0] == 404
    check = tool(name, "--http", at, "--healthcheck", ready=False)
    assert check.wait() == 0, check.stderr
    assert t.terminate() == 0
    check = tool(name, "--http", at, "--healthcheck", ready=False)
    assert check.wait() == 1
