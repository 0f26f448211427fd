#include <inttypes.h>

#include "common/redis/redis_metrics.h"
#include "wsgate/http/api_call.h"

static const char *yes(bool b)
{
    return b ? "true" : "false";
}

static bool connected(const struct wsgate *w)
{
    return w->redis && redis_cmd_ready(w->redis);
}

/* What every status page says of the link, in the words of protocol.md. */
static void add_link(const struct wsgate *w, struct bytes *json)
{
    bytes_printf(json,
                 ",\"redis\":\"%s\",\"redis_available\":%s,\"upstream\":\"%s\"",
                 !w->redis      ? "disabled"
                 : connected(w) ? "connected"
                                : "disconnected",
                 yes(connected(w)), upstream_name(gate_upstream(w)));
}

bool api_health(void *arg, struct bytes *json)
{
    const struct wsgate *w = arg;
    struct gate_stats s;

    gate_stats(w, &s);
    add_link(w, json);
    bytes_printf(json, ",\"connected_clients\":%" PRIu64, s.clients);
    return !w->redis || gate_upstream(w) == UPSTREAM_LIVE;
}

static void add_count(struct bytes *json, const char *name, uint64_t value)
{
    bytes_printf(json, ",\"%s\":%" PRIu64, name, value);
}

void api_ws_status(struct api_call *call)
{
    const struct wsgate *w = call->api->gate;
    struct bytes json;
    struct gate_stats s;

    gate_stats(w, &s);
    bytes_init(&json);
    bytes_printf(&json,
                 "{\"websocket_enabled\":true,\"connected_clients\":%" PRIu64
                 ",\"redis_enabled\":%s,\"redis_connected\":%s",
                 s.clients, yes(w->redis != NULL), yes(connected(w)));
    bytes_printf(&json, ",\"upstream\":\"%s\",\"instance\":\"%s\"",
                 upstream_name(gate_upstream(w)), w->app->instance);
    add_count(&json, "clients_total", s.clients_total);
    add_count(&json, "clients_behind", s.clients_behind);
    add_count(&json, "subscriptions", s.subscriptions);
    add_count(&json, "channels", s.channels);
    add_count(&json, "groups", s.groups);
    add_count(&json, "messages_redis", s.messages_redis);
    add_count(&json, "messages_local", s.messages_local);
    add_count(&json, "messages_invalid", s.messages_invalid);
    add_count(&json, "expected", s.expected);
    add_count(&json, "delivered", s.delivered);
    add_count(&json, "conflated", s.conflated);
    add_count(&json, "dropped", s.dropped);
    add_count(&json, "queued", s.queued);
    add_count(&json, "commands", s.commands);
    add_count(&json, "bytes_sent", s.bytes_sent);
    add_count(&json, "bytes_received", s.bytes_received);
    bytes_add_str(&json, "}\n");
    api_call_json(call, 200, bytes_span(&json));
    bytes_close(&json);
}

/* Of both links. */
static uint64_t error_count(void)
{
    static const char *const roles[] = {"cmd", "sub"};
    uint64_t n = 0;

    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        const struct redis_metrics *m = redis_metrics_of(roles[i]);

        n += m->attempts_failed.value + m->drops.value;
        for (size_t k = 0; k < REDIS_ERROR_CLASSES; k++)
            n += m->errors[k].value;
    }
    return n;
}

void api_redis_status(struct api_call *call)
{
    const struct wsgate *w = call->api->gate;
    struct bytes json;
    struct gate_stats s;

    gate_stats(w, &s);
    bytes_init(&json);
    bytes_printf(&json, "{\"redis_enabled\":%s,\"redis_connected\":%s",
                 yes(w->redis != NULL), yes(connected(w)));
    add_link(w, &json);
    if (w->redis) {
        bytes_printf(&json, ",\"state\":\"%s\",\"url\":",
                     redis_state_name(redis_cmd_state(w->redis)));
        bytes_add_json(&json, span_str(w->redis_config.display));
        bytes_add_str(&json, ",\"prefix\":");
        bytes_add_json(&json, span_str(w->redis_config.prefix));
        add_count(&json, "events_received", s.messages_redis);
        /* It only listens; its probe is no event. */
        add_count(&json, "events_published", 0);
        add_count(&json, "subscriptions", s.redis_subscriptions);
        add_count(&json, "in_flight", redis_cmd_in_flight(w->redis));
        add_count(&json, "connects",
                  redis_metrics_of("cmd")->connects.value +
                      redis_metrics_of("sub")->connects.value);
        add_count(&json, "errors", error_count());
    }
    bytes_add_str(&json, "}\n");
    api_call_json(call, 200, bytes_span(&json));
    bytes_close(&json);
}
