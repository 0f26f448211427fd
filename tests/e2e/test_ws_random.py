"""Random frames, right and wrong, cut anywhere: the gateway's /echo does what
wsreference.py says.  TW_SEED=N plays the frames of a run again."""
import asyncio
import os
import random
import socket
import struct
import traceback

import harness
import wsdriver
from wscases import (BINARY, CLOSE, CONT, ECHO, PING, PONG, TEXT, frame)
from wsreference import WAITS, judge

STREAMS = 800
SIZES = (0, 1, 2, 5, 124, 125, 126, 127, 300, 4095, 4096, 4097, 65535, 65536)
CODES = (0, 999, 1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1014, 1015,
         2999, 3000, 4999, 5000, 65535)


def some_text(r, size):
    """Valid, of about that size."""
    out = bytearray()
    while len(out) < size:
        top = r.choice((0x7f, 0x7f, 0x7ff, 0xffff, 0x10ffff))
        code = r.randrange(top + 1)
        if not 0xd800 <= code < 0xe000:
            # Large ones say the same again.
            out += chr(code).encode() * (1 + size // 50)
    return bytes(out)


def some_payload(r, opcode):
    size = r.choice(SIZES) if r.random() < 0.3 else r.randrange(40)
    return some_text(r, size) if opcode == TEXT else r.randbytes(size)


def some_control(r):
    opcode = r.choice((PING, PING, PONG))
    return frame(opcode, r.randbytes(r.choice((0, 1, 9, 124, 125))),
                 mask=r.randbytes(4))


def some_cuts(r, data, most):
    """Where to cut it: a sorted list of ends, the last one its length."""
    n = r.randrange(most)
    return sorted(r.randrange(len(data) + 1) for _ in range(n)) + [len(data)]


def some_message(r):
    opcode = r.choice((TEXT, TEXT, BINARY))
    payload = some_payload(r, opcode)
    if r.random() < 0.15:  # not UTF-8, perhaps
        at = r.randrange(len(payload) + 1)
        payload = payload[:at] + r.randbytes(1) + payload[at:]
    out, begin = b"", 0
    for i, end in enumerate(some_cuts(r, payload, r.choice((1, 2, 8)))):
        out += frame(CONT if i else opcode, payload[begin:end],
                     fin=False, mask=r.choice((b"\0\0\0\0", r.randbytes(4))))
        begin, last = end, len(out)
        if r.random() < 0.3:
            out += some_control(r)
    # The last fragment ends it, as a rule: that one, or an empty one.
    if r.random() < 0.95:
        out = out[:last] + frame(CONT, mask=r.randbytes(4)) + out[last:]
    return out


def some_whole(r):
    opcode = r.choice((TEXT, BINARY))
    return frame(opcode, some_payload(r, opcode), mask=r.randbytes(4))


def some_close(r):
    if r.random() < 0.2:
        return frame(CLOSE, r.randbytes(r.randrange(3)), mask=r.randbytes(4))
    reason = some_text(r, 20) if r.random() < 0.7 else r.randbytes(20)
    return frame(CLOSE, struct.pack(">H", r.choice(CODES)) + reason,
                 mask=r.randbytes(4))


def some_nonsense(r):
    """A frame of which anything may be wrong."""
    payload = r.randbytes(r.choice((0, 1, 10, 125, 126)))
    n = len(payload)
    form = r.choice((16, 64) if n > 125 else (7, 7, 16, 64))
    return frame(r.randrange(16), payload, fin=r.random() < 0.7,
                 rsv=r.choice((0, 0, 0, r.randrange(8))), form=form,
                 mask=r.choice((b"", r.randbytes(4), r.randbytes(4))),
                 length=r.choice((None, None, None, n // 2))
                 if form != 7 else None)


def damaged(r, data):
    """With a byte changed, left out or put in."""
    at = r.randrange(len(data))
    rest = r.choice((0, 1, 1))
    return data[:at] + r.choice((b"", r.randbytes(1))) + data[at + rest:]


def some_stream(r):
    makers = [(some_whole, 6), (some_message, 6), (some_control, 3),
              (some_nonsense, r.choice((0, 0, 2))), (some_close, 1)]
    chosen = r.choices([m for m, _ in makers], [w for _, w in makers],
                       k=r.randrange(1, 15))
    data = b"".join(make(r) for make in chosen)
    for _ in range(r.choice((0, 0, 0, 1, 3))):
        data = damaged(r, data) if data else data
    if r.random() < 0.1:
        data = data[:r.randrange(len(data) + 1)]
    # When a head is judged whose payload is to come is left open.
    while True:
        want = judge(data)
        if not want.in_head:
            return data, want
        data += b"\0"


def some_pieces(r, data):
    most = r.choice((1, 3, 30, 300))
    pieces, begin = [], 0
    for end in some_cuts(r, data, most):
        pieces.append(data[begin:end])
        begin = end
    return [p for p in pieces if p]


async def send(c, pieces):
    for p in pieces:
        await c.send(p)
        await asyncio.sleep(0)


async def play(port, r, data, want):
    """None, or what was wrong."""
    c = wsdriver.Connection(ECHO)
    sending = None
    try:
        await c.open(port)
        sending = asyncio.ensure_future(send(c, some_pieces(r, data)))
        for got in want.back:
            await wsdriver.expect(c, got)
        if want.end == WAITS:
            await sending
            c.sock.shutdown(socket.SHUT_WR)
        else:
            await wsdriver.expect_close(c, want.end, want.answered)
        await c.ends()
    except (wsdriver.Wrong, EOFError, OSError) as e:
        return "%s; %d frames back and then %s" % (
            traceback.format_exception_only(e)[-1].strip(), len(want.back),
            want.end)
    finally:
        if sending:
            sending.cancel()
        c.sock.close()
    return None


async def play_all(port, seed, count):
    at_once = asyncio.Semaphore(wsdriver.AT_ONCE)
    ends = {}

    async def one(i):
        r = random.Random("%s/%d" % (seed, i))
        async with at_once:
            data, want = some_stream(r)
            ends[want.end] = ends.get(want.end, 0) + 1
            try:
                why = await asyncio.wait_for(play(port, r, data, want),
                                             harness.deadline(15))
            except asyncio.TimeoutError:
                why = "nothing came"
        return why and "stream %d: %s: %s" % (i, why, data.hex()[:400])
    wrong = await asyncio.gather(*map(one, range(count)))
    return [w for w in wrong if w], ends


def test_random_frames_are_taken_as_the_reference_takes_them(gate):
    g = gate("--dev")
    seed = os.environ.get("TW_SEED") or str(random.SystemRandom().getrandbits(32))
    print("TW_SEED=%s" % seed)
    wrong, ends = asyncio.run(play_all(g.port, seed, STREAMS))
    assert not wrong, "TW_SEED=%s: %d of %d:\n%s" % (
        seed, len(wrong), STREAMS, "\n".join(wrong[:20]))
    # All that may happen did.
    assert ends[WAITS] > 100 and ends[1002] > 100, ends
    assert ends[1007] > 10 and ends.get(1000, 0) > 3, ends
    assert g.tool.running(), g.tool.stderr[-4000:]
