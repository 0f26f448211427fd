/*
 * web.h -- GET /check for nginx auth_request, and /api/v1/limits for people.
 *
 *   GET /check?rule=api&key=alice[&cost=2][&mode=peek]
 *     204 allowed, 403 (or --http-status) denied, with RateLimit headers
 *     400 a parameter is missing or wrong, 404 no such rule: JSON
 *   `rule` may be a list, api,orders: all must allow.
 */
#pragma once

#include "common/http/http.h"
#include "ratelimitd/door/limiter.h"

struct web {
    struct limiter *limiter;
    int denied_status;
    unsigned waiting; /* requests on their way */
};

/* For app.page; arg is a struct web. */
bool web_page(void *arg, struct http_conn *conn,
              const struct http_request *req);
