"""feed.js, the client that others copy, against a socket that the test plays."""
import json

import pytest

import harness

# A WebSocket whose other end is the test, and a clock that it turns.
PLAY = """
class Fake {
    static all = [];
    static get now() { return Fake.all[Fake.all.length - 1]; }
    constructor(url) { this.url = url; this.sent = []; Fake.all.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close(code) { this.closedWith = code; }
    say(m) { this.onmessage({data: typeof m === 'string' ? m
        : JSON.stringify(m)}); }
    end(code, reason) { this.onclose({code, reason: reason || ''}); }
}
const timers = [];
window.WebSocket = Fake;
window.setTimeout = (fn, ms) => timers.push({fn, ms});
window.clearTimeout = (n) => { if (timers[n - 1]) timers[n - 1].fn = null; };
window.setInterval = () => 0;
const {Feed} = await import('/feed.js');
const feed = new Feed('ws://test/ws');
const events = [];
for (const name of ['message', 'gap', 'lost', 'refused', 'state'])
    feed.addEventListener(name, (e) => events.push([name, e.detail]));
const of = (name) => events.filter((e) => e[0] === name).map((e) => e[1]);
"""


@pytest.fixture
def play(browser, tool):
    """play(script) runs it in the page and returns what it returns."""
    port = harness.free_port()
    tool("wsgate", "--no-redis", "--listen", "127.0.0.1:%d" % port,
         "--web", harness.REPO / "wsgate" / "web").wait_ready()

    def run(script):
        # A plain file of the same origin: nothing else runs beside the test.
        browser.get("http://127.0.0.1:%d/icon.svg" % port)
        return browser.execute_script(
            "return (async () => {%s %s})()" % (PLAY, script))
    return run


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1011, 1012, 1013,
                                  4100, 4101, 4102])
def test_it_reconnects_after_every_close_that_allows_it(play, code):
    assert play("""
        feed.start(); Fake.now.onopen(); Fake.now.end(%d);
        const waiting = feed.state.socket;
        timers.at(-1).fn();
        return [waiting, feed.state.socket, Fake.all.length];
        """ % code) == ["waiting", "connecting", 2]


@pytest.mark.parametrize("code", [1008, 4000, 4001, 4002, 4003, 4200])
def test_it_stops_where_the_same_again_cannot_help(play, code):
    assert play("""
        feed.start(); Fake.now.onopen(); Fake.now.end(%d, 'no');
        const s = feed.state;
        feed.start();
        return [s.socket, s.code, s.reason, Fake.all.length];
        """ % code) == ["refused", code, "no", 2]


def test_the_goodbye_says_how_long_to_wait(play):
    waits = play("""
        const waits = [];
        feed.start();
        for (let i = 0; i < 40; i++) {
            Fake.now.onopen();
            Fake.now.say({type: 'bye', reason: 'drain', retry_ms: [500, 800]});
            Fake.now.end(1001);
            waits.push(feed.state.retryMs);
            timers.at(-1).fn();
        }
        return waits;""")
    assert all(500 <= w <= 800 for w in waits)
    assert len(set(waits)) > 10


def test_waits_grow_at_random_up_to_a_bound(play):
    waits = play("""
        const waits = [];
        feed.start();
        for (let i = 0; i < 60; i++) {
            Fake.now.end(1006);
            waits.push(feed.state.retryMs);
            timers.at(-1).fn();
        }
        return waits;""")
    assert waits[0] <= 500 and waits[1] <= 1000
    assert max(waits) <= 10000 and max(waits) > 3000
    assert min(waits[10:]) < 5000, "full jitter reaches down to 0"


def test_a_connection_that_held_makes_the_next_wait_short_again(play):
    assert play("""
        let watch; window.setInterval = (fn) => { watch = fn; return 1; };
        let now = performance.now(); performance.now = () => now;
        feed.start();
        for (let i = 0; i < 8; i++) { Fake.now.end(1006); timers.at(-1).fn(); }
        Fake.now.onopen(); now += 6000; watch();
        Fake.now.end(1006);
        return feed.state.retryMs;""") <= 500


def test_it_asks_again_for_what_is_still_wanted(play):
    sent = play("""
        feed.subscribe(['a:1', 'b:1']);
        feed.start(); Fake.now.onopen();
        feed.subscribe(['c:1', 'a:1']); feed.unsubscribe(['b:1', 'x:1']);
        const first = Fake.now.sent;
        Fake.now.end(1012); timers.at(-1).fn(); Fake.now.onopen();
        return [first, Fake.now.sent];""")
    assert [(m["type"], m["channels"]) for m in sent[0]] == [
        ("subscribe", ["a:1", "b:1"]), ("subscribe", ["c:1"]),
        ("unsubscribe", ["b:1"])]
    assert [sorted(m["channels"]) for m in sent[1]] == [["a:1", "c:1"]]


def test_many_channels_go_in_messages_below_the_bound(play):
    sizes = play("""
        feed.subscribe(Array.from({length: 1000}, (_, i) => 'bars:S' + i));
        feed.start(); Fake.now.onopen();
        return Fake.now.sent.map((m) => JSON.stringify(m).length);""")
    assert len(sizes) == 4 and max(sizes) < 65536


