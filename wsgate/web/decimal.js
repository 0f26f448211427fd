/*
 * decimal.js -- decimal texts: shown as they are, compared and subtracted
 * exactly.
 *
 * 0.3 - 0.1 is 0.2 here, as it is in the rest of the pipeline.  Pure.
 */

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/* Exponents beyond this stay as written: one number must not fill the page. */
const EXPONENT_MAX = 64;
const SURE_DIGITS = 15; /* what a JavaScript number holds of any decimal */

function split(value)
{
    const m = DECIMAL.exec(String(value));
    const exponent = m ? Number(m[4] || 0) : NaN;

    if (!m || Math.abs(exponent) > EXPONENT_MAX)
        return null;
    if (!m[4])
        return {minus: m[1], whole: m[2], part: m[3] || ''};
    const point = m[2].length + exponent;
    const all = (m[2] + (m[3] || '')).padEnd(Math.max(point, 0), '0')
        .padStart(m[2].length + (m[3] || '').length - Math.min(point, 0), '0');
    const at = Math.max(point, 0);
    return {minus: m[1], whole: all.slice(0, at).replace(/^0+(?=\d)/, '') || '0',
        part: all.slice(at)};
}

const join = (d) => d.minus + d.whole + (d.part && `.${d.part}`);

/* Is it a decimal, as a number or as text? */
export function isDecimal(value)
{
    return DECIMAL.test(String(value)) && Number.isFinite(Number(value));
}

/* As it was written, but without an exponent: 6e-8 is 0.00000006.  What is no
 * decimal stays as it is; '' where there is nothing to show. */
export function plain(value)
{
    if (value === null || value === undefined || typeof value === 'object')
        return '';
    const d = split(value);
    return d ? join(d) : String(value);
}

/* Digits after the point; 0 for what is no decimal. */
export function digits(value)
{
    return split(value)?.part.length ?? 0;
}

/* a - b as text; '' where either is no decimal. */
export function subtract(a, b)
{
    const x = split(a);
    const y = split(b);

    if (!x || !y)
        return '';
    const scale = Math.max(x.part.length, y.part.length);
    const units = (d) => BigInt(d.minus + d.whole + d.part.padEnd(scale, '0'));
    const diff = units(x) - units(y);
    const text = (diff < 0n ? -diff : diff).toString().padStart(scale + 1, '0');
    const sign = diff < 0n ? '-' : '';
    return scale === 0 ? sign + text
        : sign + text.slice(0, -scale) + '.' + text.slice(-scale);
}

/* As a JavaScript number, with the point so many digits to the right: for
 * coordinates only. */
export function shifted(value, by)
{
    return split(value) ? Number(`${plain(value)}e${by}`)
        : Number(value) * 10 ** by;
}

/* The way back, with so many digits after the point.  It is a place on the axis
 * and no price: what a JavaScript number cannot hold are zeros. */
export function coordinate(number, by, places)
{
    const d = split(number.toPrecision(SURE_DIGITS));
    const kept = Math.max(places - by, 0);

    if (!d)
        return String(number);
    const text = d.part.length > kept ? number.toFixed(kept)
        : join({...d, part: d.part.padEnd(kept, '0')});
    return plain(`${text}e${-by}`);
}
