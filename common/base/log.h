/*
 * log.h -- one line on standard error for a person or a collector.
 *
 * logfmt, one write(2) each.  Events are words listed in docs/events.md.  More
 * than LOG_BURST of one event in a second become one line with repeated=N.
 * Library code (parsers, pure cores) does not log: it returns an err.
 *
 * Bounds      a line is cut at LOG_LINE_MAX bytes; control characters in it
 *             become '?', so that nobody forges a line
 * Errors      where standard error cannot be written within LOG_WAIT_MS, the
 *             line is dropped and counted (tickwire_log_dropped_total)
 */
#pragma once

#include "common/base/span.h"

enum {
    LOG_LINE_MAX = 2048, /* below PIPE_BUF: one write stays in one piece */
    LOG_BURST = 10,      /* lines of one event in a second */
    LOG_EVENTS_MAX = 128,
    LOG_WAIT_MS = 20,
};

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

void log_init(const char *tool, enum log_level level);
/* The last level that is logged.  What happens for every message asks first,
 * so that a line that nobody wants costs nothing, not even its arguments. */
extern enum log_level log_last_level;
static inline bool log_is_on(enum log_level level)
{
    return level <= log_last_level;
}
/* fmt makes the rest of the line: log_info("ready", "port=%d", port).  A value
 * from outside goes through LOG_Q: log_warn("bad", "why=%s", LOG_Q(text)). */
void log_say(enum log_level level, const char *ev, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define log_error(...) log_say(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_say(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_say(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_say(LOG_LEVEL_DEBUG, __VA_ARGS__)
/* Print the repeated=N lines of seconds that are over; app.c does it. */
void log_tick(void);
/* Print all that are pending; app_exit() does it. */
void log_flush(void);

/* A value in double quotes, with quotes, backslashes and control characters
 * escaped, cut to what fits; valid until the block ends. */
struct log_quote {
    char text[256];
};
const char *log_quote(struct log_quote *room, struct span value);
#define LOG_Q(value) log_quote(&(struct log_quote){.text = {0}}, (value))
