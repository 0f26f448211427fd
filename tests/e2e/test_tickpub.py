"""tickpub against a real Redis: channels, keys, journal, and when it fails."""
import json
import os
import re
import signal
import time

import harness
from harness import wait_until

NOW = 1705575045123


def tick(symbol="AAPL", n=0, **more):
    o = {"type": "tick", "symbol": symbol, "time": NOW + n,
         "bid": 100 + n, "ask": 101 + n}
    o.update(more)
    return json.dumps(o, separators=(",", ":"))


def trade(symbol="AAPL", n=0, **more):
    o = {"type": "trade", "symbol": symbol, "time": NOW + n,
         "price": 100 + n, "size": 1, "id": str(n)}
    o.update(more)
    return json.dumps(o, separators=(",", ":"))


def feed(*lines):
    return "".join(line + "\n" for line in lines).encode()


def journal_objects(client, prefix=""):
    """All objects of all journal streams, in stream order per stream."""
    found = []
    for key in sorted(client.keys(prefix + "journal:*")):
        for _id, fields in client.xrange(key):
            assert list(fields) == [b"d"]
            found += [json.loads(x) for x in fields[b"d"].split(b"\n")]
    return found


def once(objects):
    """Deduplicated by (src, seq, symbol), as consumers of the journal do."""
    seen = {}
    for o in objects:
        key = (o["src"], o["symbol"], o["seq"])
        assert seen.setdefault(key, o) == o, "one number, two messages"
    return list(seen.values())


# ---- where things go ----

def test_an_event_is_published_with_src_and_seq_before_the_brace(
        redis_server, tool):
    sub = redis_server.subscriber("market_data:AAPL")
    text = '{"type":"tick", "symbol":"AAPL","time":1705575045123.5,' \
           '"bid":95000.50,"ask":95001.5000 ,"lp":"O\\u00e9"}'
    t = tool("tickpub", "--redis", redis_server.url,
             stdin=feed(text, tick()))
    assert t.wait() == 0
    (channel, first), (_, second) = sub.wait(2)
    assert channel == b"market_data:AAPL"
    m = re.fullmatch(
        re.escape(text[:-1].encode()) +
        b',"src":"([0-9a-f]{16})","seq":1}', first)
    assert m, first
    assert second == tick()[:-1].encode() + \
        b',"src":"' + m.group(1) + b'","seq":2}'


def test_sequence_numbers_count_each_channel(redis_server, tool):
    sub = redis_server.subscriber(patterns=["market_data:*"])
    lines = [tick("A"), trade("B"), tick("A", 1), trade("A", 2), tick("B", 3)]
    assert tool("tickpub", "--redis", redis_server.url,
                stdin=feed(*lines)).wait() == 0
    sub.wait(5)
    assert [o["seq"] for o in sub.payloads("market_data:A")] == [1, 2, 3]
    assert [o["seq"] for o in sub.payloads("market_data:B")] == [1, 2]


def test_an_object_that_has_src_or_seq_passes_untouched(redis_server, tool):
    sub = redis_server.subscriber("market_data:AAPL")
    text = tick(src="0123456789abcdef", seq=77)
    assert tool("tickpub", "--redis", redis_server.url,
                stdin=feed(text)).wait() == 0
    assert sub.wait(1)[0][1] == text.encode()


def test_newest_values_are_kept_for_each_type(redis_server, tool):
    c = redis_server.client()
    t = tool("tickpub", "--redis", redis_server.url, "--price-ttl", "1m",
             stdin=feed(tick(), tick(n=1), trade(n=2)))
    assert t.wait() == 0
    last = c.hgetall("last:market_data:AAPL")
    assert sorted(last) == [b"tick", b"trade"]
    assert last[b"tick"].startswith(tick(n=1)[:-1].encode() + b',"src":')
    assert json.loads(last[b"trade"])["seq"] == 3
    assert 86000 < c.ttl("last:market_data:AAPL") <= 86400
    assert json.loads(c.get("price:AAPL")) == {
        "symbol": "AAPL", "time": NOW + 2, "price": 102, "size": 1}
    assert 0 < c.pttl("price:AAPL") <= 60000


