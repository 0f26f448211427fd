/*
 * chart.js -- candles and volume of one symbol and resolution.
 *
 * History comes over HTTP, updates over the socket; both go through Bars, which
 * knows which version of a bar is the newer one.  The library refuses an update
 * of any bar but the newest, so a corrected older bar (rev > 0) sets the whole
 * series anew, once a frame at most.
 *
 * The library draws with JavaScript numbers, and its axis does not tell prices
 * apart that differ by 1e-14.  So it is given prices of a handy size, with the
 * decimal point shifted, and these only place candles: the axis is labelled
 * with as many digits as the bars have, and a price that is shown is the text of
 * its bar.
 */

import {Bars, usable} from './bars.js';
import {coordinate, digits, plain, shifted} from './decimal.js';
import {readJson} from './json.js';

const HISTORY = 1000;
const SHOWN = 80; /* bars in view at first; the rest is there to scroll to */
const TABLE_ROWS = 20; /* shown when the chart library is missing */
const PLACES_MAX = 18; /* what the tools' decimals hold */
/* Decimal exponents of the largest price that the library gets as it is, and
 * where others are shifted to; digits of its smallest step. */
const HANDY = {least: -3, small: 0, large: 5, most: 8, step: 9};

const css = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const candle = (b, shift) => ({time: b.time / 1000,
    open: shifted(b.open, shift), high: shifted(b.high, shift),
    low: shifted(b.low, shift), close: shifted(b.close, shift)});

const column = (b) => ({time: b.time / 1000, value: Number(b.volume || 0),
    color: css(Number(b.close) < Number(b.open) ? '--down-soft' : '--up-soft')});

/* By how many digits to shift the point of all of them. */
function handy(list)
{
    const most = list.reduce((n, b) =>
        Math.max(n, Math.abs(Number(b.high)), Math.abs(Number(b.low))), 0);
    const exponent = most > 0 ? Math.floor(Math.log10(most)) : 0;

    return exponent < HANDY.least ? HANDY.small - exponent
        : exponent > HANDY.most ? HANDY.large - exponent : 0;
}

const utc = (ms) => new Date(ms).toISOString().replace('T', ' ')
    .replace(/\.000Z$/, '').slice(0, 19);

export class Chart {
    #box = document.getElementById('chart');
    #note = document.getElementById('chart-note');
    #legend = document.getElementById('legend');
    #lib = null;
    #chart = null;
    #candles = null;
    #volumes = null;
    #bars = new Bars();
    #places = -1;
    #shift = 0; /* of the decimal point, for the library */
    #pending = null; /* 'update' or 'rewrite', for the next frame */
    #fit = false;
    #load = null; /* AbortController of the history request */
    #again = 0; /* timer: the history was refused for now */
    #symbol = '';
    #resolution = '';
    #hovered = null; /* time of the bar under the pointer */
    #why = ''; /* there are no bars */
    #failed = ''; /* the history could not be read */

