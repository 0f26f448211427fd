#include "wsgate/http/api_call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"

enum { REFUSED_SAID_MS = 60000 };

#define JSON "application/json"

static void end(struct api_call *call)
{
    if (!call->answered || call->awaited > 0)
        return;
    if (call->share)
        api_share_give(&call->api->shares, call->share);
    bytes_close(&call->text);
    free(call);
}

static void on_late(struct timeout *t)
{
    api_call_error((struct api_call *)t, 503, "redis_timeout",
                   "Redis did not answer in time");
}

struct api_call *api_call_new(struct api *api, struct http_conn *conn,
                              const struct api_target *target)
{
    struct api_call *call = mem_zero(sizeof *call);

    call->api = api;
    call->conn = http_conn_ref(conn);
    call->target = *target;
    bytes_init(&call->text);
    if (!api->stopping)
        timeout_queue_add(&api->timeouts, &call->timeout, on_late);
    return call;
}

void api_call_answer(struct api_call *call, int status, const char *type,
                     struct span body)
{
    assert(!call->answered);
    call->answered = true;
    timeout_queue_remove(&call->timeout);
    api_scan_leave(call);
    if (http_conn_open(call->conn))
        http_respond(call->conn, status, type, call->headers, body);
    http_conn_unref(call->conn);
    call->conn = NULL;
    end(call);
}

void api_call_json(struct api_call *call, int status, struct span json)
{
    api_call_answer(call, status, JSON, json);
}

static void error_json(struct bytes *out, const char *code, const char *message)
{
    struct json_writer json = {.out = out};

    json_write_object(&json, NULL);
    json_write_str(&json, "error", code);
    json_write_str(&json, "message", message);
    json_write_object_end(&json);
    bytes_add_str(out, "\n");
}

void api_call_error(struct api_call *call, int status, const char *code,
                    const char *message)
{
    struct bytes json;

    bytes_init(&json);
    error_json(&json, code, message);
    api_call_json(call, status, bytes_span(&json));
    bytes_close(&json);
}

void api_error(struct http_conn *conn, int status, const char *extra,
               const char *code, const char *message)
{
    struct bytes json;

    bytes_init(&json);
    error_json(&json, code, message);
    http_respond(conn, status, JSON, extra, bytes_span(&json));
    bytes_close(&json);
}

void api_call_await(struct api_call *call)
{
    call->awaited++;
}

bool api_call_came(struct api_call *call)
{
    assert(call->awaited > 0);
    call->awaited--;
    if (!call->answered)
        return true;
    end(call);
    return false;
}

bool api_redis_begin(struct api *api, unsigned argc, redis_reply_fn *fn,
                     void *arg, const char **why)
{
    struct redis_cmd *c = api->redis;

    *why = !c ? "this gateway runs without Redis" : "Redis cannot be reached";
    return c && !api->stopping && !redis_cmd_full(c) &&
           redis_cmd_begin(c, argc, fn, arg);
}

/* The first word of an error reply. */
static struct span kind_of(struct span why)
{
    size_t n = 0;

    while (n < why.len && why.ptr[n] >= 'A' && why.ptr[n] <= 'Z')
        n++;
    return n > 0 && (n == why.len || why.ptr[n] == ' ') ? span_make(why.ptr, n)
                                                        : span_str("ERR");
}

/* NOPERM and the like say which user of which Redis may not do what: that is
 * for operators and for the log, once a minute. */
static void log_refused(struct api *api, struct span why)
{
    uint64_t now_ms = clock_mono_ms();

    if (api->refused_said_ms != 0 &&
        now_ms - api->refused_said_ms < REFUSED_SAID_MS)
        return;
    api->refused_said_ms = now_ms;
    log_warn("api_refused", "why=%s", LOG_Q(why));
}

bool api_reply_ok(struct api *api, const struct redis_reply *reply,
                  struct api_fault *fault)
{
    if (!reply) {
        *fault = (struct api_fault){"redis_unavailable",
                                    "Redis went away before it answered", ""};
        return false;
    }
    if (reply->type == REDIS_ERROR_REPLY) {
        log_refused(api, reply->str);
        fault->code = "redis_error";
        snprintf(fault->message, sizeof fault->message, "Redis refused: %.*s",
                 SPAN_ARG(reply->str));
        snprintf(fault->brief, sizeof fault->brief, "Redis refused: %.*s",
                 SPAN_ARG(kind_of(reply->str)));
        return false;
    }
    return true;
}

void api_call_fault(struct api_call *call, const struct api_fault *fault)
{
    bool whole = call->full || fault->brief[0] == '\0';

    api_call_error(call, 503, fault->code,
                   whole ? fault->message : fault->brief);
}

bool api_call_redis(struct api_call *call, unsigned argc, redis_reply_fn *fn)
{
    const char *why;

    if (api_redis_begin(call->api, argc, fn, call, &why)) {
        api_call_await(call);
        return true;
    }
    api_call_error(call, 503, "redis_unavailable", why);
    return false;
}

bool api_call_reply(struct api_call *call, const struct redis_reply *reply)
{
    struct api_fault fault;

    if (!api_call_came(call))
        return false;
    if (api_reply_ok(call->api, reply, &fault))
        return true;
    api_call_fault(call, &fault);
    return false;
}

void api_call_key(struct api_call *call, const char *a, const char *b,
                  const char *c)
{
    char key[64 + 64 + API_SYMBOL_MAX + API_RESOLUTION_MAX + 1];
    int n = snprintf(key, sizeof key, "%s%s%s%s",
                     call->api->config.redis_prefix, a, b, c);

    assert(n > 0 && (size_t)n < sizeof key);
    redis_cmd_arg(call->api->redis, key, (size_t)n);
}
