/*
 * feed.js -- a client of the gateway's native protocol that looks after itself.
 *
 *   const feed = new Feed('ws://127.0.0.1:8080/ws');
 *   feed.addEventListener('message', (e) => use(e.detail));
 *   feed.addEventListener('state', (e) => show(e.detail));
 *   feed.subscribe(['market_data:*', 'bars:AAPL:1']);
 *   feed.start();
 *
 * No build step; copy it and json.js into your own page.
 *
 * Reconnects after every close, clean ones (1001, 1012) too, with full jitter:
 * random(0, min(max, base * 2^n)).  `bye.retry_ms` replaces that wait once.  The
 * close codes that mean "not like this" stop it until start() is called again.
 * A browser does not tell a page why a handshake failed, so a gateway of the
 * page's own origin is then asked over HTTP; if it refuses the page (403), that
 * is final, too.
 * The set of wanted channels outlives the connection and is asked for again, and
 * so is, every few seconds, a channel whose refusal says `temporary`.
 *
 * Events (CustomEvent, see detail):
 *   state    {socket, upstream, silent, attempt, retryMs, reason, code}
 *            socket   idle | connecting | open | waiting | refused
 *            reason   why it was closed, or why it does not open, where that is
 *                     known; code is then the close code, or a status of HTTP
 *            upstream live | stale | down, null while not known
 *            silent   no byte although a heartbeat was due
 *   message  {kind: 'snapshot'|'update', channel, seq, data, timestamp, source}
 *   gap      {channel, missed}   the gateway's seq jumped: in `mode: latest` these
 *                                were replaced by newer ones, which is no loss
 *   lost     {channel, missed}   the publisher's own seq jumped by more than the
 *                                gateway's: lost on the way to the gateway; or
 *                                the gateway says `gap` (missed is then 0)
 *   refused  {channel, code, message}   of a subscribe, or later; with channel
 *                                '' a whole request
 *   granted  {channel}           subscribed, also after it was refused
 *   clock    {offsetMs}          gateway's clock minus ours, at each heartbeat
 *
 * `timestamp` of a message is when the gateway heard or read it.  When an event
 * happened only its own data say (`time` or `timestamp` there).
 *
 * Numbers in `data` are texts (95000.50 is "95000.50"), except times and counts:
 * see json.js.
 */

import {readJson} from './json.js';

const BASE_MS = 250;
const MAX_MS = 10000;
const STABLE_MS = 5000; /* open this long: the next wait starts small again */
const OPEN_MS = 10000; /* a connection attempt may take this long */
const SILENT_MS = 8000; /* heartbeats come every 5 s */
const DEAD_MS = 16000;
const REFUSED_MS = 4000; /* what was refused for now is asked for again */
const WHY_MS = 5000; /* the question why may take this long */
const NOT_PASSED = 'the gateway can be reached, but no WebSocket: does a proxy ' +
    'before it pass on Upgrade and Connection?';
const CHUNK = 256; /* channels in one subscribe: far below 64 KiB */

/* Retrying unchanged cannot help, or must be on purpose (4200). */
const FATAL = new Set([1008, 4000, 4001, 4002, 4003, 4200]);
/* The gateway asks for distance. */
const BACK_OFF = new Set([1002, 1003, 1007, 1009, 1013, 4100, 4101, 4102]);
const BACK_OFF_ATTEMPT = 4;

