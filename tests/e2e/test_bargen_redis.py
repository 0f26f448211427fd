"""bargen and Redis: what it writes, restarts of either, the journal, Pub/Sub."""
import json
import signal
import time

import pytest

from harness import deadline, free_port, http_get, metric, wait_until

T0 = 1756684800000  # 2025-09-01 00:00 UTC


def trade(time_ms, price="10", size="1", symbol="X", **more):
    event = {"type": "trade", "symbol": symbol, "time": time_ms}
    text = json.dumps(event)[:-1]
    text += ',"price":%s,"size":%s' % (price, size)
    for name, value in more.items():
        text += ',"%s":%s' % (name, json.dumps(value))
    return text + "}"


class Journal:
    """Writes entries as tickpub does; every symbol of the tests is shard n."""

    def __init__(self, client, shard, prefix=""):
        self.client = client
        self.key = "%sjournal:%d" % (prefix, shard)

    def add(self, *lines, **kw):
        return self.client.xadd(self.key, {"d": "\n".join(lines)}, **kw)


def shard_of(symbol, shards=16):
    """FNV-1a 64 mod shards, as docs/messages.md and common/event/route.h say."""
    h = 14695981039346656037
    for byte in symbol.encode():
        h = ((h ^ byte) * 1099511628211) % (1 << 64)
    return h % shards


@pytest.fixture
def journal(redis_server):
    return Journal(redis_server.client(), shard_of("X"))


@pytest.fixture
def bargen(tool, redis_server):
    def start(*args, env=None):
        return tool("bargen", "--redis", redis_server.url, *args,
                    env=env).wait_ready()
    return start


def last_bar(client, resolution="1", symbol="X"):
    text = client.hget("last:bars:%s:%s" % (symbol, resolution), "bar")
    return json.loads(text)["bar"] if text else None


def wait_bar(client, cond, seconds=5.0, **kw):
    wait_until(lambda: last_bar(client, **kw) and cond(last_bar(client, **kw)),
               seconds, lambda: "a bar; the last one is %s" %
               last_bar(client, **kw))
    return last_bar(client, **kw)


def history(client, resolution="1", symbol="X"):
    rows = client.zrange("bars:history:%s:%s" % (symbol, resolution), 0, -1)
    return [json.loads(row)["bar"] for row in rows]


def test_final_bars_are_published_kept_and_cached(redis_server, bargen,
                                                  journal):
    sub = redis_server.subscriber("bars:X:1")
    bargen("--final-only")
    journal.add(trade(T0, "10", "2"), trade(T0 + 1, "11", "3"),
                trade(T0 + 60250))
    (_, message), = sub.wait(1)
    bar = json.loads(message)["bar"]
    assert (bar["open"], bar["close"], bar["volume"]) == (10, 11, 5)
    assert bar["final"] is True
    client = redis_server.client()
    assert client.hget("last:bars:X:1", "bar") == message
    assert client.zrange("bars:history:X:1", 0, -1, withscores=True) == [
        (message, T0)]
    assert 0 < client.ttl("last:bars:X:1") <= 86400
    assert client.ttl("bars:history:X:1") == -1


def test_open_bars_are_published_but_not_kept_in_the_history(redis_server,
                                                             bargen, journal):
    client = redis_server.client()
    bargen()
    journal.add(trade(T0))
    assert wait_bar(client, lambda b: True)["final"] is False
    assert history(client) == []


def publishes(client):
    stats = client.info("commandstats")
    return stats.get("cmdstat_publish", {"calls": 0})["calls"]


def checkpoint(client):
    """The number of the last checkpoint of the shard."""
    key, = client.keys("bargen:*state:%d" % shard_of("X"))
    return int(client.hget(key, "flush"))


def test_updates_slow_down_while_nobody_hears_them(redis_server, bargen,
                                                   journal):
    client = redis_server.client()
    bargen("--throttle", "auto", "--resolutions", "D")
    journal.add(trade(T0, "10"))
    wait_bar(client, lambda b: b["count"] == 1, resolution="D")
    begun, before = time.monotonic(), publishes(client)
    for i in range(1, 9):
        number = checkpoint(client)
        journal.add(trade(T0 + i, "10"))
        wait_until(lambda: checkpoint(client) > number)
    # Each checkpoint would have had one.
    assert publishes(client) - before <= 1 + (time.monotonic() - begun) / 2
    # The last change is told without another trade.
    wait_bar(client, lambda b: b["count"] == 9, resolution="D")
    # Who is there is told of every checkpoint, once one was heard.
    sub = redis_server.subscriber("bars:X:D")
    journal.add(trade(T0 + 9, "10"))
    sub.wait(1)
    for i in range(2, 6):
        journal.add(trade(T0 + 8 + i, "10"))
        sub.wait(i)
    updates = [json.loads(m)["bar"]["count"] for _, m in sub.messages]
    assert updates == [10, 11, 12, 13, 14]


