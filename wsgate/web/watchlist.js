/*
 * watchlist.js -- the table of symbols and their newest prices.
 *
 * Messages only change a record and mark it; painting happens once a frame, so
 * that thousands of messages a second cost one write per cell and frame.
 * Whatever came from the wire goes in as textContent, prices as they were written.
 *
 * Age counts from the time that the newest price or quote says of itself, never
 * from when it was read: what is stored or comes again after a reconnect is as
 * old as it was.  Where the event has no time there is no age.
 */

import {plain, subtract} from './decimal.js';

const MOST = 500; /* rows; more symbols are counted, not shown */
const FLASH_MS = 300;
const QUIET_MS = 10000;
const AHEAD_S = 2; /* clocks differ so much without anybody being wrong */

const isTime = (v) => typeof v === 'number' && Number.isFinite(v) && v > 0;

/* When it happened, as the event itself says; NaN where it does not. */
export function timeOf(data)
{
    return isTime(data.time) ? data.time
        : isTime(data.timestamp) ? data.timestamp : NaN;
}

function cell(row, field, tag)
{
    const c = document.createElement(tag || 'td');
    c.dataset.field = field;
    if (field !== 'symbol')
        c.className = field === 'spread' ? 'num wide' : 'num';
    c.textContent = field === 'symbol' ? '' : '–';
    row.append(c);
    return c;
}

/* "0.4 s", "12 s", "3 min", "2 h", "5 d"; "in 3 min": its clock is ahead */
export function ageText(ms)
{
    const s = ms / 1000;

    if (s < -AHEAD_S)
        return `in ${ageText(-ms)}`;
    if (s < 10)
        return `${Math.max(0, s).toFixed(1)} s`;
    if (s < 100)
        return `${Math.floor(s)} s`;
    if (s < 6000)
        return `${Math.floor(s / 60)} min`;
    if (s < 172800)
        return `${Math.floor(s / 3600)} h`;
    return `${Math.floor(s / 86400)} d`;
}

export class Watchlist {
    #records = new Map();
    #dirty = new Set();
    #frame = 0;
    #live = {feed: false, socket: false};
    #filter = '';
    #selected = '';
    #over = false;
    #clockOffsetMs = 0;
    #refused = () => false; /* is this symbol's channel refused? */
    #body = document.getElementById('rows');
    #onSelect;

