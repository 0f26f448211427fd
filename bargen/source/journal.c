#include "bargen/source/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bargen/bargen.h"
#include "bargen/core/stats.h"
#include "bargen/source/payload.h"
#include "bargen/store/shard.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum {
    ENTRIES_MAX = 8, /* of one shard in one reply: an entry is a batch */
    BLOCK_MS = 2000, /* the link expects an answer within 6 s */
    RETRY_MS = 1000,
    NAME_MAX_BYTES = 128,
};

struct journal {
    struct bargen *b;
    struct redis_cmd *cmd;
    struct payload payload;
    uv_timer_t retry;
    unsigned n_shards;
    unsigned unchecked; /* shards whose stream is being looked at */
    bool refused;       /* one of them could not be */
    bool checked;       /* all were, since this connection was made */
    bool reading;       /* XREAD is under way */
    bool caught_up;
    bool closing;
    struct part {
        struct journal *journal;
        unsigned shard;
        struct entry_id cursor; /* the last entry taken in */
        bool begun;             /* the cursor says something */
    } * parts;
    unsigned open;
};

static void key_of(const struct journal *j, unsigned shard,
                   char key[NAME_MAX_BYTES])
{
    snprintf(key, NAME_MAX_BYTES, "%sjournal:%u", j->b->redis.prefix, shard);
}

bool journal_ready(const struct journal *j)
{
    return !j->closing && j->checked && redis_cmd_ready(j->cmd);
}

bool journal_caught_up(const struct journal *j)
{
    return j->caught_up && journal_ready(j);
}

static void try_later(struct journal *j);

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

static void advance(struct part *p, struct entry_id id)
{
    struct store *store = p->journal->b->store;

    p->cursor = id;
    p->begun = true;
    if (store)
        store_advance(store, p->shard, id);
}

static void tell_lost(struct part *p, const char *ev, struct entry_id cursor,
                      int64_t until_ns)
{
    struct journal *j = p->journal;

    engine_lost(&j->b->engine, j->n_shards > 1 ? (int)p->shard : -1, until_ns);
    log_warn(ev, "shard=%u cursor=%" PRIu64 "-%" PRIu64, p->shard, cursor.ms,
             cursor.seq);
}

/* A journal that has nothing of what was read: all of it is new. */
static void begin_anew(struct part *p)
{
    const struct entry_id zero = {0, 0};
    struct entry_id cursor = p->cursor;

    if (!p->begun || !entry_id_before(zero, cursor))
        return;
    advance(p, zero);
    tell_lost(p, "journal_replaced", cursor, clock_wall_ns());
}

static void check_stream(struct part *p, const struct redis_reply *info)
{
    struct journal *j = p->journal;
    struct entry_id first, last, cursor = p->cursor;
    enum store_past past =
        j->b->store ? store_take_past(j->b->store, p->shard) : STORE_EMPTY;

    if (!field_id(info, "last-generated-id", &last))
        return;
    if (!p->begun) {
        if (j->b->opts->from == FROM_NOW)
            advance(p, last);
        return;
    }
    if (entry_id_before(last, cursor) && past == STORE_EMPTY) {
        begin_anew(p);
    } else if (entry_id_before(last, cursor) || past == STORE_REWOUND) {
        /* The same history up to some time ago: all of it was read. */
        if (entry_id_before(last, cursor))
            advance(p, last);
        tell_lost(p, "journal_rewound", cursor, clock_wall_ns());
    } else if (entry_id_before(cursor, last) &&
               !field_id(info, "first-entry", &first)) {
        tell_lost(p, "journal_trimmed", cursor, (int64_t)last.ms * NS_PER_MS);
    } else if (entry_id_before(cursor, last) &&
               entry_id_before(cursor, first)) {
        tell_lost(p, "journal_trimmed", cursor, (int64_t)first.ms * NS_PER_MS);
    }
}

static void on_info(void *arg, const struct redis_reply *r)
{
    struct part *p = arg;
    struct journal *j = p->journal;

    if (!r || j->closing)
        return;
    if (r->type == REDIS_ARRAY) {
        check_stream(p, r);
    } else if (span_starts(r->str, "ERR no such key")) {
        begin_anew(p);
    } else {
        log_warn("journal_unreadable", "shard=%u why=%s", p->shard,
                 LOG_Q(r->str));
        j->refused = true;
    }
    if (--j->unchecked > 0)
        return;
    if (j->refused) { /* what was trimmed would pass unseen */
        try_later(j);
        return;
    }
    j->checked = true;
    bargen_source_ready(j->b);
    journal_go_on(j);
}

static void check_all(struct journal *j)
{
    char key[NAME_MAX_BYTES];

    j->unchecked = j->n_shards;
    j->refused = false;
    for (unsigned i = 0; i < j->n_shards; i++) {
        struct part *p = &j->parts[i];

        if (!p->begun && j->b->store)
            p->begun = store_cursor(j->b->store, i, &p->cursor);
        key_of(j, i, key);
        redis_cmd_words(j->cmd, on_info, p, "XINFO", "STREAM", key, NULL);
    }
}

/* --- reading --- */

