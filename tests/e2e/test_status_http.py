"""What --http serves, how it treats bad clients and --healthcheck."""
import json
import os
import pty
import resource
import signal
import socket
import time

import pytest

import harness
from harness import deadline, http_get, metric, wait_until


@pytest.fixture
def served(tool):
    """A tickpub that waits for input and serves its status at .port."""
    port = harness.free_port()
    t = tool("tickpub", "--no-redis", "--tee", "--http", "127.0.0.1:%d" % port,
             stdin="pipe")
    t.wait_ready()
    t.port = port
    return t


def connect(t):
    s = socket.create_connection(("127.0.0.1", t.port), deadline(5))
    s.settimeout(deadline(10))
    return s


def everything(s):
    data = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more


def ask(t, data):
    with connect(t) as s:
        s.sendall(data)
        return everything(s)


def refused(t, reason):
    _, text = http_get("http://127.0.0.1:%d/metrics" % t.port)
    return metric(text, "tickwire_http_refused_total", reason=reason)


def test_health_names_the_process(served):
    status, body = http_get("http://127.0.0.1:%d/health" % served.port)
    health = json.loads(body)
    assert (status, health["status"]) == (200, "healthy")
    assert health["tool"] == "tickpub"
    assert len(health["instance"]) == 16
    assert health["uptime_ms"] >= 0


def test_process_metrics_are_those_of_other_programs(served):
    _, text = http_get("http://127.0.0.1:%d/metrics" % served.port)
    assert 1e5 < metric(text, "process_resident_memory_bytes") < 1e9
    # Our own request was one more, and is closed as soon as it is noticed.
    there = metric(text, "process_open_fds") - 1
    wait_until(lambda: len(os.listdir("/proc/%d/fd" % served.pid)) == there, 5,
               "%d descriptors" % there)
    assert abs(metric(text, "process_start_time_seconds") - time.time()) < 60
    assert metric(text, "tickwire_build_info", tool="tickpub") == 1


def test_a_request_that_never_ends_is_408_after_five_seconds(served):
    with connect(served) as s:
        start = time.monotonic()
        s.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        assert everything(s).startswith(b"HTTP/1.1 408 ")
        assert 4 < time.monotonic() - start < deadline(10)
    assert refused(served, "slow_request") == 1


def test_a_client_that_says_nothing_is_closed_without_a_word(served):
    with connect(served) as s:
        assert everything(s) == b""


def test_heads_and_bodies_above_their_bound_are_refused(served):
    assert ask(served, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000 +
               b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")
    assert ask(served, b"POST / HTTP/1.1\r\nHost: a\r\n"
               b"Content-Length: 70000\r\n\r\n" + b"x" * 70000
               ).startswith(b"HTTP/1.1 413 ")
    assert ask(served, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
               ).startswith(b"HTTP/1.1 400 ")  # TLS on a plain port
    assert refused(served, "head_too_large") == 1
    assert refused(served, "body_too_large") == 1
    assert refused(served, "bad_request") == 1


def test_a_thousand_connections_are_all_there_may_be(served):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2000:
        pytest.skip("needs 2,000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    held = []
    try:
        for _ in range(1024):
            held.append(connect(served))
        with connect(served) as s:
            assert everything(s).startswith(b"HTTP/1.1 503 ")
        held[0].sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
        assert held[0].recv(1000).startswith(b"HTTP/1.1 200 ")
    finally:
        for s in held:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: refused(served, "connections") == 1, 5,
               "the refusal is counted")


def test_idle_connections_cost_little_memory(served):
    def rss():
        _, text = http_get("http://127.0.0.1:%d/metrics" % served.port)
        return metric(text, "process_resident_memory_bytes")

    held = [connect(served) for _ in range(10)]
    before = rss()
    try:
        for _ in range(800):
            s = connect(served)
            s.sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
            held.append(s)
            assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
        # Sanitizers pad every allocation.
        if "asan" not in str(harness.BIN):
            assert rss() - before < 800 * 1024
    finally:
        for s in held:
            s.close()


def test_input_goes_on_while_clients_misbehave(served):
    hostile = [connect(served) for _ in range(50)]
    for i, s in enumerate(hostile):
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * (1 + i))
    served.write('{"type":"tick","symbol":"A","time":1705575045123,'
                 '"bid":1,"ask":2}\n')
    served.wait_lines(1)
    for s in hostile:
        s.close()
    assert served.terminate() == 0


