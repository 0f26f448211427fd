/*
 * limiter.h -- answers every question, with Redis or without, in time.
 *
 * The rules first: no such rule is an error.  Then --no-redis counts in memory,
 * and the limit client (limit_client.h) does the rest: Redis, remembered
 * denials, and each rule's on_error while Redis cannot be asked.  What was
 * answered is counted here.
 *
 * Every question gets its callback exactly once, possibly before limiter_ask()
 * returns.
 */
#pragma once

#include <uv.h>

#include "common/limit/limit_check.h"
#include "common/limit/limit_store.h"
#include "ratelimitd/limit/heavy_hitters.h"
#include "ratelimitd/limit/question.h"
#include "ratelimitd/limit/ruleset.h"

struct limiter;
struct function_sync;
struct redis_cmd;

struct limiter_config {
    size_t max_keys;    /* counted in memory */
    int64_t timeout_ms; /* for Redis to answer */
    bool deny_cache;
};

typedef void limiter_fn(void *arg, const struct outcome *o);

struct limiter *limiter_new(const struct limiter_config *config,
                            struct ruleset *set);
/* With Redis: cmd and sync are borrowed until limiter_close_redis().  Redis is
 * asked between limiter_resume() and limiter_pause(), that is while the function
 * is known to be there.  What is asked after the close (HTTP goes on while the
 * answers of a stop are written) is answered as if Redis were away. */
void limiter_use_redis(struct limiter *l, uv_loop_t *loop,
                       struct redis_cmd *cmd, struct function_sync *sync,
                       const char *prefix);
void limiter_pause(struct limiter *l);
void limiter_resume(struct limiter *l);
/* Of a local limit this is one of so many shares. */
void limiter_share(struct limiter *l, unsigned instances);
void limiter_close_redis(struct limiter *l);
void limiter_free(struct limiter *l);

void limiter_set_rules(struct limiter *l, struct ruleset *set);
const struct ruleset *limiter_rules(const struct limiter *l);

void limiter_ask(struct limiter *l, const struct question *q, limiter_fn *fn,
                 void *arg);
/* Questions on their way to Redis. */
size_t limiter_out(const struct limiter *l);
/* Redis can be asked, were it not for the breaker. */
bool limiter_has_redis(const struct limiter *l);
bool limiter_breaker_open(const struct limiter *l);
const struct heavy_hitters *limiter_heavy_hitters(const struct limiter *l);
const struct limit_store *limiter_store(const struct limiter *l);
