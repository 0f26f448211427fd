"""What a WebSocket server must make of what a client sends (RFC 6455).

cases(ECHO) and cases(WS) are lists of Case: bytes, the frames that come back,
and how it ends.  /echo returns every message; /ws takes commands, so what is
a message there is a ping in JSON, and binary is refused with 1003.  Sections
in parentheses are those of RFC 6455.
"""
import json
import os
import struct
from typing import NamedTuple

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
OPEN = "open"  # nothing was wrong: the connection goes on
PROTOCOL, BINARY_REFUSED, BAD_UTF8, TOO_BIG = 1002, 1003, 1007, 1009


class Case(NamedTuple):
    group: str
    name: str
    sent: bytes
    back: list        # of (opcode, payload), or ("pong", id), ("error", code)
    end: object       # OPEN, or the code of the close frame
    answered: bool    # that close frame answers one of the client's


def frame(opcode, payload=b"", fin=True, rsv=0, mask=None, form=None,
          length=None):
    """One frame from a client.  mask: 4 bytes, random where None, no masking
    where b"".  form: 7, 16 or 64, the width of the length; the shortest where
    None.  length lies about the payload's."""
    n = len(payload) if length is None else length
    if form is None:
        form = 7 if n < 126 else 16 if n < 65536 else 64
    if mask is None:
        mask = os.urandom(4)
    bit = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if form == 7:
        head += bytes([bit | n])
    elif form == 16:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    return head + mask + masked(payload, mask)


def masked(payload, mask):
    if not mask or mask == b"\0\0\0\0":
        return payload
    n = len(payload)
    key = (mask * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^
            int.from_bytes(key, "big")).to_bytes(n, "big")


def fragments(opcode, parts, between=b""):
    """One message in parts; between: whole frames after each but the last."""
    sent = []
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        sent.append(frame(CONT if i else opcode, part, fin=last))
        sent.append(b"" if last else between)
    return b"".join(sent)


def every_byte(payload):
    return [payload[i:i + 1] for i in range(len(payload))]


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


class Echo:
    path = "/echo"
    bound = 16 << 20

    def wrap(self, inner=b""):
        """A message around these bytes of text."""
        return b"<" + inner + b">"

    def text(self, size):
        return b"*" * size

    def got(self, opcode, payload):
        """(frames back, end) of one whole message without a fault."""
        return [(opcode, payload)], OPEN


class Ws:
    path = "/ws"
    bound = 64 << 10

    def wrap(self, inner=b"", number=1):
        return b'{"type":"ping","id":%d,"pad":"%s"}' % (number, inner)

    def text(self, size):
        """Of that size; a command where that is enough for one."""
        room = size - len(self.wrap())
        return self.wrap(b"*" * room) if room >= 0 else b"*" * size

    def got(self, opcode, payload):
        if opcode == BINARY:
            return [], BINARY_REFUSED
        try:
            return [("pong", json.loads(payload)["id"])], OPEN
        except (ValueError, TypeError):
            return [("error", "bad_request")], OPEN


ECHO, WS = Echo(), Ws()


class Group:
    """Cases by name; of one group, for one address."""

    def __init__(self, path, name):
        self.path, self.name, self.cases = path, name, []

    def add(self, name, sent, back=(), end=OPEN, answered=False):
        self.cases.append(Case(self.name, name, sent, list(back), end,
                               answered))

    def message(self, name, opcode, payload, sent=None):
        """What is one whole message without a fault, however it is sent."""
        back, end = self.path.got(opcode, payload)
        self.add(name, frame(opcode, payload) if sent is None else sent, back,
                 end)

    def fails(self, name, sent, code=PROTOCOL):
        """Behind a message that is answered; more behind it is not."""
        before, after = self.path.wrap(b"before"), self.path.wrap(b"after")
        self.add(name, frame(TEXT, before) + sent + frame(TEXT, after),
                 self.path.got(TEXT, before)[0], code)


# --- framing (5.2, 5.3) ---

SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536]


