#include "tickpub/status.h"

#include "tickpub/report.h"
#include "tickpub/tickpub.h"

static bool has_redis(const struct tickpub *t)
{
    return t->publisher && !t->closing && publisher_ready(t->publisher);
}

bool status_ready(void *arg, const char **why)
{
    const struct tickpub *t = arg;

    if (t->closing || t->app->stopping)
        *why = "stopping";
    else if (!t->opts->app.no_redis && !has_redis(t))
        *why = "no Redis";
    else
        return true;
    return false;
}

static void add_lines(struct json_writer *json)
{
    json_write_uint(json, "lines", report_lines());
    json_write_uint(json, "accepted", report_accepted_count());
    json_write_uint(json, "bad", report_bad_count());
}

bool status_health(void *arg, struct json_writer *json)
{
    const struct tickpub *t = arg;
    bool connected = has_redis(t);
    const char *state = "disconnected";

    if (t->opts->app.no_redis)
        state = "disabled";
    else if (connected)
        state = "connected";
    json_write_str(json, "redis", state);
    json_write_bool(json, "redis_available", connected);
    add_lines(json);
    return connected || t->opts->app.no_redis;
}

static void add_symbols(const struct options *opts, struct json_writer *json)
{
    json_write_array(json, "symbols");
    for (unsigned i = 0; i < opts->n_symbols; i++)
        json_write_span(json, NULL, opts->symbols[i]);
    json_write_array_end(json);
}

void status_instance(void *arg, struct json_writer *json)
{
    const struct tickpub *t = arg;
    const struct options *opts = t->opts;
    struct tally n = publisher_tally(t->publisher);

    json_write_bool(json, "simulator", opts->simulate);
    add_lines(json);
    json_write_uint(json, "published", n.published);
    json_write_uint(json, "dropped", n.dropped);
    if (!opts->simulate)
        return;
    json_write_real(json, "rate", opts->rate);
    add_symbols(opts, json);
}
