#include <stdio.h>
#include <stdlib.h>

#include "bargen/core/stats.h"
#include "bargen/source/journal_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"

static bool ready(const struct journal *j)
{
    return j->cmd && j->checked && redis_cmd_ready(j->cmd);
}

static bool journal_caught_up(const void *self)
{
    const struct journal *j = self;

    return j->caught_up && ready(j);
}

static const char *journal_fault(const void *self)
{
    return ready(self) ? NULL : "the journal cannot be read";
}

/* --- reading --- */

static void take_entry(struct stream *s, const struct redis_reply *entry)
{
    struct journal *j = s->journal;
    const struct redis_reply *fields;
    struct entry_id id;

    if (entry->type != REDIS_ARRAY || entry->count != 2 ||
        !entry_id_parse(entry->item[0].str, &id))
        return;
    fields = &entry->item[1];
    for (size_t i = 0; i + 1 < fields->count; i += 2)
        if (span_is(fields->item[i].str, "d"))
            payload_take(&j->payload, j->to.engine, fields->item[i + 1].str,
                         span_str(s->key), (int64_t)id.ms * NS_PER_MS);
    journal_advance(s, id);
}

/* NULL: not one of ours. */
static struct stream *stream_of(struct journal *j, struct span key)
{
    for (unsigned i = 0; i < j->config.shards; i++)
        if (span_is(key, j->streams[i].key))
            return &j->streams[i];
    return NULL;
}

/* Not so where one has become ours meanwhile. */
static bool all_asked(const struct journal *j)
{
    for (unsigned i = 0; i < j->config.shards; i++)
        if (j->streams[i].ours && !j->streams[i].asked)
            return false;
    return true;
}

static void take_streams(struct journal *j, const struct redis_reply *r)
{
    uint64_t entries = 0;
    uint64_t newest_ms = 0;

    j->caught_up = all_asked(j);
    /* Ids are by the clock of Redis, which may be wrong. */
    j->to.engine->wall_ns = clock_wall_ns();
    for (size_t i = 0; i < r->count; i++) {
        const struct redis_reply *pair = &r->item[i], *list;
        struct stream *s;

        if (pair->type != REDIS_ARRAY || pair->count != 2)
            continue;
        s = stream_of(j, pair->item[0].str);
        list = &pair->item[1];
        if (!s || !s->asked)
            continue;
        for (size_t k = 0; k < list->count; k++)
            take_entry(s, &list->item[k]);
        if (list->count >= JOURNAL_ENTRIES_MAX)
            j->caught_up = false;
        entries += list->count;
        if (s->cursor.ms > newest_ms)
            newest_ms = s->cursor.ms;
    }
    stats_journal(entries, clock_wall_ms() - (int64_t)newest_ms);
}

static void on_read(void *arg, const struct redis_reply *r)
{
    struct journal *j = arg;

    j->reading = false;
    if (!r || j->closing)
        return;
    switch (r->type) {
    case REDIS_NIL_REPLY:
        j->caught_up = all_asked(j);
        stats_journal(0, 0);
        break;
    case REDIS_ARRAY:
        take_streams(j, r);
        break;
    case REDIS_STRING:
    case REDIS_STATUS:
    case REDIS_ERROR_REPLY:
    case REDIS_INTEGER:
        log_warn("journal_unreadable", "why=%s", LOG_Q(r->str));
        journal_try_later(j);
        return;
    }
    j->to.events.on_drained(j->to.arg);
    journal_go_on(j);
}

static unsigned choose_streams(struct journal *j)
{
    unsigned n = 0;

    for (unsigned i = 0; i < j->config.shards; i++) {
        struct stream *s = &j->streams[i];

        s->asked = s->ours && s->checked;
        n += s->asked;
    }
    return n;
}

