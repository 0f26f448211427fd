#include "common/limit/limit_gcra.h"

/* What is owed now; *now_us never goes back behind the last charge. */
static int64_t owed(const struct limit_gcra *gcra, const struct limit *limit,
                    int64_t clock_us, int64_t *now_us)
{
    int64_t full = limit->share * limit->window_us, debt = gcra->debt, gone;

    *now_us = clock_us;
    if (debt == 0)
        return 0;
    if (debt > full) /* from before the limit was lowered */
        debt = full;
    gone = clock_us - gcra->at_us;
    if (gone <= 0) {
        *now_us = gcra->at_us;
        return debt;
    }
    if (gone >= limit->window_us)
        return 0;
    debt -= gone * limit->share;
    return debt > 0 ? debt : 0;
}

static int64_t to_ms(int64_t debt, const struct limit *limit)
{
    int64_t per_ms = limit->share * 1000;

    return debt / per_ms + (debt % per_ms > 0);
}

struct verdict limit_gcra_ask(struct limit_gcra *gcra,
                              const struct limit *limit, int64_t clock_us,
                              int64_t cost, enum limit_mode mode)
{
    struct verdict v = {.limit = limit->limit};
    int64_t full = limit->share * limit->window_us, now_us;
    int64_t debt = owed(gcra, limit, clock_us, &now_us);
    int64_t ahead = (now_us - clock_us) * limit->share;

    if (mode == LIMIT_RESET) {
        *gcra = (struct limit_gcra){0};
        v.allowed = true;
        v.remaining = limit->limit;
        return v;
    }
    if (cost > limit->limit) {
        v.retry_after_ms = LIMIT_NEVER;
    } else if (debt + cost * limit->step > full) {
        v.retry_after_ms =
            to_ms(debt + cost * limit->step - full + ahead, limit);
    } else {
        v.allowed = true;
        if (mode == LIMIT_CHECK && cost > 0) {
            debt += cost * limit->step;
            *gcra = (struct limit_gcra){now_us, debt};
        }
    }
    v.remaining = (full - debt) / limit->step;
    if (debt > 0)
        v.reset_ms = to_ms(debt + ahead, limit);
    return v;
}
