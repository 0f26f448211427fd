"""The page in a real Chromium, with the real pipeline behind it."""
import json
import shutil
import time

import pytest

import harness
from page import Page

SYMBOLS = "AAPL,GOOGL,BTCUSD"


@pytest.fixture
def pipeline(redis_server, tool, gateway):
    """Simulated ticks, bars of one second and a gateway, all on one Redis."""
    tool("tickpub", "--redis", redis_server.url, "--simulate", SYMBOLS,
         "--rate", "60").wait_ready()
    tool("bargen", "--redis", redis_server.url, "--resolutions", "1S,1",
         ).wait_ready()
    return gateway(redis_server)


def publish_bar(redis, start_ms, close, rev=0, final=True, symbol="TEST"):
    """One bar on bars:TEST:1S, as bargen would write it."""
    bar = {"time": start_ms, "open": 100.0, "high": max(100.0, close),
           "low": min(100.0, close), "close": close, "volume": 10, "count": 1,
           "end": start_ms + 1000, "final": final, "rev": rev}
    redis.publish("bars:%s:1S" % symbol,
                  json.dumps({"type": "bar", "symbol": symbol,
                              "resolution": "1S", "bar": bar}))


def publish_until(page, redis, channel, payload, cond, what):
    """Publish again and again until the page shows it: a page that has just
    been opened may not have subscribed yet."""
    def again():
        redis.publish(channel, payload)
        return cond()
    page.wait(again, 10, what)


def test_prices_move_and_the_chart_grows(pipeline, chart_library, browser):
    page = Page(browser, pipeline[1]).open("#AAPL/1S")
    page.wait_state("live").wait_symbols("AAPL", "GOOGL", "BTCUSD")
    page.wait_moves("AAPL").wait_moves("BTCUSD").wait_moves("AAPL", "bid")
    assert page.cell("AAPL", "spread") not in ("–", "")
    assert page.row_live("AAPL")
    page.wait(lambda: page.bars >= 2, 15, "two bars")
    bars, picture = page.bars, page.canvas()
    page.wait(lambda: page.bars >= bars + 2, 15, "two more bars")
    page.wait(lambda: page.canvas() != picture, 5, "another picture")
    assert page.painted() > 3
    page.shot("page-live")


def test_history_is_there_after_a_reload(pipeline, browser):
    page = Page(browser, pipeline[1]).open("#AAPL/1S").wait_state("live")
    page.wait(lambda: page.bars >= 4, 20, "four bars")
    bars = page.bars
    page.open("#AAPL/1S")
    page.wait(lambda: page.bars >= bars, 10, "the bars from before")
    assert page.data("chart", "symbol") == "AAPL"


def test_the_shortest_bars_are_shown_unless_the_address_says(pipeline,
                                                             redis_server,
                                                             browser):
    redis = redis_server.client()
    page = Page(browser, pipeline[1])
    page.wait(lambda: redis.exists("last:bars:AAPL:1S"), 10, "bars of a second")
    page.open("#AAPL")
    page.wait(lambda: page.data("chart", "resolution") == "1S", 10, "1S")
    page.open("#AAPL/1").wait_state("live")
    page.wait_moves("AAPL")
    assert page.data("chart", "resolution") == "1"


def test_another_symbol_and_resolution_can_be_chosen(pipeline, browser):
    page = Page(browser, pipeline[1]).open()
    page.wait_symbols("GOOGL")
    page.js("[...document.querySelectorAll('#rows button')]"
            ".find((b) => b.innerText === 'GOOGL').click()")
    page.js("document.querySelector('[data-resolution=\"1S\"]').click()")
    page.wait(lambda: page.data("chart", "symbol") == "GOOGL" and
              page.bars >= 2, 15, "bars of GOOGL")
    assert browser.current_url.endswith("#GOOGL/1S")
    assert page.text("chart-title") == "GOOGL"


def test_redis_killed_is_said_within_5_s_and_then_it_recovers(
        pipeline, redis_server, browser):
    page = Page(browser, pipeline[1]).open("#AAPL/1S").wait_state("live")
    page.wait_symbols("AAPL").wait_moves("AAPL")
    redis_server.kill()
    killed = time.monotonic()
    page.wait(lambda: page.state in ("stale", "down"), 5, "stale or down")
    assert time.monotonic() - killed < harness.deadline(5)
    page.wait(lambda: not page.row_live("AAPL"), 2, "the row greyed out")
    assert page.text("state-text")
    page.shot("page-redis-down")
    redis_server.start()
    page.wait_state("live", 10)
    page.wait_moves("AAPL", seconds=10)
    page.wait(lambda: page.row_live("AAPL"), 5, "the row live again")
    bars = page.bars
    page.wait(lambda: page.bars > bars, 15, "new bars")
    page.shot("page-recovered")


def test_a_hung_redis_is_said_too(pipeline, redis_server, browser):
    page = Page(browser, pipeline[1]).open("#AAPL/1S").wait_state("live")
    page.wait_symbols("AAPL").wait_moves("AAPL")
    redis_server.freeze()
    page.wait(lambda: page.state in ("stale", "down"), 6, "stale or down")
    redis_server.thaw()
    page.wait_state("live", 15).wait_moves("AAPL", seconds=10)


