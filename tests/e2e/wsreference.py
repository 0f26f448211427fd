"""What a server that echoes does with a client's bytes, read from RFC 6455.

Nothing here is shared with the gateway: it is what random bytes are judged by
(test_ws_random.py).
"""
import codecs
import operator
import struct
from typing import NamedTuple

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
WAITS = "waits"  # for more: nothing is wrong so far


class Verdict(NamedTuple):
    back: list      # frames to send, (opcode, payload)
    end: object     # WAITS, or the code of the close frame
    answered: bool  # that one answers the client's
    in_head: bool   # the bytes end before a payload that is announced


class Fault(Exception):
    """With the close code that it deserves."""


class More(Exception):
    """The bytes end here."""

    def __init__(self, in_head):
        super().__init__()
        self.in_head = in_head


class Closed(Exception):
    """By the client, with this code."""


class Reader:
    """Of all that a client sends."""

    def __init__(self, data, bound):
        self.data, self.at, self.bound = data, 0, bound
        self.back = []
        self.kind = None  # of the message that has begun
        self.parts = b""
        self.utf8 = None

    def take(self, n):
        if len(self.data) - self.at < n:
            raise More(True)
        self.at += n
        return self.data[self.at - n:self.at]

    def head(self):
        """(fin, opcode, mask, length) of a frame."""
        first, second = self.take(2)
        n, least = second & 127, 0
        if n == 126:
            (n,), least = struct.unpack(">H", self.take(2)), 126
        elif n == 127:
            (n,), least = struct.unpack(">Q", self.take(8)), 65536
        mask = self.take(4) if second & 128 else None
        if n > 0 and self.at == len(self.data):
            raise More(True)
        fin, rsv, opcode = first >> 7, first >> 4 & 7, first & 15
        if n < least or n >= 2 ** 63 or mask is None or rsv:
            raise Fault(1002)
        if opcode >= 8:
            if opcode > PONG or n > 125 or not fin:
                raise Fault(1002)
        elif opcode > BINARY or (opcode == CONT) != (self.kind is not None):
            raise Fault(1002)
        elif len(self.parts) + n > self.bound:
            raise Fault(1009)
        return fin, opcode, mask, n

    def frame(self):
        fin, opcode, mask, n = self.head()
        payload = self.data[self.at:self.at + n]
        whole = len(payload) == n
        self.at += len(payload)
        key = mask * (len(payload) // 4 + 1)
        payload = bytes(map(operator.xor, payload, key))
        if opcode >= 8:
            if not whole:
                raise More(False)
            self.control(opcode, payload)
            return
        if opcode != CONT:
            self.kind, self.parts = opcode, b""
            self.utf8 = codecs.getincrementaldecoder("utf-8")()
        self.parts += payload
        if self.kind == TEXT:
            try:
                self.utf8.decode(payload, fin and whole)
            except UnicodeDecodeError as e:
                raise Fault(1007) from e
        if not whole:
            raise More(False)
        if fin:
            self.back.append((self.kind, self.parts))
            self.kind, self.parts = None, b""

    def control(self, opcode, payload):
        if opcode == PING:
            self.back.append((PONG, payload))
        if opcode != CLOSE:
            return
        if not payload:
            raise Closed(1000)
        if len(payload) == 1:
            raise Fault(1002)
        code = struct.unpack(">H", payload[:2])[0]
        if not (3000 <= code <= 4999 or 1000 <= code <= 1014 and
                code not in (1004, 1005, 1006)):
            raise Fault(1002)
        try:
            payload[2:].decode()
        except UnicodeDecodeError as e:
            raise Fault(1007) from e
        raise Closed(code)


def judge(data, bound=16 << 20):
    r = Reader(data, bound)
    try:
        while r.at < len(data):
            r.frame()
    except More as m:
        return Verdict(r.back, WAITS, False, m.in_head)
    except Fault as f:
        return Verdict(r.back, f.args[0], False, False)
    except Closed as c:
        return Verdict(r.back, c.args[0], True, False)
    return Verdict(r.back, WAITS, False, False)
