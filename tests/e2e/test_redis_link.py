"""The Redis links against a real redis-server, through tests/tools/linkprobe."""
import re
import signal
import socket
import threading
import time

import pytest

import harness
from harness import Tool, deadline, free_port, wait_until


class Link:
    """A linkprobe and its events as lines."""

    def __init__(self, server, *args, tcp=True):
        where = ["-p", server.port] if tcp else ["-s", server.socket]
        self.tool = Tool("linkprobe", *where, *args, stdin="pipe", ready=False,
                         path=harness.testtool_path("linkprobe"))

    def say(self, *lines):
        self.tool.write("".join(line + "\n" for line in lines))

    def lines(self):
        return [ln.decode(errors="replace") for ln in self.tool.lines]

    def wait(self, text, seconds=5.0, times=1):
        """Until a line that matches has come so often; how long it took."""
        begun = time.monotonic()
        rx = re.compile(text)
        wait_until(lambda: sum(bool(rx.match(ln)) for ln in self.lines())
                   >= times, seconds,
                   lambda: "%r x %d in\n%s\n%s" % (
                       text, times, "\n".join(self.lines()[-30:]),
                       self.tool.stderr[-3000:]))
        return time.monotonic() - begun

    def quit(self):
        """An orderly end leaves no handle open: exit status 0."""
        if self.tool.proc.poll() is None:
            self.say("quit")
        self.tool.close_stdin()
        assert self.tool.proc.wait(deadline(5)) == 0, self.tool.stderr[-3000:]


class Proxy:
    """Between a link and Redis; while stalled, it swallows Pub/Sub messages and
    nothing else, as a server does that lost touch with the rest."""

    def __init__(self, server):
        self.target = server.port
        self.stalled = False
        self.accepted = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            far = socket.create_connection(("127.0.0.1", self.target))
            for a, b, check in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._pump, args=(a, b, check),
                                 daemon=True).start()

    def _pump(self, source, sink, check):
        try:
            while data := source.recv(65536):
                if not (check and self.stalled and b"\r\nmessage\r\n" in data):
                    sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


@pytest.fixture
def proxy(redis_server):
    p = Proxy(redis_server)
    yield p
    p.close()


@pytest.fixture
def link():
    made = []

    def start(server, *args, **kw):
        made.append(Link(server, *args, **kw))
        return made[-1]

    yield start
    harness.stop_all([one.tool for one in made])


def upstream(link):
    """The state that was told last."""
    told = [ln.split()[1] for ln in link.lines() if ln.startswith("upstream")]
    return told[-1] if told else None


def both_ready(one):
    one.wait("cmd ready")
    one.wait("sub live")


def test_replies_of_every_kind_come_back_in_order(redis_server, link):
    one = link(redis_server)
    both_ready(one)
    one.say("cmd SET k v", "cmd GET k", "cmd GET none", "cmd INCR n",
            "cmd RPUSH l a b", "cmd LRANGE l 0 -1", "cmd NOSUCH",
            "cmd MULTI", "cmd INCR n", "cmd EXEC")
    one.wait("cmd reply", times=10)
    replies = [ln[10:] for ln in one.lines() if ln.startswith("cmd reply")]
    assert replies[:6] == ["OK", "v", "nil", "1", "2", "[a,b]"]
    assert replies[6].startswith("ERR unknown command")
    assert replies[7:] == ["OK", "QUEUED", "[2]"]
    one.quit()


def test_messages_of_names_and_patterns_arrive(redis_server, link):
    one = link(redis_server)
    both_ready(one)
    one.say("want a", "pwant b*")
    one.wait(r"sub confirmed a$")
    one.wait(r"sub confirmed b\* \*$")
    client = redis_server.client()
    client.publish("a", "x y")
    client.publish("bcd", "z")
    client.publish("c", "never")
    one.wait("sub message a x y $")
    one.wait(r"sub message bcd z b\*$")
    one.say("unwant a")
    wait_until(lambda: client.pubsub_numsub("a")[0][1] == 0, 5)
    assert client.publish("a", "gone") == 0
    one.quit()


def test_a_unix_socket_works_too(redis_server, link):
    one = link(redis_server, tcp=False)
    both_ready(one)
    one.say("want a", "cmd PING")
    one.wait("cmd reply PONG")
    one.wait("sub confirmed a")
    redis_server.restart()
    one.wait("cmd ready", 3, times=2)
    one.wait("sub confirmed a", 3, times=2)
    one.quit()


def test_a_name_of_several_addresses_is_tried_until_one_answers(redis_server,
                                                                 link):
    # localhost is ::1 and 127.0.0.1 on most machines; Redis has the second.
    one = link(redis_server, "-h", "localhost")
    both_ready(one)
    assert "cmd down" not in "\n".join(one.lines())
    one.quit()


