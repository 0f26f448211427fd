#include "bargen/store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bargen/core/stats.h"
#include "bargen/store/checkpoint.h"
#include "bargen/store/custody.h"
#include "bargen/store/lease.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum { RETRY_MS = 1000, WHY_MAX = JOIN_WHY_MAX };

struct store {
    struct store_options options;
    struct store_events events;
    void *arg;
    struct redis_cmd *cmd;
    struct leases *leases; /* NULL: no state is kept */
    struct join *join;     /* NULL: likewise, or no group */
    struct checkpoint_rules rules;
    struct transaction transaction;
    struct custody custody;
    struct shard *shards;
    unsigned n_shards;
    char id[MEMBERS_ID_MAX];
    bool ready;        /* on this connection */
    bool refused;      /* something, until the link is made anew */
    bool waiting;      /* before what was refused is sent again */
    bool acked;        /* on_acked is owed */
    char why[WHY_MAX]; /* it is not ready */
    bool left;         /* no longer a member */
    bool closing;
    uv_timer_t retry;
    void (*on_finished)(void *arg);
    void *finished_arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
    unsigned open; /* handles and links */
};

static void proceed(void *arg);

bool store_ready(const struct store *s)
{
    return s->ready && redis_cmd_ready(s->cmd);
}

const char *store_fault(const struct store *s)
{
    return store_ready(s) ? NULL : s->why;
}

bool store_leases(const struct store *s, struct leases_status *status)
{
    if (s->leases)
        *status = leases_status(s->leases);
    return s->leases;
}

struct redis_cmd *store_cmd(struct store *s)
{
    return s->cmd;
}

bool store_full(const struct store *s)
{
    size_t waiting = 0;

    for (unsigned i = 0; i < s->n_shards; i++)
        waiting += s->shards[i].out.run.len + s->shards[i].flying.len;
    return waiting > STORE_MAX_BYTES;
}

/* --- checkpoints --- */

static bool may_send(const struct store *s)
{
    bool refused = s->refused && !s->rules.finishing;

    return redis_cmd_ready(s->cmd) && !s->transaction.flying && !s->waiting &&
           (s->leases ? leases_settled(s->leases) && !refused : s->ready);
}

/* Nothing more will come from us. */
static bool may_leave(const struct store *s)
{
    if (!s->rules.finishing || !s->leases || s->left || !leases_idle(s->leases))
        return false;
    for (unsigned i = 0; i < s->n_shards; i++)
        if (shard_is_here(&s->shards[i]) &&
            !(s->shards[i].status == SHARD_FLYING && s->shards[i].last))
            return false;
    return true;
}

static void on_exec(void *arg, const struct redis_reply *r);

static void flush(struct store *s)
{
    uint64_t now_ms = clock_mono_ms();
    bool renew = s->leases && leases_due(s->leases, now_ms);

    if (!may_send(s))
        return;
    transaction_begin(&s->transaction);
    for (unsigned i = 0; i < s->n_shards; i++)
        checkpoint_add(&s->rules, &s->shards[i], &s->transaction, now_ms,
                       renew && !s->rules.finishing);
    if (may_leave(s)) {
        for (unsigned i = 0; i < s->n_shards; i++)
            if (leases_ours(s->leases, i) && !shard_is_here(&s->shards[i]))
                transaction_give(&s->transaction, s->leases, i);
        transaction_leave(&s->transaction, s->leases);
        s->left = true;
    }
    if (s->transaction.commands == 0)
        return;
    if (transaction_send(&s->transaction, s->cmd, on_exec, s) && s->leases)
        leases_guard(s->leases);
    if (renew)
        leases_renewed(s->leases, now_ms);
}

void store_flush(struct store *s)
{
    flush(s);
}

uint64_t store_due_ms(const struct store *s)
{
    uint64_t due = UINT64_MAX;

    if (!may_send(s))
        return due;
    for (unsigned i = 0; i < s->n_shards; i++) {
        uint64_t d = checkpoint_due_ms(&s->rules, &s->shards[i]);

        due = d < due ? d : due;
    }
    return due;
}

