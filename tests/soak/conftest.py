"""A Redis and tools, as the end-to-end tests have them."""
import pytest

import harness


@pytest.fixture
def redis_server(tmp_path):
    server = harness.RedisServer(tmp_path / "redis").start()
    yield server
    server.stop()


@pytest.fixture
def tool():
    started = []

    def start(name, *args, **kw):
        started.append(harness.Tool(name, *args, **kw))
        return started[-1]

    yield start
    harness.stop_all(started)
