"""Prices on the page are the text that was published, wherever they stand."""
import json
import shutil

import pytest
from selenium.webdriver.common.action_chains import ActionChains

import harness
from page import Page

START = 1_795_867_200_000
# As published, and as shown: no binary number in between, no exponent.
TEXTS = [
    ("375.10", "375.10"),
    ("123456789012374901", "123456789012374901"),
    ("0.123456789012345678", "0.123456789012345678"),
    ("6e-8", "0.00000006"),
    ("1.50E-7", "0.000000150"),
    ("1E+3", "1000"),
    ("12.345e1", "123.45"),
    ("-37.630", "-37.630"),
    ("0.00", "0.00"),
    ('"375.10"', "375.10"),
]


def shown(text):
    return dict(TEXTS).get(text) or {"6e-8": "0.00000006", "7e-8": "0.00000007",
                                     "8e-8": "0.00000008"}.get(text, text)


def bar(price, start=START, volume="7", **more):
    """A bar as text, all of whose prices are `price`."""
    rest = "".join(',"%s":%s' % (k, json.dumps(v)) for k, v in more.items())
    return ('{"time":%d,"open":%s,"high":%s,"low":%s,"close":%s,"volume":%s,'
            '"count":1,"end":%d%s}' % (start, price, price, price, price,
                                       volume, start + 60000, rest))


def store(redis, symbol, *bars):
    for b in bars:
        redis.zadd("bars:history:%s:1" % symbol, {b: json.loads(b)["time"]})


def send(redis, symbol, text):
    redis.publish("bars:%s:1" % symbol, '{"type":"bar","symbol":"%s",'
                  '"resolution":"1","bar":%s}' % (symbol, text))


@pytest.mark.parametrize("text,shown", TEXTS)
def test_stored_bars_keep_their_text(redis_server, gateway, browser, text,
                                     shown):
    store(redis_server.client(), "KEPT", bar(text, volume="1e-8"))
    page = Page(browser, gateway(redis_server)[1]).open("#KEPT/1")
    page.wait(lambda: page.legend.get("O"), 10, "the legend")
    assert {k: v for k, v in page.legend.items() if k != "tag"} == {
        "O": shown, "H": shown, "L": shown, "C": shown, "Vol": "0.00000001"}


@pytest.mark.parametrize("text,shown", TEXTS)
def test_updates_keep_their_text(played, text, shown):
    page = played("#LIVE/1")
    page.say('{"type":"update","channel":"bars:LIVE:1","seq":1,"source":"redis"'
             ',"data":{"type":"bar","bar":%s}}' % bar(text),
             '{"type":"update","channel":"market_data:LIVE","seq":1,"source":'
             '"redis","data":{"price":%s,"bid":%s,"ask":%s}}' % (
                 text, text, text))
    page.wait(lambda: page.legend.get("O") and
              page.cell("LIVE", "ask") not in ("–", None), 5, "both")
    assert [page.legend[k] for k in "OHLC"] == [shown] * 4
    assert [page.cell("LIVE", f) for f in ("last", "bid", "ask")] == [shown] * 3
    assert set(page.cell("LIVE", "spread")) <= set("0.")


def test_spreads_are_exact(played):
    page = played()
    page.say('{"type":"update","channel":"market_data:X","seq":1,"data":'
             '{"bid":6e-8,"ask":123456789012374901}}')
    page.wait(lambda: page.cell("X", "spread") ==
              "123456789012374900.99999994", 5, "the spread")


def test_a_move_of_the_last_digit_is_seen(played):
    page = played()
    for price in ("123456789012374901", "123456789012374902"):
        page.say('{"type":"update","channel":"market_data:X","seq":1,"data":'
                 '{"price":%s}}' % price)
        page.wait(lambda: page.cell("X", "last") == price, 5, price)
    page.wait(lambda: page.js("document.querySelector('[data-field=last]')"
                              ".dataset.move") == "up", 5, "a move upwards")


def test_what_is_no_price_is_not_made_one(played):
    page = played("#X/1")
    bad = [bar("null"), bar('""'), bar("true"), bar("[]"), bar('"0x10"'),
           bar("1").replace(str(START), "9e15")]
    for b in bad:
        page.say('{"type":"update","channel":"bars:X:1","seq":1,"data":'
                 '{"bar":%s}}' % b)
    page.say('{"type":"update","channel":"bars:X:1","seq":2,"data":{"bar":%s}}'
             % bar("5", START + 60000),
             '{"type":"update","channel":"market_data:X","seq":1,"data":'
             '{"price":3,"bid":2}}',
             '{"type":"update","channel":"market_data:X","seq":1,"data":'
             '{"price":null,"bid":{"a":1}}}')
    page.wait(lambda: page.bars > 0 and page.cell("X", "last"), 5, "a bar")
    assert page.bars == 1 and page.legend["O"] == "5"
    page.wait(lambda: page.cell("X", "last") == "–", 5, "no price")
    assert page.cell("X", "bid") == "–"