def test_final_bars_never_wait_though_nobody_hears(redis_server, bargen,
                                                   journal):
    client = redis_server.client()
    begun = time.monotonic()
    bargen("--throttle", "auto")
    for i in range(9):
        journal.add(trade(T0 + i * 60000), trade(T0 + i * 60000 + 59000))
        wait_until(lambda: len(history(client)) == i)
    assert [b["count"] for b in history(client)] == [2] * 8
    # Eight final ones, and of the nine that were begun those that were due.
    assert publishes(client) <= 8 + 1 + (time.monotonic() - begun) / 2


def test_the_prefix_is_in_front_of_every_name(redis_server, bargen):
    client = redis_server.client()
    bargen("--prefix", "p:")
    Journal(client, shard_of("X"), "p:").add(trade(T0), trade(T0 + 60250))
    wait_until(lambda: client.zcard("p:bars:history:X:1") == 1)
    wait_until(lambda: client.keys("p:instance:bargen:*"))
    assert [k for k in client.keys("*") if not k.startswith(b"p:")] == []


def test_a_revision_replaces_the_bar_in_the_history(redis_server, bargen,
                                                    journal):
    sub = redis_server.subscriber("bars:X:1")
    client = redis_server.client()
    bargen("--final-only")
    journal.add(trade(T0), trade(T0 + 61000))
    sub.wait(1)
    journal.add(trade(T0 + 59999, "12"))
    sub.wait(2)
    bar, = history(client)
    assert (bar["rev"], bar["close"]) == (1, 12)
    assert [b["bar"]["rev"] for b in sub.payloads()] == [0, 1]


def test_the_history_keeps_the_newest(redis_server, bargen, journal):
    client = redis_server.client()
    bargen("--final-only", "--history-max", "5")
    journal.add(*[trade(T0 + i * 60000) for i in range(20)],
                trade(T0 + 20 * 60000))
    wait_until(lambda: history(client) and
               history(client)[-1]["time"] == T0 + 18 * 60000)
    assert [b["time"] for b in history(client)] == [
        T0 + i * 60000 for i in range(14, 19)]


def test_a_restart_goes_on_with_the_open_bar(redis_server, bargen, journal):
    client = redis_server.client()
    first = bargen("--resolutions", "1,D")
    journal.add(trade(T0, "10", "1", id="1"), trade(T0 + 5, "9", "2", id="2"))
    wait_bar(client, lambda b: b["count"] == 2)
    assert first.terminate() == 0
    assert history(client) == []
    # What comes while nobody is there, and a trade that is known already.
    journal.add(trade(T0 + 10, "12", "4", id="3"),
                trade(T0 + 5, "9", "2", id="2"))
    bargen("--resolutions", "1,D")
    for resolution in ("1", "D"):
        bar = wait_bar(client, lambda b: b["count"] == 3,
                       resolution=resolution)
        assert (bar["open"], bar["high"], bar["low"], bar["close"],
                bar["volume"]) == (10, 12, 9, 12, 7)


def test_a_first_start_reads_the_whole_journal_or_only_what_is_new(
        redis_server, bargen, journal):
    client = redis_server.client()
    journal.add(trade(T0))
    b = bargen("--from", "now")
    journal.add(trade(T0 + 1))
    assert wait_bar(client, lambda b: True)["count"] == 1
    b.kill()
    client.flushall()
    journal.add(trade(T0))
    bargen()
    journal.add(trade(T0 + 1))
    wait_bar(client, lambda b: b["count"] == 2)


def test_events_of_other_types_and_rubbish_do_no_harm(redis_server, bargen,
                                                      journal):
    client = redis_server.client()
    port = free_port()
    bargen("--http", "127.0.0.1:%d" % port)
    journal.add("rubbish", trade(T0), "", '{"type":"market_status"}', "\x00")
    client.xadd(journal.key, {"other": "field"})
    journal.add(trade(T0 + 1))
    wait_bar(client, lambda b: b["count"] == 2)
    text = http_get("http://127.0.0.1:%d/metrics" % port)[1]
    assert metric(text, "tickwire_bargen_bad_payloads_total") == 2
    assert metric(text, "tickwire_bargen_journal_entries_total") == 3
    assert metric(text, "tickwire_bargen_checkpoint_seconds_count") >= 1


