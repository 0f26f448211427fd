/*
 * limit_local.h -- what an address did lately, kept in this process.
 *
 * Serves two purposes: a window per address for the time when the limiter in
 * Redis cannot be asked, and a short memory of its "no".
 *
 * The window is a fixed one: in the worst case an address gets twice the limit
 * across a boundary.  That is good enough for a substitute, and costs a few
 * bytes an address instead of a list of times.
 *
 * Pure: time comes as an argument.
 *
 * Bounds      LOCAL_SETS * LOCAL_WAYS addresses; the one that was quiet longest
 *             gives way
 */
#ifndef WSGATE_HTTP_LIMIT_LOCAL_H
#define WSGATE_HTTP_LIMIT_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

enum { LOCAL_SETS = 1024, LOCAL_WAYS = 4, LOCAL_ADDRESS_MAX = 48 };

struct local_entry {
    char address[LOCAL_ADDRESS_MAX];
    uint64_t seen_ms;  /* 0: free */
    uint64_t start_ms; /* of its window */
    int64_t count;
    /* what Redis said when it last denied */
    uint64_t denied_until_ms; /* 0: it did not */
    uint64_t retry_at_ms;
    int64_t denied_limit;
    int64_t denied_window_ms; /* 0: not known */
};

struct limit_local {
    int64_t limit;
    int64_t window_ms;
    struct local_entry *entries;
};

/* "100/60s"; false: not of that form. */
bool limit_local_parse(const char *text, int64_t *limit, int64_t *window_ms);
void limit_local_init(struct limit_local *l, int64_t limit, int64_t window_ms);
void limit_local_close(struct limit_local *l);
/* What is known of an address; makes an entry where there is none. */
struct local_entry *limit_local_of(struct limit_local *l, const char *address,
                                   uint64_t now_ms);
/* Counts one request; false is a "no" until *reset_ms have passed. */
bool limit_local_take(const struct limit_local *l, struct local_entry *e,
                      uint64_t now_ms, int64_t *remaining, int64_t *reset_ms);

#endif
