/*
 * bars.js -- the bars of one symbol and resolution, in order of time.
 *
 * Pure: no page, no socket.  A bar is identified by its time; of two versions
 * of one bar the newer wins, whichever way it came (history or live):
 *   higher rev, then final over open, then larger count, then the later one.
 */

import {isDecimal} from './decimal.js';

const MOST = 5000; /* what the gateway keeps, too */
const TIME_MAX = 8.64e15; /* of a Date, milliseconds */

function newer(a, b)
{
    const rev = (a.rev || 0) - (b.rev || 0);

    if (rev !== 0)
        return rev > 0;
    if (Boolean(a.final) !== Boolean(b.final))
        return Boolean(a.final);
    return (a.count || 0) >= (b.count || 0);
}

export function usable(bar)
{
    return Boolean(bar) && Number.isInteger(bar.time) &&
        Math.abs(bar.time) <= TIME_MAX &&
        [bar.open, bar.high, bar.low, bar.close].every(isDecimal);
}

export class Bars {
    list = [];

    get last()
    {
        return this.list[this.list.length - 1];
    }

    /* The bar of that time, as it is now. */
    at(time)
    {
        const bar = this.list.length > 0 ? this.list[this.#find(time)] : null;
        return bar && bar.time === time ? bar : null;
    }

    /* 'append', 'replace' (the last one), 'rewrite' (an older one: the chart
     * must be set anew) or 'none'. */
    put(bar)
    {
        if (!usable(bar))
            return 'none';
        const last = this.last;
        if (!last || bar.time > last.time) {
            this.list.push(bar);
            return this.#trim() ? 'rewrite' : 'append';
        }
        const i = this.#find(bar.time);
        if (this.list[i].time !== bar.time) {
            this.list.splice(i, 0, bar);
            return 'rewrite';
        }
        if (!newer(bar, this.list[i]))
            return 'none';
        this.list[i] = bar;
        return bar === this.last ? 'replace' : 'rewrite';
    }

    /* First index whose time is not less. */
    #find(time)
    {
        let low = 0;
        let high = this.list.length - 1;
        while (low < high) {
            const mid = (low + high) >> 1;
            if (this.list[mid].time < time)
                low = mid + 1;
            else
                high = mid;
        }
        return low;
    }

    /* A tenth at a time, so that the chart is not rebuilt for each new bar. */
    #trim()
    {
        if (this.list.length <= MOST * 1.1)
            return false;
        this.list.splice(0, this.list.length - MOST);
        return true;
    }
}
