#include <stdio.h>

#include "common/base/line.h"
#include "common/event/price.h"
#include "wsgate/http/api_call.h"

static void none(struct api_call *call)
{
    char message[API_SYMBOL_MAX + 64];

    snprintf(message, sizeof message, "there is no price of %s now",
             call->target.symbol);
    api_call_error(call, 404, "not_found", message);
}

static void on_price(void *arg, const struct redis_reply *r)
{
    struct api_call *call = arg;

    if (!api_call_reply(call, r))
        return;
    if (r->type == REDIS_STRING)
        api_call_json(call, 200, r->str);
    else
        none(call);
}

struct newest {
    bool found;
    struct price price;
};

static void on_latest(void *arg, struct span type, struct span payload)
{
    struct newest *newest = arg;
    struct bytes line;
    struct event ev;
    unsigned column;

    (void)type;
    bytes_init(&line);
    bytes_add_span(&line, payload);
    memset(bytes_reserve(&line, LINE_PAD), 0, LINE_PAD);
    if (event_read_strict(bytes_span(&line), &ev, &column) == EVENT_OK &&
        (ev.type == EVENT_TICK || ev.type == EVENT_TRADE) &&
        (!newest->found || ev.time_ns >= newest->price.time_ns)) {
        newest->price = price_of(&ev);
        newest->found = true;
    }
    bytes_close(&line);
}

/* Without Redis: of the newest quote and the newest trade, the later one. */
static void answer_local(struct api_call *call)
{
    struct newest newest = {0};
    struct bytes json;
    char channel[API_SYMBOL_MAX + 16];

    snprintf(channel, sizeof channel, "market_data:%s", call->target.symbol);
    channels_each_payload(call->api->config.channels, span_str(channel),
                          on_latest, &newest);
    if (!newest.found) {
        none(call);
        return;
    }
    bytes_init(&json);
    price_json(&json, span_str(call->target.symbol), &newest.price);
    api_call_json(call, 200, bytes_span(&json));
    bytes_close(&json);
}

void api_price(struct api_call *call)
{
    if (!call->api->redis) {
        answer_local(call);
        return;
    }
    if (!api_call_redis(call, 2, on_price))
        return;
    redis_cmd_str(call->api->redis, "GET");
    api_call_key(call, "price:", call->target.symbol, "");
}
