#include "tickpub/tickpub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "tickpub/flow.h"
#include "tickpub/report.h"
#include "tickpub/status.h"

enum { TEE_MAX_BYTES = 1024 * 1024 };

/* --- the end --- */

static void on_all_out(void *arg)
{
    struct tickpub *t = arg;

    app_stop(t->app);
}

static void on_input_teed(void *arg, size_t lost)
{
    (void)lost;
    countdown_done(arg);
}

/* Everything was read: wait, for as long as it takes, until it is out. */
static void finish_input(struct tickpub *t)
{
    countdown_start(&t->unfinished, on_all_out, t);
    if (t->publisher) {
        countdown_add(&t->unfinished);
        publisher_finish(t->publisher, countdown_done, &t->unfinished);
    }
    if (t->tee) {
        countdown_add(&t->unfinished);
        output_close(t->tee, on_input_teed, &t->unfinished);
        t->tee = NULL;
    }
    countdown_done(&t->unfinished);
}

static void on_end(void *arg, int errnum)
{
    struct tickpub *t = arg;
    struct err err = {0};

    source_close(t->source);
    t->source = NULL;
    if (errnum != 0) {
        err_errno(&err, ERR_SYSTEM, errnum, "standard input");
        app_fail(t->app, &err);
    } else if (t->opts->linger) {
        log_info("input_end", "lines=%" PRIu64, report_lines());
    } else {
        finish_input(t);
    }
}

static void summarise(const struct tickpub *t)
{
    struct tally n = {0};

    if (t->publisher)
        n = publisher_tally(t->publisher);
    log_info("done",
             "lines=%" PRIu64 " accepted=%" PRIu64 " bad=%" PRIu64
             " published=%" PRIu64 " stale=%" PRIu64 " unconfirmed=%" PRIu64
             " refused=%" PRIu64 " unsent=%" PRIu64 " journalled=%" PRIu64
             " dropped=%" PRIu64 " lost=%" PRIu64,
             report_lines(), report_accepted_count(), report_bad_count(),
             n.published, n.stale, n.unconfirmed, n.refused, n.unsent,
             n.journalled, n.dropped, n.lost);
}

static void on_publisher_closed(void *arg)
{
    (void)arg;
}

static void close_publisher(void *arg, bool settled)
{
    struct tickpub *t = arg;
    uint64_t lost = publisher_unsettled(t->publisher);

    (void)settled; /* the count says it, too */
    if (lost > 0)
        log_warn("lost", "events=%" PRIu64 " why=\"Redis did not answer\"",
                 lost);
    summarise(t);
    publisher_close(t->publisher, on_publisher_closed, NULL);
    t->publisher = NULL;
}

static void stop_publisher(struct tickpub *t)
{
    bool ready = publisher_ready(t->publisher);

    instance_close(t->instance); /* queues a DEL, settled like the rest */
    t->instance = NULL;
    app_redis_stop(&t->link, ready, close_publisher, t);
    if (!ready && publisher_unsettled(t->publisher) == 0)
        app_redis_settled(&t->link);
    else
        publisher_finish(t->publisher, app_redis_settled, &t->link);
}

void tickpub_stop(void *arg)
{
    struct tickpub *t = arg;

    t->closing = true;
    source_close(t->source);
    t->source = NULL;
    uv_close((uv_handle_t *)&t->held_timer, NULL);
    if (t->tee)
        output_close(t->tee, NULL, NULL);
    t->tee = NULL;
    if (t->publisher)
        stop_publisher(t);
    else
        summarise(t);
}

void tickpub_close(struct tickpub *t)
{
    if (t->replay_fd > STDIN_FILENO)
        close(t->replay_fd);
    route_table_free(t->routes);
    bytes_close(&t->held);
    intake_close(&t->intake);
}

/* --- standard output --- */

static void on_tee_room(void *arg)
{
    flow_resume(arg, PAUSE_TEE);
}

static void on_tee_closed(void *arg, int errnum)
{
    struct tickpub *t = arg;
    struct err err = output_error(errnum);

    if (errnum == 0)
        app_stop(t->app); /* the reader has seen enough */
    else
        app_fail(t->app, &err);
}

/* --- Redis --- */

static void on_redis_ready(void *arg)
{
    struct tickpub *t = arg;

    if (!app_redis_up(&t->link))
        return;
    app_ready(t->app);
    flow_resume(t, PAUSE_LINK);
}

static void on_redis_down(void *arg, const char *why, bool refused)
{
    struct tickpub *t = arg;

    app_redis_down(&t->link, why, refused);
}

static void on_queue_room(void *arg)
{
    flow_resume(arg, PAUSE_QUEUE);
}

