"""bargen between two pipes: options, throttle, tee, flags, endings."""
import json
import os
import signal
import time

import pytest

from harness import (deadline, free_port, http_get, metric, run_tool, tool_path,
                     wait_until)

PIPE = ("--stdin", "--stdout")
T0 = 1756684800000  # 2025-09-01 00:00 UTC, a Monday


def trade(time_ms, price="10", size="1", symbol="X", **more):
    more = "".join(',"%s":%s' % kv for kv in more.items())
    return ('{"type":"trade","symbol":"%s","time":%d,"price":%s,"size":%s%s}\n'
            % (symbol, time_ms, price, size, more)).encode()


def bars(*args, stdin):
    t = run_tool("bargen", *PIPE, *args, stdin=stdin)
    assert t.proc.returncode == 0, t.stderr
    return t.objects()


def test_a_bar_is_the_message_of_the_design():
    out = run_tool("bargen", *PIPE, "--final-only",
                   stdin=trade(T0, "150.0", "10") +
                   trade(T0 + 1, "151.25", "20") +
                   trade(T0 + 60250, "9.1", "1")).stdout
    assert out == (
        b'{"type":"bar","symbol":"X","resolution":"1","bar":{"time":%d,'
        b'"open":150.0,"high":151.25,"low":150.0,"close":151.25,"volume":30,'
        b'"count":2,"vwap":150.8333,"end":%d,"final":true,"rev":0,'
        b'"partial":true}}\n' % (T0, T0 + 60000))


def test_the_end_of_the_input_flushes_open_bars_as_unfinished():
    out = bars("--throttle", "1h", stdin=trade(T0) + trade(T0 + 60000))
    last = out[-1]["bar"]
    assert last["time"] == T0 + 60000
    assert last["final"] is False and last["partial"] is True
    finals = [b["bar"]["time"] for b in out if b["bar"]["final"]]
    assert finals == [T0]


def test_final_only_leaves_out_everything_else():
    out = bars("--final-only", "--resolutions", "1,5",
               stdin=b"".join(trade(T0 + i * 20000) for i in range(60)))
    assert all(b["bar"]["final"] for b in out)
    assert len([b for b in out if b["resolution"] == "1"]) == 19
    assert len([b for b in out if b["resolution"] == "5"]) == 3


def test_day_week_and_month_have_their_calendar_times():
    sunday = T0 + 6 * 86400000
    out = bars("--final-only", "--resolutions", "D,1W,M",
               stdin=trade(sunday + 5) + trade(sunday + 40 * 86400000))
    times = {b["resolution"]: (b["bar"]["time"], b["bar"]["end"]) for b in out}
    assert times == {"D": (sunday, sunday + 86400000),
                     "W": (T0, T0 + 7 * 86400000),
                     "M": (T0, T0 + 30 * 86400000)}


def test_tee_passes_every_event_on_before_the_bars_it_completes():
    events = [trade(T0), b'{"type":"market_status","status":"open"}\n',
              trade(T0 + 60250)]
    out = run_tool("bargen", *PIPE, "--tee", "--final-only",
                   stdin=b"".join(events)).lines
    assert [line + b"\n" for line in out[:3]] == events
    assert json.loads(out[3])["bar"]["final"] is True
    assert len(out) == 4


def test_updates_of_an_open_bar_are_throttled(tool):
    # Of a day, so that no minute ends meanwhile.
    t = tool("bargen", *PIPE, "--throttle", "200ms", "--resolutions", "D",
             stdin="pipe").wait_ready()
    now = int(time.time() * 1000)
    start = time.monotonic()
    n = 0
    while time.monotonic() - start < 1.5:
        t.write(trade(now))
        n += 1
        time.sleep(0.005)  # a rate: time has to pass for the throttle
    elapsed = time.monotonic() - start
    wait_until(lambda: t.objects() and
               t.objects()[-1]["bar"]["count"] == n, 5,
               "the last update tells of every trade")
    updates = [b for b in t.objects() if not b["bar"]["final"]]
    assert 2 <= len(updates) <= elapsed / 0.2 + 3
    assert t.terminate() == 0