def framing(g):
    p = g.path
    for opcode, kind in ((TEXT, "text"), (BINARY, "binary")):
        for size in SIZES:
            g.message("%s of %d bytes" % (kind, size), opcode, p.text(size))
    for name, mask in (("zeros", b"\0\0\0\0"), ("ones", b"\xff\xff\xff\xff"),
                       ("one zero", b"\x01\0\x02\x03")):
        for size in (0, 3, 125, 126, 65535):
            g.message("mask of %s, %d bytes" % (name, size), TEXT,
                      p.text(size),
                      frame(TEXT, p.text(size), mask=mask))
    # What is on the wire looks like a frame.
    looks = frame(PING, b"no", mask=b"abcd")
    text = p.wrap(b"x" * 8)
    g.message("masked bytes that look like frames", TEXT, text,
              frame(TEXT, text, mask=masked(looks[:4], text[:4])))
    for form, sizes in ((16, (0, 1, 124, 125)),
                        (64, (0, 1, 125, 126, 127, 65535))):
        for size in sizes:
            g.fails("%d bytes, length in %d bits" % (size, form),
                    frame(TEXT, p.text(size), form=form))
    for name, length in (("2^63", 2 ** 63), ("2^64-1", 2 ** 64 - 1)):
        g.fails("length of " + name, frame(TEXT, b"x", length=length))
    for opcode, kind in ((TEXT, "text"), (PING, "ping"), (PONG, "pong"),
                         (CLOSE, "close"), (BINARY, "binary"),
                         (CONT, "continuation")):
        for payload in (b"", b"xy"):
            g.fails("%s without a mask, %d bytes" % (kind, len(payload)),
                    frame(opcode, payload, mask=b""))
    g.fails("a fragment without a mask", frame(TEXT, b"a", fin=False) +
            frame(CONT, b"b", mask=b""))
    for count in (2, 50, 500):
        texts = [p.wrap(b"%d" % i) for i in range(count)]
        g.add("%d messages in one packet" % count,
              b"".join(frame(TEXT, t) for t in texts),
              [f for t in texts for f in p.got(TEXT, t)[0]])


# --- reserved bits and opcodes (5.2) ---

def reserved(g):
    for rsv in range(1, 8):
        g.fails("text with rsv %d" % rsv, frame(TEXT, b"x", rsv=rsv))
        g.fails("empty text with rsv %d" % rsv, frame(TEXT, b"", rsv=rsv))
    for rsv in (4, 2, 1):
        g.fails("ping with rsv %d" % rsv, frame(PING, b"x", rsv=rsv))
        g.fails("pong with rsv %d" % rsv, frame(PONG, b"", rsv=rsv))
        g.fails("close with rsv %d" % rsv,
                frame(CLOSE, b"\x03\xe8", rsv=rsv))
        g.fails("a later fragment with rsv %d" % rsv,
                frame(TEXT, b"a", fin=False) + frame(CONT, b"b", rsv=rsv))
        g.fails("binary with rsv %d" % rsv, frame(BINARY, b"x", rsv=rsv))
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        g.fails("opcode %d" % opcode, frame(opcode, b""))
        g.fails("opcode %d with a payload" % opcode, frame(opcode, b"x" * 99))
        g.fails("opcode %d, more to come" % opcode,
                frame(opcode, b"x", fin=False))
        g.fails("opcode %d in a message" % opcode,
                frame(TEXT, b"a", fin=False) + frame(opcode, b"b"))


# --- fragmentation (5.4) ---

