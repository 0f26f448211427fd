"""Who is let in at the gateway's doors: origins, hosts, upgrades, subprotocols."""
import json
import re
import socket
import urllib.parse

import pytest

import harness
from testbed import free_public_port

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
SHAKE = (KEY, "Sec-WebSocket-Version: 13")
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade")
BROWSER = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"


def ask(port, *lines, path="/ws", method="GET"):
    """(status, head, body) of one request with these header lines."""
    with socket.create_connection(("127.0.0.1", port),
                                  harness.deadline(5)) as s:
        s.settimeout(harness.deadline(5))
        s.sendall("\r\n".join(["%s %s HTTP/1.1" % (method, path), *lines, "",
                               ""]).encode("latin-1"))
        got = b""
        while b"\r\n\r\n" not in got:
            data = s.recv(65536)
            if not data:
                break
            got += data
        head, _, body = got.partition(b"\r\n\r\n")
        head = head.decode()
        size = re.search(r"(?mi)^content-length: (\d+)", head)
        while size and len(body) < int(size.group(1)):
            body += s.recv(65536)
        return int(head.split()[1]), head, body


def shake(port, *lines, path="/ws"):
    """As ask(), of a handshake; a Host, if none is given."""
    lines = [*lines, *SHAKE]
    for default in (("Host: 127.0.0.1:%d" % port,), UPGRADE):
        names = [d.split(":")[0].lower() + ":" for d in default]
        if not any(l.lower().startswith(n) for l in lines for n in names):
            lines += default
    return ask(port, *lines, path=path)


def refused(g, reason):
    return harness.metric(harness.http_get(g.http("/metrics"))[1],
                          "tickwire_http_refused_total", reason=reason)


@pytest.fixture
def public(gate):
    """A gateway that other machines can reach."""
    def start(*args):
        port = free_public_port()
        g = gate("--listen", "0.0.0.0:%d" % port, *args)
        g.port = port
        return g
    return start


# --- origins -----------------------------------------------------------------

@pytest.mark.parametrize("where", ["public", "allow-host", "trust-proxy"])
def test_a_port_that_the_scheme_has_may_be_left_out(public, gate, where):
    g = (public() if where == "public" else
         gate("--trust-proxy") if where == "trust-proxy" else
         gate("--allow-host", "quotes.example.com"))
    for host, origin, status in (
            ("quotes.example.com:443", "https://quotes.example.com", 101),
            ("quotes.example.com:80", "http://quotes.example.com", 101),
            ("quotes.example.com", "https://quotes.example.com:443", 101),
            ("Quotes.Example.com.:443", "https://quotes.example.COM", 101),
            ("quotes.example.com:8443", "https://quotes.example.com:8443", 101),
            ("quotes.example.com:80", "https://quotes.example.com", 403),
            ("quotes.example.com:8443", "https://quotes.example.com", 403),
            ("quotes.example.com", "https://evil.example.com", 403),
            ("quotes.example.com", "null", 403)):
        got = shake(g.port, "Host: " + host, "Origin: " + origin)
        assert got[0] == status, (host, origin)
    assert refused(g, "origin") == 4 and refused(g, "host") == 0


def test_a_refused_origin_is_logged_with_the_remedy_but_not_each(public):
    g = public()
    for i in range(25):
        status, head, body = shake(g.port, "Host: quotes.example.com",
                                   "Origin: https://evil%d.example.com" % i)
        assert status == 403
        said = json.loads(body)
        assert said["error"] == "origin_refused"
        assert "--allow-origin https://evil%d.example.com" % i in said["message"]
        assert '"quotes.example.com"' in said["message"]
    assert refused(g, "origin") == 25
    g.tool.terminate()
    lines = [l for l in g.tool.stderr.splitlines() if "ev=http_refused" in l]
    assert len(lines) == 1, lines  # in ten seconds
    for part in ("level=warn", "reason=origin",
                 'origin="https://evil0.example.com"',
                 'host="quotes.example.com"', "peer=127.0.0.1",
                 'allow="--allow-origin https://evil0.example.com"',
                 "suppressed=0"):
        assert part in lines[0]


def test_what_a_client_claims_cannot_break_or_fill_the_log(public):
    g = public()
    status, _, body = shake(g.port, "Host: h\"\\\x01",
                            "Origin: https://e\"vil ev=fake\xff" + "x" * 4000)
    assert status in (400, 403)  # HTTP may refuse such bytes by itself
    shake(g.port, "Host: " + "h" * 3000, "Origin: x\" ev=fake" + "y" * 3000)
    assert refused(g, "origin") >= 1
    g.tool.terminate()
    lines = [l for l in g.tool.stderr.splitlines() if "reason=origin" in l]
    assert len(lines) == 1 and len(lines[0]) < 1000
    assert not re.search(r'(^|[^\\])" ev=fake', lines[0])
    assert 'allow=""' in lines[0]


