#include "bargen/source/journal.h"

#include <stdio.h>
#include <stdlib.h>

#include "bargen/core/stats.h"
#include "bargen/source/payload.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum {
    BLOCK_MS = 2000, /* the link expects an answer within 6 s */
    /* Where shards come and go: a new one waits for the answer. */
    BLOCK_SHARED_MS = 250,
    RETRY_MS = 1000,
    KEY_MAX_BYTES = 128,
};

struct stream {
    struct journal *journal;
    unsigned shard;
    struct entry_id cursor; /* the last entry taken in */
    bool ours;              /* else it is not read */
    bool begun;             /* the cursor says something */
    bool checked;           /* since this connection was made */
    bool asked;             /* it is in the XREAD under way, as it is now */
    unsigned infos;         /* answers to XINFO awaited; the last one counts */
    char key[KEY_MAX_BYTES];
};

struct journal {
    struct source source;
    struct source_context to;
    struct journal_config config;
    struct redis_cmd *cmd; /* NULL: not begun */
    struct payload payload;
    uv_timer_t retry;
    bool refused; /* a stream could not be looked at */
    bool checked; /* all that were ours at first were */
    bool reading; /* XREAD is under way */
    bool caught_up;
    bool paused, closing;
    unsigned open;           /* handles and links */
    struct stream streams[]; /* config.shards */
};

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

static void try_later(struct journal *j);
static void go_on(struct journal *j);

/* --- is the stream the one that we know? --- */

static bool field_id(const struct redis_reply *info, const char *name,
                     struct entry_id *id)
{
    for (size_t i = 0; i + 1 < info->count; i += 2) {
        const struct redis_reply *value = &info->item[i + 1];

        if (!span_is(info->item[i].str, name))
            continue;
        /* first-entry is [id, fields]; last-generated-id a string. */
        if (value->type == REDIS_ARRAY && value->count > 0)
            value = &value->item[0];
        return value->type == REDIS_STRING && entry_id_parse(value->str, id);
    }
    return false;
}

static void advance(struct stream *s, struct entry_id id)
{
    struct store *store = s->journal->config.store;

    s->cursor = id;
    s->begun = true;
    if (store)
        store_advance(store, s->shard, id);
}

static void tell_lost(struct stream *s, const char *ev, struct entry_id cursor,
                      int64_t until_ns)
{
    struct journal *j = s->journal;
    char text[ENTRY_ID_TEXT_MAX];

    engine_lost(j->to.engine, j->config.shards > 1 ? (int)s->shard : -1,
                until_ns);
    entry_id_print(cursor, text);
    log_warn(ev, "shard=%u cursor=%s", s->shard, text);
}

/* A journal that has nothing of what was read: all of it is new. */
static void begin_anew(struct stream *s)
{
    const struct entry_id zero = {0, 0};
    struct entry_id cursor = s->cursor;

    if (!s->begun && s->journal->config.from_now)
        advance(s, zero); /* all that it will have is new */
    if (!s->begun || !entry_id_before(zero, cursor))
        return;
    advance(s, zero);
    tell_lost(s, "journal_replaced", cursor, clock_wall_ns());
}

static void check_stream(struct stream *s, const struct redis_reply *info)
{
    struct journal *j = s->journal;
    struct entry_id first, last, cursor = s->cursor;
    enum store_past past = j->config.store
                               ? store_take_past(j->config.store, s->shard)
                               : STORE_EMPTY;

    if (!field_id(info, "last-generated-id", &last))
        return;
    if (!s->begun) {
        if (j->config.from_now)
            advance(s, last);
        return;
    }
    if (entry_id_before(last, cursor) && past == STORE_EMPTY) {
        begin_anew(s);
    } else if (entry_id_before(last, cursor) || past == STORE_REWOUND) {
        /* The same history up to some time ago: all of it was read. */
        if (entry_id_before(last, cursor))
            advance(s, last);
        tell_lost(s, "journal_rewound", cursor, clock_wall_ns());
    } else if (cursor.ms == 0 && cursor.seq == 0) {
        return; /* nothing of it was read */
    } else if (entry_id_before(cursor, last) &&
               !field_id(info, "first-entry", &first)) {
        tell_lost(s, "journal_trimmed", cursor, (int64_t)last.ms * NS_PER_MS);
    } else if (entry_id_before(cursor, last) &&
               entry_id_before(cursor, first)) {
        tell_lost(s, "journal_trimmed", cursor, (int64_t)first.ms * NS_PER_MS);
    }
}

static void judge_stream(struct stream *s, const struct redis_reply *r)
{
    struct journal *j = s->journal;

    s->checked = true;
    if (r->type == REDIS_ARRAY) {
        check_stream(s, r);
    } else if (span_starts(r->str, "ERR no such key")) {
        begin_anew(s);
    } else {
        log_warn("journal_unreadable", "shard=%u why=%s", s->shard,
                 LOG_Q(r->str));
        s->checked = false;
        j->refused = true;
        j->to.events.on_unreadable(j->to.arg, r->str);
    }
}

static bool all_checked(const struct journal *j)
{
    for (unsigned i = 0; i < j->config.shards; i++)
        if (j->streams[i].ours && !j->streams[i].checked)
            return false;
    return true;
}

static bool checking(const struct journal *j)
{
    for (unsigned i = 0; i < j->config.shards; i++)
        if (j->streams[i].infos > 0)
            return true;
    return false;
}

static void on_info(void *arg, const struct redis_reply *r)
{
    struct stream *s = arg;
    struct journal *j = s->journal;

    s->infos--;
    if (!r || j->closing)
        return;
    if (s->ours && s->infos == 0)
        judge_stream(s, r);
    if (j->closing || checking(j))
        return;
    if (j->refused) /* what was trimmed would pass unseen */
        try_later(j);
    else
        go_on(j);
}

static void check_new(struct journal *j)
{
    struct store *store = j->config.store;

    if (!checking(j))
        j->refused = false;
    for (unsigned i = 0; i < j->config.shards; i++) {
        struct stream *s = &j->streams[i];

        if (!s->ours || s->checked || s->infos > 0)
            continue;
        if (!s->begun && store)
            s->begun = store_cursor(store, i, &s->cursor);
        s->infos++;
        redis_cmd_words(j->cmd, on_info, s, "XINFO", "STREAM", s->key, NULL);
    }
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
    advance(s, id);
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
        try_later(j);
        return;
    }
    j->to.events.on_drained(j->to.arg);
    go_on(j);
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

static void go_on(struct journal *j)
{
    const struct store *store = j->config.store;

    /* Streams are compared with the cursors, so those must be there first. */
    if (j->closing || !j->cmd || !redis_cmd_ready(j->cmd) ||
        (store && !store_ready(store)) ||
        uv_is_active((uv_handle_t *)&j->retry))
        return;
    check_new(j);
    if (!j->checked && all_checked(j)) {
        j->checked = true;
        j->to.events.on_ready(j->to.arg);
    }
    if (!j->closing && j->checked && !j->paused && !j->reading)
        read_more(j);
}

/* --- the link --- */

static void on_retry(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void try_later(struct journal *j)
{
    j->caught_up = false;
    uv_timer_start(&j->retry, on_retry, RETRY_MS, 0);
}

static void on_ready(void *arg)
{
    go_on(arg);
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
        go_on(j);
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
    go_on(j);
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
