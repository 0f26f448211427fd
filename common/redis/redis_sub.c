#include "common/redis/redis_sub.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/redis/redis_metrics.h"
#include "common/redis/redis_wanted.h"

enum { REFUSED_RETRY_MS = 2000 };

struct redis_sub {
    struct redis_link *link;
    struct redis_sub_events events;
    void *arg;
    struct redis_metrics *metrics;
    struct redis_wanted wanted;
    bool live, settled;
    uv_timer_t retry; /* of refused names */
    bool closed;
    unsigned parts; /* link and timer, until they are closed */
    void (*on_done)(void *arg);
    void *done_arg;
};

/* --- what is sent --- */

static void settle(struct redis_sub *s)
{
    if (s->live || s->closed || redis_link_state(s->link) != REDIS_READY ||
        !redis_wanted_settled(&s->wanted))
        return;
    s->live = s->settled = true;
    if (s->events.on_live)
        s->events.on_live(s->arg);
}

static void on_flush(void *arg)
{
    struct redis_sub *s = arg;

    redis_wanted_diff(&s->wanted, redis_link_out(s->link));
    if (!redis_wanted_settled(&s->wanted))
        s->live = false;
    else
        settle(s);
}

static void on_retry(uv_timer_t *t)
{
    struct redis_sub *s = t->data;

    if (s->wanted.refused == 0)
        return;
    redis_wanted_retry(&s->wanted);
    redis_link_queued(s->link);
    uv_timer_start(t, on_retry, REFUSED_RETRY_MS, 0);
}

void redis_sub_want(struct redis_sub *s, struct span name, bool pattern)
{
    if (!s->closed && redis_wanted_add(&s->wanted, name, pattern)) {
        s->live = false;
        redis_link_queued(s->link);
    }
}

void redis_sub_unwant(struct redis_sub *s, struct span name, bool pattern)
{
    if (!s->closed && redis_wanted_remove(&s->wanted, name, pattern)) {
        s->live = false;
        redis_link_queued(s->link);
    }
}

/* --- what comes back --- */

static bool protocol_error(struct redis_sub *s)
{
    redis_link_drop(s->link, "unexpected reply to a subscriber");
    return false;
}

static void on_message(struct redis_sub *s, struct span channel,
                       struct span payload, struct span pattern)
{
    s->metrics->messages.value++;
    if (s->events.on_message)
        s->events.on_message(s->arg, channel, payload, pattern);
}

static void confirmed(struct redis_sub *s, struct span name, bool pattern)
{
    if (s->events.on_confirmed)
        s->events.on_confirmed(s->arg, name, pattern);
}

/* [un|p|punsub]scribe, name, how many are left. */
static bool on_answer(struct redis_sub *s, struct span kind,
                      const struct redis_reply *name)
{
    static const struct {
        const char *word;
        bool subscribe, pattern;
    } kinds[] = {
        {"subscribe", true, false},
        {"unsubscribe", false, false},
        {"psubscribe", true, true},
        {"punsubscribe", false, true},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!span_is(kind, kinds[i].word))
            continue;
        if (name->type == REDIS_NIL_REPLY && !kinds[i].subscribe)
            return true; /* "all of none": says nothing about a name */
        switch (redis_wanted_answer(&s->wanted, kinds[i].subscribe, name->str,
                                    kinds[i].pattern)) {
        case REDIS_ANSWER_BAD:
            return protocol_error(s);
        case REDIS_ANSWER_GRANTED:
            log_info("redis_channel_granted", "name=%s pattern=%d",
                     LOG_Q(name->str), kinds[i].pattern);
            confirmed(s, name->str, kinds[i].pattern);
            return true;
        case REDIS_ANSWER_SUBSCRIBED:
            confirmed(s, name->str, kinds[i].pattern);
            return true;
        case REDIS_ANSWER_OLD:
        case REDIS_ANSWER_UNSUBSCRIBED:
            return true;
        }
    }
    return protocol_error(s);
}

struct refusal {
    struct redis_sub *sub;
    struct span why;
};

static void on_refused_name(void *arg, const struct redis_refusal *r)
{
    const struct refusal *refusal = arg;
    struct redis_sub *s = refusal->sub;

    if (r->changed)
        log_error("redis_channel_refused",
                  "name=%s pattern=%d why=%s retry_every_ms=%d", LOG_Q(r->name),
                  r->pattern, LOG_Q(refusal->why), REFUSED_RETRY_MS);
    if (!uv_is_active((uv_handle_t *)&s->retry))
        uv_timer_start(&s->retry, on_retry, REFUSED_RETRY_MS, 0);
    if (s->events.on_refused && !s->closed)
        s->events.on_refused(s->arg, r->name, r->pattern, refusal->why);
}

static bool on_error(struct redis_sub *s, struct span text)
{
    struct refusal refusal = {s, text};
    enum redis_error class = redis_error_of(text);
    char why[128];

    s->metrics->errors[class].value++;
    if (redis_wanted_pong(&s->wanted))
        return true; /* PING is forbidden: any byte proves life */
    if (class == REDIS_ERR_REFUSED && !span_starts(text, "NOAUTH") &&
        redis_wanted_rejected(&s->wanted, text, on_refused_name, &refusal)) {
        if (!s->closed)
            redis_link_queued(s->link);
        return true;
    }
    snprintf(why, sizeof why, "%.*s", SPAN_ARG(text));
    redis_link_drop(s->link, why);
    return false;
}

