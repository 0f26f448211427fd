"""Bad input: skipped, counted, reported with line and column; the pipe goes on.
"""
import json
import random
import socket
import time

import pytest

import harness

GOOD = b'{"type":"trade","symbol":"A","time":1705575045123,"price":1.5,' \
       b'"size":2}'


def event(**members):
    o = {"type": "tick", "symbol": "A", "time": 1705575045123, "bid": 1.5,
         "ask": 2.5}
    o.update(members)
    return json.dumps(o, separators=(",", ":")).encode()


def raw(text):
    """An event with a member of which JSON writers know nothing."""
    return b'{"type":"trade","symbol":"A","time":1705575045123,' + text + b'}'


FUTURE = int(time.time() * 1000) + 3600 * 1000

# name: (line, words of the reason, column or None where any will do)
BAD = {
    "not JSON": (b"hello", "JSON", 1),
    "half an object": (b'{"type":"tick","symbol":"A"', "JSON", 28),
    "two objects": (GOOD + GOOD, "JSON", len(GOOD) + 1),
    "an array": (b"[1,2]", "object", 1),
    "a number": (b"17", "object", 1),
    "no type": (b'{"symbol":"A","time":1,"price":1}', "type", None),
    "unknown type": (b'{"type":"gossip","symbol":"A","time":1}', "type", 9),
    "no symbol": (b'{"type":"tick","time":1,"bid":1,"ask":2}', "symbol",
                  None),
    "empty symbol": (event(symbol=""), "symbol", None),
    "symbol with a space": (event(symbol="A B"), "symbol", 25),
    "symbol with a colon": (event(symbol="A:B"), "symbol", 25),
    "symbol that is a pattern": (event(symbol="*"), "symbol", 25),
    "symbol of 65 letters": (event(symbol="A" * 65), "symbol", 25),
    "symbol that is a number": (event(symbol=5), "symbol", 25),
    "no time": (b'{"type":"tick","symbol":"A","bid":1,"ask":2}', "time",
                None),
    "time zero": (event(time=0), "time", None),
    "time as a text": (event(time="now"), "time", None),
    "time in an hour": (event(time=FUTURE), "future", 36),
    "price zero": (raw(b'"price":0'), "price", 59),
    "price zero with digits": (raw(b'"price":0.000'), "price", 59),
    "price negative": (raw(b'"price":-1.5'), "price", 59),
    "price NaN": (raw(b'"price":NaN'), "", 59),
    "price 1e999": (raw(b'"price":1e999'), "price", 59),
    "price as a text": (raw(b'"price":"1.5"'), "price", 59),
    "price null": (raw(b'"price":null'), "price", 59),
    "price of nineteen digits": (raw(b'"price":1234567890123456789'),
                                 "price", 59),
    "leading zero": (raw(b'"price":01'), "JSON", None),
    "no price": (raw(b'"size":1'), "price", None),
    "size negative": (raw(b'"price":1,"size":-1'), "size", 68),
    "bid as a text": (event(bid="1.5"), "price", None),
    "a key twice": (raw(b'"price":1,"price":2'), "twice", None),
    "a NUL byte": (event(lp="x\0y").replace(b"\\u0000", b"\0"), "NUL", None),
    "invalid UTF-8": (event(lp="??").replace(b"??", b"\xc3\x28"), "UTF-8",
                      None),
    "a lone surrogate": (event(lp="??").replace(b"??", b"\\ud800"), "", None),
    "a control character": (event(lp="??").replace(b"??", b"a\tb"), "JSON",
                            None),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, "JSON", 1),
    "single quotes": (GOOD.replace(b'"', b"'"), "JSON", 2),
    "a trailing comma": (raw(b'"price":1,'), "JSON", None),
    "an execution without an account": (
        b'{"type":"execution","order_id":1,"price":1}', "", None),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_line_is_reported_and_the_pipe_goes_on(tool, name):
    line, why, column = BAD[name]
    t = tool("tickpub", "--no-redis", "--tee",
             stdin=GOOD + b"\n" + line + b"\n" + GOOD + b"\n")
    assert t.wait() == 0, t.stderr
    assert t.stdout == (GOOD + b"\n") * 2, t.stderr
    report, = [x for x in t.stderr.splitlines() if "ev=bad_line" in x]
    assert " line=2 " in report
    assert why.lower() in report.split("why=")[1].lower(), report
    assert " column=" in report, report
    if column is not None:
        assert " column=%d " % column in report, report
    assert "lines=3 accepted=2 bad=1" in t.stderr


def test_a_line_of_two_mebibytes_is_skipped(tool):
    long = event(lp="x" * (2 << 20))
    t = tool("tickpub", "--no-redis", "--tee",
             stdin=GOOD + b"\n" + long + b"\n" + GOOD + b"\n")
    assert t.wait() == 0
    assert t.stdout == (GOOD + b"\n") * 2
    assert "ev=bad_line line=2 " in t.stderr and "too long" in t.stderr