    constructor(onSelect)
    {
        this.#onSelect = onSelect;
        this.#body.addEventListener('click', (e) => {
            const row = e.target.closest('tr');
            if (row)
                onSelect(row.dataset.symbol);
        });
        setInterval(() => this.#ages(), 1000);
    }

    get symbols()
    {
        return [...this.#records.keys()];
    }

    has(symbol)
    {
        return this.#records.has(symbol);
    }

    add(symbol)
    {
        if (this.#records.has(symbol))
            return true;
        if (this.#records.size >= MOST) {
            if (!this.#over) {
                this.#over = true;
                this.#counts();
            }
            return false;
        }
        this.#records.set(symbol, this.#build(symbol));
        this.#place(symbol);
        this.#counts();
        return true;
    }

    /* One event of the symbol. */
    put(symbol, data, source, isUpdate)
    {
        if (!this.add(symbol))
            return;
        const r = this.#records.get(symbol);
        if (data && typeof data === 'object' && !Array.isArray(data) &&
            this.#dated(r, data, isUpdate)) {
            r.source = source;
            this.#take(r, data, isUpdate);
        }
        this.#mark(r);
    }

    /* The gateway's clock minus ours. */
    setClock(offsetMs)
    {
        this.#clockOffsetMs = offsetMs;
    }

    /* isRefused(symbol): the gateway does not deliver it, so it is not live. */
    setRefused(isRefused)
    {
        this.#refused = isRefused;
        for (const r of this.#records.values())
            this.#mark(r);
    }

    select(symbol)
    {
        for (const name of [this.#selected, symbol]) {
            const r = this.#records.get(name);
            if (r) {
                r.row.classList.toggle('selected', name === symbol);
                r.button.setAttribute('aria-pressed', String(name === symbol));
            }
        }
        this.#selected = symbol;
    }

    filter(text)
    {
        this.#filter = text.trim().toUpperCase();
        for (const [symbol, r] of this.#records)
            r.row.hidden = !this.#shown(symbol);
    }

    /* feed: what came through Redis is live; socket: what is local is. */
    setLive(feed, socket)
    {
        this.#live = {feed, socket};
        for (const r of this.#records.values())
            this.#mark(r);
    }

    #shown(symbol)
    {
        return symbol.toUpperCase().includes(this.#filter);
    }

    #build(symbol)
    {
        const row = document.createElement('tr');
        const button = document.createElement('button');
        row.dataset.symbol = symbol;
        row.dataset.live = 'false';
        row.hidden = !this.#shown(symbol);
        button.type = 'button';
        button.textContent = symbol;
        button.setAttribute('aria-pressed', 'false');
        const head = cell(row, 'symbol', 'th');
        head.scope = 'row';
        head.append(button);
        const r = {symbol, row, button, source: '', times: {}, dateless: false,
            last: '', bid: '', ask: '', traded: false, moved: {}};
        r.cells = {last: cell(row, 'last'), bid: cell(row, 'bid'),
            ask: cell(row, 'ask'), spread: cell(row, 'spread'),
            age: cell(row, 'age')};
        return r;
    }

    /* Rows stay in alphabetical order; a new one finds its place. */
    #place(symbol)
    {
        const r = this.#records.get(symbol);
        const rows = this.#body.rows;
        let low = 0;
        let high = rows.length;
        while (low < high) {
            const mid = (low + high) >> 1;
            if (rows[mid].dataset.symbol < symbol)
                low = mid + 1;
            else
                high = mid;
        }
        this.#body.insertBefore(r.row, rows[low] || null);
        if (symbol === this.#selected)
            this.select(symbol);
    }

    #counts()
    {
        const more = document.getElementById('rows-more');
        document.getElementById('empty').hidden = this.#records.size > 0;
        document.getElementById('rows-box').hidden = this.#records.size === 0;
        more.hidden = !this.#over;
        more.textContent = `The list is full (${MOST} symbols); others are ` +
            'not shown.';
    }

    /* Keeps when prices and quotes happened; false: a snapshot of something
     * older than what is shown. */
    #dated(r, data, isUpdate)
    {
        const what = data.price !== undefined ? 'price' : 'quote';
        const at = timeOf(data);

        if (data.price === undefined && data.bid === undefined &&
            data.ask === undefined && data.mid === undefined)
            return true;
        if (!isUpdate && r.times[what] > at)
            return false;
        r.times[what] = at;
        if (isUpdate)
            r.dateless = Number.isNaN(at);
        return true;
    }

    #take(r, data, isUpdate)
    {
        const value = (field, v) => this.#value(r, field, plain(v), isUpdate);

        if (data.bid !== undefined)
            value('bid', data.bid);
        if (data.ask !== undefined)
            value('ask', data.ask);
        if (data.price !== undefined) {
            r.traded = true;
            value('last', data.price);
        } else if (!r.traded && data.mid !== undefined) {
            value('last', data.mid);
        }
    }

    /* What is told again, in a snapshot, has not moved just now. */
    #value(r, field, text, isUpdate)
    {
        const diff = isUpdate ? subtract(text, r[field]) : '';
        if (/[1-9]/.test(diff))
            r.moved[field] = diff[0] === '-' ? 'down' : 'up';
        r[field] = text;
    }

    #mark(r)
    {
        this.#dirty.add(r);
        if (this.#frame === 0)
            this.#frame = requestAnimationFrame(() => this.#paint());
    }

    #paint()
    {
        this.#frame = 0;
        for (const r of this.#dirty)
            this.#paintRow(r);
        this.#dirty.clear();
    }

    #paintRow(r)
    {
        const refused = this.#refused(r.symbol);
        const live = !refused && (this.#live.feed ||
            (this.#live.socket && r.source === 'local'));
        r.row.dataset.live = String(live);
        r.row.dataset.refused = String(refused);
        r.row.title = refused ? 'The gateway refuses this symbol.' : '';
        for (const field of ['last', 'bid', 'ask']) {
            r.cells[field].textContent = r[field] === '' ? '–' : r[field];
            if (r.moved[field] && live)
                this.#flash(r.cells[field], r.moved[field]);
        }
        r.moved = {};
        r.cells.spread.textContent = subtract(r.ask, r.bid) || '–';
        this.#age(r);
    }

    #flash(c, way)
    {
        c.dataset.move = way;
        c.classList.remove('flash');
        clearTimeout(c.flashTimer);
        c.classList.add('flash');
        c.flashTimer = setTimeout(() => c.classList.remove('flash'), FLASH_MS);
    }

    #age(r)
    {
        const known = Object.values(r.times).filter((t) => !Number.isNaN(t));
        const ms = r.dateless || known.length === 0 ? NaN
            : Date.now() + this.#clockOffsetMs - Math.max(...known);
        r.cells.age.textContent = Number.isNaN(ms) ? '–' : ageText(ms);
        r.row.classList.toggle('quiet', ms >= QUIET_MS);
    }

    #ages()
    {
        for (const r of this.#records.values())
            this.#age(r);
    }
}
