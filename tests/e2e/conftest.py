"""Fixtures of the end-to-end tests: a Redis each, tools that are cleaned up."""
import pytest

import harness


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
    """Start tools: tool("tickpub", "--tee", stdin=b"...").  Sanitizer reports
    on the standard error of any of them fail the test."""
    started = []

    def start(name, *args, **kw):
        t = harness.Tool(name, *args, **kw)
        started.append(t)
        return t

    yield start
    for t in reversed(started):
        t.cleanup()
    for t in started:
        text = t.stderr
        assert "ERROR: AddressSanitizer" not in text, text[-4000:]
        assert "LeakSanitizer" not in text, text[-4000:]
        assert "runtime error:" not in text, text[-4000:]
        assert "Assertion" not in text, text[-4000:]


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
