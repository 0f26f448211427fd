#include <inttypes.h>
#include <stdio.h>

#include "bargen/store/store_internal.h"
#include "common/base/log.h"

/* --- reading back --- */

/* Redis answered, but not as it should: busy loading, or forbidden.  Answers
 * of before may still come, and only a new link has none. */
static void refuse(void *arg, struct span why)
{
    struct store *s = arg;

    if (s->refused || s->closing)
        return;
    s->refused = true;
    s->ready = false;
    snprintf(s->why, sizeof s->why, "Redis refuses: %.*s", SPAN_ARG(why));
    store_link_retry(s);
    s->events.on_unreadable(s->arg, why);
}

/* --- leases --- */

static void on_ours(void *arg, unsigned n)
{
    struct store *s = arg;

    log_debug("lease_taken", "shard=%u fence=%" PRIu64, n,
              leases_fence(s->leases, n));
    if (!s->rules.finishing || shard_is_here(&s->shards[n]))
        custody_take(&s->custody, &s->shards[n]);
}

static void on_shard(void *arg, unsigned n, bool ours)
{
    struct store *s = arg;

    s->events.on_shard(s->arg, n, ours);
}

static void on_lost(void *arg, unsigned n)
{
    struct store *s = arg;

    log_warn("lease_lost", "shard=%u", n);
    custody_end(&s->custody, &s->shards[n]);
}

static void on_excess(void *arg, unsigned n)
{
    struct store *s = arg;

    custody_leave(&s->custody, &s->shards[n]);
}

static void on_due(void *arg)
{
    store_flush_due(arg);
}

static void on_leases_refused(void *arg, struct span why)
{
    struct store *s = arg;

    if (!s->refused)
        log_warn("lease_refused", "why=%s", LOG_Q(why));
    refuse(s, why);
}

static void on_out(void *arg)
{
    struct store *s = arg;

    redis_cmd_drop(s->cmd, "silent for too long: joining anew");
}

/* --- the group --- */

static void on_joined(void *arg, bool rewound)
{
    struct store *s = arg;

    leases_begin(s->leases, rewound);
    store_link_proceed(s);
}

static void on_conflict(void *arg, const char *text)
{
    struct store *s = arg;

    if (strcmp(text, s->why) == 0)
        return;
    snprintf(s->why, sizeof s->why, "%s", text);
    s->events.on_conflict(s->arg, text);
}

/* --- the link --- */

static bool all_known(const struct store *s)
{
    if (s->leases && !leases_begun(s->leases) && !s->rules.finishing)
        return false;
    for (unsigned i = 0; i < s->n_shards; i++)
        if (s->shards[i].status == SHARD_LOADING ||
            (shard_is_here(&s->shards[i]) && !s->shards[i].known))
            return false;
    return true;
}

void store_link_check_finished(struct store *s)
{
    void (*on_finished)(void *arg) = s->on_finished;
    bool member = s->leases && leases_is_member(s->leases);

    if (!s->rules.finishing || !on_finished || (member && !s->left) ||
        s->transaction.flying)
        return;
    for (unsigned i = 0; i < s->n_shards; i++)
        if (s->leases ? shard_is_here(&s->shards[i])
                      : s->shards[i].status != SHARD_IDLE ||
                            checkpoint_has_work(&s->rules, &s->shards[i]))
            return;
    s->on_finished = NULL;
    on_finished(s->finished_arg);
}

void store_link_proceed(void *arg)
{
    struct store *s = arg;

    if (s->closing || !redis_cmd_ready(s->cmd))
        return;
    if (!s->ready && !s->refused && all_known(s)) {
        s->ready = true;
        s->events.on_ready(s->arg);
    }
    if (s->acked && store_may_send(s)) {
        s->acked = false;
        s->events.on_acked(s->arg);
    }
    if (s->closing)
        return;
    store_flush_due(s);
    store_link_check_finished(s);
}

static void on_multi(void *arg, const struct redis_reply *r)
{
    struct store *s = arg;

    if (!r || r->type != REDIS_ERROR_REPLY || s->closing)
        return;
    log_warn("checkpoint_refused", "why=%s", LOG_Q(r->str));
    refuse(s, r->str);
}

static void on_probed(void *arg, const struct redis_reply *r)
{
    struct store *s = arg;

    if (!r || s->refused || s->closing)
        return;
    if (s->join && !s->rules.finishing)
        join_begin(s->join, leases_beat_ms(s->leases));
    else if (s->leases)
        leases_begin(s->leases, false);
    store_link_proceed(s);
}

/* Where MULTI is forbidden, what follows it would run one by one: an empty
 * transaction goes first. */
static void on_link_ready(void *arg)
{
    struct store *s = arg;

    s->refused = s->waiting = false;
    redis_cmd_words(s->cmd, on_multi, s, "MULTI", NULL);
    redis_cmd_words(s->cmd, on_probed, s, "EXEC", NULL);
}

static void on_link_down(void *arg, const char *why, bool refused_us)
{
    struct store *s = arg;

    s->ready = s->waiting = false;
    uv_timer_stop(&s->retry);
    if (s->leases) {
        if (s->join)
            join_end(s->join);
        leases_end(s->leases);
        for (unsigned i = 0; i < s->n_shards; i++)
            s->shards[i].known = false;
    }
    if (!s->refused)
        snprintf(s->why, sizeof s->why, "no Redis");
    s->events.on_down(s->arg, why, refused_us);
}

static void on_retry(uv_timer_t *timer)
{
    struct store *s = timer->data;

    if (s->refused) {
        redis_cmd_drop(s->cmd, "asking for the state again");
        return;
    }
    s->waiting = false;
    store_link_proceed(s);
}

void store_link_retry(struct store *s)
{
    uv_timer_start(&s->retry, on_retry, RETRY_MS, 0);
}

/* A command that nobody asks about was refused: one of a transaction, before
 * its EXEC, unless it is the status of this instance. */
static void on_error(void *arg, struct span text)
{
    (void)arg;
    log_warn("checkpoint_refused", "why=%s", LOG_Q(text));
}

/* --- beginning --- */

void store_link_share(struct store *s, uv_loop_t *loop, const char *base)
{
    static const struct leases_events events = {
        on_ours, on_lost, on_excess,        store_link_proceed,
        on_due,  on_out,  on_leases_refused};
    static const struct join_events joins = {on_joined, on_conflict,
                                             on_leases_refused};
    const struct store_options *o = &s->options;
    struct leases_config config = {s->cmd, base, s->id, s->n_shards};
    struct join_config join = {s->cmd, o->outbox.prefix, o->group, s->id};

    s->leases = leases_new(loop, &config, &events, s);
    s->rules.leases = s->leases;
    s->open++;
    if (!o->group)
        return;
    s->join = join_new(loop, &join, &joins, s);
    s->custody.join = s->join;
    s->custody.kind = o->state;
    s->open++;
}

void store_link_open(struct store *s, uv_loop_t *loop)
{
    static const struct redis_cmd_events link = {.on_ready = on_link_ready,
                                                 .on_down = on_link_down,
                                                 .on_error = on_error};

    uv_timer_init(loop, &s->retry);
    s->retry.data = s;
    s->cmd = redis_cmd_new(loop, s->options.redis, NULL, &link, s);
    s->open = 2;
    s->custody = (struct custody){.cmd = s->cmd,
                                  .engine = s->options.engine,
                                  .on_shard = on_shard,
                                  .on_known = store_link_proceed,
                                  .on_refused = refuse,
                                  .arg = s};
}
