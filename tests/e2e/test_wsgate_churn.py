"""wsgate under clients that come, change their minds, stall and vanish."""
import json
import random
import socket
import struct
import threading
import time

import pytest

import harness
from rawws import CLOSE, PING, TEXT, RawWs

NAMES = (["market_data:S%d" % i for i in range(20)] +
         ["bars:S%d:1" % i for i in range(5)] +
         ["market_data:*", "bars:S1:*", "stock:price_updates"])


def publish(redis_server, stop):
    r = redis_server.client()
    rnd = random.Random(7)
    i = 0
    while not stop.is_set():
        p = r.pipeline(transaction=False)
        for _ in range(100):
            i += 1
            name = rnd.choice(NAMES[:25])
            if name.startswith("bars"):
                text = ('{"type":"bar","bar":{"time":%d,"final":%s},"n":%d}' %
                        (i // 5000 * 60000, rnd.choice(("true", "false")), i))
            else:
                text = '{"type":"%s","n":%d,"p":"%s"}' % (
                    rnd.choice(("tick", "trade")), i,
                    "x" * rnd.choice((10, 200, 5000)))
            p.publish(name, text)
        try:
            p.execute()
        except OSError:
            pass
        time.sleep(0.005)  # a rate that leaves the clients some of the CPU


def act(rnd, g, clients):
    """One thing that a client might do."""
    what = rnd.randrange(12)
    if what < 2 or not clients:
        if len(clients) < 60:
            path = rnd.choice(("/ws", "/ws", "/api/v1/ws", "/stream/ticks",
                               "/ws?subscribe=market_data:S1,bars:S1:1"))
            c = RawWs(g.port, path, rcvbuf=rnd.choice((None, 4096)))
            assert c.status == 101
            clients.append(c)
        return
    c = rnd.choice(clients)
    if what < 7:
        c.send(TEXT, json.dumps({
            "type": rnd.choice(("subscribe", "subscribe", "unsubscribe")),
            "channels": rnd.sample(NAMES, rnd.randrange(1, 6)),
            **rnd.choice(({}, {}, {"mode": "all"}, {"interval_ms": 50}))}))
    elif what == 7:
        c.send(PING, b"x")
    elif what < 10:
        c.sock.setblocking(False)
        try:
            for _ in range(rnd.randrange(200)):
                if not c.sock.recv(4096):
                    raise ConnectionError
        except BlockingIOError:
            pass
        finally:
            c.sock.settimeout(harness.deadline(5))
    elif what == 10:
        c.send(CLOSE, struct.pack(">H", 1000))
        clients.remove(c)
        c.close()
    else:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, rnd.randrange(2) * 0))
        clients.remove(c)
        c.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_breaks_and_nothing_is_left(redis_server, gate, seed):
    g = gate("--log-size", "256KiB", "--backlog", "16KiB", "--sndbuf", "8192",
             "--backlog-all", "64KiB", "--command-rate", "100000",
             "--command-burst", "100000", redis=redis_server)
    stop = threading.Event()
    t = threading.Thread(target=publish, args=(redis_server, stop))
    t.start()
    rnd = random.Random(seed)
    clients = []
    try:
        for i in range(1500):
            try:
                act(rnd, g, clients)
            except OSError:
                # Let go for being slow, or stuck behind its own backlog.
                gone = [c for c in clients if c.sock.fileno() < 0]
                for c in gone + clients[:1]:
                    clients.remove(c)
                    c.close()
            if i == 700:
                redis_server.client().execute_command("CLIENT", "KILL",
                                                      "TYPE", "pubsub")
            if i % 300 == 0:
                g.counters_add_up()
    finally:
        stop.set()
        t.join()
    assert g.tool.running()
    with g.ws() as ws:
        ws.subscribe("market_data:S1")
        redis_server.client().publish("market_data:S1", '"end"')
        ws.wait_type("update", data="end")
    for c in clients:
        c.close()
    harness.wait_until(lambda: g.metric("connections") == 0, 10, "all gone")
    assert g.metric("subscriptions") == 0
    assert g.metric("groups") == 0
    g.counters_add_up()
    harness.wait_until(lambda: g.metric("channels") == 0, 15,
                       "all channels forgotten")
    assert g.tool.terminate() == 0