def test_healthcheck_follows_the_tool(tool, served):
    at = "127.0.0.1:%d" % served.port
    ok = tool("tickpub", "--healthcheck", "--http", at, ready=False)
    assert (ok.wait(), ok.stderr) == (0, "")
    served.terminate()
    gone = tool("tickpub", "--healthcheck", "--http", at, ready=False)
    assert gone.wait() == 1
    assert gone.stderr == "tickpub: %s: Connection refused\n" % at


def test_healthcheck_without_an_address_says_what_to_add(tool):
    t = tool("tickpub", "--healthcheck", ready=False)
    assert t.wait() == 64
    assert "--http HOST:PORT" in t.stderr


def test_healthcheck_gives_a_hung_server_two_seconds(tool):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        start = time.monotonic()
        t = tool("tickpub", "--healthcheck", "--http",
                 "127.0.0.1:%d" % s.getsockname()[1], ready=False)
        assert t.wait() == 1
        assert 1.5 < time.monotonic() - start < deadline(4)
        assert "timed out" in t.stderr


def test_a_port_in_use_starts_nothing(tool, served):
    t = tool("tickpub", "--no-redis", "--tee", "--http",
             "127.0.0.1:%d" % served.port, stdin=b"{}\n", ready=False)
    assert t.wait() == 71
    assert t.stderr.splitlines() == [
        "tickpub: --http: 127.0.0.1:%d is already in use" % served.port,
        "Try 'tickpub --help'."]


@pytest.mark.parametrize("how", ["end", "signal"])
def test_a_terminal_is_blocking_again_afterwards(tool, how):
    master, slave = pty.openpty()
    try:
        t = tool("tickpub", "--no-redis", "--tee", stdin=slave, stdout=slave)
        t.wait_ready()
        assert not os.get_blocking(slave)
        if how == "end":
            os.write(master, b"\x04")
            assert t.wait() == 0
        else:
            assert t.terminate() == 0
        assert os.get_blocking(slave)
    finally:
        os.close(slave)
        os.close(master)


def test_environment_and_flag_have_their_order(tool):
    port = harness.free_port()
    env = {"HTTP_LISTEN": "256.0.0.1:1"}
    t = tool("tickpub", "--no-redis", "--tee", "--http", "127.0.0.1:%d" % port,
             stdin="pipe", env=env)
    t.wait_ready()
    assert http_get("http://127.0.0.1:%d/ready" % port)[0] == 200
    bad = tool("tickpub", "--no-redis", "--tee", env={"LOG_LEVEL": "loud"},
               ready=False)
    assert bad.wait() == 64
    assert bad.stderr.startswith("tickpub: LOG_LEVEL: 'loud' is not one of ")


@pytest.mark.parametrize("prefix,stays", [([], False), (["nohup"], True)])
def test_a_tool_does_not_outlive_its_terminal_unless_asked_to(
        tmp_path, prefix, stays):
    log, ready = tmp_path / "log", tmp_path / "ready"
    os.mkfifo(ready)
    pid, master = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests under nohup
        err = os.open(log, os.O_WRONLY | os.O_CREAT)
        os.dup2(err, 2)
        os.dup2(err, 1)
        fd = os.open(ready, os.O_WRONLY)
        os.set_inheritable(fd, True)
        argv = prefix + [str(harness.tool_path("tickpub")), "--no-redis",
                         "--tee", "--simulate", "A", "--rate", "1",
                         "--ready-fd", str(fd)]
        os.execvpe(argv[0], argv, harness.clean_env())
    with open(ready) as f:
        assert f.readline() == "ready\n"
    os.close(master)

    left = [pid]

    def gone():
        if left and os.waitpid(pid, os.WNOHANG)[0] == pid:
            left.clear()
        return not left

    try:
        if stays:
            wait_until(lambda: "ev=reloaded" in log.read_text(), 5, "SIGHUP")
            assert not gone()
            os.kill(pid, 15)
        wait_until(gone, 5, "the end of the tool")
    finally:
        if not gone():
            os.kill(pid, 9)
            os.waitpid(pid, 0)
