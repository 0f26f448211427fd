"""What wsgate refuses, and what Redis refuses wsgate."""
import json
import socket

import pytest

import harness

TRADE = ('{"type":"trade","symbol":"AAPL","time":1705575045123,'
         '"price":187.20,"size":100}')


def test_a_channel_that_the_acl_forbids_holds_up_no_other(redis_server, gate):
    r = redis_server.client()
    r.execute_command("ACL", "SETUSER", "gw", "on", ">pw", "~*", "+@all",
                      "resetchannels", "&_probe:*", "&market_data:OK")

    class Locked:
        url = redis_server.url.replace("://", "://gw:pw@")
    g = gate("--confirm", "1m", redis=Locked)
    ws = g.ws()
    ack = ws.subscribe("market_data:NO", "market_data:OK")
    assert [(x["channel"], x["ok"], x.get("code")) for x in ack["results"]] == [
        ("market_data:NO", False, "refused"), ("market_data:OK", True, None)]
    assert ack["results"][0]["temporary"] is True
    r.publish("market_data:NO", TRADE)
    r.publish("market_data:OK", TRADE)
    assert ws.wait_type("update")["channel"] == "market_data:OK"
    # The refusal cost nobody the link.
    assert g.metric("connections") == 1
    status, body = harness.http_get(g.http("/ready"))
    detail = json.loads(body)
    assert (status, detail["refused"], detail["refused_count"]) == (
        200, ["market_data:NO"], 1)
    assert g.metric("redis_subscriptions_refused") == 1


@pytest.mark.parametrize("name,channel", [
    ("market_data:A", "market_data:A"), ("market_data:*", "market_data:A")])
def test_who_has_a_channel_hears_that_it_is_refused_and_granted_again(
        redis_server, gate, name, channel):
    r = redis_server.client()

    def allow(*channels):
        r.execute_command("ACL", "SETUSER", "gw", "on", ">pw", "~*", "+@all",
                          "resetchannels", "&_probe:*", "&bars:*", *channels)

    class Locked:
        url = redis_server.url.replace("://", "://gw:pw@")
    allow("&market_data:*")
    g = gate(redis=Locked)
    ws, other = g.ws(), g.ws()
    assert ws.subscribe(name)["results"][0]["ok"]
    other.subscribe("bars:A:1")
    r.publish(channel, TRADE)
    ws.wait_type("update")
    allow()
    m = ws.wait(lambda m: m["type"] == "error" and m.get("channel") == name, 3)
    assert m["code"] == "refused" and m["temporary"] is True
    other.wait(lambda m: m == {**m, "type": "heartbeat", "upstream": "live"})
    assert not other.of("error")
    late = g.ws().subscribe(name)["results"][0]
    assert (late["ok"], late["code"]) == (False, "refused")
    newer = TRADE.replace("045123", "045124")
    r.hset("last:" + channel, "trade", newer)  # as its publisher goes on
    allow("&market_data:*")
    ws.wait(lambda m: m["type"] == "subscribed" and "id" not in m and
            m["results"][0] == {**m["results"][0], "channel": name,
                                "ok": True}, 3)
    ws.wait(lambda m: m["type"] == "update" and
            m["data"]["time"] == 1705575045124, 3)
    r.publish(channel, TRADE.replace("045123", "045125"))
    ws.wait(lambda m: m["type"] == "update" and
            m["data"]["time"] == 1705575045125)
    assert g.metric("redis_subscriptions_refused") == 0
    assert g.metric("messages_recovered_total") == 1


@pytest.mark.parametrize("line,says", [
    ('{"channel":7,"data":{}}', "channel is not a string"),
    ('{"channel":"a b","data":{}}', "'a b' cannot be a channel"),
    ('{"channel":"market_data:A"}', "column"),
    ('{"type":"account","account_id":"A1","time":1,"balance":1}',
     "events of type account have no channel"),
    ('{"type":"trade","symbol":"A","time":1705575045123}', "price"),
])
def test_lines_that_reach_no_channel_are_told(gate, line, says):
    g = gate("--stdin", "--linger", stdin=("%s\n%s\n" % (line, TRADE)).encode())
    g.tool.wait_stderr("ev=input_end")
    said = [ln for ln in g.tool.stderr.splitlines() if "ev=bad_line" in ln]
    assert len(said) == 1 and "line=1" in said[0] and says in said[0]
    assert "accepted=1 refused=1" in g.tool.stderr


def test_symbols_without_redis_are_those_that_were_heard(gate):
    g = gate("--stdin", stdin="pipe")
    url = g.http("/api/v1/symbols")
    assert json.loads(harness.http_get(url)[1]) == {"symbols": []}
    bar = ('{"type":"bar","symbol":"%s","resolution":"%s","bar":{"time":1705575000000,'
           '"open":1,"high":2,"low":1,"close":2,"volume":7,"count":1,'
           '"end":1705575001000,"final":true,"rev":0}}\n')
    g.tool.write(TRADE + "\n" + bar % ("AAPL", "5") + bar % ("AAPL", "1") +
                 bar % ("MSFT", "1") + '{"channel":"other","data":1}\n')
    want = {"symbols": [{"symbol": "AAPL", "resolutions": ["1", "5"]},
                        {"symbol": "MSFT", "resolutions": ["1"]}]}
    harness.wait_until(
        lambda: json.loads(harness.http_get(url)[1]) == want, 5,
        lambda: harness.http_get(url)[1].decode())


@pytest.mark.parametrize("method,headers,status", [
    ("POST", {}, b"405"),
    ("GET", {"Upgrade": "h2c"}, b"426"),
    ("GET", {"Upgrade": "websocketx"}, b"426"),
    ("GET", {"Sec-WebSocket-Version": "8"}, b"426"),
    ("GET", {"Sec-WebSocket-Key": "short"}, b"400"),
    ("GET", {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=A"}, b"400"),
    ("GET", {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25=ZQ=="}, b"400"),
    ("GET", {"Origin": "http://evil.test"}, b"403"),
])
def test_a_handshake_that_is_none_is_refused(gate, method, headers, status):
    g = gate()
    fields = {"Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket",
              "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **headers}
    with socket.create_connection(("127.0.0.1", g.port),
                                  harness.deadline(5)) as s:
        s.sendall(("%s /ws HTTP/1.1\r\n%s\r\n" % (method, "".join(
            "%s: %s\r\n" % f for f in fields.items()))).encode())
        s.settimeout(harness.deadline(5))
        assert s.recv(4096).split()[1] == status
    g.ws().wait_type("welcome")