def test_the_price_of_a_quote_has_an_exact_mid_and_spread(redis_server, tool):
    line = '{"type":"tick","symbol":"EURUSD","time":1705575045123,' \
           '"bid":1.09521,"ask":1.0954}'
    assert tool("tickpub", "--redis", redis_server.url, "--price-ttl", "1m",
                stdin=feed(line)).wait() == 0
    assert redis_server.client().get("price:EURUSD") == \
        b'{"symbol":"EURUSD","time":1705575045123,"bid":1.09521,' \
        b'"ask":1.0954,"mid":1.095305,"spread":0.00019}'


def test_a_price_expires_after_a_second(redis_server, tool):
    t = tool("tickpub", "--redis", redis_server.url, "--linger",
             stdin=feed(tick()))
    c = redis_server.client()
    ttl = wait_until(lambda: c.pttl("price:AAPL") > 0 and
                     c.pttl("price:AAPL"), what="price:AAPL has a lifetime")
    assert ttl <= 1000
    wait_until(lambda: c.get("price:AAPL") is None, what="price:AAPL is gone")
    assert t.running()


def test_the_journal_has_every_tick_and_trade_as_published(
        redis_server, tool):
    sub = redis_server.subscriber(patterns=["market_data:*"])
    lines = []
    for i in range(2000):
        lines.append((tick if i % 3 else trade)("S%d" % (i % 50), i))
    assert tool("tickpub", "--redis", redis_server.url,
                stdin=feed(*lines)).wait() == 0
    c = redis_server.client()
    published = [json.loads(m) for _, m in sub.wait(2000)]
    kept = journal_objects(c)
    key = lambda o: (o["symbol"], o["seq"])  # noqa: E731
    assert sorted(kept, key=key) == sorted(published, key=key)
    # A batch costs an entry a shard, not an entry a tick.
    assert sum(c.xlen(k) for k in c.keys("journal:*")) < 500
    assert 2 <= len(c.keys("journal:*")) <= 16


def test_each_symbol_keeps_its_order_within_its_shard(redis_server, tool):
    lines = [trade("S%d" % (i % 7), i) for i in range(500)]
    assert tool("tickpub", "--redis", redis_server.url, "--shards", "3",
                stdin=feed(*lines)).wait() == 0
    c = redis_server.client()
    assert set(c.keys("journal:*")) <= {b"journal:0", b"journal:1",
                                        b"journal:2"}
    newest = {}
    for o in journal_objects(c):
        assert o["seq"] == newest.get(o["symbol"], 0) + 1
        newest[o["symbol"]] = o["seq"]
    assert sum(newest.values()) == 500


def test_the_journal_is_bounded_in_memory(redis_server, tool):
    c = redis_server.client()
    before = c.info("memory")["used_memory"]
    lines = [trade("S%d" % (i % 100), i, note="x" * 100)
             for i in range(60000)]  # 15 MB of payloads
    assert tool("tickpub", "--redis", redis_server.url, "--journal-max",
                "2MiB", stdin=feed(*lines)).wait() == 0
    # "~" lets Redis keep whole nodes: a bound, not a number.
    held = sum(c.memory_usage(k, samples=0) for k in c.keys("journal:*"))
    assert 512 * 1024 < held < 6 * 1024 * 1024
    assert c.info("memory")["used_memory"] - before < 16 * 1024 * 1024


def test_other_types_go_where_the_table_says(redis_server, tool):
    sub = redis_server.subscriber(patterns=["*"])
    lines = [
        '{"type":"orderbook","symbol":"A","time":1,"bids":[[1,2]]}',
        '{"type":"price_update","symbol":"A","price":1.50}',
        '{"type":"market_status","status":"open"}',
        '{"type":"trading_alert","user_id":"u7","text":"x"}',
        '{"type":"execution","order_id":67890,"position_id":12345,'
        '"account_id":1,"symbol":"EURUSD","side":"BUY","volume":1.0,'
        '"price":1.0950,"timestamp":1705575045123}',
        '{"type":"account","account_id":1,"balance":10.50}',
        '{"type":"positions","account_id":1,"positions":[]}',
        '{"type":"ivdex","symbol":"N","time":1,"iv":12.5}',
        '{"type":"exchange","event":"connected","exchange":"x"}',
    ]
    t = tool("tickpub", "--redis", redis_server.url, stdin=feed(*lines))
    assert t.wait() == 0, t.stderr
    assert " bad=0 " in t.stderr
    channels = sorted(ch.decode() for ch, _ in sub.wait(8)
                      if not ch.startswith(b"instance:"))
    assert channels == ["alerts:u7", "exchange:connected", "executions:1",
                        "ivdex:N", "orderbook:A", "stock:market_status",
                        "stock:price_updates", "stock:trading_alerts"]
    c = redis_server.client()
    assert c.get("account:1") == lines[5].encode()
    assert 0 < c.pttl("account:1") <= 60000
    assert 0 < c.pttl("positions:1") <= 30000
    assert 0 < c.pttl("stock:price:A") <= 30000
    assert 0 < c.ttl("stock:market_status") <= 86400
    assert json.loads(c.hget("last:ivdex:N", "ivdex"))["seq"] == 1
    (_, alert), = c.xrange("stream:alerts:u7")
    assert json.loads(alert[b"d"])["user_id"] == "u7"
    (_, execution), = c.xrange("stream:executions:1")
    assert execution[b"d"].startswith(lines[4][:-1].encode())