def test_the_clock_closes_a_live_bar_without_another_trade(tool):
    t = tool("bargen", *PIPE, "--final-only", "--resolutions", "1S",
             stdin="pipe").wait_ready()
    now = int(time.time() * 1000)
    t.write(trade(now))
    line = t.wait_line(lambda line: b'"final":true' in line, 5)
    assert json.loads(line)["bar"]["time"] == now // 1000 * 1000
    assert t.running()
    t.close_stdin()
    assert t.wait() == 0


def test_sigterm_publishes_no_false_close(tool):
    t = tool("bargen", *PIPE, "--final-only", stdin="pipe").wait_ready()
    t.write(trade(T0) + trade(T0 + 60001))
    t.wait_read()
    assert t.terminate() == 0
    assert t.stdout == b""


def test_bad_lines_are_skipped_and_reported_with_line_and_column():
    future = int(time.time() * 1000) + 3600000
    stdin = (trade(T0) + b"nonsense\n" + b'{"type":"trade","symbol":"X",'
             b'"time":%d,"price":-1}\n' % T0 + trade(future) +
             b"\n" + trade(T0 + 60250))
    t = run_tool("bargen", *PIPE, "--final-only", stdin=stdin)
    assert t.proc.returncode == 0
    assert len(t.lines) == 1
    assert "line=2 column=" in t.stderr
    assert "line=3 column=" in t.stderr and "price" in t.stderr
    assert "line=4 column=" in t.stderr and "future" in t.stderr
    assert t.stderr.count("ev=bad_line") == 3


def test_a_line_that_is_too_long_is_skipped():
    t = run_tool("bargen", *PIPE, "--final-only",
                 stdin=trade(T0) + b"x" * (2 << 20) + b"\n" +
                 trade(T0 + 60250))
    assert t.proc.returncode == 0
    assert "line=2 column=" in t.stderr
    assert len(t.lines) == 1


def test_strict_ends_at_the_first_bad_line():
    t = run_tool("bargen", *PIPE, "--strict", stdin=trade(T0) + b"bad\n")
    assert t.proc.returncode == 65
    assert "line 2, column 1" in t.stderr


@pytest.mark.parametrize("args, said", [
    (["--resolutions", "7q"],
     "--resolutions: '7q' is not a resolution (try 1, 5, 15, 60, D, W, M)"),
    (["--resolutions", "1,7"], "'7' does not divide a day evenly"),
    (["--resolutions", ","], "--resolutions: none"),
    (["--throttle", "soon"], "--throttle: 'soon' is not a time"),
    (["--price", "last"], "--price"),
    (["--symbols", "A B,*"], "--symbols: '*' is not a symbol"),
    (["--tee"], "--tee: only together with --stdin and --stdout"),
    (["--mock", "X", "--stdin"], "--mock"),
    (["--mock", "X", "--symbols", "Y"], "--symbols: --mock names its symbols"),
    (["--mock", ","], "--mock: no symbol"),
    (["--throttle", "61m"], "--throttle: '61m' is not a time"),
    (["--throttle", "3600001"], "--throttle: '3600001' is not a time"),
    (["--resolutions", "%s" % ",".join("%dS" % n for n in
      [n for n in range(1, 86401) if 86400 % n == 0][:33])],
     "--resolutions: more than 32"),
    (["--symbols", ",".join("S%d" % i for i in range(4097))],
     "--symbols: more than 4096 symbols"),
    (["--nonsense"], "--nonsense"),
])
def test_a_usage_error_is_two_lines_and_status_64(args, said):
    t = run_tool("bargen", *args)
    assert t.proc.returncode == 64
    assert said in t.stderr
    assert len(t.stderr.splitlines()) == 2
    assert t.stdout == b""


def test_help_fits_on_a_page_of_a_terminal():
    t = run_tool("bargen", "--help")
    assert t.proc.returncode == 0
    assert len(t.lines) <= 30
    assert t.stderr == ""


