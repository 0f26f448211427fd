/*
 * ratelimitd.h -- the tool: Redis, the ways in, and their life.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/app_redis.h"
#include "common/redis/instance.h"
#include "common/redis/redis_sub.h"
#include "ratelimitd/door/check_command.h"
#include "ratelimitd/door/limiter.h"
#include "ratelimitd/door/pipe.h"
#include "ratelimitd/door/queue.h"
#include "ratelimitd/door/status.h"
#include "ratelimitd/door/web.h"
#include "ratelimitd/options.h"
#include "ratelimitd/redis/function_sync.h"

struct ratelimitd {
    struct app *app;
    const struct options *opts;
    struct redis_config redis;
    struct limiter *limiter;
    struct function_sync *sync; /* these five: NULL without Redis */
    struct redis_cmd *cmd;
    struct redis_sub *sub;
    struct queue *queue;
    struct instance *instance;
    struct pipe *pipe; /* NULL where stdin is not read */
    struct web web;
    struct status status;
    struct check_command check;
    char config_channel[96];
    struct app_redis link;
    uv_timer_t keep_alive;
    bool began;     /* questions are taken */
    bool was_quiet; /* draining: nothing was on its way at the last PING */
};

bool ratelimitd_init(struct ratelimitd *r, struct app *app,
                     const struct options *opts, struct err *err);
void ratelimitd_stop(void *arg);
void ratelimitd_close(struct ratelimitd *r); /* after app_exit() */
