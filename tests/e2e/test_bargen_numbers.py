"""Numbers of up to 18 digits, of every size: what bargen makes of them, against
Python's decimal; and what has more digits is refused where it stands."""
import random
from decimal import ROUND_HALF_EVEN, Context, Decimal

import pytest

from barcheck import decode
from harness import run_tool

PIPE = ("--stdin", "--stdout", "--throttle", "1h")
T0 = 1756684800000  # 2025-09-01 00:00 UTC
EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)


def number(r, least=1):
    """A number of at most 18 digits, written with 0 to 18 behind the dot."""
    digits = r.choice((1, 2, 6, 12, 17, 18, 18, 18))
    mant = r.choice((10 ** digits - 1, 10 ** (digits - 1),
                     r.randrange(10 ** (digits - 1), 10 ** digits),
                     r.randrange(10 ** digits)))
    scale = r.choice((0, 1, 2, 8, 9, 17, 18, r.randrange(19)))
    return Decimal(max(mant, least)).scaleb(-scale, EXACT)


def text(d):
    return format(d, "f")


def line(kind, symbol, time, **members):
    more = "".join(',"%s":%s' % (k, text(v)) for k, v in members.items())
    return '{"type":"%s","symbol":"%s","time":%d%s}\n' % (kind, symbol, time,
                                                          more)


def bars(stdin, *args):
    t = run_tool("bargen", *PIPE, *args, stdin=stdin.encode())
    assert t.proc.returncode == 0, t.stderr
    assert "bad_line" not in t.stderr
    return {m["symbol"]: m["bar"] for m in map(decode, t.stdout.splitlines())
            if m["type"] == "bar"}


def assert_same(bar, want):
    """To the last digit, zeros too."""
    got = {k: bar.get(k) for k in want}
    for k, v in want.items():
        same = got[k] == v if v is None else (
            got[k] is not None and got[k].as_tuple() == v.as_tuple())
        assert same, "%s is %s, not %s" % (k, got[k], v)


def last_place(d, scale):
    return d.quantize(Decimal(1).scaleb(-scale), context=EXACT)


def bar_of(trades):
    prices = [p for p, _ in trades]
    sizes = [s for _, s in trades]
    volume = EXACT.create_decimal(0)
    turnover = EXACT.create_decimal(0)
    for price, size in trades:
        volume = EXACT.add(volume, size)
        turnover = EXACT.add(turnover, EXACT.multiply(price, size))
    close_scale = -prices[-1].as_tuple().exponent
    return {"open": prices[0], "close": prices[-1],
            "high": max(prices), "low": min(prices),
            "volume": last_place(volume, max(-s.as_tuple().exponent
                                             for s in sizes)),
            "count": Decimal(len(trades)),
            "vwap": last_place(EXACT.divide(turnover, volume),
                               close_scale + 2)}


def test_two_trades_that_take_many_digits_together():
    first = (Decimal("0.00001234"), Decimal("123456789012.123456"))
    second = (Decimal("0.000012345678901234"), Decimal("0.123456789012345678"))
    got = bars(line("trade", "X", T0, price=first[0], size=first[1]) +
               line("trade", "X", T0 + 1, price=second[0], size=second[1]))
    assert text(got["X"]["volume"]) == "123456789012.246912789012345678"
    assert text(got["X"]["vwap"]) == "0.00001234000000000001"
    assert_same(got["X"], bar_of([first, second]))


@pytest.mark.parametrize("seed", range(3))
def test_random_trades_make_the_bars_of_exact_arithmetic(seed):
    r = random.Random(seed)
    out, want = [], {}
    for i in range(1500):
        same = r.random() < 0.3  # the same scales again and again
        trades = [(number(r), number(r))]
        for _ in range(r.choice((0, 1, 2, 5, 20))):
            trades.append(trades[0] if same else (number(r), number(r)))
        name = "S%d" % i
        want[name] = bar_of(trades)
        out += [line("trade", name, T0 + k, price=p, size=s)
                for k, (p, s) in enumerate(trades)]
    got = bars("".join(out))
    assert got.keys() == want.keys()
    for name, bar in got.items():
        assert_same(bar, want[name])


def mid(bid, ask):
    """Exact in 18 digits, or 19 where the last is the half; else rounded."""
    middle = EXACT.divide(EXACT.add(bid, ask), 2).normalize(EXACT)
    digits = middle.as_tuple().digits
    if len(digits) < 19 or (len(digits) == 19 and digits[-1] == 5):
        return middle
    return Context(prec=18, rounding=ROUND_HALF_EVEN).plus(middle)


def test_random_quotes_have_their_middle():
    r = random.Random(18)
    out, want = [], {}
    for i in range(3000):
        bid = number(r)
        ask = r.choice((number(r), bid, EXACT.add(
            bid, Decimal((0, (1,), bid.as_tuple().exponent)))))
        if len(ask.as_tuple().digits) > 18:
            ask = bid
        out.append(line("tick", "Q%d" % i, T0, bid=bid, ask=ask))
        want["Q%d" % i] = mid(bid, ask)
    got = bars("".join(out))
    assert got.keys() == want.keys()
    for name, bar in got.items():
        assert bar["close"] == want[name] == bar["high"], name
        assert bar["volume"] == 1


@pytest.mark.parametrize("member,why", (("price", "price is not a number"),
                                        ("size", "size is not a number")))
@pytest.mark.parametrize("value", ("1234567890123456789",
                                   "0.1234567890123456789",
                                   "12345678901234567.89", "1e18", "1e-19"))
def test_more_than_18_digits_are_refused_where_they_stand(member, why, value):
    members = {"price": "1", "size": "1", member: value}
    bad = '{"type":"trade","symbol":"X","time":%d,"price":%s,"size":%s}' % (
        T0, members["price"], members["size"])
    t = run_tool("bargen", *PIPE, stdin=(bad + "\n").encode())
    column = bad.index('"%s":' % member) + len(member) + 4
    assert t.stdout == b""
    assert ('ev=bad_line line=1 column=%d why="%s' %
            (column, why)) in t.stderr, t.stderr


def test_a_feed_with_more_than_18_digits_is_refused_where_they_stand():
    bad = ('{"e":"trade","E":%d,"T":%d,"s":"BTCUSDT","t":1,'
           '"p":"0.1234567890123456789","q":"1","m":false}\n' % (T0, T0))
    t = run_tool("tickpub", "--no-redis", "--tee", "--feed", "binance",
                 stdin=bad.encode())
    assert t.stdout == b""
    assert "ev=bad_line line=1 column=%d " % (bad.index('"0.1') + 1) in (
        t.stderr), t.stderr
