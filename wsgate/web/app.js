/*
 * app.js -- the page: feed -> watchlist, chart and the state of the connection.
 *
 * Which symbol and resolution are shown is kept in the address (#AAPL/5), so
 * that a reload or a link shows the same.
 *
 * What is written below the table, for an operator:
 *   skipped  messages that newer ones of their kind replaced before they were
 *            sent here (the page asks for `latest`): no price is missing
 *   lost     messages that a publisher numbered and this page's gateway never
 *            got: a fault between the two
 */

import {Chart} from './chart.js';
import {Feed} from './feed.js';
import {fromHash, nameOk, RULE, toHash} from './names.js';
import {Watchlist} from './watchlist.js';

const RESOLUTIONS = ['1S', '1', '5', '15', '60', '240', 'D', 'W', 'M'];
const NAMES = {'1S': '1 s', 1: '1 min', 5: '5 min', 15: '15 min', 60: '1 h',
    240: '4 h', D: 'Day', W: 'Week', M: 'Month'};

const el = (id) => document.getElementById(id);
const here = new URL('.', document.baseURI);
const socketUrl = new URL('ws', here);
socketUrl.protocol = here.protocol === 'https:' ? 'wss:' : 'ws:';

const feed = new Feed(socketUrl);
const chart = new Chart();
const watchlist = new Watchlist((symbol) => select(symbol, chosen.resolution));
/* byHand: the address or a click said which resolution. */
const chosen = {symbol: '', resolution: '1', byHand: false};
const stats = {messages: 0, skipped: 0, lost: 0, shown: 0};
const REFUSALS_SHOWN = 3;
const AGAIN_S = 5;
/* channel -> why; and those that are subscribed to */
const refused = new Map();
const granted = new Set();
let clockKnown = false;
let discovery = 0; /* timer: the list of symbols was refused for now */
let everOpen = false;
let wasLive = false;
/* While Redis is away a gateway may also be fed by a pipe, and what comes from
 * there is live all the same. */
const heard = {redis: false, local: false};

/* --- state ------------------------------------------------------------- */

function because(s)
{
    return s.reason ? ` (${s.reason})` : '';
}

function verdict(s)
{
    if (s.socket === 'refused')
        return ['down', 'socket', 'Refused', 'by the gateway: ' +
            `${s.reason || 'not allowed'} (${s.code}). It is not retried.`];
    if (s.socket !== 'open')
        return everOpen
            ? ['down', 'socket', 'Disconnected', 'from the gateway; ' +
                `reconnecting${because(s)}. Prices below are old.`]
            : ['connecting', 'socket', 'Connecting', s.attempt > 1
                ? `to the gateway; ${s.reason || 'it does not answer yet.'}`
                : 'to the gateway…'];
    if (s.silent)
        return ['stale', 'socket', 'Stale', 'the gateway has gone silent. ' +
            'Prices below are old.'];
    if (s.upstream === 'live')
        return ['live', '', 'Live', ''];
    if (s.upstream === 'stale')
        return ['stale', 'upstream', 'Stale', 'the gateway does not hear its ' +
            'source. Prices below are old.'];
    if (s.upstream === 'down' && heard.local && !heard.redis)
        return ['live', '', 'Live', 'from a local pipe, without Redis'];
    if (s.upstream === 'down')
        return ['down', 'upstream', 'Down', 'the gateway has lost Redis. ' +
            'Prices below are old.'];
    return ['connecting', 'upstream', 'Connected', 'waiting for the first ' +
        'heartbeat…'];
}

function showState(s)
{
    everOpen = everOpen || s.socket === 'open';
    if (s.socket === 'connecting')
        forgetAnswers();
    const [state, why, name, text] = verdict(s);
    const box = el('state');
    const live = state === 'live';
    box.dataset.state = document.body.dataset.state = state;
    box.dataset.why = why;
    /* Written only when it changes: a screen reader reads every write. */
    if (el('state-name').textContent !== name)
        el('state-name').textContent = name;
    if (el('state-text').textContent !== text)
        el('state-text').textContent = text;
    el('retry').hidden = s.socket !== 'waiting' && s.socket !== 'refused';
    document.title = live ? 'tickwire' : `(${name.toLowerCase()}) tickwire`;
    watchlist.setLive(live, s.socket === 'open' && !s.silent);
    if (live && !wasLive) {
        discover();
        chart.reload(); /* bars may have been missed meanwhile */
    }
    wasLive = live;
}

