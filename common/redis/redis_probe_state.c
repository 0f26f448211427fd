#include "common/redis/redis_probe_state.h"

enum {
    POLL_MS = 1000,
    STALE_MS = REDIS_PROBE_QUIET_MS + REDIS_PROBE_ANSWER_MS
};

/* --- live or not --- */

static bool within(bool happened, uint64_t at_ms, uint64_t now_ms)
{
    return happened && now_ms - at_ms < STALE_MS;
}

static bool is_live(const struct redis_probe_state *s, uint64_t now_ms)
{
    if (!s->settled)
        return false;
    if (within(s->proved, s->proved_ms, now_ms))
        return true;
    return within(s->heard, s->heard_ms, now_ms) &&
           (s->live || s->echo_counts ||
            s->heard_ms - s->run_ms >= REDIS_PROBE_RUN_MS);
}

/* Before anything changes: being live is remembered (is_live()).  The longest
 * wait between drops only ends after it has been live for as long. */
static void note_live(struct redis_probe_state *s, uint64_t now_ms)
{
    bool live = is_live(s, now_ms);

    if (live && !s->live)
        s->live_ms = now_ms;
    s->live = live;
    if (live && now_ms - s->live_ms >= REDIS_PROBE_DROP_MAX_MS)
        s->drop_wait_ms = 0;
}

enum upstream_state
redis_probe_state_upstream(const struct redis_probe_state *s, uint64_t now_ms)
{
    if (!s->cmd_ready && !s->sub_ready)
        return UPSTREAM_DOWN;
    return is_live(s, now_ms) ? UPSTREAM_LIVE : UPSTREAM_STALE;
}

/* --- what happens --- */

void redis_probe_state_links(struct redis_probe_state *s, uint64_t now_ms,
                             bool cmd_ready, bool sub_ready, bool settled)
{
    note_live(s, now_ms);
    settled = settled && sub_ready;
    if (!settled) {
        s->heard = s->proved = s->live = false;
        s->arriving = false;
        s->outdated = s->publishing;
    }
    /* New links are tried at once, and asked what their node is. */
    if (!cmd_ready || (settled && !s->settled))
        s->published = s->echoed = s->echo_counts = s->verified = false;
    s->cmd_ready = cmd_ready;
    s->sub_ready = sub_ready;
    s->settled = settled;
}

void redis_probe_state_heard(struct redis_probe_state *s, uint64_t now_ms)
{
    if (!within(s->heard, s->heard_ms, now_ms)) {
        note_live(s, now_ms);
        s->heard = true;
        s->run_ms = now_ms;
    }
    s->heard_ms = now_ms;
    s->arriving = false;
}

static void prove(struct redis_probe_state *s, uint64_t echoed_ms)
{
    s->proved = s->verified = true;
    s->proved_ms = echoed_ms;
}

void redis_probe_state_echo(struct redis_probe_state *s, uint64_t now_ms)
{
    s->arriving = false;
    if (s->publishing) { /* two connections: it has overtaken the answer */
        s->echoed = true;
        s->echoed_ms = now_ms;
    } else if (s->echo_counts) {
        prove(s, now_ms);
    }
}

void redis_probe_state_answer(struct redis_probe_state *s, uint64_t now_ms,
                              enum redis_probe_answer answer)
{
    bool outdated = s->outdated, echoed = s->echoed;

    note_live(s, now_ms);
    s->publishing = s->outdated = s->echoed = s->verified = false;
    s->echo_counts =
        answer == REDIS_PROBE_ATTACHED && s->cmd_ready && s->settled;
    if (answer == REDIS_PROBE_DETACHED)
        s->proved = false;
    if (answer == REDIS_PROBE_FAILED || !s->settled || outdated)
        return;
    if (echoed && s->echo_counts) {
        prove(s, s->echoed_ms);
    } else if (!echoed && !(s->heard && s->heard_ms >= s->published_ms)) {
        s->arriving = true;
        s->arriving_ms = now_ms;
    }
}

void redis_probe_state_stalled(struct redis_probe_state *s, uint64_t ms)
{
    s->heard_ms += ms;
    s->run_ms += ms;
    s->echoed_ms += ms;
    s->proved_ms += ms;
    s->arriving_ms += ms;
}

/* --- what to do --- */

/* A feed makes the probe unnecessary; what else we publish to ourselves does
 * not, as it does not ask for the ROLE. */
static uint64_t publish_at(const struct redis_probe_state *s, uint64_t now_ms)
{
    uint64_t at_ms;

    if (!s->published)
        return now_ms;
    at_ms = s->published_ms +
            (s->verified ? REDIS_PROBE_QUIET_MS : REDIS_PROBE_RETRY_MS);
    if (s->heard && at_ms < s->heard_ms + REDIS_PROBE_QUIET_MS)
        at_ms = s->heard_ms + REDIS_PROBE_QUIET_MS;
    return at_ms;
}

static bool subscriber_stalled(const struct redis_probe_state *s,
                               uint64_t now_ms)
{
    return s->arriving && now_ms - s->arriving_ms >= REDIS_PROBE_ANSWER_MS;
}

/* A drop now would come too soon after the last one: the next PUBLISH tries
 * this link again. */
static enum redis_probe_action drop(struct redis_probe_state *s,
                                    uint64_t now_ms)
{
    s->arriving = false;
    if (s->drop_wait_ms > 0 && now_ms < s->drop_from_ms)
        return REDIS_PROBE_WAIT;
    s->drop_wait_ms =
        s->drop_wait_ms == 0 ? REDIS_PROBE_DROP_MIN_MS : s->drop_wait_ms * 2;
    if (s->drop_wait_ms > REDIS_PROBE_DROP_MAX_MS)
        s->drop_wait_ms = REDIS_PROBE_DROP_MAX_MS;
    s->drop_from_ms = now_ms + s->drop_wait_ms;
    return REDIS_PROBE_DROP;
}

enum redis_probe_action redis_probe_state_step(struct redis_probe_state *s,
                                               uint64_t now_ms)
{
    note_live(s, now_ms);
    if (!s->cmd_ready || !s->settled || s->publishing)
        return REDIS_PROBE_WAIT;
    if (subscriber_stalled(s, now_ms))
        return drop(s, now_ms);
    if (s->arriving || now_ms < publish_at(s, now_ms))
        return REDIS_PROBE_WAIT;
    s->publishing = s->published = true;
    s->echoed = s->verified = false;
    s->published_ms = now_ms;
    return REDIS_PROBE_PUBLISH;
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

    if (!s->settled)
        return due_ms;
    if (within(s->proved, s->proved_ms, now_ms))
        sooner(&due_ms, now_ms, s->proved_ms + STALE_MS);
    if (within(s->heard, s->heard_ms, now_ms))
        sooner(&due_ms, now_ms, s->heard_ms + STALE_MS);
    if (!s->cmd_ready || s->publishing)
        return due_ms;
    sooner(&due_ms, now_ms,
           s->arriving ? s->arriving_ms + REDIS_PROBE_ANSWER_MS
                       : publish_at(s, now_ms));
    return due_ms;
}
