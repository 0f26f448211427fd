"""wsgate connected and mute: whatever keeps messages from coming is told within
3 s, and so is its end; and nothing is told that did not happen."""
import re
import socket
import threading
import time

import pytest

import harness
from harness import wait_until

TOLD_S = 3
STEADY_S = 10
# What tickwire_limit is to a replica: a function that writes.
WRITES = """#!lua name=limits
redis.register_function('tickwire_limit', function(keys, args)
  return redis.call('SET', 'used', 1)
end)
"""


class Pair:
    """A master and its replica."""

    def __init__(self, folder):
        self.master = harness.RedisServer(
            folder / "master", "--repl-diskless-sync-delay", "0").start()
        self.replica = harness.RedisServer(folder / "replica").start()
        self.attach()

    def attached(self):
        return self.replica.client().role()[3] == b"connected"

    def attach(self):
        """Until it is a replica in step; when that was seen."""
        self.replica.client().replicaof("127.0.0.1", self.master.port)
        wait_until(self.attached, 10, "the replica is in step")

    def stop(self):
        self.replica.stop()
        self.master.stop()


@pytest.fixture
def pair(tmp_path):
    p = Pair(tmp_path)
    yield p
    p.stop()


def told(g):
    """The changes of state since it was live at first."""
    states = re.findall(r"ev=redis_upstream state=(\w+)", g.tool.stderr)
    return states[states.index("live") + 1:] if "live" in states else []


def heard_by(ws):
    return [m["upstream"] for m in ws.of("heartbeat")]


def watched(gate, redis, *channels):
    """A gateway that tells a state only when it changes, and its client."""
    g = gate("--heartbeat", "60s", redis=redis)
    ws = g.ws()
    ws.subscribe(*channels or ("market_data:A",))
    return g, ws


def becomes(g, states, began=None, seconds=TOLD_S):
    """Until exactly these states were told; within seconds of began."""
    began = began or time.monotonic()
    wait_until(lambda: len(told(g)) >= len(states), 20,
               lambda: "%s (told: %s)" % (states, told(g)))
    assert told(g) == states
    assert time.monotonic() - began < harness.deadline(seconds)


def becomes_live(g, before, meanwhile=lambda: None, seconds=TOLD_S):
    """Live within seconds from now, and it stays so.  From down it comes by way
    of stale, unless both links are there at once."""
    began = time.monotonic()

    def live():
        meanwhile()
        return told(g)[-1] == "live"
    wait_until(live, 20, lambda: "live (told: %s)" % told(g), every=0.05)
    assert time.monotonic() - began < harness.deadline(seconds)
    now = told(g)
    assert now == before + ["live"] or (
        before[-1] == "down" and now == before + ["stale", "live"])
    stays(g, now, meanwhile, 5)


def stays(g, states, meanwhile=lambda: None, seconds=STEADY_S):
    """No change for so long."""
    end = time.monotonic() + seconds

    def over():
        meanwhile()
        return time.monotonic() > end
    wait_until(over, seconds + 5, every=0.05)
    assert told(g) == states


def flow(redis, ws, channel="market_data:A"):
    """Messages that are published are heard."""
    marker = "m%d" % len(ws.raw)
    r = redis.client()

    def heard():
        r.publish(channel, '"%s"' % marker)
        return any(m["data"] == marker for m in ws.of("update", channel))
    wait_until(heard, 5, "messages flow", every=0.05)


def test_a_replica_that_refuses_writes_is_as_good_as_its_master(pair, gate):
    pair.master.client().execute_command("FUNCTION", "LOAD", WRITES)
    pair.attach()
    g, ws = watched(gate, pair.replica)
    flow(pair.master, ws)

    def refused():
        return harness.metric(
            harness.http_get(g.http("/metrics"))[1],
            "tickwire_redis_errors_total", role="cmd", **{"class": "resolve"})
    stays(g, [], lambda: harness.http_get(g.http("/api/v1/price/A")))
    assert refused() > 5  # the entry of the instance, and limits
    assert g.tool.stderr.count("ev=redis_down") == 0
    assert g.tool.stderr.count("ev=redis_replica") == 1
    assert harness.http_get(g.http("/ready"))[0] == 200
    flow(pair.master, ws)


