#include <stdio.h>

#include "wsgate/http/api_call.h"
#include "wsgate/http/api_history.h"

/* more: there are older ones that were not asked for. */
static void render(struct api_call *call, struct history *h, bool more)
{
    struct bytes json;

    bytes_init(&json);
    history_render(h, call->target.symbol, call->target.resolution,
                   &call->range, more, &json);
    history_close(h);
    api_call_json(call, 200, bytes_span(&json));
    bytes_close(&json);
}

/* The newest message of the channel: the open bar, or the last final one. */
static void on_last(void *arg, const struct redis_reply *r)
{
    struct api_call *call = arg;

    if (api_call_reply(call, r) && r->type == REDIS_STRING)
        bytes_add_span(&call->text, r->str);
}

static void on_history(void *arg, const struct redis_reply *r)
{
    struct api_call *call = arg;
    struct history h;

    if (!api_call_reply(call, r))
        return;
    history_init(&h);
    if (r->type == REDIS_ARRAY)
        for (size_t i = 0; i < r->count; i++)
            (void)history_add(&h, r->item[i].str);
    if (call->text.len > 0)
        (void)history_add(&h, bytes_span(&call->text));
    render(call, &h,
           r->type == REDIS_ARRAY && r->count > (size_t)call->range.limit);
}

static void add_bound(struct redis_cmd *c, int64_t ms, const char *none)
{
    if (ms == INT64_MIN || ms == INT64_MAX)
        redis_cmd_str(c, none);
    else
        redis_cmd_int(c, ms);
}

static void ask_redis(struct api_call *call)
{
    const struct api_target *t = &call->target;
    struct redis_cmd *c = call->api->redis;
    char rest[API_RESOLUTION_MAX + 2];

    snprintf(rest, sizeof rest, ":%s", t->resolution);
    if (!api_call_redis(call, 3, on_last))
        return;
    redis_cmd_str(c, "HGET");
    api_call_key(call, "last:bars:", t->symbol, rest);
    redis_cmd_str(c, "bar");
    /* A reply that cannot come any more ends the call as well. */
    if (!api_call_redis(call, 7, on_history))
        return;
    redis_cmd_str(c, "ZREVRANGEBYSCORE");
    api_call_key(call, "bars:history:", t->symbol, rest);
    add_bound(c, call->range.to_ms, "+inf");
    add_bound(c, call->range.from_ms, "-inf");
    redis_cmd_str(c, "LIMIT");
    redis_cmd_str(c, "0");
    redis_cmd_int(c, call->range.limit + 1); /* one more tells whether */
}

static void on_latest(void *arg, struct span type, struct span payload)
{
    struct history *h = arg;

    (void)type;
    (void)history_add(h, payload);
}

/* Without Redis the gateway itself remembers the newest bars. */
void api_bars(struct api_call *call)
{
    struct history h;
    char channel[API_SYMBOL_MAX + API_RESOLUTION_MAX + 8];

    if (call->api->redis) {
        ask_redis(call);
        return;
    }
    snprintf(channel, sizeof channel, "bars:%s:%s", call->target.symbol,
             call->target.resolution);
    history_init(&h);
    channels_each_payload(call->api->config.channels, span_str(channel),
                          on_latest, &h);
    render(call, &h, false);
}