export class Feed extends EventTarget {
    #url;
    #wanted = new Set();
    #seqs = new Map(); /* channel -> {epoch, seq} told in this connection */
    #sources = new Map(); /* channel -> {src, seq, at} of the publisher */
    #again = new Set(); /* channels refused for now */
    #againTimer = 0;
    #socket = null;
    #state = {socket: 'idle', upstream: null, silent: false, attempt: 0,
        retryMs: 0, reason: '', code: 0};
    #bye = null;
    #timer = 0;
    #watch = 0;
    #openedAt = 0;
    #heardAt = 0;
    #nextId = 1;

    constructor(url)
    {
        super();
        this.#url = String(url);
        /* A sleeping or offline tab need not wait out its timer. */
        addEventListener('online', () => this.#hurry());
        addEventListener('pagehide', () => this.#detach(1001));
        addEventListener('pageshow', (e) => e.persisted && this.#hurry());
    }

    get state()
    {
        return {...this.#state};
    }

    start()
    {
        if (this.#state.socket === 'connecting' ||
            this.#state.socket === 'open')
            return;
        this.#set({attempt: 0});
        this.#connect();
    }

    stop()
    {
        clearTimeout(this.#timer);
        this.#detach(1000);
        this.#set({socket: 'idle', upstream: null, silent: false});
    }

    subscribe(channels)
    {
        const fresh = channels.filter((c) => !this.#wanted.has(c));
        fresh.forEach((c) => this.#wanted.add(c));
        this.#ask('subscribe', fresh);
    }

    unsubscribe(channels)
    {
        const known = channels.filter((c) => this.#wanted.delete(c));
        known.forEach((c) => this.#forget(c));
        this.#ask('unsubscribe', known);
    }

    /* The gateway need not listen to it any more, nor go on counting. */
    #forget(channel)
    {
        this.#seqs.delete(channel);
        this.#sources.delete(channel);
        this.#again.delete(channel);
    }

    #emit(name, detail)
    {
        this.dispatchEvent(new CustomEvent(name, {detail}));
    }

    #set(changes)
    {
        const before = JSON.stringify(this.#state);
        Object.assign(this.#state, changes);
        if (JSON.stringify(this.#state) !== before)
            this.#emit('state', this.state);
    }

    #ask(type, channels)
    {
        if (this.#state.socket !== 'open')
            return;
        for (let i = 0; i < channels.length; i += CHUNK) {
            const part = channels.slice(i, i + CHUNK);
            this.#socket.send(JSON.stringify(
                {type, id: this.#nextId++, channels: part}));
        }
    }

    #connect()
    {
        clearTimeout(this.#timer);
        this.#bye = null;
        this.#seqs.clear();
        this.#sources.clear();
        this.#again.clear();
        this.#set({socket: 'connecting', upstream: null, silent: false,
            retryMs: 0});
        const socket = new WebSocket(this.#url);
        this.#socket = socket;
        socket.onopen = () => this.#opened();
        socket.onmessage = (e) => this.#heard(e.data);
        socket.onclose = (e) => this.#closed(e.code, e.reason);
        this.#timer = setTimeout(
            () => this.#giveUp('no answer'), OPEN_MS);
    }

    #opened()
    {
        clearTimeout(this.#timer);
        this.#openedAt = this.#heardAt = performance.now();
        this.#set({socket: 'open', reason: '', code: 0});
        this.#ask('subscribe', [...this.#wanted]);
        clearInterval(this.#watch);
        this.#watch = setInterval(() => this.#look(), 1000);
    }

    /* TCP can be healthy and nothing come: the heartbeat tells. */
    #look()
    {
        const quiet = performance.now() - this.#heardAt;
        if (quiet > DEAD_MS)
            this.#giveUp('no heartbeat');
        else
            this.#set({silent: quiet > SILENT_MS});
        if (this.#state.attempt > 0 && this.#state.socket === 'open' &&
            performance.now() - this.#openedAt > STABLE_MS)
            this.#set({attempt: 0});
    }

    /* Not socket.close() and wait: a dead peer answers that after minutes. */
    #giveUp(reason)
    {
        this.#detach(4000);
        this.#closed(1006, reason);
    }

    #detach(code)
    {
        clearInterval(this.#watch);
        const socket = this.#socket;
        this.#socket = null;
        if (!socket)
            return;
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close(code === 1001 ? undefined : code);
    }

    #closed(code, reason)
    {
        clearTimeout(this.#timer);
        clearInterval(this.#watch);
        this.#socket = null;
        if (FATAL.has(code)) {
            this.#set({socket: 'refused', upstream: null, silent: false, code,
                reason});
            return;
        }
        const opened = this.#state.socket === 'open';
        const attempt = Math.max(this.#state.attempt + 1,
            BACK_OFF.has(code) ? BACK_OFF_ATTEMPT : 0);
        const retryMs = this.#wait(attempt);
        const unknown = !opened && code === 1006;
        this.#set({socket: 'waiting', upstream: null, silent: false, code,
            reason: reason || (unknown ? this.#state.reason : ''), attempt,
            retryMs});
        this.#timer = setTimeout(() => this.#connect(), retryMs);
        if (unknown)
            this.#askWhy();
    }

    /* The same address without an upgrade answers 403 with the reason, or 426:
     * then the upgrade was lost on the way here, or the gateway is back.  A page
     * of another origin could not read the answer: its operator finds the reason
     * in the gateway's log. */
    async #askWhy()
    {
        const url = new URL(this.#url);
        url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
        url.search = new URLSearchParams({origin: location.origin});
        if (url.origin !== location.origin)
            return;
        try {
            const answer = await fetch(url, {cache: 'no-store',
                signal: AbortSignal.timeout(WHY_MS)});
            const code = answer.status;
            if (code === 403)
                this.#refused((await answer.json()).message, code);
            else
                this.#explain(code === 426 ? NOT_PASSED :
                    `HTTP ${code} instead of a WebSocket`, code);
        } catch {
            this.#explain('', 1006);
        }
    }

    #explain(reason, code)
    {
        if (this.#state.socket === 'waiting' ||
            this.#state.socket === 'connecting')
            this.#set({reason, code});
    }

    #refused(reason, code)
    {
        if (this.#state.socket !== 'waiting' &&
            this.#state.socket !== 'connecting')
            return;
        clearTimeout(this.#timer);
        this.#detach(1000);
        this.#set({socket: 'refused', reason: String(reason || ''), code});
    }

    #wait(attempt)
    {
        const range = this.#bye && this.#bye.retry_ms;
        if (Array.isArray(range) && range[0] >= 0 && range[1] >= range[0])
            return Math.round(range[0] +
                Math.random() * (Math.min(range[1], 60000) - range[0]));
        const most = Math.min(MAX_MS, BASE_MS * 2 ** Math.min(attempt, 10));
        return Math.round(Math.random() * most);
    }

    #hurry()
    {
        if (this.#state.socket === 'waiting' || !this.#socket &&
            this.#state.socket === 'open')
            this.#connect();
    }

    #heard(text)
    {
        let m;
        this.#heardAt = performance.now();
        if (this.#state.silent)
            this.#set({silent: false});
        try {
            m = readJson(text);
        } catch {
            return; /* not ours to die of */
        }
        const on = Feed.#handlers[m && m.type];
        if (on)
            on.call(this, m);
    }

    static #handlers = {
        __proto__: null,
        snapshot(m) { this.#data(m); },
        update(m) { this.#data(m); },
        subscribed(m) { this.#results(m); },
        gap(m) { this.#emit('lost', {channel: m.channel || '', missed: 0}); },
        bye(m) { this.#bye = m; },
        welcome(m) { this.#set({upstream: m.upstream || null}); },
        heartbeat(m)
        {
            if (Number.isFinite(m.time))
                this.#emit('clock', {offsetMs: m.time - Date.now()});
            this.#set({upstream: m.upstream || 'live'});
        },
        error(m)
        {
            this.#emit('refused', {channel: m.channel || '', code: m.code,
                message: m.message});
        },
    };

    #results(m)
    {
        for (const r of m.results || []) {
            if (!r.ok) {
                if (r.temporary && this.#wanted.has(r.channel))
                    this.#askLater(r.channel);
                this.#emit('refused', r);
                continue;
            }
            this.#again.delete(r.channel);
            if (Number.isFinite(r.seq))
                this.#begin(r.channel, r.epoch, r.seq);
            this.#emit('granted', {channel: r.channel});
        }
    }

    /* A refused request leaves no subscription that could be granted later. */
    #askLater(channel)
    {
        this.#again.add(channel);
        clearTimeout(this.#againTimer);
        this.#againTimer = setTimeout(() => {
            const channels = [...this.#again];
            this.#again.clear();
            this.#ask('subscribe', channels);
        }, REFUSED_MS * (1 + Math.random() / 2));
    }

    /* Within an epoch the count only grows: what a wildcard has brought is not
     * forgotten when its name is subscribed to. */
    #begin(channel, epoch, seq)
    {
        const before = this.#seqs.get(channel);
        const goesOn = before && (!before.epoch || before.epoch === epoch);

        this.#seqs.set(channel,
            {epoch, seq: goesOn ? Math.max(before.seq, seq) : seq});
        this.#sources.delete(channel); /* it may not have been heard till now */
    }

    #data(m)
    {
        if (Number.isFinite(m.seq))
            this.#count(m);
        if (m.type === 'update') {
            this.#publisher(m);
            /* As good as a first heartbeat. */
            if (this.#state.upstream === null && m.source === 'redis')
                this.#set({upstream: 'live'});
        }
        this.#emit('message', {kind: m.type, channel: m.channel, seq: m.seq,
            data: m.data, timestamp: m.timestamp, source: m.source});
    }

    /* There is a snapshot for each type, all with one seq, and one may come
     * behind an update of another type: snapshots never move the count back.
     * An update that does means that the gateway began to count anew. */
    #count(m)
    {
        const last = this.#seqs.get(m.channel);

        if (!last) {
            this.#seqs.set(m.channel, {epoch: '', seq: m.seq});
        } else if (m.seq > last.seq) {
            if (m.type === 'update' && m.seq > last.seq + 1)
                this.#emit('gap', {channel: m.channel,
                    missed: m.seq - last.seq - 1});
            last.seq = m.seq;
        } else if (m.type === 'update') {
            last.seq = m.seq;
            this.#sources.delete(m.channel);
        }
    }

    /* `src` and `seq` inside the payload are the publisher's count of the
     * channel: a jump there that the gateway's seq does not show was lost
     * before the gateway.  One told late (of another type) is no jump. */
    #publisher(m)
    {
        const d = m.data;
        if (!d || typeof d !== 'object' || !Number.isFinite(d.seq))
            return;
        const last = this.#sources.get(m.channel);
        const goesOn = last && last.src === d.src;
        if (goesOn && d.seq <= last.seq)
            return;
        this.#sources.set(m.channel, {src: d.src, seq: d.seq, at: m.seq});
        if (!goesOn)
            return;
        const skipped = m.seq - last.at; /* NaN where there is no seq */
        const missed = d.seq - last.seq - skipped;
        if (missed > 0)
            this.#emit('lost', {channel: m.channel, missed});
    }
}