def test_a_restarted_gateway_is_found_again(pipeline, redis_server, gateway,
                                            browser):
    first, port = pipeline
    page = Page(browser, port).open("#AAPL/1S").wait_state("live")
    page.wait_symbols("AAPL").wait_moves("AAPL")
    assert first.terminate() == 0
    page.wait_state("down", 6)
    assert page.data("state", "why") == "socket"
    assert not page.row_live("AAPL")
    page.shot("page-disconnected")
    gateway(redis_server, port=port)
    page.wait_state("live", 15).wait_moves("AAPL")


def test_a_gateway_killed_without_goodbye_is_found_again(
        pipeline, redis_server, gateway, browser):
    first, port = pipeline
    page = Page(browser, port).open("#AAPL/1S").wait_state("live")
    page.wait_symbols("AAPL")
    first.kill()
    page.wait_state("down", 6)
    gateway(redis_server, port=port)
    page.wait_state("live", 20).wait_moves("AAPL")


def test_markup_in_names_and_values_stays_text(redis_server, gateway, browser):
    _, port = gateway(redis_server)
    page = Page(browser, port).open().wait_state("live")
    redis = redis_server.client()
    evil = "<img src=x onerror=window.hacked=1>"
    redis.publish("market_data:" + evil,
                  json.dumps({"type": "trade", "symbol": evil, "price": 1}))
    publish_until(page, redis, "market_data:ODD",
                  json.dumps({"type": "trade", "symbol": evil, "time": 1,
                              "price": evil, "bid": "<b>1</b>"}),
                  lambda: page.cell("ODD", "last") == evil, "the value as text")
    assert page.cell("ODD", "bid") == "<b>1</b>"
    assert page.js("window.hacked") is None
    assert page.js("document.querySelectorAll('#rows img, #rows b').length") == 0


def test_any_published_object_makes_a_row(redis_server, gateway, browser):
    _, port = gateway(redis_server)
    page = Page(browser, port).open().wait_state("live")
    publish_until(page, redis_server.client(), "market_data:TEST",
                  '{"hello": [1, 2 ]}', lambda: "TEST" in page.symbols,
                  "a row for TEST")
    assert page.cell("TEST", "last") == "–"


def test_decimals_are_shown_as_they_were_published(redis_server, gateway,
                                                   browser):
    _, port = gateway(redis_server)
    page = Page(browser, port).open().wait_state("live")
    publish_until(page, redis_server.client(), "market_data:DEC",
                  '{"type":"tick","symbol":"DEC","time":1705575045123,'
                  '"bid":95000.50,"ask":95001.70}',
                  lambda: page.cell("DEC", "bid") == "95000.50", "the bid")
    assert page.cell("DEC", "ask") == "95001.70"
    assert page.cell("DEC", "spread") == "1.20"


def test_a_corrected_older_bar_is_redrawn(redis_server, gateway, chart_library,
                                          browser):
    _, port = gateway(redis_server)
    redis = redis_server.client()
    page = Page(browser, port).open("#TEST/1S").wait_state("live")
    start = 1_700_000_000_000

    def three():
        for i in range(3):
            publish_bar(redis, start + 1000 * i, 101.0 + i)
        return page.bars == 3
    page.wait(three, 10, "three bars")
    picture = page.canvas()
    publish_bar(redis, start, 90.0, rev=1)  # the oldest, corrected
    page.wait(lambda: page.canvas() != picture, 5, "another picture")
    assert page.bars == 3
    publish_bar(redis, start + 3000, 105.0, final=False)
    page.wait(lambda: page.bars == 4, 5, "updates go on")


def test_a_lower_rev_does_not_undo_a_correction(redis_server, gateway, browser):
    _, port = gateway(redis_server)
    redis = redis_server.client()
    page = Page(browser, port).open("#TEST/1S").wait_state("live")
    start = 1_700_000_000_000

    def corrected():
        publish_bar(redis, start, 90.0, rev=1)
        return page.bars == 1
    page.wait(corrected, 10, "the corrected bar")
    publish_bar(redis, start, 101.0, rev=0)
    publish_bar(redis, start + 1000, 95.0, rev=0)
    page.wait(lambda: page.bars == 2, 5, "the bar after it")
    first = page.js("import('/bars.js').then(({Bars}) => { const b = new Bars();"
                    "b.put({time: 1, open: 1, high: 1, low: 1, close: 2, rev: 1"
                    "}); b.put({time: 1, open: 1, high: 1, low: 1, close: 3, "
                    "rev: 0}); return b.last.close; })")
    assert first == 2


def test_history_that_was_refused_is_asked_for_again(redis_server, gateway,
                                                     chart_library,
                                                     browser):
    redis_server.client().zadd("bars:history:TEST:1S", {
        '{"time":1700000000000,"open":1,"high":1,"low":1,"close":1}':
            1700000000000})
    # No limiter runs: the bound of the gateway itself holds.
    _, port = gateway(redis_server, "--api-limit", "1/3s")
    page = Page(browser, port).open("#TEST/1S").wait_state("live")
    page.wait(lambda: page.bars == 1, 15, "the stored bar")
    assert page.text("chart-note") == ""


