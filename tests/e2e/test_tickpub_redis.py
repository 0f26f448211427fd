"""tickpub while Redis is away, slow, hung or unwilling."""
import json
import signal
import socket
import threading
import time

import harness
from harness import wait_until
from test_tickpub import feed, journal_objects, once, tick, trade


class Feeder(threading.Thread):
    """Writes numbered trades of several symbols until it is told to stop."""

    def __init__(self, t, rate=2000, symbols=10):
        super().__init__(daemon=True)
        self.tool, self.rate, self.symbols = t, rate, symbols
        self.sent = 0
        self.over = threading.Event()
        self.start()

    def run(self):
        start = time.monotonic()
        while not self.over.is_set():
            due = int((time.monotonic() - start) * self.rate) - self.sent
            if due <= 0:
                time.sleep(0.002)
                continue
            lines = [trade("S%d" % (i % self.symbols), i)
                     for i in range(self.sent, self.sent + min(due, 200))]
            try:
                self.tool.write(feed(*lines))
            except OSError:
                return
            self.sent += len(lines)

    def stop(self):
        self.over.set()
        self.join(harness.deadline(10))
        assert not self.is_alive(), "the tool no longer reads"


def ids_in_journal(objects):
    return sorted(int(o["id"]) for o in objects)


def persistent(redis_server):
    """A crash loses the memory of a Redis without persistence; the journal can
    only be judged with a Redis that had written down what it acknowledged."""
    redis_server.args += ["--appendonly", "yes", "--appendfsync", "always"]
    redis_server.restart()
    return redis_server


def done(t):
    line = [x for x in t.stderr.splitlines() if "ev=done" in x][-1]
    return {k: int(v) for k, v in
            (word.split("=") for word in line.split("ev=done")[1].split())}


def adds_up(t, journal=True):
    """As tickpub(1) says it does."""
    n = done(t)
    taken = n["accepted"] + n["excluded"]
    assert taken == sum(n[k] for k in (
        "published", "stale", "unconfirmed", "refused", "unsent")), n
    assert not journal or taken == sum(n[k] for k in (
        "journalled", "dropped", "lost")), n
    return n


def with_metrics(tool, server, *args):
    port = harness.free_port()
    t = tool("tickpub", "--redis", server.url, "--http",
             "127.0.0.1:%d" % port, *args, stdin="pipe").wait_ready()

    def sample(name, **labels):
        page = harness.http_get("http://127.0.0.1:%d/metrics" % port)[1]
        return harness.metric(page, name, **labels)
    return t, sample


def test_a_killed_redis_costs_no_trade_of_the_journal(redis_server, tool):
    server = persistent(redis_server)
    t = tool("tickpub", "--redis", server.url, stdin="pipe").wait_ready()
    feeder = Feeder(t)
    for _ in range(3):
        goal = feeder.sent + 1000
        wait_until(lambda: feeder.sent > goal, 10)
        server.kill()
        goal = feeder.sent + 1500
        wait_until(lambda: feeder.sent > goal, 10)
        server.start()
        wait_until(lambda: server.client().pubsub_numpat() == 0)
    goal = feeder.sent + 1000
    wait_until(lambda: feeder.sent > goal, 10)
    feeder.stop()
    t.close_stdin()
    assert t.wait(20) == 0, t.stderr
    kept = journal_objects(server.client())
    assert ids_in_journal(once(kept)) == list(range(feeder.sent))
    # And in order within each symbol, repeats aside.
    newest = {}
    for o in once(kept):
        assert o["seq"] == newest.get(o["symbol"], 0) + 1
        newest[o["symbol"]] = o["seq"]
    assert "dropped=0" in t.stderr
    adds_up(t)


def test_it_is_live_within_three_seconds_of_the_return_of_redis(
        redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, "--simulate",
             "AAPL,MSFT", "--rate", "500").wait_ready()
    for outage in (0.1, 1.0, 4.0):
        redis_server.kill()
        t.wait_stderr("ev=redis_down")
        time.sleep(outage)  # how long Redis is away
        redis_server.start()
        sub = redis_server.subscriber("market_data:AAPL")
        sub.wait(1, 3)
        sub.close()
    assert t.terminate() == 0


