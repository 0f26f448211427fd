/*
 * bargen.h -- the tool: a source, the engine, a sink.
 *
 *   lines | journal | pubsub | mock  --event-->  engine  --bar-->  output | store
 */
#pragma once

#include "bargen/options.h"
#include "bargen/sink/sink.h"
#include "bargen/source/source.h"
#include "common/app/app_redis.h"
#include "common/redis/instance.h"
#include "common/redis/redis_config.h"

struct bargen {
    struct app *app;
    struct options *opts;
    struct engine engine;
    struct redis_config redis;
    struct route_table *routes;
    struct group group;    /* who else makes the same bars */
    struct source *source; /* NULL: it has ended */
    struct sink sink;
    struct instance *instance;
    struct app_redis link; /* never opened between two pipes */
    bool engine_open, closing;
};

bool bargen_init(struct bargen *b, struct app *app, struct options *opts,
                 struct err *err);
/* For app_init(). */
void bargen_stop(void *arg);
/* After app_run(), or where bargen_init() failed. */
void bargen_close(struct bargen *b);
