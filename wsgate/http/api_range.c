#include "wsgate/http/api_range.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/feed/feed_time.h"
#include "wsgate/http/api_target.h"

enum { NUMBER_DIGITS = 18, NS_PER_MS = 1000000 };
static const int64_t seconds_from = 100000000;
static const int64_t seconds_end = 100000000000;
static const int64_t ms_end = 100000000000000;

#define TRY                                                                    \
    "1700000000000 (Unix milliseconds), 1700000000 (seconds) or "              \
    "2023-11-14T22:13:20Z"

enum given { ABSENT, GIVEN, UNREADABLE };

/* http_query() takes a value that cannot be decoded for none. */
static bool has_name(struct span query, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i + len <= query.len; i++) {
        bool starts = i == 0 || query.ptr[i - 1] == '&';
        bool ends = i + len == query.len || query.ptr[i + len] == '=' ||
                    query.ptr[i + len] == '&';

        if (starts && ends && memcmp(query.ptr + i, name, len) == 0)
            return true;
    }
    return false;
}

static enum given read_value(const struct http_request *req, const char *name,
                             struct bytes *out)
{
    bytes_clear(out);
    if (http_query(req, name, out))
        return GIVEN;
    return has_name(req->query, name) ? UNREADABLE : ABSENT;
}

/* --- times --- */

static bool is_number(struct span text)
{
    size_t i = text.len > 0 && text.ptr[0] == '-';

    if (i == text.len)
        return false;
    for (; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

/* False: too many digits for milliseconds. */
static bool number_ms(struct span text, int64_t *ms)
{
    int64_t n, size;

    if (text.len > NUMBER_DIGITS || !api_number(text, INT64_MIN, INT64_MAX, &n))
        return false;
    size = n < 0 ? -n : n;
    if (size >= ms_end)
        return false;
    *ms = size >= seconds_from && size < seconds_end ? n * 1000 : n;
    return true;
}

/* "2023-11-14", "2023-11-14T22:13:20+01:00"; a plus that was not escaped came as
 * a blank. */
static bool text_ms(struct span text, int64_t *ms)
{
    char copy[64];
    int64_t ns;
    int n;

    if (text.len >= sizeof copy - 16)
        return false;
    n = snprintf(copy, sizeof copy, "%.*s%s", SPAN_ARG(text),
                 text.len == 10 ? "T00:00:00Z" : "");
    if (n > 20 && copy[n - 6] == ' ')
        copy[n - 6] = '+';
    if (!feed_time_rfc3339(span_make(copy, (size_t)n), &ns))
        return false;
    *ms = (ns < 0 ? ns - (NS_PER_MS - 1) : ns) / NS_PER_MS;
    return true;
}

static bool read_time(const struct http_request *req, const char *name,
                      int64_t *ms, char *why)
{
    struct bytes text;
    enum given given;
    bool ok;

    bytes_init(&text);
    given = read_value(req, name, &text);
    if (given == GIVEN && is_number(bytes_span(&text))) {
        ok = number_ms(bytes_span(&text), ms);
        if (!ok)
            snprintf(why, API_RANGE_WHY_BYTES,
                     "%s is neither in milliseconds nor in seconds: try " TRY,
                     name);
    } else {
        ok = given == ABSENT ||
             (given == GIVEN && text_ms(bytes_span(&text), ms));
        if (!ok)
            snprintf(why, API_RANGE_WHY_BYTES, "%s is not a time: try " TRY,
                     name);
    }
    bytes_close(&text);
    return ok;
}

/* --- counts --- */

static bool read_count(const struct http_request *req, const char *name,
                       int64_t *count, char *why)
{
    struct bytes text;
    enum given given;
    bool ok;

    bytes_init(&text);
    given = read_value(req, name, &text);
    ok = given == ABSENT || (given == GIVEN && api_number(bytes_span(&text), 1,
                                                          API_BARS_MAX, count));
    if (!ok)
        snprintf(why, API_RANGE_WHY_BYTES, "%s is not a number from 1 to %d",
                 name, API_BARS_MAX);
    bytes_close(&text);
    return ok;
}

bool api_range_read(const struct http_request *req, struct api_range *out,
                    char why[API_RANGE_WHY_BYTES])
{
    struct api_range r = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    int64_t countback = 0;

    if (!read_time(req, "from", &r.from_ms, why) ||
        !read_time(req, "to", &r.to_ms, why) ||
        !read_count(req, "limit", &r.limit, why) ||
        !read_count(req, "countback", &countback, why))
        return false;
    if (countback > 0)
        r.from_ms = INT64_MIN;
    if (r.from_ms > r.to_ms) {
        snprintf(why, API_RANGE_WHY_BYTES,
                 "from (%" PRId64 ") is after to (%" PRId64
                 "), in Unix milliseconds",
                 r.from_ms, r.to_ms);
        return false;
    }
    if (countback > 0 && (r.limit == 0 || countback < r.limit))
        r.limit = countback;
    if (r.limit == 0)
        r.limit = API_BARS_DEFAULT;
    *out = r;
    return true;
}
