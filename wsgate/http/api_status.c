#include "common/app/app_redis.h"
#include "common/redis/redis_metrics.h"
#include "wsgate/http/api_call.h"

static bool connected(const struct api *api)
{
    return api->redis && redis_cmd_ready(api->redis);
}

/* What every status page says of the link, under the names of all tools. */
static void add_link(const struct api *api, struct json_writer *json)
{
    json_write_str(json, "redis", app_redis_word(!api->redis, connected(api)));
    json_write_bool(json, "redis_available", connected(api));
    json_write_str(json, "upstream",
                   upstream_name(api->config.upstream(api->config.arg)));
}

bool api_health(void *arg, struct json_writer *json)
{
    const struct api *api = arg;
    struct stats s;

    api->config.stats(api->config.arg, &s);
    add_link(api, json);
    json_write_uint(json, "connected_clients", s.clients);
    return !api->redis ||
           api->config.upstream(api->config.arg) == UPSTREAM_LIVE;
}

static void add_enabled(const struct api *api, struct json_writer *json)
{
    json_write_bool(json, "redis_enabled", api->redis != NULL);
    json_write_bool(json, "redis_connected", connected(api));
}

static void answer(struct api_call *call, struct json_writer *json)
{
    json_write_object_end(json);
    bytes_add_str(json->out, "\n");
    api_call_json(call, 200, bytes_span(json->out));
    bytes_close(json->out);
}

void api_ws_status(struct api_call *call)
{
    const struct api *api = call->api;
    struct bytes text = {0};
    struct json_writer json = {.out = &text};
    struct stats s;

    api->config.stats(api->config.arg, &s);
    json_write_object(&json, NULL);
    json_write_bool(&json, "websocket_enabled", true);
    json_write_uint(&json, "connected_clients", s.clients);
    add_enabled(api, &json);
    json_write_str(&json, "upstream",
                   upstream_name(api->config.upstream(api->config.arg)));
    json_write_str(&json, "instance", api->config.instance);
    json_write_uint(&json, "clients_total", s.clients_total);
    json_write_uint(&json, "clients_behind", s.clients_behind);
    json_write_uint(&json, "subscriptions", s.subscriptions);
    json_write_uint(&json, "channels", s.channels);
    json_write_uint(&json, "groups", s.groups);
    json_write_uint(&json, "messages_redis", s.messages_redis);
    json_write_uint(&json, "messages_local", s.messages_local);
    json_write_uint(&json, "messages_invalid", s.messages_invalid);
    json_write_uint(&json, "expected", s.expected);
    json_write_uint(&json, "delivered", s.delivered);
    json_write_uint(&json, "conflated", s.conflated);
    json_write_uint(&json, "dropped", s.dropped);
    json_write_uint(&json, "queued", s.queued);
    json_write_uint(&json, "commands", s.commands);
    json_write_uint(&json, "bytes_sent", s.bytes_sent);
    json_write_uint(&json, "bytes_received", s.bytes_received);
    answer(call, &json);
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

/* As the health pages of event bridges say it.  Connected means both links: the
 * one that commands go through, and the one that messages come from. */
static void add_bridge(const struct api *api, struct json_writer *json,
                       const struct stats *s)
{
    bool both = connected(api) &&
                api->config.upstream(api->config.arg) == UPSTREAM_LIVE;

    json_write_str(json, "status", both ? "healthy" : "unhealthy");
    json_write_object(json, "metrics");
    json_write_bool(json, "connected", both);
    json_write_uint(json, "publishedEvents", api->published);
    json_write_uint(json, "receivedEvents", s->messages_redis);
    json_write_uint(json, "errors", api->redis ? error_count() : 0);
    json_write_uint(json, "subscriptions", s->redis_subscriptions);
    json_write_object_end(json);
}

void api_redis_status(struct api_call *call)
{
    const struct api *api = call->api;
    struct bytes text = {0};
    struct json_writer json = {.out = &text};
    struct stats s;

    api->config.stats(api->config.arg, &s);
    json_write_object(&json, NULL);
    add_bridge(api, &json, &s);
    add_enabled(api, &json);
    add_link(api, &json);
    if (api->redis) {
        json_write_str(&json, "state",
                       redis_state_name(redis_cmd_state(api->redis)));
        if (call->full) {
            json_write_str(&json, "url", api->config.redis_url);
            json_write_str(&json, "prefix", api->config.redis_prefix);
        }
        json_write_uint(&json, "events_received", s.messages_redis);
        /* By publish-test; its probe is no event. */
        json_write_uint(&json, "events_published", api->published);
        json_write_uint(&json, "subscriptions", s.redis_subscriptions);
        json_write_uint(&json, "in_flight", redis_cmd_in_flight(api->redis));
        json_write_uint(&json, "connects",
                        redis_metrics_of("cmd")->connects.value +
                            redis_metrics_of("sub")->connects.value);
        json_write_uint(&json, "errors", error_count());
    }
    answer(call, &json);
}
