/*
 * redis_resp.c -- commands in RESP, written straight into the output buffer.
 *
 * hiredis has a formatter, but it builds each command in a block of its own
 * (0.5 us); these lines need no more than the copy.
 */
#include "common/redis_resp.h"

#include <string.h>

static void header(struct bytes *out, char kind, uint64_t n)
{
    char text[24];
    char *end = text + sizeof text;
    char *p = end;

    *--p = '\n';
    *--p = '\r';
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    *--p = kind;
    bytes_add(out, p, (size_t)(end - p));
}

void resp_array(struct bytes *out, unsigned count)
{
    header(out, '*', count);
}

void resp_bulk(struct bytes *out, const void *data, size_t len)
{
    char *p;

    header(out, '$', len);
    p = bytes_reserve(out, len + 2);
    if (len > 0)
        memcpy(p, data, len);
    p[len] = '\r';
    p[len + 1] = '\n';
    out->len += len + 2;
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