def test_a_jump_in_seq_is_reported(play):
    gaps = play("""
        feed.start(); Fake.now.onopen();
        const up = (seq) => Fake.now.say({type: 'update', channel: 'a', seq,
            data: {}, source: 'redis'});
        Fake.now.say({type: 'subscribed', results: [
            {channel: 'a', ok: true, epoch: 'e', seq: 5}]});
        up(6); up(7); up(10); up(11);
        return of('gap');""")
    assert gaps == [{"channel": "a", "missed": 2}]


def test_a_new_connection_begins_its_own_count(play):
    assert play("""
        feed.start(); Fake.now.onopen();
        Fake.now.say({type: 'update', channel: 'a', seq: 5, data: {}});
        Fake.now.end(1006); timers.at(-1).fn(); Fake.now.onopen();
        Fake.now.say({type: 'update', channel: 'a', seq: 90, data: {}});
        return of('gap');""") == []


def test_what_was_lost_before_the_gateway_is_told_from_conflation(play):
    said = play("""
        feed.start(); Fake.now.onopen();
        const up = (seq, inner) => Fake.now.say({type: 'update', channel: 'a',
            seq, data: {src: 'p', seq: inner}, source: 'redis'});
        up(1, 11); up(2, 12); up(5, 15); up(6, 20);
        return [of('gap'), of('lost')];""")
    assert said == [[{"channel": "a", "missed": 2}],
                    [{"channel": "a", "missed": 4}]]


COUNTING = """
    feed.start(); Fake.now.onopen();
    const ack = (seq, epoch = 'e', channel = 'a') => Fake.now.say({
        type: 'subscribed', results: [{channel, ok: true, epoch, seq}]});
    const up = (seq, inner, src = 'p') => Fake.now.say({type: 'update',
        channel: 'a', seq, data: {src, seq: inner}, source: 'redis'});
    const shot = (seq, inner, src = 'p') => Fake.now.say({type: 'snapshot',
        channel: 'a', seq, data: {src, seq: inner}, source: 'redis'});
    const counted = () => [of('gap'), of('lost')].map((l) =>
        l.reduce((n, e) => n + e.missed, 0));
    """


@pytest.mark.parametrize("what,script,gap,lost", [
    ("a new connection, to a gateway that was restarted",
     "up(500, 11); up(501, 12); Fake.now.end(1006); timers.at(-1).fn();"
     "Fake.now.onopen(); ack(0, 'f'); up(1, 60); up(2, 61);", 0, 0),
    ("a new connection to the same gateway",
     "up(5, 11); Fake.now.end(1006); timers.at(-1).fn(); Fake.now.onopen();"
     "ack(30); up(31, 90); up(32, 91);", 0, 0),
    ("a channel given up and wanted again, not heard meanwhile",
     "feed.subscribe(['a']); ack(4); up(5, 15); feed.unsubscribe(['a']);"
     "feed.subscribe(['a']); ack(5); up(6, 40); up(7, 41);", 0, 0),
    ("another type told behind a newer one",
     "up(5, 10); up(7, 12); up(8, 11); up(9, 13);", 1, 0),
    ("another type told late after an outage",
     "up(5, 10); up(6, 12); up(7, 11); up(8, 13); up(9, 14);", 0, 1),
    ("a gateway that counts anew within the connection",
     "up(500, 10); up(1, 900); up(2, 901);", 0, 0),
    ("another run of the publisher", "up(5, 10); up(6, 700, 'q');", 0, 0),
    ("a dead run, heard again from the cache",
     "up(5, 700, 'q'); up(6, 10); up(7, 701, 'q');", 0, 0),
    ("a snapshot for each type, all of one seq",
     "ack(9); shot(9, 41); shot(9, 40); up(10, 42); up(11, 43);", 0, 0),
    ("a snapshot behind an update of another type",
     "ack(9); up(10, 42); shot(9, 40); up(11, 43); shot(11, 39);"
     "up(12, 44);", 0, 0),
    ("an acknowledgement behind what a wildcard brought",
     "up(10, 42); ack(8); up(11, 43); up(12, 44);", 0, 0),
    ("conflation", "up(5, 10); up(9, 14); up(12, 17);", 5, 0),
    ("a loss", "up(5, 10); up(6, 13); up(7, 14);", 0, 2),
    ("both", "up(5, 10); up(9, 17); up(10, 18);", 3, 3),
    ("an acknowledgement of a new epoch",
     "up(500, 42); ack(0, 'f'); up(1, 90); up(3, 92);", 1, 0),
])
def test_only_losses_are_lost(play, what, script, gap, lost):
    assert play(COUNTING + script + "return counted();") == [gap, lost], what


