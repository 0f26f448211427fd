"""--healthcheck: what a container's runtime gets to know, and how soon."""
import signal
import socket
import threading
import time

import pytest

import harness
from harness import http_get, run_tool


@pytest.fixture
def answering():
    """answering(b"...") -> HOST:PORT of a server that says this to everybody
    and closes; None: it says nothing and stays."""
    open_sockets = []

    def start(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        open_sockets.append(listener)

        def serve():
            conn, _ = listener.accept()
            open_sockets.append(conn)
            if answer is not None:
                conn.recv(4096)
                conn.sendall(answer)
                conn.close()
        threading.Thread(target=serve, daemon=True).start()
        return "127.0.0.1:%d" % listener.getsockname()[1]

    yield start
    for s in open_sockets:
        s.close()


def check(at):
    t = run_tool("tickpub", "--http", at, "--healthcheck")
    assert t.stdout == b""
    return t.proc.returncode, t.stderr


def test_ready_is_0_and_says_nothing(answering):
    assert check(answering(b"HTTP/1.1 200 OK\r\n\r\n{}\r\n")) == (0, "")


@pytest.mark.parametrize("answer,says", [
    (b'HTTP/1.1 503 No\r\nA: b\r\n\r\n{"why":"stopping"}\r\n',
     'is not ready: 503 {"why":"stopping"}\n'),
    (b"HTTP/1.0 404 Not Found\r\n\r\n", "is not ready: 404 \n"),
    (b"HTTP/1.1 500", "is not ready: 500 \n"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP\n"),
    (b"", "Connection reset by peer\n"),
])
def test_anything_else_is_1_and_said(answering, answer, says):
    status, err = check(answering(answer))
    assert status == 1
    assert err.startswith("tickpub: 127.0.0.1:") and err.endswith(says)


def test_who_does_not_answer_is_not_waited_for(answering):
    at = answering(None)
    began = time.monotonic()
    status, err = check(at)
    assert status == 1 and "timed out" in err
    assert time.monotonic() - began < harness.deadline(4)


def test_nobody_there_is_1():
    status, err = check("127.0.0.1:%d" % harness.free_port())
    assert status == 1 and "Connection refused" in err


@pytest.mark.parametrize("host", ["0.0.0.0", "", "[::]"])
def test_every_address_means_the_local_one(tool, host):
    port = harness.free_port()
    at = "%s:%d" % (host, port)
    if host == "[::]":
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6")
    tool("tickpub", "--no-redis", "--tee", "--http", at,
         stdin="pipe").wait_ready()
    assert check(at) == (0, "")


@pytest.mark.parametrize("args,says", [
    ((), "--healthcheck: where is it? add --http HOST:PORT"),
    (("--http", "127.0.0.1:x"), "127.0.0.1:x"),
    (("--http", "127.0.0.1:65536"), "65536"),
])
def test_an_address_that_is_none_is_a_usage_error(args, says):
    t = run_tool("tickpub", *args, "--healthcheck")
    assert t.proc.returncode == 64
    assert says in t.stderr and "Try 'tickpub --help'" in t.stderr


def test_who_is_stopping_is_not_ready(redis_server, tool):
    """So that a load balancer leaves it while it finishes its work."""
    at = "127.0.0.1:%d" % harness.free_port()
    t = tool("tickpub", "--redis", redis_server.url, "--http", at,
             stdin="pipe").wait_ready()
    harness.wait_until(lambda: check(at)[0] == 0, 5, "it is ready")
    redis_server.freeze()
    t.write('{"type":"trade","symbol":"A","time":1705575045123,"price":1,'
            '"size":1}\n')
    harness.wait_until(lambda: harness.metric(
        http_get("http://%s/metrics" % at)[1],
        "tickwire_tickpub_events_total", type="trade") == 1, 5,
        "the line was read")
    t.signal(signal.SIGTERM)
    t.wait_stderr("ev=stop ")
    status, body = http_get("http://%s/ready" % at)
    assert status == 503 and b'"why":"stopping"' in body
    redis_server.thaw()
    assert t.wait() == 0