def test_what_waited_for_redis_is_not_published_as_fresh(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, "--price-ttl", "30s",
             "--stale-after", "500ms", stdin="pipe").wait_ready()
    sub = redis_server.subscriber("market_data:A")
    t.write(feed(tick("A", 1)))
    sub.wait(1)
    redis_server.kill()
    t.wait_stderr("ev=redis_down")
    t.write(feed(tick("A", 2), tick("A", 3)))
    time.sleep(0.8)  # the point is that time passes: longer than --stale-after
    redis_server.start()
    sub = redis_server.subscriber("market_data:A")
    c = redis_server.client()
    # The journal has them all, the newest values are those of the last one.
    wait_until(lambda: len(journal_objects(c)) >= 2, 10,
               "both are in the journal")
    assert [o["seq"] for o in journal_objects(c)] == [2, 3]
    assert json.loads(c.hget("last:market_data:A", "tick"))["seq"] == 3
    assert json.loads(c.get("price:A"))["bid"] == 103
    assert c.pttl("price:A") < 30000 - 500
    t.write(feed(tick("A", 4)))
    sub.wait(1)
    # Consumers see in the number that something is missing.
    assert [o["seq"] for o in sub.payloads() if o["seq"] != 4] == []
    t.close_stdin()
    assert t.wait() == 0


def test_a_price_whose_life_is_over_is_not_revived(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, stdin="pipe").wait_ready()
    t.write(feed(tick("A", 1)))
    redis_server.kill()
    t.wait_stderr("ev=redis_down")
    t.write(feed(tick("A", 2)))
    time.sleep(1.2)  # longer than the life of price:A
    redis_server.start()
    c = redis_server.client()
    wait_until(lambda: c.hget("last:market_data:A", "tick"), 10)
    assert c.get("price:A") is None
    t.close_stdin()
    assert t.wait() == 0


def test_redis_may_come_after_the_tool(redis_absent, tool):
    t = tool("tickpub", "--redis", redis_absent.url,
             stdin=feed(*[tick("A", i) for i in range(100)]))
    t.wait_stderr("ev=redis_down")
    assert not t.is_ready()
    redis_absent.start()
    assert t.wait(15) == 0
    # Nothing was read before: so nothing was lost, and nothing is stale.
    assert done(t)["published"] == 100 and done(t)["dropped"] == 0
    assert len(journal_objects(redis_absent.client())) == 100


def test_the_end_of_the_input_waits_for_redis(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, stdin="pipe").wait_ready()
    redis_server.freeze()
    t.write(feed(*[tick("A", i) for i in range(50)]))
    t.close_stdin()
    time.sleep(0.5)  # to see that it does not end meanwhile
    assert t.running()
    redis_server.thaw()
    assert t.wait() == 0
    assert len(once(journal_objects(redis_server.client()))) == 50


def test_require_redis_gives_up_within_seconds(redis_absent, tool):
    t0 = time.monotonic()
    t = tool("tickpub", "--redis", redis_absent.url, "--require-redis")
    assert t.wait() == 69
    assert time.monotonic() - t0 < harness.deadline(5)
    assert "--require-redis" in t.stderr.splitlines()[-1]


def test_a_wrong_password_at_start_is_status_77(redis_server, tool):
    redis_server.client().config_set("requirepass", "sesame")
    t = tool("tickpub", "--redis", "redis://:wrong@127.0.0.1:%d" %
             redis_server.port)
    assert t.wait() == 77
    assert "wrong" not in t.stderr.splitlines()[-1].split("refused")[0]
    t = tool("tickpub", "--redis", "redis://:sesame@127.0.0.1:%d" %
             redis_server.port, stdin=feed(tick()))
    assert t.wait() == 0


def test_block_holds_the_input_back_and_loses_nothing(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, "--queue-max", "256KiB",
             stdin="pipe").wait_ready()
    redis_server.freeze()
    data = feed(*[trade("S%d" % (i % 5), i) for i in range(100000)])
    taken = t.try_write(data, 1.5)
    assert taken < 6 * 1024 * 1024  # of 8 MB: the queue, pipe and sockets
    assert t.rss_bytes() < 64 * 1024 * 1024
    redis_server.thaw()
    t.write(data[taken:])
    t.close_stdin()
    assert t.wait(20) == 0
    kept = once(journal_objects(redis_server.client()))
    assert ids_in_journal(kept) == list(range(100000))
    assert "dropped=0" in t.stderr


def test_drop_oldest_goes_on_reading_and_counts(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, "--queue-max", "256KiB",
             "--on-full", "drop-oldest", stdin="pipe").wait_ready()
    redis_server.kill()
    t.wait_stderr("ev=redis_down")
    data = feed(*[trade("A", i) for i in range(50000)])
    assert t.try_write(data, harness.deadline(10)) == len(data)
    wait_until(lambda: "ev=queue_full" in t.stderr)
    redis_server.start()
    t.close_stdin()
    assert t.wait(20) == 0
    dropped = int(t.stderr.rsplit("dropped=", 1)[1].split()[0])
    kept = journal_objects(redis_server.client())
    assert dropped > 40000
    assert len(kept) + dropped == 50000
    # The oldest went: what is there is the end, without a hole.
    assert [o["seq"] for o in kept] == list(range(dropped + 1, 50001))
    adds_up(t)


