/*
 * redis_resp.c -- commands in RESP, written straight into the output buffer.
 *
 * hiredis has a formatter, but it builds each command in a block of its own
 * (0.5 us); these lines need no more than the copy.
 */
#include "common/redis/redis_resp.h"

enum { HEADER_MAX = 24 };

/* Writes kind, n and CRLF at p; returns what follows.  Lengths below 100 are
 * nearly all there are. */
static char *header(char *p, char kind, size_t n)
{
    char digits[HEADER_MAX];
    char *at = digits + sizeof digits;

    *p++ = kind;
    if (n < 10) {
        *p++ = (char)('0' + n);
    } else if (n < 100) {
        *p++ = (char)('0' + n / 10);
        *p++ = (char)('0' + n % 10);
    } else {
        do {
            *--at = (char)('0' + n % 10);
            n /= 10;
        } while (n > 0);
        memcpy(p, at, (size_t)(digits + sizeof digits - at));
        p += digits + sizeof digits - at;
    }
    *p++ = '\r';
    *p++ = '\n';
    return p;
}

void resp_array(struct bytes *out, unsigned count)
{
    char *start = bytes_reserve(out, HEADER_MAX);

    out->len += (size_t)(header(start, '*', count) - start);
}

void resp_bulk(struct bytes *out, const void *data, size_t len)
{
    char *start = bytes_reserve(out, HEADER_MAX + len + 2);
    char *p = header(start, '$', len);

    if (len > 0)
        memcpy(p, data, len);
    p += len;
    *p++ = '\r';
    *p++ = '\n';
    out->len += (size_t)(p - start);
}

void resp_bulk_str(struct bytes *out, const char *text)
{
    resp_bulk(out, text, strlen(text));
}

void resp_bulk_int(struct bytes *out, int64_t value)
{
    char text[24];
    char *end = text + sizeof text;
    char *p = end;
    uint64_t u = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (value < 0)
        *--p = '-';
    resp_bulk(out, p, (size_t)(end - p));
}