/* --- beginning --- */

static bool read_config(struct tickpub *t, struct err *err)
{
    const struct options *o = t->opts;

    if (!intake_init(&t->intake, o->feed, o->max_future_ms, err))
        return false;
    t->routes = route_table_new(o->routes_file, err);
    if (!t->routes)
        return false;
    return o->app.no_redis || app_redis_config(t->app, &t->redis, err);
}

static bool open_replay(struct tickpub *t, struct err *err)
{
    const char *path = t->opts->replay;

    if (!path || strcmp(path, "-") == 0)
        return true;
    t->replay_fd = open(path, O_RDONLY | O_CLOEXEC);
    return t->replay_fd >= 0 ||
           err_errno(err, ERR_USAGE, errno, "--replay: %s", path);
}

static bool open_source(struct tickpub *t, struct err *err)
{
    const struct options *o = t->opts;
    struct input_events events = {.on_line = flow_line,
                                  .on_too_long = flow_too_long,
                                  .on_drained = flow_drained,
                                  .on_end = on_end};
    struct source_simulation simulation = {
        .symbols = o->symbols,
        .n_symbols = o->n_symbols,
        .rate = o->rate,
        .seed = (uint64_t)o->seed,
        .start_ns = o->start_ns,
        .speed = o->pace.speed,
        .count = (uint64_t)o->count,
    };

    if (o->simulate)
        t->source = source_simulated(&t->app->loop, &simulation, &events, t);
    else if (open_replay(t, err))
        t->source = source_file(&t->app->loop, t->replay_fd,
                                (size_t)o->max_line_bytes, &events, t, err);
    return t->source != NULL;
}

static bool open_tee(struct tickpub *t, struct err *err)
{
    struct output_events events = {.on_room = on_tee_room,
                                   .on_closed = on_tee_closed};

    if (!t->opts->tee)
        return true;
    t->tee = output_new(&t->app->loop, STDOUT_FILENO, TEE_MAX_BYTES, &events, t,
                        err);
    return t->tee != NULL;
}

static void open_publisher(struct tickpub *t)
{
    const struct options *o = t->opts;
    struct publish_events events = {.on_ready = on_redis_ready,
                                    .on_down = on_redis_down,
                                    .on_room = on_queue_room};
    const struct instance_id self = {t->app->tool, t->app->instance,
                                     t->app->started_ms};
    struct publish_options options = {
        .src = t->app->instance,
        .shards = (unsigned)o->shards,
        .journal_max_bytes = o->journal_max_bytes,
        .stream_max = o->stream_max,
        .price_ttl_ms = o->price_ttl_ms,
        .stale_after_ms = o->stale_after_ms,
        .queue_max_bytes = (size_t)o->queue_max_bytes,
        .max_destinations = (size_t)o->max_symbols,
        .drop_oldest = o->on_full == ON_FULL_DROP_OLDEST,
        .batch = o->batch,
    };

    app_redis_open(&t->link, t->app, t->redis.display);
    t->publisher = publisher_new(&t->app->loop, &t->redis, &options, t->routes,
                                 &events, t);
    t->instance = instance_new(&t->app->loop, self, publisher_cmd(t->publisher),
                               &t->redis, status_instance, t);
    /* A producer that would rather wait than lose waits from the start. */
    if (!options.drop_oldest)
        flow_pause(t, PAUSE_LINK);
}

static void reload(void *arg)
{
    struct tickpub *t = arg;
    const char *path = t->opts->routes_file;
    struct err err = {0};
    struct route_table *routes = route_table_new(path, &err);

    if (!routes) {
        log_error("reload_failed", "why=%s", LOG_Q(span_str(err.text)));
        return;
    }
    if (t->publisher)
        publisher_reroute(t->publisher, routes);
    route_table_free(t->routes);
    t->routes = routes;
    log_info("reloaded", "routes=%s", path ? path : "built-in");
}

bool tickpub_init(struct tickpub *t, struct app *app, struct options *opts,
                  struct err *err)
{
    *t = (struct tickpub){.app = app, .opts = opts, .pace = opts->pace};
    app->is_ready = status_ready;
    app->health = status_health;
    app->ready_arg = app->health_arg = t;
    app->on_reload = reload;
    report_init();
    if (!read_config(t, err) || !open_source(t, err) || !open_tee(t, err)) {
        source_close(t->source); /* freed by app_exit()'s last turn */
        return false;
    }
    uv_timer_init(&app->loop, &t->held_timer);
    t->held_timer.data = t;
    if (opts->app.no_redis)
        app_ready(app);
    else
        open_publisher(t);
    return true;
}