def test_a_name_that_does_not_exist_is_reported_and_tried_again(redis_absent,
                                                                link):
    one = link(redis_absent, "-h", "no.such.host.invalid")
    one.wait("cmd down 0 (resolve: |no answer)", 15, times=2)
    one.say("quit")
    one.tool.close_stdin()
    one.tool.proc.wait(deadline(15))


def test_the_database_and_the_connection_name_are_set(redis_server, link):
    one = link(redis_server, "-n", "3")
    both_ready(one)
    one.say("cmd SET k v")
    one.wait("cmd reply OK")
    assert redis_server.client(db=3).get("k") == b"v"
    names = {c["name"] for c in redis_server.client().client_list()}
    assert {"linkprobe:1:cmd", "linkprobe:1:sub"} <= names
    one.quit()


def test_a_redis_that_comes_later_is_found(redis_absent, link):
    one = link(redis_absent, "-P")
    one.wait("cmd down 0 connect: connection refused", times=3)
    redis_absent.start()
    one.wait("upstream live", 3)
    one.quit()


def test_a_wrong_password_is_refused_and_never_printed(redis_absent, link):
    redis_absent.password = "right"
    redis_absent.start("--requirepass", "right")
    wrong = link(redis_absent, "-a", "wr0ng-secret")
    wrong.wait("cmd down 1 AUTH: WRONGPASS")
    none = link(redis_absent)
    none.wait("cmd down 1 CLIENT SETNAME: NOAUTH")
    right = link(redis_absent, "-a", "right")
    both_ready(right)
    assert "wr0ng-secret" not in wrong.tool.stderr
    assert "wr0ng-secret" not in "\n".join(wrong.lines())
    # Trying goes on, but slowly.
    begun = len([ln for ln in wrong.lines() if ln.startswith("cmd down")])
    wrong.wait("cmd down 1", 10, times=begun + 1)
    redis_absent.client().config_set("requirepass", "wr0ng-secret")
    wrong.wait("cmd ready", 10)
    for one in (wrong, none, right):
        one.quit()


def test_a_user_sees_only_the_channels_the_acl_allows(redis_server, link):
    redis_server.client().execute_command(
        "ACL", "SETUSER", "reader", "on", ">pw", "resetchannels", "&ok:*",
        "~*", "+@all")
    one = link(redis_server, "-u", "reader", "-a", "pw")
    both_ready(one)
    one.say("want ok:1", "want bad:1", "want ok:2", "want bad:2")
    one.wait("sub confirmed ok:1$")
    one.wait("sub confirmed ok:2$")
    one.wait("sub refused bad:1 NOPERM")
    one.wait("sub refused bad:2 NOPERM")
    one.wait("sub live", times=2)
    redis_server.client().publish("ok:2", "hi")
    one.wait("sub message ok:2 hi")
    assert not [ln for ln in one.lines() if ln.startswith("sub down")]
    one.quit()


def test_a_refused_name_is_asked_for_until_it_is_granted(redis_server, link):
    client = redis_server.client()
    user = ["ACL", "SETUSER", "reader"]
    client.execute_command(*user, "on", ">pw", "resetchannels", "&_probe:*",
                           "&ok", "~*", "+@all")
    one = link(redis_server, "-P", "-u", "reader", "-a", "pw")
    one.wait("upstream live")
    one.say("want ok", "want no", "pwant no*")
    one.wait("sub confirmed ok$")
    one.wait(r"sub refused no\*? NOPERM", times=2)

    def tries():
        return int(client.info("errorstats")["errorstat_NOPERM"]
                   .split("=")[1])

    def lives():
        return one.lines().count("sub live")
    begun, live = tries(), lives()
    wait_until(lambda: tries() >= begun + 4, 6, "it is tried again")
    assert lives() == live  # that is no news
    client.execute_command(*user, "allchannels")
    one.wait("sub confirmed no$", 3)
    one.wait(r"sub confirmed no\* \*$", 3)
    client.publish("no", "yes")
    one.wait("sub message no yes $")
    one.wait(r"sub message no yes no\*$")
    # Taken away: Redis ends the connection, and says it again.
    client.execute_command(*user, "resetchannels", "&_probe:*", "&ok")
    one.wait(r"sub refused no\*? NOPERM", 3, times=4)
    one.wait("sub confirmed ok$", 3, times=2)
    wait_until(lambda: upstream(one) == "live", 3)
    lines = one.lines()
    assert sum("sub refused" in ln for ln in lines) == 4
    assert one.tool.stderr.count("ev=redis_channel_refused") == 4
    assert one.tool.stderr.count("ev=redis_channel_granted") == 2
    one.quit()


