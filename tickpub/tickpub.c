#include "tickpub/tickpub.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/app/line_fault.h"
#include "common/base/log.h"
#include "common/event/route.h"
#include "tickpub/input/report.h"
#include "tickpub/publish/publish_metrics.h"

/* Why the reader stands still. */
enum {
    PAUSE_LINK = 1,  /* Redis was not there yet */
    PAUSE_QUEUE = 2, /* too much waits for Redis */
    PAUSE_TEE = 4,   /* too much waits for standard output */
};

/* --- the end --- */

static void on_part_out(void *arg)
{
    struct tickpub *t = arg;

    if (--t->unfinished == 0)
        app_stop(t->app);
}

static void on_teed(void *arg, size_t lost)
{
    (void)lost;
    on_part_out(arg);
}

/* Everything was read: wait, for as long as it takes, until it is out. */
static void finish_input(struct tickpub *t)
{
    t->unfinished = 1 + !!t->publisher + !!t->tee;
    if (t->publisher)
        publisher_finish(t->publisher, on_part_out, t);
    tee_close(t->tee, on_teed, t);
    t->tee = NULL;
    on_part_out(t);
}

static void on_end(void *arg, int errnum)
{
    struct tickpub *t = arg;
    struct err err = {0};

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
             " dropped=%" PRIu64 " lost=%" PRIu64 " excluded=%" PRIu64,
             report_lines(), report_accepted_count(), report_bad_count(),
             n.published, n.stale, n.unconfirmed, n.refused, n.unsent,
             n.journalled, n.dropped, n.lost, report_excluded_count());
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
    publisher_close(t->publisher, NULL, NULL);
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
    reader_close(&t->reader);
    tee_close(t->tee, NULL, NULL);
    t->tee = NULL;
    if (t->publisher)
        stop_publisher(t);
    else
        summarise(t);
}

void tickpub_close(struct tickpub *t)
{
    route_table_free(t->routes);
    reader_free(&t->reader);
}

/* --- events --- */

static void on_bad(void *arg, unsigned fault, uint64_t number, unsigned column)
{
    struct tickpub *t = arg;
    const struct line_fault bad = {number, column, report_fault_text(fault)};
    struct err err = {0};

    if (t->closing || t->app->stopping)
        return;
    report_bad(fault);
    if (line_fault_skip(&bad, t->opts->strict, &err))
        return;
    reader_stop(&t->reader);
    app_fail(t->app, &err);
}

static void tell_tee(struct tickpub *t)
{
    tee_flush(t->tee);
    if (t->tee && tee_full(t->tee))
        reader_pause(&t->reader, PAUSE_TEE);
}

static void on_event(void *arg, const struct event *ev, uint64_t number)
{
    struct tickpub *t = arg;

    if (t->publisher) {
        if (!publisher_add(t->publisher, ev)) {
            on_bad(t, REPORT_TOO_MANY_NAMES, number, 0);
            return;
        }
        if (publisher_full(t->publisher))
            reader_pause(&t->reader, PAUSE_QUEUE);
    }
    report_accepted(ev->type);
    if (t->tee && tee_line(t->tee, ev->text))
        tell_tee(t);
}

static void on_drained(void *arg)
{
    struct tickpub *t = arg;

    tell_tee(t);
    if (t->publisher)
        publisher_flush(t->publisher);
}

/* --- standard output --- */

static void on_tee_room(void *arg)
{
    struct tickpub *t = arg;

    reader_resume(&t->reader, PAUSE_TEE);
}

/* --- Redis --- */

static void on_redis_ready(void *arg)
{
    struct tickpub *t = arg;

    if (!app_redis_up(&t->link))
        return;
    app_ready(t->app);
    reader_resume(&t->reader, PAUSE_LINK);
}

static void on_redis_down(void *arg, const char *why, bool refused)
{
    struct tickpub *t = arg;

    app_redis_down(&t->link, why, refused);
}

static void on_queue_room(void *arg)
{
    struct tickpub *t = arg;

    reader_resume(&t->reader, PAUSE_QUEUE);
}

/* --- what it says of itself --- */

static bool has_redis(const struct tickpub *t)
{
    return t->publisher && !t->closing && publisher_ready(t->publisher);
}

