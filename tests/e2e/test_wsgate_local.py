"""wsgate in a pipe: --stdin broadcasts, --stdout says what clients ask for."""
import os
import subprocess

import pytest

import harness
from wsclient import WsClient

TRADE = ('{"type":"trade","symbol":"AAPL","time":1705575045123,'
         '"price":187.20,"size":100}')


def start(tool, *args, redis=None, **kw):
    port = harness.free_port()
    where = ["--redis", redis.url] if redis else ["--no-redis"]
    t = tool("wsgate", "--listen", "127.0.0.1:%d" % port, *where, *args, **kw)
    return t.wait_ready(), port


def connect(port):
    return WsClient("ws://127.0.0.1:%d/ws" % port)


def metric(port, name, **labels):
    text = harness.http_get("http://127.0.0.1:%d/metrics" % port)[1]
    return harness.metric(text, name, **labels)


def test_a_line_reaches_subscribers_byte_for_byte_as_local(tool):
    gate, port = start(tool, "--stdin", stdin="pipe")
    with connect(port) as ws:
        ws.subscribe("market_data:AAPL")
        gate.write(TRADE + "\n")
        m = ws.wait_type("update", channel="market_data:AAPL")
        assert m["source"] == "local"
        assert any('"data":%s,' % TRADE in text for text in ws.raw)


def test_bad_lines_are_reported_with_line_and_column(tool):
    gate, port = start(tool, "--stdin", "--linger",
                       stdin=(TRADE + '\nnot json\n\n{"type":"nope"}\n'
                              + TRADE + "\n").encode())
    gate.wait_stderr("input_end")
    reports = [ln for ln in gate.stderr.splitlines() if "bad_line" in ln]
    assert len(reports) == 2
    assert "line=2" in reports[0] and "column=" in reports[0]
    assert "line=4" in reports[1]
    name = "tickwire_wsgate_stdin_lines_total"
    assert metric(port, name, result="accepted") == 2
    assert metric(port, name, result="refused") == 2


def test_a_trade_that_was_none_is_no_fault_and_no_message(tool):
    line = ('{"type":"trade_excluded","symbol":"AAPL","time":1705575045123,'
            '"id":7}\n')
    gate, _ = start(tool, "--stdin", "--linger",
                    stdin=(line + TRADE + "\n").encode())
    gate.wait_stderr("input_end")
    assert "accepted=2 refused=0" in gate.stderr
    assert "bad_line" not in gate.stderr


@pytest.mark.parametrize("line", [
    b"\x00", b'{"type":"trade"\x00}', b'{"type":"trade","symbol":"\xff"}',
    b"[1,2", b'{"a":1}{"b":2}', b"NaN"])
def test_what_is_not_json_is_never_forwarded(tool, line):
    gate, _ = start(tool, "--stdin", "--linger", stdin=line + b"\n")
    gate.wait_stderr("input_end")
    assert "accepted=0 refused=1" in gate.stderr


def test_a_line_that_is_too_long_is_skipped(tool):
    gate, _ = start(tool, "--stdin", "--linger",
                    stdin=b'{"type":"x","y":"' + b"a" * (2 << 20) + b'"}\n'
                    + TRADE.encode() + b"\n")
    gate.wait_stderr("input_end")
    assert "longer than" in gate.stderr
    assert "accepted=1" in gate.stderr


def test_the_end_of_input_stops_it(tool):
    gate, _ = start(tool, "--stdin", stdin=(TRADE + "\n").encode())
    assert gate.wait(10) == 0
    assert "input_end" in gate.stderr


def test_linger_goes_on_after_the_end_of_input(tool):
    gate, port = start(tool, "--stdin", "--linger", stdin="null")
    gate.wait_stderr("input_end")
    assert harness.http_get("http://127.0.0.1:%d/health" % port)[0] == 200
    assert gate.terminate() == 0


def test_local_lines_go_on_while_redis_is_away(tool, redis_absent):
    gate, port = start(tool, "--stdin", redis=redis_absent, stdin="pipe")
    with connect(port) as ws:
        ws.subscribe("market_data:AAPL")
        gate.write(TRADE + "\n")
        assert ws.wait_type("update")["source"] == "local"


def test_what_clients_ask_for_is_said_on_stdout(tool):
    gate, port = start(tool, "--stdout")
    with connect(port) as ws:
        ws.subscribe("market_data:AAPL", "bars:AAPL:1")
        ws.send({"type": "unsubscribe", "id": 2, "channels": ["bars:AAPL:1"]})
        ws.wait_type("unsubscribed")
    gate.wait_line(lambda ln: b'"disconnect"' in ln)
    said = gate.objects()
    assert [o["action"] for o in said] == [
        "connect", "subscribe", "subscribe", "unsubscribe", "disconnect"]
    assert len({o["client"] for o in said}) == 1
    assert all(o["peer"] == "127.0.0.1" and o["time"] > 0 for o in said)
    assert [o.get("channel") for o in said[1:4]] == [
        "market_data:AAPL", "bars:AAPL:1", "bars:AAPL:1"]


def test_a_reader_that_went_away_ends_it_quietly(tool):
    r, w = os.pipe()
    gate, port = start(tool, "--stdout", stdout=w)
    os.close(w)
    os.close(r)
    with connect(port):
        assert gate.wait(10) == 0
    assert "level=error" not in gate.stderr


def test_a_full_disk_is_status_74(tool):
    gate, port = start(tool, "--stdout", stdout="/dev/full")
    with connect(port):
        assert gate.wait(10) == 74
    assert "standard output" in gate.stderr


def test_a_closed_standard_output_is_status_74_at_the_start():
    path = harness.tool_path("wsgate")
    done = subprocess.run(
        ["sh", "-c", '"$0" --no-redis --listen 127.0.0.1:0 --stdin --stdout '
         ">&-", str(path)], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        env=harness.clean_env(), timeout=harness.deadline(10))
    assert done.returncode == 74, done.stderr
    assert b"standard output" in done.stderr


def test_a_reader_that_sleeps_does_not_hold_up_clients(tool):
    r, w = os.pipe()
    gate, port = start(tool, "--stdout", stdout=w)
    os.close(w)
    names = ["bars:S%04d:1" % k for k in range(1000)]
    with connect(port) as ws:
        # Far more than a pipe holds, and than is kept for its reader.
        for i in range(15):
            ws.send({"type": "subscribe", "id": i, "channels": names})
            ws.wait_type("subscribed", id=i)
            ws.send({"type": "unsubscribe", "id": i, "channels": names})
            ws.wait_type("unsubscribed", id=i)
        assert metric(port, "tickwire_wsgate_stdout_dropped_total") > 0
    os.close(r)
    assert gate.wait(10) == 0
