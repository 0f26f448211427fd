"""Names on the page: every one that the gateway lists, and no silence where it
takes one not."""
import json
import time
import urllib.parse

import pytest

import harness
from page import Page

# As tickpub takes them.
ODD = ["@ESZ5", "#US30", "a+b", "BRK#B", "EUR/USD", "a.b-c_d", "X@/#+", "1",
       "A" * 64]
HASHES = {"@ESZ5": "#%40ESZ5/1", "#US30": "#%23US30/1", "a+b": "#a+b/1",
          "BRK#B": "#BRK#B/1", "EUR/USD": "#EUR/USD/1"}


def percent(name):
    return urllib.parse.quote(name, safe="")


@pytest.fixture
def odd(redis_server, tool, gateway):
    """All of ODD, published by tickpub and with a bar; the gateway's port."""
    redis = redis_server.client()
    lines = "".join('{"type":"trade","symbol":"%s","time":%d,"price":%d.50,'
                    '"size":1}\n' % (s, time.time() * 1000, 100 + i)
                    for i, s in enumerate(ODD))
    assert tool("tickpub", "--redis", redis_server.url, "--strict",
                stdin=lines.encode()).wait() == 0
    for i, s in enumerate(ODD):
        redis.zadd("bars:history:%s:1" % s, {
            '{"time":1700000000000,"open":1,"high":9,"low":1,"close":%d.5}' % i:
            1700000000000})
    return gateway(redis_server)[1]


def test_every_name_that_the_gateway_lists_is_listed(odd, browser):
    listed = [s["symbol"] for s in json.loads(harness.http_get(
        "http://127.0.0.1:%d/api/v1/symbols" % odd)[1])["symbols"]]
    assert sorted(listed) == sorted(ODD)
    page = Page(browser, odd).open().wait_symbols(*listed)
    for i, name in enumerate(ODD):
        page.wait(lambda: page.cell(name, "last") == "%d.50" % (100 + i), 10,
                  "the price of " + name)
    assert page.symbols == sorted(ODD)


@pytest.mark.parametrize("name", ODD)
def test_a_name_opens_by_its_address(odd, browser, name):
    for fragment in {"#%s/1" % percent(name), HASHES.get(name)} - {None}:
        page = Page(browser, odd).open(fragment)
        page.wait(lambda: page.legend.get("C") == "%d.5" % ODD.index(name), 10,
                  "the bar of %s by %s" % (name, fragment))
        assert page.text("chart-title") == name
        assert browser.current_url.endswith("#%s/1" % percent(name))
        assert page.text("refused") == page.text("complaint") == ""


def test_a_symbol_that_only_moves_is_listed_too(odd, redis_server, browser):
    page = Page(browser, odd).open().wait_state("live")

    def moved():
        redis_server.client().publish("market_data:@NEW#1", json.dumps(
            {"type": "trade", "price": 7, "time": time.time() * 1000}))
        return "@NEW#1" in page.symbols
    page.wait(moved, 10, "the new one")


def test_the_rule_of_names_is_the_one_of_the_design(played):
    page = played()
    good = ["A", "BRK B", "BRK.B", "@ESZ5", "#US30", "a+b", "EUR/USD", "A:B",
            "日経平均", "Ünïcode", "a  b", "100%", "x" * 64, "é" * 32, "$A,;'",
            "😀" * 16, "<b>"]
    bad = ["", " ", " A", "A ", "x" * 65, "é" * 33, "😀" * 17, "a\tb", "a\nb",
           "a\x00b", "a\x7fb", "a\x9fb", *("a%sb" % c for c in '*?[]\\{}"'),
           "\ud800"]
    told = page.driver.execute_async_script(
        "const [good, bad, done] = arguments;"
        "import('/names.js').then((n) => done([good.filter((s) =>"
        " !n.nameOk(s)), bad.filter((s) => n.nameOk(s)), n.nameOk('\\ud800'),"
        " good.filter((s) => { const at = n.fromHash(n.toHash(s, '5'));"
        " return at.symbol !== s || at.resolution !== '5'; })]))",
        good, bad[:-1])
    assert told == [[], [], False, []]


