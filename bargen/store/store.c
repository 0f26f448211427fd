#include <stdio.h>
#include <stdlib.h>

#include "bargen/core/stats.h"
#include "bargen/store/store_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"

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

bool store_may_send(const struct store *s)
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

void store_flush_due(struct store *s)
{
    uint64_t now_ms = clock_mono_ms();
    bool renew = s->leases && leases_due(s->leases, now_ms);

    if (!store_may_send(s))
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
    store_flush_due(s);
}

uint64_t store_due_ms(const struct store *s)
{
    uint64_t due = UINT64_MAX;

    if (!store_may_send(s))
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

/* A lease has changed, or one that was left over from an abandoned connection
 * has run in its place: what is stored tells. */
static void fenced(struct store *s)
{
    stats_checkpoint_fenced();
    for (unsigned i = 0; s->leases && i < s->transaction.n_parts; i++)
        leases_doubt(s->leases, s->transaction.part[i]->n);
}

static void on_exec(void *arg, const struct redis_reply *r)
{
    struct store *s = arg;

    switch (transaction_end(&s->transaction, r)) {
    case TRANSACTION_RAN:
        landed(s);
        break;
    case TRANSACTION_NOT: /* what the leases say comes behind it */
        fenced(s);
        s->left = false;
        break;
    case TRANSACTION_REFUSED:
        s->left = false;
        s->waiting = true;
        if (!s->closing)
            store_link_retry(s);
        break;
    case TRANSACTION_LOST: /* asking comes with on_ready */
        s->left = false;
        return;
    }
    if (!s->leases)
        store_link_proceed(s);
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
    store_flush_due(s);
    store_link_check_finished(s);
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
    store_link_share(s, loop, base.ptr);
    bytes_close(&base);
    bytes_close(&state);
}

struct store *store_new(uv_loop_t *loop, const struct store_options *options,
                        const struct store_events *events, void *arg)
{
    struct store *s = mem_zero(sizeof *s);

    s->options = *options;
    s->events = *events;
    s->arg = arg;
    snprintf(s->id, sizeof s->id, "%s", options->id ? options->id : "");
    snprintf(s->why, sizeof s->why, "no Redis");
    s->rules = (struct checkpoint_rules){.engine = options->engine,
                                         .updates = options->outbox.updates,
                                         .throttle_ms = options->throttle_ms};
    transaction_init(&s->transaction);
    store_link_open(s, loop);
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