static bool is_ready(void *arg, const char **why)
{
    const struct tickpub *t = arg;

    if (t->opts->app.no_redis || has_redis(t))
        return true;
    *why = "no Redis";
    return false;
}

static bool add_health(void *arg, struct json_writer *json)
{
    const struct tickpub *t = arg;
    bool off = t->opts->app.no_redis, connected = has_redis(t);

    json_write_str(json, "redis", app_redis_word(off, connected));
    json_write_bool(json, "redis_available", connected);
    report_counts(json);
    return connected || off;
}

/* For instance:tickpub:*. */
static void add_instance(void *arg, struct json_writer *json)
{
    const struct tickpub *t = arg;
    const struct source_simulation *simulation = &t->opts->simulation;
    struct tally n = publisher_tally(t->publisher);

    json_write_bool(json, "simulator", t->opts->simulate);
    report_counts(json);
    json_write_uint(json, "published", n.published);
    json_write_uint(json, "dropped", n.dropped);
    if (!t->opts->simulate)
        return;
    json_write_real(json, "rate", simulation->rate);
    json_write_array(json, "symbols");
    for (unsigned i = 0; i < simulation->n_symbols; i++)
        json_write_span(json, NULL, simulation->symbols[i]);
    json_write_array_end(json);
}

/* --- beginning --- */

static bool read_config(struct tickpub *t, struct err *err)
{
    const struct options *o = t->opts;

    t->routes = route_table_new(o->routes_file, err);
    if (!t->routes)
        return false;
    return o->app.no_redis || app_redis_config(t->app, &t->redis, err);
}

static bool open_reader(struct tickpub *t, struct err *err)
{
    struct reader_events events = {.on_event = on_event,
                                   .on_bad = on_bad,
                                   .on_drained = on_drained,
                                   .on_end = on_end};

    return reader_open(&t->reader, &t->app->loop, &t->opts->reader, &events, t,
                       err);
}

static bool open_tee(struct tickpub *t, struct err *err)
{
    if (t->opts->tee)
        t->tee = tee_new(t->app, STDOUT_FILENO, on_tee_room, t, err);
    return !t->opts->tee || t->tee;
}

static void open_publisher(struct tickpub *t)
{
    struct options *opts = t->opts;
    struct publisher_events events = {.on_ready = on_redis_ready,
                                      .on_down = on_redis_down,
                                      .on_room = on_queue_room};
    const struct instance_id self = {t->app->tool, t->app->instance,
                                     t->app->started_ms};

    opts->publish.src = t->app->instance;
    publish_metrics_add();
    app_redis_open(&t->link, t->app, t->redis.display);
    t->publisher = publisher_new(&t->app->loop, &t->redis, &opts->publish,
                                 t->routes, &events, t);
    t->instance = instance_new(&t->app->loop, self, publisher_cmd(t->publisher),
                               &t->redis, add_instance, t);
    /* A producer that would rather wait than lose waits from the start. */
    if (!opts->publish.drop_oldest)
        reader_pause(&t->reader, PAUSE_LINK);
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

/* --routes: a table for people, and nothing else: as nothing is open, the loop
 * ends at once. */
static bool print_routes(const struct options *o, struct err *err)
{
    struct route_table *routes = route_table_new(o->routes_file, err);
    struct bytes text;

    if (!routes)
        return false;
    bytes_init(&text);
    route_print(routes, o->app.prefix ? o->app.prefix : "", &text);
    fwrite(text.ptr, 1, text.len, stdout);
    bytes_close(&text);
    route_table_free(routes);
    return true;
}

bool tickpub_init(struct tickpub *t, struct app *app, struct options *opts,
                  struct err *err)
{
    *t = (struct tickpub){.app = app, .opts = opts};
    if (!options_check(opts, err))
        return false;
    if (opts->routes)
        return print_routes(opts, err);
    app->is_ready = is_ready;
    app->health = add_health;
    app->ready_arg = app->health_arg = t;
    app->on_reload = reload;
    report_init();
    if (!read_config(t, err) || !open_reader(t, err) || !open_tee(t, err)) {
        reader_close(&t->reader); /* freed by app_exit()'s last turn */
        return false;
    }
    if (opts->app.no_redis)
        app_ready(app);
    else
        open_publisher(t);
    return true;
}
