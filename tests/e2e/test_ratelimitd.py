"""ratelimitd without Redis, and its options, rules and statuses."""
import json
import signal
import subprocess

import pytest

import harness
from harness import run_tool


def ask(rule, key, **more):
    return json.dumps({"rule": rule, "key": key, **more}) + "\n"


# The built-in rules, but for an hour: what a test asks is asked in one window,
# however slow the machine is.
HOUR = [{"rule": "api", "limit": 100, "window": "1h"},
        {"rule": "orders", "limit": 10, "window": "1h", "on_error": "deny"}]


def answers_of(text, *args):
    t = run_tool("ratelimitd", "--no-redis", *args, stdin=text.encode())
    assert t.proc.returncode == 0, t.stderr
    return t.objects()


@pytest.fixture
def hour(rules):
    """The options for the rules above."""
    return "--rules", rules(*HOUR, name="hour.json")


@pytest.fixture
def rules(tmp_path):
    """Write a rules file; returns its path."""
    def write(*lines, name="rules.json"):
        path = tmp_path / name
        path.write_text(json.dumps({"rules": list(lines)}))
        return path
    return write


def test_answers_are_as_the_manual_gives_them():
    t = run_tool("ratelimitd", "--no-redis", "--stdin",
                 stdin=b'{"id":1,"rule":"api","key":"alice","cost":1}\n')
    assert t.proc.returncode == 0
    assert t.stdout == (
        b'{"id":1,"allowed":true,"rule":"api","limit":100,"remaining":99,'
        b'"retry_after_ms":0,"reset_ms":60000,"source":"local"}\n')


def test_exactly_the_limit_is_allowed_in_a_burst():
    got = answers_of(ask("api", "a") * 250)
    assert [a["allowed"] for a in got] == [True] * 100 + [False] * 150
    assert got[99]["remaining"] == 0
    assert all(0 < a["retry_after_ms"] <= 60000 for a in got[100:])


def test_peek_takes_nothing_and_reset_gives_everything_back(hour):
    got = answers_of(ask("orders", "a", cost=10) +
                     ask("orders", "a", mode="peek") +
                     ask("orders", "a", mode="reset") +
                     ask("orders", "a", mode="peek") + ask("orders", "a"),
                     *hour)
    assert [a["allowed"] for a in got] == [True, False, True, True, True]
    assert [a["remaining"] for a in got] == [0, 0, 10, 10, 9]


def test_of_several_rules_all_must_allow_and_none_is_charged_otherwise(hour):
    both = json.dumps({"id": "x", "rules": ["api", "orders"], "key": "a",
                       "cost": 6}) + "\n"
    got = answers_of(both * 2 + ask("api", "a", mode="peek"), *hour)
    assert [a["allowed"] for a in got] == [True, False, True]
    assert got[1]["rule"] == "orders"
    assert [r["allowed"] for r in got[1]["rules"]] == [True, False]
    assert got[2]["remaining"] == 94


def test_an_unknown_rule_is_an_error_and_never_an_allow():
    got = answers_of(ask("nope", "a", id=7))
    assert got == [{"id": 7, "error": "unknown rule 'nope'"}]


def test_bad_questions_are_answered_and_the_pipe_goes_on():
    t = run_tool("ratelimitd", "--no-redis", "--stdin", stdin=(
        b'garbage\n'
        b'{"id":1,"rule":"api","key":"a\x00"}\n'
        b'{"id":2,"rule":"api","key":"\xff"}\n'
        b'{"id":3,"rule":"api"}\n'
        b'\n'
        b'{"id":4,"rule":"api","key":"a","cost":-1}\n' +
        b'{"id":5,"rule":"api","key":"' + b"x" * (2 << 20) + b'"}\n'
        b'{"id":6,"rule":"api","key":"a"}'))
    assert t.proc.returncode == 0
    got = t.objects()
    assert [set(a) - {"id"} == {"error"} for a in got] == [True] * 6 + [False]
    assert got[-1]["id"] == 6 and got[-1]["allowed"]
    assert "line=1 " in t.stderr and "column" in t.stderr
    assert "line=7 " in t.stderr


@pytest.mark.parametrize("one", ["\x01", '"'])
def test_an_id_that_grows_as_it_is_escaped_is_refused(one):
    """It was written beyond the room for it."""
    lines = [ask("api", "a", id=one * 64), ask("api", "a", id=1)]
    assert answers_of("".join(lines * 300), "--stdin")[::2] == [
        {"error": "id has too many escapes"}] * 300