/* --- what is refused --------------------------------------------------- */

/* Every connection asks again. */
function forgetAnswers()
{
    refused.clear();
    granted.clear();
    clockKnown = false;
    showRefused();
}

function isRefused(symbol)
{
    const channel = `market_data:${symbol}`;

    return refused.has(channel) ||
        (refused.has('market_data:*') && !granted.has(channel));
}

function showRefused()
{
    const box = el('refused');
    const said = [...refused].slice(0, REFUSALS_SHOWN)
        .map(([channel, why]) => `${channel || 'a request'} (${why})`);
    const more = refused.size - said.length;
    const text = said.length === 0 ? '' : 'Refused by the gateway: ' +
        said.join(', ') + (more > 0 ? ` and ${more} more.` : '.');

    box.hidden = text === '';
    if (box.textContent !== text)
        box.textContent = text;
    watchlist.setRefused(isRefused);
}

function onRefused({channel, code, message})
{
    refused.set(channel || '', message || code || 'without a reason');
    granted.delete(channel);
    showRefused();
}

function onGranted({channel})
{
    granted.add(channel);
    if (refused.delete(channel) || refused.has('market_data:*'))
        showRefused();
}

function giveUp(channel)
{
    feed.unsubscribe([channel]);
    granted.delete(channel);
    if (refused.delete(channel))
        showRefused();
}

function complain(text)
{
    el('complaint').textContent = text;
    el('complaint').hidden = text === '';
}

/* --- data -------------------------------------------------------------- */

/* A payload may be one object or, batched, a list of them. */
const each = (data, use) => (Array.isArray(data) ? data : [data]).forEach(use);

function onMarket(m, symbol)
{
    each(m.data, (d) => watchlist.put(symbol, d, m.source,
        m.kind === 'update'));
    if (!chosen.symbol)
        select(symbol, chosen.resolution);
}

function onBars(m, rest)
{
    const cut = rest.lastIndexOf(':');
    const symbol = rest.slice(0, cut);
    const resolution = rest.slice(cut + 1);
    each(m.data, (d) => {
        if (d && typeof d === 'object')
            chart.put(symbol, resolution, d.bar);
    });
}

function setClock(offsetMs)
{
    clockKnown = true;
    watchlist.setClock(offsetMs);
}

function onMessage(m)
{
    const cut = m.channel.indexOf(':');
    const kind = m.channel.slice(0, cut);
    stats.messages++;
    /* Until the first heartbeat: an update was heard just now. */
    if (m.kind === 'update' && !clockKnown && Number.isFinite(m.timestamp))
        setClock(m.timestamp - Date.now());
    if (m.kind === 'update' && heard[m.source] === false) {
        heard[m.source] = true;
        showState(feed.state);
    }
    if (kind === 'market_data')
        onMarket(m, m.channel.slice(cut + 1));
    else if (kind === 'bars')
        onBars(m, m.channel.slice(cut + 1));
}

/* Symbols that are stored but quiet now; those that move come by themselves. */
async function discover()
{
    clearTimeout(discovery);
    try {
        const answer = await fetch('api/v1/symbols');
        if (!answer.ok) {
            const wait = Number(answer.headers.get('Retry-After')) || AGAIN_S;
            discovery = setTimeout(discover, 1000 * (wait + Math.random()));
            return;
        }
        const {symbols} = await answer.json();
        const names = symbols.map((s) => s.symbol)
            .filter((s) => watchlist.add(s));
        feed.subscribe(names.map((s) => `market_data:${s}`));
        if (!chosen.symbol && names.length > 0)
            select(names[0], chosen.resolution);
        chooseShortest(symbols);
    } catch {
        /* The wildcard subscription finds them when they move. */
    }
}

/* Nobody has said which bars: the shortest that there are move soonest. */
function chooseShortest(symbols)
{
    const known = symbols.find((s) => s.symbol === chosen.symbol);
    const shortest = RESOLUTIONS.find((r) => known?.resolutions.includes(r));
    if (shortest && !chosen.byHand)
        select(chosen.symbol, shortest);
}

/* --- selection --------------------------------------------------------- */

