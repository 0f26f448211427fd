/*
 * metrics_page.h -- what /metrics answers, made anew as long as that is cheap.
 *
 * Making it takes at most a share of METRICS_PAGE_SHARE of the time, so that
 * nobody costs others by asking: an unused METRICS_PAGE_SPARE_MS of it are kept,
 * some hundred pages.  Whoever asks beyond gets the page that was made last, which
 * is METRICS_PAGE_SHARE times as old as making one takes, some milliseconds.
 *
 * Units       now_ns: of a clock that never goes back, above 0
 * Ownership   metrics_page_close() frees the text
 */
#pragma once

#include <stdbool.h>

#include "common/base/bytes.h"

enum {
    METRICS_PAGE_SHARE = 50, /* one in so many */
    METRICS_PAGE_SPARE_MS = 20,
};

/* All zero: none was made. */
struct metrics_page {
    struct bytes text;
    uint64_t at_ns;   /* of what follows */
    int64_t spare_ns; /* that making it may take; below 0: it took more */
};

/* Is it to be made? */
bool metrics_page_is_due(struct metrics_page *page, uint64_t now_ns);
/* It was, into text. */
void metrics_page_made(struct metrics_page *page, uint64_t took_ns);
void metrics_page_close(struct metrics_page *page);
