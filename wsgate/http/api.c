#include "wsgate/http/api.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "wsgate/http/api_call.h"
#include "wsgate/http/api_limit.h"
#include "wsgate/http/page.h"

enum { ORIGIN_MAX = 200 };

static void (*const endpoints[API_ENDPOINTS])(struct api_call *call) = {
    [API_WS_STATUS] = api_ws_status,
    [API_REDIS_STATUS] = api_redis_status,
    [API_SIMULATOR_STATUS] = api_instances,
    [API_SYMBOLS] = api_symbols,
    [API_PRICE] = api_price,
    [API_BARS] = api_bars,
    [API_PUBLISH_TEST] = api_publish_test,
};

static struct metric counts[] = {
    {METRIC(COUNTER, "tickwire_wsgate_api_requests_total", NULL,
            "Requests under /api and /health/redis")},
    {METRIC(COUNTER, "tickwire_wsgate_api_busy_total", NULL,
            "Requests under /api refused: their address has too many under "
            "way")},
};
enum { REQUESTS, BUSY };

/* --- the rate limit --- */

/* Seconds, rounded up: who waits that long is not too early. */
static int64_t seconds(int64_t ms)
{
    return ms <= 0 ? 0 : (ms + 999) / 1000;
}

static void add_header(struct api_call *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void add_header(struct api_call *call, const char *fmt, ...)
{
    size_t used = strlen(call->headers);
    va_list args;

    va_start(args, fmt);
    vsnprintf(call->headers + used, sizeof call->headers - used, fmt, args);
    va_end(args);
}

/* Where the rule could not be asked its name is not used: the numbers are
 * those of this process. */
static void add_limit_headers(struct api_call *call, const struct outcome *o)
{
    const struct verdict *v = &o->verdicts[0];

    if (!o->allowed) {
        int64_t wait_s = seconds(v->retry_after_ms);

        add_header(call, "Retry-After: %" PRId64 "\r\n",
                   wait_s < 1 ? 1 : wait_s);
    }
    if (o->degraded)
        return;
    add_header(call, "RateLimit-Policy: \"api\";q=%" PRId64, v->limit);
    if (v->window_ms > 0)
        add_header(call, ";w=%" PRId64, seconds(v->window_ms));
    add_header(call, "\r\nRateLimit: \"api\";r=%" PRId64 ";t=%" PRId64 "\r\n",
               v->remaining, seconds(v->reset_ms));
}

static void on_limit(void *arg, const struct outcome *o)
{
    struct api_call *call = arg;

    if (!api_call_came(call))
        return; /* late, and answered meanwhile */
    add_limit_headers(call, o);
    if (o->allowed)
        endpoints[call->target.endpoint](call);
    else
        api_call_error(call, 429, "too_many_requests",
                       "the limit of requests is used up; wait as "
                       "Retry-After says");
}

static void ask_limit(struct api_call *call, const struct http_request *req)
{
    api_call_await(call);
    api_limit_ask(call->api->limit, req->bucket, on_limit, call);
}

/* A page of another origin that may connect may read the answers, too. */
static void add_origin(struct api_call *call, const struct http_request *req)
{
    struct span origin = http_header(req, "Origin");

    if (origin.len == 0 || origin.len > ORIGIN_MAX ||
        !ws_door_origin_ok(call->api->config.door, req))
        return;
    add_header(call,
               "Access-Control-Allow-Origin: %.*s\r\nVary: Origin\r\n"
               "Access-Control-Expose-Headers: Retry-After, RateLimit, "
               "RateLimit-Policy\r\n",
               SPAN_ARG(origin));
}

/* --- dispatch --- */

static bool reads_only(const struct http_request *req)
{
    return span_is(req->method, "GET") || span_is(req->method, "HEAD");
}

static bool allow_only_reads(struct http_conn *conn,
                             const struct http_request *req)
{
    if (reads_only(req))
        return true;
    api_error(conn, 405, "Allow: GET, HEAD\r\n", "method_not_allowed",
              "only GET and HEAD are answered here");
    return false;
}

/* What does something is asked for with POST, and by no page of another
 * origin: a browser sends that without asking. */
static bool may_act(const struct api *api, struct http_conn *conn,
                    const struct http_request *req)
{
    if (!span_is(req->method, "POST")) {
        api_error(conn, 405, "Allow: POST\r\n", "method_not_allowed",
                  "only POST is answered here");
        return false;
    }
    if (ws_door_origin_ok(api->config.door, req))
        return true;
    ws_refusal_origin(api->config.refusals, conn, req);
    return false;
}

static bool is_allowed(const struct api *api, struct http_conn *conn,
                       const struct http_request *req,
                       const struct api_target *target)
{
    return target->endpoint == API_PUBLISH_TEST ? may_act(api, conn, req)
                                                : allow_only_reads(conn, req);
}

bool api_hides(const struct api *api, struct span channel)
{
    const struct route_table *routes = api->config.channels->routes;

    return route_channel_is_internal(channel) ||
           (routes && route_is_private(routes, channel));
}

static bool is_hidden(const struct api_call *call)
{
    struct bytes channel;
    bool hidden;

    bytes_init(&channel);
    hidden = api_target_channel(&call->target, &channel) &&
             api_hides(call->api, bytes_span(&channel));
    bytes_close(&channel);
    return hidden;
}

static void refuse_busy(struct api_call *call)
{
    counts[BUSY].value++;
    add_header(call, "Retry-After: 1\r\n");
    api_call_error(call, 429, "too_many_requests",
                   "too many requests of this address are under way");
}

static void begin(struct api *api, struct http_conn *conn,
                  const struct http_request *req,
                  const struct api_target *target)
{
    struct api_call *call = api_call_new(api, conn, target);
    char why[API_RANGE_WHY_BYTES];
    bool ok =
        target->endpoint != API_BARS || api_range_read(req, &call->range, why);

    counts[REQUESTS].value++;
    call->full = api->config.status == API_STATUS_FULL;
    add_origin(call, req);
    call->share = api_share_take(&api->shares, req->bucket);
    if (!call->share)
        refuse_busy(call);
    else if (!ok)
        api_call_error(call, 400, "bad_request", why);
    else if (is_hidden(call))
        api_call_error(call, 403, "forbidden",
                       "names of this kind are internal or private");
    else if (api->limit && span_starts(req->path, "/api"))
        ask_limit(call, req);
    else
        endpoints[target->endpoint](call);
}

static bool is_status(const struct api_target *target)
{
    return target->endpoint == API_WS_STATUS ||
           target->endpoint == API_REDIS_STATUS ||
           target->endpoint == API_SIMULATOR_STATUS;
}

/* Is there such a page at the public address? */
static bool is_served(const struct api *api, const struct api_target *target)
{
    if (target->endpoint == API_PUBLISH_TEST)
        return api->config.dev;
    return !is_status(target) || api->config.status != API_STATUS_NONE;
}

bool api_status_page(void *arg, struct http_conn *conn,
                     const struct http_request *req)
{
    struct api *api = arg;
    struct api_target target;
    struct api_call *call;

    if (api_target_read(req->path, &target) != API_FOUND || !is_status(&target))
        return false;
    if (!allow_only_reads(conn, req))
        return true;
    counts[REQUESTS].value++;
    call = api_call_new(api, conn, &target);
    call->full = true;
    endpoints[target.endpoint](call);
    return true;
}

void api_handle(void *arg, struct http_conn *conn,
                const struct http_request *req)
{
    struct api *api = arg;
    struct api_target target;

    switch (api_target_read(req->path, &target)) {
    case API_FOUND:
        if (!is_served(api, &target))
            break;
        if (is_allowed(api, conn, req, &target))
            begin(api, conn, req, &target);
        return;
    case API_BAD_SYMBOL:
        api_error(conn, 400, NULL, "bad_request", "the symbol cannot be one");
        return;
    case API_BAD_RESOLUTION:
        api_error(conn, 400, NULL, "bad_channel",
                  "resolutions are 1S to 3600S and 1 to 1440 (minutes) where "
                  "they divide a day evenly, D, W and M");
        return;
    case API_UNKNOWN:
        break;
    }
    if (!reads_only(req) && page_find(api->page, req->path))
        (void)allow_only_reads(conn, req);
    else if (!reads_only(req) || !page_answer(api->page, conn, req))
        api_error(conn, 404, NULL, "not_found",
                  "there is nothing at this path");
}

/* --- life --- */

struct api *api_new(const struct api_config *config, struct err *err)
{
    struct api_limit *limit = NULL;
    struct api *api;

    if (!config->no_limit &&
        !(limit = api_limit_new(config->loop, config->redis_prefix,
                                config->limit, err)))
        return NULL;
    api = mem_zero(sizeof *api);
    api->config = *config;
    api->limit = limit;
    api->page = page_new(config->web);
    api_share_init(&api->shares);
    api_scan_init(&api->scans[API_SCAN_SYMBOLS], &api_symbols_scan, api);
    api_scan_init(&api->scans[API_SCAN_INSTANCES], &api_instances_scan, api);
    api->answers.data = api;
    uv_idle_init(config->loop, &api->answers);
    timeout_queue_init(&api->timeouts, config->loop, API_ANSWER_MS);
    metrics_add_all(counts, sizeof counts / sizeof counts[0]);
    return api;
}

void api_connect(struct api *api, struct redis_cmd *redis)
{
    api->redis = redis;
    if (api->limit)
        api_limit_connect(api->limit, redis);
}

void api_reload(struct api *api)
{
    struct err err = {0};

    if (page_reload(api->page, &err))
        log_info("page_loaded", "files=%zu dir=%s", page_count(api->page),
                 LOG_Q(span_str(page_dir(api->page))));
    else
        log_warn("page_kept", "why=%s", LOG_Q(span_str(err.text)));
}

void api_stop(struct api *api)
{
    if (!api || api->stopping)
        return;
    api->stopping = true;
    if (api->limit)
        api_limit_stop(api->limit);
    timeout_queue_close(&api->timeouts);
    uv_close((uv_handle_t *)&api->answers, NULL);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    api_limit_free(api->limit);
    page_free(api->page);
    for (size_t i = 0; i < API_SCANS; i++)
        api_scan_close(&api->scans[i]);
    api_share_close(&api->shares);
    free(api);
}