def fragmentation(g):
    p = g.path
    ping, pong = frame(PING, b"between"), frame(PONG, b"unasked")
    whole = p.wrap(b"0123456789")
    bits = every_byte(whole)
    third = len(whole) // 3
    parts = [whole[:third], whole[third:2 * third], whole[2 * third:]]
    for opcode, kind in ((TEXT, "text"), (BINARY, "binary")):
        for name, cut in (
                ("two parts", [whole[:third], whole[third:]]),
                ("three parts", parts), ("parts of one byte", bits),
                ("an empty first part", [b"", whole]),
                ("an empty last part", [whole, b""]),
                ("empty parts between", [parts[0], b"", b"", parts[1], b"",
                                         parts[2]]),
                ("300 empty parts", [b""] * 150 + [whole] + [b""] * 150)):
            g.message("%s in %s" % (kind, name), opcode, whole,
                      fragments(opcode, cut))
        g.message("%s of empty parts alone" % kind, opcode, b"",
                  fragments(opcode, [b""] * 3))
    back = p.got(TEXT, whole)[0]
    for name, cut in (("three parts", parts), ("parts of one byte", bits),
                      ("empty parts", [b"", whole, b"", b""])):
        n = len(cut) - 1
        g.add("pings between %s" % name, fragments(TEXT, cut, ping),
              [(PONG, b"between")] * n + back)
        g.add("pongs between %s" % name, fragments(TEXT, cut, pong), back)
        g.add("ten pings between %s" % name, fragments(TEXT, cut, ping * 10),
              [(PONG, b"between")] * 10 * n + back)
    g.add("a long ping between", fragments(TEXT, parts, frame(PING, b"p" * 125)),
          [(PONG, b"p" * 125)] * 2 + back)
    g.add("two messages in parts", fragments(TEXT, parts) * 2, back * 2)
    g.add("parts, then a whole one", fragments(TEXT, parts) +
          frame(TEXT, whole), back * 2)
    g.add("a message that is not finished", frame(TEXT, b"a", fin=False))
    g.add("a message not finished after five parts",
          frame(TEXT, b"a", fin=False) + frame(CONT, b"b", fin=False) * 4)
    for name, payload in (("", b"x"), (", empty", b"")):
        g.fails("continuation of nothing" + name, frame(CONT, payload))
        g.fails("continuation of nothing, more to come" + name,
                frame(CONT, payload, fin=False))
    for opcode, kind in ((TEXT, "text"), (BINARY, "binary")):
        for fin in (True, False):
            for before in (b"", b"a"):
                g.fails("%s%s within a message of %d bytes" %
                        (kind, "" if fin else ", more to come", len(before)),
                        frame(TEXT, before, fin=False) +
                        frame(opcode, b"x", fin=fin),
                        BINARY_REFUSED if p is WS and opcode == BINARY
                        else PROTOCOL)
    g.add("continuation behind a message in parts",
          fragments(TEXT, parts) + frame(CONT, b"x"), back, PROTOCOL)
    g.add("text within a message behind a ping",
          frame(TEXT, b"a", fin=False) + ping + frame(TEXT, b"x"),
          [(PONG, b"between")], PROTOCOL)
    g.add("a fault behind two parts and a ping",
          frame(TEXT, b"a", fin=False) + frame(CONT, b"b", fin=False) + ping +
          frame(3, b""), [(PONG, b"between")], PROTOCOL)


# --- control frames (5.5) ---

def control(g):
    p = g.path
    for size in (0, 1, 2, 64, 124, 125):
        payload = bytes(range(128, 128 + size))
        g.add("ping of %d bytes" % size, frame(PING, payload),
              [(PONG, payload)])
        g.add("pong of %d bytes" % size, frame(PONG, payload))
    for opcode, kind in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        start = b"\x03\xe8" if opcode == CLOSE else b""
        for size in (126, 127, 65535, 65536):
            g.fails("%s of %d bytes" % (kind, size),
                    frame(opcode, start + b"x" * (size - len(start))))
        for form in (16, 64):
            g.fails("short %s, length in %d bits" % (kind, form),
                    frame(opcode, start + b"x", form=form))
        g.fails("%s in parts" % kind, frame(opcode, start, fin=False) +
                frame(CONT, b""))
        g.fails("empty %s, more to come" % kind, frame(opcode, b"", fin=False))
        g.fails("%s in parts within a message" % kind,
                frame(TEXT, b"a", fin=False) +
                frame(opcode, start, fin=False))
    for count in (2, 10, 500):
        g.add("%d pings in one packet" % count,
              b"".join(frame(PING, b"%d" % i) for i in range(count)),
              [(PONG, b"%d" % i) for i in range(count)])
    g.add("500 pongs in one packet", frame(PONG, b"unasked") * 500)
    text = p.wrap(b"x")
    back = p.got(TEXT, text)[0]
    g.add("ping, text, ping", frame(PING, b"1") + frame(TEXT, text) +
          frame(PING, b"2"), [(PONG, b"1")] + back + [(PONG, b"2")])
    g.add("a ping that is not UTF-8", frame(PING, b"\xff\xc0\x00"),
          [(PONG, b"\xff\xc0\x00")])
    g.add("a ping without a mask behind one with", frame(PING, b"1") +
          frame(PING, b"2", mask=b""), [(PONG, b"1")], PROTOCOL)


# --- UTF-8 (5.6, 8.1) ---

GOOD = [0x20, 0x7f, 0x80, 0xe9, 0x7ff, 0x800, 0x20ac, 0xd7ff, 0xe000, 0xfeff,
        0xfffd, 0xfffe, 0xffff, 0x10000, 0x1f600, 0x1fffe, 0x10fffe, 0x10ffff]
BAD = ["80", "bf", "8080", "c080", "c1bf", "c27f", "c2c0", "dfff", "e08080",
       "e09fbf", "e0a07f", "e28228", "edb080", "eda080", "edadbf", "edafbf",
       "edbfbf", "eda080edb080", "edafbfedbfbf", "efbf", "f0808080", "f08fbfbf",
       "f0909041", "f48fbf", "f4908080", "f5808080", "f7bfbfbf", "f888808080",
       "fbbfbfbfbf", "fc8480808080", "fdbfbfbfbfbf", "fe", "ff", "fffe"]