def test_strict_stops_at_the_first_bad_question():
    t = run_tool("ratelimitd", "--no-redis", "--strict", stdin=(
        ask("api", "a") + "garbage\n" + ask("api", "a")).encode())
    assert t.proc.returncode == 65
    assert len(t.objects()) == 2
    assert "line 2" in t.stderr


def test_check_config_prints_what_was_understood(rules):
    path = rules({"rule": "api", "key": "svc-*", "limit": 5, "window": "250ms",
                  "shadow": True},
                 {"rule": "api", "limit": 7, "window": "1h",
                  "algorithm": "gcra", "on_error": "deny"})
    t = run_tool("ratelimitd", "--rules", path, "--check-config")
    assert t.proc.returncode == 0
    rows = [ln.split() for ln in t.stdout.decode().splitlines()]
    assert rows[1] == ["api", "svc-*", "5", "250", "log", "local", "yes"]
    assert rows[2] == ["api", "*", "7", "3600000", "gcra", "deny", "no"]


def test_the_example_rules_are_good():
    path = harness.REPO / "ratelimitd" / "rules.example.json"
    assert run_tool("ratelimitd", "--rules", path,
                    "--check-config").proc.returncode == 0


@pytest.mark.parametrize("text,says", [
    ('{"rules":[\n{"rule":"a","limit":1,"windwo":"1s"}]}', "line 2: \"windwo\""),
    ('{"rules":[{"rule":"a","limit":1,"window":"1s"}],\n"x":1}', "line 2"),
    ('{"rules":', "line 1 column"),
    ('', "line"),
])
def test_a_bad_rules_file_is_refused_with_78(tmp_path, text, says):
    path = tmp_path / "bad.json"
    path.write_text(text)
    for args in (["--check-config"], ["--no-redis", "--stdin"]):
        t = run_tool("ratelimitd", "--rules", path, *args)
        assert t.proc.returncode == 78
        assert says in t.stderr
        assert t.stdout == b""


def test_a_rules_file_that_is_not_there_is_refused_with_78(tmp_path):
    t = run_tool("ratelimitd", "--rules", tmp_path / "none", "--no-redis")
    assert t.proc.returncode == 78


def test_exact_keys_come_before_wildcards_when_the_file_says_so(rules):
    path = rules({"rule": "api", "key": "vip", "limit": 3, "window": "1m"},
                 {"rule": "api", "key": "svc-*", "limit": 2, "window": "1m"},
                 {"rule": "api", "key": "*", "limit": 1, "window": "1m"},
                 {"rule": "few", "key": "a*", "limit": 1, "window": "1m"})
    got = answers_of(ask("api", "vip") + ask("api", "svc-x") + ask("api", "q") +
                     ask("few", "b"), "--rules", path)
    assert [a.get("limit") for a in got] == [3, 2, 1, None]
    assert "error" in got[3]


def test_a_shadow_rule_allows_and_counts_what_it_would_have_denied(
        rules, tool):
    path = rules({"rule": "s", "limit": 1, "window": "1m", "shadow": True})
    port = harness.free_port()
    t = tool("ratelimitd", "--no-redis", "--stdin", "--rules", path, "--http",
             "127.0.0.1:%d" % port, stdin="pipe").wait_ready()
    t.write(ask("s", "a") * 3)
    t.wait_lines(3)
    assert [a["allowed"] for a in t.objects()] == [True] * 3
    assert [a.get("shadow_over", False) for a in t.objects()] == [
        False, True, True]
    text = harness.http_get("http://127.0.0.1:%d/metrics" % port)[1]
    assert harness.metric(text, "tickwire_ratelimitd_shadow_over_total",
                          rule="s") == 2
    assert harness.metric(text, "tickwire_ratelimitd_over_total",
                          rule="s") == 0


def test_sighup_takes_new_rules_and_a_bad_file_keeps_the_old(rules, tool):
    path = rules({"rule": "api", "limit": 5, "window": "1m"})
    t = tool("ratelimitd", "--no-redis", "--stdin", "--rules", path,
             stdin="pipe").wait_ready()
    rules({"rule": "api", "limit": 6, "window": "1m"})
    t.signal(signal.SIGHUP)
    t.wait_stderr("ev=reloaded")
    t.write(ask("api", "a"))
    assert json.loads(t.wait_lines(1)[0])["limit"] == 6
    path.write_text('{"rules":[{"rule":"api","limit":"many"}]}')
    t.signal(signal.SIGHUP)
    t.wait_stderr("ev=reload_failed")
    assert "limit" in t.stderr
    t.write(ask("api", "a"))
    assert json.loads(t.wait_lines(2)[1])["limit"] == 6