static void take_entry(struct journal *j, unsigned shard,
                       const struct redis_reply *entry)
{
    const struct redis_reply *fields;
    struct entry_id id;

    if (entry->type != REDIS_ARRAY || entry->count != 2 ||
        !entry_id_parse(entry->item[0].str, &id))
        return;
    fields = &entry->item[1];
    for (size_t i = 0; i + 1 < fields->count; i += 2)
        if (span_is(fields->item[i].str, "d"))
            payload_take(&j->payload, &j->b->engine, fields->item[i + 1].str,
                         (int64_t)id.ms * NS_PER_MS);
    advance(&j->parts[shard], id);
}

/* Number of the shard at the end of the key; n_shards: not one of ours. */
static unsigned shard_of(const struct journal *j, struct span key)
{
    char own[NAME_MAX_BYTES];

    for (unsigned i = 0; i < j->n_shards; i++) {
        key_of(j, i, own);
        if (span_is(key, own))
            return i;
    }
    return j->n_shards;
}

static void take_streams(struct journal *j, const struct redis_reply *r)
{
    uint64_t entries = 0;
    uint64_t newest_ms = 0;

    j->caught_up = true;
    /* Ids are by the clock of Redis, which may be wrong. */
    j->b->engine.wall_ns = clock_wall_ns();
    for (size_t i = 0; i < r->count; i++) {
        const struct redis_reply *stream = &r->item[i], *list;
        unsigned shard;

        if (stream->type != REDIS_ARRAY || stream->count != 2)
            continue;
        shard = shard_of(j, stream->item[0].str);
        list = &stream->item[1];
        if (shard == j->n_shards)
            continue;
        for (size_t k = 0; k < list->count; k++)
            take_entry(j, shard, &list->item[k]);
        if (list->count >= ENTRIES_MAX)
            j->caught_up = false;
        entries += list->count;
        if (j->parts[shard].cursor.ms > newest_ms)
            newest_ms = j->parts[shard].cursor.ms;
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
        j->caught_up = true;
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
    bargen_flush(j->b);
    journal_go_on(j);
}

static bool sink_ready(const struct journal *j)
{
    return !j->b->store || store_ready(j->b->store);
}

void journal_go_on(struct journal *j)
{
    char text[NAME_MAX_BYTES];

    /* Streams are compared with the cursors, so those must be there first. */
    if (!j->closing && !j->checked && j->unchecked == 0 &&
        redis_cmd_ready(j->cmd) && sink_ready(j)) {
        check_all(j);
        return;
    }
    if (!journal_ready(j) || j->reading || bargen_full(j->b) ||
        uv_is_active((uv_handle_t *)&j->retry))
        return;
    if (!redis_cmd_begin(j->cmd, 6 + 2 * j->n_shards, on_read, j))
        return;
    j->reading = true;
    redis_cmd_str(j->cmd, "XREAD");
    redis_cmd_str(j->cmd, "COUNT");
    redis_cmd_int(j->cmd, ENTRIES_MAX);
    redis_cmd_str(j->cmd, "BLOCK");
    /* The first answer says at once whether anything is left. */
    redis_cmd_int(j->cmd, j->caught_up ? BLOCK_MS : 1);
    redis_cmd_str(j->cmd, "STREAMS");
    for (unsigned i = 0; i < j->n_shards; i++) {
        key_of(j, i, text);
        redis_cmd_str(j->cmd, text);
    }
    for (unsigned i = 0; i < j->n_shards; i++) {
        struct entry_id id = j->parts[i].cursor;

        snprintf(text, sizeof text, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
        redis_cmd_str(j->cmd, text);
    }
}

/* --- the link --- */

static void on_retry(uv_timer_t *timer)
{
    journal_go_on(timer->data);
}

static void try_later(struct journal *j)
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

    /* The store's link says the same. */
    if (!j->b->store)
        bargen_redis_down(j->b, why, refused);
    j->checked = j->reading = j->caught_up = false;
    j->unchecked = 0;
}

struct journal *journal_new(struct bargen *b)
{
    struct journal *j = mem_zero(sizeof *j);
    struct redis_cmd_events events = {.on_ready = on_ready, .on_down = on_down};
    struct redis_cmd_limits limits = {.role = "read"};

    j->b = b;
    j->n_shards = (unsigned)b->opts->shards;
    j->parts = mem_zero(j->n_shards * sizeof *j->parts);
    for (unsigned i = 0; i < j->n_shards; i++)
        j->parts[i] = (struct part){.journal = j, .shard = i};
    payload_init(&j->payload);
    uv_timer_init(&b->app->loop, &j->retry);
    j->retry.data = j;
    j->cmd = redis_cmd_new(&b->app->loop, &b->redis, &limits, &events, j);
    j->open = 2;
    return j;
}

static void closed(struct journal *j)
{
    if (--j->open > 0)
        return;
    payload_close(&j->payload);
    free(j->parts);
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

void journal_close(struct journal *j)
{
    if (!j || j->closing)
        return;
    j->closing = true;
    uv_close((uv_handle_t *)&j->retry, on_timer_closed);
    redis_cmd_close(j->cmd, on_link_closed, j);
}
