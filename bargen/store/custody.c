#include "bargen/store/custody.h"

#include <stdlib.h>

#include "common/base/log.h"

/* Questions about one shard; void once a later one was asked. */
struct inquiry {
    struct custody *custody;
    struct shard *shard;
    unsigned turn; /* of the shard's */
    unsigned left; /* answers to come */
    /* Whose state is the best? */
    unsigned at; /* which the next answer is about: 0 ours, then the bases */
    unsigned best;
    bool found;
    struct entry_id cursor; /* of the best */
    uint64_t number;        /* of ours */
};

static struct inquiry *inquire(struct custody *c, struct shard *sh)
{
    struct inquiry *q = mem_zero(sizeof *q);

    q->custody = c;
    q->shard = sh;
    q->turn = ++sh->turn;
    return q;
}

static bool is_void(const struct inquiry *q)
{
    return q->custody->closed || q->turn != q->shard->turn;
}

static void refuse(const struct inquiry *q, const struct redis_reply *r)
{
    struct custody *c = q->custody;

    log_warn("state_unreadable", "shard=%u why=%s", q->shard->n, LOG_Q(r->str));
    c->on_refused(c->arg, r->str);
}

/* --- reading --- */

static void take_state(struct inquiry *q, const struct redis_reply *r)
{
    struct custody *c = q->custody;
    struct shard *sh = q->shard;

    engine_forget(c->engine, sh->n, false);
    shard_load(sh, c->engine, r);
    if (q->best > 0)
        shard_adopt(sh, c->engine, q->number);
    sh->status = SHARD_IDLE;
    sh->known = true;
    c->on_shard(c->arg, sh->n, true);
    c->on_known(c->arg);
}

static void on_state(void *arg, const struct redis_reply *r)
{
    struct inquiry *q = arg;

    if (!is_void(q)) {
        if (!r)
            q->shard->status = SHARD_AWAY; /* again with the next link */
        else if (r->type != REDIS_ARRAY)
            refuse(q, r);
        else
            take_state(q, r);
    }
    free(q);
}

static void name_key(const struct inquiry *q, unsigned at, struct bytes *key)
{
    const char *const *bases;
    unsigned covering;

    if (at == 0) {
        bytes_add_str(key, q->shard->key);
        return;
    }
    join_bases(q->custody->join, &bases, &covering);
    bytes_printf(key, "%s%s:%u", bases[at - 1], q->custody->kind, q->shard->n);
}

static void read_best(struct inquiry *q)
{
    struct bytes key;

    bytes_init(&key);
    name_key(q, q->best, &key);
    if (q->best > 0)
        log_info("state_adopted", "shard=%u from=%s", q->shard->n,
                 LOG_Q(bytes_span(&key)));
    if (redis_cmd_begin(q->custody->cmd, 2, on_state, q)) {
        redis_cmd_str(q->custody->cmd, "HGETALL");
        redis_cmd_arg(q->custody->cmd, key.ptr, key.len);
    } else {
        q->shard->status = SHARD_AWAY;
        free(q);
    }
    bytes_close(&key);
}

/* Ours comes first, then those with all of our symbols. */
static void consider(struct inquiry *q, const struct redis_reply *r)
{
    struct entry_id cursor = {0, 0};
    const char *const *bases;
    unsigned at = q->at, covering;
    uint64_t number = 0;
    bool better;

    join_bases(q->custody->join, &bases, &covering);
    if (r->item[0].type == REDIS_STRING)
        span_number(r->item[0].str, SPAN_DIGITS_MAX, &number);
    if (at == 0)
        q->number = number;
    if (number == 0)
        return;
    if (r->item[1].type == REDIS_STRING)
        entry_id_parse(r->item[1].str, &cursor);
    better = entry_id_before(q->cursor, cursor) &&
             (at <= covering || q->best > covering);
    if (q->found && !better)
        return;
    q->found = true;
    q->best = at;
    q->cursor = cursor;
}

static void on_candidate(void *arg, const struct redis_reply *r)
{
    struct inquiry *q = arg;

    if (r && !is_void(q)) {
        if (r->type == REDIS_ARRAY && r->count == 2)
            consider(q, r);
        else if (q->at == 0)
            refuse(q, r);
    }
    q->at++;
    if (--q->left > 0)
        return;
    if (r && !is_void(q)) {
        read_best(q);
        return;
    }
    if (!is_void(q))
        q->shard->status = SHARD_AWAY;
    free(q);
}

static void load(struct custody *c, struct shard *sh)
{
    struct inquiry *q = inquire(c, sh);
    const char *const *bases;
    unsigned covering, n = c->join ? join_bases(c->join, &bases, &covering) : 0;

    sh->status = SHARD_LOADING;
    if (n == 0 || !redis_cmd_ready(c->cmd)) {
        read_best(q);
        return;
    }
    q->left = n + 1;
    for (unsigned i = 0; i <= n; i++) {
        struct bytes key;

        bytes_init(&key);
        name_key(q, i, &key);
        redis_cmd_begin(c->cmd, 4, on_candidate, q);
        redis_cmd_str(c->cmd, "HMGET");
        redis_cmd_arg(c->cmd, key.ptr, key.len);
        redis_cmd_str(c->cmd, SHARD_NUMBER);
        redis_cmd_str(c->cmd, "cursor");
        bytes_close(&key);
    }
}

/* --- comparing --- */

static void on_number(void *arg, const struct redis_reply *r)
{
    struct inquiry *q = arg;
    struct custody *c = q->custody;
    struct shard *sh = q->shard;
    bool foreign;

    if (r && !is_void(q) && shard_is_here(sh)) {
        if (r->type != REDIS_ARRAY || r->count != 3) {
            refuse(q, r);
        } else {
            foreign = shard_compare(sh, c->engine, r) == SHARD_FOREIGN;
            if (foreign) {
                custody_end(c, sh);
                load(c, sh);
            } else {
                sh->known = true;
                c->on_known(c->arg);
            }
        }
    }
    free(q);
}

static void compare(struct custody *c, struct shard *sh)
{
    struct inquiry *q = inquire(c, sh);

    sh->known = false;
    if (!redis_cmd_words(c->cmd, on_number, q, "HMGET", sh->key, SHARD_NUMBER,
                         "fence", "owner", NULL))
        free(q);
}

void custody_take(struct custody *c, struct shard *sh)
{
    if (shard_is_here(sh))
        compare(c, sh);
    else
        load(c, sh);
}

void custody_leave(struct custody *c, struct shard *sh)
{
    if (!shard_is_here(sh) || sh->leaving)
        return;
    sh->leaving = true;
    /* What is read from now on is the next one's. */
    c->on_shard(c->arg, sh->n, false);
}

void custody_end(struct custody *c, struct shard *sh)
{
    bool here = shard_is_here(sh), told = sh->leaving;

    sh->turn++;
    shard_forget(sh, c->engine);
    if (here && !told)
        c->on_shard(c->arg, sh->n, false);
}
