/*
 * ratelimitd.h -- the tool: Redis, the ways in, and their life.
 */
#ifndef RATELIMITD_RATELIMITD_H
#define RATELIMITD_RATELIMITD_H

#include "common/app/app.h"
#include "common/redis/instance.h"
#include "common/redis/redis_sub.h"
#include "ratelimitd/door/limiter.h"
#include "ratelimitd/door/pipe.h"
#include "ratelimitd/door/queue.h"
#include "ratelimitd/door/web.h"
#include "ratelimitd/redis/function_sync.h"

struct ratelimitd {
    struct app *app;
    const struct options *opts;
    struct redis_config redis;
    struct limiter *limiter;
    struct keeper *keeper; /* these five: NULL without Redis */
    struct redis_cmd *cmd;
    struct redis_sub *sub;
    struct queue *queue;
    struct instance *instance;
    struct pipe *pipe; /* NULL where stdin is not read */
    struct web web;
    char config_channel[96];
    char redis_why[256];
    uv_timer_t start; /* the latest moment to begin without Redis */
    uv_timer_t drain; /* looks whether all is answered */
    unsigned drain_looks;
    unsigned links_open; /* Redis connections that are not closed yet */
    bool redis_was_ready;
    bool began;  /* questions are taken */
    bool denied; /* what --check was answered */
};

bool ratelimitd_init(struct ratelimitd *r, struct app *app,
                     const struct options *opts, struct err *err);
void ratelimitd_stop(void *arg);
void ratelimitd_close(struct ratelimitd *r); /* after app_exit() */

#endif
