#include <inttypes.h>
#include <string.h>

#include "common/json/json.h"
#include "wsgate/http/api_call.h"

/* Running publishers, from what each of them says of itself. */

enum { INSTANCES_MAX = 1000 };

struct sums {
    struct bytes list, symbols;
    uint64_t running, simulators;
    double rate;
};

static void add_symbols(const json_value *symbols, struct bytes *out)
{
    struct span name;

    for (size_t i = 0; i < json_count(symbols); i++)
        if (json_text(json_item(symbols, i), &name)) {
            if (out->len > 0)
                bytes_add_str(out, ",");
            bytes_add_json(out, name);
        }
}

static void add_instance(struct sums *s, struct span text)
{
    json_value *root = json_read(text, NULL);
    double rate;
    bool simulator;

    if (!json_is_object(root)) {
        json_free(root);
        return;
    }
    if (s->running > 0)
        bytes_add_str(&s->list, ",");
    bytes_add_span(&s->list, text);
    s->running++;
    if (json_bool(json_member(root, "simulator"), &simulator) && simulator) {
        s->simulators++;
        add_symbols(json_member(root, "symbols"), &s->symbols);
        if (json_double(json_member(root, "rate"), &rate))
            s->rate += rate;
    }
    json_free(root);
}

static void on_values(void *arg, const struct redis_reply *r)
{
    struct api_call *call = arg;
    struct sums s = {0};
    struct bytes json;

    if (!api_call_reply(call, r))
        return;
    bytes_init(&json);
    bytes_init(&s.list);
    bytes_init(&s.symbols);
    if (r && r->type == REDIS_ARRAY)
        for (size_t i = 0; i < r->count; i++)
            if (r->item[i].type == REDIS_STRING) /* else it has expired */
                add_instance(&s, r->item[i].str);
    bytes_printf(&json,
                 "{\"running\":%s,\"simulators\":%" PRIu64
                 ",\"publishers\":%" PRIu64 ",\"rate\":%.10g,\"symbols\":[",
                 s.simulators > 0 ? "true" : "false", s.simulators, s.running,
                 s.rate);
    bytes_add_span(&json, bytes_span(&s.symbols));
    bytes_add_str(&json, "],\"instances\":[");
    bytes_add_span(&json, bytes_span(&s.list));
    bytes_add_str(&json, "]}\n");
    api_call_json(call, 200, bytes_span(&json));
    bytes_close(&json);
    bytes_close(&s.list);
    bytes_close(&s.symbols);
}

/* Names are kept one after the other, each with its NUL. */
static void on_key(struct api_call *call, struct span key)
{
    if (call->count == INSTANCES_MAX)
        return;
    call->count++;
    bytes_add_span(&call->text, key);
    bytes_add(&call->text, "", 1);
}

static void on_done(struct api_call *call)
{
    struct redis_cmd *c = call->api->gate->redis;
    const char *key = call->text.ptr;

    if (call->count == 0) {
        api_call_json(call, 200,
                      span_str("{\"running\":false,\"simulators\":0,"
                               "\"publishers\":0,\"rate\":0,\"symbols\":[],"
                               "\"instances\":[]}\n"));
        return;
    }
    if (!api_call_redis(call, (unsigned)call->count + 1, on_values))
        return;
    redis_cmd_str(c, "MGET");
    for (uint64_t i = 0; i < call->count; i++) {
        redis_cmd_str(c, key);
        key += strlen(key) + 1;
    }
}

void api_instances(struct api_call *call)
{
    api_scan_start(call, "instance:tickpub:*", on_key, on_done);
}
