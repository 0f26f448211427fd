#include "tickpub/publish.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tickpub/journal.h"
#include "tickpub/publish_metrics.h"
#include "tickpub/queue.h"
#include "tickpub/target.h"
#include "tickpub/wire.h"

enum {
    /* A batch this large goes even if the input has more: beyond it, the cost
     * of the newest values is spread over enough events already. */
    BATCH_MAX_BYTES = 256 * 1024,
    /* Above these, batches grow instead of being sent. */
    IN_FLIGHT_MAX = 8192,
    UNSENT_MAX_BYTES = 1024 * 1024,
    RETRY_MS = 1000, /* after Redis refused a journal entry for now */
    NS_PER_MS = 1000000,
};

struct publisher {
    uv_loop_t *loop;
    struct publish_options options;
    struct publish_events events;
    void *arg;
    struct redis_cmd *cmd;
    struct span src;
    struct targets targets;
    struct wire wire;
    struct journal journal;
    struct queue queue;
    struct journal_entry **per_shard; /* of the batch being sent */
    unsigned link;                    /* connections so far */
    uint64_t stale_before_ms;         /* when the link came back, less a bit */
    bool holding;                     /* retry is armed */
    bool was_full;                    /* on_room is owed */
    bool marked;                      /* a PING behind everything is out */
    unsigned marks;                   /* such PINGs without an answer */
    uv_timer_t retry;
    void (*on_finished)(void *arg);
    void *finished_arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
    unsigned closing; /* things to close */
};

/* Everything that is not acknowledged. */
static size_t held_bytes(const struct publisher *p)
{
    return p->journal.bytes + queue_bytes(&p->queue);
}

bool publisher_full(const struct publisher *p)
{
    return p->was_full;
}

bool publisher_ready(const struct publisher *p)
{
    return redis_cmd_ready(p->cmd);
}

struct redis_cmd *publisher_cmd(struct publisher *p)
{
    return p->cmd;
}

uint64_t publisher_unsettled(const struct publisher *p)
{
    return p->journal.events + queue_events(&p->queue);
}

uint64_t publisher_dropped(const struct publisher *p)
{
    (void)p;
    return publish_metrics[PUBLISH_DROPPED].value +
           publish_metrics[PUBLISH_REFUSED].value;
}

uint64_t publisher_published(const struct publisher *p)
{
    (void)p;
    return publish_metrics[PUBLISH_OBJECTS].value;
}

static void note_room(struct publisher *p)
{
    if (!p->was_full || held_bytes(p) > p->options.queue_max_bytes / 2)
        return;
    p->was_full = false;
    if (p->events.on_room)
        p->events.on_room(p->arg);
}

/* ---- the journal ---- */

static void on_retry(uv_timer_t *timer);

/* Redis said "not now" to an entry: what follows it in its stream has to wait
 * as well, so that the order holds. */
static void hold_journal(struct publisher *p)
{
    if (p->holding || p->closing > 0)
        return;
    p->holding = true;
    uv_timer_start(&p->retry, on_retry, RETRY_MS, 0);
}

static void settle(struct publisher *p);

static void on_entry(void *arg, const struct redis_reply *reply)
{
    struct journal_entry *e = arg;
    struct publisher *p = e->owner;

    if (!reply) {
        journal_returned(&p->journal, e);
        return;
    }
    if (reply->type != REDIS_ERROR_REPLY) {
        publish_metrics[PUBLISH_ACKED].value += e->events;
        journal_remove(&p->journal, e);
    } else if (redis_error_of(reply->str) == REDIS_ERR_OTHER) {
        log_error("journal_refused", "key=%s events=%u why=%s", LOG_Q(e->key),
                  e->events, LOG_Q(reply->str));
        publish_metrics[PUBLISH_REFUSED].value += e->events;
        journal_remove(&p->journal, e);
    } else {
        log_warn("journal_retry", "key=%s events=%u why=%s", LOG_Q(e->key),
                 e->events, LOG_Q(reply->str));
        publish_metrics[PUBLISH_RETRIED].value++;
        journal_returned(&p->journal, e);
        hold_journal(p);
    }
    settle(p);
}

static void send_entry(struct publisher *p, struct journal_entry *e)
{
    int64_t max = e->is_shard ? p->options.journal_max : p->options.stream_max;

    if (!redis_cmd_begin(p->cmd, 8, on_entry, e))
        return;
    journal_sent(&p->journal, e);
    redis_cmd_str(p->cmd, "XADD");
    redis_cmd_arg(p->cmd, e->key.ptr, e->key.len);
    redis_cmd_str(p->cmd, "MAXLEN");
    redis_cmd_str(p->cmd, "~");
    redis_cmd_int(p->cmd, max);
    redis_cmd_str(p->cmd, "*");
    redis_cmd_str(p->cmd, "d");
    redis_cmd_arg(p->cmd, e->run.ptr, e->run.len);
    publish_metrics[PUBLISH_ENTRIES].value++;
}

