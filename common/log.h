/*
 * log.h -- one line on standard error for a person or a collector.
 *
 *   ts=2026-11-20T09:34:26.512Z level=warn tool=wsgate ev=client_close conn=7
 *
 * logfmt, one write(2) each.  Events are words listed in docs/events.md.  More
 * than 10 of one event in a second become one line with repeated=N.
 * Library code (parsers, pure cores) does not log: it returns an err.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

void log_init(const char *tool, enum log_level level);
/* fmt makes the rest of the line: log_info("ready", "port=%d", port).  Values
 * with spaces are the caller's to quote with LOG_Q: "why=\"%s\"". */
void log_error(const char *ev, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_warn(const char *ev, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *ev, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_debug(const char *ev, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Print the pending repeated=N lines; app_exit() does it. */
void log_flush(void);

#endif
