"""Age on the page is that of the event, not of reading it."""
import json
import time

import pytest

from page import Page

MINUTE = 60_000


def now():
    return int(time.time() * 1000)


def keep(redis, symbol, kind="trade", **members):
    """What tickpub leaves behind for those who come later."""
    event = {"type": kind, "symbol": symbol, **members}
    redis.hset("last:market_data:" + symbol, kind, json.dumps(event))


@pytest.mark.parametrize("when", ["time", "timestamp"])
def test_what_is_restored_from_redis_is_as_old_as_it_was(redis_server, gateway,
                                                         browser, when):
    redis = redis_server.client()
    keep(redis, "OLD", price=3.5, size=1, **{when: now() - 15 * MINUTE - 5000})
    keep(redis, "NONE", price=4.5, size=1)
    page = Page(browser, gateway(redis_server)[1]).open().wait_state("live")
    page.wait(lambda: page.cell("OLD", "last") == "3.5" and
              page.cell("NONE", "last") == "4.5", 10, "both prices")
    page.wait(lambda: page.cell("OLD", "age") == "15 min", 3, "its age")
    assert page.cell("NONE", "age") == "–"


def test_an_update_is_as_old_as_its_event(played):
    page = played()
    say = (lambda seq, **d: page.say({
        "type": "update", "channel": "market_data:X", "seq": seq, "data": d,
        "timestamp": now(), "source": "redis"}))
    say(1, price=1, time=now() - 14 * MINUTE - 5000)
    page.wait(lambda: page.cell("X", "age") == "14 min", 5, "14 min")
    say(2, price=2)
    page.wait(lambda: page.cell("X", "age") == "–", 5, "no age")
    say(3, price=3, time=now() - 3 * MINUTE - 5000)
    page.wait(lambda: page.cell("X", "age") == "3 min", 5, "3 min")
    say(4, bid=1, ask=2, time=now() - 7 * MINUTE)
    page.wait(lambda: page.cell("X", "bid") == "1", 5, "the quote")
    assert page.cell("X", "age") == "3 min", "the trade is the newest"
    say(5, price=4, time="2026-01-01", timestamp=now() + 5 * MINUTE + 5000)
    page.wait(lambda: page.cell("X", "age") == "in 5 min", 5, "from the future")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_of_several_snapshots_counts(played, order):
    page = played()
    told = [{"type": "trade", "price": 5, "time": now() - 20 * MINUTE - 5000},
            {"type": "tick", "bid": 4, "ask": 6,
             "time": now() - 2 * MINUTE - 5000}]
    for i in order:
        page.say({"type": "snapshot", "channel": "market_data:X", "seq": 9,
                  "data": told[i], "timestamp": now(), "source": "redis"})
    page.wait(lambda: page.cell("X", "age") == "2 min", 5, "2 min")
    # A gateway with an older cache does not take the price back.
    page.say({"type": "snapshot", "channel": "market_data:X", "seq": 9,
              "data": {"type": "trade", "price": 1,
                       "time": now() - 90 * MINUTE}, "timestamp": now()},
             {"type": "update", "channel": "market_data:X", "seq": 10,
              "data": {"type": "tick", "bid": 5, "ask": 6, "time": now()}})
    page.wait(lambda: page.cell("X", "bid") == "5", 5, "the update")
    assert page.cell("X", "last") == "5"


def test_a_reconnect_makes_no_price_look_new(redis_server, gateway, browser):
    redis = redis_server.client()
    keep(redis, "OLD", price=3.5, size=1, time=now() - 15 * MINUTE - 5000)
    gate, port = gateway(redis_server)
    page = Page(browser, port).open().wait_state("live")
    page.wait(lambda: page.cell("OLD", "last") == "3.5", 10, "the price")
    seen = page.driver.execute_script("""
        window.ages = new Set(); window.moves = 0;
        const row = document.querySelector('#rows tr');
        new MutationObserver(() => {
            window.ages.add(row.querySelector('[data-field=age]').innerText);
            window.moves += row.querySelectorAll('.flash').length;
        }).observe(row, {subtree: true, childList: true, attributes: true});
        return true;""")
    assert seen
    gate.kill()
    page.wait_state("down")
    gateway(redis_server, port=port)
    page.wait_state("live", 20)
    page.wait(lambda: page.row_live("OLD"), 5, "the row live again")
    redis_server.kill()
    page.wait(lambda: page.state != "live", 10, "Redis missed")
    redis_server.start()
    page.wait_state("live", 20)
    page.wait(lambda: page.js("[...ages]"), 5, "ages written")
    assert all(a.endswith(" min") for a in page.js("[...ages]"))
    assert page.js("moves") == 0


def test_the_clock_of_the_browser_does_not_matter(redis_server, gateway,
                                                  before_load, browser):
    before_load("const now = Date.now; Date.now = () => now() + 3600e3;")
    redis = redis_server.client()
    keep(redis, "OLD", price=3.5, size=1, time=now() - 15 * MINUTE - 5000)
    page = Page(browser, gateway(redis_server)[1]).open().wait_state("live")
    page.wait(lambda: page.cell("OLD", "age") == "15 min", 10, "its age")


def test_upstream_stale_and_down_are_said_and_nothing_is_live(played):
    page = played()
    page.say({"type": "update", "channel": "market_data:X", "seq": 1,
              "data": {"price": 1, "time": now()}, "source": "redis"})
    page.wait(lambda: page.row_live("X"), 5, "a live row")
    for upstream in ("stale", "down"):
        page.say({"type": "heartbeat", "time": now(), "upstream": upstream})
        page.wait_state(upstream).wait(lambda: not page.row_live("X"), 5,
                                       "the row greyed out")
        assert "old" in page.text("state-text")
    page.hang_up()
    assert not page.row_live("X")
    page.say({"type": "heartbeat", "time": now(), "upstream": "live"})
    page.wait_state("live")
