"""wsgate over plain HTTP: health, status, prices, bars, symbols, the limit."""
import concurrent.futures
import http.client
import json
import signal
import time
import urllib.parse
import urllib.request

import pytest

import harness

WEB = harness.REPO / "wsgate" / "web"


@pytest.fixture
def gateway(tool):
    """gateway("--flag", redis=server) -> (Tool, port), ready."""
    def start(*args, redis=None, **kw):
        port = harness.free_port()
        where = ["--redis", redis.url] if redis else ["--no-redis"]
        t = tool("wsgate", "--listen", "127.0.0.1:%d" % port, *where, *args,
                 **kw)
        return t.wait_ready(), port
    return start


def ask(port, path, method="GET", headers=None, seconds=10):
    """(status, headers, body) of one request; the path is sent as it is."""
    c = http.client.HTTPConnection("127.0.0.1", port,
                                   timeout=harness.deadline(seconds))
    try:
        c.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            c.putheader(name, value)
        c.endheaders()
        r = c.getresponse()
        return r.status, r.headers, r.read()
    finally:
        c.close()


def ask_json(port, path, status=200, **kw):
    got, headers, body = ask(port, path, **kw)
    assert got == status, (got, body)
    assert headers["Content-Type"] == "application/json"
    return json.loads(body)


def wait_live(port):
    harness.wait_until(lambda: ask(port, "/ready")[0] == 200, 10,
                       "the gateway is ready")


def bar_text(start_ms, close, rev=0, final="true"):
    """A bar as text, with zeros and spaces that a parser would lose."""
    return ('{"time":%d,"open":1.10, "high":2.500,"low":0.10,"close":%s,'
            '"volume":7,"count":1,"end":%d,"final":%s,"rev":%d}'
            % (start_ms, close, start_ms + 1000, final, rev))


def bar_event(start_ms, close, **kw):
    return ('{"type":"bar","symbol":"AAPL","resolution":"1S","bar":%s}'
            % bar_text(start_ms, close, **kw))


def store_bars(redis, count, prefix=""):
    for i in range(count):
        redis.zadd(prefix + "bars:history:AAPL:1S",
                   {bar_event(1000 * i, "1.%02d" % (i % 100)): 1000 * i})


# --- health ------------------------------------------------------------------

