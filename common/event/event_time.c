#include "common/event/event_time.h"

#include "common/json/scan.h"

enum {
    NS_PER_MS = 1000000,
    NS_DIGITS = 6,    /* from milliseconds to nanoseconds */
    MANT_DIGITS = 19, /* fit 64 bits, and are as many as the last time has */
};

/* A number as mant / 10^scale, cut after MANT_DIGITS digits. */
struct cut {
    uint64_t mant;
    long digits, scale;
};

static bool multiply10(uint64_t *v, long times)
{
    for (; times > 0; times--)
        if (__builtin_mul_overflow(*v, 10, v))
            return false;
    return true;
}

static const char *read_digits(const char *s, const char *end, struct cut *c,
                               bool behind_dot)
{
    for (; s < end && scan_is_digit(*s); s++) {
        if (c->digits < MANT_DIGITS) {
            c->mant = c->mant * 10 + (uint64_t)(*s - '0');
            c->digits += c->mant > 0;
            c->scale += behind_dot;
        } else {
            c->scale -= !behind_dot;
        }
    }
    return s;
}

bool event_time_read(struct span text, int64_t *ns)
{
    const char *s = text.ptr, *end = text.ptr + text.len;
    struct cut c = {0};
    long exponent = 0, up;

    if (text.len == 13 && scan_digits8(scan_load8(s)) == 8 &&
        scan_digits8(scan_load8(s + 5)) == 8) {
        uint64_t ms = scan_value8(scan_load8(s)) * 100000 +
                      scan_value8(scan_load8(s + 8) << 24);

        if (ms == 0 || ms >= EVENT_TIME_END_MS)
            return false;
        *ns = (int64_t)ms * 1000000;
        return true;
    }
    s = read_digits(s, end, &c, false);
    if (s < end && *s == '.')
        s = read_digits(s + 1, end, &c, true);
    if (s < end && (*s == 'e' || *s == 'E'))
        s = decimal_exponent(s + 1, end, &exponent);
    if (s != end) /* a sign, or no number at all */
        return false;
    up = NS_DIGITS - c.scale + exponent;
    for (; up < 0 && c.mant > 0; up++)
        c.mant /= 10;
    if (c.mant == 0 || up > MANT_DIGITS || !multiply10(&c.mant, up) ||
        c.mant >= (uint64_t)EVENT_TIME_END_MS * 1000000)
        return false;
    *ns = (int64_t)c.mant;
    return true;
}

unsigned event_time_column(struct span line)
{
    static const char name[] = "\"time\"";
    const char *end = line.ptr + line.len;
    const char *p = memmem(line.ptr, line.len, name, sizeof name - 1);

    if (!p)
        return 0;
    p += sizeof name - 1;
    while (p < end && (*p == ' ' || *p == '\t' || *p == ':'))
        p++;
    return (unsigned)(p - line.ptr) + 1;
}

void event_time_add_ms(struct bytes *out, int64_t ns)
{
    int64_t rest = ns % NS_PER_MS;
    char text[NS_DIGITS];
    int len = NS_DIGITS;

    bytes_add_int(out, ns / NS_PER_MS);
    if (rest <= 0)
        return;
    for (int i = NS_DIGITS; i-- > 0; rest /= 10)
        text[i] = (char)('0' + rest % 10);
    while (text[len - 1] == '0')
        len--;
    bytes_add(out, ".", 1);
    bytes_add(out, text, (size_t)len);
}
