/*
 * bargen.h -- the tool: a source, the engine, a sink.
 *
 *   lines | journal | pubsub | mock  --event-->  engine  --bar-->  output | store
 *
 * Sources call bargen_flush() when what they had is drained; the same happens
 * when the clock closes a bar or an update is due.
 */
#ifndef BARGEN_BARGEN_H
#define BARGEN_BARGEN_H

#include <stdbool.h>
#include <uv.h>

#include "bargen/core/engine.h"
#include "bargen/core/wallwatch.h"
#include "bargen/options.h"
#include "bargen/source/journal.h"
#include "bargen/source/lines.h"
#include "bargen/source/mock.h"
#include "bargen/source/pubsub.h"
#include "bargen/store/store.h"
#include "common/app/app.h"
#include "common/app/output.h"
#include "common/event/route.h"
#include "common/redis/instance.h"
#include "common/redis/redis_config.h"

struct bargen {
    struct app *app;
    struct options *opts;
    struct engine engine;
    struct redis_config redis;
    struct route_table *routes;
    /* One source ... */
    struct lines lines;
    struct journal *journal;
    struct pubsub *pubsub;
    struct mock *mock;
    /* ... and one sink. */
    struct output *out;
    size_t out_unsaid; /* bytes that output_added() was not told of */
    struct store *store;
    struct instance *instance;
    uv_timer_t timer;       /* bars to close, updates to send */
    uv_timer_t redis_timer; /* --require-redis, and the end of a stop */
    struct wallwatch wallwatch;
    uint64_t updated_ms; /* monotonic, of the last updates to out */
    bool redis_was_ready;
    char redis_why[256]; /* of the last failure */
    bool engine_open, closing, ending;
    unsigned waits; /* for what, before the end */
};

bool bargen_init(struct bargen *b, struct app *app, struct options *opts,
                 struct err *err);
/* For app_init(). */
void bargen_stop(void *arg);
/* After app_run(), or where bargen_init() failed. */
void bargen_close(struct bargen *b);

/* --- for the sources --- */

/* What they had is in the engine: send what is due, set the timer. */
void bargen_flush(struct bargen *b);
/* Is the sink so far behind that the source should wait? */
bool bargen_full(const struct bargen *b);
/* A source in Redis can be read: the tool does its work. */
void bargen_source_ready(struct bargen *b);
/* From the links behind a source or a sink. */
void bargen_redis_down(struct bargen *b, const char *why, bool refused);
/* The input has ended: flush, wait for acknowledgements, stop. */
void bargen_end(struct bargen *b);

#endif