def test_health_says_healthy_with_redis(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    h = ask_json(port, "/health")
    assert h["status"] == "healthy"
    assert h["redis"] == "connected" and h["redis_available"] is True
    assert h["upstream"] == "live"
    assert h["connected_clients"] == 0
    assert h["version"] and h["instance"] and h["uptime_ms"] >= 0


def test_health_is_200_and_degraded_without_redis(redis_absent, gateway):
    _, port = gateway(redis=redis_absent)
    h = ask_json(port, "/health")
    assert h["status"] == "degraded"
    assert h["redis"] == "disconnected" and h["redis_available"] is False
    assert h["upstream"] == "down"


def test_a_running_gateway_says_so_in_redis(redis_server, gateway):
    gateway(redis=redis_server)
    r = redis_server.client()
    keys = harness.wait_until(lambda: r.keys("instance:wsgate:*"), 5,
                      "the instance key")
    said = json.loads(r.get(keys[0]))
    assert said["tool"] == "wsgate" and said["clients"] == 0


def test_ready_is_not_said_before_redis_where_redis_is_required(
        redis_absent, tool):
    t = tool("wsgate", "--redis", redis_absent.url, "--require-redis",
             "--listen", "127.0.0.1:0")
    assert t.wait(15) == 69
    assert not t.is_ready()
    assert "ev=ready" not in t.stderr
    assert "--require-redis" in t.stderr


def test_ready_follows_redis_and_health_stays_200(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis_server.kill()
    harness.wait_until(lambda: ask(port, "/ready")[0] == 503, 8, "not ready")
    assert ask(port, "/health")[0] == 200
    assert json.loads(ask(port, "/ready")[2])["why"]
    redis_server.start()
    wait_live(port)


def test_a_gateway_without_redis_is_healthy(gateway):
    _, port = gateway()
    h = ask_json(port, "/health")
    assert h["status"] == "healthy" and h["redis"] == "disabled"
    assert ask(port, "/ready")[0] == 200


def test_metrics_are_prometheus_text(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    ask(port, "/api/v1/ws/status")
    status, headers, body = ask(port, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert harness.metric(body, "tickwire_wsgate_api_requests_total") == 1


# --- status ------------------------------------------------------------------

def test_status_pages_have_the_documented_members(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    s = ask_json(port, "/api/v1/ws/status")
    assert s["websocket_enabled"] is True and s["connected_clients"] == 0
    assert s["redis_enabled"] is True and s["redis_connected"] is True
    for path in ("/api/v1/redis/status", "/health/redis"):
        r = ask_json(port, path)
        assert r["redis_connected"] is True and r["state"] == "ready"
        assert r["events_received"] >= 0 and r["errors"] >= 0
        assert r["subscriptions"] >= 0


@pytest.mark.parametrize("path", ["/health/redis", "/api/v1/redis/status"])
def test_the_redis_page_has_the_shape_of_event_bridges(
        redis_server, gate, path):
    g = gate("--dev", redis=redis_server)
    page = ask_json(g.port, path)
    assert page["status"] == "healthy"
    errors = page["errors"]  # what has no rule of its limit counts, too
    assert page["metrics"] == {"connected": True, "publishedEvents": 0,
                               "receivedEvents": 0, "errors": errors,
                               "subscriptions": page["subscriptions"]}
    ws = g.ws()
    ws.subscribe("stock:price_updates")
    harness.http_get(urllib.request.Request(
        g.http("/api/v1/dev/redis/publish-test"), method="POST"))
    ws.wait_type("update")
    metrics = ask_json(g.port, path)["metrics"]
    assert metrics["publishedEvents"] == metrics["receivedEvents"] == 1
    assert metrics["subscriptions"] == page["metrics"]["subscriptions"] + 1
    redis_server.stop()
    harness.wait_until(
        lambda: ask_json(g.port, path)["status"] == "unhealthy", 5,
        "the loss is told")
    metrics = ask_json(g.port, path)["metrics"]
    assert metrics["connected"] is False and metrics["errors"] > errors


def test_status_never_shows_a_password(redis_server, gateway, tool):
    redis_server.client().config_set("requirepass", "sesame")
    redis_server.password = "sesame"
    port = harness.free_port()
    tool("wsgate", "--listen", "127.0.0.1:%d" % port, "--redis",
         "redis://:sesame@127.0.0.1:%d" % redis_server.port,
         "--public-status").wait_ready()
    wait_live(port)
    shown = ask(port, "/api/v1/redis/status")[2]
    assert b"sesame" not in shown and b"redis://" in shown


def test_running_simulators_are_listed(redis_server, gateway, tool):
    _, port = gateway("--public-status", redis=redis_server)
    wait_live(port)
    assert ask_json(port, "/api/v1/simulator/status")["running"] is False
    sim = tool("tickpub", "--redis", redis_server.url, "--simulate",
               "AAPL,MSFT", "--rate", "50").wait_ready()

    def running():
        s = ask_json(port, "/api/v1/simulator/status")
        return s if s["running"] else None
    s = harness.wait_until(running, 10, "a simulator is listed")
    assert s["simulators"] == 1 and s["publishers"] == 1
    assert sorted(s["symbols"]) == ["AAPL", "MSFT"]
    assert s["rate"] == 50
    assert s["instances"][0]["pid"] == sim.pid
    assert "id" not in s["instances"][0]
    assert sim.terminate() == 0
    harness.wait_until(
        lambda: not ask_json(port, "/api/v1/simulator/status")["running"], 15,
        "the simulator is gone from the list")


# --- prices, bars, symbols ---------------------------------------------------

def test_a_price_is_the_cached_text(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    text = b'{"symbol":"AAPL","time":1,"bid":95000.50,"ask":95001.50}'
    redis_server.client().set("price:AAPL", text)
    assert ask(port, "/api/v1/price/AAPL")[2] == text
    assert ask_json(port, "/api/v1/price/NONE", 404)["error"] == "not_found"


def test_a_price_of_the_stock_service_is_told_too(redis_server, gateway, tool):
    """As tickpub stores it, as a program that knows prices only stores it, and
    beside a quote."""
    _, port = gateway(redis=redis_server)
    wait_live(port)
    update = {"type": "price_update", "symbol": "AAPL", "price": 187.21,
              "time": int(time.time() * 1000)}
    pub = tool("tickpub", "--redis", redis_server.url, stdin="pipe")
    pub.write(json.dumps(update) + "\n")
    harness.wait_until(lambda: ask(port, "/api/v1/price/AAPL")[0] == 200, 5,
                       "it is stored")
    got = ask_json(port, "/api/v1/price/AAPL")
    assert {k: got[k] for k in update} == update
    redis_server.client().set("stock:price:MSFT", "150.250")
    assert ask(port, "/api/v1/price/MSFT")[2] == (
        b'{"symbol":"MSFT","price":150.250}')
    quote = b'{"symbol":"AAPL","time":%d,"bid":1}' % (update["time"] - 1)
    redis_server.client().set("price:AAPL", quote)
    assert ask_json(port, "/api/v1/price/AAPL")["type"] == "price_update"
    quote = b'{"symbol":"AAPL","time":%d,"bid":1}' % (update["time"] + 1)
    redis_server.client().set("price:AAPL", quote)
    assert ask(port, "/api/v1/price/AAPL")[2] == quote


def test_a_symbol_with_a_slash_can_be_asked_for(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis_server.client().set("price:BTC/USD", "{}")
    assert ask(port, "/api/v1/price/BTC%2FUSD")[0] == 200
    assert ask(port, "/api/v1/price/BTC/USD")[0] == 200


def test_names_that_cannot_be_are_refused(gateway):
    _, port = gateway()
    for path in ("/api/v1/price/%3Cb%3E", "/api/v1/price/A:B",
                 "/api/v1/price/*", "/api/v1/price/" + "A" * 65,
                 "/api/v1/bars/A%20B/1"):
        assert ask_json(port, path, 400)["error"] == "bad_request"


def test_bars_are_byte_identical_and_in_order(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    store_bars(redis_server.client(), 3)
    body = ask(port, "/api/v1/bars/AAPL/1S")[2].decode()
    want = ",".join(bar_text(1000 * i, "1.%02d" % i) for i in range(3))
    assert body == ('{"symbol":"AAPL","resolution":"1S","limit":500,'
                    '"truncated":false,"bars":[%s]}' % want)


def test_the_open_bar_is_the_last_one(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis = redis_server.client()
    store_bars(redis, 2)
    redis.hset("last:bars:AAPL:1S", "bar",
               bar_event(2000, "9.9", final="false"))
    bars = ask_json(port, "/api/v1/bars/AAPL/1S")["bars"]
    assert [b["time"] for b in bars] == [0, 1000, 2000]
    assert bars[-1]["final"] is False
    # The last message is often the final bar itself: it is not there twice.
    redis.hset("last:bars:AAPL:1S", "bar", bar_event(1000, "1.01"))
    bars = ask_json(port, "/api/v1/bars/AAPL/1S")["bars"]
    assert [b["time"] for b in bars] == [0, 1000]


def test_bars_can_be_limited_and_ranged(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    store_bars(redis_server.client(), 600)

    def times(query):
        return [b["time"] // 1000 for b in
                ask_json(port, "/api/v1/bars/AAPL/1S?" + query)["bars"]]
    assert times("") == list(range(100, 600))
    assert times("limit=2") == [598, 599]
    assert times("from=3000&to=5000") == [3, 4, 5]
    assert times("to=5000&limit=2") == [4, 5]
    assert times("from=700000") == []
    assert len(times("limit=5000")) == 600
    for query in ("limit=0", "limit=5001", "limit=x", "from=1.5", "to=",
                  "countback=0", "countback=5001", "from=%zz",
                  "to=1705311000000000", "from=5000&to=3000"):
        said = ask_json(port, "/api/v1/bars/AAPL/1S?" + query, 400)
        assert said["error"] == "bad_request"
        assert said["message"].startswith(query.split("=")[0] + " ")


def test_a_range_may_be_in_seconds_or_in_words(redis_server, gateway):
    """In seconds it was answered with an empty list."""
    _, port = gateway(redis=redis_server)
    wait_live(port)
    start = 1705311000  # 2024-01-15T09:30:00Z
    for i in range(10):
        redis_server.client().zadd("bars:history:AAPL:1S", {
            bar_event(1000 * (start + i), "1.%02d" % i): 1000 * (start + i)})

    def bars(query):
        return [b["time"] // 1000 - start for b in
                ask_json(port, "/api/v1/bars/AAPL/1S?" + query)["bars"]]
    for a, b in ((start + 3, start + 5),
                 (1000 * (start + 3), 1000 * (start + 5)),
                 (start + 3, 1000 * (start + 5)),
                 ("2024-01-15T09:30:03Z", "2024-01-15T09:30:05Z"),
                 ("2024-01-15T10:30:03%2B01:00", start + 5)):
        assert bars("from=%s&to=%s" % (a, b)) == [3, 4, 5], (a, b)
    assert bars("to=%d" % (start + 1)) == [0, 1]
    assert bars("from=2024-01-15&to=2024-01-16") == list(range(10))
    assert bars("from=2024-01-16") == []


def test_bars_can_be_counted_back(redis_server, gateway):
    """As TradingView asks: the newest N up to `to`, wherever `from` is."""
    _, port = gateway(redis=redis_server)
    wait_live(port)
    store_bars(redis_server.client(), 600)

    def ask_bars(query):
        said = ask_json(port, "/api/v1/bars/AAPL/1S?" + query)
        return ([b["time"] // 1000 for b in said["bars"]], said["limit"],
                said["truncated"])
    assert ask_bars("countback=3") == ([597, 598, 599], 3, True)
    assert ask_bars("countback=3&from=598000&to=5000") == ([3, 4, 5], 3, True)
    assert ask_bars("countback=6&to=5000") == (list(range(6)), 6, False)
    assert ask_bars("countback=7&to=5000") == (list(range(6)), 7, False)
    assert ask_bars("countback=600")[1:] == (600, False)
    assert ask_bars("countback=100&limit=2") == ([598, 599], 2, True)


def test_an_answer_says_its_limit_and_whether_there_is_more(
        redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    store_bars(redis_server.client(), 600)

    def said(query):
        a = ask_json(port, "/api/v1/bars/AAPL/1S?" + query)
        return len(a["bars"]), a["limit"], a["truncated"]
    assert said("") == (500, 500, True)
    assert said("limit=599") == (599, 599, True)
    assert said("limit=600") == (600, 600, False)
    assert said("from=100000") == (500, 500, False)
    assert said("from=99000") == (500, 500, True)
    # Page by page: each ends before the one that was read first.
    seen, to = [], ""
    while True:
        a = ask_json(port, "/api/v1/bars/AAPL/1S?limit=250" + to)
        seen = a["bars"] + seen
        if not a["truncated"]:
            break
        to = "&to=%d" % (seen[0]["time"] - 1)
    assert [b["time"] for b in seen] == [1000 * i for i in range(600)]


def test_bars_respect_the_prefix(redis_server, gateway):
    _, port = gateway("--prefix", "uat:", redis=redis_server)
    wait_live(port)
    store_bars(redis_server.client(), 2, prefix="uat:")
    assert len(ask_json(port, "/api/v1/bars/AAPL/1S")["bars"]) == 2


def test_bars_are_found_under_every_name_of_their_resolution(redis_server,
                                                            gateway):
    """1D was answered with 200 and nothing in it, whatever D had."""
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis = redis_server.client()
    for resolution in ("D", "W", "M", "1S"):
        redis.zadd("bars:history:AAPL:" + resolution, {bar_text(0, "1.5"): 0})
    for name, resolution in (("1D", "D"), ("1W", "W"), ("1M", "M"),
                             ("S", "1S"), ("D", "D")):
        got = ask_json(port, "/api/v1/bars/AAPL/" + name)
        assert got["resolution"] == resolution
        assert len(got["bars"]) == 1
    for name in ("1min", "7q", "2D", "12M", "7", "01", "1d"):
        got = ask_json(port, "/api/v1/bars/AAPL/" + name, 400)
        assert got["error"] == "bad_channel"
        assert "D, W and M" in got["message"]


def test_what_nobody_may_subscribe_to_is_not_told_over_rest(redis_server,
                                                           gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis = redis_server.client()
    for name in ("market_data:_X", "bars:_X:5", "market_data:account",
                 "executions:42", "prod:executions:42", "_probe:abc",
                 "bars:AAPL:1min", "market_data:MSFT"):
        redis.hset("last:" + name, "bar", bar_text(0, "1.5"))
    redis.set("price:_X", "{}")
    redis.set("price:account", "{}")
    redis.zadd("bars:history:_X:5", {bar_text(0, "1.5"): 0})
    for path in ("price/_X", "price/account", "bars/_X/5",
                 "bars/executions/60"):
        assert ask_json(port, "/api/v1/" + path, 403)["error"] == "forbidden"
    assert ask_json(port, "/api/v1/symbols") == {"symbols": [
        {"symbol": "MSFT", "resolutions": []}]}


def test_stored_rubbish_is_left_out(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis = redis_server.client()
    store_bars(redis, 1)
    redis.zadd("bars:history:AAPL:1S", {"{not json": 500, "[]": 501})
    assert len(ask_json(port, "/api/v1/bars/AAPL/1S")["bars"]) == 1


def test_a_key_of_another_type_is_503_and_not_the_end(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis_server.client().set("bars:history:AAPL:1S", "x")
    assert ask_json(port, "/api/v1/bars/AAPL/1S", 503)["error"] == "redis_error"
    assert ask(port, "/health")[0] == 200


def test_symbols_lists_what_is_stored(redis_server, gateway):
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis = redis_server.client()
    redis.hset("last:market_data:MSFT", "trade", "{}")
    redis.hset("last:bars:AAPL:5", "bar", "{}")
    redis.hset("last:bars:AAPL:1", "bar", "{}")
    redis.hset("last:market_data:<b>", "trade", "{}")
    assert ask_json(port, "/api/v1/symbols") == {"symbols": [
        {"symbol": "AAPL", "resolutions": ["1", "5"]},
        {"symbol": "MSFT", "resolutions": []}]}


@pytest.mark.parametrize("path", ["/api/v1/symbols",
                                  "/api/v1/simulator/status"])
def test_many_who_ask_at_once_share_one_search_of_a_large_database(
        redis_server, gateway, path):
    _, port = gateway("--no-limit", redis=redis_server)
    wait_live(port)
    redis = redis_server.client()
    for first in range(0, 100000, 50000):
        redis.eval("for i = 1, 50000 do redis.call('SET', KEYS[1] .. i, '') "
                   "end", 1, "other:%d:" % first)
    redis.hset("last:market_data:MSFT", "trade", "{}")
    redis.config_resetstat()
    with concurrent.futures.ThreadPoolExecutor(45) as pool:
        answers = list(pool.map(lambda _: ask(port, path)[::2], range(45)))
    assert [a[0] for a in answers] == [200] * 45, answers
    assert len({a[1] for a in answers}) == 1
    scans = redis.info("commandstats")["cmdstat_scan"]["calls"]
    # COUNT is 1,000 of 100,000 keys: one search, or two where one of them was
    # answered before the last had asked.
    assert 90 < scans < 220


def test_without_redis_prices_are_what_was_heard(gateway):
    gate, port = gateway("--stdin", stdin="pipe")
    ask_json(port, "/api/v1/price/AAPL", 404)
    gate.write('{"type":"trade","symbol":"AAPL","time":1705575041000,"price":9.50}\n'
               '{"type":"tick","symbol":"AAPL","time":1705575042000.5,"bid":9.10,'
               '"ask":9.25}\n')
    harness.wait_until(lambda: ask(port, "/api/v1/price/AAPL")[0] == 200, 5,
                       "a price from the pipe")
    harness.wait_until(lambda: ask(port, "/api/v1/price/AAPL")[2] == (
        b'{"symbol":"AAPL","time":1705575042000.5,"bid":9.10,"ask":9.25,'
        b'"mid":9.175,"spread":0.15}'), 5, "the quote, which is newer")


def test_without_redis_bars_are_what_was_heard(gateway):
    gate, port = gateway("--stdin", stdin="pipe")
    gate.write(bar_event(1705575041000, "1.50") + "\n")

    def bars():
        return ask_json(port, "/api/v1/bars/AAPL/1S")["bars"]
    harness.wait_until(bars, 5, "a bar from the pipe")
    assert bars()[0]["time"] == 1705575041000


# --- when Redis does not answer ----------------------------------------------

def test_a_hung_redis_costs_a_request_two_seconds_at_most(redis_server,
                                                          gateway):
    _, port = gateway("--no-limit", redis=redis_server)
    wait_live(port)
    redis_server.freeze()
    assert ask_json(port, "/api/v1/price/AAPL", 503)["error"].startswith(
        "redis_")
    assert ask(port, "/health")[0] == 200
    redis_server.thaw()
    wait_live(port)
    assert ask(port, "/api/v1/price/AAPL")[0] == 404


def test_redis_killed_under_requests_answers_each_of_them(redis_server,
                                                          gateway):
    _, port = gateway("--no-limit", redis=redis_server)
    wait_live(port)
    redis_server.freeze()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, port, "/api/v1/price/AAPL")
                 for _ in range(8)]
        redis_server.kill()
        # Some may be answered before it dies; none hangs.
        assert {f.result()[0] for f in asked} <= {404, 503}


def test_a_client_that_leaves_before_its_answer_harms_nobody(redis_server,
                                                             gateway):
    gate, port = gateway("--no-limit", redis=redis_server)
    wait_live(port)
    redis_server.freeze()
    for _ in range(20):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        c.request("GET", "/api/v1/bars/AAPL/1S")
        c.close()
    redis_server.thaw()
    wait_live(port)
    assert ask(port, "/api/v1/price/AAPL")[0] == 404
    assert gate.terminate() == 0


def test_sigterm_with_requests_under_way_exits_0(redis_server, gateway):
    gate, port = gateway("--no-limit", redis=redis_server)
    wait_live(port)
    redis_server.freeze()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, port, "/api/v1/price/AAPL")
                 for _ in range(4)]
        harness.wait_until(
            lambda: harness.metric(ask(port, "/metrics")[2],
                                   "tickwire_wsgate_api_requests_total") == 4,
            5, "four requests under way")
        assert gate.terminate(5) == 0
        for f in asked:
            f.exception()  # 503 or a closed connection, but an end
    redis_server.thaw()


# --- paths and methods -------------------------------------------------------

def test_unknown_paths_are_404_as_json(gateway):
    _, port = gateway()
    for path in ("/nope", "/api/v1/nope", "/api/v1/bars/AAPL",
                 "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//"):
        assert ask_json(port, path, 404)["error"] == "not_found"


def test_other_methods_are_405_with_allow(gateway):
    _, port = gateway()
    for path in ("/api/v1/ws/status", "/health", "/metrics"):
        for method in ("POST", "DELETE", "PUT"):
            status, headers, _ = ask(port, path, method)
            assert status == 405 and headers["Allow"] == "GET, HEAD"


def test_head_is_get_without_a_body(gateway):
    _, port = gateway()
    status, headers, body = ask(port, "/health", "HEAD")
    assert status == 200 and body == b"" and int(headers["Content-Length"]) > 0


def test_pages_of_allowed_origins_may_read_the_api(gateway):
    _, port = gateway("--allow-origin", "https://*.example.org")

    def allowed(origin):
        return ask(port, "/api/v1/ws/status", headers={"Origin": origin})[1][
            "Access-Control-Allow-Origin"]
    assert allowed("https://app.example.org") == "https://app.example.org"
    assert allowed("https://example.com") is None


def test_a_websocket_address_asked_plainly_says_so(gateway):
    _, port = gateway()
    assert ask(port, "/ws")[0] == 426


# --- the rate limit ----------------------------------------------------------

FUNCTION = harness.REPO / "ratelimitd" / "redis" / "function.lua"


def load_rule(redis, text="3 60000 log - *"):
    """The function and one rule, as ratelimitd keeps them."""
    redis.execute_command("FUNCTION", "LOAD", "REPLACE", FUNCTION.read_text())
    redis.hset("ratelimit:rules", "api", text)


def test_requests_over_the_limit_are_429_with_headers(redis_server, gateway):
    load_rule(redis_server.client())
    _, port = gateway(redis=redis_server)
    wait_live(port)
    for left in (2, 1, 0):
        status, headers, _ = ask(port, "/api/v1/ws/status")
        assert status == 200
        assert headers["RateLimit-Policy"] == '"api";q=3;w=60'
        assert headers["RateLimit"].startswith('"api";r=%d;t=' % left)
    status, headers, body = ask(port, "/api/v1/ws/status")
    assert status == 429
    assert json.loads(body)["error"] == "too_many_requests"
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert headers["RateLimit"].startswith('"api";r=0;t=')
    assert headers["RateLimit-Policy"] == '"api";q=3;w=60'


def test_a_denial_is_remembered(redis_server, gateway):
    """For a second at most, so it can take several tries on a busy machine."""
    redis = redis_server.client()
    load_rule(redis, "1 60000 log - *")
    _, port = gateway(redis=redis_server)
    wait_live(port)
    assert ask(port, "/api/v1/ws/status")[0] == 200

    def remembered():
        assert ask(port, "/api/v1/ws/status")[0] == 429
        return harness.metric(ask(port, "/metrics")[2],
                              "tickwire_wsgate_limit_total",
                              result="denied_cached") >= 1
    harness.wait_until(remembered, 10)


def test_the_window_is_that_of_the_line_that_decided(redis_server, gateway):
    load_rule(redis_server.client(),
              "9 1000 log - 10.*\n7 90000 log - 127.0.0.1\n3 60000 log - *\n")
    _, port = gateway(redis=redis_server)
    wait_live(port)
    _, headers, _ = ask(port, "/api/v1/ws/status")
    assert headers["RateLimit-Policy"] == '"api";q=7;w=90'


def test_a_function_that_does_not_know_the_window_limits_all_the_same(
        redis_server, gateway):
    """Version 1 takes no notice of the argument that asks for it."""
    redis = redis_server.client()
    load_rule(redis)
    source = FUNCTION.read_text()
    older = source.replace("args[4] == 'window'", "false")
    assert older != source
    redis.execute_command("FUNCTION", "LOAD", "REPLACE", older)
    _, port = gateway(redis=redis_server)
    wait_live(port)
    for left in (2, 1, 0):
        status, headers, _ = ask(port, "/api/v1/ws/status")
        assert status == 200
        assert headers["RateLimit-Policy"] == '"api";q=3'
        assert headers["RateLimit"].startswith('"api";r=%d;t=' % left)
    assert ask(port, "/api/v1/ws/status")[0] == 429


def test_the_rules_are_not_read(redis_server, gateway):
    """What their text looks like is the function's business."""
    redis = redis_server.client()
    load_rule(redis)
    _, port = gateway(redis=redis_server)
    wait_live(port)
    before = redis.info("commandstats").get("cmdstat_hget", {}).get("calls", 0)
    assert [ask(port, "/api/v1/ws/status")[0] for _ in range(4)] == [200] * 3 \
        + [429]
    # Once, by the function, which remembers it for a second.
    after = redis.info("commandstats")["cmdstat_hget"]["calls"]
    assert after - before == 1


def test_a_fault_of_the_function_is_quoted_in_the_log(redis_server, gateway):
    redis_server.client().execute_command("FUNCTION", "LOAD", (
        "#!lua name=tickwire_limit\n"
        "redis.register_function('tickwire_limit', function()\n"
        "  return {err = 'ERR it \"failed\" today'}\n"
        "end)\n"))
    gate, port = gateway(redis=redis_server)
    wait_live(port)
    assert ask(port, "/api/v1/ws/status")[0] == 200
    gate.wait_stderr(r'ev=limit_degraded why="ERR it \"failed\" today" local=')


def test_the_default_rule_of_ratelimitd_is_100_requests(redis_server, gateway,
                                                        tool):
    tool("ratelimitd", "--redis", redis_server.url, "--linger").wait_ready()
    _, port = gateway(redis=redis_server)
    wait_live(port)
    said = [ask(port, "/api/v1/ws/status") for _ in range(101)]
    assert [s[0] for s in said] == [200] * 100 + [429]
    assert said[0][1]["RateLimit-Policy"] == '"api";q=100;w=60'


def test_the_deny_cache_ends_after_a_second(redis_server, gateway):
    redis = redis_server.client()
    load_rule(redis)
    _, port = gateway(redis=redis_server)
    wait_live(port)
    for _ in range(4):
        last = ask(port, "/api/v1/ws/status")[0]
    assert last == 429
    redis.delete(*redis.keys("ratelimit:api:*"))
    harness.wait_until(lambda: ask(port, "/api/v1/ws/status")[0] == 200, 3,
                       "a key that was reset counts within a second")


def test_health_metrics_and_the_page_are_not_limited(redis_server, gateway):
    load_rule(redis_server.client(), "1 60000 log - *")
    _, port = gateway(redis=redis_server)
    wait_live(port)
    assert [ask(port, "/api/v1/ws/status")[0] for _ in range(2)] == [200, 429]
    for path in ("/health", "/health/redis", "/ready", "/metrics", "/"):
        assert ask(port, path)[0] == 200


def test_without_the_function_a_local_bound_holds(redis_server, gateway):
    gate, port = gateway("--api-limit", "3/60s", redis=redis_server)
    wait_live(port)
    for _ in range(3):
        status, headers, _ = ask(port, "/api/v1/ws/status")
        assert status == 200 and "RateLimit-Policy" not in headers
    status, headers, _ = ask(port, "/api/v1/ws/status")
    assert status == 429 and int(headers["Retry-After"]) >= 1
    assert harness.metric(ask(port, "/metrics")[2],
                          "tickwire_wsgate_limit_total",
                          result="degraded_denied") == 1
    gate.wait_stderr("limit_degraded")


def test_a_hung_redis_does_not_hold_up_the_limit(redis_server, gateway):
    load_rule(redis_server.client())
    _, port = gateway(redis=redis_server)
    wait_live(port)
    redis_server.freeze()
    # A status page needs no Redis: only the limit could hold it up, and it
    # gives up after 50 ms.
    assert ask(port, "/api/v1/ws/status", seconds=1)[0] == 200
    redis_server.thaw()


def test_no_limit_asks_nobody(redis_server, gateway):
    load_rule(redis_server.client(), "1 60000 log - *")
    _, port = gateway("--no-limit", redis=redis_server)
    wait_live(port)
    assert [ask(port, "/api/v1/ws/status")[0] for _ in range(5)] == [200] * 5


def test_a_bad_api_limit_is_a_usage_error():
    t = harness.run_tool("wsgate", "--no-redis", "--listen", "127.0.0.1:0",
                         "--api-limit", "fast")
    assert t.proc.returncode == 64
    assert len(t.stderr.strip().splitlines()) == 2
    assert "--api-limit" in t.stderr


# --- the page's files --------------------------------------------------------

def test_the_page_is_served_with_its_security_headers(gateway):
    _, port = gateway("--web", WEB)
    status, headers, body = ask(port, "/")
    assert status == 200 and b"<title>tickwire</title>" in body
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert ask(port, "/index.html")[2] == body
    assert ask(port, "/app.js")[1]["Content-Type"].startswith("text/javascript")
    assert ask(port, "/style.css")[1]["Content-Type"].startswith("text/css")


def test_a_file_that_the_client_has_is_304(gateway):
    _, port = gateway("--web", WEB)
    tag = ask(port, "/app.js")[1]["ETag"]
    status, headers, body = ask(port, "/app.js",
                                headers={"If-None-Match": tag})
    assert status == 304 and body == b"" and headers["ETag"] == tag
    assert ask(port, "/app.js", headers={"If-None-Match": '"x"'})[0] == 200


def test_sighup_reads_the_files_again(gateway, tmp_path):
    (tmp_path / "index.html").write_text("one")
    gate, port = gateway("--web", tmp_path)
    assert ask(port, "/")[2] == b"one"
    (tmp_path / "index.html").write_text("two")
    assert ask(port, "/")[2] == b"one"
    gate.signal(signal.SIGHUP)
    harness.wait_until(lambda: ask(port, "/")[2] == b"two", 5, "the new file")


def test_a_missing_page_says_what_to_do(gateway, tmp_path):
    gate, port = gateway("--web", tmp_path / "nowhere")
    status, _, body = ask(port, "/")
    assert status == 200 and b"--web" in body
    gate.wait_stderr("page_missing")
    assert ask(port, "/health")[0] == 200


def test_files_outside_the_folder_cannot_be_reached(gateway, tmp_path):
    web = tmp_path / "web"
    web.mkdir()
    (web / "index.html").write_text("page")
    (web / ".hidden").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    _, port = gateway("--web", web)
    for path in ("/../secret", "/%2e%2e/secret", "/..%2fsecret", "/.hidden",
                 "/./index.html", "/web/../../secret",
                 "/" + urllib.parse.quote(str(tmp_path / "secret"), safe="")):
        assert ask(port, path)[0] in (400, 404), path