def test_after_kill_and_restart_everything_is_live_within_3_s(redis_server,
                                                              link):
    one = link(redis_server, "-P")
    one.say("want a")
    one.wait("sub confirmed a$")
    one.wait("upstream live")
    for again in range(2, 5):
        redis_server.kill()
        one.wait("upstream down", 3, times=again - 1)
        time.sleep(0.5)  # outage, not waiting: the backoff grows meanwhile
        redis_server.start()
        one.wait("upstream live", 3, times=again)
        one.wait("sub confirmed a$", 1, times=again)
        redis_server.client().publish("a", again)
        one.wait("sub message a %d" % again)
    one.quit()


def test_a_redis_that_hangs_is_stale_then_down_then_live(redis_server, link):
    one = link(redis_server, "-P")
    one.say("want a")
    one.wait("sub confirmed a$")
    one.wait("upstream live")
    redis_server.freeze()
    begun = time.monotonic()
    one.wait("upstream stale", 3, times=2)
    one.say("cmd GET k")
    one.wait("cmd down 0 no answer to PING", 7)
    one.wait("cmd lost")
    one.wait("upstream down", 7)
    # Eight seconds of hang in all, as the design has it.
    wait_until(lambda: time.monotonic() - begun >= 8, 10)
    redis_server.thaw()
    one.wait("upstream live", 3, times=2)
    redis_server.client().publish("a", "after")
    one.wait("sub message a after")
    one.quit()


def test_a_short_hang_is_told_and_costs_no_connection(redis_server, link):
    one = link(redis_server, "-P")
    one.wait("upstream live")
    redis_server.freeze()
    one.wait("upstream stale", 3, times=2)
    redis_server.thaw()
    one.wait("upstream live", 3, times=2)
    assert not [ln for ln in one.lines() if " down " in ln]
    one.quit()


def test_an_idle_link_stays_live(redis_server, link):
    one = link(redis_server, "-P", "-i", "200")
    one.wait("upstream live")
    pings = "cmdstat_ping"
    client = redis_server.client()
    wait_until(lambda: client.info("commandstats").get(pings, {})
               .get("calls", 0) > 10, 10)
    assert upstream(one) == "live"
    assert not [ln for ln in one.lines() if " down " in ln]
    one.quit()


def test_each_link_that_redis_kills_comes_back(redis_server, link):
    one = link(redis_server, "-P")
    one.say("want a")
    one.wait("sub confirmed a$")
    one.wait("upstream live")
    client = redis_server.client()
    for round_ in range(2, 6):
        for kind in ("pubsub", "normal"):
            for c in client.client_list(_type=kind):
                if c["name"].startswith("linkprobe"):
                    client.client_kill_filter(_id=c["id"])
        one.wait("sub confirmed a$", 3, times=round_)
        one.wait("cmd ready", 3, times=round_)
        wait_until(lambda: upstream(one) == "live", 3)
    one.quit()


def test_a_write_to_a_replica_makes_it_resolve_again(redis_server, link):
    one = link(redis_server)
    both_ready(one)
    client = redis_server.client()
    client.execute_command("REPLICAOF", "127.0.0.1", free_port())
    one.say("cmd SET k v")
    one.wait("cmd reply READONLY")
    one.wait("cmd down 0 READONLY")
    client.execute_command("REPLICAOF", "NO", "ONE")
    one.wait("cmd ready", 5, times=2)
    one.quit()


def test_a_blocking_read_lives_on_its_own_bytes(redis_server, link):
    one = link(redis_server)
    both_ready(one)
    begun = time.monotonic()
    for n in range(5):
        one.say("cmd XREAD BLOCK 1000 STREAMS s $")
        one.wait("cmd reply nil", 3, times=n + 1)
    assert time.monotonic() - begun >= 5
    assert not [ln for ln in one.lines() if " down " in ln]
    one.say("cmd XREAD BLOCK 1000 STREAMS s $")
    client = redis_server.client()
    wait_until(lambda: client.info("clients")["blocked_clients"] == 1, 3)
    client.xadd("s", {"d": "x"}, id="5-1")
    one.wait(r"cmd reply \[\[s,\[\[5-1,\[d,x\]\]\]\]\]")
    one.quit()


def test_ten_thousand_names_are_confirmed_and_again_after_a_restart(
        redis_server, link):
    one = link(redis_server)
    both_ready(one)
    one.say(*["want n:%d" % i for i in range(10000)])
    one.wait("sub confirmed", 10, times=10000)
    client = redis_server.client()
    assert len(client.pubsub_channels("n:*")) == 10000
    redis_server.restart()
    one.wait("sub confirmed", 10, times=20000)
    assert len(redis_server.client().pubsub_channels("n:*")) == 10000
    one.quit()


