#include "common/json/scan.h"

#include <assert.h>

static const char *fail(const char *at, const char **bad)
{
    *bad = at;
    return NULL;
}

unsigned scan_utf8(const char *s, const char *end)
{
    const unsigned char *u = (const unsigned char *)s;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    unsigned n;

    if (s >= end)
        return 0;
    if (u[0] < 0x80)
        return 1;
    if (u[0] >= 0xc2 && u[0] <= 0xdf)
        n = 2;
    else if (u[0] >= 0xe0 && u[0] <= 0xef)
        n = 3;
    else if (u[0] >= 0xf0 && u[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (u[0] == 0xe0)
        low = 0xa0; /* overlong */
    else if (u[0] == 0xed)
        high = 0x9f; /* surrogates */
    else if (u[0] == 0xf0)
        low = 0x90; /* overlong */
    else if (u[0] == 0xf4)
        high = 0x8f; /* above U+10FFFF */
    if (end - s < n || u[1] < low || u[1] > high)
        return 0;
    for (unsigned i = 2; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* The four digits at s; -1 where they are not four. */
static int hex4(const char *s, const char *end)
{
    int value = 0;

    if (end - s < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = span_hex_digit(s[i]);

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The escape at s (its backslash): its length and code point, 0 where it is
 * none.  A surrogate needs its partner; \u0000 is refused as jansson does. */
static unsigned read_escape(const char *s, const char *end, uint32_t *code)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *found;
    int high, low;

    if (end - s < 2)
        return 0;
    if (s[1] != 'u') {
        found = s[1] != '\0' ? strchr(letters, s[1]) : NULL;
        if (!found)
            return 0;
        *code = (unsigned char)values[found - letters];
        return 2;
    }
    high = hex4(s + 2, end);
    if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
        return 0;
    *code = (uint32_t)high;
    if (high < 0xd800 || high > 0xdbff)
        return 6;
    if (end - s < 12 || s[6] != '\\' || s[7] != 'u')
        return 0;
    low = hex4(s + 8, end);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *code =
        0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return 12;
}

const char *scan_string(const char *s, const char *end, const char **bad)
{
    uint32_t code;

    while (s < end) {
        unsigned char c = (unsigned char)*s;
        unsigned n = 1;

        if (c == '"')
            return s + 1;
        if (c == '\\')
            n = read_escape(s, end, &code);
        else if (c >= 0x80)
            n = scan_utf8(s, end);
        else if (c < 0x20)
            n = 0;
        if (n == 0)
            return fail(s, bad);
        s += n;
    }
    return fail(end, bad);
}

static const char *skip_digits(const char *s, const char *end)
{
    while (s < end && scan_is_digit(*s))
        s++;
    return s;
}

const char *scan_number(const char *s, const char *end, const char **bad)
{
    if (s < end && *s == '-')
        s++;
    if (s >= end || !scan_is_digit(*s))
        return fail(s, bad);
    if (*s == '0')
        s++;
    else
        s = skip_digits(s, end);
    if (s < end && *s == '.') {
        s++;
        if (s >= end || !scan_is_digit(*s))
            return fail(s, bad);
        s = skip_digits(s, end);
    }
    if (s < end && (*s == 'e' || *s == 'E')) {
        s++;
        if (s < end && (*s == '+' || *s == '-'))
            s++;
        if (s >= end || !scan_is_digit(*s))
            return fail(s, bad);
        s = skip_digits(s, end);
    }
    return s;
}

/* Up to eight digits on each side of the dot, which is all that is left of
 * prices and sizes in practice. */
static inline bool two_words(const char *s, unsigned dot, unsigned stop,
                             struct decimal *out)
{
    static const int64_t tens[] = {1,      10,      100,      1000,     10000,
                                   100000, 1000000, 10000000, 100000000};
    unsigned fraction = stop - dot - 1;

    if (dot == 0 || dot > 8 || fraction == 0 || fraction > 8 ||
        stop >= SCAN_FAR || (*s == '0' && dot > 1) || (s[stop] | 0x20) == 'e')
        return false;
    out->mant =
        (int64_t)scan_value8(scan_load8(s) << (64 - 8 * dot)) * tens[fraction] +
        (int64_t)scan_value8(scan_load8(s + dot + 1) << (64 - 8 * fraction));
    out->scale = (uint8_t)fraction;
    return true;
}

const char *scan_fast_number_rest(const char *s, const char *end,
                                  struct decimal *out)
{
    const char *bad, *text = s;
    unsigned dot, stop;

    if (s >= end)
        return NULL;
    scan_digit_ends(s, &dot, &stop);
    if (two_words(s, dot, stop, out))
        return s + stop;
    s = scan_number(s, end, &bad);
    if (s && !decimal_parse(span_make(text, (size_t)(s - text)), out))
        out->scale = SCAN_NO_DECIMAL;
    return s;
}

static const char *scan_word(const char *s, const char *end, const char **bad)
{
    const char *word = *s == 't' ? "true" : *s == 'f' ? "false" : "null";

    for (; *word; word++, s++)
        if (s >= end || *s != *word)
            return fail(s, bad);
    return s;
}

static const char *scan_scalar(const char *s, const char *end, const char **bad)
{
    if (s >= end)
        return fail(end, bad);
    if (*s == '"')
        return scan_string(s + 1, end, bad);
    if (*s == 't' || *s == 'f' || *s == 'n')
        return scan_word(s, end, bad);
    return scan_number(s, end, bad);
}

/* A key with its colon; returns where the value begins. */
static const char *scan_key(const char *s, const char *end, const char **bad)
{
    if (s >= end || *s != '"')
        return fail(s, bad);
    s = scan_string(s + 1, end, bad);
    if (!s)
        return NULL;
    s = scan_space(s, end);
    if (s >= end || *s != ':')
        return fail(s, bad);
    return scan_space(s + 1, end);
}

/* Which of the open values are objects: one bit each, the innermost last.  No
 * recursion: the depth is somebody else's to choose. */
struct nest {
    uint64_t object[SCAN_DEPTH_MAX / 64];
    unsigned open;
};

static void nest_push(struct nest *n, bool object)
{
    uint64_t *word = &n->object[n->open / 64];
    unsigned shift = n->open % 64;
    uint64_t below = shift > 0 ? *word & (((uint64_t)1 << shift) - 1) : 0;

    *word = below | (uint64_t)object << shift;
    n->open++;
}

static bool nest_in_object(const struct nest *n)
{
    unsigned top = n->open - 1;

    return n->object[top / 64] >> (top % 64) & 1;
}

/* Behind a value: closes what is closed; returns where the next value begins,
 * or NULL with *bad NULL when nothing is open any more (*done is the end). */
static const char *after_value(const char *s, const char *end, struct nest *n,
                               const char **done, const char **bad)
{
    while (n->open > 0) {
        bool object = nest_in_object(n);

        s = scan_space(s, end);
        if (s >= end)
            return fail(end, bad);
        if (*s == ',') {
            s = scan_space(s + 1, end);
            return object ? scan_key(s, end, bad) : s;
        }
        if (*s != (object ? '}' : ']'))
            return fail(s, bad);
        s++;
        n->open--;
    }
    *done = s;
    return fail(NULL, bad);
}

const char *scan_value(const char *s, const char *end, unsigned depth,
                       const char **bad)
{
    const char *done = NULL;
    struct nest n;

    n.open = 0;
    while (s) {
        bool object = s < end && *s == '{';

        if (depth + n.open >= SCAN_DEPTH_MAX)
            return fail(s, bad);
        if (object || (s < end && *s == '[')) {
            const char *inside = scan_space(s + 1, end);

            if (inside < end && *inside == (object ? '}' : ']')) {
                s = inside + 1;
            } else {
                nest_push(&n, object);
                s = object ? scan_key(inside, end, bad) : inside;
                continue;
            }
        } else {
            s = scan_scalar(s, end, bad);
            if (!s)
                return NULL;
        }
        s = after_value(s, end, &n, &done, bad);
    }
    return done;
}

bool scan_text(struct span text, const char **bad)
{
    const char *end = text.ptr + text.len;
    const char *s = scan_value(scan_space(text.ptr, end), end, 0, bad);

    if (!s)
        return false;
    s = scan_space(s, end);
    *bad = s;
    return s == end;
}

static unsigned put_utf8(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

bool scan_unescape(struct span raw, char *out, size_t room, size_t *len)
{
    const char *s = raw.ptr, *end = raw.ptr + raw.len;
    size_t n = 0;

    while (s < end) {
        char one[4] = {*s};
        unsigned size = 1, skip = 1;
        uint32_t code = 0;

        if (*s == '\\') {
            skip = read_escape(s, end, &code);
            assert(skip > 0); /* the text was scanned before */
            size = put_utf8(code, one);
        }
        if (room - n < size)
            return false;
        memcpy(out + n, one, size);
        n += size;
        s += skip;
    }
    *len = n;
    return true;
}

bool scan_key_is(struct span raw, const char *name)
{
    char text[64];
    size_t len;

    if (!memchr(raw.ptr, '\\', raw.len))
        return span_is(raw, name);
    return scan_unescape(raw, text, sizeof text, &len) &&
           span_is(span_make(text, len), name);
}

bool scan_member_next(struct scan_member *m, const char *end)
{
    const char *bad, *s = scan_space(m->at + 1, end), *key = s + 1;

    /* m->at is the opening brace or a comma; the text was scanned before. */
    if (*s == '}')
        return false;
    s = scan_string(key, end, &bad);
    m->key = span_make(key, (size_t)(s - 1 - key));
    s = scan_space(scan_space(s, end) + 1, end);
    m->value.ptr = s;
    s = scan_value(s, end, 1, &bad);
    m->value.len = (size_t)(s - m->value.ptr);
    m->at = scan_space(s, end);
    if (*m->at == '}')
        m->at--; /* any byte before it: the next call finds the brace */
    return true;
}