def test_a_line_just_within_the_bound_is_taken(tool):
    line = event(lp="x" * ((1 << 20) - 200))
    t = tool("tickpub", "--no-redis", "--tee", stdin=line + b"\n")
    assert t.wait() == 0
    assert t.stdout == line + b"\n", t.stderr


def test_empty_lines_and_carriage_returns_are_no_fault(tool):
    t = tool("tickpub", "--no-redis", "--tee", "--strict",
             stdin=GOOD + b"\r\n\n\r\n" + GOOD + b"\n")
    assert t.wait() == 0, t.stderr
    assert t.stdout == (GOOD + b"\n") * 2


def test_a_time_within_the_tolerance_is_taken(tool):
    soon = event(time=int(time.time() * 1000) + 3600 * 1000)
    t = tool("tickpub", "--no-redis", "--tee", "--max-future", "2h",
             stdin=soon + b"\n")
    assert t.wait() == 0
    assert t.stdout == soon + b"\n"


def test_many_bad_lines_are_all_counted_and_not_all_printed(tool):
    t = tool("tickpub", "--no-redis", stdin=b"nonsense\n" * 100000)
    assert t.wait() == 0
    assert "bad=100000" in t.stderr
    assert len(t.stderr.splitlines()) < 200
    assert "repeated=" in t.stderr


def test_strict_stops_at_the_first_bad_line(tool):
    t = tool("tickpub", "--no-redis", "--tee", "--strict",
             stdin=GOOD + b"\n" + raw(b'"price":-1') + b"\n" + GOOD + b"\n")
    assert t.wait() == 65
    assert t.stdout == GOOD + b"\n"
    assert "tickpub: line 2, column 59: " in t.stderr
    assert "price" in t.stderr


def test_strict_publishes_what_came_before_the_bad_line(redis_server, tool):
    sub = redis_server.subscriber("market_data:A")
    t = tool("tickpub", "--redis", redis_server.url, "--strict",
             stdin=(GOOD + b"\n") * 5 + b"{}\n" + GOOD + b"\n")
    assert t.wait() == 65
    assert len(sub.wait(5)) == 5
    assert "tickpub: line 6" in t.stderr


def test_binary_noise_ends_nothing(tool):
    noise = random.Random(1).randbytes(1 << 20)
    t = tool("tickpub", "--no-redis", "--tee",
             stdin=noise + b"\n" + GOOD + b"\n")
    assert t.wait() == 0
    assert t.stdout == GOOD + b"\n"


# ---- options ----

USAGE = {
    "tickpub": [["--redis", "nonsense://x"], ["--rate", "0"],
                ["--rate", "fast"], ["--speed", "0"],
                ["--on-full", "explode"], ["--queue-max", "12parsecs"],
                ["--simulate", "A:B"], ["--simulate", ","],
                ["--feed", "nosuchfeed"], ["--start", "yesterday"],
                ["--price-ttl", "5"], ["--shards", "0"], ["argument"],
                ["--simulate", "A", "--replay", "x"],
                ["--redis", "redis://127.0.0.1:99999"]],
    "bargen": [["--redis", "nonsense://x"], ["--resolutions", "7q"]],
    "wsgate": [["--redis", "nonsense://x"], ["--listen", "nowhere"]],
    "ratelimitd": [["--redis", "nonsense://x"]],
}


@pytest.mark.parametrize("name,args", [
    (name, args) for name in USAGE for args in USAGE[name]],
    ids=lambda x: x if isinstance(x, str) else " ".join(x))
def test_a_bad_option_is_two_lines_and_status_64(tool, name, args):
    t = tool(name, *args, ready=False)
    assert t.wait() == 64, t.stderr
    lines = t.stderr.splitlines()
    assert len(lines) == 2, t.stderr
    assert lines[0].startswith(name + ": ")
    assert lines[1] == "Try '%s --help'." % name
    assert t.stdout == b""


@pytest.mark.parametrize("name,args", [
    ("tickpub", ["--no-redis"]), ("bargen", ["--stdin", "--stdout"]),
    ("ratelimitd", ["--no-redis", "--stdin"])])
def test_a_port_in_use_is_status_71(tool, name, args):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        t = tool(name, *args, "--http", "127.0.0.1:%d" % port, ready=False)
        assert t.wait() == 71, t.stderr
    assert str(port) in t.stderr
    assert len(t.stderr.splitlines()) == 2, t.stderr


def test_the_gateways_port_in_use_is_status_71(tool):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        t = tool("wsgate", "--no-redis", "--listen", "127.0.0.1:%d" % port,
                 ready=False)
        assert t.wait() == 71, t.stderr
    assert str(port) in t.stderr


def test_a_password_never_appears_in_messages(tool):
    port = harness.free_port()
    t = tool("tickpub", "--require-redis", "--redis",
             "redis://me:s3cret@127.0.0.1:%d" % port)
    assert t.wait() == 69
    assert "s3cret" not in t.stderr
    assert str(port) in t.stderr
