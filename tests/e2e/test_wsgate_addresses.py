"""Who a client is: behind proxies that say it in every way, and what limits by
address count."""
import collections
import http.client
import multiprocessing
import resource
import socket
import struct
import time

import pytest

import harness
from rawws import PING, PONG

API = "/api/v1/symbols"


def ask(gate, headers=(), path=API, source="127.0.0.1"):
    """The status of GET path; headers are (name, value) pairs."""
    conn = http.client.HTTPConnection("127.0.0.1", gate.port,
                                      timeout=harness.deadline(10),
                                      source_address=(source, 0))
    try:
        conn.putrequest("GET", path)
        for name, value in headers:
            conn.putheader(name, value)
        conn.endheaders()
        answer = conn.getresponse()
        answer.read()
        return answer.status
    finally:
        conn.close()


def via(*values, header="X-Forwarded-For"):
    return [(header, v) for v in values]


def count(gate, name, **labels):
    text = harness.http_get(gate.http("/metrics"))[1]
    return harness.metric(text, "tickwire_http_" + name, **labels)


def unreadable(gate):
    return [line for line in gate.tool.stderr.splitlines()
            if "ev=forwarded_unreadable" in line]


# --- whom a proxy asks for ---


def test_clients_of_a_proxy_that_adds_ports_have_limits_of_their_own(gate):
    g = gate("--trust-proxy")
    got = [ask(g, via("203.0.113.8:%d" % (40001 + i))) for i in range(130)]
    assert got == [200] * 100 + [429] * 30
    assert ask(g, via("203.0.113.9:51000")) == 200
    assert ask(g, via("[2001:db8::1]:443")) == 200
    assert ask(g, via("::ffff:203.0.113.9")) == 200
    assert ask(g, via("2001:0DB8:0:0::1")) == 200
    # The same addresses, spelled otherwise: one bucket each.
    assert [ask(g, via("::ffff:cb00:7109")) for _ in range(99)] == \
        [200] * 98 + [429]
    assert [ask(g, via("2001:db8::1")) for _ in range(99)] == \
        [200] * 98 + [429]
    assert not unreadable(g)
    assert ask(g, via("[2001:db8::1")) == 200
    assert ask(g, via("\"quoted\\")) == 200
    assert ask(g, via("unknown")) == 200
    g.tool.wait_stderr("ev=forwarded_unreadable")
    assert len(unreadable(g)) == 1
    assert 'why=malformed text="[2001:db8::1"' in unreadable(g)[0]
    assert "proxy=127.0.0.1" in unreadable(g)[0]
    assert count(g, "forwarded_total", result="malformed") == 2
    assert count(g, "forwarded_total", result="withheld") == 1
    assert count(g, "forwarded_total", result="read") == 130 + 4 + 99 + 99


@pytest.mark.parametrize("one,same", [
    (via("203.0.113.8:40001"), via("203.0.113.8")),
    (via("::ffff:203.0.113.8"), via("[::ffff:cb00:7108]:80")),
    (via("2001:db8::1"), via("2001:DB8:0:0:ffff::2")),
    (via("[2001:db8::1]:443"), via("2001:db8::2")),
    (via("fe80::1%eth0", "192.0.2.1"), via("192.0.2.1")),
    (via("198.51.100.1, 203.0.113.8"), via("203.0.113.8,10.0.0.3")),
    (via("203.0.113.8"), via("for=203.0.113.8", header="Forwarded")),
    (via('for="[2001:db8::1]:443";proto=https', header="Forwarded"),
     via("for=1.2.3.4;host=\"a,b\"", 'For="[2001:db8::2]"', header="Forwarded")),
    (via("203.0.113.8") + via("for=192.0.2.1", header="Forwarded"),
     via("203.0.113.8")),
    # What cannot be read: the address of the proxy.
    (via("nonsense"), ()),
    (via("203.0.113.8", "nonsense"), ()),
    (via("203.0.113.8, "), ()),
    (via("for=_hidden", header="Forwarded"), ()),
])
def test_these_two_are_one_address(gate, one, same):
    g = gate("--trust-proxy", "--api-limit", "1/60s")
    assert ask(g, one) == 200
    assert ask(g, same) == 429


@pytest.mark.parametrize("one,other", [
    (via("203.0.113.8:1"), via("203.0.113.9:1")),
    (via("2001:db8::1"), via("2001:db8:0:1::1")),
    (via("203.0.113.8"), ()),
    (via("10.0.0.8"), via("10.0.0.9")),  # all are trusted: the first
])
def test_these_two_are_two_addresses(gate, one, other):
    g = gate("--trust-proxy", "--api-limit", "1/60s")
    assert ask(g, one) == 200
    assert ask(g, other) == 200
    assert ask(g, one) == 429