CUT = ["c3", "e2", "e282", "f0", "f09f", "f09f98", "ed9f", "f48f", "e0a0",
       "f090"]


def utf8_good(g):
    p = g.path
    for code in GOOD:
        char = chr(code).encode()
        g.message("U+%04X" % code, TEXT, p.wrap(char))
        whole = p.wrap(char)
        at = whole.index(char)
        for i in range(1, len(char)):
            g.message("U+%04X cut behind byte %d" % (code, i), TEXT, whole,
                      fragments(TEXT, [whole[:at + i], whole[at + i:]]))
        if len(char) > 1:
            g.message("U+%04X byte by byte" % code, TEXT, whole,
                      fragments(TEXT, every_byte(whole),
                                frame(PONG, b"\xff")))
    kosme = p.wrap("κόσμε, €, 😀".encode())
    g.message("several, in parts of two bytes", TEXT, kosme,
              fragments(TEXT, [kosme[i:i + 2]
                               for i in range(0, len(kosme), 2)]))
    head, _, tail = p.wrap(b"|").partition(b"|")
    g.message("a character cut by empty parts", TEXT, p.wrap(b"\xc3\xa9"),
              fragments(TEXT, [head + b"\xc3", b"", b"", b"\xa9" + tail]))
    if p is ECHO:
        g.message("U+0000", TEXT, b"\0")
        for hexes in ("ff", "eda080", "c3"):
            data = bytes.fromhex(hexes)
            g.message("%s in binary" % hexes, BINARY, data)
            g.message("%s in binary in parts" % hexes, BINARY, data + data,
                      fragments(BINARY, [data, data]))


def utf8_bad(g):
    p = g.path
    for hexes in BAD:
        data = bytes.fromhex(hexes)
        g.fails(hexes, frame(TEXT, p.wrap(data)), BAD_UTF8)
        whole = p.wrap(data)
        for i in range(1, len(data)):
            at = whole.index(data) + i
            g.fails("%s cut behind byte %d" % (hexes, i),
                    fragments(TEXT, [whole[:at], whole[at:]]), BAD_UTF8)
        # Nothing more of the message has come.
        g.add("%s in a part, at once" % hexes,
              frame(TEXT, whole, fin=False), [], BAD_UTF8)
    for hexes in CUT:
        data = bytes.fromhex(hexes)
        head = p.wrap(b"")[:-2]
        g.fails("%s at the end" % hexes, frame(TEXT, head + data), BAD_UTF8)
        g.fails("%s at the end of the last part" % hexes,
                fragments(TEXT, [head, data]), BAD_UTF8)
        g.fails("%s, then an empty last part" % hexes,
                fragments(TEXT, [head + data, b""]), BAD_UTF8)
        g.fails("%s, then a part that does not go on" % hexes,
                fragments(TEXT, [head + data, b"x"]), BAD_UTF8)
        g.add("%s, more may come" % hexes,
              frame(TEXT, head + data, fin=False))
    g.add("at once, in a frame that is not complete",
          frame(TEXT, b"abc\xffd", length=4000), [], BAD_UTF8)
    g.add("at once, in a second part",
          frame(TEXT, b"abc\xe2", fin=False) +
          frame(CONT, b"\x28", fin=False), [], BAD_UTF8)
    g.add("at once, behind 20,000 good bytes in parts",
          frame(TEXT, b"*" * 10000, fin=False) +
          frame(CONT, b"*" * 10000 + b"\xed\xa0", fin=False), [], BAD_UTF8)


# --- closing (5.5.1, 7.4) ---

CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
         1014, 3000, 3001, 3999, 4000, 4001, 4999]
NO_CODES = [0, 1, 500, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000,
            2999, 5000, 9999, 32768, 65535]


