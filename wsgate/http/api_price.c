#include <stdio.h>

#include "common/base/line.h"
#include "common/event/event_order.h"
#include "common/event/price.h"
#include "common/json/json.h"
#include "wsgate/http/api_call.h"

static void none(struct api_call *call)
{
    char message[API_SYMBOL_MAX + 64];

    snprintf(message, sizeof message, "there is no price of %s now",
             call->target.symbol);
    api_call_error(call, 404, "not_found", message);
}

/* --- from Redis: of quotes and trades, and of the stock service --- */

enum { PRICE, STOCK_PRICE, KEYS };

static bool is_number(struct span json)
{
    return json.len > 0 &&
           (json.ptr[0] == '-' || (json.ptr[0] >= '0' && json.ptr[0] <= '9'));
}

/* Stock services store a price alone, too. */
static void answer_stock(struct api_call *call, struct span json)
{
    struct bytes text = {0};
    struct json_writer out = {.out = &text};

    if (!is_number(json)) {
        api_call_json(call, 200, json);
        return;
    }
    json_write_object(&out, NULL);
    json_write_str(&out, "symbol", call->target.symbol);
    json_write_raw(&out, "price", json);
    json_write_object_end(&out);
    api_call_json(call, 200, bytes_span(&text));
    bytes_close(&text);
}

static bool is_json(struct span text)
{
    json_value *root = json_read(text, NULL);
    bool ok = root != NULL;

    json_free(root);
    return ok;
}

/* What says that it is newer; where that cannot be told, the quote. */
static bool is_newer(struct span stock, struct span price)
{
    struct event_order s = event_order_read(stock), p = event_order_read(price);

    return event_order_compare(&s, &p) == EVENT_AGE_NEWER;
}

static void on_prices(void *arg, const struct redis_reply *r)
{
    struct api_call *call = arg;
    const struct redis_reply *price, *stock;
    bool has_price, has_stock;

    if (!api_call_reply(call, r))
        return;
    if (r->type != REDIS_ARRAY || r->count != KEYS) {
        api_call_error(call, 503, "redis_error", "unexpected reply to MGET");
        return;
    }
    price = &r->item[PRICE];
    stock = &r->item[STOCK_PRICE];
    has_price = price->type == REDIS_STRING && is_json(price->str);
    has_stock = stock->type == REDIS_STRING && is_json(stock->str);
    if (has_stock && (!has_price || is_newer(stock->str, price->str)))
        answer_stock(call, stock->str);
    else if (has_price)
        api_call_json(call, 200, price->str);
    else
        none(call);
}

/* --- without Redis: of the newest messages, the latest --- */

struct newest {
    struct span symbol;
    int64_t time_ns;
    struct bytes json; /* empty: none */
};

static bool has_price(const struct event *ev, struct span symbol)
{
    return ev->type == EVENT_TICK || ev->type == EVENT_TRADE ||
           (ev->type == EVENT_PRICE_UPDATE && span_eq(ev->symbol, symbol));
}

static void on_latest(void *arg, struct span type, struct span payload)
{
    static const struct event_rules rules = {.allow_negative = true};
    struct newest *newest = arg;
    struct bytes line = {0};
    struct price price;
    struct event ev;
    unsigned column;

    (void)type;
    bytes_add_span(&line, payload);
    memset(bytes_reserve(&line, LINE_PAD), 0, LINE_PAD);
    if (event_read_by(&rules, bytes_span(&line), &ev, &column) == EVENT_OK &&
        has_price(&ev, newest->symbol) &&
        (newest->json.len == 0 || ev.time_ns >= newest->time_ns)) {
        newest->time_ns = ev.time_ns;
        bytes_clear(&newest->json);
        price = price_of(&ev);
        /* As each would be found in Redis. */
        if (ev.type == EVENT_PRICE_UPDATE)
            bytes_add_span(&newest->json, payload);
        else
            price_json(&newest->json, newest->symbol, &price);
    }
    bytes_close(&line);
}

static void answer_local(struct api_call *call)
{
    const struct channels *channels = call->api->config.channels;
    struct newest newest = {.symbol = span_str(call->target.symbol)};
    char channel[API_SYMBOL_MAX + 16];

    snprintf(channel, sizeof channel, "market_data:%s", call->target.symbol);
    channels_each_payload(channels, span_str(channel), on_latest, &newest);
    channels_each_payload(channels, span_str("stock:price_updates"), on_latest,
                          &newest);
    if (newest.json.len > 0)
        api_call_json(call, 200, bytes_span(&newest.json));
    else
        none(call);
    bytes_close(&newest.json);
}

void api_price(struct api_call *call)
{
    if (!call->api->redis) {
        answer_local(call);
        return;
    }
    if (!api_call_redis(call, 1 + KEYS, on_prices))
        return;
    redis_cmd_str(call->api->redis, "MGET");
    api_call_key(call, "price:", call->target.symbol, "");
    api_call_key(call, "stock:price:", call->target.symbol, "");
}
