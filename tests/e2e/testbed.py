"""The machine that a test runs on: where things are, waits, ports, pipes.

Nothing here sleeps for a fixed time to "let things settle": wait_until() polls
a condition and fails with what it was waiting for.  Every deadline is multiplied
by TW_SLOW (for sanitizer builds on a busy machine).
"""
import fcntl
import gzip
import os
import pathlib
import random
import socket
import struct
import termios
import time

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("TICKWIRE_BIN", REPO / "bin")).resolve()
TEST_TOOLS = pathlib.Path(os.environ.get("TICKWIRE_TOOLS",
                                         REPO / "build/release/tests"))
DATA = REPO.parent / "shared" / "data"
SLOW = float(os.environ.get("TW_SLOW", "1"))

# What would change how a tool behaves if the shell of the tester had it set.
_FOREIGN = ("REDIS_", "TICKPUB_", "SIMULATOR_", "BAR_GENERATOR_", "WSGATE_",
            "RATELIMIT_", "ENABLE_REDIS", "PORT", "LISTEN", "NOTIFY_SOCKET",
            "ADMIN")


def deadline(seconds):
    """Seconds that a test may wait for, on this machine and build."""
    return seconds * SLOW


def wait_until(cond, seconds=5.0, what=None, every=0.01):
    """Poll cond() until it is truthy and return that value, or fail.  What a
    sleep takes too long, because others have the processors, is not counted:
    a tool waits for them as well."""
    begun = time.monotonic()
    end = begun + deadline(seconds)
    while True:
        value = cond()
        if value:
            return value
        now = time.monotonic()
        if now > end:
            label = what() if callable(what) else what
            pytest.fail("after %.1f s still not: %s" %
                        (now - begun, label or cond))
        time.sleep(every)
        end += time.monotonic() - now - every


def pipe_bytes(fd):
    """Bytes that wait in a pipe; either end will do."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def free_public_port():
    """One of all addresses: not of those that the kernel gives to connections,
    as one of them to any address would be in the way."""
    for _ in range(100):
        with socket.socket() as s:
            port = random.randrange(20000, 32000)
            try:
                s.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free on all addresses")


def tcp_unread(port, peer_port):
    """Bytes that wait to be read in a connection over 127.0.0.1, at the end
    whose port is the first."""
    want = ["0100007F:%04X" % p for p in (port, peer_port)]
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f]
    return sum(int(row[4].split(":")[1], 16) for row in rows
               if row[1:3] == want)


def data_path(name):
    """A file of ../shared/data; the test skips where it is missing."""
    path = DATA / name
    if not path.exists():
        pytest.skip("needs %s, which is not here" % path)
    return path


def data_lines(name):
    """The lines (bytes, no line feed) of a gzipped file of ../shared/data."""
    with gzip.open(data_path(name)) as f:
        return f.read().splitlines()


def tool_path(name):
    """Path of a built tool; the test skips where it was not built."""
    path = BIN / name
    if not path.exists():
        pytest.skip("%s is not built" % path)
    return path


def testtool_path(name):
    """Path of a program of tests/tools; the test skips where it was not built."""
    path = (TEST_TOOLS / "tools" / name).resolve()
    if not path.exists():
        pytest.skip("%s is not built (make testtools)" % path)
    return path


def clean_env(extra=None):
    """The environment for a tool: ours without what would configure it.  What
    is in it for sanitizers comes from sanitizer.py."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(_FOREIGN)}
    env.update(extra or {})
    return env