def test_a_lowered_limit_counts_what_was_used_and_a_raised_one_gives_more(
        rules, tool):
    path = rules({"rule": "api", "limit": 5, "window": "1m"})
    t = tool("ratelimitd", "--no-redis", "--stdin", "--rules", path,
             stdin="pipe").wait_ready()
    t.write(ask("api", "a", cost=4))
    t.wait_lines(1)
    for limit, left in ((2, 0), (10, 6)):
        rules({"rule": "api", "limit": limit, "window": "1m"})
        t.signal(signal.SIGHUP)
        harness.wait_until(lambda: t.stderr.count("ev=reloaded") ==
                           (1 if limit == 2 else 2), 5, "reloaded")
        n = len(t.lines)
        t.write(ask("api", "a", mode="peek"))
        got = json.loads(t.wait_lines(n + 1)[n])
        assert (got["limit"], got["remaining"]) == (limit, left)


def test_check_asks_once_and_exits_0_or_1(rules):
    path = rules({"rule": "none", "limit": 0, "window": "1m"},
                 {"rule": "api", "limit": 2, "window": "1m"})
    yes = run_tool("ratelimitd", "--no-redis", "--rules", path, "--check",
                   "api", "alice")
    assert yes.proc.returncode == 0 and yes.objects()[0]["allowed"]
    no = run_tool("ratelimitd", "--no-redis", "--rules", path, "--check",
                  "none", "alice")
    assert no.proc.returncode == 1 and not no.objects()[0]["allowed"]
    cost = run_tool("ratelimitd", "--no-redis", "--rules", path, "--check",
                    "api", "alice", "--cost", "3")
    assert cost.proc.returncode == 1
    assert cost.objects()[0]["retry_after_ms"] == -1
    for args in (["--check", "zz", "a"], ["--check", "api"],
                 ["--check", "api", "a b"], ["--key", "a"]):
        bad = run_tool("ratelimitd", "--no-redis", "--rules", path, *args)
        assert bad.proc.returncode == 64, bad.stderr
        assert bad.stdout == b""


def test_check_that_cannot_write_its_answer_exits_74():
    t = run_tool("ratelimitd", "--no-redis", "--check", "api", "a",
                 stdout="/dev/full")
    assert t.proc.returncode == 74


class Web:
    def __init__(self, tool, *args):
        self.port = harness.free_port()
        self.tool = tool("ratelimitd", "--linger", "--http",
                         "127.0.0.1:%d" % self.port, *args).wait_ready()

    def get(self, path, *options):
        """(status, headers, body) through curl, which shows 204 as it is."""
        out = subprocess.run(
            ["curl", "-s", "-i", *options,
             "http://127.0.0.1:%d%s" % (self.port, path)],
            capture_output=True, timeout=harness.deadline(10),
            check=True).stdout.decode()
        head, _, body = out.partition("\r\n\r\n")
        lines = head.split("\r\n")
        headers = dict(ln.split(": ", 1) for ln in lines[1:])
        return int(lines[0].split()[1]), headers, body


def seconds_left(head):
    """t of the last rule in RateLimit: of an hour, less what a test takes."""
    left = int(head["RateLimit"].rpartition(";t=")[2])
    assert 3000 < left <= 3600
    return left


def test_http_answers_with_the_statuses_that_nginx_auth_request_takes(tool,
                                                                      hour):
    w = Web(tool, "--no-redis", *hour)
    status, head, body = w.get("/check?rule=orders&key=a&cost=9")
    assert (status, body) == (204, "")
    assert head["RateLimit-Policy"] == '"orders";q=10;w=3600'
    assert head["RateLimit"].startswith('"orders";r=1;t=')
    assert seconds_left(head)
    assert "Retry-After" not in head
    status, head, _ = w.get("/check?rule=orders&key=a&cost=2")
    assert status == 403
    assert abs(int(head["Retry-After"]) - seconds_left(head)) <= 1
    assert head["RateLimit"].startswith('"orders";r=1;t=')
    status, head, _ = w.get("/check?rule=orders&key=b&cost=11")
    assert status == 403 and "Retry-After" not in head  # never


def test_http_says_429_where_it_is_told_to(tool, hour):
    w = Web(tool, "--no-redis", "--http-status", "429", *hour)
    assert w.get("/check?rule=orders&key=a&cost=10")[0] == 204
    assert w.get("/check?rule=orders&key=a")[0] == 429


