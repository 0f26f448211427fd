"""--admin: what operators ask for has an address of its own, and the public one
tells nothing of Redis and of processes."""
import json
import signal
import socket

import pytest

import harness
from harness import http_get, run_tool
from rawws import RawWs

STATUS = ("/health/redis", "/api/v1/ws/status", "/api/v1/redis/status",
          "/api/v1/simulator/status")
PAGES = ("/metrics", "/health", "/ready") + STATUS


class Admin:
    """A gateway with --admin; get() asks there."""

    def __init__(self, gate, *args, wait=True, **kw):
        self.port = harness.free_port()
        self.at = "127.0.0.1:%d" % self.port
        self.gate = gate("--admin", self.at, *args, live=False, **kw)
        if wait:
            harness.wait_until(lambda: self.get("/ready")[0] == 200, 10,
                               "the gateway is ready")

    def get(self, path):
        return http_get("http://%s%s" % (self.at, path))


@pytest.fixture
def admin(gate):
    return lambda *args, **kw: Admin(gate, *args, **kw)


def public(g, path):
    return http_get(g.http(path))


def test_it_takes_metrics_health_and_status_off_the_public_address(
        redis_server, admin):
    a = admin(redis=redis_server)
    for path in PAGES:
        assert a.get(path)[0] == 200, path
        status, body = public(a.gate, path)
        assert status == 404, path
        assert json.loads(body)["error"] == "not_found"
    for path in ("/", "/app.js", "/api/v1/symbols", "/api/v1/bars/A/1"):
        assert public(a.gate, path)[0] == 200, path
        assert a.get(path)[0] == 404, path
    ws = a.gate.ws("/ws?subscribe=market_data:AAPL")
    ws.wait_type("subscribed")
    assert RawWs(a.port).status == 404


def test_there_it_says_everything(redis_server, admin, tool):
    a = admin(redis=redis_server)
    sim = tool("tickpub", "--redis", redis_server.url, "--simulate", "AAPL"
               ).wait_ready()
    for path in ("/health/redis", "/api/v1/redis/status"):
        assert json.loads(a.get(path)[1])["url"] == \
            "redis://127.0.0.1:%d/0" % redis_server.port
    instances = harness.wait_until(
        lambda: json.loads(a.get("/api/v1/simulator/status")[1])["instances"],
        5, "the simulator is listed")
    assert instances[0]["pid"] == sim.pid


@pytest.fixture
def named_redis(redis_server):
    """A Redis whose user has a name to be recognised by; may(rights)."""
    class Named:
        port, client = redis_server.port, redis_server.client
        url = "redis://kestrel:sesame@127.0.0.1:%d" % redis_server.port

        @staticmethod
        def may(*rights):
            redis_server.client().execute_command(
                "ACL", "SETUSER", "kestrel", "on", ">sesame", "~*", "&*",
                *rights)
    Named.may("+@all")
    return Named


def test_the_public_pages_name_neither_redis_nor_processes(
        named_redis, gate, tool):
    port, r = named_redis.port, named_redis.client()
    sim = tool("tickpub", "--redis", "redis://127.0.0.1:%d" % port, "--prefix",
               "osprey:", "--simulate", "AAPL").wait_ready()
    g = gate("--prefix", "osprey:", redis=named_redis)
    # It must be there, or there is nothing to hide.
    shown = harness.wait_until(
        lambda: json.loads(public(g, "/api/v1/simulator/status")[1])
        ["instances"], 5, "the simulator is listed")[0]
    assert shown["simulator"] is True and shown["symbols"] == ["AAPL"]
    assert sim.pid not in shown.values()
    instance = json.loads(r.get(r.keys("osprey:instance:tickpub:*")[0]))["id"]
    secrets = ["kestrel", "sesame", "osprey", ":%d" % port, '"pid"', "pid=",
               instance, "/proc", str(harness.tool_path("wsgate"))]

    def told(path, status):
        got, body = public(g, path)
        assert got == status, (path, body)
        text = body.decode()
        assert not [s for s in secrets if s in text], (path, text)
        return text

    for path in PAGES:
        told(path, 200)
    told("/nothing", 404)
    told("/api/v1/bars/AAPL/nothing", 400)
    named_redis.may("-mget", "-hget", "-scan")
    harness.wait_until(  # what was found before is kept for a while
        lambda: public(g, "/api/v1/simulator/status")[0] == 503, 5, "refused")
    for path in ("/api/v1/price/AAPL", "/api/v1/bars/AAPL/1",
                 "/api/v1/symbols", "/api/v1/simulator/status"):
        assert json.loads(told(path, 503))["message"] == \
            "Redis refused: NOPERM"
    # Operators read there why.
    said = g.tool.wait_stderr("ev=api_refused")
    assert said.count("ev=api_refused") == 1 and "NOPERM" in said


def test_public_status_keeps_them_in_full(redis_server, gate, tool):
    g = gate("--public-status", redis=redis_server)
    sim = tool("tickpub", "--redis", redis_server.url, "--simulate", "AAPL"
               ).wait_ready()
    assert json.loads(public(g, "/health/redis")[1])["url"] == \
        "redis://127.0.0.1:%d/0" % redis_server.port
    instances = harness.wait_until(
        lambda: json.loads(public(g, "/api/v1/simulator/status")[1])
        ["instances"], 5, "the simulator is listed")
    assert instances[0]["pid"] == sim.pid