@pytest.mark.parametrize("stale_data", ["yes", "no"])
def test_a_replica_that_lost_its_master_is_stale_and_live_when_it_is_back(
        pair, gate, stale_data):
    pair.replica.client().config_set("replica-serve-stale-data", stale_data)
    g, ws = watched(gate, pair.replica)
    flow(pair.master, ws)
    pair.master.kill()
    becomes(g, ["stale"])
    stays(g, ["stale"])
    assert harness.http_get(g.http("/ready"))[0] == 503
    assert heard_by(ws)[-1] == "stale"
    pair.master.start("--repl-diskless-sync-delay", "0")
    wait_until(pair.attached, 20, "the replica is in step")
    becomes_live(g, ["stale"])
    flow(pair.master, ws)
    assert heard_by(ws)[-2:] == ["stale", "live"]
    assert g.tool.stderr.count("ev=redis_down") == 0


def test_a_replica_of_nobody_is_no_moment_live(pair, gate):
    g, ws = watched(gate, pair.replica)
    pair.replica.client().replicaof("127.0.0.1", harness.free_port())
    becomes(g, ["stale"])
    # Nor do new links take it for live.
    r = pair.replica.client()
    for n, kind in enumerate(["pubsub", "normal"] * 2, 2):
        for c in r.client_list(_type=kind):
            if c["name"].startswith("wsgate"):
                r.client_kill_filter(_id=c["id"])
        role = {"pubsub": "sub", "normal": "cmd"}[kind]
        wait_until(lambda: g.tool.stderr.count("ev=redis_ready role=" + role)
                   == n // 2 + 1, 5, "the link is back")
        stays(g, ["stale"], seconds=2)
    pair.attach()
    becomes(g, ["stale", "live"])


def test_what_is_published_at_a_detached_replica_keeps_it_live(pair, gate):
    g, ws = watched(gate, pair.replica)
    r = pair.replica.client()

    def publish():
        r.publish("market_data:A", '"direct"')
    publish()
    pair.master.kill()
    stays(g, [], publish)
    becomes(g, ["stale"])
    # Now and then is not enough, so that nobody is told every time.
    published = time.monotonic()

    def publish_now_and_then():
        nonlocal published
        if time.monotonic() - published > 4:
            publish()
            published = time.monotonic()
    stays(g, ["stale"], publish_now_and_then)
    becomes_live(g, ["stale"], publish, TOLD_S + 0.5)


def test_a_master_that_hangs_is_told_when_its_replica_notices(pair, gate):
    pair.replica.client().config_set("repl-timeout", 2)
    pair.master.client().config_set("repl-ping-replica-period", 1)
    g, ws = watched(gate, pair.replica)
    stays(g, [], seconds=3)
    pair.master.freeze()
    wait_until(lambda: not pair.attached(), 10, "the replica notices")
    becomes(g, ["stale"])
    pair.master.thaw()
    wait_until(pair.attached, 20, "the replica is in step")
    becomes(g, ["stale", "live"])
    flow(pair.master, ws)


class HalfOpen:
    """Between a gateway and Redis.  Links whose role is in `held` are open and
    pass nothing on until they are released; those in `refused` are closed."""

    def __init__(self, server):
        self.target = server.port
        self.held, self.refused = set(), set()
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "redis://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,),
                             daemon=True).start()

    def _serve(self, near):
        """A link says its role when it sets its name."""
        try:
            first = near.recv(65536)
            role = "sub" if b":sub\r\n" in first else "cmd"
            if role in self.refused:
                near.close()
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self._hold(role)
            far.sendall(first)
        except OSError:
            near.close()
            return
        self.open.append((role, near))
        for a, b in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(a, b, role),
                             daemon=True).start()

    def _hold(self, role):
        while role in self.held:
            time.sleep(0.005)

    def _pump(self, source, sink, role):
        try:
            while data := source.recv(65536):
                self._hold(role)
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self, role):
        """Every link of this role, now."""
        for had, near in self.open:
            if had == role:
                try:
                    near.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.held.clear()
        self.listener.close()
        for role in ("cmd", "sub"):
            self.cut(role)


@pytest.fixture
def proxy(redis_server):
    p = HalfOpen(redis_server)
    yield p
    p.close()


@pytest.mark.parametrize("roles", [{"cmd", "sub"}, {"sub"}, {"cmd"}],
                         ids=["both", "sub", "cmd"])
