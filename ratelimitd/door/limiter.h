/*
 * limiter.h -- answers every question, with Redis or without, in time.
 *
 * Order: the rules (no such rule is an error); --no-redis counts in memory; the
 * deny cache; the Redis function; and where that cannot be asked, the rule's
 * on_error: allow, deny, or a local limit of max(1, limit / instances) that was
 * kept warm with what Redis allowed here.
 *
 * Every question gets its callback exactly once, possibly before limiter_ask()
 * returns.
 */
#ifndef RATELIMITD_DOOR_LIMITER_H
#define RATELIMITD_DOOR_LIMITER_H

#include "common/app/app.h"
#include "common/limit/breaker.h"
#include "common/limit/deny_cache.h"
#include "common/limit/limit_store.h"
#include "ratelimitd/limit/heavy_hitters.h"
#include "ratelimitd/options.h"
#include "ratelimitd/redis/pending_check.h"

struct limiter;
struct keeper;
struct redis_cmd;

struct limiter *limiter_new(const struct options *opts, struct ruleset *set);
/* With Redis: both are borrowed until limiter_close_redis().  What is asked
 * after that (HTTP goes on while the answers of a stop are written) is answered
 * as if Redis were away. */
void limiter_use_redis(struct limiter *l, uv_loop_t *loop,
                       struct redis_cmd *cmd, struct keeper *keeper,
                       const char *prefix);
void limiter_disconnected(struct limiter *l);
void limiter_close_redis(struct limiter *l);
void limiter_free(struct limiter *l);

void limiter_set_rules(struct limiter *l, struct ruleset *set);
const struct ruleset *limiter_rules(const struct limiter *l);

void limiter_ask(struct limiter *l, const struct question *q, limiter_fn *fn,
                 void *arg);
/* Questions on their way to Redis. */
size_t limiter_out(const struct limiter *l);
bool limiter_breaker_open(const struct limiter *l);
const struct top *limiter_top(const struct limiter *l);
const struct limit_store *limiter_store(const struct limiter *l);

#endif
