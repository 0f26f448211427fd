#include "bargen/status.h"

#include "bargen/bargen.h"
#include "bargen/core/stats.h"

static const char *missing(const struct bargen *b)
{
    if (b->closing || b->app->stopping)
        return "stopping";
    if (b->store && !store_ready(b->store))
        return "no Redis";
    if (b->journal && !journal_ready(b->journal))
        return "the journal cannot be read";
    if (b->pubsub && !pubsub_ready(b->pubsub))
        return "not subscribed";
    return NULL;
}

bool status_ready(void *arg, const char **why)
{
    const char *what = missing(arg);

    if (what)
        *why = what;
    return !what;
}

bool status_health(void *arg, struct json_writer *json)
{
    const struct bargen *b = arg;
    const char *redis = "disabled";

    if (b->closing)
        redis = "disconnected";
    else if (b->store)
        redis = store_ready(b->store) ? "connected" : "disconnected";
    json_write_str(json, "redis", redis);
    json_write_bool(json, "caught_up",
                    !b->journal || journal_caught_up(b->journal));
    status_instance(arg, json);
    return !missing(b);
}

void status_instance(void *arg, struct json_writer *json)
{
    const struct bargen *b = arg;

    stats_instance(&b->engine, json);
}