def test_a_half_open_link_is_told(redis_server, proxy, gate, roles):
    g, ws = watched(gate, proxy)
    flow(redis_server, ws)
    proxy.held |= roles
    becomes(g, ["stale"])
    wait_until(lambda: "ev=redis_down" in g.tool.stderr, 10, "a link is lost")
    # The connections after it are held, too.
    lost = ["stale", "down"] if len(roles) == 2 else ["stale"]
    becomes(g, lost, seconds=10)
    stays(g, lost)
    proxy.held.clear()
    becomes_live(g, lost)
    flow(redis_server, ws)


def test_messages_keep_it_live_while_the_command_link_is_half_open(
        redis_server, proxy, gate):
    g, ws = watched(gate, proxy)
    r = redis_server.client()

    def publish():
        r.publish("market_data:A", "1")
    publish()
    proxy.held.add("cmd")
    stays(g, [], publish)
    assert "ev=redis_down role=cmd" in g.tool.stderr
    proxy.held.clear()
    stays(g, [], seconds=5)


@pytest.mark.parametrize("how", ["killed", "refused"])
def test_a_command_link_lost_alone(redis_server, proxy, gate, how):
    g, ws = watched(gate, proxy)
    r = redis_server.client()

    def publish():
        r.publish("market_data:A", "1")
    publish()
    if how == "killed":
        # It is there again before anybody could be in doubt.
        for n in range(1, 4):
            proxy.cut("cmd")
            wait_until(lambda: g.tool.stderr.count("ev=redis_ready role=cmd")
                       == n + 1, 5, "the link is back")
        stays(g, [])
        return
    proxy.refused.add("cmd")
    proxy.cut("cmd")
    stays(g, [], publish)
    becomes(g, ["stale"])
    stays(g, ["stale"])
    proxy.refused.clear()
    becomes_live(g, ["stale"])


@pytest.mark.parametrize("busy", [False, True], ids=["quiet", "busy"])
def test_a_subscription_link_lost_alone_is_told_once(redis_server, proxy, gate,
                                                     busy):
    g, ws = watched(gate, proxy)
    r = redis_server.client()

    def publish():
        if busy:
            r.publish("market_data:A", "1")
    proxy.refused.add("sub")
    proxy.cut("sub")
    becomes(g, ["stale"])
    stays(g, ["stale"], publish)
    proxy.refused.clear()
    becomes_live(g, ["stale"], publish)


def test_a_redis_that_stands_still_is_told(redis_server, gate):
    g, ws = watched(gate, redis_server)
    flow(redis_server, ws)
    redis_server.freeze()
    becomes(g, ["stale"])
    becomes(g, ["stale", "down"], seconds=6)  # the links are given up
    stays(g, ["stale", "down"])
    redis_server.thaw()
    becomes_live(g, ["stale", "down"])
    flow(redis_server, ws)


def test_a_channel_taken_away_and_given_back_disturbs_no_other(redis_server,
                                                               gate):
    r = redis_server.client()
    user = ["ACL", "SETUSER", "gw"]
    r.execute_command(*user, "on", ">pw", "~*", "+@all", "allchannels")

    class Limited:
        url = redis_server.url.replace("://", "://gw:pw@")
    g, ws = watched(gate, Limited, "market_data:A", "news:today", "orderbook:*")
    flow(redis_server, ws)
    flow(redis_server, ws, "news:today")
    # Redis ends the connection of a subscriber that loses a channel.
    r.execute_command(*user, "resetchannels", "&_probe:*", "&market_data:*")
    wait_until(lambda: g.tool.stderr.count("ev=redis_channel_refused") == 2, 3,
               "the refusal")
    becomes(g, ["stale", "live"])
    flow(redis_server, ws)
    stays(g, ["stale", "live"])
    assert g.tool.stderr.count("ev=redis_channel_refused") == 2
    assert harness.http_get(g.http("/ready"))[0] == 200
    r.execute_command(*user, "&news:*", "&orderbook:*")
    wait_until(lambda: g.tool.stderr.count("ev=redis_channel_granted") == 2, 3,
               "the grant")
    flow(redis_server, ws, "news:today")
    flow(redis_server, ws, "orderbook:A")
    stays(g, ["stale", "live"], seconds=5)
