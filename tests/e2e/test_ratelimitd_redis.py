"""ratelimitd on a real Redis: one limit through every way in, and failures."""
import json
import os
import random
import re
import signal
import socket
import threading
import time

import pytest
import redis

import harness
from harness import run_tool, wait_until
from test_ratelimitd import HOUR

FUNCTION = harness.REPO / "ratelimitd" / "redis" / "function.lua"
RULES = "ratelimit:rules"


def ask(rule, key, **more):
    return json.dumps({"rule": rule, "key": key, **more}) + "\n"


def fcall(r, rule, key, cost=1, mode="check", prefix=""):
    return r.execute_command("FCALL", "tickwire_limit", 2, prefix + RULES,
                             "%sratelimit:%s:%s" % (prefix, rule, key), rule,
                             cost, mode)


def write_rules(path, *lines):
    path.write_text(json.dumps({"rules": list(lines)}))
    return path


@pytest.fixture
def limitd(tool, redis_server, tmp_path):
    """Start ratelimitd on the test's Redis with some rules.  It waits long for
    an answer: on a busy machine the 50 ms of the default make answers without
    Redis, which is for those tests that ask for it (timeout=None)."""
    def start(*args, lines=None, stdin="pipe", url=None, timeout="5s", **kw):
        if lines is not None:
            args += ("--rules", write_rules(tmp_path / "rules.json", *lines))
        if timeout:
            args += ("--timeout", timeout)
        return tool("ratelimitd", "--redis", url or redis_server.url,
                    "--stdin", *args, stdin=stdin, **kw).wait_ready()
    return start


def last(t, n):
    return json.loads(t.wait_lines(n)[n - 1])


# --- the same results everywhere ---

