#include <stdio.h>
#include <stdlib.h>

#include "bargen/store/lease_plan.h"
#include "bargen/store/lease_stats.h"
#include "bargen/store/leases_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/redis_resp.h"

static void on_members_refused(void *arg, struct span why)
{
    struct leases *l = arg;

    if (!l->closing)
        l->events.on_refused(l->arg, why);
}

static void on_members_out(void *arg)
{
    struct leases *l = arg;

    if (!l->closing)
        l->events.on_out(l->arg);
}

/* --- looking --- */

static void follow_plan(struct leases *l, enum lease_holder *holder)
{
    enum lease_step *step = mem_alloc(l->n * sizeof *step);
    struct lease_view view = {l->members.count, l->members.rank, l->n, holder};
    struct question *q = leases_question(l);

    lease_plan_steps(&view, step);
    for (unsigned i = 0; i < l->n; i++) {
        struct lease *lease = &l->at[i];

        if (step[i] == LEASE_TAKE && clock_mono_ms() < l->patient_until_ms) {
            continue;
        } else if (step[i] == LEASE_TAKE) {
            lease->status = LEASE_ASKED;
            lease->before = false;
            q->lease[q->n++] = lease;
        } else if (step[i] == LEASE_GIVE && lease->status == LEASE_GOOD) {
            l->events.on_excess(l->arg, i);
        }
    }
    free(step);
    leases_take(q);
}

static void on_holders(void *arg, const struct redis_reply *r)
{
    struct leases *l = arg;
    enum lease_holder *holder;

    l->looking = false;
    if (!r || l->closing)
        return;
    if (r->type != REDIS_ARRAY || r->count != l->n) {
        leases_refuse(l, r);
        return;
    }
    if (!l->stopping) {
        holder = mem_alloc(l->n * sizeof *holder);
        for (unsigned i = 0; i < l->n; i++)
            holder[i] = l->at[i].status != LEASE_NONE        ? LEASE_OURS
                        : r->item[i].type == REDIS_NIL_REPLY ? LEASE_FREE
                                                             : LEASE_OTHERS;
        follow_plan(l, holder);
        free(holder);
    }
    l->looked = true;
    leases_check_settled(l);
}

static void look(struct leases *l)
{
    if (!l->up || l->looking || !members_look(&l->members))
        return;
    redis_cmd_begin(l->cmd, 1 + l->n, on_holders, l);
    redis_cmd_str(l->cmd, "MGET");
    for (unsigned i = 0; i < l->n; i++)
        redis_cmd_str(l->cmd, l->at[i].key);
    l->looking = true;
}

static void on_timer(uv_timer_t *timer)
{
    struct leases *l = timer->data;

    lease_stats_show(leases_status(l));
    if (!l->stopping)
        look(l);
    if (l->up && leases_due(l, clock_mono_ms()))
        l->events.on_due(l->arg);
}

/* --- the owner's side --- */

struct leases *leases_new(uv_loop_t *loop, const struct leases_config *config,
                          const struct leases_events *events, void *arg)
{
    struct leases *l = mem_zero(sizeof *l + config->shards * sizeof l->at[0]);
    char key[MEMBERS_KEY_MAX];

    l->cmd = config->cmd;
    l->events = *events;
    l->arg = arg;
    l->n = config->shards;
    snprintf(key, sizeof key, "%smembers", config->base);
    members_init(&l->members, l->cmd, key, config->id);
    l->members.on_refused = on_members_refused;
    l->members.on_out = on_members_out;
    l->members.arg = l;
    snprintf(l->fence_key, sizeof l->fence_key, "%sfences", config->base);
    for (unsigned i = 0; i < l->n; i++)
        lease_init(&l->at[i], l, config->base, i);
    uv_timer_init(loop, &l->timer);
    l->timer.data = l;
    return l;
}

static bool any_claimed(const struct leases *l)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->at[i].status != LEASE_NONE)
            return true;
    return false;
}

void leases_begin(struct leases *l, bool patient)
{
    if (!any_claimed(l)) /* what is taken now is new */
        l->renewed_ms = clock_mono_ms();
    if (patient)
        l->patient_until_ms = clock_mono_ms() + LEASES_PATIENT_MS;
    l->up = true;
    l->looked = false;
    l->members.beat_ms = 0;
    look(l);
    leases_guard(l);
    uv_timer_start(&l->timer, on_timer, LEASES_LOOK_MS, LEASES_LOOK_MS);
}

int64_t leases_beat_ms(const struct leases *l)
{
    return l->members.noted_ms;
}

void leases_end(struct leases *l)
{
    l->up = l->looked = false;
    for (unsigned i = 0; i < l->n; i++)
        if (l->at[i].status == LEASE_GOOD)
            l->at[i].status = LEASE_CLAIMED;
    uv_timer_stop(&l->timer);
}

void leases_stop(struct leases *l)
{
    l->stopping = l->members.stopping = true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct leases *l = handle->data;
    void (*done)(void *arg) = l->on_closed;
    void *arg = l->closed_arg;

    free(l);
    done(arg);
}

void leases_close(struct leases *l, void (*done)(void *arg), void *arg)
{
    l->closing = true;
    l->on_closed = done;
    l->closed_arg = arg;
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

bool leases_begun(const struct leases *l)
{
    return l->looked && l->taking == 0 && l->confirming == 0;
}

bool leases_idle(const struct leases *l)
{
    return l->up && l->taking == 0 && l->confirming == 0;
}

bool leases_is_member(const struct leases *l)
{
    return l->up;
}

bool leases_settled(const struct leases *l)
{
    return l->up && l->confirming == 0;
}

bool leases_ours(const struct leases *l, unsigned shard)
{
    return l->at[shard].status == LEASE_GOOD;
}

const struct lease *leases_of(const struct leases *l, unsigned shard)
{
    return &l->at[shard];
}

uint64_t leases_fence(const struct leases *l, unsigned shard)
{
    return l->at[shard].fence;
}

bool leases_due(const struct leases *l, uint64_t now_ms)
{
    if (now_ms < l->renewed_ms + LEASES_RENEW_MS)
        return false;
    for (unsigned i = 0; i < l->n; i++)
        if (l->at[i].status == LEASE_GOOD)
            return true;
    return false;
}

struct leases_status leases_status(const struct leases *l)
{
    struct leases_status said = l->said;

    said.members = l->members.count;
    said.held = 0;
    for (unsigned i = 0; i < l->n; i++)
        said.held += l->at[i].status == LEASE_GOOD;
    return said;
}

void leases_leave(const struct leases *l, struct bytes *out)
{
    members_leave(&l->members, out);
}

void leases_given(struct leases *l, unsigned shard)
{
    l->at[shard].status = LEASE_NONE;
}

void leases_renewed(struct leases *l, uint64_t now_ms)
{
    l->renewed_ms = now_ms;
}
