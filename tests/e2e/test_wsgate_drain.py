"""SIGTERM: clients are let go one after the other, evenly over --drain."""
import json
import re
import selectors
import signal
import time

import pytest

import harness
from rawws import CLOSE, RawWs


class Crowd:
    """Clients that note when they are closed; each then closes as well."""

    def __init__(self, g, n, answers=True):
        self.clients = [g.raw() for _ in range(n)]
        self.answers = answers
        self.selector = selectors.DefaultSelector()
        for c in self.clients:
            c.sock.setblocking(False)
            self.selector.register(c.sock, selectors.EVENT_READ, c)
        self.at = []  # seconds since begin(), of each close frame
        self.byes = 0
        self.codes = set()

    def begin(self, g):
        self.began = time.monotonic()
        g.tool.signal(signal.SIGTERM)

    def leave(self, c):
        self.selector.unregister(c.sock)
        c.close()

    def _frames(self, c):
        """What is there of whole frames; none of these is longer than 125."""
        try:
            c.buf += c.sock.recv(65536)
        except BlockingIOError:
            pass
        while len(c.buf) >= 2 and c.buf[1] < 126 and \
                len(c.buf) >= 2 + c.buf[1]:
            n = 2 + c.buf[1]
            opcode, payload, c.buf = c.buf[0] & 15, c.buf[2:n], c.buf[n:]
            yield opcode, payload

    def read(self, until, leaves=lambda c: False, seconds=20):
        """Reads until that is true."""
        end = time.monotonic() + harness.deadline(seconds)
        while not until():
            assert time.monotonic() < end, (self.byes, len(self.at))
            for key, _ in self.selector.select(0.05):
                self._hear(key.data, leaves)

    def _hear(self, c, leaves):
        for opcode, payload in self._frames(c):
            if opcode == CLOSE:
                self.at.append(time.monotonic() - self.began)
                self.codes.add(int.from_bytes(payload[:2], "big"))
                if self.answers:
                    self.leave(c)
                else:
                    self.selector.unregister(c.sock)
                return
            if b'"bye"' in payload:
                self.byes += 1
                if leaves(c):
                    self.leave(c)
                    return

    def bins(self, count, span_s):
        found = [0] * count
        for t in self.at:
            found[min(int(t * count / span_s), count - 1)] += 1
        return found


@pytest.fixture
def crowd(gate):
    """A gateway with n clients; (gate, Crowd)."""
    def start(n, *args, **kw):
        g = gate(*args)
        made = Crowd(g, n, **kw)
        # The welcome of each is longer than the frames that are read here.
        for c in made.clients:
            c.sock.setblocking(True)
            assert json.loads(c.recv()[1])["type"] == "welcome"
            c.sock.setblocking(False)
        return g, made
    return start


def test_a_hundred_clients_go_evenly_over_four_seconds(crowd):
    """They went within half a second, 5 ms after each other."""
    g, c = crowd(100)
    c.begin(g)
    c.read(lambda: c.byes == 100, seconds=5)
    c.read(lambda: len(c.at) == 100)
    bins = c.bins(8, 4.0)
    assert sum(bins) == 100 and min(bins) >= 6 and max(bins) <= 20, bins
    assert bins[0] + bins[1] <= 35 and bins[6] + bins[7] >= 15, bins
    assert c.codes == {1001}
    assert g.tool.wait() == 0
    assert "drain_timeout" not in g.tool.stderr


def test_a_longer_time_is_not_cut_short(crowd):
    """What was above 3.5 s did not count, and all was over after 4.5 s."""
    g, c = crowd(40, "--drain", "8s")
    c.begin(g)
    c.read(lambda: len(c.at) == 40)
    bins = c.bins(4, 8.0)
    assert min(bins) >= 6 and max(bins) <= 14, bins
    assert max(c.at) > 7, c.at
    assert c.codes == {1001}
    assert g.tool.wait() == 0
    assert "drain_timeout" not in g.tool.stderr


def test_those_who_stay_are_spread_over_the_time_that_remains(crowd):
    """Half leave at the goodbye: the rest is not hurried."""
    g, c = crowd(80, "--drain", "4s")
    early = set(c.clients[1:80:2])  # the first to go is told both at once
    c.begin(g)
    c.read(lambda: len(c.at) == 40, leaves=early.__contains__)
    bins = c.bins(4, 4.0)
    assert min(bins) >= 5 and max(bins) <= 15, bins
    assert g.tool.wait() == 0


def test_it_is_over_when_the_last_has_left(crowd):
    g, c = crowd(30, "--drain", "60s")
    c.begin(g)
    c.read(lambda: c.byes == 30, leaves=lambda one: True)
    assert g.tool.wait(5) == 0


def test_one_client_is_let_go_at_once(crowd):
    g, c = crowd(1, "--drain", "60s")
    c.begin(g)
    c.read(lambda: len(c.at) == 1, seconds=5)
    assert g.tool.wait(5) == 0


def test_the_default_ends_within_five_seconds_if_nobody_answers(crowd):
    """foreman would use SIGKILL then."""
    for _ in range(3):  # a machine that stands still takes from the last 0.2 s
        g, c = crowd(100, answers=False)
        c.begin(g)
        c.read(lambda c=c: len(c.at) == 100)
        assert g.tool.wait() == 0
        assert time.monotonic() - c.began < harness.deadline(5)
        if "drain_timeout" not in g.tool.stderr:
            return
    pytest.fail(g.tool.stderr)


def test_a_second_signal_ends_it_at_once(crowd):
    g, c = crowd(4, "--drain", "60s")
    c.begin(g)
    c.read(lambda: c.byes == 4)
    g.tool.signal(signal.SIGTERM)
    assert g.tool.wait(5) == 128 + signal.SIGTERM
    assert len(c.at) < 4
    assert "ev=stop_now signal=15" in g.tool.stderr


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text).group(1))


@pytest.mark.parametrize("path,drain,stop", [
    ("systemd/wsgate@.service", r"^ExecStart=\S+/wsgate --drain (\S+)$",
     r"^TimeoutStopSec=(\S+)$"),
    ("docker/compose.yaml", r"command: \[wsgate,.* --drain, (\w+)\]",
     r"command: \[wsgate,[^\n]*\n +stop_grace_period: (\w+)$"),
])
def test_who_stops_it_waits_longer_than_it_takes(path, drain, stop):
    text = (harness.REPO / path).read_text()
    took = seconds(re.search(drain, text, re.M).group(1))
    assert took == 20
    assert seconds(re.search(stop, text, re.M).group(1)) >= took + 5