def test_the_prefix_stands_before_every_name(redis_server, tool):
    sub = redis_server.subscriber(patterns=["*"])
    t = tool("tickpub", "--redis", redis_server.url, "--prefix", "dev:",
             "--linger", stdin=feed(tick()))
    sub.wait(1)
    assert sub.messages[0][0] == b"dev:market_data:AAPL"
    c = redis_server.client()
    wait_until(lambda: c.keys("dev:instance:tickpub:*"),
               what="dev:instance:tickpub:*")
    assert all(k.startswith(b"dev:") for k in c.keys("*")), c.keys("*")
    assert t.running()


def test_batch_joins_the_objects_of_a_channel(redis_server, tool):
    sub = redis_server.subscriber(patterns=["market_data:*"])
    lines = [tick("S%d" % (i % 4), i) for i in range(1000)]
    assert tool("tickpub", "--redis", redis_server.url, "--batch",
                stdin=feed(*lines)).wait() == 0
    wait_until(lambda: sub.poll() and len(sub.payloads()) == 1000,
               what="1000 objects")
    assert len(sub.messages) < 200
    for s in range(4):
        assert [o["seq"] for o in sub.payloads("market_data:S%d" % s)] == \
            list(range(1, 251))


def test_the_number_of_symbols_is_bounded(redis_server, tool):
    lines = [tick("S%d" % i) for i in range(20)]
    t = tool("tickpub", "--redis", redis_server.url, "--max-symbols", "15",
             stdin=feed(*lines))
    assert t.wait() == 0
    assert "line=16" in t.stderr and "max-symbols" in t.stderr
    assert len(redis_server.client().keys("last:*")) == 15


def test_an_instance_reports_itself_and_goes(redis_server, tool):
    c = redis_server.client()
    t = tool("tickpub", "--redis", redis_server.url, "--simulate",
             "AAPL,EURUSD", "--rate", "50").wait_ready()
    key, = wait_until(lambda: c.keys("instance:tickpub:*"))
    o = json.loads(c.get(key))
    assert o["simulator"] is True
    assert o["symbols"] == ["AAPL", "EURUSD"]
    assert o["rate"] == 50
    assert o["pid"] == t.pid
    assert 0 < c.pttl(key) <= 10000
    assert t.terminate() == 0
    assert c.keys("instance:*") == []


# ---- standard output ----

def test_tee_repeats_accepted_lines_byte_for_byte(tool):
    good = ['{"type":"tick", "symbol":"AAPL","time":1705575045123.250,'
            '"bid":95000.50,"ask":95001.5000}', trade()]
    t = tool("tickpub", "--no-redis", "--tee",
             stdin=feed(good[0], "nonsense", good[1]))
    assert t.wait() == 0
    assert t.stdout == feed(*good)
    assert "lines=3 accepted=2 bad=1" in t.stderr


def test_tee_and_redis_get_the_same_events(redis_server, tool):
    sub = redis_server.subscriber("market_data:AAPL")
    lines = [tick(n=i) for i in range(300)]
    t = tool("tickpub", "--redis", redis_server.url, "--tee",
             stdin=feed(*lines))
    assert t.wait() == 0
    assert t.stdout == feed(*lines)
    assert len(sub.wait(300)) == 300


def test_a_last_line_without_a_line_feed_counts(tool):
    t = tool("tickpub", "--no-redis", "--tee", stdin=tick().encode())
    assert t.wait() == 0
    assert t.stdout == feed(tick())