def test_a_bad_entry_is_told_with_its_key_and_where(redis_server, bargen,
                                                    journal):
    client = redis_server.client()
    b = bargen()
    at = journal.add(trade(T0), '{"type":"trade","symbol":"X","time":7,'
                     '"price":1}', "", "rubbish", trade(T0 + 1))
    wait_bar(client, lambda b: b["count"] == 2)
    said = [x for x in b.stderr.splitlines() if "ev=bad_payload" in x]
    where = 'level=warn tool=bargen ev=bad_payload from="%s" received_ms=%s ' % (
        journal.key, at.decode().split("-")[0])
    assert len(said) == 2
    assert where + 'line=2 column=37 why="time looks like seconds' in said[0]
    assert where + 'line=4 column=1 why="not JSON"' in said[1]


def test_a_bad_message_is_told_with_its_channel_and_where(redis_server, bargen):
    client = redis_server.client()
    b = bargen("--source", "pubsub")
    wait_until(lambda: client.pubsub_numpat() == 2)
    client.publish("market_data:X", trade(T0, price="-1"))
    client.publish("market_data:X", trade(T0))
    wait_bar(client, lambda b: b["count"] == 1)
    said, = [x for x in b.stderr.splitlines() if "ev=bad_payload" in x]
    assert 'level=warn' in said and 'from="market_data:X"' in said
    assert 'line=1 column=64 why="price is zero or negative' in said


def test_many_bad_entries_are_counted_and_not_all_told(redis_server, bargen,
                                                       journal):
    client = redis_server.client()
    port = free_port()
    b = bargen("--http", "127.0.0.1:%d" % port)
    journal.add(*["rubbish"] * 5000, trade(T0))
    wait_bar(client, lambda b: b["count"] == 1)
    text = http_get("http://127.0.0.1:%d/metrics" % port)[1]
    assert metric(text, "tickwire_bargen_bad_payloads_total") == 5000
    b.terminate()
    said = [x for x in b.stderr.splitlines() if "ev=bad_payload" in x]
    assert 1 <= len(said) <= 40 and "repeated=" in said[-1]


def test_a_batch_that_tickpub_sent_twice_counts_once(redis_server, bargen,
                                                     journal):
    client = redis_server.client()
    bargen()
    batch = [trade(T0 + i, src="00112233aabbccdd", seq=i) for i in (1, 2, 3)]
    journal.add(*batch)
    journal.add(*batch)
    journal.add(trade(T0 + 9, src="00112233aabbccdd", seq=4))
    bar = wait_bar(client, lambda b: b["close"] == 10 and b["count"] >= 4)
    assert bar["count"] == 4
    assert "gap" not in bar


def test_a_jump_in_the_sequence_flags_the_bar(redis_server, bargen, journal):
    client = redis_server.client()
    bargen()
    journal.add(trade(T0, src="00112233aabbccdd", seq=1))
    assert "gap" not in wait_bar(client, lambda b: True)
    journal.add(trade(T0 + 1, src="00112233aabbccdd", seq=5))
    assert wait_bar(client, lambda b: b["count"] == 2)["gap"] is True


def test_a_journal_trimmed_beyond_the_cursor_flags_the_bar(redis_server,
                                                           bargen, journal):
    client = redis_server.client()
    b = bargen()
    journal.add(trade(T0))
    wait_bar(client, lambda b: True)
    assert b.terminate() == 0
    journal.add(trade(T0 + 1))
    journal.add(trade(T0 + 2))
    client.xtrim(journal.key, 1, approximate=False)
    b = bargen()
    bar = wait_bar(client, lambda b: b["count"] == 2)
    assert bar["gap"] is True
    b.wait_stderr("ev=journal_trimmed")


def test_redis_restarted_empty_gets_the_open_bar_again(redis_server, bargen,
                                                       journal):
    b = bargen()
    journal.add(trade(T0, "10"))
    wait_bar(redis_server.client(), lambda b: True)
    redis_server.restart()
    client = redis_server.client()
    again = Journal(client, shard_of("X"))
    again.add(trade(T0 + 1, "12"))
    bar = wait_bar(client, lambda b: b["count"] == 2, 10)
    assert (bar["open"], bar["close"]) == (10, 12)
    assert b.running()
    # And the state is whole: another restart of bargen loses nothing.
    b.kill()
    bargen()
    again.add(trade(T0 + 2, "13"))
    wait_bar(client, lambda b: b["count"] == 3)