static void landed(struct store *s)
{
    for (unsigned i = 0; i < s->transaction.n_parts; i++) {
        struct shard *sh = s->transaction.part[i];

        if (!s->leases || !sh->last)
            continue;
        log_debug("lease_given", "shard=%u", sh->n);
        leases_given(s->leases, sh->n);
        custody_end(&s->custody, sh);
    }
    s->acked = true;
}

static void on_exec(void *arg, const struct redis_reply *r)
{
    struct store *s = arg;

    switch (transaction_end(&s->transaction, r)) {
    case TRANSACTION_RAN:
        landed(s);
        break;
    case TRANSACTION_NOT: /* what the leases say comes behind it */
        stats_checkpoint_fenced();
        s->left = false;
        break;
    case TRANSACTION_REFUSED:
        s->left = false;
        s->waiting = true;
        if (!s->closing)
            uv_timer_start(&s->retry, s->retry.timer_cb, RETRY_MS, 0);
        break;
    case TRANSACTION_LOST: /* asking comes with on_ready */
        s->left = false;
        return;
    }
    if (!s->leases)
        proceed(s);
}

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
    uv_timer_start(&s->retry, s->retry.timer_cb, RETRY_MS, 0);
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
    flush(arg);
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

static void on_joined(void *arg)
{
    struct store *s = arg;

    leases_begin(s->leases);
    proceed(s);
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

static void check_finished(struct store *s)
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

/* Something was answered: what follows from it? */
static void proceed(void *arg)
{
    struct store *s = arg;

    if (s->closing || !redis_cmd_ready(s->cmd))
        return;
    if (!s->ready && !s->refused && all_known(s)) {
        s->ready = true;
        s->events.on_ready(s->arg);
    }
    if (s->acked && may_send(s)) {
        s->acked = false;
        s->events.on_acked(s->arg);
    }
    if (s->closing)
        return;
    flush(s);
    check_finished(s);
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
        join_begin(s->join);
    else if (s->leases)
        leases_begin(s->leases);
    proceed(s);
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
    proceed(s);
}

/* A command that nobody asks about was refused: one of a transaction, before
 * its EXEC, unless it is the status of this instance. */
static void on_error(void *arg, struct span text)
{
    (void)arg;
    log_warn("checkpoint_refused", "why=%s", LOG_Q(text));
}

/* --- bars and cursors --- */

void store_bar(struct store *s, struct symbol *sym, const struct resolution *r,
               const struct bar *bar, enum bar_issue how)
{
    unsigned index = (unsigned)(r - s->options.engine->resolutions);

    outbox_bar(&s->shards[sym->shard].out, sym, index, r, bar, how);
}

bool store_cursor(const struct store *s, unsigned shard, struct entry_id *id)
{
    *id = s->shards[shard].cursor;
    return s->shards[shard].has_cursor;
}

enum store_past store_take_past(struct store *s, unsigned shard)
{
    enum store_past past = s->shards[shard].past;

    if (past == STORE_REWOUND)
        s->shards[shard].past = STORE_CURRENT;
    return past;
}

void store_advance(struct store *s, unsigned shard, struct entry_id id)
{
    struct shard *sh = &s->shards[shard];

    sh->cursor = id;
    sh->has_cursor = sh->moved = true;
}

/* --- beginning and end --- */

void store_finish(struct store *s, void (*done)(void *arg), void *arg)
{
    s->rules.finishing = true;
    s->on_finished = done;
    s->finished_arg = arg;
    if (s->join)
        join_end(s->join);
    if (s->leases)
        leases_stop(s->leases);
    for (unsigned i = 0; s->leases && i < s->n_shards; i++)
        if (s->shards[i].status == SHARD_LOADING)
            custody_end(&s->custody, &s->shards[i]);
        else
            custody_leave(&s->custody, &s->shards[i]);
    flush(s);
    check_finished(s);
}

static void open_leases(struct store *s, uv_loop_t *loop, const char *base)
{
    static const struct leases_events events = {
        on_ours, on_lost, on_excess,        proceed,
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

static void open_shards(struct store *s, const char *base)
{
    const struct store_options *o = &s->options;

    s->n_shards = o->engine->config.shards;
    s->shards = mem_zero(s->n_shards * sizeof *s->shards);
    for (unsigned i = 0; i < s->n_shards; i++) {
        struct shard *sh = &s->shards[i];

        shard_init(sh, s, i, &o->outbox, base);
        if (base) {
            sh->owner = s->id;
            engine_forget(o->engine, i, true);
        } else {
            sh->status = SHARD_IDLE;
            sh->known = true;
        }
    }
}

/* Where state is kept, and who has it. */
static void open_shared(struct store *s, uv_loop_t *loop)
{
    const struct group *group = s->options.group;
    struct bytes base, state;

    bytes_init(&base);
    bytes_init(&state);
    group_base(span_str(group ? group->name : "1"), &base);
    bytes_printf(&state, "%.*s%s", SPAN_ARG(bytes_span(&base)),
                 s->options.state);
    bytes_add(&state, "", 1);
    open_shards(s, state.ptr);
    bytes_clear(&base);
    bytes_add_span(&base, s->options.outbox.prefix);
    group_base(span_str(group ? group->name : "1"), &base);
    bytes_add(&base, "", 1);
    open_leases(s, loop, base.ptr);
    bytes_close(&base);
    bytes_close(&state);
}

struct store *store_new(uv_loop_t *loop, const struct store_options *options,
                        const struct store_events *events, void *arg)
{
    struct store *s = mem_zero(sizeof *s);
    struct redis_cmd_events link = {.on_ready = on_link_ready,
                                    .on_down = on_link_down,
                                    .on_error = on_error};

    s->options = *options;
    s->events = *events;
    s->arg = arg;
    snprintf(s->id, sizeof s->id, "%s", options->id ? options->id : "");
    snprintf(s->why, sizeof s->why, "no Redis");
    s->rules = (struct checkpoint_rules){.engine = options->engine,
                                         .updates = options->outbox.updates,
                                         .throttle_ms = options->throttle_ms};
    transaction_init(&s->transaction);
    uv_timer_init(loop, &s->retry);
    s->retry.data = s;
    s->retry.timer_cb = on_retry;
    s->cmd = redis_cmd_new(loop, options->redis, NULL, &link, s);
    s->open = 2;
    s->custody = (struct custody){.cmd = s->cmd,
                                  .engine = options->engine,
                                  .on_shard = on_shard,
                                  .on_known = proceed,
                                  .on_refused = refuse,
                                  .arg = s};
    if (options->state)
        open_shared(s, loop);
    else
        open_shards(s, NULL);
    return s;
}

static void closed(void *arg)
{
    struct store *s = arg;
    void (*on_closed)(void *arg) = s->on_closed;
    void *closed_arg = s->closed_arg;

    if (--s->open > 0)
        return;
    for (unsigned i = 0; i < s->n_shards; i++)
        shard_close(&s->shards[i]);
    transaction_close(&s->transaction);
    free(s->shards);
    free(s);
    if (on_closed)
        on_closed(closed_arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed(handle->data);
}

static void on_link_closed(void *arg)
{
    struct store *s = arg;

    /* Its answers came before; nothing asks any more. */
    if (s->leases)
        leases_close(s->leases, closed, s);
    if (s->join)
        join_close(s->join, closed, s);
    closed(s);
}

void store_close(struct store *s, void (*done)(void *arg), void *arg)
{
    if (!s || s->closing)
        return;
    s->closing = s->custody.closed = true;
    s->on_closed = done;
    s->closed_arg = arg;
    uv_close((uv_handle_t *)&s->retry, on_timer_closed);
    redis_cmd_close(s->cmd, on_link_closed, s);
}
