#include "wsgate/http/api_scan.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "wsgate/http/api_call.h"

/* SCAN looks at about this many keys a round; a database with more than a
 * million keys is not searched to its end. */
enum { SCAN_COUNT = 1000, SCAN_ROUNDS_MAX = 1000 };

/* Without Redis, where the answer is made of what is here. */
enum { LOCAL_KEEP_MS = 1000 };

/* How much longer than it took a result is kept. */
enum { KEEP_TIMES = 4 };

/* --- who waits --- */

static void join(struct api_scan *scan, struct api_call *call)
{
    call->scan = scan;
    call->scan_next = NULL;
    call->scan_prev = scan->last;
    if (scan->last)
        scan->last->scan_next = call;
    else
        scan->first = call;
    scan->last = call;
    scan->waiting++;
}

void api_scan_leave(struct api_call *call)
{
    struct api_scan *scan = call->scan;

    if (!scan)
        return;
    if (call->scan_prev)
        call->scan_prev->scan_next = call->scan_next;
    else
        scan->first = call->scan_next;
    if (call->scan_next)
        call->scan_next->scan_prev = call->scan_prev;
    else
        scan->last = call->scan_prev;
    call->scan = NULL;
    scan->waiting--;
}

static bool has_answer(const struct api_scan *scan)
{
    return !scan->running && scan->first && scan->until_ms != 0;
}

static struct span answer_of(const struct api_scan *scan,
                             const struct api_call *call)
{
    return bytes_span(call->full && scan->full.len > 0 ? &scan->full
                                                       : &scan->answer);
}

/* Large answers to many: not all in one turn. */
static void on_answers(uv_idle_t *idle)
{
    struct api *api = idle->data;
    uint64_t end_ns = clock_mono_ns() + (uint64_t)API_SCAN_TURN_US * 1000;
    bool more = false;

    for (size_t i = 0; i < API_SCANS; i++) {
        struct api_scan *scan = &api->scans[i];

        while (has_answer(scan) && clock_mono_ns() < end_ns)
            api_call_json(scan->first, 200, answer_of(scan, scan->first));
        more = more || has_answer(scan);
    }
    if (!more)
        uv_idle_stop(idle);
}

static void answer_all(struct api *api)
{
    if (!api->stopping)
        uv_idle_start(&api->answers, on_answers);
}

/* --- the search --- */

static void ask(struct api_scan *scan, struct span cursor);

static void fail(struct api_scan *scan, const struct api_fault *fault)
{
    scan->running = false;
    scan->until_ms = 0;
    while (scan->first)
        api_call_fault(scan->first, fault);
}

static uint64_t keep_ms(const struct api_scan *scan)
{
    uint64_t took_ms = uv_now(scan->api->config.loop) - scan->began_ms;
    uint64_t keep = took_ms * KEEP_TIMES;

    if (!scan->api->redis)
        return LOCAL_KEEP_MS;
    return keep < scan->kind->keep_min_ms   ? scan->kind->keep_min_ms
           : keep > scan->kind->keep_max_ms ? scan->kind->keep_max_ms
                                            : keep;
}

void api_scan_done(struct api_scan *scan)
{
    struct api *api = scan->api;

    scan->running = false;
    bytes_close(&scan->text);
    scan->until_ms = uv_now(api->config.loop) + keep_ms(scan);
    answer_all(api);
}

bool api_scan_redis(struct api_scan *scan, unsigned argc, redis_reply_fn *fn)
{
    struct api_fault fault = {.code = "redis_unavailable"};
    const char *why;

    if (api_redis_begin(scan->api, argc, fn, scan, &why))
        return true;
    snprintf(fault.message, sizeof fault.message, "%s", why);
    fail(scan, &fault);
    return false;
}

bool api_scan_reply(struct api_scan *scan, const struct redis_reply *reply)
{
    struct api_fault fault;

    if (api_reply_ok(scan->api, reply, &fault))
        return true;
    fail(scan, &fault);
    return false;
}

static void on_round(void *arg, const struct redis_reply *r)
{
    static const struct api_fault odd = {"redis_error",
                                         "unexpected reply to SCAN", ""};
    struct api_scan *scan = arg;

    if (!api_scan_reply(scan, r))
        return;
    if (r->type != REDIS_ARRAY || r->count != 2 ||
        r->item[1].type != REDIS_ARRAY) {
        fail(scan, &odd);
        return;
    }
    for (size_t i = 0; i < r->item[1].count; i++)
        scan->kind->on_key(scan, r->item[1].item[i].str);
    scan->whole = span_is(r->item[0].str, "0");
    if (scan->whole || ++scan->rounds == SCAN_ROUNDS_MAX)
        scan->kind->on_keys(scan);
    else
        ask(scan, r->item[0].str);
}

static void ask(struct api_scan *scan, struct span cursor)
{
    struct redis_cmd *c = scan->api->redis;

    if (!api_scan_redis(scan, 6, on_round))
        return;
    redis_cmd_str(c, "SCAN");
    redis_cmd_arg(c, cursor.ptr, cursor.len);
    redis_cmd_str(c, "MATCH");
    redis_cmd_arg(c, scan->pattern.ptr, scan->pattern.len);
    redis_cmd_str(c, "COUNT");
    redis_cmd_int(c, SCAN_COUNT);
}

static void start(struct api_scan *scan)
{
    scan->running = true;
    scan->whole = false;
    scan->rounds = 0;
    scan->began_ms = uv_now(scan->api->config.loop);
    scan->count = 0;
    bytes_clear(&scan->text);
    if (scan->api->redis || !scan->kind->on_local) {
        ask(scan, span_str("0"));
        return;
    }
    scan->kind->on_local(scan);
    scan->whole = true;
    scan->kind->on_keys(scan);
}

void api_scan_ask(struct api_scan *scan, struct api_call *call)
{
    struct api *api = scan->api;

    if (api->stopping) {
        api_call_error(call, 503, "stopping", "the gateway stops");
        return;
    }
    if (scan->waiting >= API_SCAN_WAITING_MAX && call->share) {
        api_call_error(call, 503, "busy", "too many wait for the same answer");
        return;
    }
    join(scan, call);
    if (scan->running)
        return;
    if (scan->until_ms != 0 && uv_now(api->config.loop) < scan->until_ms)
        answer_all(api);
    else
        start(scan);
}

void api_scan_init(struct api_scan *scan, const struct api_scan_kind *kind,
                   struct api *api)
{
    *scan = (struct api_scan){.kind = kind, .api = api};
    /* The prefix is a name, not a pattern. */
    for (const char *c = api->config.redis_prefix; *c != '\0'; c++) {
        if (strchr("*?[]\\", *c))
            bytes_add(&scan->pattern, "\\", 1);
        bytes_add(&scan->pattern, c, 1);
    }
    bytes_add_str(&scan->pattern, kind->tail);
}

void api_scan_close(struct api_scan *scan)
{
    bytes_close(&scan->pattern);
    bytes_close(&scan->text);
    bytes_close(&scan->answer);
    bytes_close(&scan->full);
}