def test_http_decodes_keys_and_asks_several_rules(tool, hour):
    w = Web(tool, "--no-redis", *hour)
    assert w.get("/check?rule=api,orders&key=u%40example.org&cost=10")[0] == 204
    status, head, _ = w.get("/check?rule=api,orders&key=u%40example.org")
    assert status == 403
    assert head["RateLimit-Policy"] == \
        '"api";q=100;w=3600, "orders";q=10;w=3600'
    assert w.get("/check?rule=api&key=u%40example.org&mode=peek")[1][
        "RateLimit"].startswith('"api";r=90;')


def test_http_refuses_what_it_cannot_understand(tool):
    w = Web(tool, "--no-redis")
    for path, status in (("/check?rule=zz&key=a", 404), ("/check", 400),
                         ("/check?rule=api", 400), ("/check?key=a", 400),
                         ("/check?rule=api&key=a%20b", 400),
                         ("/check?rule=api&key=a&cost=x", 400),
                         ("/check?rule=api&key=a&mode=x", 400),
                         ("/check?rule=api&key=", 400),
                         ("/check?rule=&key=a", 400),
                         ("/check?rule=api,&key=a", 400),
                         ("/check?rule=%s&key=a" % ("r" * 65), 400),
                         ("/check?rule=api,api&key=a", 400),
                         ("/check?rule=1,2,3,4,5,6,7,8,9&key=a", 400),
                         ("/check?rule=api&key=%s" % ("k" * 129), 400),
                         ("/check?rule=api&key=a&cost=", 400),
                         ("/check?rule=api&key=a&cost=1000000000", 400)):
        got, _, body = w.get(path)
        assert got == status, path
        assert "error" in json.loads(body)
    assert w.get("/nothing")[0] == 404


def test_http_changes_nothing_by_other_methods(tool):
    w = Web(tool, "--no-redis")
    for path in ("/check?rule=orders&key=a&cost=10", "/api/v1/limits"):
        status, head, _ = w.get(path, "-X", "POST")
        assert status == 405 and head["Allow"] == "GET, HEAD"
    assert w.get("/check?rule=orders&key=a&cost=10")[0] == 204


def test_the_rules_can_be_seen(tool, rules):
    w = Web(tool, "--no-redis", "--rules", rules(
        {"rule": "api", "key": "svc-*", "limit": 5, "window": "250ms",
         "shadow": True},
        {"rule": "api", "limit": 7, "window": "1h", "algorithm": "gcra",
         "on_error": "deny"}))
    assert json.loads(w.get("/api/v1/limits")[2])["rules"] == [
        {"rule": "api", "key": "svc-*", "limit": 5, "window_ms": 250,
         "algorithm": "log", "on_error": "local", "shadow": True},
        {"rule": "api", "key": "*", "limit": 7, "window_ms": 3600000,
         "algorithm": "gcra", "on_error": "deny", "shadow": False}]


def test_the_keys_that_are_denied_most_can_be_seen(tool, hour):
    w = Web(tool, "--no-redis", *hour)
    for key, times in (("loud", 5), ("mild", 2)):
        w.get("/check?rule=orders&key=%s&cost=10" % key)
        for _ in range(times):
            w.get("/check?rule=orders&key=%s&cost=10" % key)
    top = json.loads(w.get("/api/v1/limits")[2])["top_denied"]
    assert [(t["key"], t["denied"]) for t in top] == [("loud", 5), ("mild", 2)]


def test_a_service_without_questions_keeps_running_and_stops_in_time(tool):
    t = tool("ratelimitd", "--no-redis", "--http", "127.0.0.1:0").wait_ready()
    assert t.running()
    assert t.terminate() == 0


def test_lingering_goes_on_after_the_end_of_input(tool):
    w = Web(tool, "--no-redis", "--stdin")  # whose standard input is empty
    w.tool.wait_stderr("ev=input_end linger=true")
    assert w.get("/check?rule=api&key=a")[0] == 204
    assert w.tool.terminate() == 0


def test_memory_stays_bounded_when_keys_are_many(tool):
    t = tool("ratelimitd", "--no-redis", "--stdin", "--max-keys", "1000",
             stdin="pipe").wait_ready()
    for i in range(0, 50000, 500):
        t.write("".join(ask("api", "k%d" % (i + k)) for k in range(500)))
    t.close_stdin()
    assert t.wait() == 0
    assert all(a["allowed"] for a in t.objects())
