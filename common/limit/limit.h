/*
 * limit.h -- what a limit is, what is asked of it, and what it answers.
 *
 * The same words for the Redis function (function.lua) and for the limits kept
 * in memory (limit_log.c, limit_gcra.c): both give the same verdict, field by
 * field, for the same questions at the same times.
 *
 * Units       *_us microseconds, *_ms milliseconds (rounded up)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum limit_mode {
    LIMIT_CHECK, /* charge the cost if it fits */
    LIMIT_PEEK,  /* would it fit?  Nothing is charged */
    LIMIT_RESET, /* forget what was used */
};

enum {
    LIMIT_LOG_MAX = 10000,      /* entries that a log may hold, per key */
    LIMIT_COST_MAX = 999999999, /* of one question */
    LIMIT_NEVER = -1,           /* retry_after_ms: the cost is over the limit */
};

/* At most `limit` in any window.  share and step are gcra's: debt is counted in
 * units of 1/share us, a request adds step, a full bucket is share * window. */
struct limit {
    int64_t limit;
    int64_t window_us;
    int64_t share, step;
};

struct verdict {
    bool allowed;
    bool shadow_over; /* allowed only because the rule is a shadow */
    int64_t limit;
    int64_t remaining;
    int64_t retry_after_ms; /* 0 where allowed; LIMIT_NEVER */
    int64_t reset_ms;       /* until the whole limit is there again */
    int64_t window_ms;      /* 0: not known (limit_call.h) */
};

const char *limit_mode_name(enum limit_mode mode);

/* False: gcra cannot count this pair exactly (share * window above 2^53). */
bool limit_make(int64_t limit, int64_t window_us, struct limit *out);

static inline int64_t limit_us_to_ms(int64_t us)
{
    return us <= 0 ? 0 : (us + 999) / 1000;
}
