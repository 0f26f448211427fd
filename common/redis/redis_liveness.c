#include "common/redis/redis_liveness.h"

void redis_liveness_begin(struct redis_liveness *l, uint64_t now_ms)
{
    l->heard_ms = now_ms;
    l->pinged = false;
}

bool redis_liveness_heard(struct redis_liveness *l, uint64_t now_ms)
{
    bool was_pinged = l->pinged;

    l->heard_ms = now_ms;
    l->pinged = false;
    return was_pinged;
}

enum redis_liveness_action redis_liveness_step(struct redis_liveness *l,
                                               uint64_t now_ms)
{
    if (l->pinged)
        return now_ms - l->pinged_ms >= l->patience_ms ? REDIS_LIVENESS_GONE
                                                       : REDIS_LIVENESS_WAIT;
    if (now_ms - l->heard_ms < l->idle_ms)
        return REDIS_LIVENESS_WAIT;
    l->pinged = true;
    l->pinged_ms = now_ms;
    return REDIS_LIVENESS_PING;
}

uint64_t redis_liveness_due(const struct redis_liveness *l, uint64_t now_ms)
{
    uint64_t at_ms =
        l->pinged ? l->pinged_ms + l->patience_ms : l->heard_ms + l->idle_ms;

    return at_ms > now_ms ? at_ms - now_ms : 0;
}