def test_redis_that_returns_with_an_older_journal_doubles_nothing(
        redis_server, bargen, journal):
    client = redis_server.client()
    b = bargen("--resolutions", "D")
    for i in range(20):
        journal.add(trade(T0 + i))
    wait_bar(client, lambda b: b["count"] == 20, resolution="D")
    b.terminate()
    b = bargen("--resolutions", "D")
    client.save()
    for i in range(20, 24):
        journal.add(trade(T0 + i))
    wait_bar(client, lambda b: b["count"] == 24, resolution="D")
    redis_server.restart()
    b.wait_stderr("ev=journal_rewound")
    client = redis_server.client()
    Journal(client, shard_of("X")).add(trade(T0 + 24, "12"))
    bar = wait_bar(client, lambda b: b["close"] == 12, 10, resolution="D")
    assert (bar["count"], bar["gap"]) == (25, True)


def test_an_empty_redis_whose_clock_is_behind_is_read_from_its_beginning(
        redis_server, bargen, journal):
    b = bargen()
    journal.add(trade(T0), id="9000000000000-1")
    wait_bar(redis_server.client(), lambda b: True)
    redis_server.restart()
    b.wait_stderr("ev=journal_replaced")
    client = redis_server.client()
    Journal(client, shard_of("X")).add(trade(T0 + 1))
    bar = wait_bar(client, lambda b: b["count"] == 2, 10)
    assert bar["gap"] is True


def test_a_frozen_redis_is_survived_without_loss(redis_server, bargen,
                                                 journal):
    client = redis_server.client()
    b = bargen()
    journal.add(trade(T0))
    wait_bar(client, lambda b: True)
    redis_server.freeze()
    time.sleep(8)  # a hang of that length is what is tested
    redis_server.thaw()
    journal.add(trade(T0 + 1))
    bar = wait_bar(client, lambda b: b["count"] == 2, 10)
    assert "gap" not in bar
    assert b.running()


def test_redis_absent_at_start_is_waited_for(tool, redis_absent):
    b = tool("bargen", "--redis", redis_absent.url)
    b.wait_stderr("ev=redis_down")
    redis_absent.start()
    b.wait_ready()
    client = redis_absent.client()
    Journal(client, shard_of("X")).add(trade(T0))
    wait_bar(client, lambda b: True)


def test_require_redis_gives_up_with_status_69(tool, redis_absent):
    b = tool("bargen", "--redis", redis_absent.url, "--require-redis")
    assert b.wait(8) == 69
    assert "--require-redis" in b.stderr


def test_sigterm_without_redis_is_quick(tool, redis_absent):
    b = tool("bargen", "--redis", redis_absent.url)
    b.wait_stderr("ev=redis_down")
    start = time.monotonic()
    assert b.terminate() == 0
    assert time.monotonic() - start < deadline(2)


def test_pubsub_takes_several_objects_in_one_message(redis_server, bargen):
    client = redis_server.client()
    bargen("--source", "pubsub")
    wait_until(lambda: client.pubsub_numpat() == 2)
    client.publish("market_data:X", trade(T0) + "\n" + trade(T0 + 1))
    client.publish("market_data:X", '{"hello": [1, 2 ]}')
    client.publish("market_data:X", trade(T0 + 2))
    wait_bar(client, lambda b: b["count"] == 3)


def test_pubsub_with_symbols_subscribes_to_those_only(redis_server, bargen):
    client = redis_server.client()
    bargen("--source", "pubsub", "--symbols", "X,Y")
    wait_until(lambda: dict(client.pubsub_numsub(
        "market_data:X", "market_data:Y", "market_data:Z")) == {
            b"market_data:X": 1, b"market_data:Y": 1, b"market_data:Z": 0})
    assert client.pubsub_numpat() == 0


def test_pubsub_flags_what_it_did_not_hear(redis_server, bargen):
    client = redis_server.client()
    b = bargen("--source", "pubsub")
    wait_until(lambda: client.pubsub_numpat() == 2)
    client.publish("market_data:X", trade(T0))
    wait_bar(client, lambda b: True)
    client.client_kill_filter(_type="pubsub")
    b.wait_stderr("ev=pubsub_gap")
    wait_until(lambda: client.pubsub_numpat() == 2)
    client.publish("market_data:X", trade(T0 + 1))
    assert wait_bar(client, lambda b: b["count"] == 2)["gap"] is True


def test_pubsub_and_journal_do_not_share_their_state(redis_server, bargen,
                                                     journal):
    client = redis_server.client()
    b = bargen("--source", "pubsub")
    wait_until(lambda: client.pubsub_numpat() == 2)
    journal.add(trade(T0))
    client.publish("market_data:X", trade(T0))
    wait_bar(client, lambda b: b["count"] == 1)
    assert b.terminate() == 0
    bargen()
    journal.add(trade(T0 + 1))
    assert wait_bar(client, lambda b: b["count"] == 2)["count"] == 2


