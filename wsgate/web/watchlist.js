/*
 * watchlist.js -- the table of symbols and their newest prices.
 *
 * Messages only change a record and mark it; painting happens once a frame, so
 * that thousands of messages a second cost one write per cell and frame.
 * Whatever came from the wire goes in as textContent.
 */

import {subtract} from './decimal.js';

const MOST = 500; /* rows; more symbols are counted, not shown */
const FLASH_MS = 300;
const QUIET_MS = 10000;

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

/* "0.4 s", "12 s", "3 min", "2 h", "5 d" */
export function ageText(ms)
{
    const s = ms / 1000;

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
    #over = 0;
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
            this.#over++;
            this.#counts();
            return false;
        }
        this.#records.set(symbol, this.#build(symbol));
        this.#place(symbol);
        this.#counts();
        return true;
    }

    /* One event of the symbol; ageMs is how old it was when it came. */
    put(symbol, data, source, ageMs)
    {
        if (!this.add(symbol))
            return;
        const r = this.#records.get(symbol);
        r.source = source;
        r.at = performance.now() - Math.max(0, ageMs);
        if (data && typeof data === 'object' && !Array.isArray(data))
            this.#take(r, data);
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
        const r = {symbol, row, button, source: '', at: NaN, last: '', bid: '',
            ask: '', traded: false, moved: {}};
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
        more.hidden = this.#over === 0;
        more.textContent = `The list is full (${MOST} symbols); others are ` +
            'not shown.';
    }

    #take(r, data)
    {
        if (data.bid !== undefined)
            this.#value(r, 'bid', data.bid);
        if (data.ask !== undefined)
            this.#value(r, 'ask', data.ask);
        if (data.price !== undefined) {
            r.traded = true;
            this.#value(r, 'last', data.price);
        } else if (!r.traded && data.mid !== undefined) {
            this.#value(r, 'last', data.mid);
        }
    }

    #value(r, field, value)
    {
        const text = String(value);
        const diff = Number(text) - Number(r[field]);
        if (r[field] !== '' && diff !== 0 && Number.isFinite(diff))
            r.moved[field] = diff > 0 ? 'up' : 'down';
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
        const live = this.#live.feed ||
            (this.#live.socket && r.source === 'local');
        r.row.dataset.live = String(live);
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
        const ms = performance.now() - r.at;
        r.cells.age.textContent = Number.isNaN(ms) ? '–' : ageText(ms);
        r.row.classList.toggle('quiet', !(ms < QUIET_MS));
    }

    #ages()
    {
        for (const r of this.#records.values())
            this.#age(r);
    }
}
