#include "tickpub/publish/publisher.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "tickpub/publish/publish_metrics.h"
#include "tickpub/publish/queue.h"
#include "tickpub/publish/sender.h"
#include "tickpub/publish/streams.h"

enum {
    WAITING_BATCHES = 2,
    NS_PER_MS = 1000000,
    /* A batch this large goes even if the input has more: beyond it, the cost
     * of the newest values is spread over enough events already. */
    BATCH_MAX_BYTES = 1024 * 1024,
    /* Above these, batches grow instead of being sent. */
    IN_FLIGHT_MAX = 8192,
    UNSENT_MAX_BYTES = 1024 * 1024,
    /* A journal entry this long takes no further event: enough for a burst of
     * one symbol while its last entry is on its way. */
    ENTRY_MAX_BYTES = 256 * 1024,
};

struct publisher {
    uv_loop_t *loop;
    struct publisher_options options;
    struct publisher_events events;
    void *arg;
    struct redis_cmd *cmd;
    struct span src;
    struct destinations destinations;
    struct sender sender;
    struct streams streams;
    struct queue queue;
    bool was_full;  /* on_room is owed */
    bool marked;    /* a PING behind everything is out */
    unsigned marks; /* such PINGs without an answer */
    void (*on_finished)(void *arg);
    void *finished_arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
    unsigned closing; /* things to close */
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

static uint64_t count(enum publish_metric which)
{
    return publish_metrics[which].value;
}

struct tally publisher_tally(const struct publisher *p)
{
    uint64_t queued = queue_events(&p->queue);

    return (struct tally){
        .published = count(PUBLISH_EVENTS),
        .stale = count(PUBLISH_STALE),
        .unconfirmed =
            count(PUBLISH_UNCONFIRMED) + p->sender.encoder.ledger.events,
        .refused = count(PUBLISH_NOT_TAKEN),
        .unsent = count(PUBLISH_UNSENT) + queued,
        .journalled = count(PUBLISH_ACKED),
        .dropped = count(PUBLISH_DROPPED) + count(PUBLISH_REFUSED),
        .lost = queued + p->streams.journal.events,
    };
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

static void note_room(struct publisher *p)
{
    if (!p->was_full || above(p, 2))
        return;
    p->was_full = false;
    if (p->events.on_room)
        p->events.on_room(p->arg);
}

/* --- batches --- */

static void send_batch(struct publisher *p, struct batch *b)
{
    sender_batch(&p->sender, b);
    streams_add(&p->streams, b);
    queue_give(&p->queue, b);
    streams_send(&p->streams);
}

/* Send what waits, as far as the link takes it. */
static void send_waiting(struct publisher *p)
{
    if (!redis_cmd_ready(p->cmd) || p->closing > 0)
        return;
    streams_send(&p->streams);
    while (!redis_cmd_full(p->cmd)) {
        if (!p->queue.head)
            queue_roll(&p->queue);
        if (!p->queue.head)
            break;
        send_batch(p, queue_shift(&p->queue));
    }
    /* What a lost link has not written, where nothing newer came. */
    if (encoder_waits(&p->sender.encoder) && !redis_cmd_full(p->cmd))
        sender_latest(&p->sender);
    sender_say_stale(&p->sender, p->queue.head);
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
        encoder_forget(&p->sender.encoder, b);
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

    if (ch && !dest->bare && !(ev->have & (EVENT_HAS_SRC | EVENT_HAS_SEQ)))
        seq = ++ch->seq;
    r = batch_add(p->queue.open, ev->text, p->src, seq);
    r->dest = dest;
    r->channel = ch;
    r->read_ms = now_ms;
    r->time_ms = ev->time_ns / NS_PER_MS;
    if (i == 0) {
        r->what = RECORD_FIRST;
        encoder_touch_key(&p->sender.encoder, dest, ev, p->queue.open, r);
        p->queue.open->events++;
    }
    if (i == 1 || !dest->channel[1])
        r->what |= RECORD_STREAM;
    if (dest->field[i])
        encoder_touch_channel(&p->sender.encoder, dest, i, p->queue.open, r);
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
        send_waiting(p);
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
        sender_owes(&p->sender))
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
        !sender_owes(&p->sender) &&
        redis_cmd_words(p->cmd, on_mark, p, "PING", NULL)) {
        p->marked = true;
        p->marks++;
    }
}

