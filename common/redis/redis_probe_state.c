#include "common/redis/redis_probe_state.h"

enum {
    POLL_MS = 1000,
    STALE_MS = REDIS_PROBE_QUIET_MS + REDIS_PROBE_ANSWER_MS
};

void redis_probe_state_links(struct redis_probe_state *s, bool cmd_ready,
                             bool sub_ready, bool settled)
{
    s->cmd_ready = cmd_ready;
    s->sub_ready = sub_ready;
    if (!sub_ready || !settled) {
        s->heard = false;
        s->arriving = false;
    }
    /* A new subscription is tried at once. */
    if ((settled && !s->settled) || !cmd_ready)
        s->published = false;
    s->settled = sub_ready && settled;
}

void redis_probe_state_heard(struct redis_probe_state *s, uint64_t now_ms)
{
    s->heard = true;
    s->heard_ms = now_ms;
    s->arriving = false;
}

void redis_probe_state_answer(struct redis_probe_state *s, uint64_t now_ms,
                              bool ok)
{
    s->publishing = false;
    /* It may have come in before the answer did: two connections. */
    if (!ok || !s->settled || (s->heard && s->heard_ms >= s->published_ms))
        return;
    s->arriving = true;
    s->arriving_ms = now_ms;
}

void redis_probe_state_stalled(struct redis_probe_state *s, uint64_t ms)
{
    s->heard_ms += ms;
    s->arriving_ms += ms;
}

static bool subscriber_stalled(const struct redis_probe_state *s,
                               uint64_t now_ms)
{
    return s->arriving && now_ms - s->arriving_ms >= REDIS_PROBE_ANSWER_MS;
}

static bool quiet(const struct redis_probe_state *s, uint64_t now_ms)
{
    return !s->heard || now_ms - s->heard_ms >= REDIS_PROBE_QUIET_MS;
}

/* The longest wait only ends after it has been live for as long. */
static void note_live(struct redis_probe_state *s, uint64_t now_ms)
{
    bool live = redis_probe_state_upstream(s, now_ms) == UPSTREAM_LIVE;

    if (live && !s->live)
        s->live_ms = now_ms;
    s->live = live;
    if (live && now_ms - s->live_ms >= REDIS_PROBE_DROP_MAX_MS)
        s->drop_wait_ms = 0;
}

enum redis_probe_action redis_probe_state_step(struct redis_probe_state *s,
                                               uint64_t now_ms)
{
    note_live(s, now_ms);
    if (!s->cmd_ready || !s->settled || s->publishing)
        return REDIS_PROBE_WAIT;
    if (subscriber_stalled(s, now_ms)) {
        s->arriving = false;
        if (s->drop_wait_ms > 0 && now_ms < s->drop_from_ms)
            return REDIS_PROBE_WAIT; /* then the next PUBLISH tries again */
        s->drop_wait_ms = s->drop_wait_ms == 0 ? REDIS_PROBE_DROP_MIN_MS
                                               : s->drop_wait_ms * 2;
        if (s->drop_wait_ms > REDIS_PROBE_DROP_MAX_MS)
            s->drop_wait_ms = REDIS_PROBE_DROP_MAX_MS;
        s->drop_from_ms = now_ms + s->drop_wait_ms;
        return REDIS_PROBE_DROP;
    }
    if (s->arriving || !quiet(s, now_ms) ||
        (s->published && now_ms - s->published_ms < REDIS_PROBE_RETRY_MS))
        return REDIS_PROBE_WAIT;
    s->publishing = s->published = true;
    s->published_ms = now_ms;
    return REDIS_PROBE_PUBLISH;
}

enum upstream_state
redis_probe_state_upstream(const struct redis_probe_state *s, uint64_t now_ms)
{
    if (!s->cmd_ready && !s->sub_ready)
        return UPSTREAM_DOWN;
    if (s->cmd_ready && s->settled && s->heard &&
        now_ms - s->heard_ms < STALE_MS)
        return UPSTREAM_LIVE;
    return UPSTREAM_STALE;
}

static void sooner(uint64_t *due_ms, uint64_t now_ms, uint64_t at_ms)
{
    uint64_t in_ms = at_ms > now_ms ? at_ms - now_ms : 1;

    if (in_ms < *due_ms)
        *due_ms = in_ms;
}

uint64_t redis_probe_state_due(const struct redis_probe_state *s,
                               uint64_t now_ms)
{
    uint64_t due_ms = POLL_MS;

    if (!s->cmd_ready || !s->settled)
        return due_ms;
    if (redis_probe_state_upstream(s, now_ms) == UPSTREAM_LIVE)
        sooner(&due_ms, now_ms, s->heard_ms + STALE_MS);
    if (s->publishing)
        return due_ms;
    if (s->arriving) {
        sooner(&due_ms, now_ms, s->arriving_ms + REDIS_PROBE_ANSWER_MS);
    } else {
        uint64_t at = s->heard ? s->heard_ms + REDIS_PROBE_QUIET_MS : now_ms;

        if (s->published && at < s->published_ms + REDIS_PROBE_RETRY_MS)
            at = s->published_ms + REDIS_PROBE_RETRY_MS;
        sooner(&due_ms, now_ms, at);
    }
    return due_ms;
}
