"""Any bytes at all on an HTTP port: the answer and the end of the connection are
as they should be, nothing is smuggled, and another client does not notice."""
import random
import socket
import time

import pytest

import harness
from httpraw import GET, HOST, Neighbour, RawHttp
from rawws import RawWs

SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /health HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Door:
    """A tool's HTTP port, with a neighbour who must not notice."""

    def __init__(self, name):
        self.port = harness.free_port()
        at = "127.0.0.1:%d" % self.port
        if name == "wsgate":
            self.tool = harness.Tool(
                name, "--listen", at, "--no-redis", "--command-rate", "100000",
                "--command-burst", "100000").wait_ready()
        else:
            self.tool = harness.Tool(name, "--no-redis", "--stdin", "--http",
                                     at, stdin="pipe").wait_ready()
        self.is_gateway = name == "wsgate"
        self.neighbour = Neighbour(self.port, ws=self.is_gateway)

    def connect(self, **kw):
        return RawHttp(self.port, **kw)

    def metric(self, name, **labels):
        _, text = harness.http_get("http://127.0.0.1:%d/metrics" % self.port)
        return harness.metric(text, name, **labels)

    def close(self):
        self.neighbour.close()
        harness.stop_all([self.tool])


@pytest.fixture(scope="module", params=["wsgate", "ratelimitd"])
def shared_door(request):
    d = Door(request.param)
    yield d
    d.close()


@pytest.fixture
def door(shared_door):
    shared_door.neighbour.check(bound=60)  # what others did is not ours
    yield shared_door
    shared_door.neighbour.check()


def head(line, *fields):
    return b"\r\n".join((line,) + fields) + b"\r\n\r\n"


def get(target, *fields):
    return head(b"GET " + target + b" HTTP/1.1", b"Host: localhost", *fields)


def post(*fields, body=b""):
    return head(b"POST /health HTTP/1.1", b"Host: localhost", *fields) + body