/* All that is not in flight, oldest first. */
static void send_journal(struct publisher *p)
{
    struct journal_entry *e = journal_oldest_unsent(&p->journal);

    if (p->holding)
        return;
    for (; e && p->journal.unsent > 0 && !redis_cmd_full(p->cmd); e = e->next) {
        if (!e->in_flight)
            send_entry(p, e);
    }
}

static void journal_record(struct publisher *p, const struct batch *b,
                           const struct record *r)
{
    struct target *target = r->target;
    struct span payload = batch_payload(b, r);

    if ((r->what & RECORD_FIRST) && target->shard) {
        struct journal_entry **e = &p->per_shard[target->shard_number];

        if (!*e) {
            *e = journal_add(&p->journal, target->shard->name.text, p);
            (*e)->is_shard = true;
        }
        journal_append(&p->journal, *e, payload);
    }
    if ((r->what & RECORD_STREAM) && target->stream)
        journal_append(&p->journal,
                       journal_add(&p->journal, target->stream->name.text, p),
                       payload);
}

/* One entry a shard and batch; the other streams have one an event. */
static void journal_batch(struct publisher *p, const struct batch *b)
{
    memset(p->per_shard, 0, p->options.shards * sizeof(struct journal_entry *));
    for (uint32_t i = 0; i < b->count; i++)
        journal_record(p, b, &b->records[i]);
}

/* ---- batches ---- */

static void count_sent(const struct wire_counts *counts)
{
    publish_metrics[PUBLISH_MESSAGES].value += counts->messages;
    publish_metrics[PUBLISH_OBJECTS].value += counts->objects;
    publish_metrics[PUBLISH_STALE].value += counts->stale;
}

static void send_batch(struct publisher *p, struct batch *b, uint64_t now_ms)
{
    struct wire_counts counts = {0};

    wire_clear(&p->wire);
    wire_latest(&p->wire, now_ms, p->link);
    wire_records(&p->wire, b, p->options.batch, p->stale_before_ms, &counts);
    if (p->wire.commands > 0)
        redis_cmd_raw(p->cmd, p->wire.run.ptr, p->wire.run.len,
                      p->wire.commands);
    count_sent(&counts);
    metrics_observe(&publish_metrics[PUBLISH_FLUSH], b->events);
    journal_batch(p, b);
    queue_give(&p->queue, b);
    send_journal(p);
}

static void send_waiting(struct publisher *p)
{
    uint64_t now_ms = uv_now(p->loop);

    if (!redis_cmd_ready(p->cmd) || p->closing > 0)
        return;
    send_journal(p);
    while (!redis_cmd_full(p->cmd)) {
        if (!p->queue.head)
            queue_roll(&p->queue);
        if (!p->queue.head)
            break;
        send_batch(p, queue_shift(&p->queue), now_ms);
    }
}

void publisher_flush(struct publisher *p)
{
    send_waiting(p);
    settle(p);
}

/* ---- the bound ---- */

static void count_dropped(uint64_t events)
{
    publish_metrics[PUBLISH_DROPPED].value += events;
}

static bool drop_one(struct publisher *p)
{
    struct journal_entry *e = journal_oldest_unsent(&p->journal);
    struct batch *b;

    if (e) {
        count_dropped(e->events);
        journal_remove(&p->journal, e);
        return true;
    }
    b = queue_shift(&p->queue);
    if (!b)
        return false; /* the rest is in flight, which has its own bound */
    count_dropped(b->events);
    wire_forget(&p->wire, b);
    queue_give(&p->queue, b);
    return true;
}

static void keep_bound(struct publisher *p)
{
    if (held_bytes(p) <= p->options.queue_max_bytes)
        return;
    if (!p->options.drop_oldest) {
        p->was_full = true;
        return;
    }
    log_warn("queue_full", "bytes=%zu policy=drop-oldest", held_bytes(p));
    while (held_bytes(p) > p->options.queue_max_bytes && drop_one(p)) {
    }
}

/* ---- events in ---- */

static void add_record(struct publisher *p, struct target *target, int i,
                       const struct event *ev, uint64_t now_ms)
{
    struct channel *ch = target->channel[i];
    bool numbered = ch && !(ev->have & (EVENT_HAS_SRC | EVENT_HAS_SEQ));
    struct record *r =
        batch_add(p->queue.open, ev->text, p->src, numbered ? ++ch->seq : 0);

    r->target = target;
    r->channel = ch;
    r->read_ms = now_ms;
    r->time_ms = ev->time_ns / NS_PER_MS;
    if (i == 0) {
        r->what = RECORD_FIRST;
        wire_touch_key(&p->wire, target, ev, p->queue.open, r);
        p->queue.open->events++;
    }
    if (i == 1 || !target->channel[1])
        r->what |= RECORD_STREAM;
    if (ch)
        wire_touch_channel(&p->wire, target, i, p->queue.open, r);
}

bool publisher_add(struct publisher *p, const struct event *ev)
{
    struct target *target = target_of(&p->targets, ev);
    uint64_t now_ms = uv_now(p->loop);

    if (!target)
        return false;
    p->marked = false;
    add_record(p, target, 0, ev, now_ms);
    if (target->channel[1])
        add_record(p, target, 1, ev, now_ms);
    if (queue_open_full(&p->queue)) {
        queue_roll(&p->queue);
        send_waiting(p);
    }
    keep_bound(p);
    return true;
}

