/*
 * api.h -- everything that the gateway answers over plain HTTP.
 *
 * Health, metrics, status pages, prices and bars under /api, and the page.
 * Answers that need Redis are sent later, within API_ANSWER_MS; requests
 * under /api are counted against the rate limit `api` first (api_limit.h).
 *
 * Ownership   w->api is allocated by api_open(); api_stop() closes its handles
 *             (call it from wsgate_stop(), before the Redis link is closed), and
 *             api_free() frees it after the loop has ended
 */
#ifndef WSGATE_HTTP_API_H
#define WSGATE_HTTP_API_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/http/http.h"
#include "wsgate/wsgate.h"

enum { API_ANSWER_MS = 2000 };

bool api_open(struct wsgate *w, struct err *err);
/* The link to Redis is there (w->redis): the rate limit is asked of it. */
void api_connect(struct wsgate *w);
/* Any request that is not a WebSocket upgrade. */
void api_handle(struct wsgate *w, struct http_conn *conn,
                const struct http_request *req);
/* SIGHUP: reads the page's files again. */
void api_reload(struct wsgate *w);
void api_stop(struct wsgate *w);
void api_free(struct wsgate *w);

#endif
