#include "tickpub/publish/streams.h"

#include "common/base/log.h"
#include "tickpub/publish/destination.h"
#include "tickpub/publish/publish_metrics.h"

enum {
    ENTRY_OVERHEAD_BYTES = 64, /* what a stream entry costs beside its field */
    MEAN_OF = 32,              /* entries, for their mean size */
    MAXLEN_MIN = 2,
    RETRY_MS = 1000, /* after Redis refused an entry for now */
};

static void on_retry(uv_timer_t *timer)
{
    struct streams *s = timer->data;

    s->holding = false;
    s->on_change(s->arg);
}

/* Redis said "not now" to an entry: what follows it in its stream has to wait
 * as well, so that the order holds. */
static void hold(struct streams *s)
{
    if (s->holding || s->closing)
        return;
    s->holding = true;
    uv_timer_start(&s->retry, on_retry, RETRY_MS, 0);
}

static void on_entry(void *arg, const struct redis_reply *reply)
{
    struct journal_entry *e = arg;
    struct streams *s = e->owner;

    if (!reply) {
        journal_returned(&s->journal, e);
        return;
    }
    if (reply->type != REDIS_ERROR_REPLY) {
        publish_metrics[PUBLISH_ACKED].value += e->events;
        journal_remove(&s->journal, e);
    } else if (redis_error_of(reply->str) == REDIS_ERR_OTHER) {
        log_error("journal_refused", "key=%s events=%u why=%s",
                  LOG_Q(e->stream->key), e->events, LOG_Q(reply->str));
        publish_metrics[PUBLISH_REFUSED].value += e->events;
        journal_remove(&s->journal, e);
    } else {
        log_warn("journal_retry", "key=%s events=%u why=%s",
                 LOG_Q(e->stream->key), e->events, LOG_Q(reply->str));
        publish_metrics[PUBLISH_RETRIED].value++;
        journal_returned(&s->journal, e);
        hold(s);
    }
    s->on_change(s->arg);
}

/*
 * MAXLEN counts entries, but memory is what runs out, and an entry holds
 * anything between one event and a thousand: so the bound in entries follows
 * their mean size.
 */
static int64_t shard_maxlen(struct streams *s, const struct journal_entry *e)
{
    size_t size = e->run.len + ENTRY_OVERHEAD_BYTES;
    int64_t max;

    if (s->entry_bytes == 0)
        s->entry_bytes = size;
    s->entry_bytes += size / MEAN_OF - s->entry_bytes / MEAN_OF;
    max = s->options.journal_max_bytes / s->options.shards /
          (int64_t)s->entry_bytes;
    return max > MAXLEN_MIN ? max : MAXLEN_MIN;
}

static bool send_entry(struct streams *s, struct journal_entry *e)
{
    int64_t max = e->stream->joins ? shard_maxlen(s, e) : s->options.stream_max;

    journal_sent(&s->journal, e);
    if (!redis_cmd_begin(s->cmd, 8, on_entry, e)) {
        journal_returned(&s->journal, e);
        return false;
    }
    redis_cmd_str(s->cmd, "XADD");
    redis_cmd_arg(s->cmd, e->stream->key.ptr, e->stream->key.len);
    redis_cmd_str(s->cmd, "MAXLEN");
    redis_cmd_str(s->cmd, "~");
    redis_cmd_int(s->cmd, max);
    redis_cmd_str(s->cmd, "*");
    redis_cmd_str(s->cmd, "d");
    redis_cmd_arg(s->cmd, e->run.ptr, e->run.len);
    publish_metrics[PUBLISH_ENTRIES].value++;
    return true;
}

void streams_send(struct streams *s)
{
    struct journal_entry *e;

    while (!s->holding && !redis_cmd_full(s->cmd)) {
        e = journal_due(&s->journal);
        if (!e || !send_entry(s, e))
            break;
    }
}

static void add_record(struct streams *s, const struct batch *b,
                       const struct record *r)
{
    struct destination *dest = r->dest;
    struct span payload = batch_payload(b, r);

    if ((r->what & RECORD_FIRST) && dest->shard)
        journal_append(&s->journal,
                       journal_open(&s->journal, &dest->shard->waiting, s),
                       payload);
    if ((r->what & RECORD_STREAM) && dest->stream)
        journal_append(&s->journal,
                       journal_open(&s->journal, &dest->stream->waiting, s),
                       payload);
}

void streams_add(struct streams *s, const struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        add_record(s, b, &b->records[i]);
}

void streams_link_up(struct streams *s)
{
    s->holding = false;
    uv_timer_stop(&s->retry);
}

uint64_t streams_drop_oldest(struct streams *s)
{
    struct journal_entry *e = journal_oldest_unsent(&s->journal);
    uint64_t events = e ? e->events : 0;

    if (e)
        journal_remove(&s->journal, e);
    return events;
}

void streams_init(struct streams *s, uv_loop_t *loop,
                  const struct streams_options *options,
                  void (*on_change)(void *arg), void *arg)
{
    *s = (struct streams){
        .options = *options, .on_change = on_change, .arg = arg};
    s->journal.join_max_bytes = options->join_max_bytes;
    uv_timer_init(loop, &s->retry);
    s->retry.data = s;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct streams *s = handle->data;

    s->on_closed(s->arg);
}

void streams_close(struct streams *s, void (*on_closed)(void *arg))
{
    s->closing = true;
    s->on_closed = on_closed;
    uv_close((uv_handle_t *)&s->retry, on_timer_closed);
}

void streams_free(struct streams *s)
{
    journal_close(&s->journal);
}