/* ---- finishing ---- */

static void on_mark(void *arg, const struct redis_reply *reply)
{
    struct publisher *p = arg;
    void (*done)(void *) = p->on_finished;

    p->marks--;
    if (!reply)
        p->marked = false; /* again, once the link is back */
    /* An older one says nothing about what was added after it. */
    if (!p->marked || p->marks > 0 || !done || publisher_unsettled(p) > 0)
        return;
    p->on_finished = NULL;
    done(p->finished_arg);
}

/* After something was acknowledged or sent: is there room, is it all done?
 * Replies come in order, so the answer to a PING behind everything else says
 * that everything else was answered. */
static void settle(struct publisher *p)
{
    publish_metrics[PUBLISH_QUEUE].value = held_bytes(p);
    if (p->closing > 0)
        return;
    note_room(p);
    if (p->on_finished && !p->marked && publisher_unsettled(p) == 0 &&
        redis_cmd_words(p->cmd, on_mark, p, "PING", NULL)) {
        p->marked = true;
        p->marks++;
    }
}

void publisher_finish(struct publisher *p, void (*on_done)(void *arg),
                      void *arg)
{
    p->on_finished = on_done;
    p->finished_arg = arg;
    p->marked = false;
    publisher_flush(p);
}

/* ---- the link ---- */

static void on_retry(uv_timer_t *timer)
{
    struct publisher *p = timer->data;

    p->holding = false;
    send_waiting(p);
    settle(p);
}

static void on_ready(void *arg)
{
    struct publisher *p = arg;
    uint64_t now_ms = uv_now(p->loop);
    uint64_t stale_ms = (uint64_t)p->options.stale_after_ms;

    p->link++;
    p->stale_before_ms = now_ms > stale_ms ? now_ms - stale_ms : 0;
    p->marked = false;
    p->holding = false;
    uv_timer_stop(&p->retry);
    publish_metrics[PUBLISH_CONNECTED].value = 1;
    p->events.on_ready(p->arg, p->link == 1);
    send_waiting(p);
    settle(p);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct publisher *p = arg;

    publish_metrics[PUBLISH_CONNECTED].value = 0;
    p->events.on_down(p->arg, why, refused);
}

static void on_room(void *arg)
{
    struct publisher *p = arg;

    send_waiting(p);
    settle(p);
}

static void on_error(void *arg, struct span text)
{
    (void)arg;
    publish_metrics[PUBLISH_ERRORS].value++;
    log_warn("redis_error", "why=%s", LOG_Q(text));
}

/* ---- beginning and end ---- */

struct publisher *publisher_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct publish_options *options,
                                const struct route_table *routes,
                                const struct publish_events *events, void *arg)
{
    struct publisher *p = mem_zero(sizeof *p);
    size_t batch_max = options->queue_max_bytes / 4;
    struct redis_cmd_limits limits = {.max_in_flight = IN_FLIGHT_MAX,
                                      .max_unsent = UNSENT_MAX_BYTES};
    struct redis_cmd_events cmd_events = {.on_ready = on_ready,
                                          .on_down = on_down,
                                          .on_room = on_room,
                                          .on_error = on_error};
    struct target_options target_options = {
        .prefix = span_str(config->prefix),
        .price_ttl_ms = options->price_ttl_ms,
        .shards = options->shards,
        .max_targets = options->max_targets,
    };

    p->loop = loop;
    p->options = *options;
    p->events = *events;
    p->arg = arg;
    p->src = span_str(options->src);
    queue_init(&p->queue,
               batch_max < BATCH_MAX_BYTES ? batch_max : BATCH_MAX_BYTES);
    p->per_shard = mem_zero(options->shards * sizeof(struct journal_entry *));
    targets_init(&p->targets, &target_options, routes);
    uv_timer_init(loop, &p->retry);
    p->retry.data = p;
    publish_metrics_add();
    p->cmd = redis_cmd_new(loop, config, &limits, &cmd_events, p);
    return p;
}

void publisher_reroute(struct publisher *p, const struct route_table *routes)
{
    targets_reroute(&p->targets, routes);
}

static void free_publisher(struct publisher *p)
{
    void (*done)(void *) = p->on_closed;
    void *arg = p->closed_arg;

    queue_close(&p->queue);
    journal_close(&p->journal);
    wire_close(&p->wire);
    targets_close(&p->targets);
    free(p->per_shard);
    free(p);
    done(arg);
}

static void on_part_closed(struct publisher *p)
{
    assert(p->closing > 0);
    if (--p->closing == 0)
        free_publisher(p);
}

static void on_cmd_closed(void *arg)
{
    on_part_closed(arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

void publisher_close(struct publisher *p, void (*done)(void *arg), void *arg)
{
    p->on_closed = done;
    p->closed_arg = arg;
    p->closing = 2;
    uv_close((uv_handle_t *)&p->retry, on_timer_closed);
    redis_cmd_close(p->cmd, on_cmd_closed, p);
}