@pytest.mark.parametrize("texts,label", [
    (["0.00000006", "0.00000007", "0.00000008"], "0.00000008"),
    (["6e-8", "7e-8", "8e-8"], "0.00000008"),
    (["0.000000000000000006", "0.000000000000000008"],
     "0.000000000000000008"),
    (["375.10", "375.20"], "375.20"),
    (["1.09501", "1.09502"], "1.09502"),
    (["0.00001234", "1234567.5"], "1234567.5"),
    (["123456789012374901", "123456789012374901"], "123456789012374901"),
])
def test_the_axis_has_the_digits_of_the_stored_bars(
        redis_server, gateway, chart_library, axis, browser, texts, label):
    # Only the history is there: last:bars:TINY:1 has expired.
    store(redis_server.client(), "TINY",
          *(bar(t, START + 60000 * i) for i, t in enumerate(texts)))
    page = Page(browser, gateway(redis_server)[1]).open("#TINY/1")
    page.wait(lambda: page.bars == len(texts), 10, "the bars")
    page.wait(lambda: label in page.js("[...painted]"), 5,
              "%s on the axis" % label)
    # All other labels have as many digits as the finest bar, none only "0".
    places = max(len(t.partition(".")[2]) for t in map(shown, texts))
    prices = {t for t in page.js("[...painted]") if "." in t} - {label}
    assert {len(t.partition(".")[2]) for t in prices} <= {places}
    assert prices or places == 0


def test_the_pipeline_keeps_the_text_of_a_tiny_coin(redis_server, tool, gateway,
                                                    browser):
    lines = "".join(
        '{"type":"trade","symbol":"COIN","time":%d,"price":%s,"size":1000000,'
        '"id":"%d"}\n' % (START + 60000 * i, p, i)
        for i, p in enumerate(["0.00000006", "7e-8", "0.00000008"]))
    redis = redis_server.client()
    tool("bargen", "--redis", redis_server.url, "--resolutions", "1"
         ).wait_ready()
    assert tool("tickpub", "--redis", redis_server.url,
                stdin=lines.encode()).wait() == 0
    harness.wait_until(lambda: redis.exists("bars:history:COIN:1"), 10,
                       lambda: redis.keys("*"))
    redis.delete("last:bars:COIN:1")
    page = Page(browser, gateway(redis_server)[1]).open("#COIN/1")
    page.wait(lambda: page.legend.get("C"), 10, "the legend")
    assert page.legend["C"] in ("0.00000006", "0.00000007", "0.00000008")


def test_without_the_chart_library_bars_keep_their_text(redis_server, gateway,
                                                        browser, tmp_path):
    web = tmp_path / "web"
    shutil.copytree(harness.REPO / "wsgate" / "web", web,
                    ignore=shutil.ignore_patterns("vendor"))
    store(redis_server.client(), "LIST", bar("6e-8"))
    page = Page(browser, gateway(redis_server, "--web", web)[1])
    page.open("#LIST/1")
    page.wait(lambda: page.bars == 1, 10, "the bar")
    assert page.text("bars-rows").split()[2:] == ["0.00000006"] * 4 + ["7"]


def test_a_late_final_bar_is_drawn_beside_the_next(redis_server, gateway,
                                                   chart_library, axis,
                                                   browser):
    redis = redis_server.client()
    store(redis, "LATE", bar("10.5"))
    page = Page(browser, gateway(redis_server)[1]).open("#LATE/1")
    page.wait_state("live").wait(lambda: page.bars == 1, 10, "the stored bar")

    def second():
        send(redis, "LATE", bar("20.5", START + 60000, count=1, final=False))
        return page.bars == 2
    page.wait(second, 10, "the next bar")
    picture = page.canvas()
    send(redis, "LATE", bar("10.5", final=True).replace(
        '"high":10.5', '"high":99.5'))
    page.wait(lambda: page.canvas() != picture, 5, "another picture")
    assert page.bars == 2 and page.legend["C"] == "20.5"
    send(redis, "LATE", bar("21.5", START + 60000, count=2, final=False)
         .replace('"count":1,', ""))
    page.wait(lambda: page.legend["C"] == "21.5", 5, "updates go on")


def test_the_bar_under_the_pointer_is_corrected_in_the_legend(
        redis_server, gateway, chart_library, browser):
    redis = redis_server.client()
    store(redis, "HOVER", *(bar("10.5", START + 60000 * i)
                            for i in range(100)))
    page = Page(browser, gateway(redis_server)[1]).open("#HOVER/1")
    page.wait_state("live").wait(lambda: page.bars == 100, 10, "the bars")
    def point(element):
        ActionChains(browser).move_to_element(
            browser.find_element("id", element)).perform()
    newest = page.js("new Date(arguments[0]).toISOString().slice(0, 19)"
                     ".replace('T', ' ')", START + 60000 * 99)
    point("state")
    page.wait(lambda: page.legend["tag"][:19] == newest, 5, "the newest bar")
    point("chart")
    page.wait(lambda: page.legend["tag"][:19] != newest, 5, "an older bar")

    def corrected():
        # The pointer may take two events to arrive: that bar which it is on.
        start = page.js("Date.parse(arguments[0].replace(' ', 'T') + 'Z')",
                        page.legend["tag"][:19])
        send(redis, "HOVER", bar("10.75", start, rev=1))
        return page.legend["O"] == "10.75"
    page.wait(corrected, 10, "the correction in the legend")
    assert page.legend["tag"][:19] != newest
