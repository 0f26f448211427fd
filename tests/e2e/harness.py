"""What end-to-end tests share, by one name: see the modules it takes from."""
import urllib.error
import urllib.request

from redisserver import RedisServer, Subscriber
from testbed import (BIN, DATA, REPO, SLOW, clean_env, data_lines, data_path,
                     deadline, free_port, pipe_bytes, tcp_unread, testtool_path,
                     tool_path, wait_until)
from toolprocess import Tool, run_tool, stop_all

__all__ = ["BIN", "DATA", "REPO", "SLOW", "RedisServer", "Subscriber", "Tool",
           "clean_env", "data_lines", "data_path", "deadline", "free_port",
           "http_get", "metric", "pipe_bytes", "run_tool", "stop_all",
           "tcp_unread", "testtool_path", "tool_path", "wait_until"]


def http_get(url, seconds=3.0):
    """(status, body bytes); also for 4xx and 5xx answers."""
    try:
        with urllib.request.urlopen(url, timeout=deadline(seconds)) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def metric(text, name, **labels):
    """The value of one sample of a Prometheus text, or None."""
    if isinstance(text, bytes):
        text = text.decode()
    want = {'%s="%s"' % kv for kv in labels.items()}
    for line in text.splitlines():
        if line.startswith("#") or not line.startswith(name):
            continue
        rest = line[len(name):]
        have = set()
        if rest.startswith("{"):
            inner, rest = rest[1:].split("}", 1)
            have = set(inner.split(","))
        elif not rest.startswith(" "):
            continue
        if want <= have:
            return float(rest)
    return None
