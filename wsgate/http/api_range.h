/*
 * api_range.h -- which bars a request wants: from, to, countback, limit.
 *
 * Pure.
 *
 * Times       Unix milliseconds.  A number of 1e8 up to 1e11 (of either sign)
 *             is seconds, as every date from March 1973 on is: as milliseconds
 *             it would lie between January 1970 and then.  From 1e14 on it
 *             is no unit of ours.  Or RFC 3339, or its date alone (midnight
 *             UTC), which can name any time.
 * countback   that many bars up to `to`, wherever they begin: above `from`, as
 *             TradingView's datafeeds mean it
 * Bounds      API_BARS_MAX bars; API_BARS_DEFAULT where nothing is said
 */
#pragma once

#include "common/http/http.h"

enum { API_BARS_DEFAULT = 500, API_BARS_MAX = 5000, API_RANGE_WHY_BYTES = 192 };

struct api_range {
    int64_t from_ms, to_ms; /* both belong to it; INT64_MIN, INT64_MAX: open */
    int64_t limit;          /* at most so many, the newest */
};

/* False: *out is as it was, and why names the parameter. */
bool api_range_read(const struct http_request *req, struct api_range *out,
                    char why[API_RANGE_WHY_BYTES]);