def test_a_quiet_symbol_differs_from_a_broken_feed(redis_server, gateway,
                                                   browser):
    _, port = gateway(redis_server)
    redis = redis_server.client()
    page = Page(browser, port).open().wait_state("live")
    publish_until(page, redis, "market_data:QUIET",
                  '{"type":"trade","symbol":"QUIET","time":1705575045123,"price":5}',
                  lambda: page.cell("QUIET", "last") == "5", "the price")
    # Nothing more is published: the age grows, the row stays live.
    page.wait(lambda: float(page.cell("QUIET", "age").split()[0]) >= 1, 5,
              "an age of a second")
    assert page.state == "live" and page.row_live("QUIET")


def test_an_empty_page_says_what_to_do(redis_server, gateway, browser):
    _, port = gateway(redis_server)
    page = Page(browser, port).open().wait_state("live")
    assert "tickpub --simulate AAPL" in page.text("empty")
    assert page.symbols == []
    page.shot("page-empty")


def test_without_the_chart_library_bars_are_listed(redis_server, gateway,
                                                   browser, tmp_path):
    web = tmp_path / "web"
    shutil.copytree(harness.REPO / "wsgate" / "web", web,
                    ignore=shutil.ignore_patterns("vendor"))
    _, port = gateway(redis_server, "--web", web)
    redis = redis_server.client()
    page = Page(browser, port).open("#TEST/1S").wait_state("live")

    def one():
        publish_bar(redis, 1_700_000_000_000, 101.0)
        return page.bars == 1
    page.wait(one, 10, "one bar")
    assert "make web" in page.text("chart-note")
    assert "101" in page.text("bars-rows")
    page.shot("page-no-chart")


def test_a_local_pipe_without_redis_is_live(gateway, browser):
    gate, port = gateway(None, "--stdin", stdin="pipe")
    page = Page(browser, port).open()

    def fed():
        gate.write('{"type":"trade","symbol":"PIPE","time":%d,"price":%d.50}\n'
                   % (time.time() * 1000, 10 + int(time.time() * 10) % 50))
        return page.cell("PIPE", "last") not in (None, "–")
    page.wait(fed, 10, "a price from the pipe")
    page.wait(lambda: fed() and page.state == "live", 10, "state live")
    assert page.row_live("PIPE")


def test_a_local_pipe_is_live_though_redis_is_away(redis_absent, gateway,
                                                   browser):
    gate, port = gateway(redis_absent, "--stdin", stdin="pipe")
    page = Page(browser, port).open().wait_state("down")

    def fed():
        gate.write('{"type":"trade","symbol":"PIPE","time":1705575045123,"price":1.50}\n')
        return page.cell("PIPE", "last") == "1.50"
    page.wait(fed, 10, "a price from the pipe")
    page.wait_state("live", 5)
    assert "pipe" in page.text("state-text")
    assert page.row_live("PIPE")


def test_a_phone_in_the_dark_sees_everything(pipeline, browser):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": "dark"}]})
    page = Page(browser, pipeline[1]).open("#AAPL/1S").wait_state("live")
    page.wait_symbols("AAPL", "BTCUSD").wait_moves("AAPL")
    page.wait(lambda: page.bars >= 2, 15, "two bars")
    assert page.js("document.documentElement.scrollWidth") <= 390
    page.shot("page-phone-dark")


def test_names_and_roles_are_there_for_screen_readers(pipeline, browser):
    page = Page(browser, pipeline[1]).open("#AAPL/1S").wait_state("live")
    page.wait_symbols("AAPL")
    nameless = page.js(
        "[...document.querySelectorAll('button, input, a')].filter((e) =>"
        " !e.hidden && !(e.innerText || e.labels?.length ||"
        " e.getAttribute('aria-label'))).length")
    assert nameless == 0
    assert page.js("document.getElementById('state').getAttribute('aria-live')"
                   ) == "polite"
    assert page.js("document.documentElement.lang") == "en"
    assert page.js("document.querySelector('#rows .selected button')"
                   ".getAttribute('aria-pressed')") == "true"


def test_a_gateway_that_is_restarted_loses_nothing(redis_server, tool, gateway,
                                                   browser):
    tool("tickpub", "--redis", redis_server.url, "--simulate", "AAPL,BTCUSD",
         "--rate", "200").wait_ready()
    gate, port = gateway(redis_server)
    page = Page(browser, port).open("#AAPL/1").wait_state("live")
    page.wait_moves("AAPL").wait(lambda: page.stat("lost") is not None, 5,
                                 "the counters")
    gate.kill()
    page.wait_state("down", 6)
    gateway(redis_server, port=port)
    page.wait_state("live", 20).wait_moves("AAPL").wait_moves("BTCUSD")
    shown = page.text("stats")
    page.wait(lambda: page.text("stats") != shown, 10, "another second")
    assert page.stat("lost") == 0
