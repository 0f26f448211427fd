#include "bargen/bargen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bargen/core/stats.h"
#include "bargen/flow.h"
#include "bargen/status.h"
#include "common/base/log.h"

enum {
    OUT_MAX_BYTES = 1024 * 1024,
    /* How long --require-redis waits for a first connection. */
    REQUIRE_MS = 3000,
    /* What a stop waits for the last checkpoint: less than APP_DRAIN_MS;
     * shorter without a link, as everything is often stopped at once. */
    STOP_FLUSH_MS = 3000,
    STOP_NO_LINK_MS = 500,
};

/* --- the end --- */

static void part_done(struct bargen *b)
{
    if (--b->waits == 0)
        app_stop(b->app);
}

static void on_stored(void *arg)
{
    part_done(arg);
}

static void on_written(void *arg, size_t lost)
{
    (void)lost;
    part_done(arg);
}

void bargen_end(struct bargen *b)
{
    b->ending = true;
    engine_finish(&b->engine);
    b->waits = 1;
    if (b->store) {
        b->waits++;
        store_finish(b->store, on_stored, b);
    } else if (b->out) {
        flow_tell_output(b);
        b->waits++;
        output_close(b->out, on_written, b);
        b->out = NULL;
    }
    part_done(b);
}

static void summarise(const struct bargen *b)
{
    const struct bar_counts *c = &b->engine.counts;

    log_info("done",
             "events=%" PRIu64 " finals=%" PRIu64 " updates=%" PRIu64
             " revisions=%" PRIu64 " duplicates=%" PRIu64 " late=%" PRIu64,
             c->events, c->finals, c->updates, c->revisions, c->duplicates,
             c->late_dropped);
}

static void close_store(struct bargen *b)
{
    uv_close((uv_handle_t *)&b->redis_timer, NULL);
    store_close(b->store, NULL, NULL);
    b->store = NULL;
    summarise(b);
}

static void on_stop_stored(void *arg)
{
    close_store(arg);
}

static void on_stop_late(uv_timer_t *timer)
{
    struct bargen *b = timer->data;

    if (b->redis_was_ready)
        log_warn("lost", "why=\"Redis did not answer the last checkpoint\"");
    close_store(b);
}

/* The state is kept, no bar is closed before its time. */
void bargen_stop(void *arg)
{
    struct bargen *b = arg;

    b->closing = true;
    lines_close(b);
    journal_close(b->journal);
    pubsub_close(b->pubsub);
    mock_close(b->mock);
    b->journal = NULL;
    b->pubsub = NULL;
    b->mock = NULL;
    uv_close((uv_handle_t *)&b->timer, NULL);
    flow_tell_output(b);
    output_close(b->out, NULL, NULL);
    b->out = NULL;
    if (!b->store) {
        uv_close((uv_handle_t *)&b->redis_timer, NULL);
        summarise(b);
        return;
    }
    instance_close(b->instance);
    uv_timer_start(&b->redis_timer, on_stop_late,
                   store_ready(b->store) ? STOP_FLUSH_MS : STOP_NO_LINK_MS, 0);
    store_finish(b->store, on_stop_stored, b);
}

void bargen_close(struct bargen *b)
{
    if (b->engine_open)
        engine_close(&b->engine);
    b->engine_open = false;
    route_table_free(b->routes);
    b->routes = NULL;
}

/* --- the sinks --- */

static void on_room(struct bargen *b)
{
    lines_resume(b);
    if (b->journal)
        journal_go_on(b->journal);
}

static void on_out_room(void *arg)
{
    on_room(arg);
}

static void on_out_closed(void *arg, int errnum)
{
    struct bargen *b = arg;
    struct err err = output_error(errnum);

    if (errnum == 0)
        app_stop(b->app); /* the reader has seen enough */
    else
        app_fail(b->app, &err);
}

static void start_sources(struct bargen *b)
{
    const struct options *o = b->opts;

    if (b->mock)
        mock_start(b->mock);
    else if (!o->stdin_events && o->source == SOURCE_JOURNAL)
        b->journal = journal_new(b);
    else if (!o->stdin_events)
        b->pubsub = pubsub_new(b);
}

void bargen_source_ready(struct bargen *b)
{
    uv_timer_stop(&b->redis_timer);
    b->redis_was_ready = true;
    app_ready(b->app);
}

void bargen_redis_down(struct bargen *b, const char *why, bool refused)
{
    struct err err = {0};

    snprintf(b->redis_why, sizeof b->redis_why, "%s", why);
    if (!refused || b->redis_was_ready)
        return; /* the link says it, and tries again */
    err_set(&err, ERR_REFUSED, "%s refused us: %s", b->redis.display, why);
    app_fail(b->app, &err);
}

static void on_store_ready(void *arg, bool first)
{
    struct bargen *b = arg;

    b->redis_was_ready = true;
    if (b->closing) { /* only what was kept is written; the timer is its end */
        store_flush(b->store);
        return;
    }
    uv_timer_stop(&b->redis_timer);
    if (first)
        start_sources(b);
    if (!b->journal && !b->pubsub)
        app_ready(b->app);
    on_room(b);
    bargen_flush(b);
}