def test_rapid_wishes_end_in_the_last_one(redis_server, link):
    one = link(redis_server)
    both_ready(one)
    for _ in range(50):
        one.say("want a", "unwant b")
        one.say("unwant a", "want b")
    one.say("want a", "unwant b", "want c", "unwant c", "want c")
    client = redis_server.client()
    wait_until(lambda: sorted(client.pubsub_channels()) == [b"a", b"c"], 5)
    client.publish("a", 1)
    one.wait("sub message a 1")
    one.quit()


def test_a_value_of_50_mb_arrives(redis_server, link):
    redis_server.client().set("big", b"x" * 50_000_000)
    one = link(redis_server)
    both_ready(one)
    one.say("cmd GET big", "cmd PING")
    one.wait("cmd reply 50000000 bytes", 10)
    one.wait("cmd reply PONG")
    one.quit()


def answer_as_a_web_server(listener):
    """Every connection, until the listener is shut down."""
    while True:
        try:
            c, _addr = listener.accept()
            c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            c.close()
        except ConnectionError:
            pass  # that one has gone already
        except OSError:
            return


def test_a_server_that_is_no_redis_is_an_error_not_a_crash(redis_absent, link):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", redis_absent.port))
        s.listen(8)
        server = threading.Thread(target=answer_as_a_web_server, args=(s,))
        server.start()
        try:
            one = link(redis_absent)
            one.wait("cmd down 0 Protocol error", times=2)
            one.quit()
        finally:
            s.shutdown(socket.SHUT_RDWR)
            server.join()


def test_a_hung_server_does_not_delay_the_end(redis_server, link):
    one = link(redis_server, "-P")
    one.wait("upstream live")
    redis_server.freeze()
    one.say("cmd GET k")
    begun = time.monotonic()
    one.quit()
    assert time.monotonic() - begun < deadline(1)


def test_a_stalled_subscriber_is_found_and_connected_again(proxy, link):
    one = link(proxy, "-P")
    one.say("want a")
    one.wait("sub confirmed a$")
    one.wait("upstream live")
    begun = proxy.accepted
    proxy.stalled = True
    one.wait("upstream stale", 3, times=2)
    one.wait("sub down 0 subscriber stalled", 4)
    one.wait("sub down 0 subscriber stalled", 8, times=2)
    assert not [ln for ln in one.lines() if ln.startswith("cmd down")]
    assert proxy.accepted - begun <= 3
    proxy.stalled = False
    one.wait("upstream live", 6, times=2)
    one.quit()


def test_being_stopped_ourselves_is_not_taken_for_a_hang_of_redis(
        redis_server, link):
    one = link(redis_server, "-P")
    one.wait("upstream live")
    one.tool.signal(signal.SIGSTOP)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 7, 10)
    one.tool.signal(signal.SIGCONT)
    one.say("cmd PING")
    one.wait("cmd reply PONG")
    wait_until(lambda: time.monotonic() - begun > 9, 10)
    assert not [ln for ln in one.lines() if " down " in ln]
    assert [ln for ln in one.lines() if ln.startswith("upstream")][-1] \
        == "upstream live"
    assert sum(ln == "upstream live" for ln in one.lines()) == 1
    one.quit()


def test_the_probe_stays_within_its_prefix(redis_server, link):
    one = link(redis_server, "-P", "-x", "pre:")
    one.wait("upstream live")
    assert redis_server.client().pubsub_channels() == [b"pre:_probe:1"]
    one.quit()


def test_a_replica_without_its_master_is_not_taken_for_ready(redis_server,
                                                             link):
    client = redis_server.client()
    client.config_set("replica-serve-stale-data", "no")
    client.execute_command("REPLICAOF", "127.0.0.1", free_port())
    one = link(redis_server, "-P")
    one.wait("cmd down 0 PING: MASTERDOWN", 5)
    one.wait("sub down 0 PING: MASTERDOWN", 5)
    client.execute_command("REPLICAOF", "NO", "ONE")
    one.wait("upstream live", 5)
    one.quit()


def test_a_server_that_loads_its_data_is_waited_for(redis_server, link):
    client = redis_server.client()
    client.mset({"key:%d" % i: "x" * 100 for i in range(3000)})
    client.save()
    one = link(redis_server, "-P")
    one.wait("upstream live")
    redis_server.restart("--key-load-delay", "500",
                         "--loading-process-events-interval-bytes", "1024")
    one.wait("cmd down 0 PING: LOADING", 5)
    one.wait("upstream live", 5, times=2)
    one.quit()


def test_a_server_without_room_is_tried_again(redis_server, link):
    client = redis_server.client()
    client.ping()
    client.config_set("maxclients", 1)
    one = link(redis_server)
    one.wait("(cmd|sub) down 0 .*max number of clients", 5, times=2)
    client.config_set("maxclients", 100)
    one.wait("cmd ready", 5)
    one.wait("sub live", 5)
    one.quit()
