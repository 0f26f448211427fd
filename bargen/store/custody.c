#include "bargen/store/custody.h"

#include "common/base/log.h"

static void refuse(struct shard *sh, const struct redis_reply *r)
{
    struct custody *c = sh->custody;

    log_warn("state_unreadable", "shard=%u why=%s", sh->n, LOG_Q(r->str));
    c->on_refused(c->arg, r->str);
}

static void on_state(void *arg, const struct redis_reply *r)
{
    struct shard *sh = arg;
    struct custody *c = sh->custody;

    if (--sh->asked > 0 || sh->status != SHARD_LOADING || c->closed)
        return;
    if (!r) {
        sh->status = SHARD_AWAY; /* again with the next connection */
        return;
    }
    if (r->type != REDIS_ARRAY) {
        refuse(sh, r);
        return;
    }
    engine_forget(c->engine, sh->n, false);
    shard_load(sh, c->engine, r);
    sh->status = SHARD_IDLE;
    sh->known = true;
    c->on_shard(c->arg, sh->n, true);
    c->on_known(c->arg);
}

static void load(struct custody *c, struct shard *sh)
{
    sh->status = SHARD_LOADING;
    sh->asked++;
    if (!redis_cmd_words(c->cmd, on_state, sh, "HGETALL", sh->key, NULL)) {
        sh->asked--;
        sh->status = SHARD_AWAY;
    }
}

static void on_number(void *arg, const struct redis_reply *r)
{
    struct shard *sh = arg;
    struct custody *c = sh->custody;

    if (--sh->asked > 0 || !r || !shard_is_here(sh) || c->closed)
        return;
    if (r->type != REDIS_ARRAY || r->count != 3) {
        refuse(sh, r);
        return;
    }
    if (shard_compare(sh, c->engine, r) == SHARD_FOREIGN) {
        custody_end(c, sh);
        load(c, sh);
        return;
    }
    sh->known = true;
    c->on_known(c->arg);
}

static void compare(struct custody *c, struct shard *sh)
{
    sh->known = false;
    sh->asked++;
    if (!redis_cmd_words(c->cmd, on_number, sh, "HMGET", sh->key, SHARD_NUMBER,
                         "fence", "owner", NULL))
        sh->asked--;
}

void custody_take(struct custody *c, struct shard *sh)
{
    sh->custody = c;
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

    shard_forget(sh, c->engine);
    if (here && !told)
        c->on_shard(c->arg, sh->n, false);
}