def test_only_the_proxies_that_are_named_are_believed(gate):
    g = gate("--trust-proxy=127.0.0.8/29", "--trust-proxy=192.0.2.1",
             "--api-limit", "1/60s")
    assert ask(g, via("203.0.113.1"), source="127.0.0.9") == 200
    assert ask(g, via("203.0.113.2, 192.0.2.1"), source="127.0.0.9") == 200
    assert ask(g, via("203.0.113.2"), source="127.0.0.9") == 429
    # Anybody else speaks for himself.
    assert ask(g, via("203.0.113.3"), source="127.0.0.1") == 200
    assert ask(g, via("203.0.113.4"), source="127.0.0.1") == 429
    assert ask(g, via("203.0.113.4"), source="127.0.0.16") == 200
    assert not unreadable(g)


def test_without_the_option_nobody_is_believed(gate):
    g = gate("--api-limit", "1/60s")
    assert ask(g, via("203.0.113.1")) == 200
    assert ask(g, via("203.0.113.2")) == 429


@pytest.mark.parametrize("value", ["1", "true", "127.0.0.1", "::/0,127.0.0.0/8"])
def test_the_environment_names_proxies_too(gate, value):
    g = gate("--api-limit", "1/60s", env={"TRUST_PROXY": value})
    assert ask(g, via("203.0.113.1")) == 200
    assert ask(g, via("203.0.113.2")) == 200


@pytest.mark.parametrize("value", ["0", "", "false", "10.0.0.0/8"])
def test_the_environment_may_name_none(gate, value):
    g = gate("--api-limit", "1/60s", env={"TRUST_PROXY": value})
    assert ask(g, via("203.0.113.1")) == 200
    assert ask(g, via("203.0.113.2")) == 429


@pytest.mark.parametrize("args,env,said", [
    (["--trust-proxy=10.0.0.0/33"], {}, "--trust-proxy: '10.0.0.0/33'"),
    (["--trust-proxy=proxy"], {}, "--trust-proxy: 'proxy'"),
    (["--trust-proxy="], {}, "--trust-proxy: ''"),
    ([], {"TRUST_PROXY": "10.0.0.0/8,x"}, "TRUST_PROXY: 'x'"),
])
def test_what_is_no_network_is_a_usage_error(args, env, said):
    t = harness.run_tool("wsgate", "--no-redis", *args, env=env)
    assert t.proc.returncode == 64
    assert t.stderr.startswith("wsgate: " + said)
    assert "is not a network (try 10.0.0.0/8, 192.0.2.7 or" in t.stderr


def test_websockets_are_counted_by_the_same_addresses(gate):
    g = gate("--trust-proxy", "--max-per-address", "2")

    def welcome(address):
        ws = g.raw(headers={"X-Forwarded-For": address})
        first = ws.recv()[1]
        return b'"welcome"' in first

    assert welcome("203.0.113.8:40001") and welcome("::ffff:203.0.113.8")
    assert not welcome("203.0.113.8:40002")
    assert welcome("203.0.113.9:40001")
    assert welcome("[2001:db8::1]:1") and welcome("2001:DB8::2")
    assert not welcome("2001:db8::3")
    assert welcome("2001:db8:0:1::3")


# --- connections over plain HTTP ---


def connect(gate, source="127.0.0.1", seconds=10):
    sock = socket.socket()
    sock.settimeout(harness.deadline(seconds))
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", gate.port))
    return sock


def get(sock, path="/ready", headers=""):
    """Status and head of the answer; (None, "") where there is none."""
    got = b""
    try:
        sock.sendall(("GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" %
                      (path, headers)).encode())
    except OSError:
        pass  # it was turned away: the answer may be there
    try:
        while b"\r\n\r\n" not in got:
            data = sock.recv(65536)
            if not data:
                break
            got += data
    except OSError:
        pass
    head = got.decode(errors="replace").partition("\r\n\r\n")[0]
    return (int(head.split()[1]), head) if head else (None, "")


@pytest.fixture
def sockets():
    """A list of sockets that are closed at the end."""
    opened = []
    yield opened
    for sock in opened:
        sock.close()


