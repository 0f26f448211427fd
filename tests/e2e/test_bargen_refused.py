"""bargen and what Redis refuses: told, tried again, and nothing is lost."""
import json

import pytest

from harness import free_port, http_get, metric, wait_until
from test_bargen_redis import (T0, Journal, history, shard_of, trade,
                               wait_bar)

SHARD = shard_of("X")
STATE = "bargen:state:%d" % SHARD


@pytest.fixture
def journal(redis_server):
    return Journal(redis_server.client(), SHARD)


@pytest.fixture
def bargen(tool, redis_server):
    """bargen("--flag", user="name:password") -> a Tool that is starting."""
    def start(*args, user=None):
        url = redis_server.url
        if user:
            url = url.replace("://", "://%s@" % user)
        return tool("bargen", "--redis", url, *args)
    return start


def test_a_state_that_cannot_be_read_is_waited_for(redis_server, bargen,
                                                   journal):
    """Starting without it would count trades twice that are in it."""
    r = redis_server.client()
    r.set(STATE, "not a hash")
    journal.add(trade(T0))
    b = bargen()
    b.wait_stderr("ev=state_unreadable shard=%d" % SHARD)
    # It asks again, on a fresh link.
    wait_until(lambda: b.stderr.count("ev=state_unreadable") >= 2, 6,
               "it asks again")
    assert not b.is_ready()
    assert r.exists("last:bars:X:1") == 0
    r.delete(STATE)
    b.wait_ready()
    assert wait_bar(r, lambda bar: bar["count"] == 1)["volume"] == 1


def test_a_checkpoint_that_is_refused_comes_again_whole(redis_server, bargen,
                                                        journal):
    r = redis_server.client()
    r.execute_command("ACL", "SETUSER", "bars", "on", ">pw", "~*", "&*",
                      "+@all", "-zremrangebyrank")
    sub = redis_server.subscriber("bars:X:1")
    port = free_port()
    b = bargen("--final-only", "--http", "127.0.0.1:%d" % port,
               user="bars:pw").wait_ready()
    journal.add(trade(T0), trade(T0 + 60250))
    b.wait_stderr("EXECABORT")
    assert "ev=checkpoint_refused why=\"NOPERM" in b.stderr
    assert history(r) == [] and sub.poll() == []
    r.execute_command("ACL", "SETUSER", "bars", "+zremrangebyrank")
    wait_until(lambda: len(history(r)) == 1, 6, "the bar is stored")
    wait_until(lambda: metric(
        http_get("http://127.0.0.1:%d/metrics" % port)[1],
        "tickwire_bargen_checkpoint_retries_total") >= 1, 5, "it is counted")
    assert b.terminate() == 0
    assert [bar["count"] for bar in history(r)] == [1]
    assert len(sub.wait(1)) == 1


def test_a_command_that_is_refused_in_a_checkpoint_is_told(redis_server,
                                                           bargen, journal):
    """The rest of the checkpoint holds: Redis has no rollback."""
    r = redis_server.client()
    r.set("bars:history:X:1", "not a sorted set")
    sub = redis_server.subscriber("bars:X:1")
    b = bargen("--final-only").wait_ready()
    journal.add(trade(T0), trade(T0 + 60250))
    b.wait_stderr("ev=checkpoint_refused")
    assert "WRONGTYPE" in b.stderr
    assert json.loads(sub.wait(1)[0][1])["bar"]["count"] == 1
    r.delete("bars:history:X:1")
    journal.add(trade(T0 + 120250))
    wait_until(lambda: len(history(r)) == 1, 5, "the next bar is stored")


def test_a_journal_of_another_kind_is_told_and_waited_for(redis_server,
                                                          bargen, journal):
    r = redis_server.client()
    r.set(journal.key, "not a stream")
    at = "127.0.0.1:%d" % free_port()
    b = bargen("--http", at)
    b.wait_stderr("ev=journal_unreadable")
    wait_until(lambda: b.stderr.count("ev=journal_unreadable") >= 3, 8,
               "it tries again")
    r.delete(journal.key)
    journal.add(trade(T0))
    wait_bar(r, lambda bar: bar["count"] == 1)


def test_a_journal_is_not_read_before_it_could_be_checked(redis_server, bargen,
                                                          journal):
    """What was trimmed meanwhile would be missing from a bar that does not say
    so."""
    r = redis_server.client()
    r.execute_command("ACL", "SETUSER", "bars", "on", ">pw", "~*", "&*",
                      "+@all")
    b = bargen(user="bars:pw").wait_ready()
    journal.add(trade(T0))
    wait_bar(r, lambda bar: bar["count"] == 1)
    assert b.terminate() == 0
    journal.add(trade(T0 + 1))
    journal.add(trade(T0 + 2))
    r.xtrim(journal.key, 1, approximate=False)
    r.execute_command("ACL", "SETUSER", "bars", "-xinfo")
    b = bargen(user="bars:pw")
    b.wait_stderr("ev=journal_unreadable")
    r.execute_command("ACL", "SETUSER", "bars", "+xinfo")
    bar = wait_bar(r, lambda bar: bar["count"] == 2)
    assert bar["gap"] is True
    b.wait_stderr("ev=journal_trimmed")
    assert b.stderr.index("ev=journal_trimmed") < b.stderr.index("ev=ready")


@pytest.mark.parametrize("denied,sink", [
    ("xinfo", "--stdout"), ("xinfo", "--final-only"),
    ("hgetall", "--final-only")])
def test_require_redis_means_its_permission_too(redis_server, bargen, denied,
                                                sink):
    r = redis_server.client()
    r.execute_command("ACL", "SETUSER", "bars", "on", ">pw", "~*", "&*",
                      "+@all", "-" + denied)
    b = bargen(sink, "--require-redis", user="bars:pw")
    assert b.wait(8) == 77
    assert "refused us: NOPERM" in b.stderr.splitlines()[-1]
    # Without it, somebody may permit it later.
    b = bargen(sink, user="bars:pw")
    b.wait_stderr("NOPERM")
    assert not b.is_ready()
    r.execute_command("ACL", "SETUSER", "bars", "+" + denied)
    b.wait_ready()


@pytest.mark.parametrize("sink", ["--stdout", "--final-only"])
def test_a_redis_that_answers_with_another_error_is_there(redis_server, bargen,
                                                          journal, sink):
    r = redis_server.client()
    r.set(journal.key, "not a stream")
    b = bargen(sink, "--require-redis")
    # Once a second, so that the time to be there, 3 s, is over.
    wait_until(lambda: b.stderr.count("ev=journal_unreadable") >= 5, 9,
               "it tries again")
    r.delete(journal.key)
    b.wait_ready()


@pytest.mark.parametrize("field,value", [
    ("s:X", "rubbish"),
    ("b:X:1:%d" % T0, "rubbish"),
    ("b:X:1:%d" % T0, ""),
    ("b:X", "0"),
])
def test_rubbish_in_the_state_costs_its_own_field_only(redis_server, bargen,
                                                       journal, field, value):
    r = redis_server.client()
    r.hset(STATE, field, value)
    bargen().wait_ready()
    journal.add(trade(T0, "12"))
    assert wait_bar(r, lambda bar: bar["count"] == 1)["close"] == 12