static bool on_array(struct redis_sub *s, const struct redis_reply *item,
                     size_t count)
{
    struct span kind;

    if (count < 2 || item[0].type != REDIS_STRING)
        return protocol_error(s);
    kind = item[0].str;
    if (count == 3 && item[1].type == REDIS_STRING &&
        item[2].type == REDIS_STRING && span_is(kind, "message")) {
        on_message(s, item[1].str, item[2].str, span_make("", 0));
        return true;
    }
    if (count == 4 && item[1].type == REDIS_STRING &&
        item[2].type == REDIS_STRING && item[3].type == REDIS_STRING &&
        span_is(kind, "pmessage")) {
        on_message(s, item[2].str, item[3].str, item[1].str);
        return true;
    }
    if (count == 2 && span_is(kind, "pong"))
        return redis_wanted_pong(&s->wanted) || protocol_error(s);
    if (count == 3 && item[2].type == REDIS_INTEGER &&
        (item[1].type == REDIS_STRING || item[1].type == REDIS_NIL_REPLY))
        return on_answer(s, kind, &item[1]);
    return protocol_error(s);
}

static bool on_reply(void *arg, const struct redis_reply *r)
{
    struct redis_sub *s = arg;
    bool go_on;

    if (r->type == REDIS_ARRAY)
        go_on = on_array(s, r->item, r->count);
    else if (r->type == REDIS_ERROR_REPLY)
        go_on = on_error(s, r->str);
    else if (r->type == REDIS_STATUS && span_is(r->str, "PONG"))
        go_on = redis_wanted_pong(&s->wanted) || protocol_error(s);
    else
        go_on = protocol_error(s);
    return go_on && !s->closed;
}

/* --- the other events of the link --- */

static void on_ready(void *arg)
{
    struct redis_sub *s = arg;

    redis_wanted_reset(&s->wanted);
    redis_link_queued(s->link); /* on_flush asks for everything */
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct redis_sub *s = arg;

    redis_wanted_reset(&s->wanted);
    s->live = s->settled = false;
    if (s->events.on_down)
        s->events.on_down(s->arg, why, refused);
}

static void on_drained(void *arg)
{
    struct redis_sub *s = arg;

    settle(s);
    if (s->events.on_drained && !s->closed)
        s->events.on_drained(s->arg);
}

static void on_ping(void *arg)
{
    struct redis_sub *s = arg;

    redis_wanted_ping(&s->wanted);
}

struct redis_sub *redis_sub_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct redis_sub_events *events,
                                void *arg)
{
    static const struct redis_link_events link_events = {
        .role = "sub",
        .on_ready = on_ready,
        .on_down = on_down,
        .on_reply = on_reply,
        .on_drained = on_drained,
        .on_ping = on_ping,
        .on_flush = on_flush,
    };
    struct redis_sub *s = mem_zero(sizeof *s);

    s->events = *events;
    s->arg = arg;
    redis_wanted_init(&s->wanted);
    uv_timer_init(loop, &s->retry);
    s->retry.data = s;
    s->link = redis_link_new(loop, config, &link_events, s);
    s->metrics = redis_metrics_of("sub");
    s->parts = 2;
    return s;
}

bool redis_sub_confirmed(const struct redis_sub *s, struct span name,
                         bool pattern)
{
    return !s->closed && redis_wanted_confirmed(&s->wanted, name, pattern);
}

bool redis_sub_refused(const struct redis_sub *s, struct span name,
                       bool pattern, struct span *why)
{
    return !s->closed && redis_wanted_refused(&s->wanted, name, pattern, why);
}

size_t redis_sub_wanted_count(const struct redis_sub *s)
{
    return s->wanted.wanted;
}

size_t redis_sub_refused_count(const struct redis_sub *s)
{
    return s->wanted.refused;
}

bool redis_sub_settled(const struct redis_sub *s)
{
    return s->settled;
}

enum redis_state redis_sub_state(const struct redis_sub *s)
{
    return s->closed ? REDIS_CLOSED : redis_link_state(s->link);
}

void redis_sub_drop(struct redis_sub *s, const char *why)
{
    if (!s->closed)
        redis_link_drop(s->link, why);
}

static void on_part_closed(struct redis_sub *s)
{
    void (*on_done)(void *arg) = s->on_done;
    void *done_arg = s->done_arg;

    if (--s->parts > 0)
        return;
    redis_wanted_close(&s->wanted);
    free(s);
    if (on_done)
        on_done(done_arg);
}

static void on_link_closed(void *arg)
{
    on_part_closed(arg);
}

static void on_timer_closed(uv_handle_t *h)
{
    on_part_closed(h->data);
}

void redis_sub_close(struct redis_sub *s, void (*done)(void *arg), void *arg)
{
    if (s->closed)
        return;
    s->closed = true;
    s->live = s->settled = false;
    s->on_done = done;
    s->done_arg = arg;
    redis_link_close(s->link, on_link_closed, s);
    uv_close((uv_handle_t *)&s->retry, on_timer_closed);
}