function select(symbol, resolution)
{
    if (symbol === chosen.symbol && resolution === chosen.resolution)
        return;
    if (chosen.symbol)
        giveUp(`bars:${chosen.symbol}:${chosen.resolution}`);
    chosen.symbol = symbol;
    chosen.resolution = resolution;
    el('chart-title').textContent = symbol;
    watchlist.select(symbol);
    for (const b of el('resolutions').children)
        b.setAttribute('aria-pressed',
            String(b.dataset.resolution === resolution));
    feed.subscribe([`bars:${symbol}:${resolution}`]);
    chart.show(symbol, resolution);
    history.replaceState(null, '', toHash(symbol, resolution));
}

/* What the address asks for; symbol '' where that cannot be one. */
function fromAddress()
{
    const {symbol, resolution} = fromHash(location.hash);
    const ok = nameOk(symbol);

    complain(ok || symbol === '' ? ''
        : `The address names no symbol: “${symbol}”. ${RULE}.`);
    if (resolution && !RESOLUTIONS.includes(resolution)) {
        RESOLUTIONS.unshift(resolution);
        buildResolutions();
    }
    return {symbol: ok ? symbol : '', resolution: resolution ||
        chosen.resolution, byHand: Boolean(resolution)};
}

/* The address was changed by hand, or by a link. */
function onAddress()
{
    const at = fromAddress();

    if (!at.symbol)
        return;
    chosen.byHand = chosen.byHand || at.byHand;
    addSymbol(at.symbol, at.resolution);
}

function buildResolutions()
{
    el('resolutions').replaceChildren(...RESOLUTIONS.map((r) => {
        const b = document.createElement('button');
        b.type = 'button';
        b.dataset.resolution = r;
        b.textContent = NAMES[r] || r;
        b.setAttribute('aria-pressed', String(r === chosen.resolution));
        b.addEventListener('click', () => {
            chosen.byHand = true;
            if (chosen.symbol)
                select(chosen.symbol, r);
            else
                choose(r);
        });
        return b;
    }));
}

/* A resolution before there is a symbol. */
function choose(resolution)
{
    chosen.resolution = resolution;
    for (const b of el('resolutions').children)
        b.setAttribute('aria-pressed',
            String(b.dataset.resolution === resolution));
}

function addSymbol(symbol, resolution)
{
    watchlist.add(symbol);
    feed.subscribe([`market_data:${symbol}`]);
    select(symbol, resolution);
}

/* --- wiring ------------------------------------------------------------ */

function start()
{
    const at = fromAddress();
    chosen.resolution = at.resolution;
    chosen.byHand = at.byHand;
    buildResolutions();
    chart.open();
    addEventListener('hashchange', onAddress);
    /* The address is the chart's: the link must not write into it. */
    el('skip').addEventListener('click', (e) => {
        e.preventDefault();
        el('watchlist').focus();
    });

    feed.addEventListener('state', (e) => showState(e.detail));
    feed.addEventListener('message', (e) => onMessage(e.detail));
    feed.addEventListener('clock', (e) => setClock(e.detail.offsetMs));
    feed.addEventListener('refused', (e) => onRefused(e.detail));
    feed.addEventListener('granted', (e) => onGranted(e.detail));
    feed.addEventListener('gap', (e) => {
        stats.skipped += e.detail.missed;
    });
    feed.addEventListener('lost', (e) => {
        stats.lost += e.detail.missed;
        if (e.detail.channel.startsWith('bars:'))
            chart.reload();
    });
    el('retry').addEventListener('click', () => feed.start());
    el('find-symbol').addEventListener('input',
        (e) => watchlist.filter(e.target.value));
    el('find').addEventListener('submit', (e) => {
        e.preventDefault();
        const symbol = el('find-symbol').value.trim();
        complain(nameOk(symbol) ? '' : `Not a symbol: “${symbol}”. ${RULE}.`);
        if (!nameOk(symbol))
            return;
        addSymbol(symbol, chosen.resolution);
        el('find-symbol').value = '';
        watchlist.filter('');
    });
    setInterval(() => {
        el('stats').textContent =
            `${stats.messages - stats.shown} messages/s` +
            ` · ${stats.skipped} skipped · ${stats.lost} lost`;
        stats.shown = stats.messages;
    }, 1000);

    feed.subscribe(['market_data:*']);
    if (at.symbol)
        addSymbol(at.symbol, at.resolution);
    feed.start();
}

start();