def test_idle_connections_of_one_address_starve_nobody_of_descriptors(
        gate, sockets):
    g = gate("--max-per-address", "10")
    resource.prlimit(g.tool.pid, resource.RLIMIT_NOFILE, (500, 500))
    # Those that were not accepted at all wait in the kernel's queue.
    for _ in range(3000):
        sockets.append(connect(g, "127.0.0.1"))
        sockets[-1].sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    other = connect(g, "127.0.0.2")
    sockets.append(other)
    assert get(other)[0] == 200
    with connect(g, "127.0.0.3") as s:
        text = s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n") or s.makefile().read()
    assert harness.metric(text, "tickwire_http_connections") == 12
    assert harness.metric(text, "tickwire_http_refused_total",
                          reason="address") == 2990


def test_a_connection_too_many_is_told_when_to_come_again(gate, sockets):
    g = gate("--max-per-address", "3")
    for _ in range(3):
        sockets.append(connect(g, "127.0.0.2"))
        assert get(sockets[-1])[0] == 200
    with connect(g, "127.0.0.2") as one_more:
        status, head = get(one_more)
    assert status == 429
    assert "\r\nRetry-After: 1" in head and "\r\nConnection: close" in head
    assert count(g, "refused_total", reason="address") == 1
    sockets.pop().close()

    def comes_again():
        with connect(g, "127.0.0.2") as s:
            return get(s)[0] == 200
    harness.wait_until(comes_again, 5, "there is room again")


def test_websockets_and_plain_http_are_counted_apart(gate, sockets):
    g = gate("--max-per-address", "2")
    clients = [g.ws() for _ in range(2)]
    for _ in range(2):
        sockets.append(connect(g))
        assert get(sockets[-1])[0] == 200
    with connect(g) as s:
        assert get(s)[0] == 429
    for c in clients:
        assert c.subscribe("market_data:X")["results"][0]["ok"]


def test_a_proxy_may_have_as_many_connections_as_it_likes(gate, sockets):
    g = gate("--trust-proxy=127.0.0.2", "--max-per-address", "2")
    for i in range(20):
        sockets.append(connect(g, "127.0.0.2"))
        assert get(sockets[-1], headers="X-Forwarded-For: 203.0.113.%d\r\n" %
                   i)[0] == 200
    for _ in range(2):
        sockets.append(connect(g, "127.0.0.3"))
        assert get(sockets[-1])[0] == 200
    with connect(g, "127.0.0.3") as s:
        assert get(s)[0] == 429


def test_an_idle_connection_makes_room_when_the_gateway_is_full(gate, sockets):
    g = gate("--max-connections", "5")
    for i in range(5):
        sockets.append(connect(g, "127.0.0.%d" % (2 + i)))
        assert get(sockets[-1])[0] == 200

    def comes_in():
        assert [get(s)[0] for s in sockets[1:]] == [200] * 4
        sock = connect(g, "127.0.0.9")
        if get(sock)[0] != 200:
            sock.close()
            return False
        sockets.append(sock)
        return True
    harness.wait_until(comes_in, 15, "there is room")
    assert [get(s)[0] for s in sockets[1:]] == [200] * 5
    assert sockets[0].recv(1) == b""  # the one that had asked nothing
    sockets.pop().close()
    harness.wait_until(lambda: count(g, "idle_closed_total") == 1, 5, "one went")


def flood(port, counted):
    """Connects 100,000 times a minute, if it can; the last 200 stay."""
    last = collections.deque()
    due = time.monotonic()
    while True:
        due += 60 / 100000
        s = socket.socket()
        # Closed, it is reset: no address and port of ours waits for its end.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
        s.bind(("127.0.0.2", 0))
        try:
            s.connect(("127.0.0.1", port))
            s.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        except OSError:
            pass  # turned away
        counted.value += 1
        last.append(s)
        if len(last) > 200:
            last.popleft().close()
        time.sleep(max(0, due - time.monotonic()))


@pytest.fixture
def flooded():
    """flooded(port) -> how many connections its process has made so far."""
    running = []

    def start(port):
        counted = multiprocessing.Value("Q", 0)
        running.append(multiprocessing.Process(target=flood, daemon=True,
                                               args=(port, counted)))
        running[-1].start()
        return counted

    yield start
    for process in running:
        process.kill()
        process.join()


def pings(ws, n):
    """Seconds from ping to pong, of n in a row."""
    took = []
    for i in range(n):
        began = time.monotonic()
        ws.send(PING, b"%d" % i)
        assert ws.recv_until(PONG) == b"%d" % i
        took.append(time.monotonic() - began)
    return sorted(took)


