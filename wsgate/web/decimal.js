/*
 * decimal.js -- exact differences of decimal texts, for the spread column.
 *
 * 0.3 - 0.1 is 0.2 here, as it is in the rest of the pipeline.
 */

function split(text)
{
    const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(text));
    return m && {minus: m[1] === '-', whole: m[2], part: m[3] || ''};
}

/* Digits after the point as written; 0 for anything else. */
export function digits(text)
{
    const d = split(text);
    return d ? d.part.length : 0;
}

/* a - b as text; '' where either is not a plain decimal. */
export function subtract(a, b)
{
    const x = split(a);
    const y = split(b);

    if (!x || !y)
        return '';
    const scale = Math.max(x.part.length, y.part.length);
    const units = (d) => BigInt((d.minus ? '-' : '') + d.whole +
        d.part.padEnd(scale, '0'));
    const diff = units(x) - units(y);
    const text = (diff < 0n ? -diff : diff).toString().padStart(scale + 1, '0');
    const sign = diff < 0n ? '-' : '';
    return scale === 0 ? sign + text
        : sign + text.slice(0, -scale) + '.' + text.slice(-scale);
}
