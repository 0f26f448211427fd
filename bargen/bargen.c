#include "bargen/bargen.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "bargen/core/stats.h"
#include "bargen/source/journal.h"
#include "bargen/source/lines.h"
#include "bargen/source/mock.h"
#include "bargen/source/pubsub.h"
#include "bargen/store/lease_stats.h"
#include "common/base/log.h"
#include "common/redis/redis_reply.h"

/* --- the end --- */

static void on_finished(void *arg)
{
    struct bargen *b = arg;

    app_stop(b->app);
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

static void close_sink(void *arg, bool settled)
{
    struct bargen *b = arg;

    if (!settled && b->link.was_up)
        log_warn("lost", "why=\"Redis did not answer the last checkpoint\"");
    sink_close(&b->sink);
    summarise(b);
}

/* The state is kept, no bar is closed before its time. */
void bargen_stop(void *arg)
{
    struct bargen *b = arg;
    struct store *store = b->sink.store;

    b->closing = true;
    source_close(b->source);
    b->source = NULL;
    if (!store) {
        app_redis_close(&b->link);
        close_sink(b, true);
        return;
    }
    instance_close(b->instance);
    app_redis_stop(&b->link, store_ready(store), close_sink, b);
    sink_finish(&b->sink, app_redis_settled, &b->link);
}

void bargen_close(struct bargen *b)
{
    if (b->engine_open)
        engine_close(&b->engine);
    b->engine_open = false;
    group_close(&b->group);
    route_table_free(b->routes);
    b->routes = NULL;
}

/* --- the source --- */

static void pause_if_full(struct bargen *b)
{
    if (b->source && sink_full(&b->sink))
        source_pause(b->source);
}

static void resume_if_room(struct bargen *b)
{
    if (b->source && !sink_full(&b->sink))
        source_resume(b->source);
}

static void on_drained(void *arg)
{
    struct bargen *b = arg;

    sink_flush(&b->sink);
    pause_if_full(b);
}

static void on_accepted(void *arg, struct span line)
{
    struct bargen *b = arg;

    if (tee_line(b->sink.out, line))
        pause_if_full(b);
}

static void on_source_ready(void *arg)
{
    struct bargen *b = arg;

    app_redis_up(&b->link);
    app_ready(b->app);
}

static void on_source_down(void *arg, const char *why, bool refused)
{
    struct bargen *b = arg;

    if (!b->sink.store) /* its link says the same */
        app_redis_down(&b->link, why, refused);
}

/* Redis is there, but may not be of use before somebody permits the command:
 * whoever requires it does not wait for that. */
static void on_unreadable(void *arg, struct span why)
{
    struct bargen *b = arg;
    char text[128];

    if (redis_error_of(why) == REDIS_ERR_REFUSED &&
        b->app->opts->require_redis) {
        snprintf(text, sizeof text, "%.*s", SPAN_ARG(why));
        app_redis_down(&b->link, text, true);
    } else if (!b->sink.store || store_ready(b->sink.store)) {
        app_redis_up(&b->link);
    }
}

static void on_end(void *arg, const struct err *err)
{
    struct bargen *b = arg;

    source_close(b->source);
    b->source = NULL;
    if (err) {
        app_fail(b->app, err);
        return;
    }
    engine_finish(&b->engine);
    sink_finish(&b->sink, on_finished, b);
}

static struct source *open_source(struct bargen *b, struct err *err)
{
    const struct options *o = b->opts;
    const char *const *names = (const char *const *)o->names;
    struct source_context to = {
        .loop = &b->app->loop,
        .engine = &b->engine,
        .events = {.on_drained = on_drained,
                   .on_accepted = o->tee ? on_accepted : NULL,
                   .on_ready = on_source_ready,
                   .on_down = on_source_down,
                   .on_unreadable = on_unreadable,
                   .on_end = on_end},
        .arg = b};
    struct lines_config lines = {STDIN_FILENO,
                                 (size_t)o->max_line_bytes,
                                 o->strict,
                                 {.unit = (enum event_unit)o->time_unit,
                                  .allow_negative = o->allow_negative}};
    struct mock_config mock = {names, o->n_names, (uint64_t)o->seed};
    struct event_rules rules = {.allow_negative = o->allow_negative};
    struct pubsub_config pubsub = {&b->redis, names, o->n_names, rules};
    struct journal_config journal = {&b->redis, b->sink.store,
                                     (unsigned)o->shards, o->from == FROM_NOW,
                                     rules};

    if (o->stdin_events)
        return lines_new(&to, &lines, err);
    if (o->mock)
        return mock_new(&to, &mock);
    if (o->source == SOURCE_PUBSUB)
        return pubsub_new(&to, &pubsub);
    return journal_new(&to, &journal);
}

/* --- the sink --- */

static bool caught_up(const void *arg)
{
    const struct bargen *b = arg;

    return !b->source || source_caught_up(b->source);
}

static void on_store_ready(void *arg)
{
    struct bargen *b = arg;

    if (b->closing) { /* only what was kept is written */
        app_redis_up(&b->link);
        sink_flush(&b->sink);
        return;
    }
    if (!b->source || !source_fault(b->source)) {
        app_redis_up(&b->link);
        app_ready(b->app);
    }
    resume_if_room(b);
    sink_flush(&b->sink);
}

static void on_store_down(void *arg, const char *why, bool refused)
{
    struct bargen *b = arg;

    app_redis_down(&b->link, why, refused);
}

/* Before we were ever of use, it is a mistake of whoever started us. */
static void on_store_conflict(void *arg, const char *text)
{
    struct bargen *b = arg;
    struct err err = {0};

    if (b->closing)
        return;
    log_error("group_refused", "why=%s", LOG_Q(span_str(text)));
    if (b->link.was_up)
        return;
    err_set(&err, ERR_CONFIG, "%s", text);
    app_fail(b->app, &err);
}

static void on_store_acked(void *arg)
{
    struct bargen *b = arg;

    sink_flush(&b->sink);
    resume_if_room(b);
}

static void on_store_shard(void *arg, unsigned shard, bool ours)
{
    struct bargen *b = arg;

    if (b->source)
        source_shard(b->source, shard, ours);
}

static void on_out_room(void *arg)
{
    resume_if_room(arg);
}

static const char *state_name(const struct options *o)
{
    if (o->stdin_events || o->mock)
        return NULL; /* what was read cannot be read again */
    return o->source == SOURCE_JOURNAL ? "state" : "pubsub";
}

static bool open_sink(struct bargen *b, struct err *err)
{
    const struct options *o = b->opts;
    struct tee *out;
    struct store_events to_store = {.on_ready = on_store_ready,
                                    .on_down = on_store_down,
                                    .on_conflict = on_store_conflict,
                                    .on_unreadable = on_unreadable,
                                    .on_acked = on_store_acked,
                                    .on_shard = on_store_shard};
    struct sink_config config = {
        .loop = &b->app->loop,
        .store = {.engine = &b->engine,
                  .redis = &b->redis,
                  .outbox = {.prefix = span_str(b->redis.prefix),
                             .route = route_of(b->routes, EVENT_BAR),
                             .history_max = o->history_max,
                             .updates = !o->final_only,
                             .source = o->mock ? "mock" : NULL,
                             .ask = o->throttle_auto},
                  .state = state_name(o),
                  .id = b->app->instance,
                  .group = &b->group,
                  .throttle_ms = o->throttle_ms},
        .caught_up = caught_up,
        .arg = b,
    };

    if (!o->stdout_bars) {
        sink_to_store(&b->sink, &config, &to_store);
        return true;
    }
    out = tee_new(b->app, STDOUT_FILENO, on_out_room, b, err);
    if (out)
        sink_to_output(&b->sink, &config, out);
    return out;
}

/* --- status --- */

static const char *fault(const struct bargen *b)
{
    if (b->closing || b->app->stopping)
        return "stopping";
    if (b->sink.store && store_fault(b->sink.store))
        return store_fault(b->sink.store);
    return b->source ? source_fault(b->source) : NULL;
}

static bool is_ready(void *arg, const char **why)
{
    const char *what = fault(arg);

    if (what)
        *why = what;
    return !what;
}

static void fill_instance(void *arg, struct json_writer *json)
{
    const struct bargen *b = arg;
    struct leases_status leases;

    stats_instance(&b->engine, json);
    if (b->sink.store && store_leases(b->sink.store, &leases))
        lease_stats_write(&leases, json);
}

static bool health(void *arg, struct json_writer *json)
{
    const struct bargen *b = arg;
    const struct store *store = b->sink.store;
    bool off = !store && !b->closing;
    bool connected = store && !b->closing && store_ready(store);

    json_write_str(json, "redis", app_redis_word(off, connected));
    json_write_bool(json, "caught_up", caught_up(b));
    fill_instance(arg, json);
    return !fault(b);
}

/* --- beginning --- */

static void on_bar(void *arg, struct symbol *sym, const struct resolution *r,
                   const struct bar *bar, enum bar_issue how)
{
    struct bargen *b = arg;

    sink_bar(&b->sink, sym, r, bar, how);
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
        .sink = {on_bar, b},
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
    const struct instance_id self = {app->tool, app->instance, app->started_ms};

    *b = (struct bargen){.app = app, .opts = opts};
    app->is_ready = is_ready;
    app->health = health;
    app->ready_arg = app->health_arg = b;
    if (!read_config(b, err))
        return false;
    if (!opts->final_only)
        log_info("throttle", "ms=%" PRId64 " from=%s%s", opts->throttle_ms,
                 opts->throttle_from, opts->throttle_auto ? " auto=true" : "");
    open_engine(b);
    options_group(b->opts, &b->group);
    if (!b->opts->stdout_bars && state_name(b->opts))
        lease_stats_init();
    if (!open_sink(b, err))
        return false;
    b->source = open_source(b, err);
    if (!b->source) {
        sink_close(&b->sink);
        return false;
    }
    if (b->sink.store)
        b->instance = instance_new(&app->loop, self, store_cmd(b->sink.store),
                                   &b->redis, fill_instance, b);
    pause_if_full(b);
    resume_if_room(b);
    if (needs_redis(opts))
        app_redis_open(&b->link, app, b->redis.display);
    else
        app_ready(app);
    return true;
}
