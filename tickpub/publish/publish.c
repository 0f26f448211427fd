#include "tickpub/publish/publish.h"

#include <inttypes.h>

#include "common/base/log.h"
#include "tickpub/publish/publish_internal.h"
#include "tickpub/publish/publish_metrics.h"

enum {
    WAITING_BATCHES = 2,
    AGAIN_MS = 1000, /* after Redis refused newest values for now */
    NS_PER_MS = 1000000,
};

/* Everything that is not acknowledged. */
static size_t held_bytes(const struct publisher *p)
{
    return p->streams.journal.bytes + queue_bytes(&p->queue);
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
    return p->streams.journal.events + queue_events(&p->queue);
}

struct tally publisher_tally(const struct publisher *p)
{
    return tally_of(queue_events(&p->queue), p->encoder.ledger.events,
                    p->streams.journal.events);
}

/* While Redis answers, a producer that can wait is stopped early: a few batches
 * keep the link busy, and what waits in them stays in the processor's cache.
 * The whole queue is for times without a link. */
static bool above(const struct publisher *p, size_t parts)
{
    size_t max = (size_t)p->options.queue_max_bytes;

    if (!p->options.drop_oldest && redis_cmd_ready(p->cmd) &&
        p->queue.bytes >= WAITING_BATCHES * p->queue.batch_max_bytes / parts)
        return true;
    return held_bytes(p) > max / parts;
}

void publish_note_room(struct publisher *p)
{
    if (!p->was_full || above(p, 2))
        return;
    p->was_full = false;
    if (p->events.on_room)
        p->events.on_room(p->arg);
}

/* --- batches --- */

static void count_sent(struct publisher *p, const struct encoder_counts *counts)
{
    p->stale += counts->stale;
    publish_metrics[PUBLISH_EVENTS].value += counts->silent;
    publish_metrics[PUBLISH_MESSAGES].value += counts->messages;
    publish_metrics[PUBLISH_OBJECTS].value += counts->objects;
    publish_metrics[PUBLISH_STALE].value += counts->stale;
}

/* Redis could not take a newest value now: later. */
static void put_off(struct publisher *p)
{
    if (p->again_from > 0 || p->closing > 0)
        return;
    p->again_from = p->answered;
    uv_timer_start(&p->again, publish_again, AGAIN_MS, 0);
}

static void count_unconfirmed(struct publisher *p, uint64_t events)
{
    publish_metrics[PUBLISH_UNCONFIRMED].value += events;
    p->unconfirmed += events;
}

/* To a command of the encoder. */
static void on_wrote(void *arg, const struct redis_reply *reply)
{
    struct publisher *p = arg;
    uint64_t events = ack_ledger_take(&p->encoder.ledger);
    enum redis_error error;

    if (!reply) {
        count_unconfirmed(p, events); /* of newest values, see on_ready() */
        return;
    }
    p->answered++;
    if (reply->type != REDIS_ERROR_REPLY) {
        publish_metrics[PUBLISH_EVENTS].value += events;
        return;
    }
    publish_metrics[PUBLISH_NOT_TAKEN].value += events;
    publish_error(p, reply->str);
    error = redis_error_of(reply->str);
    if (error == REDIS_ERR_RETRY || error == REDIS_ERR_REPORT)
        put_off(p);
}

/* In pieces, so that what was just encoded is still in the cache when the link
 * copies it. */
static void send_wire(struct publisher *p)
{
    /* Without a link, those before have failed already: the rest is ours. */
    if (p->encoder.commands > 0 &&
        !redis_cmd_raw_fn(p->cmd, p->encoder.run.ptr, p->encoder.run.len,
                          p->encoder.commands, on_wrote, p)) {
        while (p->encoder.ledger.runs > 0)
            count_unconfirmed(p, ack_ledger_take(&p->encoder.ledger));
    }
    encoder_clear(&p->encoder);
}

static void send_batch(struct publisher *p, struct batch *b, uint64_t now_ms)
{
    struct encoder_counts counts = {0};

    encoder_clear(&p->encoder);
    encoder_latest(&p->encoder, now_ms, p->link);
    for (uint32_t at = 0; at < b->count;) {
        at = encoder_records(&p->encoder, b, at, p->options.batch,
                             p->stale_before_ms, &counts);
        send_wire(p);
    }
    count_sent(p, &counts);
    metrics_observe(&publish_metrics[PUBLISH_FLUSH], b->events);
    streams_add(&p->streams, b);
    queue_give(&p->queue, b);
    streams_send(&p->streams);
}

/* Once for each time that the link was lost, when all that is stale is known. */
static void say_stale(struct publisher *p)
{
    const struct batch *next = p->queue.head;

    if (p->stale == 0 ||
        (next && next->records[0].read_ms < p->stale_before_ms))
        return;
    log_warn("stale", "events=%" PRIu64 " why=\"waited too long for Redis\"",
             p->stale);
    p->stale = 0;
}