@pytest.mark.parametrize("value", ["250ms", "1s", "250"])
def test_the_environment_of_older_deployments_is_honoured(value):
    env = {"BAR_GENERATOR_INTERVAL": value,
           "BAR_GENERATOR_SYMBOLS": "AAA, BBB",
           "BAR_GENERATOR_RESOLUTIONS": "1,5"}
    stdin = b"".join(trade(T0, symbol=s) for s in ("AAA", "BBB", "CCC"))
    t = run_tool("bargen", *PIPE, stdin=stdin, env=env)
    assert t.proc.returncode == 0, t.stderr
    assert {(b["symbol"], b["resolution"]) for b in t.objects()} == {
        (s, r) for s in ("AAA", "BBB") for r in ("1", "5")}


@pytest.mark.parametrize("value, ms", [
    ("2.0", 2000), ("2", 2000), ("0.5", 500), ("0.25", 250), ("1.", None),
    ("2.0005", 2000), ("0", 0), ("3600", 3600000), ("3600.001", None),
    ("250ms", 250), ("1s", 1000), ("-1", None), ("2,0", None), (".5", None),
    ("1e1", None), ("two", None)])
def test_a_plain_number_in_the_environment_is_in_seconds(value, ms):
    t = run_tool("bargen", *PIPE, env={"BAR_GENERATOR_INTERVAL": value})
    if ms is None:
        assert t.proc.returncode == 64
        assert "BAR_GENERATOR_INTERVAL: '%s' is not a time" % value in t.stderr
        return
    assert t.proc.returncode == 0, t.stderr
    assert "ev=throttle ms=%d from=BAR_GENERATOR_INTERVAL" % ms in t.stderr


@pytest.mark.parametrize("value, ms", [
    ("250", 250), ("2", 2), ("2s", 2000), ("0", 0), ("2.0", None)])
def test_a_plain_number_of_the_option_is_in_milliseconds(value, ms):
    t = run_tool("bargen", *PIPE, "--throttle", value,
                 env={"BAR_GENERATOR_INTERVAL": "3.0"})
    if ms is None:
        assert t.proc.returncode == 64
        assert "--throttle: '%s' is not a time" % value in t.stderr
        return
    assert "ev=throttle ms=%d from=--throttle" % ms in t.stderr


def test_what_the_environment_is_shown_as_means_the_same_again():
    def shown(*args, **env):
        t = run_tool("bargen", *args, "--print-env", env=env)
        return [x for x in t.stdout.decode().splitlines()
                if x.startswith("BAR_GENERATOR_INTERVAL=")]
    assert shown(BAR_GENERATOR_INTERVAL="2.0") == [
        "BAR_GENERATOR_INTERVAL=2000ms"]
    assert shown("--throttle", "250") == ["BAR_GENERATOR_INTERVAL=250ms"]


def test_an_interval_in_seconds_is_kept(redis_server, tool):
    sub = redis_server.subscriber("bars:X:1")
    tool("bargen", "--redis", redis_server.url,
         env={"BAR_GENERATOR_INTERVAL": "5"}).wait_ready()
    client = redis_server.client()
    began = time.monotonic()
    for i in range(500):
        client.xadd("journal:7", {"d": trade(T0 + i)})
    client.xadd("journal:7", {"d": trade(T0 + 60250)})
    wait_until(lambda: sub.poll() and
               any(p["bar"]["final"] for p in sub.payloads()))
    # The beginnings of two bars, and nothing between that is sooner.
    updates = sum(not p["bar"]["final"] for p in sub.payloads())
    assert updates <= 2 + (time.monotonic() - began) // 5


def test_without_redis_it_is_a_filter():
    t = run_tool("bargen", stdin=trade(T0),
                 env={"ENABLE_REDIS_SCALING": "false"})
    assert t.proc.returncode == 0
    assert len(t.lines) >= 1


def test_a_full_disk_is_status_74():
    fd = os.open("/dev/full", os.O_WRONLY)
    try:
        t = run_tool("bargen", *PIPE, stdin=trade(T0), stdout=fd)
    finally:
        os.close(fd)
    assert t.proc.returncode == 74
    assert "standard output" in t.stderr


