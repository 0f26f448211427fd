/*
 * api_limit.h -- may this address ask the API now?
 *
 * Rule `api` of the rate limiter, with the address as its key, asked of Redis
 * (limit_client.h).  What is not answered within API_LIMIT_ANSWER_MS, or cannot
 * be (no Redis, no function, no rule), is decided here by --api-limit, so that
 * a Redis that is away neither blocks nor opens the API.
 *
 * Bounds      API_LIMIT_ADDRESSES_MAX addresses are counted here; of a few, the
 *             one that would be forgotten first gives way.  Each takes 8 bytes
 *             a request of its window, up to API_LIMIT_LOG_MAX; a larger limit
 *             takes constant memory, and admits up to twice as many
 */
#pragma once

#include <uv.h>

#include "common/base/err.h"
#include "common/limit/limit_check.h"

enum {
    API_LIMIT_ANSWER_MS = 50,
    API_LIMIT_ADDRESSES_MAX = 4096,
    API_LIMIT_LOG_MAX = 1000
};

struct api_limit;
struct redis_cmd;

typedef void api_limit_fn(void *arg, const struct outcome *o);

/* text: --api-limit, NULL: 100/60s.  NULL: err. */
struct api_limit *api_limit_new(uv_loop_t *loop, const char *prefix,
                                const char *text, struct err *err);
/* Until then, and without Redis for ever, --api-limit holds. */
void api_limit_connect(struct api_limit *l, struct redis_cmd *cmd);
/* Calls fn once, now or later. */
void api_limit_ask(struct api_limit *l, const char *address, api_limit_fn *fn,
                   void *arg);
/* Before the link is closed: what is open is decided here; closes handles. */
void api_limit_stop(struct api_limit *l);
void api_limit_free(struct api_limit *l); /* after the loop ended */

/* "100/60s"; false: not of that form. */
bool api_limit_parse(const char *text, struct rule *rule);
