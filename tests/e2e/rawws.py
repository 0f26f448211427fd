"""A WebSocket client that can do everything wrong: plain socket, plain frames."""
import base64
import os
import socket
import struct

import harness

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", fin=True, mask=True, rsv=0, length=None):
    """One frame; length lies about the payload's."""
    n = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


class RawWs:
    """Shakes hands unless shake is False."""

    def __init__(self, port, path="/ws", headers=None, shake=True,
                 rcvbuf=None, source=None):
        self.sock = socket.socket()
        if source:  # another address of this machine: 127.0.0.2
            self.sock.bind((source, 0))
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(harness.deadline(10))
        self.sock.connect(("127.0.0.1", port))
        self.buf = b""
        self.status = None
        self.port = port
        if shake:
            self.handshake(path, headers or {})

    def handshake(self, path="/ws", headers=None, **change):
        all_headers = {"Host": "127.0.0.1:%d" % self.port,
                       "Upgrade": "websocket", "Connection": "Upgrade",
                       "Sec-WebSocket-Version": "13",
                       "Sec-WebSocket-Key":
                           base64.b64encode(os.urandom(16)).decode()}
        all_headers.update(headers or {})
        text = "GET %s HTTP/1.1\r\n" % path
        text += "".join("%s: %s\r\n" % kv for kv in all_headers.items()
                        if kv[1] is not None)
        self.sock.sendall((text + "\r\n").encode())
        while b"\r\n\r\n" not in self.buf:
            data = self.sock.recv(4096)
            if not data:
                break
            self.buf += data
        head, _, self.buf = self.buf.partition(b"\r\n\r\n")
        self.head = head.decode(errors="replace")
        self.status = int(self.head.split()[1]) if self.head else None
        return self.status

    def send(self, opcode, payload=b"", **kw):
        if isinstance(payload, str):
            payload = payload.encode()
        self.sock.sendall(frame(opcode, payload, **kw))

    def _need(self, n):
        parts, have = [self.buf], len(self.buf)
        try:
            while have < n:
                data = self.sock.recv(65536)
                if not data:
                    raise EOFError
                parts.append(data)
                have += len(data)
        finally:
            self.buf = b"".join(parts)

    def recv(self):
        """(opcode, payload) of the next frame; EOFError at the end."""
        self._need(2)
        n, at = self.buf[1] & 127, 2
        assert not self.buf[1] & 128, "the server masks"
        if n == 126:
            self._need(4)
            n, at = struct.unpack(">H", self.buf[2:4])[0], 4
        elif n == 127:
            self._need(10)
            n, at = struct.unpack(">Q", self.buf[2:10])[0], 10
        self._need(at + n)
        opcode, payload = self.buf[0] & 15, self.buf[at:at + n]
        self.buf = self.buf[at + n:]
        return opcode, payload

    def recv_until(self, opcode):
        """The payload of the next frame of that kind; others are skipped."""
        while True:
            got, payload = self.recv()
            if got == opcode:
                return payload

    def close_code(self):
        """Reads to the close frame; None where the socket just ends."""
        try:
            payload = self.recv_until(CLOSE)
        except (EOFError, ConnectionError):
            return None
        return struct.unpack(">H", payload[:2])[0] if payload else 1005

    def ended(self):
        """Nothing more comes and the socket is closed."""
        try:
            while True:
                if not self.sock.recv(65536):
                    return True
        except ConnectionError:
            return True
        except (socket.timeout, BlockingIOError):
            return False

    def ended_already(self):
        """As ended(), of what is there now."""
        self.sock.settimeout(0.01)
        return self.ended()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