@pytest.mark.parametrize("headers", [
    ("Origin: https://a.example.org", "Origin: https://a.example.org"),
    ("Origin: https://a.example.org https://b.example.org",),
    ("Origin: https://a.example.org, https://b.example.org",),
    ("Origin: https://u@a.example.org",),
    ("Origin: https://a.example.org/",),
    ("Origin: https://evil.com/x.example.org",),
    ("Origin: https://evil.com?x.example.org",),
    ("Origin: https://evil.com#.example.org",),
    ("Origin: https://evil.com:1.example.org",),
    ("Origin: https://evil.com@x.example.org",),
    ("Origin: https://evil.com .example.org",),
    ("Origin: https://a.example.org:8443",),
    ("Origin: https://example.org",),
    ("Origin: https://a.example.org.evil.com",),
])
def test_a_star_stands_for_labels_of_one_origin(public, headers):
    g = public("--allow-origin", "https://*.example.org")
    assert shake(g.port, "Origin: https://a.example.org")[0] == 101
    assert shake(g.port, *headers)[0] == 403


def test_an_allowed_origin_has_many_spellings(public):
    g = public("--allow-origin", "https://*.Example.org/")
    for origin in ("https://A.b.example.org:443", "HTTPS://a.example.ORG."):
        assert shake(g.port, "Origin: " + origin)[0] == 101


def test_patterns_of_ports_and_of_everything(gate):
    g = gate("--allow-origin", "http://localhost:*", "--allow-origin", "null")
    for origin, status in (("http://localhost:3000", 101),
                           ("http://localhost", 101),
                           ("https://localhost:3000", 403),
                           ("http://localhost.evil.example:1", 403),
                           ("null", 101)):
        assert shake(g.port, "Origin: " + origin)[0] == status, origin
    g = gate("--allow-origin", "*")
    assert shake(g.port, "Origin: https://any.example")[0] == 101
    assert shake(g.port, "Origin: null")[0] == 101
    assert shake(g.port, "Origin: a b")[0] == 403


@pytest.mark.parametrize("args,says", [
    (("--allow-origin", "app.example.org"), "write https://"),
    (("--allow-origin", "https://app.example.org/app"),
     "write https://app.example.org"),
    (("--allow-origin", "https://*example.org"), "https://*.example.org"),
    (("--allow-origin", "wss://app.example.org"),
     "write https://app.example.org"),
    (("--allow-host", "http://gw.lan"), "without scheme"),
    (("--allow-host", "gw.lan:8080"), "write gw.lan"),
])
def test_a_pattern_that_never_matches_is_a_usage_error(tool, args, says):
    t = tool("wsgate", "--no-redis", "--listen", "127.0.0.1:0", *args)
    assert t.wait(10) == 64
    assert "%s: '%s'" % args in t.stderr and says in t.stderr


def test_lists_of_the_environment_may_have_blanks(gate):
    g = gate(env={"ALLOW_ORIGIN": "https://a.example/, https://*.b.example",
                  "ALLOW_HOST": "gw.lan, *.lan"})
    for origin in ("https://a.example", "https://x.b.example"):
        assert shake(g.port, "Origin: " + origin)[0] == 101
    for host in ("gw.lan", "x.lan"):
        assert ask(g.port, "Host: " + host, BROWSER, path="/health")[0] == 200


def test_behind_a_proxy_the_host_is_the_one_that_it_was_asked_for(gate):
    """Unless told otherwise nginx puts the gateway's own address into Host."""
    lines = ("X-Forwarded-Host: quotes.example.com",
             "Origin: https://quotes.example.com")
    assert shake(gate("--trust-proxy").port, *lines)[0] == 101
    assert shake(gate().port, *lines)[0] == 403


def test_publish_test_hears_the_same(gate):
    g = gate("--dev")
    status, _, body = ask(g.port, "Host: 127.0.0.1:%d" % g.port,
                          "Origin: https://evil.example", "Content-Length: 0",
                          method="POST", path="/api/v1/dev/redis/publish-test")
    assert status == 403
    assert "--allow-origin https://evil.example" in json.loads(body)["message"]
    assert refused(g, "origin") == 1


# --- hosts -------------------------------------------------------------------

DOORS = ("/", "/health", "/ready", "/metrics", "/health/redis",
         "/api/v1/ws/status", "/api/v1/symbols", "/api/v1/price/A",
         "/api/v1/bars/A/1", "/ws", "/api/v1/ws", "/stream/ticks", "/app.js",
         "/nothing")


@pytest.mark.parametrize("browser", [
    BROWSER, "Origin: http://evil.example:8080", "Sec-Fetch-Site: same-origin"])