    /* Answers whether there is a chart; without it the newest bars are shown
     * as a table. */
    async open()
    {
        try {
            this.#lib = await import('./vendor/lightweight-charts.mjs');
        } catch {
            this.#box.hidden = true;
            document.getElementById('bars-box').hidden = false;
            document.body.dataset.chart = 'missing';
            return;
        }
        document.body.dataset.chart = 'ready';
        this.#build();
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change',
            () => {
                this.#chart.applyOptions(this.#look());
                this.#later('rewrite');
            });
    }

    /* Shows another series: forgets the old one and reads the history. */
    show(symbol, resolution)
    {
        this.#symbol = symbol;
        this.#resolution = resolution;
        this.#bars = new Bars();
        this.#places = -1;
        this.#fit = true;
        this.#hovered = null;
        this.#why = this.#failed = '';
        this.#box.dataset.symbol = symbol;
        this.#box.dataset.resolution = resolution;
        this.#later('rewrite');
        this.reload();
    }

    /* Reads the history again, after anything that may have lost a bar. */
    async reload()
    {
        if (!this.#symbol)
            return;
        if (this.#load)
            this.#load.abort();
        clearTimeout(this.#again);
        this.#again = 0;
        const load = new AbortController();
        this.#load = load;
        try {
            const text = await this.#fetchHistory(load.signal);
            const answer = readJson(text);
            if (load.signal.aborted)
                return;
            for (const bar of answer.bars || [])
                this.#put(bar.bar || bar);
            this.#why = `No bars of ${this.#symbol} with this length yet; ` +
                'bargen makes them.';
            this.#failed = '';
        } catch (e) {
            if (load.signal.aborted)
                return;
            /* What is asked for again matters only where nothing is shown. */
            this.#failed = this.#again ? '' : e.message;
            this.#why = e.message;
        }
        this.#later('update');
    }

    put(symbol, resolution, bar)
    {
        if (symbol === this.#symbol && resolution === this.#resolution)
            this.#put(bar);
    }

    async #fetchHistory(signal)
    {
        const path = [this.#symbol, this.#resolution].map(encodeURIComponent);
        let answer;

        try {
            answer = await fetch(`api/v1/bars/${path.join('/')}` +
                `?limit=${HISTORY}`, {signal});
        } catch {
            throw new Error('No history: the gateway does not answer.');
        }
        if (answer.status === 429) {
            const wait = Number(answer.headers.get('Retry-After')) || 5;
            /* Not all pages behind one address at the same moment. */
            this.#again = setTimeout(() => this.reload(),
                1000 * (wait + Math.random()));
            throw new Error('History was asked for too often from here; ' +
                `asking again in ${wait} s.`);
        }
        if (answer.status === 503)
            throw new Error('No history without Redis; the chart grows from ' +
                'what arrives now.');
        if (!answer.ok)
            throw new Error(`No history (${answer.status}): ` +
                `${await this.#reason(answer)}`);
        return answer.text();
    }

    async #reason(answer)
    {
        try {
            return String(readJson(await answer.text()).message);
        } catch {
            return 'the gateway does not say why.';
        }
    }

    #put(bar)
    {
        const how = usable(bar) ? this.#bars.put(bar) : 'none';
        if (how === 'none')
            return;
        const places = Math.min(PLACES_MAX, Math.max(
            ...[bar.open, bar.high, bar.low, bar.close].map(digits)));
        if (places > this.#places) {
            this.#places = places;
            this.#later('rewrite');
        }
        this.#later(how === 'rewrite' ? 'rewrite' : 'update');
    }

    #later(what)
    {
        if (this.#pending === null)
            requestAnimationFrame(() => this.#paint());
        if (this.#pending !== 'rewrite')
            this.#pending = what;
    }

    #shown = 0; /* how many of #bars the library has */

    #paint()
    {
        const what = this.#pending;
        const list = this.#bars.list;
        this.#pending = null;
        if (this.#chart && (what === 'rewrite' || this.#shown === 0))
            this.#rewrite(list);
        else if (this.#chart)
            this.#append(list);
        this.#shown = list.length;
        this.#box.dataset.bars = String(list.length);
        this.#box.dataset.lastTime = String(this.#bars.last?.time ?? '');
        this.#box.setAttribute('aria-label', 'Candlestick chart of ' +
            `${this.#symbol}, ${list.length} bars`);
        this.#tell();
        this.#say(this.#failed || (list.length === 0 ? this.#why : ''));
        if (!this.#chart)
            this.#table(list);
    }

    #rewrite(list)
    {
        const shift = this.#shift = handy(list);
        const places = Math.max(this.#places, 0);
        const step = Math.min(Math.max(places - shift, 0), HANDY.step);
        this.#candles.applyOptions({priceFormat: {type: 'custom',
            minMove: Number(`1e-${step}`),
            formatter: (n) => this.#label(n, places)}});
        this.#candles.setData(list.map((b) => candle(b, shift)));
        this.#volumes.setData(list.map(column));
        if (this.#fit && list.length > 0) {
            this.#fit = false;
            this.#chart.timeScale().setVisibleLogicalRange(
                {from: list.length - SHOWN, to: list.length + 4});
        }
    }

    /* The bar that was the newest at the last frame may have changed too. */
    #append(list)
    {
        for (let i = Math.max(0, this.#shown - 1); i < list.length; i++) {
            this.#candles.update(candle(list[i], this.#shift));
            this.#volumes.update(column(list[i]));
        }
    }

    /* The newest price stands on the axis, too: as it was published. */
    #label(number, places)
    {
        const close = this.#bars.last?.close;

        return number === shifted(close, this.#shift) ? plain(close)
            : coordinate(number, this.#shift, places);
    }

    #tell()
    {
        const bar = this.#bars.at(this.#hovered) || this.#bars.last;
        const parts = bar ? [['O', bar.open], ['H', bar.high], ['L', bar.low],
            ['C', bar.close], ['Vol', bar.volume]] : [];
        this.#legend.replaceChildren(...parts
            .filter(([, v]) => v !== undefined)
            .map(([name, v]) => {
                const s = document.createElement('span');
                const b = document.createElement('b');
                b.textContent = name;
                s.append(b, ` ${plain(v)}`);
                return s;
            }));
        if (!bar)
            return;
        const state = document.createElement('span');
        state.className = 'tag';
        state.textContent = [utc(bar.time), bar.final ? '' : 'open',
            bar.rev > 0 ? `rev ${bar.rev}` : '', bar.partial ? 'partial' : '',
            bar.gap ? 'gap' : ''].filter(Boolean).join(' · ');
        this.#legend.append(state);
    }

    #table(list)
    {
        const rows = list.slice(-TABLE_ROWS).reverse().map((b) => {
            const row = document.createElement('tr');
            [utc(b.time), b.open, b.high, b.low, b.close, b.volume]
                .forEach((v, i) => {
                    const c = document.createElement('td');
                    c.className = i === 0 ? '' : 'num';
                    c.textContent = plain(v) || '–';
                    row.append(c);
                });
            return row;
        });
        document.getElementById('bars-rows').replaceChildren(...rows);
    }

    #say(text)
    {
        const missing = document.body.dataset.chart === 'missing'
            ? 'The chart library is not installed: run “make web” and reload. ' +
              'Until then the newest bars are listed here. ' : '';
        if (this.#symbol && this.#note.textContent !== missing + text)
            this.#note.textContent = missing + text;
    }

    #look()
    {
        const line = {color: css('--line')};
        return {
            layout: {background: {type: 'solid', color: css('--panel')},
                textColor: css('--muted'), attributionLogo: false,
                fontFamily: css('--font')},
            grid: {vertLines: line, horzLines: line},
            rightPriceScale: {borderVisible: false},
            timeScale: {borderVisible: false, timeVisible: true,
                secondsVisible: true, rightOffset: 4},
        };
    }

    #build()
    {
        const up = css('--up');
        const down = css('--down');
        this.#chart = this.#lib.createChart(this.#box,
            {autoSize: true, ...this.#look()});
        this.#candles = this.#chart.addCandlestickSeries({upColor: up,
            borderUpColor: up, wickUpColor: up, downColor: down,
            borderDownColor: down, wickDownColor: down});
        this.#volumes = this.#chart.addHistogramSeries({priceScaleId: 'volume',
            priceFormat: {type: 'volume'}, lastValueVisible: false,
            priceLineVisible: false});
        this.#chart.priceScale('volume').applyOptions(
            {scaleMargins: {top: 0.82, bottom: 0}});
        this.#chart.priceScale('right').applyOptions(
            {scaleMargins: {top: 0.08, bottom: 0.24}});
        this.#chart.subscribeCrosshairMove((p) => {
            this.#hovered = p.time === undefined ? null
                : Math.round(p.time * 1000);
            this.#tell();
        });
        this.#later('rewrite');
    }
}