def test_both_together_are_served_at_both(redis_server, admin):
    a = admin("--public-status", redis=redis_server)
    for path in PAGES:
        assert a.get(path)[0] == 200
        assert public(a.gate, path)[0] == 200
    for _, body in (a.get("/health/redis"), public(a.gate, "/health/redis")):
        assert "url" in json.loads(body)


def test_http_has_the_whole_status_too(redis_server, gate):
    """And takes nothing off the public address."""
    at = "127.0.0.1:%d" % harness.free_port()
    g = gate("--http", at, redis=redis_server)
    for path in PAGES:
        assert http_get("http://%s%s" % (at, path))[0] == 200
        assert public(g, path)[0] == 200
    assert "url" in json.loads(http_get("http://%s/health/redis" % at)[1])
    assert "url" not in json.loads(public(g, "/health/redis")[1])


def test_no_limit_of_the_public_address_holds_there(admin):
    a = admin("--api-limit", "1/60s", "--max-connections", "1", wait=False)
    for _ in range(20):
        assert a.get("/api/v1/ws/status")[0] == 200
    assert public(a.gate, "/api/v1/symbols")[0] == 200
    assert public(a.gate, "/api/v1/symbols")[0] == 429
    with socket.create_connection(("127.0.0.1", a.gate.port)):
        harness.wait_until(lambda: public(a.gate, "/")[0] == 503, 5,
                           "the public address is full")
        assert a.get("/metrics")[0] == 200


def test_a_browser_must_name_it_by_a_loopback_name(admin):
    """As at the public address: no page may let its own name point here."""
    a = admin(wait=False)

    def ask(host):
        with socket.create_connection(("127.0.0.1", a.port)) as s:
            s.settimeout(harness.deadline(5))
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: %s\r\n"
                      b"User-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n"
                      % host)
            return s.recv(64).split()[1]
    assert ask(b"localhost:%d" % a.port) == b"200"
    assert ask(b"evil.example:%d" % a.port) == b"403"


def test_it_has_a_small_bound_of_its_own(admin):
    a = admin(wait=False)
    held = [socket.create_connection(("127.0.0.1", a.port))
            for _ in range(64)]
    for s in held:
        s.settimeout(harness.deadline(5))
        s.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert s.recv(64).startswith(b"HTTP/1.1 200")
    assert a.get("/health")[0] == 503
    assert public(a.gate, "/")[0] == 200
    for s in held:
        s.close()
    harness.wait_until(lambda: a.get("/health")[0] == 200, 5, "room again")


def test_a_healthcheck_asks_there(redis_server, redis_absent, admin):
    a = admin(redis=redis_server)
    nobody = "127.0.0.1:%d" % harness.free_port()
    for args, env in ((["--admin", a.at], None), ([], {"ADMIN": a.at})):
        t = run_tool("wsgate", "--healthcheck", "--listen", nobody, *args,
                     env=env)
        assert (t.proc.returncode, t.stderr) == (0, "")
    t = run_tool("wsgate", "--healthcheck", "--admin", nobody)
    assert t.proc.returncode == 1 and nobody in t.stderr
    lost = admin(redis=redis_absent, wait=False)
    t = run_tool("wsgate", "--healthcheck", "--admin", lost.at)
    assert t.proc.returncode == 1 and "is not ready: 503" in t.stderr


def test_it_answers_until_the_drain_is_over(admin):
    a = admin("--drain", "60s", wait=False)
    clients = [a.gate.raw() for _ in range(3)]
    idle = socket.create_connection(("127.0.0.1", a.port))
    a.gate.tool.signal(signal.SIGTERM)
    status, body = harness.wait_until(
        lambda: [r for r in [a.get("/ready")] if r[0] == 503], 5,
        "it is not ready")[0]
    assert json.loads(body)["why"] == "stopping"
    assert a.get("/metrics")[0] == 200
    for c in clients:
        c.close()
    assert a.gate.tool.wait(5) == 0  # `idle` is still connected
    idle.close()


def test_where_it_listens_is_logged(tool):
    t = tool("wsgate", "--no-redis", "--listen", "127.0.0.1:0", "--admin",
             "127.0.0.1:0").wait_ready()
    lines = [dict(w.split("=", 1) for w in line.split() if "=" in w)
             for line in t.stderr.splitlines() if "ev=listening" in line]
    assert [line.get("for") for line in lines] == [None, "admin"]
    assert http_get("http://127.0.0.1:%s/health" % lines[1]["port"])[0] == 200
    assert http_get("http://127.0.0.1:%s/health" % lines[0]["port"])[0] == 404


def test_an_address_in_use_is_said(redis_absent):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = "127.0.0.1:%d" % taken.getsockname()[1]
        t = run_tool("wsgate", "--no-redis", "--listen", "127.0.0.1:0",
                     "--admin", at)
    assert t.proc.returncode == 71
    assert "wsgate: --admin: %s is already in use" % at in t.stderr