def test_who_connects_all_the_time_leaves_others_alone(gate, flooded):
    g = gate("--max-per-address", "10", "--command-rate", "100000",
             "--command-burst", "100000")
    ws = g.raw()
    counted = flooded(g.port)
    harness.wait_until(lambda: counted.value >= 500, 30, "500 connections")
    began, before = time.monotonic(), counted.value
    took = pings(ws, 2000)
    rate = (counted.value - before) / (time.monotonic() - began)
    assert took[len(took) * 99 // 100] < harness.deadline(0.05), (rate, took[-30:])
    with connect(g, "127.0.0.3") as s:
        assert get(s)[0] == 200
    assert count(g, "refused_total", reason="address") >= 100
    print("%.0f connections/s; ping p50 %.3f ms, p99 %.3f ms" %
          (rate, took[1000] * 1e3, took[1980] * 1e3))


# --- PROXY headers ---


def header(client, command=0x21, tlvs=b""):
    """Version 2 of the PROXY protocol, of a client at this address."""
    v6 = ":" in client
    family = socket.AF_INET6 if v6 else socket.AF_INET
    body = socket.inet_pton(family, client) * 2 + struct.pack(">HH", 4, 8080)
    return (b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, 0x21 if v6 else 0x11]) +
            struct.pack(">H", len(body + tlvs)) + body + tlvs)


def ask_after(gate, first, source="127.0.0.1", pieces=None):
    """The status of an API request that comes after these bytes."""
    with connect(gate, source) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(first), pieces or len(first)):
            s.send(first[i:i + (pieces or len(first))])
        return get(s, API)[0]


def test_a_trusted_proxy_names_its_client_before_the_first_request(gate):
    g = gate("--trust-proxy", "--api-limit", "1/60s")
    assert ask_after(g, header("203.0.113.8")) == 200
    assert ask_after(g, header("203.0.113.8"), pieces=1) == 429
    assert ask_after(g, header("::ffff:203.0.113.8")) == 429
    assert ask_after(g, b"PROXY TCP4 203.0.113.8 127.0.0.1 1 2\r\n") == 429
    assert ask_after(g, header("203.0.113.9", tlvs=b"\3\0\4abcd" * 70)) == 200
    assert ask_after(g, header("2001:db8::1")) == 200
    assert ask_after(g, header("2001:db8::ffff:2"), pieces=3) == 429
    # Of a check of its own: the proxy's address.
    assert ask_after(g, header("203.0.113.10", command=0x20)) == 200
    assert ask(g) == 429


@pytest.mark.parametrize("first", [
    header("203.0.113.8", command=0x22), header("203.0.113.8")[:-1] + b"GET",
    header("203.0.113.8", tlvs=b"x" * 600), b"PROXY TCP4 203.0.113.8\r\n",
    header("203.0.113.8") * 2], ids=["command", "cut", "long", "line", "twice"])
def test_a_bad_header_is_a_bad_request(gate, first):
    g = gate("--trust-proxy")
    assert ask_after(g, first) == 400
    assert ask(g) == 200


@pytest.mark.parametrize("first", [
    header("203.0.113.8"), header("203.0.113.8", command=0x20),
    b"PROXY TCP4 203.0.113.8 127.0.0.1 1 2\r\n"], ids=["proxy", "local", "line"])
def test_a_header_of_anyone_else_is_a_bad_request(gate, first):
    g = gate("--trust-proxy=127.0.0.2")
    assert ask_after(g, first, source="127.0.0.2") == 200
    assert ask_after(g, first) == 400
    assert ask_after(g, first, pieces=1) == 400
    assert count(g, "refused_total", reason="proxy_header") == 2
    lines = [x for x in g.tool.stderr.splitlines() if "proxy_header_refused" in x]
    assert len(lines) == 1 and "peer=127.0.0.1" in lines[0]


def test_a_header_that_does_not_end_is_timed_like_a_request(gate, sockets):
    g = gate("--trust-proxy")
    for part in (header("203.0.113.8")[:20], b"\r\n\r\n", b"PROXY TCP4 "):
        sockets.append(connect(g, seconds=20))
        sockets[-1].sendall(part)
    for s in sockets:
        assert s.recv(100).startswith(b"HTTP/1.1 408 ")


def test_clients_that_a_proxy_names_have_connections_of_their_own(gate, sockets):
    g = gate("--trust-proxy", "--max-per-address", "2")

    def another(client):
        sockets.append(connect(g))
        sockets[-1].sendall(header(client))
        return get(sockets[-1])[0]
    assert [another("203.0.113.8") for _ in range(3)] == [200, 200, 429]
    assert another("203.0.113.9") == 200
    assert [another("2001:db8::%d" % i) for i in (1, 2, 3)] == [200, 200, 429]
    assert another("2001:db8:0:1::1") == 200
    assert count(g, "refused_total", reason="address") == 2
