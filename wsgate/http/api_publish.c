#include "common/base/clock.h"
#include "wsgate/http/api_call.h"

/* Of a symbol that nobody takes for a real one. */
static const char channel[] = "stock:price_updates";
static const char symbol[] = "TEST", price[] = "150.25";

static void add_event(struct bytes *out)
{
    struct json_writer json = {.out = out};

    json_write_object(&json, NULL);
    json_write_str(&json, "type", "price_update");
    json_write_str(&json, "symbol", symbol);
    json_write_raw(&json, "price", span_str(price));
    json_write_int(&json, "time", clock_wall_ms());
    json_write_object_end(&json);
}

static void on_published(void *arg, const struct redis_reply *r)
{
    struct api_call *call = arg;
    struct bytes text = {0}, name = {0};
    struct json_writer json = {.out = &text};

    if (!api_call_reply(call, r))
        return;
    if (r->type != REDIS_INTEGER) {
        api_call_error(call, 503, "redis_error", "unexpected reply to PUBLISH");
        return;
    }
    call->api->published++;
    bytes_add_str(&name, call->api->config.redis_prefix);
    bytes_add_str(&name, channel);
    json_write_object(&json, NULL);
    json_write_str(&json, "status", "published");
    json_write_span(&json, "channel", bytes_span(&name));
    json_write_int(&json, "receivers", r->integer);
    json_write_raw(&json, "message", bytes_span(&call->text));
    json_write_object_end(&json);
    bytes_add_str(&text, "\n");
    api_call_json(call, 200, bytes_span(&text));
    bytes_close(&text);
    bytes_close(&name);
}

void api_publish_test(struct api_call *call)
{
    if (!api_call_redis(call, 3, on_published))
        return;
    add_event(&call->text);
    redis_cmd_str(call->api->redis, "PUBLISH");
    api_call_key(call, channel, "", "");
    redis_cmd_arg(call->api->redis, call->text.ptr, call->text.len);
}