def closing(g):
    p = g.path
    text = p.wrap(b"before")
    said = p.got(TEXT, text)[0]

    def answered(name, sent, back=(), code=1000):
        g.add(name, sent, back, code, True)
    for code in CODES:
        answered("code %d" % code, close(code), code=code)
    answered("code 3000 and a reason", close(3000, b"why"), code=3000)
    for code in NO_CODES:
        g.fails("code %d" % code, close(code))
        g.fails("code %d and a reason" % code, close(code, b"why"))
    answered("no code", frame(CLOSE, b""))
    for first in (b"\x03", b"\x00", b"\xff"):
        g.fails("one byte, %s" % first.hex(), frame(CLOSE, first))
    for size in (1, 100, 122, 123):
        answered("a reason of %d bytes" % size, close(1000, b"r" * size))
    g.fails("a reason of 124 bytes", close(1000, b"r" * 124))
    answered("a reason of 41 characters", close(1000, "€".encode() * 41))
    answered("a reason that ends in four bytes",
             close(1000, "bye 😀".encode()))
    for hexes in ("ff", "80", "c080", "eda080", "f4908080", "61c3", "e282"):
        g.fails("a reason of %s" % hexes, close(1000, bytes.fromhex(hexes)),
                BAD_UTF8)
    answered("behind a message", frame(TEXT, text) + close(1000), said)
    answered("behind a ping", frame(PING, b"p") + close(1000),
             [(PONG, b"p")])
    answered("behind 100 messages", frame(TEXT, text) * 100 + close(1001),
             said * 100, 1001)
    answered("within a message", frame(TEXT, b"a", fin=False) + close(1000))
    answered("within a message behind a ping",
             frame(TEXT, b"a", fin=False) + frame(PING, b"p") + close(3001),
             [(PONG, b"p")], 3001)
    for name, more in (
            ("a message", frame(TEXT, text)), ("a ping", frame(PING, b"p")),
            ("a pong", frame(PONG, b"p")), ("the same", close(1000)),
            ("another code", close(3000)), ("a code that is none", close(0)),
            ("nonsense", b"\xff" * 300), ("what is not UTF-8",
                                          frame(TEXT, b"\xff")),
            ("the rest of a message", frame(CONT, b"b")),
            ("half a frame", frame(TEXT, b"", length=1000)),
            ("200,000 bytes", frame(TEXT, b"*" * 50000) * 4)):
        answered("then %s" % name, close(1000) + more)
    g.add("a fault, then a close frame", frame(3, b"") + close(3000), [],
          PROTOCOL)
    g.add("a fault, then 200,000 bytes", frame(3, b"") +
          frame(TEXT, b"*" * 50000) * 4, [], PROTOCOL)


# --- sizes ---

def sizes(g):
    p = g.path
    half = p.bound // 2
    zeros = b"\0\0\0\0"
    text = p.text(p.bound)
    for opcode, kind in ((TEXT, "text"), (BINARY, "binary")):
        g.message("%s at the bound" % kind, opcode, text,
                  frame(opcode, text, mask=zeros))
    g.message("two parts at the bound", TEXT, text,
              frame(TEXT, text[:half], fin=False, mask=zeros) +
              frame(CONT, text[half:], mask=zeros))
    g.message("parts of 4 KiB at the bound", TEXT, text, fragments(
        TEXT, [text[i:i + 4096] for i in range(0, p.bound, 4096)]))
    g.message("the bound and an empty part", TEXT, text,
              frame(TEXT, text, fin=False, mask=zeros) + frame(CONT, b""))
    for name, length in (("one more", p.bound + 1), ("twice", 2 * p.bound),
                         ("2^31", 2 ** 31), ("2^32", 2 ** 32),
                         ("2^32+5", 2 ** 32 + 5), ("2^62", 2 ** 62),
                         ("2^63-1", 2 ** 63 - 1)):
        g.fails("a length of %s" % name,
                frame(TEXT, b"x", length=length), TOO_BIG)
    g.fails("one more in the last part",
            frame(TEXT, text[:half], fin=False, mask=zeros) +
            frame(CONT, text[half:] + b"*", mask=zeros), TOO_BIG)
    g.fails("one more behind the bound",
            frame(TEXT, text, fin=False, mask=zeros) + frame(CONT, b"*"),
            TOO_BIG)
    g.fails("2^63-1 behind a part", frame(TEXT, b"*", fin=False) +
            frame(CONT, b"*", length=2 ** 63 - 1), TOO_BIG)
    for size in (4095, 4096, 4097, 32768, 65000):
        g.message("%d bytes" % size, TEXT, p.text(size))
    if p is ECHO:
        for size in (65537, 131072, 1 << 20):
            data = os.urandom(size)
            g.message("%d bytes of binary" % size, BINARY, data)
            g.message("%d bytes of binary in parts" % size, BINARY, data,
                      fragments(BINARY, [data[i:i + 50000]
                                         for i in range(0, size, 50000)]))


GROUPS = {f.__name__: f for f in (framing, reserved, fragmentation, control,
                                  utf8_good, utf8_bad, closing, sizes)}


def cases(path, group):
    """Those of one group; a new list, with new masks, each time."""
    g = Group(path, group)
    GROUPS[group](g)
    return g.cases
