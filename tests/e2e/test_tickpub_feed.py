"""tickpub --feed: what exchanges send, as native events."""
import json
from decimal import Decimal

import harness

AGG = '{"e":"aggTrade","E":1570752011620,"a":13519807,"s":"XRPETH",' \
      '"p":"0.00141342","q":"23.00000000","f":15373518,"l":15373518,' \
      '"T":1570752011619,"m":true}'
TRADE = '{"e":"trade","E":1570752011620,"s":"BTCUSDT","t":5933014,' \
        '"p":"0.0010","q":"100","T":1570752011619,"m":false}'
BOOK = '{"e":"bookTicker","u":400900217,"E":1568014460893,' \
       '"T":1568014460891,"s":"BNBUSDT","b":"25.35190000",' \
       '"B":"31.21000000","a":"25.36520000","A":"40.66000000"}'


def run(tool, *lines, more=()):
    t = tool("tickpub", "--feed", "binance", "--no-redis", "--tee", *more,
             stdin="".join(x + "\n" for x in lines).encode())
    assert t.wait() == 0, t.stderr
    return t


def test_binance_messages_become_native_events(tool):
    agg, trade, book = [json.loads(x, parse_float=Decimal) for x in
                        run(tool, AGG, TRADE, BOOK).lines]
    assert agg["type"] == "trade" and agg["symbol"] == "XRPETH"
    assert str(agg["price"]) == "0.00141342"
    assert str(agg["size"]) == "23.00000000"
    assert agg["time"] == 1570752011619
    assert str(agg["id"]) == "13519807"
    assert agg["side"] == "sell"  # m: the buyer was the maker
    assert trade["side"] == "buy" and str(trade["price"]) == "0.0010"
    assert book["type"] == "tick" and book["symbol"] == "BNBUSDT"
    assert str(book["bid"]) == "25.35190000"
    assert str(book["ask"]) == "25.36520000"


def test_what_a_feed_says_besides_events_is_no_fault(tool):
    t = run(tool, '{"result":null,"id":1}', TRADE, more=["--strict"])
    assert len(t.lines) == 1
    assert "lines=2 accepted=1 bad=0" in t.stderr


def test_a_bad_message_of_a_feed_is_reported(tool):
    t = run(tool, TRADE.replace('"0.0010"', '"-1"'), "{", TRADE)
    assert len(t.lines) == 1
    assert "line=1 column=" in t.stderr and "line=2 column=" in t.stderr
    assert "bad=2" in t.stderr


def test_every_recorded_trade_passes_exactly(tool):
    lines = harness.data_lines("binance-aggtrades-xrpeth.ndjson.gz")
    t = tool("tickpub", "--feed", "binance", "--no-redis", "--tee",
             "--strict", stdin=b"\n".join(lines) + b"\n")
    assert t.wait() == 0, t.stderr
    out = t.lines
    assert len(out) == len(lines) == 12477
    for a, b in zip(lines, out):
        a, b = json.loads(a), json.loads(b, parse_float=str, parse_int=str)
        assert (b["price"], b["size"], b["time"]) == \
            (a["p"], a["q"], str(a["T"]))
        assert str(b["id"]) == str(a["a"])
