#include "common/limit/limit_log.h"

#include <stdlib.h>

#include "common/base/bytes.h"

enum { CAP_FIRST = 8 };

void limit_log_close(struct limit_log *log)
{
    free(log->at_us);
    *log = (struct limit_log){0};
}

/* cap is a power of two. */
static int64_t entry(const struct limit_log *log, uint32_t i)
{
    return log->at_us[(log->head + i) & (log->cap - 1)];
}

static void reserve(struct limit_log *log, uint32_t count)
{
    uint32_t cap = log->cap ? log->cap : CAP_FIRST;
    int64_t *at;

    while (cap < count)
        cap *= 2;
    if (cap == log->cap)
        return;
    at = mem_alloc(cap * sizeof *at);
    for (uint32_t i = 0; i < log->count; i++)
        at[i] = entry(log, i);
    free(log->at_us);
    log->at_us = at;
    log->cap = cap;
    log->head = 0;
}

/* Entries at the old end that are not after cutoff: they have left. */
static uint32_t count_expired(const struct limit_log *log, int64_t cutoff_us)
{
    uint32_t low = 0, high = log->count;

    if (log->count == 0 || entry(log, 0) > cutoff_us)
        return 0;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (entry(log, mid) > cutoff_us)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void charge(struct limit_log *log, uint32_t expired, int64_t now_us,
                   uint32_t cost)
{
    log->head = log->cap ? (log->head + expired) & (log->cap - 1) : 0;
    log->count -= expired;
    reserve(log, log->count + cost);
    for (uint32_t i = 0; i < cost; i++)
        log->at_us[(log->head + log->count++) & (log->cap - 1)] = now_us;
}

/* For retry_after_ms the clock counts as it is, not as it was before it was set
 * back: who waits that long is admitted. */
static int64_t retry_after(const struct limit_log *log,
                           const struct limit *limit, int64_t clock_us,
                           int64_t cost, uint32_t last)
{
    if (cost > limit->limit)
        return LIMIT_NEVER;
    return limit_us_to_ms(entry(log, last) + limit->window_us - clock_us);
}

struct verdict limit_log_ask(struct limit_log *log, const struct limit *limit,
                             int64_t clock_us, int64_t cost,
                             enum limit_mode mode)
{
    struct verdict v = {.limit = limit->limit};
    int64_t newest_us = log->count ? entry(log, log->count - 1) : clock_us;
    int64_t now_us = clock_us > newest_us ? clock_us : newest_us;
    uint32_t expired = count_expired(log, now_us - limit->window_us);
    int64_t used = log->count - expired, left = limit->limit - used;

    if (mode == LIMIT_RESET) {
        limit_log_close(log);
        v.allowed = true;
        v.remaining = limit->limit;
        return v;
    }
    v.allowed = cost <= left;
    if (!v.allowed) {
        v.retry_after_ms =
            retry_after(log, limit, clock_us, cost,
                        expired + (uint32_t)(used + cost - limit->limit - 1));
    } else if (mode == LIMIT_CHECK && cost > 0) {
        charge(log, expired, now_us, (uint32_t)cost);
        newest_us = now_us;
        left -= cost;
        used += cost;
    }
    v.remaining = left > 0 ? left : 0;
    if (used > 0)
        v.reset_ms = limit_us_to_ms(newest_us + limit->window_us - clock_us);
    return v;
}
