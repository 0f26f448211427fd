/*
 * tickpub.h -- the tool: lines in, events checked, published and passed on.
 *
 *   source --line--> intake --event--> tee, publisher
 *
 * The source stands still while anything behind it is full, and, with
 * --on-full block, until Redis was there for the first time.
 */
#ifndef TICKPUB_TICKPUB_H
#define TICKPUB_TICKPUB_H

#include <stdbool.h>
#include <uv.h>

#include "common/app/app.h"
#include "common/app/app_redis.h"
#include "common/app/output.h"
#include "common/base/countdown.h"
#include "common/event/event.h"
#include "common/event/route.h"
#include "common/redis/instance.h"
#include "common/redis/redis_config.h"
#include "tickpub/input/intake.h"
#include "tickpub/input/source.h"
#include "tickpub/options.h"
#include "tickpub/publish/publish.h"

struct tickpub {
    struct app *app;
    struct options *opts;
    struct redis_config redis;
    struct route_table *routes;
    struct intake intake;
    struct event event; /* of the line at hand */
    struct source *source;
    struct publisher *publisher; /* NULL: --no-redis */
    struct instance *instance;
    struct output *tee; /* NULL: no --tee, or it is closed */
    int replay_fd;
    unsigned paused;   /* reasons, see tickpub.c */
    size_t tee_unsaid; /* bytes that output_added() was not told of */
    /* --replay: the line that waits for its time. */
    struct pace pace;
    struct bytes held;
    uint64_t held_number;
    uv_timer_t held_timer;
    struct app_redis link;       /* never opened with --no-redis */
    struct countdown unfinished; /* after the end of the input */
    bool closing;                /* on_stop was called */
};

bool tickpub_init(struct tickpub *t, struct app *app, struct options *opts,
                  struct err *err);
/* For app_init(). */
void tickpub_stop(void *arg);
/* After app_run(), or where tickpub_init() failed. */
void tickpub_close(struct tickpub *t);

#endif
