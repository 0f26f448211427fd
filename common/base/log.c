#include "common/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/metrics.h"

enum { WINDOW_MS = 1000 };

/* What one event did in its present second. */
struct event_rate {
    const char *ev;
    enum log_level level;
    uint64_t window_ms; /* CLOCK_MONOTONIC, when the second began */
    unsigned said;
    uint64_t held; /* not said because of LOG_BURST */
};

static struct {
    const char *tool;
    struct event_rate rates[LOG_EVENTS_MAX];
    unsigned n_rates;
    uint64_t stuck_until_ms;
} state = {.tool = "tickwire"};

enum log_level log_last_level = LOG_LEVEL_INFO;

static struct metric dropped = {
    METRIC(COUNTER, "tickwire_log_dropped_total", NULL,
           "Log lines lost because standard error could not be written")};

static struct metric held_back = {
    METRIC(COUNTER, "tickwire_log_repeated_total", NULL,
           "Log lines that became part of a repeated=N line")};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/*
 * Standard error may be a pipe that somebody else made non-blocking (it shares
 * its description with standard output on a terminal).  A full one is waited
 * for briefly, then not again for a second: logging must not stop the loop.
 */
static void put(const char *line, size_t len)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    bool waited = false;

    for (;;) {
        if (write(STDERR_FILENO, line, len) >= 0)
            return;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || waited ||
            clock_mono_ms() < state.stuck_until_ms ||
            poll(&p, 1, LOG_WAIT_MS) <= 0)
            break;
        waited = true;
    }
    state.stuck_until_ms = clock_mono_ms() + WINDOW_MS;
    dropped.value++;
}

static size_t head(char *line, enum log_level level, const char *ev)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm t;
    int n;

    gmtime_r(&seconds, &t);
    n = snprintf(line, LOG_LINE_MAX,
                 "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ level=%s tool=%s "
                 "ev=%s",
                 t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
                 t.tm_sec, (int)(now_ms % 1000), level_names[level], state.tool,
                 ev);
    if (n < 0)
        return 0;
    return n < LOG_LINE_MAX ? (size_t)n : LOG_LINE_MAX - 1;
}

/* Control characters would let a value from outside begin a line. */
static void finish(char *line, size_t len)
{
    if (len > LOG_LINE_MAX - 1)
        len = LOG_LINE_MAX - 1;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len] = '\n';
    put(line, len + 1);
}

static void say_held(struct event_rate *r)
{
    char line[LOG_LINE_MAX + 1];
    size_t len = head(line, r->level, r->ev);
    int n = snprintf(line + len, sizeof line - len, " repeated=%llu",
                     (unsigned long long)r->held);

    r->held = 0;
    finish(line, n > 0 ? len + (size_t)n : len);
}

static struct event_rate *rate_of(const char *ev)
{
    struct event_rate *r;

    for (unsigned i = 0; i < state.n_rates; i++)
        if (state.rates[i].ev == ev || strcmp(state.rates[i].ev, ev) == 0)
            return &state.rates[i];
    /* Names are words in the source, so this bound is ours; the last slot is
     * shared by what comes after it. */
    if (state.n_rates == LOG_EVENTS_MAX)
        return &state.rates[LOG_EVENTS_MAX - 1];
    r = &state.rates[state.n_rates++];
    *r = (struct event_rate){.ev = ev};
    return r;
}

static bool allowed(const char *ev, enum log_level level)
{
    struct event_rate *r = rate_of(ev);
    uint64_t now_ms = clock_mono_ms();

    if (now_ms - r->window_ms >= WINDOW_MS) {
        if (r->held > 0)
            say_held(r);
        r->window_ms = now_ms;
        r->said = 0;
    }
    r->level = level;
    if (r->said >= LOG_BURST) {
        r->held++;
        held_back.value++;
        return false;
    }
    r->said++;
    return true;
}

void log_init(const char *tool, enum log_level level)
{
    state.tool = tool;
    log_last_level = level;
    metrics_add(&dropped);
    metrics_add(&held_back);
}

void log_say(enum log_level level, const char *ev, const char *fmt, ...)
{
    char line[LOG_LINE_MAX + 1];
    va_list ap;
    size_t len;
    int n;

    if (!log_is_on(level) || !allowed(ev, level))
        return;
    len = head(line, level, ev);
    if (fmt[0] != '\0' && len < LOG_LINE_MAX - 1) {
        line[len++] = ' ';
        va_start(ap, fmt);
        n = vsnprintf(line + len, LOG_LINE_MAX - len, fmt, ap);
        va_end(ap);
        if (n > 0)
            len += (size_t)n;
    }
    finish(line, len);
}

static void say_all_held(uint64_t older_ms)
{
    uint64_t now_ms = clock_mono_ms();

    for (unsigned i = 0; i < state.n_rates; i++) {
        struct event_rate *r = &state.rates[i];
        if (r->held > 0 && now_ms - r->window_ms >= older_ms)
            say_held(r);
    }
}

void log_tick(void)
{
    say_all_held(WINDOW_MS);
}

void log_flush(void)
{
    say_all_held(0);
}

const char *log_quote(struct log_quote *room, struct span value)
{
    static const char hex[] = "0123456789abcdef";
    char *out = room->text;
    size_t n = 0;

    out[n++] = '"';
    /* The longest step is \xNN; a quote and a NUL follow. */
    for (size_t i = 0; i < value.len && n < sizeof room->text - 6; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        } else {
            out[n++] = (char)c;
        }
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}
