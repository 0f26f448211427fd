#include "tickpub/input/intake.h"

#include "common/base/clock.h"
#include "common/event/event_time.h"

enum { NS_PER_MS = 1000000 };
#define NEWER_MAX_NS (INT64_C(60) * 1000 * NS_PER_MS) /* as in bargen */

bool intake_init(struct intake *in, const char *feed,
                 const struct event_rules *rules, int64_t max_future_ms,
                 struct err *err)
{
    *in = (struct intake){.native = event_reader_new(),
                          .max_future_ns = max_future_ms * NS_PER_MS};
    event_reader_by(in->native, rules);
    if (feed)
        in->feed = feed_reader_new(feed, err);
    if (in->feed)
        feed_reader_by(in->feed, rules);
    return !feed || in->feed;
}

void intake_close(struct intake *in)
{
    event_reader_free(in->native);
    feed_reader_free(in->feed);
}

static bool too_late(struct intake *in, const struct event *ev)
{
    if (ev->time_ns > in->latest_ns) {
        in->latest_ns = clock_wall_ns() + in->max_future_ns;
        /* Unless a trade was taken that would not be now: the clock was set
         * back since. */
        if (ev->time_ns > in->latest_ns &&
            (in->newest_ns <= in->latest_ns ||
             ev->time_ns > in->newest_ns + NEWER_MAX_NS))
            return true;
    }
    if (ev->type == EVENT_TRADE && ev->time_ns > in->newest_ns)
        in->newest_ns = ev->time_ns;
    return false;
}

static enum intake_result translate(struct intake *in, struct span line,
                                    struct event *ev, enum event_fault *fault,
                                    unsigned *column)
{
    switch (feed_read(in->feed, line, clock_wall_ns(), ev, fault, column)) {
    case FEED_EVENT:
        return INTAKE_EVENT;
    case FEED_IGNORED:
        return INTAKE_IGNORED;
    case FEED_BAD:
        break;
    }
    return INTAKE_BAD;
}

static enum intake_result scan(struct intake *in, struct span line,
                               struct event *ev, enum event_fault *fault,
                               unsigned *column)
{
    if (in->feed)
        return translate(in, line, ev, fault, column);
    *fault = event_read(in->native, line, ev, column);
    return *fault == EVENT_OK ? INTAKE_EVENT : INTAKE_BAD;
}

enum intake_result intake_read(struct intake *in, struct span line,
                               struct event *ev, enum event_fault *fault,
                               unsigned *column)
{
    enum intake_result result;

    if (line.len == 0)
        return INTAKE_IGNORED;
    result = scan(in, line, ev, fault, column);
    if (result != INTAKE_EVENT || !too_late(in, ev))
        return result;
    *fault = EVENT_FUTURE_TIME;
    *column = in->feed ? 1 : event_time_column(line);
    return INTAKE_BAD;
}