def test_drop_oldest_stays_bounded_while_redis_hangs(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, "--queue-max", "1MiB",
             "--on-full", "drop-oldest", stdin="pipe").wait_ready()
    redis_server.freeze()
    data = feed(*[trade("S%d" % (i % 9), i) for i in range(200000)])
    assert t.try_write(data, harness.deadline(5)) == len(data)  # 17 MB
    wait_until(lambda: "ev=queue_full" in t.stderr)
    assert t.rss_bytes() < 48 * 1024 * 1024 * (4 if harness.SLOW > 1 else 1)
    redis_server.thaw()
    t.close_stdin()
    assert t.wait(20) == 0
    dropped = int(t.stderr.rsplit("dropped=", 1)[1].split()[0])
    kept = once(journal_objects(redis_server.client()))
    assert dropped > 100000
    assert len(kept) + dropped == 200000
    assert max(ids_in_journal(kept)) == 199999
    adds_up(t)


def test_a_full_redis_delays_the_journal_and_loses_nothing(
        redis_server, tool):
    c = redis_server.client()
    t = tool("tickpub", "--redis", redis_server.url, stdin="pipe").wait_ready()
    sub = redis_server.subscriber("market_data:A")
    c.config_set("maxmemory", "1")
    t.write(feed(*[trade("A", i) for i in range(10)]))
    # PUBLISH needs no memory: it goes on.
    sub.wait(10)
    t.wait_stderr("ev=journal_retry")
    t.write(feed(*[trade("A", i) for i in range(10, 20)]))
    sub.wait(20)
    assert t.running() and c.keys("journal:*") == []
    c.config_set("maxmemory", "0")
    wait_until(lambda: len(journal_objects(c)) == 20, 10)
    assert [int(o["id"]) for o in journal_objects(c)] == list(range(20))
    t.close_stdin()
    assert t.wait() == 0
    assert "dropped=0" in t.stderr


def test_a_journal_key_of_another_kind_is_reported_not_retried(
        redis_server, tool):
    c = redis_server.client()
    c.set("journal:0", "not a stream")
    t = tool("tickpub", "--redis", redis_server.url, "--shards", "1",
             stdin=feed(tick(), tick(n=1)))
    assert t.wait() == 0
    assert "ev=journal_refused" in t.stderr and "WRONGTYPE" in t.stderr
    assert "dropped=2" in t.stderr
    adds_up(t)


def test_sigterm_ends_it_while_redis_hangs(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, stdin="pipe").wait_ready()
    redis_server.freeze()
    t.write(feed(*[tick("A", i) for i in range(100)]))
    wait_until(lambda: redis_server.proc.poll() is None)
    t0 = time.monotonic()
    t.signal(signal.SIGTERM)
    assert t.wait(5) == 0
    assert time.monotonic() - t0 < harness.deadline(5)
    assert "ev=lost events=100" in t.stderr
    assert done(t)["lost"] == 100
    adds_up(t)


def test_sigterm_without_redis_is_quick(redis_absent, tool):
    t = tool("tickpub", "--redis", redis_absent.url, "--simulate", "AAPL",
             "--on-full", "drop-oldest")
    t.wait_stderr("ev=redis_down")
    assert t.terminate(3) == 0


def test_a_hung_redis_is_left_and_taken_up_again(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, stdin="pipe").wait_ready()
    feeder = Feeder(t, rate=500)
    wait_until(lambda: feeder.sent > 200)
    redis_server.freeze()
    t.wait_stderr("ev=redis_down", 12)
    redis_server.thaw()
    wait_until(lambda: t.stderr.count("ev=redis_ready") >= 2, 10)
    goal = feeder.sent + 500
    wait_until(lambda: feeder.sent > goal, 10)
    feeder.stop()
    t.close_stdin()
    assert t.wait(20) == 0
    kept = once(journal_objects(redis_server.client()))
    assert ids_in_journal(kept) == list(range(feeder.sent))
    adds_up(t)


def test_entries_that_redis_refused_came_behind_later_ones(redis_server, tool):
    c = redis_server.client()
    count = 150000
    t = tool("tickpub", "--redis", redis_server.url,
             stdin=feed(*[trade("S%d" % (i % 40), i) for i in range(count)]))
    until = time.monotonic() + harness.deadline(5)
    while t.running() and time.monotonic() < until:
        c.config_set("maxmemory", "1")
        c.config_set("maxmemory", "0")
    assert t.wait(30) == 0
    assert "ev=journal_retry" in t.stderr
    newest = {}
    for o in journal_objects(c):
        assert o["seq"] == newest.get(o["symbol"], 0) + 1
        newest[o["symbol"]] = o["seq"]
    assert sum(newest.values()) == count
    adds_up(t)


