"""What docker/ ships: the compose file, the balancer, Redis and its users."""
import json
import os
import re
import shutil
import subprocess
import time

import pytest

import harness

DOCKER = harness.REPO / "docker"
TOOLS = ("tickpub", "bargen", "wsgate", "ratelimitd")


def need(program):
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if not path:
        pytest.skip("%s is not installed" % program)
    return path


@pytest.fixture(scope="module")
def compose():
    """The compose file as docker-compose understands it."""
    yaml = pytest.importorskip("yaml")
    out = subprocess.run(
        [need("docker-compose"), "-f", str(DOCKER / "compose.yaml"), "config"],
        capture_output=True, env=harness.clean_env(), check=False)
    assert out.returncode == 0, out.stderr.decode()
    return yaml.safe_load(out.stdout)


def test_any_service_can_be_scaled(compose):
    """No fixed name, and a port of this machine for the balancer alone."""
    services = compose["services"]
    assert set(TOOLS) <= set(services)
    assert not any("container_name" in s for s in services.values())
    assert [n for n, s in services.items() if s.get("ports")] == ["balancer"]


def test_every_service_has_a_health_check_and_time_to_stop(compose):
    for name, s in compose["services"].items():
        assert s["healthcheck"]["test"], name
        assert "stop_grace_period" in s, name
    for name in TOOLS:
        s = compose["services"][name]
        assert s["healthcheck"]["test"] == ["CMD", name, "--healthcheck"]
        assert isinstance(s["command"], list) and s["command"][0] == name
        assert s["depends_on"]["redis"]["condition"] == "service_healthy"


def test_a_crashed_service_is_restarted_and_a_stopped_one_had_time(compose):
    """common/app/app.h: a tool that has not drained in 4.5 s ends."""
    for name, s in compose["services"].items():
        assert s["restart"] == "unless-stopped", name
        seconds = re.fullmatch(r"(\d+)s", s["stop_grace_period"])
        assert seconds and int(seconds.group(1)) >= 10, name


def env_names():
    """Variables of the option tables and of getenv, over all tools."""
    names = set()
    for folder in ("common",) + TOOLS:
        for path in sorted((harness.REPO / folder).rglob("*.c")):
            text = path.read_text()
            names.update(re.findall(r'\.env = "([A-Z_]+)"', text))
            names.update(re.findall(r'getenv\("([A-Z_]+)"', text))
            names.update(re.findall(r'\benv(?:_number)?\("([A-Z_]+)"', text))
            names.update(re.findall(r'AT\([\w.]+\),\s+"([A-Z_]+)"', text))
    return names


def test_env_example_has_every_variable_and_no_other():
    text = (harness.REPO / ".env.example").read_text()
    listed = set(re.findall(r"^#?([A-Z_]+)=", text, re.M))
    assert listed - env_names() == {"BIND", "RUN_REDIS_PORT",
                                    "TICKWIRE_TAG"}
    assert env_names() - listed == set()


def test_compose_sets_no_variable_that_no_tool_reads(compose):
    for name in TOOLS:
        assert set(compose["services"][name]["environment"]) <= env_names()


def test_the_image_runs_as_nobody_and_has_every_tool():
    text = (DOCKER / "Dockerfile").read_text()
    assert re.search(r"^USER \d+", text, re.M)
    assert re.search(r'^CMD \["', text, re.M)
    assert "make install" in text
    for name in re.findall(r"^COPY (?!--from)(\S+) \S+$", text, re.M):
        assert (harness.REPO / name).exists(), name


# --- Redis ---

@pytest.fixture
def shipped_redis(tmp_path):
    """redis.conf and users.conf as they are, on a port of the test's."""
    (tmp_path / "data").mkdir()
    port = harness.free_port()
    log = open(tmp_path / "redis.log", "wb")
    proc = subprocess.Popen(
        ["redis-server", str(DOCKER / "redis" / "redis.conf"), "--port",
         str(port), "--dir", str(tmp_path / "data"), "--include",
         str(DOCKER / "redis" / "users.conf")], stdout=log, stderr=log)
    log.close()
    import redis
    admin = redis.Redis("127.0.0.1", port, password="change-me-admin")

    def answers():
        try:
            return admin.ping()
        except redis.RedisError:
            return False

    harness.wait_until(answers, 10, "redis-server answers")
    admin.test_port = port
    yield admin
    admin.close()
    proc.kill()
    proc.wait()


def test_every_tool_works_with_its_own_user_and_no_more_rights(
        shipped_redis, tool):
    r = shipped_redis

    def start(name, *args):
        return tool(name, "--redis", "redis://%s:change-me-%s@127.0.0.1:%d/0" %
                    (name, name, r.test_port), *args)

    port, web = harness.free_port(), harness.free_port()
    start("tickpub", "--simulate", "AAA", "--rate", "100").wait_ready()
    start("bargen", "--resolutions", "1S").wait_ready()
    start("wsgate", "--listen", "127.0.0.1:%d" % port).wait_ready()
    start("ratelimitd", "--linger", "--http", "127.0.0.1:%d" % web
          ).wait_ready()
    base = "http://127.0.0.1:%d" % port

    def bars():
        status, body = harness.http_get(
            base + "/api/v1/bars/AAA/1S?limit=2")
        return status == 200 and json.loads(body)["bars"]

    harness.wait_until(bars, 15, "bars of AAA", every=0.3)
    assert harness.http_get(base + "/api/v1/price/AAA")[0] == 200
    assert harness.http_get(base + "/api/v1/simulator/status")[0] == 200
    assert harness.http_get("http://127.0.0.1:%d/check?rule=api&key=a" %
                            web)[0] == 204
    r.rpush("ratelimit:requests", json.dumps(
        {"rule": "api", "key": "a", "reply": "reply:1",
         "expires_ms": int(time.time() * 1000) + 60000}))
    assert json.loads(r.blpop("reply:1", harness.deadline(5))[1])["allowed"]
    denied = r.execute_command("ACL", "LOG")
    assert denied == [], denied