def test_a_reader_that_leaves_ends_it_quietly():
    r, w = os.pipe()
    os.close(r)
    try:
        t = run_tool("bargen", *PIPE, "--tee",
                     stdin=b"".join(trade(T0 + i) for i in range(20000)),
                     stdout=w)
    finally:
        os.close(w)
    assert t.proc.returncode == 0
    assert "level=error" not in t.stderr


def test_a_slow_reader_holds_the_input_back_in_bounded_memory(tool):
    r, w = os.pipe()
    t = tool("bargen", *PIPE, "--tee", stdin="pipe", stdout=w)
    os.close(w)
    t.wait_ready()
    data = trade(T0) * 20000
    taken, more = 0, 1
    while more:
        more = t.try_write(data, deadline(1))
        taken += more
        assert taken < 8 << 20
    assert taken > 1 << 20
    assert t.rss_bytes() < (24 << 20) * (4 if "asan" in str(
        tool_path("bargen")) else 1)
    os.close(r)
    assert t.wait() == 0


def test_many_symbols_and_ids_need_little_memory(tool):
    t = tool("bargen", *PIPE, "--final-only", stdin="pipe").wait_ready()
    for i in range(300):
        t.write(b"".join(trade(T0 + i * 1000, symbol="S%d" % k,
                               id='"%d"' % (i * 100 + k))
                         for k in range(100)))
    wait_until(lambda: len(t.lines) >= 400, 10, "four minutes of bars")
    if "asan" not in str(tool_path("bargen")):
        assert t.rss_bytes() <= 8 << 20
    assert t.terminate() == 0


def test_mock_bars_say_that_they_are_and_are_the_same_for_a_seed(tool):
    def start(seed):
        t = tool("bargen", "--mock", "AAA,BBB", "--seed", seed, "--stdout",
                 "--final-only", "--resolutions", "5")
        t.wait_ready()
        t.wait_lines(60)
        assert t.terminate() == 0
        return t
    one, same, other = start(7), start(7), start(8)
    assert all(b["source"] == "mock" for b in one.objects())
    assert "ev=mock" in one.stderr

    def prices(t):
        return [b["bar"]["close"] for b in t.objects()][:40]
    assert prices(one) == prices(same)
    assert prices(one) != prices(other)


def test_metrics_and_health_are_served(tool):
    port = free_port()
    t = tool("bargen", *PIPE, "--http", "127.0.0.1:%d" % port,
             stdin="pipe").wait_ready()
    t.write(trade(T0) + trade(T0 + 60250) + trade(T0 + 5, id='"1"') * 2)

    def counted():
        _, text = http_get("http://127.0.0.1:%d/metrics" % port)
        return metric(text, "tickwire_bargen_events_total") == 3 and text
    text = wait_until(counted, 5, "three events in /metrics")
    assert metric(text, "tickwire_bargen_bars_total", kind="revision") == 1
    assert metric(text, "tickwire_bargen_dropped_total",
                  reason="duplicate") == 1
    assert http_get("http://127.0.0.1:%d/ready" % port)[0] == 200
    assert http_get("http://127.0.0.1:%d/health" % port)[0] == 200


def test_a_second_signal_is_not_needed_while_trades_flow(tool):
    t = tool("bargen", *PIPE, "--tee", stdin="pipe").wait_ready()
    t.try_write(trade(T0) * 20000, deadline(2))
    start = time.monotonic()
    t.signal(signal.SIGINT)
    assert t.wait(5) == 0
    assert time.monotonic() - start < deadline(5)


def test_mock_goes_on_in_the_present(tool):
    t = tool("bargen", "--mock", "AAA", "--stdout", "--throttle", "1ms",
             "--resolutions", "D")
    t.wait_ready()

    def count():
        bars = [b["bar"] for b in t.objects()]
        return bars[-1]["count"] if bars else 0
    wait_until(count, 5, "the past")
    past = count()
    wait_until(lambda: count() >= past + 2, 10, "two trades of now")
    assert t.objects()[-1]["bar"]["final"] is False
