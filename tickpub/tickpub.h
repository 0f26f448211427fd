/*
 * tickpub.h -- the tool: lines in, events checked, published and passed on.
 *
 *   reader --event--> tee, publisher
 *
 * The reader stands still while anything behind it is full, and, with
 * --on-full block, until Redis was there for the first time.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/app_redis.h"
#include "common/app/tee.h"
#include "common/event/route.h"
#include "common/redis/instance.h"
#include "common/redis/redis_config.h"
#include "tickpub/input/reader.h"
#include "tickpub/options.h"
#include "tickpub/publish/publisher.h"

struct tickpub {
    struct app *app;
    struct options *opts;
    struct redis_config redis;
    struct route_table *routes;
    struct reader reader;
    struct publisher *publisher; /* NULL: --no-redis */
    struct instance *instance;
    struct tee *tee;       /* NULL: no --tee, or it is closed */
    struct app_redis link; /* never opened with --no-redis */
    unsigned unfinished;   /* parts, after the end of the input */
    bool closing;          /* on_stop was called */
};

bool tickpub_init(struct tickpub *t, struct app *app, struct options *opts,
                  struct err *err);
/* For app_init(). */
void tickpub_stop(void *arg);
/* After app_run(), or where tickpub_init() failed. */
void tickpub_close(struct tickpub *t);