def test_a_page_whose_name_was_pointed_here_gets_nothing(gate, browser):
    g = gate("--web", harness.REPO / "wsgate" / "web")
    host = "Host: evil.example:8080"
    for path in DOORS:
        status, head, body = ask(g.port, host, browser, path=path)
        assert status == 403, path
        assert "access-control" not in head.lower()
        said = json.loads(body)
        assert said["error"] == "host_refused"
        assert "--allow-host evil.example" in said["message"]
    for path in ("/ws", "/api/v1/ws", "/stream/ticks"):
        assert shake(g.port, host, browser, path=path)[0] == 403
    n = len(DOORS) + 3
    assert refused(g, "host") == n and refused(g, "origin") == 0
    g.tool.terminate()
    lines = [l for l in g.tool.stderr.splitlines() if "ev=http_refused" in l]
    assert len(lines) == 1
    assert 'reason=host' in lines[0] and 'host="evil.example:8080"' in lines[0]
    assert 'allow="--allow-host evil.example"' in lines[0]


def test_the_operators_address_is_guarded_too(tool):
    """Also where --listen is not asked: it has no proxy in front of it."""
    port = harness.free_port()
    tool("wsgate", "--no-redis", "--listen", "0.0.0.0:0", "--trust-proxy",
         "--http", "127.0.0.1:%d" % port).wait_ready()
    for path in ("/health", "/ready", "/metrics", "/health/redis", "/x"):
        status, _, body = ask(port, "Host: evil.example", BROWSER, path=path)
        assert status == 403
        assert json.loads(body)["error"] == "host_refused"
    assert ask(port, "Host: localhost", BROWSER, path="/metrics")[0] == 200
    assert ask(port, "Host: gw.internal", path="/metrics")[0] == 200


@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST:1", "tick.localhost", "127.0.0.1", "127.8.9.10:1",
    "[::1]:8080", "localhost."])
def test_loopback_names_are_at_home(gate, host):
    g = gate()
    assert ask(g.port, "Host: " + host, BROWSER, path="/health")[0] == 200
    assert shake(g.port, "Host: " + host, "Origin: http://" + host)[0] == 101


@pytest.mark.parametrize("host", ["0.0.0.0", "evil.example", "192.168.1.2",
                                  "localhost.evil.example", "u@localhost", ""])
def test_other_names_are_not(gate, host):
    g = gate()
    status, _, body = ask(g.port, "Host: " + host, BROWSER, path="/health")
    assert status == 403 or (status == 400 and "@" in host)


def test_who_is_no_browser_may_use_any_name(gate):
    g = gate()
    for agent in ("curl/7.88.1", "Prometheus/2.42.0", "python-requests/2.28"):
        assert ask(g.port, "Host: gw.internal", "User-Agent: " + agent,
                   path="/metrics")[0] == 200
    assert shake(g.port, "Host: gw.internal")[0] == 101


def test_names_can_be_added(gate):
    g = gate("--allow-host", "gw.lan", "--allow-host", "*.corp.example",
             "--allow-origin", "https://app.example.org")
    for host, status in (("gw.lan:8080", 200), ("a.corp.example", 200),
                         ("app.example.org", 200), ("corp.example", 403),
                         ("x.gw.lan", 403)):
        assert ask(g.port, "Host: " + host, BROWSER,
                   path="/health")[0] == status, host


def test_only_a_gateway_on_loopback_asks(public, gate):
    for g in (public(), gate("--trust-proxy")):
        assert ask(g.port, "Host: quotes.example.com", BROWSER,
                   path="/health")[0] == 200
        assert refused(g, "host") == 0


def test_a_gateway_on_ipv6_loopback_asks_too(tool):
    port = harness.free_port()
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    tool("wsgate", "--no-redis", "--listen", "[::1]:%d" % port).wait_ready()
    with socket.create_connection(("::1", port), harness.deadline(5)) as s:
        s.settimeout(harness.deadline(5))
        s.sendall(("GET /health HTTP/1.1\r\nHost: evil.example\r\n%s\r\n\r\n"
                   % BROWSER).encode())
        assert s.recv(4096).split()[1] == b"403"


# --- upgrades ----------------------------------------------------------------

@pytest.mark.parametrize("lines", [
    ("Upgrade: h2c, websocket", "Connection: Upgrade"),
    ("Upgrade: WebSocket,h2c", "Connection: upgrade"),
    ("Upgrade: h2c", "Upgrade: websocket", "Connection: Upgrade"),
    ("Upgrade: websocket", "Connection: keep-alive, Upgrade"),
    ("Upgrade: websocket", "Connection: keep-alive", "Connection: Upgrade"),
    ("Upgrade: ,websocket", "Connection: ,Upgrade"),
    ("Upgrade: websocket", "Connection: keep-alive,,Upgrade"),
    ("Sec-WebSocket-Version: 8, 7",) + UPGRADE,
])
def test_headers_of_a_handshake_are_lists(gate, lines):
    assert shake(gate().port, *lines)[0] == 101