void publisher_flush(struct publisher *p)
{
    send_waiting(p);
    keep_bound(p);
    settle(p);
}

void publisher_finish(struct publisher *p, void (*on_done)(void *arg),
                      void *arg)
{
    p->on_finished = on_done;
    p->finished_arg = arg;
    p->marked = false;
    publisher_flush(p);
}

/* --- the link --- */

static void on_streams_change(void *arg)
{
    struct publisher *p = arg;

    /* Entries that were held back, or room for more of them. */
    if (p->streams.journal.unsent > 0 && redis_cmd_ready(p->cmd))
        streams_send(&p->streams);
    settle(p);
}

static void on_again(void *arg)
{
    struct publisher *p = arg;

    p->marked = false;
    send_waiting(p);
    settle(p);
}

static void on_ready(void *arg)
{
    struct publisher *p = arg;
    uint64_t now_ms = uv_now(p->loop);
    uint64_t stale_ms = (uint64_t)p->options.stale_after_ms;

    p->marked = false;
    sender_link_up(&p->sender, now_ms > stale_ms ? now_ms - stale_ms : 0);
    streams_link_up(&p->streams);
    publish_metrics[PUBLISH_CONNECTED].value = 1;
    p->events.on_ready(p->arg);
    send_waiting(p);
    settle(p);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct publisher *p = arg;

    publish_metrics[PUBLISH_CONNECTED].value = 0;
    sender_link_down(&p->sender);
    p->events.on_down(p->arg, why, refused);
    note_room(p); /* without a link the whole queue may fill */
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
    sender_error(text);
}

/* --- beginning and end --- */

struct publisher *publisher_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct publisher_options *options,
                                const struct route_table *routes,
                                const struct publisher_events *events,
                                void *arg)
{
    struct publisher *p = mem_zero(sizeof *p);
    size_t batch_max = (size_t)options->queue_max_bytes / 4;
    struct redis_cmd_limits limits = {.max_in_flight = IN_FLIGHT_MAX,
                                      .max_unsent = UNSENT_MAX_BYTES};
    struct redis_cmd_events cmd_events = {.on_ready = on_ready,
                                          .on_down = on_down,
                                          .on_room = on_room,
                                          .on_error = on_error};
    struct streams_options streams_options = {
        .shards = (unsigned)options->shards,
        .journal_max_bytes = options->journal_max_bytes,
        .stream_max = options->stream_max,
        .join_max_bytes =
            batch_max < ENTRY_MAX_BYTES ? batch_max : ENTRY_MAX_BYTES,
    };
    struct destination_options destination_options = {
        .prefix = span_str(config->prefix),
        .price_ttl_ms = options->price_ttl_ms,
        .shards = (unsigned)options->shards,
        .max_destinations = (size_t)options->max_destinations,
    };

    p->loop = loop;
    p->options = *options;
    p->events = *events;
    p->arg = arg;
    p->src = span_str(options->src);
    queue_init(&p->queue,
               batch_max < BATCH_MAX_BYTES ? batch_max : BATCH_MAX_BYTES);
    destinations_init(&p->destinations, &destination_options, routes);
    streams_init(&p->streams, loop, &streams_options, on_streams_change, p);
    sender_init(&p->sender, loop, &p->destinations, options->batch, on_again,
                p);
    p->cmd = redis_cmd_new(loop, config, &limits, &cmd_events, p);
    p->streams.cmd = p->sender.cmd = p->cmd;
    return p;
}

void publisher_reroute(struct publisher *p, const struct route_table *routes)
{
    destinations_reroute(&p->destinations, routes);
}

static void free_publisher(struct publisher *p)
{
    void (*done)(void *) = p->on_closed;
    void *arg = p->closed_arg;

    queue_close(&p->queue);
    streams_free(&p->streams);
    sender_free(&p->sender);
    destinations_close(&p->destinations);
    free(p);
    if (done)
        done(arg);
}

static void on_part_closed(void *arg)
{
    struct publisher *p = arg;

    assert(p->closing > 0);
    if (--p->closing == 0)
        free_publisher(p);
}

void publisher_close(struct publisher *p, void (*done)(void *arg), void *arg)
{
    p->on_closed = done;
    p->closed_arg = arg;
    p->closing = 3;
    sender_close(&p->sender, on_part_closed);
    streams_close(&p->streams, on_part_closed);
    redis_cmd_close(p->cmd, on_part_closed, p);
}
