/*
 * intake.h -- one line becomes one event, or a reason why not.
 *
 * The only clock that it looks at is the time of day, for the bound on times in
 * the future, and only where an event is later than the bound worked out last.
 * Where that was set back while trades flow, those up to a minute newer than the
 * newest are taken.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/event/event_reader.h"
#include "common/feed/feed.h"

struct intake {
    struct event_reader *native;
    struct feed_reader *feed; /* NULL: native */
    int64_t max_future_ns;
    int64_t latest_ns; /* later times ask the clock */
    /* Of trades taken: quotes may have been stamped with the same clock. */
    int64_t newest_ns;
};

enum intake_result {
    INTAKE_EVENT,   /* *ev is valid as long as the line is, at most until the
                     * next one */
    INTAKE_IGNORED, /* an empty line, or nothing that is to be published */
    INTAKE_BAD,     /* *fault and *column say why */
};

/* feed NULL: native. */
bool intake_init(struct intake *in, const char *feed,
                 const struct event_rules *rules, int64_t max_future_ms,
                 struct err *err);
void intake_close(struct intake *in);
enum intake_result intake_read(struct intake *in, struct span line,
                               struct event *ev, enum event_fault *fault,
                               unsigned *column);