def test_last_stayed_at_an_older_value_after_a_hang_and_a_crash(
        redis_server, tool):
    server = persistent(redis_server)
    t, sample = with_metrics(tool, server)
    t.write(feed(trade("Q", 1, price=100)))
    c = server.client()
    wait_until(lambda: c.hget("last:market_data:Q", "trade"))
    server.freeze()
    t.write(feed(trade("Q", 2, price=55)))
    wait_until(lambda: sample("tickwire_tickpub_journal_entries_total") == 2)
    server.proc.kill()  # as it is: server.kill() would thaw it first
    server.proc.wait()
    t.wait_stderr("ev=redis_down")
    time.sleep(1.2)  # longer than --stale-after, and than the life of price:Q
    server.start()
    c = server.client()
    wait_until(lambda: json.loads(
        c.hget("last:market_data:Q", "trade"))["price"] == 55)
    assert [o["price"] for o in once(journal_objects(c))] == [100, 55]
    assert c.get("price:Q") is None
    t.close_stdin()
    assert t.wait() == 0


def test_last_is_written_once_redis_has_memory_again(redis_server, tool):
    c = redis_server.client()
    c.config_set("maxmemory", "1")
    t = tool("tickpub", "--redis", redis_server.url, stdin="pipe").wait_ready()
    t.write(feed('{"type":"orderbook","symbol":"A","time":1,"bids":[[1,2]]}'))
    t.wait_stderr("ev=redis_error")
    t.close_stdin()
    assert not c.keys("last:*") and t.running()
    c.config_set("maxmemory", "0")
    assert t.wait() == 0
    assert c.hgetall("last:orderbook:A")


def test_what_went_stale_was_missing_from_the_summary(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, "--stale-after", "200ms",
             stdin="pipe").wait_ready()
    redis_server.kill()
    t.wait_stderr("ev=redis_down")
    book = '{"type":"orderbook","symbol":"A","time":1,"bids":[[1,2]]}'
    account = '{"type":"account","account_id":42,"balance":1}'
    alert = '{"type":"trading_alert","user_id":"u1","text":"x"}'
    t.write(feed(tick("A"), book, book, account, alert))
    time.sleep(0.5)  # longer than --stale-after
    redis_server.start()
    t.wait_stderr("ev=stale events=4")
    t.write(feed(tick("A", 1), account, alert))
    t.close_stdin()
    assert t.wait() == 0
    n = adds_up(t, journal=False)
    assert (n["stale"], n["published"]) == (4, 4)
    assert t.stderr.count("ev=stale") == 1


def test_what_was_lost_with_the_link_counted_as_published(redis_server, tool):
    t, sample = with_metrics(tool, redis_server)
    t.write(feed(tick("A")))
    wait_until(lambda: sample("tickwire_tickpub_published_events_total") == 1)
    redis_server.freeze()
    t.write(feed(*[tick("A", i) for i in range(10)]))
    wait_until(lambda: sample("tickwire_tickpub_published_total") == 11)
    assert sample("tickwire_tickpub_published_events_total") == 1
    redis_server.proc.kill()
    t.wait_stderr("ev=unconfirmed events=10")
    redis_server.proc.wait()
    redis_server.start()
    t.close_stdin()
    assert t.wait() == 0
    n = adds_up(t)
    assert (n["published"], n["unconfirmed"], n["journalled"]) == (1, 10, 11)


def test_a_refused_publish_counted_as_published(redis_server, tool):
    c = redis_server.client()
    c.execute_command("ACL", "SETUSER", "p", "on", ">pw", "~*", "+@all",
                      "resetchannels", "&market_data:A")
    t = tool("tickpub", "--redis", "redis://p:pw@127.0.0.1:%d" %
             redis_server.port, stdin=feed(tick("A"), tick("B"), tick("B", 1)))
    assert t.wait() == 0
    n = adds_up(t)
    assert (n["published"], n["refused"], n["journalled"]) == (1, 2, 3)


def heard(conn, word):
    """What came on the connection up to that command."""
    got = b""
    while word not in got:
        data = conn.recv(65536)
        assert data, got
        got += data
    return got


def test_a_redis_that_greets_during_the_stop_and_then_is_mute_is_not_waited_for(
        tool):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(harness.deadline(5))
        t = tool("tickpub", "--redis",
                 "redis://127.0.0.1:%d" % listener.getsockname()[1],
                 stdin="pipe", ready=False)
        with listener.accept()[0] as conn:
            hello = heard(conn, b"PING")
            conn.sendall(b"+OK\r\n" * hello.count(b"*"))
            t.write(feed(trade("S", 1)))
            heard(conn, b"XADD")  # and is never answered
        with listener.accept()[0] as conn:
            heard(conn, b"PING")
            t.signal(signal.SIGTERM)
            t.wait_stderr("ev=stop ")
            conn.sendall(b"+OK\r\n" * hello.count(b"*"))
            assert t.wait(10) == 0
    assert "ev=lost events=1" in t.stderr, t.stderr
    assert "ev=drain_timeout" not in t.stderr, t.stderr
