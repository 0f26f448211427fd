/*
 * ratelimitd.h -- the tool: Redis, the ways in, and their life.
 */
#ifndef RATELIMITD_RATELIMITD_H
#define RATELIMITD_RATELIMITD_H

#include "common/app.h"
#include "common/instance.h"
#include "common/redis_sub.h"
#include "ratelimitd/keeper.h"
#include "ratelimitd/limiter.h"
#include "ratelimitd/pipe.h"
#include "ratelimitd/queue.h"
#include "ratelimitd/web.h"

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
