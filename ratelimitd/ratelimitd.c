#include "ratelimitd/ratelimitd.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"

enum {
    /* Questions wait this long for a first connection; then they are answered
     * without Redis. */
    START_WAIT_MS = 1000,
    KEEP_ALIVE_MS = 3600 * 1000,
};

/* --- rules --- */

static void reload(void *arg)
{
    struct ratelimitd *r = arg;
    const char *path = r->opts->rules;
    struct err err = {0};
    struct ruleset *set;

    if (!path && r->sync) { /* the rules are those in Redis */
        function_sync_read_rules(r->sync);
        return;
    }
    set = ruleset_load(path, clock_wall_ms(), &err);
    if (!set) {
        stats.reloads_bad.value++;
        log_error("reload_failed", "why=%s", LOG_Q(span_str(err.text)));
        return;
    }
    stats.reloads.value++;
    limiter_set_rules(r->limiter, set);
    if (r->sync)
        function_sync_set_rules(r->sync, set);
    log_info("reloaded", "rules=%s count=%u", path ? path : "built-in",
             set->rules.count);
    ruleset_unref(set);
}

static void on_message(void *arg, struct span channel, struct span payload,
                       struct span pattern)
{
    (void)channel;
    (void)payload;
    (void)pattern;
    reload(arg);
}

/* --- beginning --- */

static void on_pipe_end(void *arg)
{
    struct ratelimitd *r = arg;

    app_stop(r->app);
}

static void on_nothing(uv_timer_t *timer)
{
    (void)timer;
}

/* Redis is there, or will not be for a while: questions can come. */
static void begin(void *arg)
{
    struct ratelimitd *r = arg;
    struct pipe_config pipe = {.strict = r->opts->strict,
                               .linger = r->opts->linger,
                               .max_line_bytes =
                                   (size_t)r->opts->max_line_bytes};
    struct err err = {0};

    if (r->began || r->app->stopping)
        return;
    r->began = true;
    /* HTTP alone does not keep the loop alive: this does, until the stop. */
    uv_timer_start(&r->keep_alive, on_nothing, KEEP_ALIVE_MS, KEEP_ALIVE_MS);
    if (r->opts->check) {
        check_command_ask(&r->check, r->limiter);
        return;
    }
    if (options_reads_stdin(r->opts)) {
        r->pipe = pipe_new(r->app, &pipe, r->limiter, on_pipe_end, r, &err);
        if (!r->pipe) {
            app_fail(r->app, &err);
            return;
        }
    }
    app_ready(r->app);
}

/* --- Redis --- */

static void on_redis_ready(void *arg)
{
    struct ratelimitd *r = arg;

    function_sync_connected(r->sync);
}

static void on_function_ready(void *arg)
{
    struct ratelimitd *r = arg;

    app_redis_up(&r->link);
    limiter_resume(r->limiter);
    begin(r);
}

static void on_function_rules(void *arg, struct ruleset *set)
{
    struct ratelimitd *r = arg;

    limiter_set_rules(r->limiter, set);
}

static void on_function_instances(void *arg, unsigned instances)
{
    struct ratelimitd *r = arg;

    limiter_share(r->limiter, instances);
}

static void on_function_refused(void *arg, const char *why)
{
    struct ratelimitd *r = arg;

    app_redis_down(&r->link, why, true);
}

static void on_redis_down(void *arg, const char *why, bool refused)
{
    struct ratelimitd *r = arg;

    function_sync_disconnected(r->sync);
    limiter_pause(r->limiter);
    app_redis_down(&r->link, why, refused);
}

static void on_redis_error(void *arg, struct span text)
{
    (void)arg;
    log_warn("redis_error", "why=%s", LOG_Q(text));
}

static void open_redis(struct ratelimitd *r, struct ruleset *set)
{
    static const struct redis_cmd_events cmd_events = {
        .on_ready = on_redis_ready,
        .on_down = on_redis_down,
        .on_error = on_redis_error,
    };
    static const struct redis_sub_events sub_events = {.on_message =
                                                           on_message};
    static const struct function_sync_events function_sync_events = {
        on_function_ready, on_function_rules, on_function_instances,
        on_function_refused};
    uv_loop_t *loop = &r->app->loop;
    const struct instance_id self = {r->app->tool, r->app->instance,
                                     r->app->started_ms};

    app_redis_open(&r->link, r->app, r->redis.display);
    app_redis_wait(&r->link, START_WAIT_MS, begin, r);
    r->cmd = redis_cmd_new(loop, &r->redis, NULL, &cmd_events, r);
    r->sync = function_sync_new(loop, r->cmd, r->redis.prefix, r->app->instance,
                                !r->opts->rules, &function_sync_events, r);
    function_sync_set_rules(r->sync, set);
    limiter_use_redis(r->limiter, loop, r->cmd, r->sync, r->redis.prefix);
    if (r->opts->check)
        return;
    snprintf(r->config_channel, sizeof r->config_channel, "%sratelimit:config",
             r->redis.prefix);
    r->sub = redis_sub_new(loop, &r->redis, &sub_events, r);
    redis_sub_want(r->sub, span_str(r->config_channel), false);
    r->instance = instance_new(&r->app->loop, self, r->cmd, &r->redis,
                               status_instance, &r->status);
    if (r->opts->queue)
        r->queue = queue_new(r->app, &r->redis, r->cmd, r->limiter);
    r->status.queue = r->queue;
}

