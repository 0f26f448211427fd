"""Fixtures of the end-to-end tests: a Redis each, tools that are cleaned up."""
import pytest

import harness
from sanitizer import sanitizer_reports  # noqa: F401 (a fixture, for every test)


@pytest.fixture
def redis_server(tmp_path):
    """A running redis-server of this test alone."""
    server = harness.RedisServer(tmp_path / "redis").start()
    yield server
    server.stop()


@pytest.fixture
def redis_absent(tmp_path):
    """A RedisServer that was not started: a port where nobody listens."""
    server = harness.RedisServer(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def tool():
    """Start tools: tool("tickpub", "--tee", stdin=b"...").  They are stopped
    at the end of the test, which fails if one does not end as it should."""
    started = []

    def start(name, *args, **kw):
        t = harness.Tool(name, *args, **kw)
        started.append(t)
        return t

    yield start
    harness.stop_all(started)


@pytest.fixture
def gate(tool):
    """Start gateways: gate("--flag", redis=server) -> gates.Gate."""
    import gates
    started = []

    def start(*args, **kw):
        started.append(gates.Gate(tool, *args, **kw))
        return started[-1]

    yield start
    for g in started:
        g.close()