def test_a_user_cannot_do_what_is_not_its_business(shipped_redis):
    import redis
    for user, command in (("tickpub", ("FLUSHALL",)),
                          ("tickpub", ("GET", "ratelimit:rules")),
                          ("wsgate", ("SET", "price:X", "1")),
                          ("bargen", ("PUBLISH", "executions:1", "x")),
                          ("ratelimitd", ("PUBLISH", "market_data:X", "x"))):
        c = redis.Redis("127.0.0.1", shipped_redis.test_port, username=user,
                        password="change-me-" + user)
        with pytest.raises(redis.exceptions.NoPermissionError):
            c.execute_command(*command)
        c.close()


# --- the balancer ---

@pytest.fixture
def balancer(tmp_path):
    """haproxy with the shipped file, its addresses replaced by local ones."""
    haproxy = need("haproxy")
    started = []

    def start(ports, admins):
        text = (DOCKER / "haproxy" / "haproxy.cfg").read_text()
        servers = "\n    ".join("server s%d 127.0.0.1:%d port %d" % (i, p, a)
                                for i, (p, a) in enumerate(zip(ports, admins)))
        front, status = harness.free_port(), harness.free_port()
        for old, new in (
                ("server-template wsgate 1-64 wsgate:8080", servers),
                (" resolvers docker init-addr none", ""),
                ("check port 8081 ", "check "),
                ("bind :8080", "bind 127.0.0.1:%d" % front),
                ("bind 127.0.0.1:8404", "bind 127.0.0.1:%d" % status),
                ("log stdout format raw local0 notice", ""),
                ("log global", ""), ("maxconn 100000", "maxconn 200")):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / "haproxy.cfg"
        path.write_text(text)
        proc = subprocess.Popen([haproxy, "-f", str(path)],
                                stderr=subprocess.DEVNULL)
        started.append(proc)
        url = "http://127.0.0.1:%d" % front

        def up():
            try:
                return harness.http_get(url + "/")[0] == 200
            except OSError:
                return False

        harness.wait_until(up, 10, "the balancer has a gateway")
        return front

    yield start
    for proc in started:
        proc.kill()
        proc.wait()


def test_the_balancer_file_is_good():
    out = subprocess.run([need("haproxy"), "-c", "-f",
                          str(DOCKER / "haproxy" / "haproxy.cfg")],
                         capture_output=True, check=False)
    assert out.returncode == 0, out.stderr.decode()


def test_clients_reach_any_gateway_and_survive_the_loss_of_one(
        redis_server, tool, balancer):
    websockets = pytest.importorskip("websockets.client")
    import asyncio
    ports = [harness.free_port() for _ in range(2)]
    admins = [harness.free_port() for _ in range(2)]
    gates = [tool("wsgate", "--redis", redis_server.url, "--trust-proxy",
                  "--listen", "127.0.0.1:%d" % p, "--admin",
                  "127.0.0.1:%d" % a).wait_ready()
             for p, a in zip(ports, admins)]
    front = balancer(ports, admins)

    async def first(ws, kind):
        while True:
            m = json.loads(await asyncio.wait_for(ws.recv(),
                                                  harness.deadline(5)))
            if m["type"] == kind:
                return m

    async def talk():
        url = "ws://127.0.0.1:%d/ws?subscribe=market_data:X" % front
        conns = [await websockets.connect(url) for _ in range(4)]
        seen = {(await first(ws, "welcome"))["instance"] for ws in conns}
        assert len(seen) == 2  # both gateways have clients
        for ws in conns:
            await first(ws, "subscribed")
        r = redis_server.client()
        r.publish("market_data:X", '{"n":1}')
        for ws in conns:
            assert (await first(ws, "update"))["data"] == {"n": 1}
            await ws.close()
        gates[0].kill()
        for _ in range(4):
            async with websockets.connect(url) as ws:
                await first(ws, "subscribed")

    asyncio.run(talk())


def test_behind_a_proxy_each_client_has_its_own_limit(redis_server, tool):
    port = harness.free_port()
    tool("ratelimitd", "--redis", redis_server.url, "--linger").wait_ready()
    tool("wsgate", "--redis", redis_server.url, "--trust-proxy", "--listen",
         "127.0.0.1:%d" % port).wait_ready()

    def get(forwarded):
        out = subprocess.run(
            ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}"] +
            [x for f in forwarded for x in ("-H", "X-Forwarded-For: " + f)] +
            ["http://127.0.0.1:%d/api/v1/ws/status" % port],
            capture_output=True, check=True)
        return int(out.stdout)

    r = redis_server.client()
    get(["203.0.113.7"])
    # What the client claims is before what the proxy adds.
    get(["198.51.100.1", "10.9.9.9, 203.0.113.7"])
    get(["nonsense"])
    get(["[2001:db8::1]:443"])
    get(["2001:0DB8:0::2"])
    used = {k.decode().split(":", 2)[2]: r.llen(k)
            for k in r.keys("ratelimit:api:*")}
    assert used["203.0.113.7"] == 2
    assert used["127.0.0.1"] == 1
    assert used["2001:db8::/64"] == 2
    assert len(used) == 3
