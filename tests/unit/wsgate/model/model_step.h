/*
 * model_step.h -- what may happen next, and the beginning and the end of a run.
 */
#pragma once

#include "tests/unit/wsgate/model/model_rest.h"
#include "tests/unit/wsgate/model/model_say.h"

/* --- steps --- */

static void step_feed(void)
{
    if (redis.away)
        return;
    if (chance(1))
        feed_garbage(draw(CHANNELS));
    else
        feed_publish(draw(CHANNELS));
}

static struct redis_conn *some_conn(void)
{
    unsigned n = 0, k;
    struct redis_conn *c;

    for (c = redis.first; c; c = c->next)
        n += !c->closed;
    if (n == 0)
        return NULL;
    k = draw(n);
    for (c = redis.first; c->closed || k-- > 0; c = c->next) {
    }
    return c;
}

static void step_link(void)
{
    struct redis_conn *c = some_conn();

    if (!c)
        return;
    if (!c->open) {
        redis_open(c);
        return;
    }
    if (chance(70))
        redis_work(c);
    if (chance(80))
        redis_deliver(c, chance(50) ? SIZE_MAX : 1 + draw(600));
}

static void step_lose(void)
{
    struct redis_conn *c = some_conn();

    if (!c)
        return;
    trace(NOBODY, NOBODY, "link %" PRIu64 " (%s) is lost", c->number,
          c->subscribes ? "subscriptions" : "commands");
    if (chance(50))
        redis_work(c); /* and the answers are lost */
    redis_lose(c);
}

static void redis_kill(void)
{
    trace(NOBODY, NOBODY, "Redis is killed");
    redis.away = true;
    for (struct redis_conn *c = redis.first, *next; c; c = next) {
        next = c->next;
        redis_lose(c);
    }
}

static void redis_return(void)
{
    unsigned how = draw(10);

    redis.away = false;
    redis.loading = chance(30);
    if (how < 5)
        redis_data_copy(&redis.data, &redis.saved);
    else if (how == 9)
        redis_data_clear(&redis.data);
    trace(NOBODY, NOBODY, "Redis is back with %s data",
          how < 5    ? "older"
          : how == 9 ? "no"
                     : "its");
}

static void step_redis(void)
{
    if (redis.away) {
        redis_return();
        return;
    }
    switch (draw(6)) {
    case 0:
        redis_kill();
        break;
    case 1:
        redis.loading = !redis.loading;
        trace(NOBODY, NOBODY, "loading %d", redis.loading);
        break;
    case 2:
        redis.readonly = !redis.readonly;
        break;
    default:
        redis_data_copy(&redis.saved, &redis.data);
        trace(NOBODY, NOBODY, "Redis saves its data");
        break;
    }
}

static bool has_denied(const struct redis_conn *c)
{
    for (unsigned i = 0; i < c->n_names; i++) {
        if (redis_denies(span_str(c->names[i].text), c->names[i].pattern))
            return true;
    }
    return false;
}

/* As ACL SETUSER does: who has what is refused now is disconnected. */
static void step_access(void)
{
    static const struct {
        const char *glob;
        bool pattern;
    } some[] = {{PREFIX "market_data:B", false}, {PREFIX "bars:*", true},
                {PREFIX "market_data:*", true},  {PREFIX "stock:*", false},
                {PREFIX "orderbook:*", true},    {PREFIX "bars:A:5", false}};
    unsigned i = draw(sizeof some / sizeof *some);

    if (redis.n_denied > 0 && chance(60)) {
        redis.n_denied = 0;
        trace(NOBODY, NOBODY, "the ACL allows everything");
        return;
    }
    if (redis.n_denied == REDIS_DENIED_MAX)
        return;
    snprintf(redis.denied[redis.n_denied], REDIS_NAME_MAX, "%s", some[i].glob);
    redis.denied_pattern[redis.n_denied++] = some[i].pattern;
    trace(NOBODY, NOBODY, "the ACL refuses %s%s", some[i].glob,
          some[i].pattern ? " (pattern)" : "");
    for (struct redis_conn *c = redis.first, *next; c; c = next) {
        next = c->next;
        if (has_denied(c))
            redis_lose(c);
    }
}

static void step_client(void)
{
    struct visitor *v = &visitors[draw(VISITORS)];
    unsigned how = draw(100);

    if (v->fd < 0) {
        visitor_come(v);
        visitor_subscribe(v);
    } else if (how < 5) {
        visitor_leave(v);
    } else if (how < 70) {
        visitor_subscribe(v);
    } else {
        visitor_unsubscribe(v);
    }
}

static void step_socket(void)
{
    static const size_t rooms[] = {0, 150, 2000, SIZE_MAX};
    struct visitor *v = &visitors[FAST + draw(VISITORS - FAST)];

    v->room = rooms[draw(4)];
    if (v->fd >= 0)
        trace(number_of(v), NOBODY, "has room for %zd bytes",
              v->room == SIZE_MAX ? -1 : (ssize_t)v->room);
}

static void step_time(void)
{
    unsigned ms = chance(90) ? 1 + draw(60) : 100 + draw(1400);

    model.mono_ns += (int64_t)ms * 1000000;
}

static bool step(void)
{
    unsigned what = draw(1000);
    bool denied = false;

    if (what < 340) {
        step_feed();
    } else if (what < 400) {
        if (!redis.away)
            feed_late(draw(CHANNELS));
    } else if (what < 700) {
        step_link();
    } else if (what < 790) {
        step_time();
    } else if (what < 890) {
        step_client();
    } else if (what < 960) {
        step_socket();
    } else if (what < 972) {
        step_lose();
    } else if (what < 986) {
        step_redis();
    } else if (what < 990) {
        step_access();
        denied = true;
    } else {
        feed_restart(draw(CHANNELS));
    }
    world_turn();
    return denied;
}

/* --- beginning and end --- */

static void world_open(uint64_t seed)
{
    model.random = random_seeded(seed);
    model.seed = seed;
    model.step = model.traced = 0;
    model.mono_ns = INT64_C(1000000000000);
    model.failed[0] = '\0';
    memset(&redis, 0, sizeof redis);
    feeds_open();
    gate_open(on_activity);
    covers_open();
    visitors_open();
    world_rest(500);
}

static void world_close(void)
{
    for (int i = 0; i < VISITORS; i++)
        visitor_leave(&visitors[i]);
    for (int i = 0; i < 4; i++)
        uv_run(&gate.loop, UV_RUN_NOWAIT);
    gate_close();
    feeds_close();
    redis_data_clear(&redis.data);
    redis_data_clear(&redis.saved);
}