def test_bars_of_a_pipe_go_to_redis_and_are_acknowledged(tool, redis_server):
    lines = "".join(trade(T0 + i * 1000) + "\n" for i in range(600))
    b = tool("bargen", "--stdin", "--redis", redis_server.url,
             stdin=lines.encode())
    assert b.wait() == 0
    client = redis_server.client()
    assert len(history(client)) == 9
    assert last_bar(client)["final"] is False
    assert last_bar(client)["partial"] is True
    assert client.keys("bargen:*") == []


def test_the_journal_can_be_looked_at_without_leaving_a_trace(tool,
                                                              redis_server,
                                                              journal):
    journal.add(trade(T0), trade(T0 + 60250))
    b = tool("bargen", "--stdout", "--redis", redis_server.url).wait_ready()
    b.wait_line(lambda line: b'"final":true' in line)
    client = redis_server.client()
    assert {k for k in client.keys("*")} == {journal.key.encode()}
    assert b.terminate() == 0


def test_mock_bars_fill_a_chart_at_once(redis_server, bargen):
    client = redis_server.client()
    bargen("--mock", "X", "--resolutions", "1,5")
    wait_until(lambda: len(history(client)) >= 200)
    wait_until(lambda: last_bar(client) and not last_bar(client)["final"])
    row = client.zrange("bars:history:X:5", 0, 0)[0]
    assert json.loads(row)["source"] == "mock"
    assert client.keys("bargen:*") == []


def test_the_clock_closes_bars_of_a_live_journal(redis_server, bargen,
                                                 journal):
    client = redis_server.client()
    bargen("--resolutions", "1S")
    now = int(time.time() * 1000)
    journal.add(trade(now))
    bar = wait_bar(client, lambda b: b["final"], resolution="1S")
    assert bar["time"] == now // 1000 * 1000


def test_a_bar_that_ended_while_nobody_was_there_is_closed_after_the_start(
        redis_server, bargen, journal):
    client = redis_server.client()
    b = bargen("--resolutions", "5S")

    def open_bar():
        """The time of one that is still open when it is seen."""
        wait_until(lambda: time.time() % 5 < 3)
        now = int(time.time() * 1000)
        journal.add(trade(now))
        bar = wait_bar(client, lambda b: b["time"] == now // 5000 * 5000,
                       resolution="5S")
        return None if bar["final"] else now
    # On a busy machine the clock may have closed it by then.
    now = wait_until(open_bar, 20, "a bar that is open")
    b.kill()
    wait_until(lambda: time.time() * 1000 > now // 5000 * 5000 + 5300, 6)
    bargen("--resolutions", "5S")
    bar = wait_bar(client, lambda b: b["final"], 2, resolution="5S")
    assert bar["time"] == now // 5000 * 5000
    assert (bar["count"], bar["rev"]) == (1, 0)


def test_status_is_in_the_instance_key_and_under_http(redis_server, bargen,
                                                      journal):
    client = redis_server.client()
    port = free_port()
    b = bargen("--http", "127.0.0.1:%d" % port)
    journal.add(trade(T0))
    wait_bar(client, lambda b: True)
    key = wait_until(lambda: client.keys("instance:bargen:*"))[0]
    status = json.loads(client.get(key))
    assert status["pid"] == b.pid
    assert "events" in status
    assert http_get("http://127.0.0.1:%d/ready" % port)[0] == 200
    redis_server.kill()
    wait_until(lambda: http_get("http://127.0.0.1:%d/ready" % port)[0] == 503,
               10)
    assert b.running()


def connected_to(port):
    """Whether somebody here has a TCP connection to that port."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.read().splitlines()[1:]]
    return any(r[2].endswith(":%04X" % port) and r[3] == "01" for r in rows)


@pytest.mark.parametrize("source", ["journal", "pubsub"])
def test_a_redis_that_answers_only_during_the_stop_does_not_hold_it_up(
        tool, redis_server, source):
    redis_server.freeze()
    t = tool("bargen", "--redis", redis_server.url, "--source", source,
             ready=False)
    wait_until(lambda: connected_to(redis_server.port), 5,
               "bargen is connected")
    t.signal(signal.SIGTERM)
    t.wait_stderr("ev=stop ")
    redis_server.thaw()
    assert t.wait(10) == 0
    assert "ev=done" in t.stderr, t.stderr
    assert "ev=drain_timeout" not in t.stderr, t.stderr
