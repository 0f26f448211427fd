"""Who a client is: behind proxies that say it in every way, and what limits by
address count."""
import http.client

import pytest

import harness

API = "/api/v1/symbols"


def ask(gate, headers=(), path=API, source="127.0.0.1"):
    """The status of GET path; headers are (name, value) pairs."""
    conn = http.client.HTTPConnection("127.0.0.1", gate.port,
                                      timeout=harness.deadline(10),
                                      source_address=(source, 0))
    try:
        conn.putrequest("GET", path)
        for name, value in headers:
            conn.putheader(name, value)
        conn.endheaders()
        answer = conn.getresponse()
        answer.read()
        return answer.status
    finally:
        conn.close()


def via(*values, header="X-Forwarded-For"):
    return [(header, v) for v in values]


def count(gate, name, **labels):
    text = harness.http_get(gate.http("/metrics"))[1]
    return harness.metric(text, "tickwire_http_" + name, **labels)


def unreadable(gate):
    return [line for line in gate.tool.stderr.splitlines()
            if "ev=forwarded_unreadable" in line]


# --- whom a proxy asks for ---


def test_clients_of_a_proxy_that_adds_ports_have_limits_of_their_own(gate):
    g = gate("--trust-proxy")
    got = [ask(g, via("203.0.113.8:%d" % (40001 + i))) for i in range(130)]
    assert got == [200] * 100 + [429] * 30
    assert ask(g, via("203.0.113.9:51000")) == 200
    assert ask(g, via("[2001:db8::1]:443")) == 200
    assert ask(g, via("::ffff:203.0.113.9")) == 200
    assert ask(g, via("2001:0DB8:0:0::1")) == 200
    # The same addresses, spelled otherwise: one bucket each.
    assert [ask(g, via("::ffff:cb00:7109")) for _ in range(99)] == \
        [200] * 98 + [429]
    assert [ask(g, via("2001:db8::1")) for _ in range(99)] == \
        [200] * 98 + [429]
    assert not unreadable(g)
    assert ask(g, via("[2001:db8::1")) == 200
    assert ask(g, via("\"quoted\\")) == 200
    assert ask(g, via("unknown")) == 200
    g.tool.wait_stderr("ev=forwarded_unreadable")
    assert len(unreadable(g)) == 1
    assert 'why=malformed text="[2001:db8::1"' in unreadable(g)[0]
    assert "proxy=127.0.0.1" in unreadable(g)[0]
    assert count(g, "forwarded_total", result="malformed") == 2
    assert count(g, "forwarded_total", result="withheld") == 1
    assert count(g, "forwarded_total", result="read") == 130 + 4 + 99 + 99


@pytest.mark.parametrize("one,same", [
    (via("203.0.113.8:40001"), via("203.0.113.8")),
    (via("::ffff:203.0.113.8"), via("[::ffff:cb00:7108]:80")),
    (via("2001:db8::1"), via("2001:DB8:0:0:ffff::2")),
    (via("[2001:db8::1]:443"), via("2001:db8::2")),
    (via("fe80::1%eth0", "192.0.2.1"), via("192.0.2.1")),
    (via("198.51.100.1, 203.0.113.8"), via("203.0.113.8,10.0.0.3")),
    (via("203.0.113.8"), via("for=203.0.113.8", header="Forwarded")),
    (via('for="[2001:db8::1]:443";proto=https', header="Forwarded"),
     via("for=1.2.3.4;host=\"a,b\"", 'For="[2001:db8::2]"', header="Forwarded")),
    (via("203.0.113.8") + via("for=192.0.2.1", header="Forwarded"),
     via("203.0.113.8")),
    # What cannot be read: the address of the proxy.
    (via("nonsense"), ()),
    (via("203.0.113.8", "nonsense"), ()),
    (via("203.0.113.8, "), ()),
    (via("for=_hidden", header="Forwarded"), ()),
])
def test_these_two_are_one_address(gate, one, same):
    g = gate("--trust-proxy", "--api-limit", "1/60s")
    assert ask(g, one) == 200
    assert ask(g, same) == 429


