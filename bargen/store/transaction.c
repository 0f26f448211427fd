#include "bargen/store/transaction.h"

#include <stdlib.h>

#include "bargen/core/stats.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/redis_resp.h"

void transaction_init(struct transaction *t)
{
    *t = (struct transaction){.commands = 0};
    bytes_init(&t->run);
}

void transaction_close(struct transaction *t)
{
    bytes_close(&t->run);
    free(t->part);
}

void transaction_begin(struct transaction *t)
{
    bytes_clear(&t->run);
    t->commands = t->n_parts = 0;
}

static void open_if_empty(struct transaction *t)
{
    if (t->commands > 0)
        return;
    resp_array(&t->run, 1);
    resp_bulk_str(&t->run, "MULTI");
    t->commands = 1;
}

void transaction_add(struct transaction *t, struct shard *sh,
                     const struct leases *leases, bool last)
{
    open_if_empty(t);
    if (t->n_parts == t->cap_parts) {
        t->cap_parts = t->cap_parts ? t->cap_parts * 2 : 16;
        t->part = mem_grow(t->part, t->cap_parts * sizeof(*t->part));
    }
    t->part[t->n_parts++] = sh;
    bytes_add_span(&t->run, bytes_span(&sh->flying));
    sh->flying_at = t->commands - 1; /* MULTI is not answered in EXEC */
    t->commands += sh->flying_commands;
    sh->status = SHARD_FLYING;
    sh->last = last;
    if (!leases)
        return;
    if (last)
        lease_give(leases_of(leases, sh->n), &t->run);
    else
        lease_renew(leases_of(leases, sh->n), &t->run);
    t->commands++;
}

void transaction_renew(struct transaction *t, const struct leases *leases,
                       unsigned shard)
{
    open_if_empty(t);
    lease_renew(leases_of(leases, shard), &t->run);
    t->commands++;
}

void transaction_give(struct transaction *t, const struct leases *leases,
                      unsigned shard)
{
    open_if_empty(t);
    lease_give(leases_of(leases, shard), &t->run);
    t->commands++;
}

void transaction_leave(struct transaction *t, const struct leases *leases)
{
    open_if_empty(t);
    leases_leave(leases, &t->run);
    t->commands++;
}

static void unsure(struct transaction *t)
{
    for (unsigned i = 0; i < t->n_parts; i++)
        t->part[i]->status = SHARD_UNSURE;
}

bool transaction_send(struct transaction *t, struct redis_cmd *cmd,
                      redis_reply_fn *fn, void *arg)
{
    t->sent_ns = clock_mono_ns();
    t->flying =
        redis_cmd_raw(cmd, t->run.ptr, t->run.len, t->commands, NULL, NULL) &&
        redis_cmd_words(cmd, fn, arg, "EXEC", NULL);
    if (!t->flying)
        unsure(t);
    return t->flying;
}

/* What single commands have answered; the others ran all the same. */
static void log_errors(const struct transaction *t, const struct redis_reply *r)
{
    for (unsigned i = 0; i < t->n_parts; i++) {
        size_t at = t->part[i]->flying_at;
        size_t end = at + t->part[i]->flying_commands;

        for (; at < end && at < r->count; at++)
            if (r->item[at].type == REDIS_ERROR_REPLY)
                log_warn("checkpoint_refused", "shard=%u why=%s", t->part[i]->n,
                         LOG_Q(r->item[at].str));
    }
}

enum transaction_end transaction_end(struct transaction *t,
                                     const struct redis_reply *r)
{
    enum transaction_end end = !r                       ? TRANSACTION_LOST
                               : r->type == REDIS_ARRAY ? TRANSACTION_RAN
                               : r->type == REDIS_NIL_REPLY
                                   ? TRANSACTION_NOT
                                   : TRANSACTION_REFUSED;

    t->flying = false;
    if (end == TRANSACTION_REFUSED && r->type == REDIS_ERROR_REPLY)
        log_warn("checkpoint_refused", "shards=%u why=%s", t->n_parts,
                 LOG_Q(r->str));
    if (end != TRANSACTION_RAN) {
        unsure(t);
        return end;
    }
    log_errors(t, r);
    stats_checkpoint((clock_mono_ns() - t->sent_ns) / 1000, t->run.len);
    for (unsigned i = 0; i < t->n_parts; i++) {
        struct shard *sh = t->part[i];

        if (sh->flying_at < r->count)
            outbox_answered(&sh->out, r->item + sh->flying_at,
                            r->count - sh->flying_at);
        shard_landed(sh);
    }
    return end;
}