def test_numbers_keep_their_text_except_times_and_counts(play):
    data = (r'{"bid":95000.50,"time":17.0,"ask":6E-8,"bids":[[1.10, 2.0]],'
            r'"s":"1.10 \\\" 2.0","n":null,"b":true,"e":"","rev":2}')
    text = '{"type":"update","channel":"a","seq":1,"data":%s}' % data
    assert play("""
        feed.start(); Fake.now.onopen();
        Fake.now.say(%s);
        return of('message')[0].data;""" % json.dumps(text)) == {
            "bid": "95000.50", "time": 17, "ask": "6E-8",
            "bids": [["1.10", "2.0"]], "s": r'1.10 \" 2.0', "n": None,
            "b": True, "e": "", "rev": 2}


def test_texts_of_any_content_are_read_as_json_reads_them(play):
    assert play(r"""
        const {readJson} = await import('/json.js');
        const letters = '"\\ 1.5e-{}[],:\nu0日';
        const texts = Array.from({length: 400}, (_, i) =>
            Array.from({length: i % 17}, (_, k) =>
                letters[(i * 7 + k * k * 3) % letters.length]).join(''));
        const long = 'x"'.repeat(400000);
        return [texts.filter((t) => JSON.stringify(readJson(JSON.stringify(
                [t, {[t]: t}]))) !== JSON.stringify([t, {[t]: t}])),
            readJson(JSON.stringify([long]))[0] === long,
            ['{', '{"a":}', '[1,]', 'nul', '[1 2]'].filter((t) => {
                try { readJson(t); return true; } catch { return false; } })];
        """) == [[], True, []]


def test_a_goodbye_is_waited_for_as_numbers(play):
    assert play("""
        feed.start(); Fake.now.onopen();
        Fake.now.say('{"type":"bye","retry_ms":[500.0,501]}');
        Fake.now.end(1001);
        return feed.state.retryMs;""") in (500, 501)


def test_refusals_and_grants_are_told_by_channel(play):
    assert play("""
        feed.subscribe(['a', 'b']);
        feed.start(); Fake.now.onopen();
        const told = [];
        for (const name of ['refused', 'granted'])
            feed.addEventListener(name, (e) => told.push(
                [name, e.detail.channel, e.detail.code]));
        Fake.now.say({type: 'subscribed', results: [{channel: 'a', ok: true,
            epoch: 'e', seq: 0}, {channel: 'b', ok: false, code: 'refused'}]});
        Fake.now.say({type: 'error', channel: 'a', code: 'refused'});
        Fake.now.say({type: 'subscribed', results: [{channel: 'a', ok: true,
            epoch: 'e', seq: 3}]});
        return told;""") == [
            ["granted", "a", None], ["refused", "b", "refused"],
            ["refused", "a", "refused"], ["granted", "a", None]]


def test_what_is_refused_for_now_is_asked_for_again(play):
    asked = play("""
        feed.subscribe(['a', 'b', 'c', 'd']);
        feed.start(); Fake.now.onopen();
        const no = (channel, temporary) => ({channel, ok: false,
            code: 'refused', ...(temporary && {temporary})});
        Fake.now.say({type: 'subscribed', results: [no('a', true), no('b'),
            no('c', true), no('d', true)]});
        feed.unsubscribe(['c']);
        Fake.now.say({type: 'subscribed', results: [{channel: 'd', ok: true}]});
        Fake.now.sent = [];
        timers.at(-1).fn();
        return Fake.now.sent.map((m) => [m.type, m.channels]);""")
    assert asked == [["subscribe", ["a"]]]


def test_messages_that_are_no_json_harm_nothing(play):
    assert play("""
        feed.start(); Fake.now.onopen();
        for (const t of ['', '{', 'null', '7', '[]', '{"type":"__proto__"}',
                         '{"type":"nope"}', '{"type":"subscribed"}'])
            Fake.now.say(t);
        return feed.state.socket;""") == "open"


def test_silence_is_stale_and_then_a_new_connection(play):
    assert play("""
        let watch; window.setInterval = (fn) => { watch = fn; return 1; };
        let now = performance.now(); performance.now = () => now;
        feed.start(); Fake.now.onopen();
        Fake.now.say({type: 'heartbeat', time: 1, upstream: 'live'});
        now += 9000; watch();
        const silent = feed.state.silent;
        Fake.now.say({type: 'heartbeat', time: 2, upstream: 'live'});
        const heard = feed.state.silent;
        now += 17000; watch();
        return [silent, heard, feed.state.socket];""") == [
            True, False, "waiting"]


def test_an_attempt_that_hangs_is_given_up(play):
    assert play("""
        feed.start();
        timers[0].fn(); // the time for opening is over
        return [feed.state.socket, feed.state.reason];""") == [
            "waiting", "no answer"]


def test_upstream_follows_the_heartbeat(play):
    assert play("""
        feed.start(); Fake.now.onopen();
        const seen = [feed.state.upstream];
        for (const upstream of ['stale', 'down', 'live']) {
            Fake.now.say({type: 'heartbeat', time: 1, upstream});
            seen.push(feed.state.upstream);
        }
        Fake.now.end(1006);
        seen.push(feed.state.upstream);
        return seen;""") == [None, "stale", "down", "live", None]