@pytest.mark.parametrize("one,other", [
    (via("203.0.113.8:1"), via("203.0.113.9:1")),
    (via("2001:db8::1"), via("2001:db8:0:1::1")),
    (via("203.0.113.8"), ()),
    (via("10.0.0.8"), via("10.0.0.9")),  # all are trusted: the first
])
def test_these_two_are_two_addresses(gate, one, other):
    g = gate("--trust-proxy", "--api-limit", "1/60s")
    assert ask(g, one) == 200
    assert ask(g, other) == 200
    assert ask(g, one) == 429


def test_only_the_proxies_that_are_named_are_believed(gate):
    g = gate("--trust-proxy=127.0.0.8/29", "--trust-proxy=192.0.2.1",
             "--api-limit", "1/60s")
    assert ask(g, via("203.0.113.1"), source="127.0.0.9") == 200
    assert ask(g, via("203.0.113.2, 192.0.2.1"), source="127.0.0.9") == 200
    assert ask(g, via("203.0.113.2"), source="127.0.0.9") == 429
    # Anybody else speaks for himself.
    assert ask(g, via("203.0.113.3"), source="127.0.0.1") == 200
    assert ask(g, via("203.0.113.4"), source="127.0.0.1") == 429
    assert ask(g, via("203.0.113.4"), source="127.0.0.16") == 200
    assert not unreadable(g)


def test_without_the_option_nobody_is_believed(gate):
    g = gate("--api-limit", "1/60s")
    assert ask(g, via("203.0.113.1")) == 200
    assert ask(g, via("203.0.113.2")) == 429


@pytest.mark.parametrize("value", ["1", "true", "127.0.0.1", "::/0,127.0.0.0/8"])
def test_the_environment_names_proxies_too(gate, value):
    g = gate("--api-limit", "1/60s", env={"TRUST_PROXY": value})
    assert ask(g, via("203.0.113.1")) == 200
    assert ask(g, via("203.0.113.2")) == 200


@pytest.mark.parametrize("value", ["0", "", "false", "10.0.0.0/8"])
def test_the_environment_may_name_none(gate, value):
    g = gate("--api-limit", "1/60s", env={"TRUST_PROXY": value})
    assert ask(g, via("203.0.113.1")) == 200
    assert ask(g, via("203.0.113.2")) == 429


@pytest.mark.parametrize("args,env,said", [
    (["--trust-proxy=10.0.0.0/33"], {}, "--trust-proxy: '10.0.0.0/33'"),
    (["--trust-proxy=proxy"], {}, "--trust-proxy: 'proxy'"),
    (["--trust-proxy="], {}, "--trust-proxy: ''"),
    ([], {"TRUST_PROXY": "10.0.0.0/8,x"}, "TRUST_PROXY: 'x'"),
])
def test_what_is_no_network_is_a_usage_error(args, env, said):
    t = harness.run_tool("wsgate", "--no-redis", *args, env=env)
    assert t.proc.returncode == 64
    assert t.stderr.startswith("wsgate: " + said)
    assert "is not a network (try 10.0.0.0/8, 192.0.2.7 or" in t.stderr


def test_websockets_are_counted_by_the_same_addresses(gate):
    g = gate("--trust-proxy", "--max-per-address", "2")

    def welcome(address):
        ws = g.raw(headers={"X-Forwarded-For": address})
        first = ws.recv()[1]
        return b'"welcome"' in first

    assert welcome("203.0.113.8:40001") and welcome("::ffff:203.0.113.8")
    assert not welcome("203.0.113.8:40002")
    assert welcome("203.0.113.9:40001")
    assert welcome("[2001:db8::1]:1") and welcome("2001:DB8::2")
    assert not welcome("2001:db8::3")
    assert welcome("2001:db8:0:1::3")
