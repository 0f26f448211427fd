#include "common/app/app_redis.h"

#include <stdio.h>

bool app_redis_config(const struct app *app, struct redis_config *config,
                      struct err *err)
{
    if (!redis_config_read(config, app->opts->redis, app->opts->prefix, err))
        return false;
    snprintf(config->client_name, sizeof config->client_name, "%s:%s",
             app->tool, app->instance);
    return true;
}

/* --- the start --- */

static void fail(struct app_redis *r, enum err_code code, const char *what,
                 const char *why)
{
    struct err err = {0};

    err_set(&err, code, "%s %s: %s", r->url, what, why);
    app_fail(r->app, &err);
}

static void go_on_without(struct app_redis *r)
{
    void (*on_without)(void *arg) = r->on_without;

    r->on_without = NULL;
    if (on_without)
        on_without(r->arg);
}

static void on_missing(uv_timer_t *timer)
{
    struct app_redis *r = timer->data;

    fail(r, ERR_PEER, "is not there (--require-redis)",
         r->why[0] != '\0' ? r->why : "no answer");
}

static void on_waited(uv_timer_t *timer)
{
    go_on_without(timer->data);
}

void app_redis_open(struct app_redis *r, struct app *app, const char *url)
{
    *r = (struct app_redis){.app = app, .url = url, .open = true};
    uv_timer_init(&app->loop, &r->timer);
    r->timer.data = r;
    if (app->opts->require_redis)
        uv_timer_start(&r->timer, on_missing, APP_REDIS_REQUIRE_MS, 0);
}

void app_redis_wait(struct app_redis *r, uint64_t wait_ms,
                    void (*on_without)(void *arg), void *arg)
{
    if (r->app->opts->require_redis)
        return;
    r->on_without = on_without;
    r->arg = arg;
    uv_timer_start(&r->timer, on_waited, wait_ms, 0);
}

bool app_redis_up(struct app_redis *r)
{
    bool first = !r->was_up;

    r->was_up = true;
    if (r->stopping)
        return false; /* the timer is that of the stop by now */
    if (first && r->open)
        uv_timer_stop(&r->timer);
    return first;
}

void app_redis_down(struct app_redis *r, const char *why, bool refused)
{
    snprintf(r->why, sizeof r->why, "%s", why);
    if (r->was_up)
        return; /* the link has said so and tries again */
    if (refused)
        fail(r, ERR_REFUSED, "refused us", why);
    else
        go_on_without(r);
}

const char *app_redis_word(bool off, bool connected)
{
    if (off)
        return "disabled";
    return connected ? "connected" : "disconnected";
}

/* --- the stop --- */

static void end(struct app_redis *r, bool settled)
{
    void (*on_end)(void *arg, bool settled) = r->on_end;

    if (!on_end)
        return;
    r->on_end = NULL;
    app_redis_close(r);
    on_end(r->arg, settled);
}

static void on_stop_late(uv_timer_t *timer)
{
    end(timer->data, false);
}

void app_redis_stop(struct app_redis *r, bool patient,
                    void (*on_end)(void *arg, bool settled), void *arg)
{
    r->stopping = true;
    r->on_without = NULL;
    r->on_end = on_end;
    r->arg = arg;
    uv_timer_start(&r->timer, on_stop_late,
                   patient ? APP_REDIS_FLUSH_MS : APP_REDIS_NO_LINK_MS, 0);
}

void app_redis_settled(void *arg)
{
    end(arg, true);
}

void app_redis_close(struct app_redis *r)
{
    r->stopping = true;
    r->on_without = NULL;
    if (r->open)
        uv_close((uv_handle_t *)&r->timer, NULL);
    r->open = false;
}
