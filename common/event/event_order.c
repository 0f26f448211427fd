#include "common/event/event_order.h"

#include "common/event/event_time.h"
#include "common/json/scan.h"

enum { NS_PER_MS = 1000000, TIME_TEXT_MAX = 40 };

/* 0: none that can be read.  The text may end where its memory ends, and the
 * reader looks a little further. */
static int64_t read_time(struct span text)
{
    char room[TIME_TEXT_MAX + 16] = {0};
    int64_t ns;

    if (text.len > TIME_TEXT_MAX)
        return 0;
    memcpy(room, text.ptr, text.len);
    return event_time_read(span_make(room, text.len), &ns) ? ns : 0;
}

/* A whole number without sign; false where it is something else. */
static bool read_count(struct span text, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!scan_is_digit(text.ptr[i]) ||
            __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.ptr[i] - '0'),
                                   &value))
            return false;
    }
    *out = value;
    return true;
}

static void read_bar(struct span bar, struct event_order *out)
{
    struct scan_member m = {.at = bar.ptr};

    out->is_bar = true;
    while (scan_member_next(&m, bar.ptr + bar.len)) {
        if (scan_key_is(m.key, "time"))
            out->bar_time_ms = read_time(m.value) / NS_PER_MS;
        else if (scan_key_is(m.key, "final"))
            out->bar_final = span_is(m.value, "true");
        else if (scan_key_is(m.key, "rev"))
            (void)read_count(m.value, &out->bar_rev);
        else if (scan_key_is(m.key, "count"))
            (void)read_count(m.value, &out->bar_count);
    }
}

/* `time` counts, wherever it stands; `timestamp` where there is none. */
struct event_order event_order_read(struct span payload)
{
    const char *end = payload.ptr + payload.len;
    const char *s = scan_space(payload.ptr, end);
    struct scan_member m = {.at = s};
    struct event_order out = {.src = span_make("", 0)};
    int64_t timestamp_ns = 0;
    bool numbered = false;

    if (s == end || *s != '{')
        return out;
    while (scan_member_next(&m, end)) {
        if (scan_key_is(m.key, "time")) {
            out.time_ns = read_time(m.value);
        } else if (scan_key_is(m.key, "timestamp")) {
            timestamp_ns = read_time(m.value);
        } else if (scan_key_is(m.key, "src") && m.value.ptr[0] == '"') {
            out.src = m.value;
        } else if (scan_key_is(m.key, "seq")) {
            numbered = read_count(m.value, &out.seq);
        } else if (scan_key_is(m.key, "bar") && m.value.ptr[0] == '{') {
            read_bar(m.value, &out);
        }
    }
    if (out.time_ns == 0)
        out.time_ns = timestamp_ns;
    if (!numbered)
        out.src = span_make("", 0);
    return out;
}

bool event_order_same_run(const struct event_order *a,
                          const struct event_order *b)
{
    return a->src.len > 0 && span_eq(a->src, b->src);
}

static enum event_age age(bool older, bool newer)
{
    return older ? EVENT_AGE_OLDER : newer ? EVENT_AGE_NEWER : EVENT_AGE_SAME;
}

static enum event_age compare_bars(const struct event_order *a,
                                   const struct event_order *b)
{
    if (a->bar_time_ms != b->bar_time_ms)
        return age(a->bar_time_ms < b->bar_time_ms, true);
    if (a->bar_rev != b->bar_rev)
        return age(a->bar_rev < b->bar_rev, true);
    if (a->bar_final != b->bar_final)
        return age(b->bar_final, true);
    return age(a->bar_count<b->bar_count, a->bar_count> b->bar_count);
}

enum event_age event_order_compare(const struct event_order *a,
                                   const struct event_order *b)
{
    if (event_order_same_run(a, b))
        return age(a->seq<b->seq, a->seq> b->seq);
    if (a->is_bar && b->is_bar)
        return compare_bars(a, b);
    if (a->time_ns == 0 || b->time_ns == 0 || a->time_ns == b->time_ns)
        return EVENT_AGE_UNKNOWN;
    return age(a->time_ns < b->time_ns, true);
}
