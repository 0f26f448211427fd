"""What the gateway refuses is said on the page, and taken back when granted."""
import json
import time

import pytest

from page import Page


def trade(symbol, seq=1):
    return {"type": "update", "channel": "market_data:" + symbol, "seq": seq,
            "data": {"price": 5, "time": time.time() * 1000},
            "source": "redis"}


def results(*items, **more):
    return {"type": "subscribed", "results": [
        {"channel": c, "ok": ok, **({} if ok else {
            "code": "refused", "message": "Redis: no permissions"})}
        for c, ok in items], **more}


def in_band(channel):
    return {"type": "error", "channel": channel, "code": "refused",
            "message": "Redis: no permissions", "temporary": True}


@pytest.mark.parametrize("refuse", [
    lambda c: results((c, False), id=1), in_band], ids=["result", "in-band"])
def test_a_refused_channel_is_said_and_its_row_is_not_live(played, refuse):
    page = played("#X/1")
    page.say(results(("market_data:*", True), ("market_data:X", True)),
             trade("X"), trade("Y"))
    page.wait(lambda: page.row_live("X") and page.row_live("Y"), 5, "two rows")
    page.say(refuse("market_data:X"))
    page.wait(lambda: not page.row_live("X"), 5, "the row greyed out")
    assert "market_data:X (Redis: no permissions)" in page.text("refused")
    assert page.row_live("Y") and page.state == "live"
    page.say(results(("market_data:X", True)))
    page.wait(lambda: page.row_live("X"), 5, "live again")
    assert page.text("refused") == ""


def test_a_refused_wildcard_leaves_the_granted_names_live(played):
    page = played()
    page.say(results(("market_data:*", True), ("market_data:X", True)),
             trade("X"), trade("Y"), in_band("market_data:*"))
    page.wait(lambda: not page.row_live("Y"), 5, "Y greyed out")
    assert page.row_live("X")
    assert "market_data:*" in page.text("refused")


def test_many_refusals_are_counted(played):
    page = played()
    page.say(results(*(("market_data:S%d" % i, False) for i in range(9))))
    page.wait(lambda: "and 6 more" in page.text("refused"), 5, "6 more")


def test_a_refused_chart_is_said_until_another_is_chosen(played):
    page = played("#X/1")
    page.say(results(("bars:X:1", False)))
    page.wait(lambda: "bars:X:1" in page.text("refused"), 5, "the refusal")
    page.js("location.hash = '#X/5'")
    page.wait(lambda: page.text("refused") == "", 5, "none")


def test_a_refused_request_is_said(played):
    page = played()
    page.say({"type": "error", "id": 1, "code": "bad_request",
              "message": "not JSON", "temporary": False})
    page.wait(lambda: "not JSON" in page.text("refused"), 5, "the reason")


def test_a_new_connection_answers_anew(played):
    page = played()
    page.say(results(("market_data:*", False)))
    page.wait(lambda: page.text("refused"), 5, "the refusal")
    page.hang_up()
    page.wait(lambda: page.text("refused") == "", 5, "nothing refused yet")


def test_history_that_cannot_be_read_is_said_beside_the_bars(played):
    page = played("#日/1")  # REST of today's gateway: 400
    page.say({"type": "update", "channel": "bars:日:1", "seq": 1, "data": {
        "bar": {"time": 1700000000000, "open": 1, "high": 1, "low": 1,
                "close": 1}}})
    page.wait(lambda: page.bars == 1 and "No history" in page.text("chart-note"),
              5, "the bar and the reason")


def test_what_redis_refuses_is_said_and_taken_back(redis_server, gateway,
                                                   browser):
    redis = redis_server.client()

    def allow(*channels):
        redis.execute_command("ACL", "SETUSER", "gw", "on", ">pw", "~*",
                              "+@all", "resetchannels", "&_probe:*", *channels)

    class Locked:
        url = redis_server.url.replace("://", "://gw:pw@")

    def sent():
        redis.publish("market_data:X", json.dumps(trade("X")["data"]))
        return page.cell("X", "last") == "5" and page.row_live("X")
    allow("&market_data:*")
    page = Page(browser, gateway(Locked)[1]).open("#X/1").wait_state("live")
    page.wait(sent, 10, "a price")
    page.wait(lambda: "bars:X:1" in page.text("refused"), 10,
              "the bars refused at once")
    assert "market_data" not in page.text("refused")
    allow()
    page.wait(lambda: "market_data:X" in page.text("refused"), 10,
              "the price refused later")
    page.wait(lambda: not page.row_live("X"), 5, "the row greyed out")
    assert page.state == "live"
    allow("&market_data:*", "&bars:*")
    page.wait(lambda: page.text("refused") == "" and sent(), 40, "all granted")
