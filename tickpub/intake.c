#include "tickpub/intake.h"

#include <string.h>

#include "common/clock.h"

enum { NS_PER_MS = 1000000 };

bool intake_init(struct intake *in, const char *feed, int64_t max_future_ms,
                 struct err *err)
{
    *in = (struct intake){.max_future_ns = max_future_ms * NS_PER_MS};
    (void)feed;
    (void)err;
    return true;
}

void intake_close(struct intake *in)
{
    bytes_close(&in->scratch);
}

/* Where the value of `time` stands, from 1; 0: not found.  Good enough for a
 * message to a person: the scanner does not keep it. */
static unsigned time_column(struct span line)
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

static bool too_late(struct intake *in, const struct event *ev)
{
    if (ev->time_ns <= in->latest_ns)
        return false;
    in->latest_ns = clock_wall_ns() + in->max_future_ns;
    return ev->time_ns > in->latest_ns;
}

enum intake_result intake_read(struct intake *in, struct span line,
                               struct event *ev, enum event_fault *fault,
                               unsigned *column)
{
    if (line.len == 0)
        return INTAKE_IGNORED;
    *fault = event_read(line, ev, column);
    if (*fault != EVENT_OK)
        return INTAKE_BAD;
    if (too_late(in, ev)) {
        *fault = EVENT_FUTURE_TIME;
        *column = time_column(line);
        return INTAKE_BAD;
    }
    return INTAKE_EVENT;
}