@pytest.mark.parametrize("path", [
    "/ws", "/ws/", "//ws", "//ws/", "/ws/?subscribe=market_data:A",
    "/api/v1/ws", "/api/v1/ws/", "//api/v1/ws", "/stream/ticks/",
    "//stream/ticks", "/echo/"])
def test_a_slash_more_is_the_same_address(gate, path):
    """What a proxy leaves that takes /tick off /tick/ws/ or /tick//ws."""
    g = gate("--dev")
    assert shake(g.port, path=path)[0] == 101
    status, head, body = ask(g.port, "Host: 127.0.0.1", path=path)
    assert status == 426
    assert "Upgrade: websocket" in head and "Sec-WebSocket-Version: 13" in head
    assert json.loads(body)["error"] == "upgrade_required"


@pytest.mark.parametrize("path", ["/wsx", "/ws/x", "/ws//", "/stream",
                                  "/stream/other", "/streams", "/WS",
                                  "/api/v1/wsx", "/echo"])
def test_what_is_no_websocket_address_is_404(gate, path):
    g = gate()
    for status, head, body in (shake(g.port, path=path),
                               ask(g.port, "Host: 127.0.0.1", path=path)):
        assert status == 404 and "Upgrade:" not in head
        assert json.loads(body)["error"] == "not_found"


def test_an_upgrade_to_something_else_is_told_what_is_spoken(gate):
    g = gate()
    for lines in (("Upgrade: h2c", "Connection: Upgrade"),
                  ("Upgrade: websocket",), ("Connection: Upgrade",)):
        status, head, _ = ask(g.port, "Host: 127.0.0.1", *lines, *SHAKE)
        assert status == 426 and "Upgrade: websocket" in head
    # Elsewhere it is no reason to refuse: RFC 9110 7.8.
    assert ask(g.port, "Host: 127.0.0.1", "Upgrade: h2c", "Connection: Upgrade",
               path="/health")[0] == 200


# --- subprotocols ------------------------------------------------------------

@pytest.mark.parametrize("path,offer,agreed", [
    ("/ws", ("tickwire.v1",), "tickwire.v1"),
    ("/ws", ("json",), "json"),
    ("/ws", ("json, tickwire.v1",), "json"),
    ("/ws", ("v9, tickwire.v1", "json"), "tickwire.v1"),
    ("/ws", ("v9",), None),
    ("/ws", (), None),
    ("/api/v1/ws", ("tickwire.v1, json",), "json"),
    ("/stream/ticks", ("json",), "json"),
    ("/stream/ticks", ("tickwire.v1",), None),
])
def test_a_subprotocol_is_agreed_on(gate, path, offer, agreed):
    status, head, _ = shake(gate().port, *(
        "Sec-WebSocket-Protocol: " + o for o in offer), path=path)
    assert status == 101
    assert re.findall(r"(?mi)^sec-websocket-protocol: (\S+)\r?$", head) == (
        [agreed] if agreed else [])


@pytest.mark.parametrize("offer", [
    ("json, json",), ("json", "json"), ("a b",), ("json, a/b",), ('"json"',),
    (",".join("p%d" % i for i in range(33)),)])
def test_a_malformed_offer_is_refused(gate, offer):
    g = gate()
    assert shake(g.port, *("Sec-WebSocket-Protocol: " + o for o in offer))[
        0] == 400
    assert shake(g.port, "Sec-WebSocket-Protocol: json")[0] == 101


def test_who_is_turned_away_hears_the_subprotocol_too(gate):
    """Else a browser calls the handshake failed and hides the close code."""
    g = gate("--max-connections", "1")
    kept = g.raw()
    assert kept.status == 101
    c = g.raw(headers={"Sec-WebSocket-Protocol": "json"})
    assert c.status == 101 and "Sec-WebSocket-Protocol: json" in c.head
    assert c.close_code() == 1013


# --- who asks why ------------------------------------------------------------

def test_a_page_can_ask_why_its_handshake_was_refused(gate):
    g = gate()

    def why(origin):
        status, _, body = ask(
            g.port, "Host: localhost:%d" % g.port, BROWSER,
            path="/ws?origin=" + urllib.parse.quote(origin, safe=""))
        return status, json.loads(body)
    status, said = why("https://quotes.example.com")
    assert status == 403 and said["error"] == "origin_refused"
    assert "--allow-origin https://quotes.example.com" in said["message"]
    assert '"localhost:%d"' % g.port in said["message"]
    assert why("http://localhost:%d" % g.port)[0] == 426
    assert refused(g, "origin") == 0  # nobody was turned away