void publish_waiting(struct publisher *p)
{
    uint64_t now_ms = uv_now(p->loop);

    if (!redis_cmd_ready(p->cmd) || p->closing > 0)
        return;
    streams_send(&p->streams);
    while (!redis_cmd_full(p->cmd)) {
        if (!p->queue.head)
            queue_roll(&p->queue);
        if (!p->queue.head)
            break;
        send_batch(p, queue_shift(&p->queue), now_ms);
    }
    /* What a lost link has not written, where nothing newer came. */
    if (encoder_waits(&p->encoder) && !redis_cmd_full(p->cmd)) {
        encoder_clear(&p->encoder);
        encoder_latest(&p->encoder, now_ms, p->link);
        send_wire(p);
    }
    say_stale(p);
}

/* --- the bound --- */

static bool drop_one(struct publisher *p)
{
    uint64_t events = streams_drop_oldest(&p->streams);
    struct batch *b;

    if (events == 0) {
        b = queue_shift(&p->queue);
        if (!b)
            return false; /* the rest is in flight, which has its own bound */
        events = b->events;
        publish_metrics[PUBLISH_UNSENT].value += events;
        encoder_forget(&p->encoder, b);
        queue_give(&p->queue, b);
    }
    publish_metrics[PUBLISH_DROPPED].value += events;
    return true;
}

static void keep_bound(struct publisher *p)
{
    if (!above(p, 1))
        return;
    if (!p->options.drop_oldest) {
        p->was_full = true;
        return;
    }
    log_warn("queue_full", "bytes=%zu policy=drop-oldest", held_bytes(p));
    while (held_bytes(p) > (size_t)p->options.queue_max_bytes && drop_one(p)) {
    }
}

/* --- events in --- */

static void add_record(struct publisher *p, struct destination *dest, int i,
                       const struct event *ev, uint64_t now_ms)
{
    struct channel *ch = dest->channel[i];
    uint64_t seq = 0;
    struct record *r;

    if (ch && !(ev->have & (EVENT_HAS_SRC | EVENT_HAS_SEQ)))
        seq = ++ch->seq;
    r = batch_add(p->queue.open, ev->text, p->src, seq);
    r->dest = dest;
    r->channel = ch;
    r->read_ms = now_ms;
    r->time_ms = ev->time_ns / NS_PER_MS;
    if (i == 0) {
        r->what = RECORD_FIRST;
        encoder_touch_key(&p->encoder, dest, ev, p->queue.open, r);
        p->queue.open->events++;
    }
    if (i == 1 || !dest->channel[1])
        r->what |= RECORD_STREAM;
    if (ch)
        encoder_touch_channel(&p->encoder, dest, i, p->queue.open, r);
}

bool publisher_add(struct publisher *p, const struct event *ev)
{
    struct destination *dest = destination_of(&p->destinations, ev);
    uint64_t now_ms = uv_now(p->loop);

    if (!dest)
        return false;
    p->marked = false;
    add_record(p, dest, 0, ev, now_ms);
    if (dest->channel[1])
        add_record(p, dest, 1, ev, now_ms);
    if (queue_open_full(&p->queue)) {
        queue_roll(&p->queue);
        publish_waiting(p);
        keep_bound(p);
    }
    return true;
}

/* --- finishing --- */

static void on_mark(void *arg, const struct redis_reply *reply)
{
    struct publisher *p = arg;
    void (*done)(void *) = p->on_finished;

    p->marks--;
    if (!reply)
        p->marked = false; /* again, once the link is back */
    /* An older one says nothing about what was added after it. */
    if (!p->marked || p->marks > 0 || !done || publisher_unsettled(p) > 0 ||
        p->again_from > 0)
        return;
    p->on_finished = NULL;
    done(p->finished_arg);
}

/* After something was acknowledged or sent: is there room, is it all done?
 * Replies come in order, so the answer to a PING behind everything else says
 * that everything else was answered. */
void publish_settle(struct publisher *p)
{
    publish_metrics[PUBLISH_QUEUE].value = held_bytes(p);
    if (p->closing > 0)
        return;
    publish_note_room(p);
    if (p->on_finished && !p->marked && publisher_unsettled(p) == 0 &&
        p->again_from == 0 &&
        redis_cmd_words(p->cmd, on_mark, p, "PING", NULL)) {
        p->marked = true;
        p->marks++;
    }
}

void publisher_flush(struct publisher *p)
{
    publish_waiting(p);
    keep_bound(p);
    publish_settle(p);
}

void publisher_finish(struct publisher *p, void (*on_done)(void *arg),
                      void *arg)
{
    p->on_finished = on_done;
    p->finished_arg = arg;
    p->marked = false;
    publisher_flush(p);
}
