#include <stdlib.h>

#include "bargen/store/leases_internal.h"

struct question *leases_question(struct leases *l)
{
    struct question *q = mem_zero(sizeof *q + l->n * sizeof(struct lease *));

    q->leases = l;
    return q;
}

void leases_refuse(struct leases *l, const struct redis_reply *r)
{
    static const char odd[] = "an answer of another kind";

    l->events.on_refused(l->arg,
                         r->type == REDIS_ERROR_REPLY ? r->str : span_str(odd));
}

void leases_check_settled(struct leases *l)
{
    if (leases_settled(l) && !l->closing)
        l->events.on_settled(l->arg);
}

/* --- are they ours? --- */

static void lose(struct lease *lease)
{
    struct leases *l = lease->leases;

    lease->status = LEASE_NONE;
    l->said.lost++;
    l->events.on_lost(l->arg, lease->shard);
}

static void on_watch(void *arg, const struct redis_reply *r)
{
    struct leases *l = arg;

    if (r && r->type == REDIS_ERROR_REPLY && !l->closing)
        leases_refuse(l, r);
}

static void judge(struct lease *lease, const struct redis_reply *value,
                  struct question *again)
{
    struct leases *l = lease->leases;

    if (lease->status != LEASE_CLAIMED && lease->status != LEASE_GOOD)
        return; /* given back since it was asked */
    if (value->type == REDIS_STRING && span_is(value->str, lease->value)) {
        bool known = lease->status == LEASE_GOOD;

        lease->status = LEASE_GOOD;
        if (!known)
            l->events.on_ours(l->arg, lease->shard);
    } else if (value->type == REDIS_NIL_REPLY) {
        lease->status = LEASE_ASKED;
        lease->before = true;
        again->lease[again->n++] = lease;
    } else {
        lose(lease);
    }
}

static void on_values(void *arg, const struct redis_reply *r)
{
    struct question *q = arg, *again;
    struct leases *l = q->leases;

    l->confirming--;
    if (!r || l->closing) {
        free(q);
        return;
    }
    if (r->type != REDIS_ARRAY || r->count != q->n) {
        free(q);
        leases_refuse(l, r);
        return;
    }
    again = leases_question(l);
    for (unsigned i = 0; i < q->n; i++)
        judge(q->lease[i], &r->item[i], again);
    free(q);
    leases_take(again);
    leases_check_settled(l);
}

/* WATCH, then look: what is as it should be cannot change unseen any more. */
static void confirm(struct question *q)
{
    struct leases *l = q->leases;

    if (q->n == 0 || !redis_cmd_begin(l->cmd, 1 + q->n, on_watch, l)) {
        free(q);
        return;
    }
    redis_cmd_str(l->cmd, "WATCH");
    for (unsigned i = 0; i < q->n; i++)
        redis_cmd_str(l->cmd, q->lease[i]->key);
    l->confirming++;
    redis_cmd_begin(l->cmd, 1 + q->n, on_values, q);
    redis_cmd_str(l->cmd, "MGET");
    for (unsigned i = 0; i < q->n; i++)
        redis_cmd_str(l->cmd, q->lease[i]->key);
}

void leases_guard(struct leases *l)
{
    struct question *q = leases_question(l);

    for (unsigned i = 0; i < l->n; i++)
        if (l->at[i].status == LEASE_GOOD || l->at[i].status == LEASE_CLAIMED)
            q->lease[q->n++] = &l->at[i];
    confirm(q);
}

void leases_doubt(struct leases *l, unsigned shard)
{
    if (l->at[shard].status == LEASE_GOOD)
        l->at[shard].status = LEASE_CLAIMED;
}

/* --- taking --- */

static void on_raised(void *arg, const struct redis_reply *r)
{
    (void)arg;
    (void)r; /* what is refused here is refused below, too */
}

static void answered(struct leases *l)
{
    struct question *q;

    if (--l->taking > 0 || l->closing)
        return;
    q = leases_question(l);
    for (unsigned i = 0; i < l->n; i++)
        if (l->at[i].fresh) {
            l->at[i].fresh = false;
            l->at[i].status = LEASE_CLAIMED;
            q->lease[q->n++] = &l->at[i];
        }
    confirm(q);
    leases_check_settled(l);
}

static void on_set(void *arg, const struct redis_reply *r)
{
    struct lease *lease = arg;
    struct leases *l = lease->leases;

    if (r && r->type == REDIS_STATUS) {
        lease->fresh = true;
        l->said.taken++;
    } else if (!lease->before) {
        lease->status = LEASE_NONE;
    } else if (!r) {
        lease->status = LEASE_CLAIMED; /* asked about with the next link */
    } else if (!l->closing) {
        lose(lease); /* somebody was quicker */
    }
    if (r && r->type == REDIS_ERROR_REPLY && !l->closing)
        leases_refuse(l, r);
    answered(l);
}

static void on_fence(void *arg, const struct redis_reply *r)
{
    struct question *q = arg;
    struct leases *l = q->leases;

    if (r && r->type == REDIS_STRING && !l->closing &&
        span_number(r->str, SPAN_DIGITS_MAX, &l->said.fence)) {
        l->taking += q->n;
        for (unsigned i = 0; i < q->n; i++)
            lease_ask(q->lease[i], l->cmd, l->members.id, l->said.fence,
                      on_set);
    } else {
        for (unsigned i = 0; i < q->n; i++)
            q->lease[i]->status =
                q->lease[i]->before ? LEASE_CLAIMED : LEASE_NONE;
        if (r && !l->closing)
            leases_refuse(l, r);
    }
    free(q);
    answered(l);
}

void leases_take(struct question *q)
{
    struct leases *l = q->leases;

    if (q->n == 0) {
        free(q);
        return;
    }
    /* Not below the time of day, whatever Redis has lost; then one more than
     * any other that was given. */
    redis_cmd_begin(l->cmd, 5, on_raised, l);
    redis_cmd_str(l->cmd, "ZADD");
    redis_cmd_str(l->cmd, l->fence_key);
    redis_cmd_str(l->cmd, "GT");
    redis_cmd_int(l->cmd, l->members.now_ms);
    redis_cmd_str(l->cmd, "last");
    l->taking++;
    redis_cmd_words(l->cmd, on_fence, q, "ZINCRBY", l->fence_key, "1", "last",
                    NULL);
}
