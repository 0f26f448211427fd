#include "ratelimitd/door/status.h"

#include "common/app/app_redis.h"
#include "common/base/metrics.h"
#include "ratelimitd/door/queue.h"
#include "ratelimitd/limit/stats.h"

bool status_ready(void *arg, const char **why)
{
    const struct status *s = arg;

    if (!s->no_redis && !limiter_has_redis(s->limiter))
        *why = "no Redis: answers are degraded";
    else if (limiter_breaker_open(s->limiter))
        *why = "Redis does not answer in time: answers are degraded";
    else
        return true;
    return false;
}

static void add_totals(struct json_writer *json)
{
    uint64_t questions, over, degraded;

    stats_totals(&questions, &over, &degraded);
    json_write_uint(json, "questions", questions);
    json_write_uint(json, "over", over);
    json_write_uint(json, "degraded", degraded);
}

bool status_health(void *arg, struct json_writer *json)
{
    const struct status *s = arg;
    bool off = s->no_redis, connected = !off && limiter_has_redis(s->limiter);

    json_write_str(json, "redis", app_redis_word(off, connected));
    json_write_bool(json, "redis_available", connected);
    add_totals(json);
    return off || (connected && !limiter_breaker_open(s->limiter));
}

void status_instance(void *arg, struct json_writer *json)
{
    const struct status *s = arg;

    json_write_uint(json, "rules", limiter_rules(s->limiter)->rules.count);
    add_totals(json);
}

#define READ(name, expression)                                                 \
    static uint64_t read_##name(void *arg)                                     \
    {                                                                          \
        const struct status *s = arg;                                          \
        return (expression);                                                   \
    }

READ(keys, limit_store_count(limiter_store(s->limiter)))
READ(evicted, limit_store_evicted(limiter_store(s->limiter)))
READ(breaker, limiter_breaker_open(s->limiter))
READ(out, limiter_out(s->limiter))
READ(queue, s->queue ? queue_waiting(s->queue) : 0)

void status_metrics(struct status *s)
{
    static struct metric gauges[] = {
        {METRIC(GAUGE, "tickwire_ratelimitd_keys", NULL,
                "keys counted in memory"),
         .read = read_keys},
        {METRIC(COUNTER, "tickwire_ratelimitd_keys_evicted_total", NULL,
                "keys forgotten early for want of room"),
         .read = read_evicted},
        {METRIC(GAUGE, "tickwire_ratelimitd_breaker_open", NULL,
                "1 while Redis is not asked because it is too slow"),
         .read = read_breaker},
        {METRIC(GAUGE, "tickwire_ratelimitd_in_flight", NULL,
                "questions on their way to Redis"),
         .read = read_out},
        {METRIC(GAUGE, "tickwire_ratelimitd_queue_depth", NULL,
                "requests of the Redis queue that wait here"),
         .read = read_queue},
    };

    for (unsigned i = 0; i < sizeof gauges / sizeof gauges[0]; i++)
        gauges[i].arg = s;
    metrics_add_all(gauges, sizeof gauges / sizeof gauges[0]);
}
