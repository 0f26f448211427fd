/*
 * event_order.h -- which of two messages of one kind is the newer one, by what
 * they say of themselves.
 *
 * Messages of the same run of a publisher (`src`) go by its count (`seq`).
 * Bars of the same time go by revision, then final before open, then by how
 * many trades they hold.  Others go by `time`, or `timestamp` where there is no
 * `time`.  What cannot be compared is neither newer nor older.
 *
 * Pure.
 *
 * Units       time_ns nanoseconds since the Unix epoch
 * Ownership   spans point into the payload
 * Source      docs/decisions/0013-what-a-client-hears.md
 */
#pragma once

#include "common/base/span.h"

struct event_order {
    int64_t time_ns; /* 0: the message has none that can be read */
    struct span src; /* empty: the message is not numbered */
    uint64_t seq;
    bool is_bar, bar_final;
    int64_t bar_time_ms;
    uint64_t bar_rev, bar_count;
};

enum event_age {
    EVENT_AGE_UNKNOWN,
    EVENT_AGE_OLDER,
    EVENT_AGE_SAME,
    EVENT_AGE_NEWER,
};

/* The payload is one valid JSON value. */
struct event_order event_order_read(struct span payload);
/* What is `a`, seen from `b`? */
enum event_age event_order_compare(const struct event_order *a,
                                   const struct event_order *b);
/* Do both belong to one numbered run of a publisher? */
bool event_order_same_run(const struct event_order *a,
                          const struct event_order *b);
