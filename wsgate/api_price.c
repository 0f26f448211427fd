#include <stdio.h>

#include "wsgate/api_call.h"

static void on_price(void *arg, const struct redis_reply *r)
{
    struct api_call *call = arg;
    char message[API_SYMBOL_MAX + 64];

    if (!api_call_reply(call, r))
        return;
    if (r->type == REDIS_STRING) {
        api_call_json(call, 200, r->str);
        return;
    }
    snprintf(message, sizeof message, "there is no price of %s now",
             call->target.symbol);
    api_call_error(call, 404, "not_found", message);
}

void api_price(struct api_call *call)
{
    if (!api_call_redis(call, 2, on_price))
        return;
    redis_cmd_str(call->api->gate->redis, "GET");
    api_call_key(call, "price:", call->target.symbol, "");
}