# What is refused, with what came behind it: (bytes, status).
REFUSED = {
    "LF for CRLF": (GET.replace(b"\r\n", b"\n"), 400),
    "LF after the request line": (GET.replace(b"\r\n", b"\n", 1), 400),
    "LF after a field": (get(b"/health", b"X: 1\nY: 2"), 400),
    "LF for the empty line": (GET[:-2] + b"\n", 400),
    "a CR in a value": (get(b"/health", b"X: 1\rY: 2"), 400),
    "two CR": (get(b"/health", b"X: 1\r"), 400),
    "NUL in a value": (get(b"/health", b"X: a\0b"), 400),
    "NUL in a name": (get(b"/health", b"X\0: a"), 400),
    "NUL in the target": (get(b"/health\0"), 400),
    "a folded line": (get(b"/health", b"X: 1", b" 2"), 400),
    "a folded line at the front": (head(b"GET /health HTTP/1.1",
                                        b" Host: localhost"), 400),
    "space before a colon": (get(b"/health", b"X : 1"), 400),
    "no colon": (get(b"/health", b"X"), 400),
    "no name": (get(b"/health", b": 1"), 400),
    "brackets in a name": (get(b"/health", b"X(1): 1"), 400),
    "no Host": (head(b"GET /health HTTP/1.1"), 400),
    "two equal Hosts": (get(b"/health", b"Host: localhost"), 400),
    "two Hosts": (get(b"/health", b"Host: other"), 400),
    "a Host that is two": (head(b"GET /health HTTP/1.1", b"Host: a, b"), 400),
    "a Host with a path": (head(b"GET /health HTTP/1.1", b"Host: a/b"), 400),
    "a target with a user": (get(b"http://me:pw@localhost/health"), 400),
    "a target of another scheme": (get(b"ftp://localhost/health"), 400),
    "a target without a slash": (get(b"health"), 400),
    "two spaces": (GET.replace(b" /", b"  /"), 400),
    "a tab for a space": (GET.replace(b" /", b"\t/"), 400),
    "HTTP/0.9": (b"GET /health\r\n\r\n", 400),
    "HTTP/1.10": (GET.replace(b"1.1", b"1.10"), 400),
    "HTTP/2.0 by name": (GET.replace(b"1.1", b"2.0"), 505),
    "HTTP/2 by its preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "http in small letters": (GET.replace(b"HTTP", b"http"), 400),
    "a method in small letters": (GET.replace(b"GET", b"get"), 400),
    "a method that is none": (GET.replace(b"GET", b"G@T"), 400),
    "a method that nobody knows": (GET.replace(b"GET", b"BREW"), 400),
    "CONNECT": (head(b"CONNECT localhost:1 HTTP/1.1", b"Host: localhost:1"),
                400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 400),
    "NUL and nothing else": (b"\0" * 100, 400),
    "noise": (b"\xff" + random.Random(7).randbytes(1 << 16), 400),
    "WebSocket frames": (b"\x81\x85\x01\x02\x03\x04abcde", 400),
    "an escape of NUL": (get(b"/%00"), 400),
    "an escape of CRLF": (get(b"/a%0d%0aX:%201"), 400),
    "an escape that is none": (get(b"/%zz"), 400),
    "half an escape": (get(b"/%4"), 400),
    "Content-Length : 4": (post(b"Content-Length : 4", body=b"abcd"), 400),
    "two equal lengths": (post(b"Content-Length: 4", b"Content-Length: 4",
                               body=b"abcd"), 400),
    "two lengths": (post(b"Content-Length: 0", b"Content-Length: 4",
                         body=b"abcd"), 400),
    "a list of lengths": (post(b"Content-Length: 4, 4", body=b"abcd"), 400),
    "a length with a plus": (post(b"Content-Length: +4", body=b"abcd"), 400),
    "a negative length": (post(b"Content-Length: -4", body=b"abcd"), 400),
    "a length in hex": (post(b"Content-Length: 0x4", body=b"abcd"), 400),
    "no length in it": (post(b"Content-Length: ", body=b"abcd"), 400),
    "a length of 2^64": (post(b"Content-Length: 18446744073709551616"), 400),
    "a length of 2^63": (post(b"Content-Length: 9223372036854775808"), 413),
    "a length above the bound": (post(b"Content-Length: 65537"), 413),
    "a length and a coding": (post(b"Content-Length: 4",
                                   b"Transfer-Encoding: chunked",
                                   body=b"0\r\n\r\n"), 400),
    "a coding and a length": (post(b"Transfer-Encoding: chunked",
                                   b"Content-Length: 4",
                                   body=b"0\r\n\r\n"), 400),
    "xchunked": (post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 400),
    "identity": (post(b"Transfer-Encoding: identity", body=b"abcd"), 400),
    "gzip alone": (post(b"Transfer-Encoding: gzip", body=b"abcd"), 400),
    "gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked",
                           body=b"0\r\n\r\n"), 501),
    "chunked, identity": (post(b"Transfer-Encoding: chunked, identity",
                               body=b"0\r\n\r\n"), 400),
    "chunked twice": (post(b"Transfer-Encoding: chunked",
                           b"Transfer-Encoding: chunked",
                           body=b"0\r\n\r\n"), 400),
    "chunked : with a space": (post(b"Transfer-Encoding : chunked",
                                    body=b"0\r\n\r\n"), 400),
    "chunked in 1.0": (head(b"POST /health HTTP/1.0",
                            b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "a chunk size that is none": (CHUNKED + b"x\r\n", 400),
    "a negative chunk": (CHUNKED + b"-1\r\n", 400),
    "a chunk size with 0x": (CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", 400),
    "a chunk size with a space": (CHUNKED + b"1 \r\na\r\n0\r\n\r\n", 400),
    "a chunk size that ends in LF": (CHUNKED + b"1\na\r\n0\r\n\r\n", 400),
    "LF in a chunk extension": (CHUNKED + b"1;a\nb\r\na\r\n0\r\n\r\n", 400),
    "no CRLF behind a chunk": (CHUNKED + b"1\r\naXX0\r\n\r\n", 400),
    "a chunk longer than it says": (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", 400),
    "a chunk of 4 GiB": (CHUNKED + b"ffffffff\r\n", 413),
    "a chunk of 2^64": (CHUNKED + b"10000000000000000\r\n", 413),
    "LF at the end of the trailers": (CHUNKED + b"0\r\n\n", 400),
    "a trailer without a colon": (CHUNKED + b"0\r\nX\r\n\r\n", 400),
    "65 fields": (get(b"/health", *[b"X: 1"] * 64), 431),
    "a field of 9,000 bytes": (get(b"/health", b"X: " + b"x" * 9000), 431),
    "fields of 1 MB": (get(b"/health", b"X: " + b"x" * 1000000), 431),
    "1 MB of fields": (get(b"/health", *[b"X: " + b"x" * 120] * 8000), 431),
    "a target of 9,000 bytes": (get(b"/" + b"x" * 9000), 414),
    "a target of 1 MB": (get(b"/" + b"x" * 1000000), 414),
    "a body of 70,000 bytes": (post(b"Content-Length: 70000",
                                    body=b"x" * 70000), 413),
    "chunks of 70,000 bytes": (CHUNKED + b"".join(
        b"3e8\r\n" + b"x" * 1000 + b"\r\n" for _ in range(70)), 413),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_malformed_is_refused_and_nothing_behind_it_is_read(door,
                                                                    name):
    data, status = REFUSED[name]
    with door.connect() as c:
        c.send(data + SMUGGLED)
        answers = c.answers()
    assert [a.status for a in answers] == [status]
    assert answers[0].headers["connection"] == "close"
    assert answers[0].headers["cache-control"] == "no-store"
    assert answers[0].headers["x-content-type-options"] == "nosniff"


def chunk(data, ext=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), ext, data)


# What is taken: (bytes, statuses, does the connection end then).
TAKEN = {
    "empty lines before it": (b"\r\n\r\n" + GET, [200], False),
    "spaces and tabs around values": (get(b"/health", b"X: \t a b \t"), [200],
                                      False),
    "bytes above 127 in a value": (get(b"/health", b"X: \xe9\xff"), [200],
                                   False),
    "64 fields": (get(b"/health", *[b"X: 1"] * 63), [200], False),
    "escapes": (get(b"/%68ealth"), [200], False),
    "escaped dots": (get(b"/%2e%2e/%2e%2e/etc/passwd"), [404], False),
    "an escaped slash": (get(b"/health%2f"), [404], False),
    "dots": (get(b"/x/../health"), [404], False),
    "a whole address": (get(b"http://other:1/health"), [200], False),
    "1.0": (head(b"GET /health HTTP/1.0"), [200], True),
    "1.0 kept alive": (head(b"GET /health HTTP/1.0",
                            b"Connection: keep-alive"), [200], False),
    "close": (get(b"/health", b"Connection: close") + SMUGGLED, [200], True),
    "a body": (post(b"Content-Length: 4", body=b"abcd") + GET, [405, 200],
               False),
    "a body that looks like a request": (
        post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED) + GET,
        [405, 200], False),
    "a body of a GET": (get(b"/health", b"Content-Length: 4") + b"abcd" + GET,
                        [200, 200], False),
    "no body": (post(b"Content-Length: 0") + GET, [405, 200], False),
    "chunks": (CHUNKED + chunk(b"abc") + chunk(SMUGGLED) + b"0\r\n\r\n" + GET,
               [405, 200], False),
    "chunks with extensions and trailers": (
        CHUNKED + chunk(b"abc", b";a") + chunk(b"d", b' ;b="c;d"') +
        b"000;x\r\nX: 1\r\nY:\r\n\r\n" + GET, [405, 200], False),
    "chunks of one byte": (CHUNKED + chunk(b"x") * 9000 + b"0\r\n\r\n" + GET,
                           [405, 200], False),
    "chunks of 65,536 bytes": (CHUNKED + chunk(b"x" * 4096) * 16 +
                               b"0\r\n\r\n" + GET, [405, 200], False),
    "OPTIONS": (head(b"OPTIONS /health HTTP/1.1", b"Host: a") + GET, [405, 200],
                False),
    "OPTIONS *": (head(b"OPTIONS * HTTP/1.1", b"Host: a") + GET, [404, 200],
                  False),
    "PUT, DELETE, TRACE": (b"".join(
        head(m + b" /health HTTP/1.1", b"Host: a")
        for m in (b"PUT", b"DELETE", b"TRACE")), [405] * 3, False),
    "fifty at once": (GET * 50, [200] * 50, False),
    "a bad one behind good ones": (GET * 9 + b"\0" + GET, [200] * 9 + [400],
                                   True),
    "a request behind an upgrade that nobody takes": (
        get(b"/health", b"Connection: Upgrade", b"Upgrade: h2c") + SMUGGLED,
        [200], True),
    "a request behind an upgrade in a list with an empty element": (
        get(b"/health", b"Connection: x,,Upgrade", b"Upgrade: h2c") + SMUGGLED,
        [200], True),
    "a close in a list with an empty element": (
        get(b"/health", b"Connection: ,close") + GET, [200], True),
    "an upgrade in 1.0": (
        head(b"GET /health HTTP/1.0", b"Connection: keep-alive, Upgrade",
             b"Upgrade: websocket") + GET, [200, 200], False),
}


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_what_is_well_formed_is_answered_one_by_one(door, name):
    data, statuses, ends = TAKEN[name]
    with door.connect() as c:
        c.send(data)
        assert [c.answer().status for _ in statuses] == statuses
        if ends:
            assert c.answer() is None
        else:
            c.send(GET)
            assert c.answer().status == 200
            assert c.buf == b""


def test_head_has_no_body_and_a_refusal_after_it_has_one(door):
    with door.connect() as c:
        c.send(head(b"HEAD /health HTTP/1.1", b"Host: a") + GET)
        assert int(c.answer(head=True).headers["content-length"]) > 0
        assert c.answer().status == 200
        c.send(head(b"HEAD /health HTTP/1.1", b"Host: a"))
        c.answer(head=True)
        c.send(b"\0")
        assert [a.body for a in c.answers()] == [b"Bad Request\n"]


def test_continue_is_said_where_it_is_asked_for_and_of_use(door):
    expect = b"Expect: 100-continue"
    with door.connect() as c:
        c.send(post(b"Content-Length: 4", expect))
        assert c.answer().status == 100
        c.send(b"abcd" + GET)
        assert [c.answer().status for _ in range(2)] == [405, 200]
        c.send(post(b"Content-Length: 4", expect, body=b"abcd"))
        assert c.answer().status == 405
        c.send(post(b"Content-Length: 70000", expect))
        assert [a.status for a in c.answers()] == [413]
    with door.connect() as c:
        c.send(head(b"POST /health HTTP/1.0", b"Content-Length: 4", expect) +
               b"abcd")
        assert [a.status for a in c.answers()] == [405]


SLOW = {
    "a head": (GET[:-4], b"X: y\r\n"),
    "empty lines": (b"", b"\r\n"),
    "a request line": (b"GET /", b"x"),
    "a body": (post(b"Content-Length: 4000"), b"x"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "a chunk extension": (CHUNKED + b"1;", b"x"),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n"),
}


def test_whoever_sends_byte_by_byte_has_five_seconds(door):
    """All at once, as each takes that long."""
    open_ones = {}
    start = time.monotonic()
    before = door.metric("tickwire_http_refused_total", reason="slow_request")
    for name, (first, more) in SLOW.items():
        c = door.connect()
        c.sock.sendall(first)
        open_ones[name] = (c, more)
    got, at = {}, 0
    while len(got) < len(SLOW):
        assert time.monotonic() - start < harness.deadline(15), got
        for name, (c, more) in open_ones.items():
            if name in got:
                continue
            c.sock.settimeout(0.02)
            try:
                answers = c.answers()
            except socket.timeout:
                try:
                    c.sock.sendall(more[at % len(more):][:1])
                except OSError:
                    pass
                continue
            got[name] = [a.status for a in answers]
        at += 1
    assert got == {name: [408] for name in SLOW}
    assert time.monotonic() - start > 4
    for c, _ in open_ones.values():
        c.close()
    assert door.metric("tickwire_http_refused_total",
                       reason="slow_request") == before + len(SLOW)


# States to end a connection in: (bytes, answers to a half-close then).
STATES = {
    "before a word": (b"", []),
    "in the request line": (b"GET /he", []),
    "in the head": (GET[:-2], []),
    "in the body": (post(b"Content-Length: 10", body=b"abc"), []),
    "in a chunk": (CHUNKED + b"5\r\nabc", []),
    "after a request": (GET, [200]),
    "after ten requests": (GET * 10, [200] * 10),
    "after nine requests and a half": (GET * 9 + GET[:20], [200] * 9),
    "after what is refused": (b"\0", [400]),
    "while much is sent": (GET.replace(b"/health", b"/metrics") * 1000,
                           [200] * 1000),
}


@pytest.mark.parametrize("name", sorted(STATES))
def test_a_half_closed_connection_gets_what_it_asked_for(door, name):
    data, statuses = STATES[name]
    with door.connect(rcvbuf=8192) as c:
        c.send(data).join()
        c.half_close()
        assert [a.status for a in c.answers()] == statuses


@pytest.mark.parametrize("name", sorted(STATES))
def test_a_reset_ends_a_connection_in_every_state(door, name):
    data, statuses = STATES[name]
    connections = door.metric("tickwire_http_connections")
    for i in range(10):
        c = door.connect(rcvbuf=8192)
        c.send(data).join()
        if statuses and i % 2:
            c.answer()
        c.reset()
    harness.wait_until(
        lambda: door.metric("tickwire_http_connections") == connections, 10,
        "the connections are gone")


def test_requests_of_whoever_does_not_read_wait(door):
    n = 3000
    with door.connect(rcvbuf=8192) as c:
        def count():
            return door.metric("tickwire_http_requests_total")
        first = count()
        c.send(GET.replace(b"/health", b"/metrics") * n)
        door.neighbour.check()

        def blocked():
            a = count()
            door.neighbour.wait(20)
            b = count()
            # Our own request, and those of a neighbour over HTTP.
            return a > first and b - a < 60
        harness.wait_until(blocked, 20, "the answers wait")
        if door.is_gateway:
            assert count() - first < n
        door.neighbour.check()
        for _ in range(n):
            assert c.answer().status == 200


def test_many_who_pipeline_leave_the_others_their_turn(door):
    """All that had come on a connection was answered in one go, for each
    connection that was ready, and every descriptor counted for each answer."""
    idle = [door.connect() for _ in range(700)]
    flood = [door.connect() for _ in range(10)]
    door.neighbour.check(bound=60)
    threads = [c.send(GET.replace(b"/health", b"/metrics") * 400)
               for c in flood]
    for c in flood:
        for _ in range(400):
            assert c.answer().status == 200
    door.neighbour.check(bound=0.5)
    for t in threads:
        t.join()
    for c in idle + flood:
        c.close()


def test_what_comes_behind_a_handshake_is_no_request(door):
    if not door.is_gateway:
        pytest.skip("a WebSocket is the gateway's")
    ws = RawWs(door.port, shake=False)
    ws.sock.sendall(get(b"/ws", b"Connection: Upgrade", b"Upgrade: websocket",
                        b"Sec-WebSocket-Version: 13",
                        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==") +
                    SMUGGLED)
    text = b""
    while True:
        data = ws.sock.recv(65536)
        if not data:
            break
        text += data
    ws.close()
    assert text.startswith(b"HTTP/1.1 101 ")
    assert text.count(b"HTTP/1.1") == 1
    # G is no first byte of a frame.
    assert b"\x88" in text and (1002).to_bytes(2, "big") in text
    with RawWs(door.port) as ws:
        ws.sock.sendall(SMUGGLED)
        assert ws.close_code() == 1002


def test_an_upgrade_in_http_1_0_is_ignored(door):
    if not door.is_gateway:
        pytest.skip("a WebSocket is the gateway's")
    with door.connect() as c:
        c.send(head(b"GET /ws HTTP/1.0", b"Host: localhost",
                    b"Connection: Upgrade", b"Upgrade: websocket",
                    b"Sec-WebSocket-Version: 13",
                    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="))
        assert [a.status for a in c.answers()] == [426]