@pytest.mark.parametrize("fragment,symbol,resolution", [
    ("#AAPL", "AAPL", "1"), ("#AAPL/5", "AAPL", "5"), ("#AAPL/1D", "AAPL", "D"),
    ("#AAPL/S", "AAPL", "1S"),
    ("#EUR/USD", "EUR/USD", "1"), ("#EUR/USD/60", "EUR/USD", "60"),
    ("#A%2F5", "A/5", "1"), ("#A%2F5/15", "A/5", "15"), ("#100%/W", "100%", "W"),
    ("#BRK%20B/1", "BRK B", "1"), ("#NYSE:BRK/240", "NYSE:BRK", "240"),
    ("#%E6%97%A5/1S", "日", "1S"), ("#a++b/1", "a++b", "1"),
])
def test_addresses_are_read(played, fragment, symbol, resolution):
    page = played(fragment)
    assert page.text("chart-title") == symbol
    assert page.data("chart", "resolution") == resolution
    assert "bars:%s:%s" % (symbol, resolution) in page.asked()
    assert symbol in page.symbols
    assert page.js("decodeURIComponent(location.hash)"
                   ) == "#%s/%s" % (symbol, resolution)


def test_another_address_opens_another_symbol(odd, browser):
    page = Page(browser, odd).open("#%40ESZ5/1")
    page.wait(lambda: page.data("chart", "symbol") == "@ESZ5", 10, "@ESZ5")
    page.js("location.hash = '#BRK%23B/1'")
    page.wait(lambda: page.data("chart", "symbol") == "BRK#B" and
              page.legend.get("C") == "3.5", 5, "the bar of BRK#B")
    # The link to the watchlist is none.
    page.js("document.getElementById('skip').click()")
    assert page.js("document.activeElement.id") == "watchlist"
    assert browser.current_url.endswith("#BRK%23B/1")
    assert "watchlist" not in page.symbols


@pytest.mark.parametrize("fragment", ["#A*/1", "#%22A%22/1", "#a%0Ab/1",
                                      "#" + "x" * 65 + "/1"])
def test_an_address_that_names_no_symbol_is_said(played, fragment):
    page = played(fragment)
    assert "names no symbol" in page.text("complaint")
    assert not [c for c in page.asked() if c.startswith("bars:")]


def test_what_cannot_be_a_symbol_is_said_when_it_is_added(played):
    page = played()

    def add(text):
        page.driver.execute_script(
            "const f = document.getElementById('find-symbol');"
            "f.value = arguments[0];"
            "document.getElementById('find').requestSubmit();", text)
    add("BRK*")
    assert "Not a symbol" in page.text("complaint") and page.symbols == []
    add("BRK#B")
    page.wait_symbols("BRK#B")
    assert page.text("complaint") == ""
    assert "market_data:BRK#B" in page.asked()


def test_a_symbol_that_the_gateway_refuses_is_said(gateway, browser):
    # Allowed by the rule, but not yet by the tools (wsgate(1), LIMITS).
    page = Page(browser, gateway()[1]).open("#%E6%97%A5/1")
    page.wait(lambda: "market_data:日" in page.text("refused"), 10,
              "the refusal of the price")
    assert "bars:日:1" in page.text("refused")
    assert not page.row_live("日")


def test_the_list_of_symbols_is_asked_for_again(redis_server, gateway, browser):
    redis_server.client().hset("last:market_data:QUIET", "trade",
                               '{"type":"trade","price":7.50}')
    # As above: no limiter runs, the bound of the gateway itself holds.
    page = Page(browser, gateway(redis_server, "--api-limit", "1/3s")[1])
    page.open("#OTHER/1")
    page.wait(lambda: page.cell("QUIET", "last") == "7.50", 20, "the quiet one")


def test_a_full_list_is_said(played):
    page = played()
    page.say(*({"type": "update", "channel": "market_data:S%d" % i, "seq": 1,
                "data": {"price": 1}} for i in range(500)))
    page.wait(lambda: len(page.symbols) == 500, 10, "500 rows")
    assert page.js("document.getElementById('rows-more').hidden")
    page.say({"type": "update", "channel": "market_data:ONE", "seq": 1,
              "data": {"price": 1}})
    page.wait(lambda: not page.js("document.getElementById('rows-more').hidden"),
              5, "that it is full")