def load_with_clock(r, *rules):
    """The function with the clock in two keys, so that a test can set it, and
    with keys that outlive the real window."""
    text = FUNCTION.read_text()
    for old, new in (
            ("call('TIME')", "call('MGET', 'clock:s', 'clock:us')"),
            ("'PEXPIRE', key, r.window_ms", "'PEXPIRE', key, '3600000'"),
            ("'PX', r.window_ms", "'PX', '3600000'")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    r.function_load(text, replace=True)
    pairs = [x for name, text in rules for x in (name, text)]
    r.execute_command("FCALL", "tickwire_limit_rules", 1, RULES, "1 x", *pairs)


class PlainLog:
    """Every accepted time, looked at one by one."""

    def __init__(self, limit, window_us):
        self.limit, self.window, self.at = limit, window_us, []

    def ask(self, clock, cost, mode):
        if mode == "reset":
            self.at = []
            return [1, self.limit, self.limit, 0, 0]
        now = max([clock] + self.at[-1:])
        live = [t for t in self.at if t > now - self.window]
        used, retry, allowed = len(live), 0, 1
        if used + cost <= self.limit:
            if mode == "check" and cost:
                self.at = live = live + [now] * cost
                used = len(live)
        else:
            allowed = 0
            retry = -1 if cost > self.limit else -(
                -(live[used + cost - self.limit - 1] + self.window - clock)
                // 1000)
        reset = -(-(live[-1] + self.window - clock) // 1000) if live else 0
        return [allowed, self.limit, max(0, self.limit - used), retry, reset]


class PlainBucket:
    """GCRA in whole numbers."""

    def __init__(self, limit, window_us):
        self.limit, self.window, self.at, self.debt = limit, window_us, 0, 0

    def ask(self, clock, cost, mode):
        if mode == "reset":
            self.debt = 0
            return [1, self.limit, self.limit, 0, 0]
        full = self.limit * self.window  # in 1/limit us; a request: window
        now, debt = clock, 0
        if self.debt:
            now = max(clock, self.at)
            debt = max(0, self.debt - (now - self.at) * self.limit)
        ahead, per_ms = (now - clock) * self.limit, self.limit * 1000
        after, allowed, retry = debt + cost * self.window, 1, 0
        if after > full:
            allowed = 0
            retry = -1 if cost > self.limit else -(
                -(after - full + ahead) // per_ms)
        elif mode == "check" and cost:
            self.at, self.debt, debt = now, after, after
        return [allowed, self.limit, (full - debt) // self.window, retry,
                -(-(debt + ahead) // per_ms) if debt else 0]


@pytest.mark.parametrize("model,text", [
    (PlainLog(10, 20000), "10 20 log - *"),
    (PlainLog(100, 3000), "100 3 log - *"),
    (PlainBucket(10, 20000), "10 20 gcra - *"),
    (PlainBucket(7, 50000), "7 50 gcra - *"),
])
def test_the_function_gives_every_field_of_a_plain_model(redis_server, model,
                                                         text):
    r = redis_server.client()
    load_with_clock(r, ("api", text))
    rng = random.Random(42)
    clock, asked = 1795167582 * 1000000 + 7, []
    for start in range(0, 20000, 500):
        pipe = r.pipeline(transaction=False)
        for _ in range(500):
            clock += rng.choice([0, 0, 1, model.window, model.window - 1,
                                 rng.randrange(2000), rng.randrange(2000),
                                 rng.randrange(2000)])
            if rng.randrange(400) == 0:
                clock -= rng.randrange(30000)  # somebody sets it back
            cost = rng.choice([1] * 12 + [0, 2, model.limit, model.limit + 1])
            mode = rng.choice(["check"] * 30 + ["peek"] * 5 + ["reset"])
            asked.append(model.ask(clock, cost, mode))
            pipe.mset({"clock:s": clock // 1000000,
                       "clock:us": clock % 1000000})
            fcall(pipe, "api", "alice", cost, mode)
        got = pipe.execute()[1::2]
        assert got == asked[start:start + 500]


def test_an_entry_leaves_the_function_exactly_one_window_later(redis_server):
    r = redis_server.client()
    load_with_clock(r, ("api", "1 1000 log - *"))
    second = 1795167582

    def at(s, us):
        r.mset({"clock:s": s, "clock:us": us})
        return fcall(r, "api", "a")[0]

    assert at(second, 5) == 1
    assert at(second + 1, 4) == 0
    assert at(second + 1, 5) == 1
    assert at(second + 2, 6) == 1


def test_many_old_entries_are_forgotten_in_few_steps(redis_server):
    r = redis_server.client()
    load_with_clock(r, ("api", "5000 1000 log - *"))
    second = 1795167582
    r.mset({"clock:s": second, "clock:us": 0})
    assert fcall(r, "api", "a", 3000)[:3] == [1, 5000, 2000]
    r.mset({"clock:s": second, "clock:us": 900000})
    assert fcall(r, "api", "a", 1500)[:3] == [1, 5000, 500]
    r.mset({"clock:s": second + 1, "clock:us": 0})
    r.config_resetstat()
    assert fcall(r, "api", "a")[:3] == [1, 5000, 3499]
    stats = r.info("commandstats")
    assert stats["cmdstat_lindex"]["calls"] < 20
    assert r.llen("ratelimit:api:a") == 1501


def test_the_function_and_memory_answer_the_same_stream_the_same(
        limitd, redis_server):
    lines = [{"rule": "api", "limit": 20, "window": "10m"},
             {"rule": "one", "key": "a*", "limit": 1, "window": "10m"},
             {"rule": "one", "limit": 3, "window": "10m", "shadow": True},
             {"rule": "big", "limit": 50, "window": "1d",
              "algorithm": "gcra"}]
    t = limitd("--no-deny-cache", lines=lines)
    rng = random.Random(1)
    text = ""
    for i in range(2000):
        more = {"id": i, "key": rng.choice(["alice", "bob", "carl"])}
        if rng.randrange(5) == 0:
            more["rules"] = rng.sample(["api", "one", "big"], 2)
        else:
            more["rule"] = rng.choice(["api", "one", "big"])
        if rng.randrange(3) == 0:
            more["cost"] = rng.choice([0, 2, 21, 51])
        if rng.randrange(10) == 0:
            more["mode"] = rng.choice(["peek", "reset"])
        text += json.dumps(more) + "\n"
    t.write(text)
    t.close_stdin()
    assert t.wait(60) == 0
    memory = run_tool("ratelimitd", "--no-redis", "--stdin", "--rules",
                      t.argv[t.argv.index("--rules") + 1], stdin=text.encode())

    def bare(a):
        """Without what depends on when each of the two runs was, and so on
        which of two denied rules has the longer wait."""
        if "rules" in a:
            return a["id"], a["allowed"], [bare(x) for x in a["rules"]]
        return {k: v for k, v in a.items()
                if k not in ("source", "reset_ms") and
                not (k == "retry_after_ms" and v > 0)}

    assert not any("degraded" in a for a in t.objects())
    assert [bare(a) for a in t.objects()] == [bare(a) for a in
                                              memory.objects()]


# --- exactly N ---

def test_fifty_callers_over_all_ways_in_get_exactly_the_limit(
        limitd, redis_server, tool):
    port = harness.free_port()
    lines = [{"rule": "api", "limit": 300, "window": "10m"}]
    t = limitd("--http", "127.0.0.1:%d" % port, lines=lines)
    other = limitd(lines=lines)
    allowed, lock = [], threading.Lock()

    def count(n):
        with lock:
            allowed.append(n)

    def by_function():
        r = redis.Redis("127.0.0.1", redis_server.port)
        count(sum(fcall(r, "api", "a")[0] for _ in range(20)))
        r.close()

    def by_http():
        url = "http://127.0.0.1:%d/check?rule=api&key=a" % port
        count(sum(harness.http_get(url)[0] == 204 for _ in range(20)))

    def by_queue(i):
        r = redis.Redis("127.0.0.1", redis_server.port)
        reply = "reply:%d" % i
        for _ in range(20):
            r.rpush("ratelimit:requests", json.dumps({
                "rule": "api", "key": "a", "reply": reply,
                "expires_ms": int(time.time() * 1000) + 60000}))
        got = [json.loads(r.blpop(reply, harness.deadline(10))[1])
               for _ in range(20)]
        assert 0 < r.pttl(reply) <= 60000 or r.exists(reply) == 0
        count(sum(a["allowed"] for a in got))
        r.close()

    threads = ([threading.Thread(target=by_function) for _ in range(20)] +
               [threading.Thread(target=by_http) for _ in range(20)] +
               [threading.Thread(target=by_queue, args=(i,))
                for i in range(10)])
    for th in threads:
        th.start()
    t.write(ask("api", "a") * 200)
    other.write(ask("api", "a") * 200)
    for th in threads:
        th.join(harness.deadline(60))
    t.wait_lines(200, 20)
    other.wait_lines(200, 20)
    assert len(allowed) == 50
    answers = t.objects() + other.objects()
    assert sum(allowed) + sum(a["allowed"] for a in answers) == 300


def test_never_more_than_the_limit_in_any_window_on_the_real_clock(limitd,
                                                                   redis_server):
    limitd(lines=[{"rule": "api", "limit": 5, "window": "100ms"}])
    r = redis_server.client()
    taken = []

    def forty():
        if fcall(r, "api", "a")[0]:
            taken.extend(int(us) for us in r.lrange("ratelimit:api:a", -1, -1))
        return len(taken) >= 40

    wait_until(forty, 20, "forty that were allowed", every=0)
    assert all(b - a >= 100000 for a, b in zip(taken, taken[5:]))


def test_who_waits_for_retry_after_is_always_admitted(limitd, redis_server):
    t = limitd(lines=[{"rule": "api", "limit": 3, "window": "80ms"}])
    n, waits = 0, 0
    for _ in range(1000):
        # Together, so that they meet in one window on a slow machine too.
        t.write(ask("api", "a") * 4)
        n += 4
        a = last(t, n)
        if a["allowed"]:
            continue
        waits += 1
        # Not a wait for something to settle: the wait is what is tested.
        time.sleep(a["retry_after_ms"] / 1000)
        n += 1
        t.write(ask("api", "a"))
        assert last(t, n)["allowed"], (a, last(t, n))
        if waits == 10:
            break
    assert waits == 10


def test_keys_live_a_window_and_hold_accepted_entries_only(limitd,
                                                           redis_server):
    limitd(lines=HOUR)
    r = redis_server.client()
    for _ in range(30):
        fcall(r, "orders", "a")
        fcall(r, "api", "a")
    assert r.llen("ratelimit:api:a") == 30
    assert r.llen("ratelimit:orders:a") == 10
    for key in ("ratelimit:api:a", "ratelimit:orders:a"):
        assert 3000000 < r.pttl(key) <= 3600000


def test_the_prefix_goes_in_front_of_every_key(limitd, redis_server):
    t = limitd("--prefix", "eu:")
    t.write(ask("api", "a"))
    assert last(t, 1)["source"] == "redis"
    r = redis_server.client()
    wait_until(lambda: r.exists("eu:ratelimit:instances"), 5, "signed on")
    names = {k.decode() for k in r.keys("*")}
    assert all(n.startswith("eu:") for n in names), names
    assert {"eu:ratelimit:rules", "eu:ratelimit:api:a"} <= names
    assert fcall(r, "api", "a", prefix="eu:")[2] == 98


# --- the function, called by others ---

def test_the_function_refuses_what_it_cannot_answer(limitd, redis_server):
    limitd()
    r = redis_server.client()
    call = lambda *a: r.execute_command("FCALL", "tickwire_limit", *a)
    for args, says in (
            ((2, RULES, "ratelimit:zz:a", "zz", 1), "unknown rule"),
            ((2, RULES, "ratelimit:@stamp:a", "@stamp", 1), "unknown rule"),
            ((2, RULES, "ratelimit:orders:a", "api", 1), "not one of this rule"),
            ((2, RULES, "ratelimit:api:", "api", 1), "not one of this rule"),
            ((2, RULES, "ratelimit:api:" + "k" * 300, "api", 1), "not one of"),
            ((2, RULES, "ratelimit:api:a", "api", -1), "cost"),
            ((2, RULES, "ratelimit:api:a", "api", "1.5"), "cost"),
            ((2, RULES, "ratelimit:api:a", "api", "many"), "cost"),
            ((2, RULES, "ratelimit:api:a", "api"), "cost"),
            ((2, RULES, "ratelimit:api:a", "api", 1, "take"), "mode"),
            ((2, RULES, "ratelimit:api:a"), "unknown rule"),
            ((1, RULES, "api", 1), "two keys")):
        with pytest.raises(redis.ResponseError, match=says):
            call(*args)
    assert r.keys("ratelimit:api:*") == []


def test_the_window_is_told_to_those_who_ask_for_it(limitd, redis_server):
    limitd(lines=[{"rule": "l", "limit": 5, "window": "90s"},
                  {"rule": "s", "limit": 0, "window": "1s", "shadow": True}])
    r = redis_server.client()

    def with_window(rule, mode):
        return r.execute_command("FCALL", "tickwire_limit", 2, RULES,
                                 "ratelimit:%s:a" % rule, rule, 1, mode,
                                 "window")

    assert with_window("l", "check") == [1, 5, 4, 0, 90000, 0, 90000]
    assert with_window("s", "check") == [1, 0, 0, 0, 0, 1, 1000]
    assert with_window("l", "reset") == [1, 5, 5, 0, 0, 0, 90000]
    # Callers that take exactly these keep working.
    assert fcall(r, "l", "a") == [1, 5, 4, 0, 90000]
    assert fcall(r, "s", "a") == [1, 0, 0, 0, 0, 1]
    with pytest.raises(redis.ResponseError, match="unknown rule"):
        with_window("zz", "check")


def test_a_key_of_the_other_algorithm_counts_as_empty(limitd, redis_server):
    limitd(lines=[{"rule": "l", "limit": 5, "window": "1m"},
                  {"rule": "g", "limit": 5, "window": "1m",
                   "algorithm": "gcra"}])
    r = redis_server.client()
    r.set("ratelimit:l:a", "1795167582072500 77")
    r.rpush("ratelimit:g:a", "1795167582072500")
    assert fcall(r, "l", "a")[:3] == [1, 5, 4]
    assert fcall(r, "g", "a")[:3] == [1, 5, 4]


def test_several_rules_are_charged_together_or_not_at_all(limitd,
                                                          redis_server):
    limitd(lines=HOUR)
    r = redis_server.client()

    def many(*pairs, mode="check"):
        keys = ["ratelimit:%s:a" % rule for rule, _ in pairs]
        return r.execute_command(
            "FCALL", "tickwire_limit_many", 1 + len(keys), RULES, *keys, mode,
            *[x for p in pairs for x in p])

    got = many(("api", 5), ("orders", 11))
    assert got[0] == 0 and got[1][:3] == [1, 100, 100]
    assert got[2] == [0, 10, 10, -1, 0]
    got = many(("api", 5), ("orders", 10))
    assert got[0] == 1 and [v[2] for v in got[1:]] == [95, 0]
    got = many(("api", 5), ("orders", 1))
    assert got[0] == 0 and fcall(r, "api", "a", 0)[2] == 95
    with pytest.raises(redis.ResponseError, match="named twice"):
        many(("api", 1), ("api", 1))
    with pytest.raises(redis.ResponseError, match="unknown rule"):
        many(("api", 1), ("zz", 1))
    assert many(("api", 1), ("orders", 1), mode="reset")[0] == 1
    assert fcall(r, "api", "a", 0)[2] == 100


# --- holes are mended ---

@pytest.mark.parametrize("hole", [
    lambda r: r.flushall(),
    lambda r: r.execute_command("FUNCTION", "FLUSH"),
    lambda r: r.execute_command("FUNCTION", "DELETE", "tickwire_limit"),
    lambda r: r.delete(RULES),
    lambda r: (r.flushall(), r.execute_command("FUNCTION", "FLUSH")),
], ids=["flushall", "function flush", "function delete", "del rules", "both"])
def test_a_hole_is_mended_before_the_next_question_is_answered(
        limitd, redis_server, hole):
    t = limitd()
    r = redis_server.client()
    for n in (1, 2, 3):
        hole(r)
        t.write(ask("api", "k%d" % n))
        a = last(t, n)
        assert a["allowed"] and a["source"] == "redis", (a, t.stderr)
    # Nobody asks, and it is mended all the same.
    hole(r)
    wait_until(lambda: called(r), 6, "the function is back")


@pytest.mark.parametrize("hole", [
    lambda r: r.delete(RULES),
    lambda r: r.execute_command("FUNCTION", "FLUSH"),
], ids=["del rules", "function flush"])
def test_a_hole_is_mended_for_several_rules_at_once(limitd, redis_server,
                                                    hole):
    t = limitd()
    hole(redis_server.client())
    t.write(json.dumps({"rules": ["api", "orders"], "key": "a"}) + "\n")
    a = last(t, 1)
    assert a["allowed"] and a["source"] == "redis", (a, t.stderr)


def called(r):
    try:
        return fcall(r, "api", "probe", 0)
    except redis.ResponseError:
        return None


def test_a_restart_of_redis_is_mended_within_seconds(limitd, redis_server):
    t = limitd()
    t.write(ask("api", "a"))
    assert last(t, 1)["source"] == "redis"
    redis_server.restart()
    r = redis_server.client()
    wait_until(lambda: called(r), 6, "the function is back")
    n = len(t.lines)

    def from_redis():
        k = len(t.lines)
        t.write(ask("api", "b"))
        return last(t, k + 1)["source"] == "redis"

    wait_until(from_redis, 5, "answers come from Redis again")
    assert n == 1 and t.running()


def with_version(n):
    text, times = re.subn(r"local VERSION = \d+\n", "local VERSION = %d\n" % n,
                          FUNCTION.read_text())
    assert times == 1
    return text


def test_an_older_function_is_replaced_and_a_newer_one_kept(limitd,
                                                            redis_server):
    r = redis_server.client()
    text = FUNCTION.read_text()
    r.function_load(with_version(1))
    limitd()
    assert r.function_list(library="tickwire_limit",
                           withcode=True)[0][-1] == text.encode()
    newer = with_version(99)
    r.function_load(newer, replace=True)
    t = limitd()
    t.wait_stderr("ev=function_newer")
    assert r.function_list(library="tickwire_limit",
                           withcode=True)[0][-1] == newer.encode()


# --- rules ---

def test_a_reload_by_signal_or_channel_holds_for_every_caller(
        limitd, redis_server, tmp_path):
    t = limitd(lines=[{"rule": "api", "limit": 5, "window": "1m"}])
    r = redis_server.client()
    assert fcall(r, "api", "a")[1] == 5
    write_rules(tmp_path / "rules.json",
                {"rule": "api", "limit": 6, "window": "1m"})
    t.signal(signal.SIGHUP)
    wait_until(lambda: fcall(r, "api", "a", 0)[1] == 6, 5, "limit 6")
    write_rules(tmp_path / "rules.json",
                {"rule": "api", "key": "a", "limit": 7, "window": "1m"})
    wait_until(lambda: r.publish("ratelimit:config", "reload") == 1, 5,
               "ratelimitd listens")
    wait_until(lambda: fcall(r, "api", "a", 0)[1] == 7, 5, "limit 7")
    with pytest.raises(redis.ResponseError, match="unknown rule"):
        fcall(r, "api", "b")
    (tmp_path / "rules.json").write_text("{}")
    t.signal(signal.SIGHUP)
    t.wait_stderr("ev=reload_failed")
    assert fcall(r, "api", "a", 0)[1] == 7


def test_of_two_instances_the_later_rules_win_and_stay(limitd, redis_server,
                                                       tool, tmp_path):
    old = limitd(lines=[{"rule": "api", "limit": 5, "window": "1m"}])
    other = write_rules(tmp_path / "other.json",
                        {"rule": "api", "limit": 6, "window": "1m"})
    tool("ratelimitd", "--redis", redis_server.url, "--linger", "--rules",
         other).wait_ready()
    r = redis_server.client()
    wait_until(lambda: fcall(r, "api", "a", 0)[1] == 6, 5, "limit 6")
    old.wait_stderr("ev=rules_newer", 8)
    assert fcall(r, "api", "a", 0)[1] == 6


def test_an_instance_without_rules_takes_those_that_are_there(
        limitd, redis_server, tmp_path):
    """It wrote the built-in ones over those of everybody else."""
    lines = [{"rule": "mine", "limit": 5, "window": "1m"}]
    owner = limitd(lines=lines)
    r = redis_server.client()
    check = run_tool("ratelimitd", "--redis", redis_server.url, "--timeout",
                     "5s", "--check", "mine", "a")
    assert check.proc.returncode == 0 and check.objects()[0]["limit"] == 5
    t = limitd()
    t.write(ask("mine", "a") + ask("api", "a"))
    t.wait_lines(2)
    assert t.objects()[0]["remaining"] == 3 and "error" in t.objects()[1]
    assert fcall(r, "mine", "a", 0)[1] == 5
    write_rules(tmp_path / "rules.json",
                {"rule": "mine", "limit": 6, "window": "1m"})
    owner.signal(signal.SIGHUP)
    wait_until(lambda: fcall(r, "mine", "a", 0)[1] == 6, 5, "limit 6")
    wait_until(lambda: t.stderr.count("ev=rules_taken count=1\n") == 2, 5,
               "the new ones are taken too")
    # It also keeps them there when their owner is gone.
    assert owner.terminate() == 0
    r.flushall()
    wait_until(lambda: r.hget(RULES, "mine"), 6, "the rules are back")
    assert fcall(r, "mine", "a", 0)[1] == 6


def test_older_rules_in_redis_are_replaced(limitd, redis_server):
    """An older instance has come back with a copy of Redis, say."""
    t = limitd(lines=[{"rule": "api", "limit": 5, "window": "1m"}])
    r = redis_server.client()
    assert fcall(r, "api", "a")[1] == 5
    r.hset(RULES, mapping={"@stamp": "1 old", "api": "9 1000 log - *"})
    t.wait_stderr('ev=rules_restored why="older ones were there"', 8)
    wait_until(lambda: fcall(r, "api", "a", 0)[1] == 5, 5, "limit 5")


def test_sighup_without_a_file_takes_what_is_in_redis(limitd, redis_server,
                                                      tmp_path):
    limitd(lines=[{"rule": "mine", "limit": 5, "window": "1m"}])
    t = limitd()
    t.wait_stderr("ev=rules_taken count=1")
    t.signal(signal.SIGHUP)
    wait_until(lambda: t.stderr.count("ev=rules_taken count=1") == 2, 5,
               "it looks again")
    t.write(ask("mine", "a"))
    assert last(t, 1)["limit"] == 5


@pytest.mark.parametrize("write,says", [
    (lambda r: r.hset(RULES, "api", "nonsense"), "ev=rules_unreadable"),
    (lambda r: r.set(RULES, "not a hash"), 'doing="reading the rules"'),
])
def test_rules_in_redis_that_cannot_be_read_are_told(redis_server, tool, write,
                                                     says):
    write(redis_server.client())
    t = tool("ratelimitd", "--redis", redis_server.url, "--stdin",
             stdin="pipe")
    t.wait_stderr(says)
    t.write(ask("api", "a"))
    t.wait_lines(1)
    # Its own rules, since those of Redis cannot be asked.
    assert t.objects()[0]["limit"] == 100


def test_a_queue_of_another_kind_is_told_once(redis_server, tool):
    redis_server.client().set("ratelimit:requests", "not a list")
    t = tool("ratelimitd", "--redis", redis_server.url, "--stdin",
             stdin="pipe").wait_ready()
    t.wait_stderr("doing=BLMPOP")
    t.write(ask("api", "a"))
    assert last(t, 1)["allowed"]
    assert t.stderr.count("doing=BLMPOP") == 1


# --- when Redis does not answer ---

LOCAL = [{"rule": "api", "limit": 100, "window": "1m", "on_error": "local"},
         {"rule": "orders", "limit": 10, "window": "1s", "on_error": "deny"},
         {"rule": "free", "limit": 1, "window": "1m", "on_error": "allow"}]


def check_degraded(t, first):
    t.write(ask("api", "a") + ask("orders", "a") + ask("free", "a") * 2)
    t.wait_lines(first + 4)
    got = [json.loads(ln) for ln in t.lines[first:first + 4]]
    assert all(a["degraded"] and a["source"] == "local" for a in got), got
    assert [a["allowed"] for a in got] == [True, False, True, True]
    return got


def test_without_redis_at_start_each_rule_does_what_it_says(tool, tmp_path,
                                                            redis_absent):
    t = tool("ratelimitd", "--redis", redis_absent.url, "--stdin", "--rules",
             write_rules(tmp_path / "r.json", *LOCAL), "--timeout", "5s",
             stdin="pipe").wait_ready()
    check_degraded(t, 0)
    t.wait_stderr("ev=redis_down")
    redis_absent.start()

    def from_redis():
        k = len(t.lines)
        t.write(ask("api", "b"))
        return last(t, k + 1)["source"] == "redis"

    wait_until(from_redis, 8, "answers come from Redis")


def test_the_local_limit_knows_what_redis_allowed_before(limitd, redis_server):
    t = limitd(lines=LOCAL)
    t.write(ask("api", "a") * 60)
    t.wait_lines(60)
    redis_server.kill()
    t.wait_stderr("ev=redis_down")
    t.write(ask("api", "a") * 60)
    t.wait_lines(120)
    late = t.objects()[60:]
    assert all(a["degraded"] for a in late)
    assert sum(a["allowed"] for a in t.objects()) == 100


def test_the_local_limit_is_shared_out_among_instances(limitd, redis_server):
    t = limitd(lines=LOCAL, timeout=None)
    limitd(lines=LOCAL, timeout=None)
    r = redis_server.client()
    wait_until(lambda: r.zcard("ratelimit:instances") == 2, 8, "two are seen")

    def half():
        """Known once its own look at Redis has come round."""
        r.execute_command("CLIENT", "PAUSE", 200, "ALL")
        k = len(t.lines)
        t.write(ask("api", "x", mode="peek"))
        return last(t, k + 1)["limit"] == 50

    wait_until(half, 10, "half the limit each", every=0.5)


def test_a_paused_redis_costs_fifty_milliseconds_at_most(limitd, redis_server):
    t = limitd(lines=LOCAL, timeout=None)
    t.write(ask("api", "a"))
    assert last(t, 1)["source"] == "redis"
    r = redis_server.client()
    r.execute_command("CLIENT", "PAUSE", 3000, "ALL")
    took = []
    for n in range(2, 12):
        began = time.monotonic()
        t.write(ask("api", "a"))
        a = json.loads(wait_until(lambda: t.lines[n - 1:n], 5, "an answer",
                                  every=0.0005)[0])
        took.append(time.monotonic() - began)
        assert a["degraded"] and a["allowed"]
    took.sort()
    # The median is the tool's; the worst may be this machine's.
    assert took[len(took) // 2] < 0.05 * harness.SLOW, took
    t.wait_stderr("ev=breaker_open")
    # Behind the breaker nobody waits.
    assert took[0] < 0.02 * harness.SLOW, took

    def from_redis():
        k = len(t.lines)
        t.write(ask("api", "a"))
        return last(t, k + 1)["source"] == "redis"

    wait_until(from_redis, 10, "answers come from Redis again")


def test_a_stopped_redis_is_survived_and_found_again(limitd, redis_server):
    t = limitd(lines=LOCAL, timeout=None)
    t.write(ask("api", "a"))
    last(t, 1)
    redis_server.freeze()
    check_degraded(t, 1)
    redis_server.thaw()

    def from_redis():
        k = len(t.lines)
        t.write(ask("api", "a"))
        return last(t, k + 1)["source"] == "redis"

    wait_until(from_redis, 12, "answers come from Redis again")


def test_an_error_of_redis_is_not_an_allow(limitd, redis_server):
    t = limitd(lines=LOCAL)
    r = redis_server.client()
    r.config_set("maxmemory", 1)  # -OOM for every call that may write
    t.write(ask("orders", "a"))
    a = last(t, 1)
    assert a["degraded"] and not a["allowed"]
    r.config_set("maxmemory", 0)
    t.write(ask("orders", "a"))
    assert last(t, 2)["source"] == "redis"


def test_http_says_when_it_is_degraded_and_ready_fails(limitd, redis_server):
    port = harness.free_port()
    limitd("--http", "127.0.0.1:%d" % port, lines=LOCAL)
    base = "http://127.0.0.1:%d" % port
    assert harness.http_get(base + "/ready")[0] == 200
    redis_server.kill()
    wait_until(lambda: harness.http_get(base + "/ready")[0] == 503, 5,
               "not ready")
    assert harness.http_get(base + "/check?rule=api&key=a")[0] == 204
    assert harness.http_get(base + "/check?rule=orders&key=a")[0] == 403
    status, body = harness.http_get(base + "/health")
    assert status == 200 and json.loads(body)["status"] == "degraded"
    text = harness.http_get(base + "/metrics")[1]
    assert harness.metric(text, "tickwire_ratelimitd_degraded_total",
                          rule="orders") == 1


def test_require_redis_exits_69_and_a_refusal_77(redis_absent, redis_server,
                                                 tmp_path):
    t = run_tool("ratelimitd", "--redis", redis_absent.url, "--require-redis")
    assert t.proc.returncode == 69
    server = harness.RedisServer(tmp_path / "locked")
    server.password = "secret"
    server.start("--requirepass", "secret")
    try:
        t = run_tool("ratelimitd", "--redis", server.url)
        assert t.proc.returncode == 77
    finally:
        server.stop()
    r = redis_server.client()
    r.execute_command("ACL", "SETUSER", "nofunc", "on", ">pw", "~*", "&*",
                      "+@all", "-function", "-fcall")
    t = run_tool("ratelimitd", "--redis",
                 "redis://nofunc:pw@127.0.0.1:%d" % redis_server.port)
    assert t.proc.returncode == 77, t.stderr


# --- the queue ---

def test_the_queue_drops_what_nobody_waits_for_and_charges_nothing(
        limitd, redis_server):
    port = harness.free_port()
    limitd("--http", "127.0.0.1:%d" % port)
    r = redis_server.client()
    now = int(time.time() * 1000)
    r.rpush("ratelimit:requests",
            json.dumps({"rule": "api", "key": "a", "reply": "r",
                        "expires_ms": now - 1}),
            "nonsense",
            json.dumps({"rule": "zz", "key": "a", "reply": "r", "id": 1,
                        "expires_ms": now + 60000}),
            json.dumps({"rules": ["api", "orders"], "key": "a", "reply": "r",
                        "id": "two", "expires_ms": now + 60000}))
    got = [json.loads(r.blpop("r", harness.deadline(5))[1]) for _ in range(2)]
    assert got[0] == {"id": 1, "error": "unknown rule 'zz'"}
    assert got[1]["id"] == "two" and got[1]["allowed"]
    assert fcall(r, "api", "a", 0)[2] == 99
    text = harness.http_get("http://127.0.0.1:%d/metrics" % port)[1]
    assert harness.metric(text, "tickwire_ratelimitd_queue_expired_total") == 1
    assert harness.metric(text, "tickwire_ratelimitd_queue_bad_total") == 1
    assert r.llen("r") == 0


def test_a_bad_request_is_answered_where_it_says_where(limitd, redis_server):
    t = limitd()
    r = redis_server.client()
    good = {"rule": "api", "key": "a", "reply": "r",
            "expires_ms": int(time.time() * 1000) + 60000}
    r.rpush("ratelimit:requests",
            json.dumps({**good, "id": "\x01" * 64}),
            json.dumps({**good, "expires_ms": "soon"}),
            json.dumps({**good, "reply": ""}),
            json.dumps({**good, "id": 4, "cost": -1}),
            json.dumps({**good, "id": 5}))
    got = [json.loads(r.blpop("r", harness.deadline(5))[1]) for _ in range(4)]
    assert got[0] == {"error": "id has too many escapes"}
    assert "expires_ms" in got[1]["error"]
    assert got[2]["id"] == 4 and "cost" in got[2]["error"]
    assert got[3]["id"] == 5 and got[3]["allowed"]
    assert t.stderr.count("ev=bad_request") == 4


# --- the life of it ---

def test_an_instance_is_seen_while_it_runs_and_gone_after(limitd,
                                                          redis_server):
    t = limitd()
    r = redis_server.client()
    key = wait_until(lambda: r.keys("instance:ratelimitd:*"), 5, "instance")[0]
    assert json.loads(r.get(key))["pid"] == t.pid
    wait_until(lambda: r.zcard("ratelimit:instances") == 1, 5, "signed on")
    assert t.terminate() == 0
    assert not r.exists(key)
    assert r.zcard("ratelimit:instances") == 0


def test_questions_in_flight_are_answered_before_a_stop(limitd, redis_server):
    t = limitd()
    for i in range(20):
        t.write(ask("api", "k%d" % i) * 50)
    t.wait_lines(1)
    assert t.terminate() == 0
    assert len(t.lines) >= 1
    assert all("allowed" in a for a in t.objects())


def test_a_redis_that_hangs_holds_up_no_stop_and_no_answer(limitd,
                                                           redis_server):
    t = limitd("--timeout", "5s")
    redis_server.freeze()
    t.write(ask("api", "k") * 3)
    t.wait_read()
    assert t.terminate(10) == 0
    assert "ev=drain_timeout" not in t.stderr
    assert [a["degraded"] for a in t.objects()] == [True] * 3


def stop_with_a_lost_link(limitd, server):
    """Seconds from SIGTERM to the end, where Redis hangs, is asked by HTTP
    after the stop has begun, and dies."""
    port = harness.free_port()
    t = limitd("--http", "127.0.0.1:%d" % port)

    def asked():
        text = harness.http_get("http://127.0.0.1:%d/metrics" % port)[1]
        return harness.metric(text, "tickwire_ratelimitd_in_flight") == 1

    server.freeze()
    with socket.create_connection(("127.0.0.1", port)) as late:
        began = time.monotonic()
        t.signal(signal.SIGTERM)
        wait_until(lambda: "ev=stop " in t.stderr, 5, "the stop", 0.001)
        late.sendall(b"GET /check?rule=api&key=a HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(asked, 5, "Redis is asked", 0.001)
        server.kill()
        assert t.wait() == 0
    return time.monotonic() - began


def test_a_link_that_is_lost_during_the_stop_ends_it(limitd, redis_server):
    """Nothing can answer any more, so the second for a Redis that hangs is not
    sat out.  On a busy machine a try may take that long all the same."""
    for _ in range(5):
        if stop_with_a_lost_link(limitd, redis_server) < 1:
            return
        redis_server.start()
    pytest.fail("every stop took its whole second")


def test_everything_read_is_answered_at_the_end_of_input(redis_server):
    text = "".join(ask("api", "k%d" % (i % 300), id=i) for i in range(20000))
    t = run_tool("ratelimitd", "--redis", redis_server.url, "--stdin",
                 stdin=text.encode(), seconds=60)
    assert t.proc.returncode == 0
    assert [a["id"] for a in t.objects()] == list(range(20000))


def test_a_denial_is_answered_from_memory_and_a_reset_forgets_it(limitd):
    t = limitd()
    t.write(ask("api", "a", cost=100))
    last(t, 1)
    for n in (2, 3, 4):
        t.write(ask("api", "a"))
        last(t, n)
    assert [a["source"] for a in t.objects()[1:4]] == ["redis", "cache",
                                                       "cache"]
    t.write(ask("api", "a", mode="reset") + ask("api", "a"))
    assert last(t, 6)["allowed"] or last(t, 6)["source"] == "cache"
    t.write(ask("api", "a"))
    assert last(t, 7)["allowed"]


def test_http_is_answered_while_a_slow_reader_holds_up_the_stop(limitd):
    """The links to Redis are closed by then."""
    reader, writer = os.pipe()
    port = harness.free_port()
    at = "http://127.0.0.1:%d" % port
    t = limitd("--http", "127.0.0.1:%d" % port, stdout=writer)
    os.close(writer)
    t.write(ask("api", "k", id="x" * 60) * 2000)  # more than a pipe holds
    harness.wait_until(
        lambda: json.loads(harness.http_get(at + "/health")[1])["questions"]
        >= 2000, 10, "the questions are answered")
    t.signal(signal.SIGTERM)
    seen = []

    def closed():
        seen.append(json.loads(harness.http_get(at + "/health")[1]))
        return seen[-1]["redis"] == "disconnected"

    harness.wait_until(closed, 3, "the links are closed", every=0.001)
    for _ in range(3):
        status, _body = harness.http_get(at + "/check?rule=api&key=other")
        assert status == 204, t.stderr[-4000:]
    while os.read(reader, 65536):
        pass
    os.close(reader)
    assert t.wait(5) == 0, t.stderr[-4000:]