static void on_store_down(void *arg, const char *why, bool refused)
{
    bargen_redis_down(arg, why, refused);
}

static void on_store_acked(void *arg)
{
    struct bargen *b = arg;

    if (b->closing || b->ending) {
        store_flush(b->store);
        return;
    }
    bargen_flush(b);
    on_room(b);
}

static void on_redis_missing(uv_timer_t *timer)
{
    struct bargen *b = timer->data;
    struct err err = {0};

    err_set(&err, ERR_PEER, "%s is not there (--require-redis): %s",
            b->redis.display,
            b->redis_why[0] != '\0' ? b->redis_why : "no answer");
    app_fail(b->app, &err);
}

/* --- beginning --- */

static bool open_output(struct bargen *b, struct err *err)
{
    struct output_events events = {.on_room = on_out_room,
                                   .on_closed = on_out_closed};

    b->out = output_new(&b->app->loop, STDOUT_FILENO, OUT_MAX_BYTES, &events, b,
                        err);
    return b->out != NULL;
}

static const char *state_name(const struct options *o)
{
    if (o->stdin_events || o->mock)
        return NULL; /* what was read cannot be read again */
    return o->source == SOURCE_JOURNAL ? "bargen:state" : "bargen:pubsub";
}

static void open_store(struct bargen *b)
{
    const struct options *o = b->opts;
    struct store_events events = {.on_ready = on_store_ready,
                                  .on_down = on_store_down,
                                  .on_acked = on_store_acked};
    const struct instance_id self = {b->app->tool, b->app->instance,
                                     b->app->started_ms};
    struct store_options options = {
        .engine = &b->engine,
        .redis = &b->redis,
        .outbox = {.prefix = span_str(b->redis.prefix),
                   .route = route_of(b->routes, EVENT_BAR),
                   .history_max = o->history_max,
                   .updates = !o->final_only,
                   .source = flow_source_name(b)},
        .state = state_name(o),
        .throttle_ms = o->throttle_ms,
    };

    b->store = store_new(&b->app->loop, &options, &events, b);
    b->instance = instance_new(&b->app->loop, self, store_cmd(b->store),
                               &b->redis, status_instance, b);
}

static void open_engine(struct bargen *b)
{
    const struct options *o = b->opts;
    bool stateful = !o->stdout_bars && state_name(o);
    struct engine_config config = {
        .resolutions = o->widths,
        .n_resolutions = o->n_widths,
        .symbols = (const char *const *)o->names,
        .n_symbols = o->n_names,
        .grace_ns = o->grace_ms * NS_PER_MS,
        .correction_ns = o->correction_ms * NS_PER_MS,
        .ahead_ns = o->max_future_ms * NS_PER_MS,
        .price = (enum price_source)o->price,
        .fill = o->fill,
        .skip_first_partial = o->skip_first_partial,
        .sequence = !o->stdin_events,
        .track = !o->final_only || stateful,
        .note_drops = stateful,
        .shards = stateful ? (unsigned)o->shards : 1,
        .sink = {flow_bar, b},
    };

    engine_init(&b->engine, &config);
    b->engine_open = true;
    stats_init(&b->engine);
}

/* Redis is there for what is neither read from nor written to a pipe. */
static bool needs_redis(const struct options *o)
{
    return !o->stdout_bars || !(o->stdin_events || o->mock);
}

static bool read_config(struct bargen *b, struct err *err)
{
    if (!options_check(b->opts, err))
        return false;
    b->routes = route_table_new(NULL, err);
    if (!b->routes)
        return false;
    return !needs_redis(b->opts) || app_redis_config(b->app, &b->redis, err);
}

bool bargen_init(struct bargen *b, struct app *app, struct options *opts,
                 struct err *err)
{
    *b = (struct bargen){.app = app, .opts = opts};
    app->is_ready = status_ready;
    app->health = status_health;
    app->ready_arg = app->health_arg = b;
    if (!read_config(b, err))
        return false;
    if (opts->stdout_bars && !open_output(b, err))
        return false;
    open_engine(b);
    if (opts->stdin_events && !lines_open(b, err)) {
        output_close(b->out, NULL, NULL); /* accepts NULL */
        b->out = NULL;
        return false;
    }
    uv_timer_init(&app->loop, &b->timer);
    uv_timer_init(&app->loop, &b->redis_timer);
    b->timer.data = b->redis_timer.data = b;
    if (opts->mock)
        b->mock = mock_new(b);
    if (!opts->stdout_bars)
        open_store(b); /* the sources wait for it */
    else
        start_sources(b);
    if (!needs_redis(opts))
        app_ready(app);
    else if (opts->app.require_redis)
        uv_timer_start(&b->redis_timer, on_redis_missing, REQUIRE_MS, 0);
    return true;
}