def test_a_slow_reader_holds_the_input_back(tool):
    line = feed(tick(note="x" * 1000))
    r, w = os.pipe()
    t = tool("tickpub", "--no-redis", "--tee", stdin="pipe", stdout=w,
             ready=False)
    os.close(w)
    taken = t.try_write(line * 20000, 1.5)
    assert taken < 8 * 1024 * 1024  # of 20 MB: its own bound, and the pipes'
    assert t.rss_bytes() < 64 * 1024 * 1024
    os.close(r)
    t.close_stdin()
    assert t.wait() == 0


def test_a_bar_goes_where_the_gateway_looks_for_it(redis_server, tool):
    """1D went to bars:A:1D, which nobody can subscribe to."""
    sub = redis_server.subscriber(patterns=["bars:*"])
    t = tool("tickpub", "--redis", redis_server.url,
             stdin="pipe").wait_ready()
    bar = '{"type":"bar","symbol":"A","resolution":"%s","bar":{"time":%d}}'
    t.write(feed(bar % ("1D", 1705536000000),
                 bar % ("1min", 1705536000000)))
    assert sub.wait(1)[-1][0] == b"bars:A:D"
    assert sub.payloads()[-1]["resolution"] == "1D", "as it was written"
    t.close_stdin()
    assert t.wait() == 0
    assert "ev=bad_line" in t.stderr
    r = redis_server.client()
    assert r.zcard("bars:history:A:D") == 1
    assert r.keys("*1min*") == [] and r.keys("*1D*") == []


# ---- routes ----

def test_routes_prints_the_table(tool):
    t = tool("tickpub", "--routes", "--prefix", "x:", ready=False)
    assert t.wait() == 0
    assert b"x:market_data:{symbol}" in t.stdout
    assert b"x:price:{symbol}" in t.stdout
    assert len(t.lines) == 15


def test_a_routes_file_is_read_again_on_sighup(redis_server, tool, tmp_path):
    path = tmp_path / "routes.json"
    path.write_text('{"tick":{"channel":"one:{symbol}"}}')
    sub = redis_server.subscriber(patterns=["one:*", "two:*"])
    t = tool("tickpub", "--redis", redis_server.url, "--routes-file", path,
             stdin="pipe").wait_ready()
    t.write(feed(tick()))
    assert sub.wait(1)[-1][0] == b"one:AAPL"
    path.write_text('{"tick":{"channel":"two:{symbol}"}}')
    t.signal(signal.SIGHUP)
    t.wait_stderr("ev=reloaded")
    t.write(feed(tick()))
    assert sub.wait(2)[-1][0] == b"two:AAPL"
    # A bad file keeps the old table and says why.
    path.write_text('{"tick":{"channel":"three:{nonsense}"}}')
    t.signal(signal.SIGHUP)
    assert "routes.json" in t.wait_stderr("ev=reload_failed")
    t.write(feed(tick()))
    assert sub.wait(3)[-1][0] == b"two:AAPL"
    assert sub.payloads()[-1]["seq"] == 2
    t.close_stdin()
    assert t.wait() == 0


def test_a_bad_routes_file_at_start_is_status_78(tool, tmp_path):
    path = tmp_path / "routes.json"
    path.write_text('{"tick":{"channel":')
    t = tool("tickpub", "--no-redis", "--routes-file", path, ready=False)
    assert t.wait() == 78
    assert "routes.json" in t.stderr


# ---- metrics ----

def test_metrics_count_what_happened(redis_server, tool):
    port = harness.free_port()
    t = tool("tickpub", "--redis", redis_server.url, "--http",
             "127.0.0.1:%d" % port, "--linger",
             stdin=feed(tick(), trade(), "{", tick("x y"))).wait_ready()
    url = "http://127.0.0.1:%d" % port

    def sample(name, **labels):
        return harness.metric(harness.http_get(url + "/metrics")[1], name,
                              **labels)
    wait_until(lambda: sample("tickwire_tickpub_published_total") == 2)
    assert sample("tickwire_tickpub_events_total", type="tick") == 1
    assert sample("tickwire_tickpub_events_total", type="trade") == 1
    assert sample("tickwire_tickpub_bad_lines_total", reason="not_json") == 1
    assert sample("tickwire_tickpub_bad_lines_total", reason="bad_symbol") == 1
    wait_until(lambda: sample("tickwire_tickpub_queue_bytes") == 0)
    assert sample("tickwire_tickpub_journal_acked_events_total") == 2
    assert sample("tickwire_tickpub_flush_events_count") >= 1
    assert harness.http_get(url + "/ready")[0] == 200
    assert b'"redis":"connected"' in harness.http_get(url + "/health")[1]
    redis_server.kill()
    wait_until(lambda: harness.http_get(url + "/ready")[0] == 503)
    assert harness.http_get(url + "/health")[0] == 200
    assert t.running()


