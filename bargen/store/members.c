#include "bargen/store/members.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/redis/redis_resp.h"

/* Members that are silent for so long are not worth listing any more. */
enum { FORGOTTEN_MS = 60 * 1000 };

static void refuse(struct members *m, const struct redis_reply *r)
{
    m->on_refused(m->arg, r->type == REDIS_ERROR_REPLY
                              ? r->str
                              : span_str("an answer of another kind"));
}

bool members_alive(int64_t seen_ms, int64_t now_ms)
{
    return seen_ms > now_ms - MEMBERS_SILENT_MS &&
           seen_ms <= now_ms + MEMBERS_SILENT_MS;
}

bool members_time(const struct redis_reply *r, int64_t *ms)
{
    uint64_t s, us;

    if (r->type != REDIS_ARRAY || r->count != 2 ||
        !span_number(r->item[0].str, SPAN_DIGITS_MAX, &s) ||
        !span_number(r->item[1].str, SPAN_DIGITS_MAX, &us))
        return false;
    *ms = (int64_t)(s * 1000 + us / 1000);
    return true;
}

static void on_time(void *arg, const struct redis_reply *r)
{
    struct members *m = arg;

    if (!r)
        return;
    if (!members_time(r, &m->now_ms)) {
        refuse(m, r);
        return;
    }
    if (m->now_ms < m->beat_ms)
        m->beat_ms = 0; /* another clock */
}

static void on_beat(void *arg, const struct redis_reply *r)
{
    if (r && r->type == REDIS_ERROR_REPLY)
        refuse(arg, r);
}

static void on_added(void *arg, const struct redis_reply *r)
{
    struct members *m = arg;

    if (r && r->type == REDIS_INTEGER)
        m->noted_ms = m->beat_ms;
    on_beat(arg, r);
}

/* Those of long ago, and those of a clock that was set back. */
static void forget(struct members *m)
{
    char before[24], after[24];

    snprintf(before, sizeof before, "%" PRId64, m->now_ms - FORGOTTEN_MS);
    snprintf(after, sizeof after, "%" PRId64, m->now_ms + FORGOTTEN_MS);
    redis_cmd_words(m->cmd, on_beat, m, "ZREMRANGEBYSCORE", m->key, "-inf",
                    before, NULL);
    redis_cmd_words(m->cmd, on_beat, m, "ZREMRANGEBYSCORE", m->key, after,
                    "+inf", NULL);
}

static void beat(struct members *m)
{
    if (m->stopping || m->now_ms < m->beat_ms + MEMBERS_BEAT_MS)
        return;
    m->beat_ms = m->now_ms;
    redis_cmd_begin(m->cmd, 4, on_added, m);
    redis_cmd_str(m->cmd, "ZADD");
    redis_cmd_str(m->cmd, m->key);
    redis_cmd_int(m->cmd, m->now_ms);
    redis_cmd_str(m->cmd, m->id);
    forget(m);
}

/* Any order that all agree on. */
static bool before_us(const struct members *m, struct span id)
{
    size_t len = strlen(m->id);

    return id.len != len ? id.len < len : memcmp(id.ptr, m->id, len) < 0;
}

/* Pairs of id and score. */
static void on_list(void *arg, const struct redis_reply *r)
{
    struct members *m = arg;
    unsigned count = 1, rank = 0;
    bool listed = false;

    if (!r)
        return;
    if (r->type != REDIS_ARRAY) {
        refuse(m, r);
        return;
    }
    for (size_t i = 0; i + 1 < r->count; i += 2) {
        struct span id = r->item[i].str;
        uint64_t seen_ms = 0;

        span_number(r->item[i + 1].str, SPAN_DIGITS_MAX, &seen_ms);
        if (!members_alive((int64_t)seen_ms, m->now_ms))
            continue;
        if (span_is(id, m->id)) {
            listed = true;
            continue;
        }
        count++;
        rank += before_us(m, id);
    }
    if (count != m->count)
        log_info("members", "members=%u", count);
    m->count = count;
    m->rank = rank;
    if (!listed && m->beat_ms != 0 && !m->stopping)
        m->on_out(m->arg);
    else
        beat(m);
}

void members_init(struct members *m, struct redis_cmd *cmd, const char *key,
                  const char *id)
{
    *m = (struct members){.cmd = cmd, .count = 1};
    snprintf(m->key, sizeof m->key, "%s", key);
    snprintf(m->id, sizeof m->id, "%s", id);
}

bool members_look(struct members *m)
{
    return redis_cmd_words(m->cmd, on_time, m, "TIME", NULL) &&
           redis_cmd_words(m->cmd, on_list, m, "ZRANGE", m->key, "0", "-1",
                           "WITHSCORES", NULL);
}

void members_leave(const struct members *m, struct bytes *out)
{
    resp_array(out, 3);
    resp_bulk_str(out, "ZREM");
    resp_bulk_str(out, m->key);
    resp_bulk_str(out, m->id);
}
