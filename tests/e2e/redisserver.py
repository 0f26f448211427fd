"""A Redis of the test's own, and what is heard on its channels."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import redis

from testbed import deadline, free_port, wait_until


class RedisServer:
    """A redis-server of the test: no persistence, own folder, own port."""

    def __init__(self, folder, *args):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.socket = self.folder / "redis.sock"
        self.args = list(args)
        self.password = None
        self.proc = None
        self._clients = []

    @property
    def url(self):
        return "redis://127.0.0.1:%d" % self.port

    @property
    def unix_url(self):
        return "unix://%s" % self.socket

    def start(self, *args):
        """Start on the same port as before; returns when it answers PING."""
        assert self.proc is None or self.proc.poll() is not None
        if self.socket.exists():
            self.socket.unlink()
        log = open(self.folder / "redis.log", "ab")
        self.proc = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
             "--unixsocket", str(self.socket), "--save", "",
             "--appendonly", "no", "--dir", str(self.folder)]
            + self.args + list(args),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        wait_until(self._answers, 10, "redis-server answers on %d" % self.port)
        return self

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.settimeout(1)
                s.sendall(b"PING\r\n")
                # -NOAUTH is an answer too; -LOADING is not yet one.
                return s.recv(64)[:5] in (b"+PONG", b"-NOAU")
        except OSError:
            return False

    def kill(self):
        """kill -9, as a crash would; a frozen one does nothing before."""
        self.proc.kill()
        self.proc.wait()

    def restart(self, *args):
        """kill -9 and a fresh, empty server on the same port."""
        self.kill()
        return self.start(*args)

    def freeze(self):
        """SIGSTOP: sockets stay open, nothing answers from now on."""
        self._signal(signal.SIGSTOP)
        stat = pathlib.Path("/proc/%d/stat" % self.proc.pid)
        wait_until(lambda: stat.read_text().rsplit(") ")[-1][0] in "TZ", 5,
                   "redis-server stands still", 0.001)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        if self.proc and self.proc.poll() is None:
            os.kill(self.proc.pid, number)

    def client(self, **kw):
        """A python3-redis client; bytes in, bytes out."""
        kw.setdefault("socket_timeout", deadline(10))
        kw.setdefault("password", self.password)
        c = redis.Redis(host="127.0.0.1", port=self.port, **kw)
        self._clients.append(c)
        return c

    def subscriber(self, *names, patterns=()):
        """A Subscriber that has its confirmations already."""
        return Subscriber(self.client(), names, patterns)

    def stop(self):
        for c in self._clients:
            try:
                c.close()
            except (OSError, redis.RedisError):
                pass  # its server is gone already
        self._clients.clear()
        if self.proc and self.proc.poll() is None:
            self.kill()


class Subscriber:
    """Collects messages of channels and patterns: (channel, payload) bytes."""

    def __init__(self, client, names=(), patterns=()):
        self.pubsub = client.pubsub()
        if names:
            self.pubsub.subscribe(*names)
        if patterns:
            self.pubsub.psubscribe(*patterns)
        self.messages = []
        left = len(names) + len(patterns)
        end = time.monotonic() + deadline(5)
        while left and time.monotonic() < end:
            m = self.pubsub.get_message(timeout=1)
            if m and m["type"] in ("subscribe", "psubscribe"):
                left -= 1
        assert left == 0, "subscriptions were not confirmed"

    def poll(self):
        """Take what has come; returns all messages so far."""
        while True:
            m = self.pubsub.get_message(timeout=0)
            if m is None:
                return self.messages
            if m["type"] in ("message", "pmessage"):
                self.messages.append((m["channel"], m["data"]))

    def wait(self, count, seconds=5.0):
        """All messages, once there are at least count of them."""
        wait_until(lambda: len(self.poll()) >= count, seconds,
                   lambda: "%d messages (have %d)" %
                   (count, len(self.messages)))
        return self.messages

    def payloads(self, channel=None):
        """Objects published so far, one a line, decoded from JSON."""
        if isinstance(channel, str):
            channel = channel.encode()
        return [json.loads(line) for ch, data in self.messages
                if channel is None or ch == channel
                for line in data.splitlines()]

    def close(self):
        self.pubsub.close()
