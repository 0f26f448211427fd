"""An HTTP client that can do everything wrong, and one beside it that must not
notice: plain sockets, plain bytes."""
import socket
import struct
import threading
import time

import harness
from rawws import PING, PONG, RawWs

HOST = b"Host: localhost\r\n"
GET = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"


class Answer:
    """One answer: status, headers (lower case), body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class RawHttp:
    """One connection."""

    def __init__(self, port, rcvbuf=None):
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(harness.deadline(20))
        self.sock.connect(("127.0.0.1", port))
        self.buf = b""
        self.ended = False

    def send(self, data):
        """Returns at once; what is refused meanwhile may be left unsent."""
        def run():
            try:
                self.sock.sendall(data)
            except OSError:
                pass  # refused, and closed
        t = threading.Thread(target=run, daemon=True)
        t.start()
        return t

    def _more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            self.ended = True
        self.buf += data
        return data

    def answer(self, head=False):
        """The next one; None at the end.  A reset is an error: it may have
        taken an answer away."""
        while b"\r\n\r\n" not in self.buf:
            if not self._more():
                assert self.buf == b"", self.buf
                return None
        text, _, self.buf = self.buf.partition(b"\r\n\r\n")
        lines = text.decode("latin-1").split("\r\n")
        assert lines[0].startswith("HTTP/1.1 "), lines[0]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            assert name.lower() not in headers, text
            headers[name.lower()] = value
        status = int(lines[0].split()[1])
        n = 0 if head or status < 200 else int(headers["content-length"])
        while len(self.buf) < n:
            assert self._more(), "the body of %s is cut" % status
        body, self.buf = self.buf[:n], self.buf[n:]
        return Answer(status, headers, body)

    def answers(self):
        """All of them, to the end."""
        all_of_them = []
        while True:
            one = self.answer()
            if not one:
                return all_of_them
            all_of_them.append(one)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Neighbour:
    """Another client of the same port, which asks and is answered all the time:
    over a WebSocket where ws is True, else over HTTP."""

    def __init__(self, port, ws):
        self.ws = RawWs(port) if ws else None
        self.http = None if ws else RawHttp(port)
        self.rounds, self.worst, self.error = 0, 0.0, None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _round(self):
        if self.ws:
            self.ws.send(PING, b"?")
            assert self.ws.recv_until(PONG) == b"?"
        else:
            self.http.sock.sendall(GET)
            assert self.http.answer().status == 200

    def _run(self):
        try:
            while not self._stop.wait(0.005):
                began = time.monotonic()
                self._round()
                self.worst = max(self.worst, time.monotonic() - began)
                self.rounds += 1
        except Exception as e:  # pylint: disable=broad-except
            self.error = e

    def wait(self, rounds):
        """Until it was answered so often, with 5 ms between."""
        before = self.rounds
        harness.wait_until(
            lambda: self.rounds >= before + rounds or self.error, 10,
            "the neighbour is answered")
        assert self.error is None, self.error

    def check(self, bound=1.0):
        """It is answered now, and was always within bound seconds since the
        last check."""
        self.wait(2)
        worst, self.worst = self.worst, 0.0
        assert worst < harness.deadline(bound), worst

    def close(self):
        self._stop.set()
        self._thread.join()
        (self.ws or self.http).close()
