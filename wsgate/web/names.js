/*
 * names.js -- what a symbol may be called, and how the page's address has it.
 *
 * A name is 1 to 64 bytes of UTF-8: letters, digits, printable marks, and
 * spaces inside.  The address is #SYMBOL/RESOLUTION with the symbol
 * percent-encoded, so that #%40ESZ5/1 and #EUR%2FUSD/5 open.  Pure.
 */

const BYTES_MAX = 64;
const REFUSED = /[\p{Cc}\p{Cs}\u2028\u2029*?[\]\\{}"]/u;
const SPACE_AT_END = /^\s|\s$/u;
const RESOLUTION = /^(?:[1-9][0-9]{0,3}S?|S|1?[DWM])$/;
/* Of several spellings the gateway has one. */
const CANONICAL = {S: '1S', '1D': 'D', '1W': 'W', '1M': 'M'};

export const RULE = 'A symbol has 1 to 64 bytes, no control characters, no ' +
    'spaces at its ends and none of * ? [ ] \\ { } "';

export function nameOk(name)
{
    return name !== '' && new TextEncoder().encode(name).length <= BYTES_MAX &&
        !REFUSED.test(name) && !SPACE_AT_END.test(name);
}

function decode(text)
{
    try {
        return decodeURIComponent(text);
    } catch {
        return text; /* "100%", typed by hand */
    }
}

/* {symbol, resolution}; '' for what the address does not say.  What follows
 * the last slash is a resolution or, typed by hand, a part of the symbol. */
export function fromHash(hash)
{
    const text = hash.replace(/^#/, '');
    const cut = text.lastIndexOf('/');
    const last = decode(text.slice(cut + 1));

    if (cut < 0 || !RESOLUTION.test(last))
        return {symbol: decode(text), resolution: ''};
    return {symbol: decode(text.slice(0, cut)),
        resolution: CANONICAL[last] || last};
}

export function toHash(symbol, resolution)
{
    return `#${encodeURIComponent(symbol)}/${resolution}`;
}