# ---- simulator ----

SIM = ["--simulate", "AAPL,GOOGL,BTCUSD", "--start", "1705575045123",
       "--no-redis", "--tee"]


def test_a_seed_gives_the_same_bytes(tool):
    def run(*more):
        t = tool("tickpub", *SIM, "--count", "5000", "--speed", "max", *more)
        assert t.wait() == 0
        return t.stdout
    a = run("--seed", "42")
    assert a == run("--seed", "42")
    assert a != run("--seed", "43")
    objects = [json.loads(x) for x in a.splitlines()]
    assert len(objects) == 5000
    assert {o["type"] for o in objects} == {"tick", "trade"}
    assert {o["symbol"] for o in objects} == {"AAPL", "GOOGL", "BTCUSD"}
    times = [o["time"] for o in objects]
    assert times == sorted(times) and times[0] == 1705575045123
    ids = [int(o["id"]) for o in objects
           if o["type"] == "trade" and o["symbol"] == "AAPL"]
    assert ids == list(range(1, len(ids) + 1))


def test_a_live_simulation_keeps_its_rate_and_the_time(tool):
    t = tool("tickpub", "--simulate", "AAPL", "--rate", "400", "--no-redis",
             "--tee").wait_ready()
    began, ready = time.time(), len(t.lines)
    t.wait_lines(ready + 800, 8)
    times = [json.loads(line)["time"] / 1000 for line in t.lines]
    now = time.time()
    # By its own clock; what is in the pipe may be read late, never early.
    assert 0.8 < times[ready + 799] - times[ready] < 4
    assert began - 2 * harness.SLOW < times[ready] and times[-1] < now + 0.1
    assert now - times[-1] < 2 * harness.SLOW
    assert t.terminate() == 0


def test_the_environment_of_existing_deployments_is_honoured(tool):
    t = tool("tickpub", "--tee", "--count", "50",
             env={"ENABLE_REDIS_SCALING": "false",
                  "SIMULATOR_SYMBOLS": "ABC,DEF", "SIMULATOR_RATE": "1000"})
    assert t.wait() == 0
    assert {o["symbol"] for o in t.objects()} == {"ABC", "DEF"}
    t = tool("tickpub", "--no-redis", stdin=b"nonsense\n",
             env={"TICKPUB_STRICT": "true"})
    assert t.wait() == 65


def test_where_redis_is_may_come_from_the_environment(redis_server, tool):
    sub = redis_server.subscriber("env:market_data:AAPL")
    t = tool("tickpub", stdin=feed(tick()),
             env={"REDIS_HOST": "127.0.0.1",
                  "REDIS_PORT": str(redis_server.port),
                  "REDIS_KEY_PREFIX": "env:"})
    assert t.wait() == 0
    assert len(sub.wait(1)) == 1


def test_a_unix_socket_will_do(redis_server, tool):
    sub = redis_server.subscriber("market_data:AAPL")
    t = tool("tickpub", "--redis", redis_server.unix_url, stdin=feed(tick()))
    assert t.wait() == 0
    assert len(sub.wait(1)) == 1


# ---- replay ----

def test_a_replay_keeps_the_spacing(tool, tmp_path):
    path = tmp_path / "recorded"
    path.write_bytes(feed(tick(n=0), tick(n=10), tick(n=600), tick(n=590),
                          tick(n=1200)))
    t0 = time.monotonic()
    t = tool("tickpub", "--replay", path, "--no-redis", "--tee", ready=False)
    assert t.wait() == 0
    assert 1.1 < time.monotonic() - t0
    assert t.stdout == path.read_bytes()
    t0 = time.monotonic()
    t = tool("tickpub", "--replay", path, "--speed", "100", "--no-redis",
             "--tee", ready=False)
    assert t.wait() == 0
    assert time.monotonic() - t0 < 1.0 * harness.SLOW
    assert t.stdout == path.read_bytes()


def test_a_replay_that_is_not_there_is_a_usage_error(tool):
    t = tool("tickpub", "--replay", "/nonexistent/x", "--no-redis",
             ready=False)
    assert t.wait() == 64
    assert "/nonexistent/x" in t.stderr
