#include "common/feed/feed_time.h"

#include "common/json/scan.h"

enum {
    NS_DIGITS = 9, /* of a second */
    WHOLE_DIGITS_MAX = 19,
};
static const int64_t ns_per_second = 1000000000;

/* Digits of which `keep` count; those missing are zeros, the rest is dropped.
 * Returns where they end. */
static const char *read_fraction(const char *s, const char *end, int keep,
                                 int64_t *out)
{
    int64_t value = 0;

    for (; s < end && scan_is_digit(*s); s++) {
        if (keep > 0) {
            value = value * 10 + (*s - '0');
            keep--;
        }
    }
    for (; keep > 0; keep--)
        value *= 10;
    *out = value;
    return s;
}

bool feed_time_number(struct span text, int64_t *ns)
{
    const char *s = text.ptr, *end = s + text.len;
    uint64_t whole = 0;
    int64_t fraction = 0, scale = 1;
    int digits = NS_DIGITS;

    for (; s < end && scan_is_digit(*s); s++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole))
            return false;
    if (s == text.ptr || s - text.ptr > WHOLE_DIGITS_MAX)
        return false;
    if (whole >= UINT64_C(100000000000000000))
        digits = 0;
    else if (whole >= UINT64_C(100000000000000))
        digits = 3;
    else if (whole >= UINT64_C(100000000000))
        digits = 6;
    for (int i = 0; i < digits; i++)
        scale *= 10;
    if (s < end && *s == '.' && s + 1 < end)
        s = read_fraction(s + 1, end, digits, &fraction);
    if (s != end || whole > INT64_MAX ||
        __builtin_mul_overflow((int64_t)whole, scale, &scale) ||
        __builtin_add_overflow(scale, fraction, ns))
        return false;
    return true;
}

/* Exactly n digits at s. */
static bool digits(const char **s, const char *end, int n, int *out)
{
    int value = 0;

    for (; n > 0; n--, (*s)++) {
        if (*s >= end || !scan_is_digit(**s))
            return false;
        value = value * 10 + (**s - '0');
    }
    *out = value;
    return true;
}

static bool letter(const char **s, const char *end, char a, char b)
{
    if (*s >= end || (**s != a && **s != b))
        return false;
    (*s)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01, by eras of 400 years that begin on 1 March. */
static int64_t days_of(int year, int month, int day)
{
    int y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
           of_year - 719468;
}

/* "Z" or "+05:30"; minutes east of UTC. */
static bool read_offset(const char **s, const char *end, int *minutes)
{
    bool west = *s < end && **s == '-';
    int hour = 0, minute = 0;

    if (letter(s, end, 'Z', 'z')) {
        *minutes = 0;
        return true;
    }
    if (!letter(s, end, '+', '-') || !digits(s, end, 2, &hour) ||
        !letter(s, end, ':', ':') || !digits(s, end, 2, &minute) || hour > 23 ||
        minute > 59)
        return false;
    *minutes = (hour * 60 + minute) * (west ? -1 : 1);
    return true;
}

struct clock_time {
    int hour, minute, second, offset;
    int64_t ns;
};

static bool read_clock(const char **s, const char *end, struct clock_time *t)
{
    if (!digits(s, end, 2, &t->hour) || !letter(s, end, ':', ':') ||
        !digits(s, end, 2, &t->minute) || !letter(s, end, ':', ':') ||
        !digits(s, end, 2, &t->second) || t->hour > 23 || t->minute > 59 ||
        t->second > 60) /* a leap second counts as the next one */
        return false;
    t->ns = 0;
    if (*s < end && **s == '.') {
        const char *first = ++*s;

        *s = read_fraction(*s, end, NS_DIGITS, &t->ns);
        if (*s == first)
            return false;
    }
    return read_offset(s, end, &t->offset);
}

bool feed_time_rfc3339(struct span text, int64_t *ns)
{
    const char *s = text.ptr, *end = s + text.len;
    int year, month, day;
    struct clock_time t;
    int64_t seconds;

    if (!digits(&s, end, 4, &year) || !letter(&s, end, '-', '-') ||
        !digits(&s, end, 2, &month) || !letter(&s, end, '-', '-') ||
        !digits(&s, end, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month))
        return false;
    if (!letter(&s, end, 'T', 't') && !letter(&s, end, ' ', ' '))
        return false;
    if (!read_clock(&s, end, &t) || s != end)
        return false;
    seconds = days_of(year, month, day) * 86400 + t.hour * 3600 +
              (t.minute - t.offset) * 60 + t.second;
    return !__builtin_mul_overflow(seconds, ns_per_second, &seconds) &&
           !__builtin_add_overflow(seconds, t.ns, ns);
}
