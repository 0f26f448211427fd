"""The configurations of docs/operations.md, as the proxies run them: each client
has limits of its own, whatever it claims."""
import re
import socket

import pytest

import harness
import proxies
from rawws import TEXT, RawWs
from test_wsgate_addresses import connect, count, get

TIMES = """
defaults
    timeout connect 10s
    timeout client 60s
    timeout server 60s
"""
# Which block of the page, by its language and what is in it.
SETUPS = {"haproxy": ("haproxy", "option forwardfor"),
          "haproxy tcp": ("haproxy", "send-proxy-v2"),
          "nginx": ("nginx", "proxy_pass")}
CLAIMS = ("X-Forwarded-For: 192.0.2.99\r\n"
          "Forwarded: for=192.0.2.99\r\n")


def documented(name, front, gate, folder):
    """The configuration, with its addresses replaced by local ones."""
    language, part = SETUPS[name]
    page = (harness.REPO / "docs" / "operations.md").read_text()
    blocks = [b for b in re.findall(r"```%s\n(.*?)```" % language, page, re.S)
              if part in b]
    assert len(blocks) == 1
    text = blocks[0]
    here = "127.0.0.1:%d" % front
    for old, new in (("bind :80\n", "bind %s\n" % here),
                     ("listen 80;", "listen %s;" % here),
                     ("127.0.0.1:8080", "127.0.0.1:%d" % gate.port)):
        text = text.replace(old, new)
    assert here in text and str(gate.port) in text
    if language == "nginx":
        return proxies.NGINX_FRAME % {"folder": folder, "text": text}
    return TIMES + text


class Front:
    """What clients connect to; like a gate, for connect()."""

    def __init__(self, name, tool, folder, gate):
        program = SETUPS[name][0]
        path = proxies.find(program)
        self.port = harness.free_port()
        config = folder / "proxy.conf"
        config.write_text(documented(name, self.port, gate, folder))
        args = (["-db", "-f", config] if program == "haproxy" else
                ["-e", "stderr", "-p", folder, "-c", config])
        self.tool = tool(program, *args, path=path, ready=False)
        harness.wait_until(self.serves, 15, lambda: "%s serves: %s" % (
            name, self.tool.stderr))

    def serves(self):
        assert self.tool.running(), self.tool.stderr
        try:
            with connect(self, "127.0.0.9") as s:
                return get(s)[0] == 200
        except OSError:
            return False

    def stop(self):
        self.tool.terminate()  # by the signal, says haproxy's status


@pytest.fixture
def front(tool, tmp_path):
    started = []

    def start(name, gate):
        started.append(Front(name, tool, tmp_path, gate))
        return started[-1]
    yield start
    for f in started:
        f.stop()


class At(RawWs):
    """A WebSocket client with an address of its own."""

    def __init__(self, port, source, headers=None):
        super().__init__(port, shake=False)
        self.sock.close()
        self.sock = socket.create_connection(
            ("127.0.0.1", port), harness.deadline(10), (source, 0))
        self.handshake("/ws", headers)


@pytest.mark.parametrize("name", SETUPS)
def test_each_client_has_its_own_limit(gate, front, name):
    g = gate("--trust-proxy=127.0.0.1", "--api-limit", "1/60s")
    f = front(name, g)
    for source in ("127.0.0.2", "127.0.0.3"):
        for status in (200, 429, 429):
            with connect(f, source) as s:
                assert get(s, "/api/v1/symbols", CLAIMS)[0] == status
    assert "forwarded_unreadable" not in g.tool.stderr


@pytest.mark.parametrize("name", SETUPS)
def test_the_gateway_knows_who_a_client_is(gate, front, name):
    g = gate("--trust-proxy=127.0.0.1", "--max-per-address", "2", "--stdout")
    f = front(name, g)
    claim = {"X-Forwarded-For": "192.0.2.99"}
    clients = [At(f.port, "127.0.0.%d" % host, claim) for host in (2, 2, 3)]
    for c in clients:
        assert b'"welcome"' in c.recv_until(TEXT)
    with At(f.port, "127.0.0.2", claim) as one_more:
        assert one_more.close_code() == 1013
    g.tool.wait_line(lambda line: b"127.0.0.3" in line)
    assert [o["peer"] for o in g.tool.objects() if o["action"] == "connect"] == \
        ["127.0.0.2", "127.0.0.2", "127.0.0.3"]
    for c in clients:
        c.close()


def test_a_tcp_balancer_names_its_clients_and_checks_the_gateway(gate, front):
    g = gate("--trust-proxy=127.0.0.1", "--max-per-address", "2")
    f = front("haproxy tcp", g)
    harness.wait_until(
        lambda: count(g, "proxy_headers_total", result="local"), 10, "a check")
    assert count(g, "proxy_headers_total", result="read") >= 1
    kept = []
    for _ in range(2):
        kept.append(connect(f, "127.0.0.2"))
        assert get(kept[-1])[0] == 200
    with connect(f, "127.0.0.2") as s:
        status, head = get(s)
        assert status == 429 and "Retry-After" in head
    with connect(f, "127.0.0.3") as s:
        assert get(s)[0] == 200
    assert count(g, "refused_total", reason="address") == 1
    for s in kept:
        s.close()


def test_a_balancer_that_is_not_trusted_is_told_apart(gate, tool, tmp_path):
    path = proxies.find("haproxy")
    g = gate("--trust-proxy=192.0.2.1")
    port = harness.free_port()
    config = tmp_path / "proxy.conf"
    config.write_text(documented("haproxy tcp", port, g, tmp_path)
                      .replace(" check", ""))
    proxy = tool("haproxy", "-db", "-f", config, path=path, ready=False)

    def refused():
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                return get(s)[0] == 400
        except OSError:
            return False
    harness.wait_until(refused, 15, "400")
    assert count(g, "refused_total", reason="proxy_header") >= 1
    said = g.tool.wait_stderr("ev=proxy_header_refused")
    assert 'peer=127.0.0.1 why="not a trusted proxy"' in said
    proxy.terminate()
