/*
 * resolution.h -- the name of a bar width, and which bar an instant is in.
 *
 * Names are TradingView's: xS seconds, x minutes (hours are minutes), D, W, M;
 * the 1 of 1D, 1W and 1M may be left out and is left out on output.
 *
 * Units       time in nanoseconds since the Unix epoch, UTC
 * Calendar    24x7 in UTC: intraday bars lie on the epoch grid, D is the UTC
 *             day, W the ISO week (Monday), M the calendar month.
 *             resolution_bucket() is the only place that knows a calendar:
 *             trading sessions and time zones change it and nothing else.
 * Invariant   start <= time < end: a tick at exactly 09:16:00.000 belongs to
 *             the bar of 09:16
 */
#pragma once

#include "common/base/span.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SECOND (1000 * NS_PER_MS)
#define NS_PER_MINUTE (60 * NS_PER_SECOND)
#define NS_PER_DAY (1440 * NS_PER_MINUTE)

enum { RESOLUTION_NAME_MAX = 8 };

enum resolution_unit {
    RESOLUTION_GRID, /* seconds or minutes on the epoch grid */
    RESOLUTION_DAY,
    RESOLUTION_WEEK,
    RESOLUTION_MONTH
};

struct resolution {
    char name[RESOLUTION_NAME_MAX]; /* "1", "15S", "D" */
    enum resolution_unit unit;
    int64_t width_ns; /* of a month: its shortest, for ordering */
};

enum resolution_fault {
    RESOLUTION_OK,
    RESOLUTION_UNKNOWN, /* no such name */
    RESOLUTION_UNEVEN,  /* does not divide a day */
};

enum resolution_fault resolution_parse(struct span name,
                                       struct resolution *out);
/* The canonical name, within what was given or static; empty: it is none. */
struct span resolution_canonical(struct span name);
void resolution_bucket(const struct resolution *r, int64_t time_ns,
                       int64_t *start_ns, int64_t *end_ns);
