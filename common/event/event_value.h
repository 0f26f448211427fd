/*
 * event_value.h -- the values of a line of a known shape.
 *
 * Each takes what stands at s, checks it as strictly as event_read_strict()
 * does, and returns where it ends; NULL: it has to be read in another way.
 * What follows is for the caller to compare.  At least LINE_PAD readable bytes
 * must follow the line.  Private to event_reader.c.
 */
#pragma once

#include "common/event/event_name.h"
#include "common/event/event_shape.h"
#include "common/event/event_time.h"
#include "common/json/scan.h"

static inline void *event_value_at(struct event *ev, const struct value *v)
{
    return (char *)ev + v->at;
}

/* A quote comes next, or this is not the shape: no need to look for it. */
static const char *event_value_long_symbol(const char *s, const char *end,
                                           struct event *ev)
{
    unsigned len = 0, more;

    do {
        more = event_name_run(s + len);
        len += more;
    } while (more == BLOCK && len < EVENT_NAME_MAX && s + len < end);
    ev->symbol = span_make(s, len);
    return s + len;
}

static inline const char *event_value_symbol(const char *s, const char *end,
                                             struct event *ev)
{
    unsigned len = event_name_run(s);

    if (len - 1 >= BLOCK - 1)
        return len == 0 ? NULL : event_value_long_symbol(s, end, ev);
    ev->symbol = span_make(s, len);
    return s + len;
}

/* That no more digits follow is seen by what stands behind them. */
static inline const char *event_value_time(const char *s, struct event *ev)
{
    uint64_t ms;

    if (!scan_time13(s, &ms) || ms >= EVENT_TIME_END_MS)
        return NULL;
    ev->time_ns = (int64_t)ms * 1000000;
    return s + SCAN_TIME_DIGITS;
}

/* Signs, exponents and very long ones. */
static __attribute__((noinline)) const char *
event_value_odd_number(const char *s, const char *end, int64_t least,
                       struct decimal *out)
{
    s = scan_fast_number_rest(s, end, out);
    if (!s || out->scale == SCAN_NO_DECIMAL || out->mant < least)
        return NULL;
    return s;
}

static inline __attribute__((always_inline)) const char *
event_value_number(const char *s, const char *end, const struct value *v,
                   struct event *ev)
{
    struct decimal *out = event_value_at(ev, v);
    const char *stop = scan_number_inside(s, out);

    if (!stop || out->mant < v->least)
        return event_value_odd_number(s, end, v->least, out);
    return stop;
}

static inline const char *event_value_text(const char *s, const char *end,
                                           unsigned kind, struct span *out)
{
    const char *stop = scan_fast_plain(s, end);

    *out = span_make(s, (size_t)(stop - s));
    return stop == s && kind == VALUE_NAME ? NULL : stop;
}

/* A whole number without a sign, short enough for two words. */
static inline const char *event_value_digits(const char *s, unsigned *digits)
{
    unsigned stop;

    scan_digit_ends(s, digits, &stop);
    if (*digits == 0 || *digits != stop || stop >= SCAN_FAR ||
        (*s == '0' && stop > 1))
        return NULL;
    return s + stop;
}

static inline const char *event_value_seq(const char *s, struct event *ev)
{
    unsigned digits = 0;
    const char *stop = event_value_digits(s, &digits);

    if (!stop)
        return NULL;
    if (digits <= 8) {
        ev->seq = scan_value8(scan_load8(s) << (64 - 8 * digits));
    } else {
        static const uint32_t tens[] = {1,     10,     100,     1000,
                                        10000, 100000, 1000000, 10000000};

        ev->seq = scan_value8(scan_load8(s)) * tens[digits - 8] +
                  scan_value8(scan_load8(s + 8) << (64 - 8 * (digits - 8)));
    }
    return stop;
}

static inline const char *event_value_id_digits(const char *s, struct span *out)
{
    unsigned digits = 0;
    const char *stop = event_value_digits(s, &digits);

    *out = span_make(s, digits);
    return stop;
}
