#include <stdio.h>

#include "wsgate/http/api_call.h"

/* SCAN looks at about this many keys a round; a database with more than a
 * million keys is not searched to its end. */
enum { SCAN_COUNT = 1000, SCAN_ROUNDS_MAX = 1000 };

static void ask(struct api_call *call, struct span cursor);

static void on_round(void *arg, const struct redis_reply *r)
{
    struct api_call *call = arg;

    if (!api_call_reply(call, r))
        return;
    if (r->type != REDIS_ARRAY || r->count != 2 ||
        r->item[1].type != REDIS_ARRAY) {
        api_call_error(call, 503, "redis_error", "unexpected reply to SCAN");
        return;
    }
    for (size_t i = 0; i < r->item[1].count; i++)
        call->scan.on_key(call, r->item[1].item[i].str);
    call->scan.whole = span_is(r->item[0].str, "0");
    if (call->scan.whole || ++call->scan.rounds == SCAN_ROUNDS_MAX)
        call->scan.on_done(call);
    else
        ask(call, r->item[0].str);
}

static void ask(struct api_call *call, struct span cursor)
{
    struct redis_cmd *c = call->api->redis;

    if (!api_call_redis(call, 6, on_round))
        return;
    redis_cmd_str(c, "SCAN");
    redis_cmd_arg(c, cursor.ptr, cursor.len);
    redis_cmd_str(c, "MATCH");
    redis_cmd_str(c, call->scan.pattern);
    redis_cmd_str(c, "COUNT");
    redis_cmd_int(c, SCAN_COUNT);
}

void api_scan_start(struct api_call *call, const char *tail,
                    void (*on_key)(struct api_call *call, struct span key),
                    void (*on_done)(struct api_call *call))
{
    const char *prefix = call->api->config.redis_prefix;
    size_t n = 0;

    /* The prefix is a name, not a pattern. */
    for (; *prefix != '\0'; prefix++) {
        if (strchr("*?[]\\", *prefix))
            call->scan.pattern[n++] = '\\';
        call->scan.pattern[n++] = *prefix;
    }
    snprintf(call->scan.pattern + n, sizeof call->scan.pattern - n, "%s", tail);
    call->scan.on_key = on_key;
    call->scan.on_done = on_done;
    ask(call, span_str("0"));
}
