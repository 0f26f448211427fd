"""What the tests of the gateway share: start one, connect to it."""
import harness
from rawws import RawWs
from wsclient import WsClient


class Gate:
    """A wsgate that is ready; url, metrics, clients."""

    def __init__(self, tool, *args, redis=None, live=True, **kw):
        self.port = harness.free_port()
        where = ["--redis", redis.url] if redis else ["--no-redis"]
        self.tool = tool("wsgate", "--listen", "127.0.0.1:%d" % self.port,
                         *where, *args, **kw).wait_ready()
        self.clients = []
        if redis and live:
            harness.wait_until(
                lambda: harness.http_get(self.http("/ready"))[0] == 200, 10,
                "the gateway is ready")

    def http(self, path):
        return "http://127.0.0.1:%d%s" % (self.port, path)

    def ws(self, path="/ws", **kw):
        c = WsClient("ws://127.0.0.1:%d%s" % (self.port, path), **kw)
        self.clients.append(c)
        return c

    def raw(self, path="/ws", **kw):
        c = RawWs(self.port, path, **kw)
        self.clients.append(c)
        return c

    def metric(self, name, **labels):
        text = harness.http_get(self.http("/metrics"))[1]
        return harness.metric(text, "tickwire_wsgate_" + name, **labels)

    def counters_add_up(self):
        """delivered + conflated + dropped + queued = expected."""
        text = harness.http_get(self.http("/metrics"))[1]

        def value(name, **labels):
            return harness.metric(text, "tickwire_wsgate_messages_" + name,
                                  **labels)
        parts = (value("delivered_total") +
                 value("conflated_total", reason="behind") +
                 value("conflated_total", reason="interval") +
                 value("dropped_total", reason="closed") +
                 value("dropped_total", reason="slow") + value("queued"))
        assert parts == value("expected_total"), text.decode()
        return value("expected_total")

    def close(self):
        for c in self.clients:
            c.close()