static void read_more(struct journal *j)
{
    unsigned n = choose_streams(j);
    int64_t block_ms = j->config.store ? BLOCK_SHARED_MS : BLOCK_MS;

    if (n == 0) {
        j->caught_up = all_asked(j);
        return;
    }
    if (!redis_cmd_begin(j->cmd, 6 + 2 * n, on_read, j))
        return;
    j->reading = true;
    redis_cmd_str(j->cmd, "XREAD");
    redis_cmd_str(j->cmd, "COUNT");
    redis_cmd_int(j->cmd, JOURNAL_ENTRIES_MAX);
    redis_cmd_str(j->cmd, "BLOCK");
    /* The first answer says at once whether anything is left. */
    redis_cmd_int(j->cmd, j->caught_up ? block_ms : 1);
    redis_cmd_str(j->cmd, "STREAMS");
    for (unsigned i = 0; i < j->config.shards; i++)
        if (j->streams[i].asked)
            redis_cmd_str(j->cmd, j->streams[i].key);
    for (unsigned i = 0; i < j->config.shards; i++) {
        char id[ENTRY_ID_TEXT_MAX];

        if (!j->streams[i].asked)
            continue;
        entry_id_print(j->streams[i].cursor, id);
        redis_cmd_str(j->cmd, id);
    }
}

void journal_go_on(struct journal *j)
{
    const struct store *store = j->config.store;

    /* Streams are compared with the cursors, so those must be there first. */
    if (j->closing || !j->cmd || !redis_cmd_ready(j->cmd) ||
        (store && !store_ready(store)) ||
        uv_is_active((uv_handle_t *)&j->retry))
        return;
    journal_check_new(j);
    if (!j->checked && journal_check_done(j)) {
        j->checked = true;
        j->to.events.on_ready(j->to.arg);
    }
    if (!j->closing && j->checked && !j->paused && !j->reading)
        read_more(j);
}

/* --- the link --- */

static void on_retry(uv_timer_t *timer)
{
    journal_go_on(timer->data);
}

void journal_try_later(struct journal *j)
{
    j->caught_up = false;
    uv_timer_start(&j->retry, on_retry, RETRY_MS, 0);
}

static void on_ready(void *arg)
{
    journal_go_on(arg);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct journal *j = arg;

    j->checked = j->reading = j->caught_up = false;
    for (unsigned i = 0; i < j->config.shards; i++)
        j->streams[i].checked = false;
    uv_timer_stop(&j->retry);
    j->to.events.on_down(j->to.arg, why, refused);
}

static void journal_pause(void *self)
{
    ((struct journal *)self)->paused = true;
}

static void journal_resume(void *self)
{
    static const struct redis_cmd_events events = {.on_ready = on_ready,
                                                   .on_down = on_down};
    static const struct redis_cmd_limits limits = {.role = "read"};
    struct journal *j = self;

    j->paused = false;
    if (j->cmd) {
        journal_go_on(j);
        return;
    }
    j->cmd = redis_cmd_new(j->to.loop, j->config.redis, &limits, &events, j);
    j->open++;
}

static void journal_shard(void *self, unsigned shard, bool ours)
{
    struct journal *j = self;
    struct stream *s = &j->streams[shard];

    s->ours = ours;
    s->begun = s->checked = s->asked = false;
    s->cursor = (struct entry_id){0, 0};
    if (!ours)
        return;
    j->caught_up = false;
    journal_go_on(j);
}

static void closed(struct journal *j)
{
    if (--j->open > 0)
        return;
    payload_close(&j->payload);
    free(j);
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed(handle->data);
}

static void on_link_closed(void *arg)
{
    closed(arg);
}

static void journal_close(void *self)
{
    struct journal *j = self;

    j->closing = true;
    uv_close((uv_handle_t *)&j->retry, on_timer_closed);
    if (j->cmd)
        redis_cmd_close(j->cmd, on_link_closed, j);
}

struct source *journal_new(const struct source_context *to,
                           const struct journal_config *config)
{
    static const struct source_ops ops = {.pause = journal_pause,
                                          .resume = journal_resume,
                                          .shard = journal_shard,
                                          .caught_up = journal_caught_up,
                                          .fault = journal_fault,
                                          .close = journal_close};
    struct journal *j =
        mem_zero(sizeof *j + config->shards * sizeof j->streams[0]);

    j->source = (struct source){&ops, j};
    j->to = *to;
    j->config = *config;
    for (unsigned i = 0; i < config->shards; i++) {
        struct stream *s = &j->streams[i];

        s->journal = j;
        s->shard = i;
        s->ours = !config->store;
        snprintf(s->key, sizeof s->key, "%sjournal:%u", config->redis->prefix,
                 i);
    }
    payload_init(&j->payload, &config->rules);
    uv_timer_init(to->loop, &j->retry);
    j->retry.data = j;
    j->open = 1;
    return &j->source;
}
