/*
 * json.js -- JSON whose numbers keep their text, for the socket and for HTTP.
 *
 * A price must not pass through a JavaScript number: 375.10 would lose its
 * zero, 0.00000006 become 6e-8 and 18 digits be rounded.  So every number
 * becomes its own text ("375.10"), except those that are calculated with,
 * which are listed by name below.
 *
 * Numbers are marked before JSON.parse sees them: not every browser tells a
 * reviver the source of a number.  U+0000 is in no text of the gateway.
 */

const CALCULATED = new Set(['code', 'count', 'end', 'interval_ms',
    'max_subscriptions', 'ping_ms', 'rev', 'seq', 'time', 'timestamp']);
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARK = '\0';

const mark = (token) => (token[0] === '"' ? token : `"\\u0000${token}"`);

function unmark(key, value)
{
    if (typeof value === 'string' && value[0] === MARK)
        return CALCULATED.has(key) ? Number(value.slice(1)) : value.slice(1);
    if (key === 'retry_ms' && Array.isArray(value))
        return value.map(Number);
    return value;
}

/* Throws SyntaxError where the text is no JSON. */
export function readJson(text)
{
    return JSON.parse(text.replace(TOKEN, mark), unmark);
}
