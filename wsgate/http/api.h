/*
 * api.h -- everything that the gateway answers over plain HTTP.
 *
 * Health, metrics, status pages, prices and bars under /api, and the page.
 * Who is not meant to operate the gateway hears nothing of the Redis behind it,
 * nor of the processes that publish there: see enum api_status.  Answers that need Redis are sent later, within API_ANSWER_MS; requests
 * under /api are counted against the rate limit `api` first (api_limit.h).
 *
 * Ownership   api_new/api_free; what the config points to is the caller's.
 *             api_stop() closes its handles, before the Redis link is closed;
 *             api_free() comes after the loop has ended
 */
#pragma once

#include <uv.h>

#include "common/base/err.h"
#include "common/http/http.h"
#include "common/json/json_writer.h"
#include "common/redis/redis_cmd.h"
#include "common/redis/redis_probe.h"
#include "wsgate/channels/channel.h"
#include "wsgate/client/stats.h"
#include "wsgate/ws/ws_refusal.h"

enum { API_ANSWER_MS = 2000 };

struct api;

/* What api_handle() tells of the gateway itself. */
enum api_status {
    API_STATUS_BRIEF, /* no Redis user, host or prefix; no pids */
    API_STATUS_FULL,
    API_STATUS_NONE, /* 404: they are elsewhere */
};

/* What is answered from, and how. */
struct api_config {
    uv_loop_t *loop;
    const char *instance;     /* id of this process */
    const char *redis_prefix; /* of keys */
    const char *redis_url;    /* fit to be shown */
    const char *web;          /* see page_new() */
    const char *limit;        /* see api_limit_new() */
    const struct ws_door *door;
    struct ws_refusals *refusals;
    const struct channels *channels; /* answer where there is no Redis */
    void (*stats)(void *arg, struct stats *out);
    enum upstream_state (*upstream)(void *arg);
    void *arg;
    enum api_status status;
    bool no_limit;
    bool dev; /* publish-test is answered */
};

/* NULL: err (a bad --api-limit). */
struct api *api_new(const struct api_config *config, struct err *err);
/* Before the first request.  NULL: there is no Redis, and will be none. */
void api_connect(struct api *api, struct redis_cmd *redis);
/* An http_handler, for any request that is not a WebSocket upgrade. */
void api_handle(void *api, struct http_conn *conn,
                const struct http_request *req);
/* For app.page: the status pages in full, counted against no limit; false:
 * another path. */
bool api_status_page(void *api, struct http_conn *conn,
                     const struct http_request *req);
/* For app.health: what /health says of Redis and clients. */
bool api_health(void *api, struct json_writer *json);
/* SIGHUP: reads the page's files again. */
void api_reload(struct api *api);
void api_stop(struct api *api);
void api_free(struct api *api);
