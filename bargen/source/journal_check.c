#include "bargen/source/journal_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"

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

void journal_advance(struct stream *s, struct entry_id id)
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
        journal_advance(s, zero); /* all that it will have is new */
    if (!s->begun || !entry_id_before(zero, cursor))
        return;
    journal_advance(s, zero);
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
            journal_advance(s, last);
        return;
    }
    if (entry_id_before(last, cursor) && past == STORE_EMPTY) {
        begin_anew(s);
    } else if (entry_id_before(last, cursor) || past == STORE_REWOUND) {
        /* The same history up to some time ago: all of it was read. */
        if (entry_id_before(last, cursor))
            journal_advance(s, last);
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

bool journal_check_done(const struct journal *j)
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
        journal_try_later(j);
    else
        journal_go_on(j);
}

void journal_check_new(struct journal *j)
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
