#include "bargen/store/checkpoint.h"

#include "bargen/core/stats.h"
#include "common/redis/redis_resp.h"

static const struct engine_shard *changes(const struct checkpoint_rules *c,
                                          const struct shard *sh)
{
    return &c->engine->shards[sh->n];
}

/* Ours for sure, and all that was asked of it is answered. */
static bool is_good(const struct checkpoint_rules *c, const struct shard *sh)
{
    return sh->known && (!c->leases || leases_ours(c->leases, sh->n));
}

bool checkpoint_has_work(const struct checkpoint_rules *c,
                         const struct shard *sh)
{
    return sh->out.commands > 0 || sh->moved || changes(c, sh)->n_dirty > 0;
}

uint64_t checkpoint_due_ms(const struct checkpoint_rules *c,
                           const struct shard *sh)
{
    bool urgent = changes(c, sh)->urgent && c->updates;
    uint64_t due_ms = sh->flushed_ms + (uint64_t)c->throttle_ms;
    uint64_t later_ms = engine_later_ms(c->engine, sh->n);

    if (sh->status != SHARD_IDLE || !is_good(c, sh))
        return UINT64_MAX;
    if (sh->leaving)
        return 0;
    if (!checkpoint_has_work(c, sh))
        return later_ms;
    if (sh->out.commands > 0 || urgent || c->finishing)
        return 0;
    return due_ms < later_ms ? due_ms : later_ms;
}

static void compose(const struct checkpoint_rules *c, struct shard *sh,
                    uint64_t now_ms)
{
    if (c->updates)
        engine_update(c->engine, sh->n, now_ms);
    if (c->leases)
        sh->fence = leases_fence(c->leases, sh->n);
    shard_compose(sh, c->engine);
    sh->flushed_ms = now_ms;
}

/* What is sent again may be under another lease by now. */
static void refence(struct shard *sh, uint64_t fence)
{
    if (fence == sh->fence || sh->flying_commands == 0)
        return;
    sh->fence = fence;
    resp_array(&sh->flying, 4);
    resp_bulk_str(&sh->flying, "HSET");
    resp_bulk_str(&sh->flying, sh->key);
    resp_bulk_str(&sh->flying, "fence");
    resp_bulk_int(&sh->flying, (int64_t)fence);
    sh->flying_commands++;
}

void checkpoint_add(const struct checkpoint_rules *c, struct shard *sh,
                    struct transaction *t, uint64_t now_ms, bool renew)
{
    bool again = sh->status == SHARD_UNSURE && is_good(c, sh);
    bool due = checkpoint_due_ms(c, sh) <= now_ms;

    if (again) {
        stats_checkpoint_retried();
        if (c->leases)
            refence(sh, leases_fence(c->leases, sh->n));
    }
    if (due && (sh->number > 0 || checkpoint_has_work(c, sh)))
        compose(c, sh, now_ms); /* else nothing ever was in it */
    if (again || (due && (c->leases || sh->flying_commands > 0)))
        transaction_add(t, sh, c->leases,
                        sh->leaving && !checkpoint_has_work(c, sh));
    else if (renew && leases_ours(c->leases, sh->n))
        transaction_renew(t, c->leases, sh->n);
}
