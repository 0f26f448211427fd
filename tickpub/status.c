#include "tickpub/status.h"

#include <inttypes.h>

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

bool status_health(void *arg, struct bytes *json)
{
    const struct tickpub *t = arg;
    bool connected = has_redis(t);
    const char *state = "disconnected";

    if (t->opts->app.no_redis)
        state = "disabled";
    else if (connected)
        state = "connected";
    bytes_printf(json,
                 ",\"redis\":\"%s\",\"redis_available\":%s,"
                 "\"lines\":%" PRIu64 ",\"accepted\":%" PRIu64
                 ",\"bad\":%" PRIu64,
                 state, connected ? "true" : "false", report_lines(),
                 report_accepted_count(), report_bad_count());
    return connected || t->opts->app.no_redis;
}

static void add_symbols(const struct options *opts, struct bytes *json)
{
    bytes_add_str(json, ",\"symbols\":[");
    for (unsigned i = 0; i < opts->n_symbols; i++) {
        if (i > 0)
            bytes_add(json, ",", 1);
        bytes_add_json(json, opts->symbols[i]);
    }
    bytes_add_str(json, "]");
}

void status_instance(void *arg, struct bytes *json)
{
    const struct tickpub *t = arg;
    const struct options *opts = t->opts;
    struct tally n = publisher_tally(t->publisher);

    bytes_printf(
        json,
        ",\"simulator\":%s,\"lines\":%" PRIu64 ",\"accepted\":%" PRIu64
        ",\"bad\":%" PRIu64 ",\"published\":%" PRIu64 ",\"dropped\":%" PRIu64,
        opts->simulate ? "true" : "false", report_lines(),
        report_accepted_count(), report_bad_count(), n.published, n.dropped);
    if (!opts->simulate)
        return;
    bytes_printf(json, ",\"rate\":%.10g", opts->rate);
    add_symbols(opts, json);
}