/* --check-config: the rules as understood, and nothing else: as nothing is open,
 * the loop ends at once. */
static bool print_rules(const struct options *o, struct err *err)
{
    struct ruleset *set = ruleset_load(o->rules, clock_wall_ms(), err);
    struct bytes text;

    if (!set)
        return false;
    bytes_init(&text);
    rules_print(&set->rules, &text);
    fwrite(text.ptr, 1, text.len, stdout);
    bytes_close(&text);
    ruleset_unref(set);
    return true;
}

bool ratelimitd_init(struct ratelimitd *r, struct app *app,
                     const struct options *opts, struct err *err)
{
    struct limiter_config limits = {.max_keys = (size_t)opts->max_keys,
                                    .timeout_ms = opts->timeout_ms,
                                    .deny_cache = opts->deny_cache};
    struct ruleset *set;

    *r = (struct ratelimitd){.app = app, .opts = opts};
    if (opts->check_config)
        return print_rules(opts, err);
    r->check = (struct check_command){
        .rule = opts->check, .key = opts->key, .cost = opts->cost, .app = app};
    stats_init();
    if (!check_command_valid(&r->check, err) ||
        (!opts->app.no_redis && !app_redis_config(app, &r->redis, err)))
        return false;
    set = ruleset_load(opts->rules, clock_wall_ms(), err);
    if (!set)
        return false;
    r->limiter = limiter_new(&limits, set);
    r->status =
        (struct status){.limiter = r->limiter, .no_redis = opts->app.no_redis};
    status_metrics(&r->status);
    r->web.limiter = r->limiter;
    r->web.denied_status = opts->http_status == 1 ? 429 : 403;
    app->is_ready = status_ready;
    app->health = status_health;
    app->page = web_page;
    app->page_arg = &r->web;
    app->ready_arg = app->health_arg = &r->status;
    app->on_reload = reload;
    uv_timer_init(&app->loop, &r->keep_alive);
    if (opts->app.no_redis)
        begin(r);
    else
        open_redis(r, set);
    ruleset_unref(set);
    return true;
}

/* --- the end --- */

/* Nothing is asked any more, or it took too long: then what is still open is
 * answered degraded. */
static void close_all(void *arg, bool settled)
{
    struct ratelimitd *r = arg;
    struct redis_cmd *cmd = r->cmd;

    (void)settled;
    if (cmd) {
        r->cmd = NULL; /* no mark is sent any more */
        redis_cmd_close(cmd, NULL, NULL);
        limiter_close_redis(r->limiter);
        function_sync_close(r->sync);
        r->sync = NULL;
    }
    if (r->pipe)
        pipe_close(r->pipe);
    r->pipe = NULL;
}

static void drain(struct ratelimitd *r);

static void on_mark(void *arg, const struct redis_reply *reply)
{
    struct ratelimitd *r = arg;

    (void)reply; /* an error tells as much; NULL: the link was lost */
    if (r->cmd)
        drain(r);
}

/* A PING behind everything that is under way, until one has found nothing
 * before it that will lead to more: answers to the queue are commands, too. */
static void drain(struct ratelimitd *r)
{
    bool quiet = limiter_out(r->limiter) == 0;
    bool done = quiet && r->was_quiet;

    if (!done && redis_cmd_words(r->cmd, on_mark, r, "PING", NULL))
        r->was_quiet = quiet;
    else
        app_redis_settled(&r->link); /* or no link: nothing is answered */
}

void ratelimitd_stop(void *arg)
{
    struct ratelimitd *r = arg;

    if (r->pipe)
        pipe_stop(r->pipe);
    if (r->queue)
        queue_stop(r->queue);
    if (r->sub)
        redis_sub_close(r->sub, NULL, NULL);
    r->sub = NULL;
    instance_close(r->instance);
    uv_close((uv_handle_t *)&r->keep_alive, NULL);
    if (!r->cmd) {
        close_all(r, true);
        return;
    }
    function_sync_sign_off(r->sync);
    /* Not patient: what is not answered by Redis is answered here. */
    app_redis_stop(&r->link, false, close_all, r);
    drain(r);
}

void ratelimitd_close(struct ratelimitd *r)
{
    if (r->queue)
        queue_free(r->queue);
    limiter_free(r->limiter);
}
