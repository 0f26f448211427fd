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

/* A number without a sign. */
static bool read_cut(struct span text, struct cut *c, long *exponent)
{
    const char *s = text.ptr, *end = text.ptr + text.len;

    *c = (struct cut){0};
    *exponent = 0;
    s = read_digits(s, end, c, false);
    if (s < end && *s == '.')
        s = read_digits(s + 1, end, c, true);
    if (s < end && (*s == 'e' || *s == 'E'))
        s = decimal_exponent(s + 1, end, exponent);
    return s == end;
}

/* The whole part of the number times 10^digits; false where it is too large. */
static bool whole_of(struct cut c, long exponent, int digits, uint64_t *out)
{
    long up = digits - c.scale + exponent;

    for (; up < 0 && c.mant > 0; up++)
        c.mant /= 10;
    if (c.mant > 0 && (up > MANT_DIGITS || !multiply10(&c.mant, up)))
        return false;
    *out = c.mant;
    return true;
}

bool event_time_read(struct span text, int64_t *ns)
{
    uint64_t value;
    long exponent;
    struct cut c;

    if (text.len == 13 && scan_digits8(scan_load8(text.ptr)) == 8 &&
        scan_digits8(scan_load8(text.ptr + 5)) == 8) {
        uint64_t ms = scan_value8(scan_load8(text.ptr)) * 100000 +
                      scan_value8(scan_load8(text.ptr + 8) << 24);

        if (ms == 0 || ms >= EVENT_TIME_END_MS)
            return false;
        *ns = (int64_t)ms * NS_PER_MS;
        return true;
    }
    if (!read_cut(text, &c, &exponent) ||
        !whole_of(c, exponent, NS_DIGITS, &value) || value == 0 ||
        value >= (uint64_t)EVENT_TIME_END_MS * NS_PER_MS)
        return false;
    *ns = (int64_t)value;
    return true;
}

/* Of which unit is a time of this magnitude? */
static enum event_fault looks_like(uint64_t value)
{
    if (value == 0)
        return EVENT_BAD_TIME;
    if (value < EVENT_TIME_BEGIN_MS)
        return EVENT_TIME_IN_S;
    if (value < EVENT_TIME_END_MS)
        return EVENT_TIME_IN_MS;
    if (value < (uint64_t)EVENT_TIME_END_MS * 1000)
        return EVENT_TIME_IN_US;
    if (value < (uint64_t)EVENT_TIME_END_MS * NS_PER_MS)
        return EVENT_TIME_IN_NS;
    return EVENT_BAD_TIME;
}

enum event_fault event_time_of_event(struct span text, enum event_unit unit,
                                     int64_t *ns)
{
    static const struct {
        int digits; /* to nanoseconds */
        enum event_fault look;
    } units[] = {[EVENT_UNIT_MS] = {NS_DIGITS, EVENT_TIME_IN_MS},
                 [EVENT_UNIT_S] = {9, EVENT_TIME_IN_S},
                 [EVENT_UNIT_US] = {3, EVENT_TIME_IN_US},
                 [EVENT_UNIT_NS] = {0, EVENT_TIME_IN_NS}};
    enum event_fault look;
    uint64_t value;
    long exponent;
    struct cut c;

    if (!read_cut(text, &c, &exponent))
        return EVENT_BAD_TIME;
    if (whole_of(c, exponent, units[unit].digits, &value) &&
        value >= (uint64_t)EVENT_TIME_BEGIN_MS * NS_PER_MS &&
        value < (uint64_t)EVENT_TIME_END_MS * NS_PER_MS) {
        *ns = (int64_t)value;
        return EVENT_OK;
    }
    if (!whole_of(c, exponent, 0, &value))
        return EVENT_BAD_TIME;
    look = looks_like(value);
    return look == units[unit].look ? EVENT_BAD_TIME : look;
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
