"""Bars of real trades, against bars that somebody else made of them."""
import json
import random
import subprocess

import pytest

import barcheck
from barcheck import Finals, assert_reference
from harness import (clean_env, data_lines, data_path, deadline, tool_path,
                     wait_until)


def shuffled_and_doubled(lines, seed):
    """Times move by up to 2 s; one line in twenty comes twice."""
    rng = random.Random(seed)
    lines = lines + rng.sample(lines, len(lines) // 20)
    return sorted(lines, key=lambda line:
                  json.loads(line)["T"] + rng.uniform(0, 2000))


def pipe(data):
    """tickpub --feed binance --no-redis --tee | bargen --stdin --stdout ..."""
    publish = subprocess.Popen(
        [tool_path("tickpub"), "--feed", "binance", "--no-redis", "--tee"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_env())
    bars = subprocess.Popen(
        [tool_path("bargen"), "--stdin", "--stdout", "--final-only",
         "--resolutions", "1,5"],
        stdin=publish.stdout, stdout=subprocess.PIPE, env=clean_env())
    publish.stdout.close()
    publish.stdin.write(data)
    publish.stdin.close()
    out = bars.communicate(timeout=deadline(60))[0]
    assert publish.wait(deadline(10)) == 0
    assert bars.returncode == 0
    return out.splitlines()


def test_every_bar_equals_the_reference():
    finals = Finals(pipe(b"\n".join(data_lines(barcheck.TRADES)) + b"\n"))
    assert_reference(finals, "1")
    assert_reference(finals, "5")
    assert finals.again == 0
    assert all(bar["rev"] == 0 for bar in finals.bars.values())


def test_the_shell_pipe_of_the_manual_gives_the_same():
    command = ("zcat '%s' | '%s' --feed binance --no-redis --tee | '%s' "
               "--stdin --stdout --final-only --resolutions 1,5" %
               (data_path(barcheck.TRADES), tool_path("tickpub"),
                tool_path("bargen")))
    out = subprocess.run(command, shell=True, capture_output=True, timeout=deadline(60),
                         env=clean_env())
    assert out.returncode == 0, out.stderr.decode()
    finals = Finals(out.stdout.splitlines())
    assert_reference(finals, "1")
    assert_reference(finals, "5")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shuffled_and_doubled_trades_give_the_same_bars(seed):
    lines = shuffled_and_doubled(data_lines(barcheck.TRADES), seed)
    finals = Finals(pipe(b"\n".join(lines) + b"\n"))
    assert_reference(finals, "1")
    assert_reference(finals, "5")
    # Nothing is missing from the stream, so no last revision may say so.
    assert not [b for b in finals.bars.values() if b.get("gap")]


@pytest.mark.parametrize("source", ["journal", "pubsub"])
def test_the_same_trades_through_redis_give_the_same_bars(tool, redis_server,
                                                          source):
    sub = redis_server.subscriber("bars:XRPETH:1", "bars:XRPETH:5")
    tool("bargen", "--redis", redis_server.url, "--resolutions", "1,5",
         "--source", source).wait_ready()
    if source == "pubsub":
        client = redis_server.client()
        wait_until(lambda: client.pubsub_numpat() == 2,
                   what="bargen has subscribed")
    feed = tool("tickpub", "--redis", redis_server.url, "--feed", "binance",
                stdin=b"\n".join(data_lines(barcheck.TRADES)) + b"\n")
    assert feed.wait(30) == 0
    last = max(barcheck.reference("1"))

    def the_last_bar_is_open():
        sub.poll()
        return sub.messages and any(
            b'"time":%d,' % last in data for _, data in sub.messages[-3:])
    wait_until(the_last_bar_is_open, 20, "an update of the last bar")
    finals = Finals(barcheck.everything_heard(sub, redis_server.client()))
    assert_reference(finals, "1")
    assert_reference(finals, "5")
    assert finals.again == 0
    # What a late comer reads is what subscribers heard.
    history = redis_server.client().zrange("bars:history:XRPETH:1", 0, -1)
    assert_reference(Finals(history), "1")
    assert len(history) == len(finals.of("1"))
