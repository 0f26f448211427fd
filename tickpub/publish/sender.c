#include "tickpub/publish/sender.h"

#include <inttypes.h>

#include "common/base/log.h"
#include "tickpub/publish/publish_metrics.h"

enum { AGAIN_MS = 1000 }; /* after Redis refused newest values for now */

/* --- replies --- */

void sender_error(struct span text)
{
    publish_metrics[PUBLISH_ERRORS].value++;
    log_warn("redis_error", "why=%s", LOG_Q(text));
}

static void write_again(struct sender *s, uint64_t from)
{
    uv_timer_stop(&s->again);
    encoder_again(&s->encoder, s->destinations,
                  sender_owes(s) ? s->again_from : from);
    s->again_from = 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct sender *s = timer->data;

    if (!redis_cmd_ready(s->cmd))
        return; /* sender_link_up() does it */
    write_again(s, s->again_from);
    s->on_again(s->arg);
}

/* Redis could not take a newest value now: later. */
static void put_off(struct sender *s)
{
    if (sender_owes(s) || s->closing)
        return;
    s->again_from = s->answered;
    uv_timer_start(&s->again, on_timer, AGAIN_MS, 0);
}

static void count_unconfirmed(struct sender *s, uint64_t events)
{
    publish_metrics[PUBLISH_UNCONFIRMED].value += events;
    s->unconfirmed += events;
}

/* To a command of the encoder. */
static void on_wrote(void *arg, const struct redis_reply *reply)
{
    struct sender *s = arg;
    uint64_t events = ack_ledger_take(&s->encoder.ledger);
    enum redis_error error;

    if (!reply) {
        count_unconfirmed(s, events); /* of newest values, see link_up() */
        return;
    }
    s->answered++;
    if (reply->type != REDIS_ERROR_REPLY) {
        publish_metrics[PUBLISH_EVENTS].value += events;
        return;
    }
    publish_metrics[PUBLISH_NOT_TAKEN].value += events;
    sender_error(reply->str);
    error = redis_error_of(reply->str);
    if (error == REDIS_ERR_RETRY || error == REDIS_ERR_REPORT)
        put_off(s);
}

/* --- commands --- */

/* In pieces, so that what was just encoded is still in the cache when the link
 * copies it. */
static void send_run(struct sender *s)
{
    /* Without a link, those before have failed already: the rest is ours. */
    if (s->encoder.commands > 0 &&
        !redis_cmd_raw(s->cmd, s->encoder.run.ptr, s->encoder.run.len,
                       s->encoder.commands, on_wrote, s)) {
        while (s->encoder.ledger.runs > 0)
            count_unconfirmed(s, ack_ledger_take(&s->encoder.ledger));
    }
    encoder_clear(&s->encoder);
}

static void encode_latest(struct sender *s)
{
    encoder_clear(&s->encoder);
    encoder_latest(&s->encoder, uv_now(s->again.loop), s->link);
}

static void count_sent(struct sender *s, const struct encoder_counts *counts)
{
    s->stale += counts->stale;
    publish_metrics[PUBLISH_EVENTS].value += counts->silent;
    publish_metrics[PUBLISH_MESSAGES].value += counts->messages;
    publish_metrics[PUBLISH_OBJECTS].value += counts->objects;
    publish_metrics[PUBLISH_STALE].value += counts->stale;
}

void sender_batch(struct sender *s, struct batch *b)
{
    struct encoder_counts counts = {0};

    encode_latest(s);
    for (uint32_t at = 0; at < b->count;) {
        at = encoder_records(&s->encoder, b, at, s->joined, s->stale_before_ms,
                             &counts);
        send_run(s);
    }
    count_sent(s, &counts);
    metrics_observe(&publish_metrics[PUBLISH_FLUSH], b->events);
}

void sender_latest(struct sender *s)
{
    encode_latest(s);
    send_run(s);
}

/* --- the link --- */

void sender_link_up(struct sender *s, uint64_t stale_before_ms)
{
    s->link++;
    s->stale_before_ms = stale_before_ms;
    write_again(s, s->answered + 1);
    s->answered = s->encoder.before; /* the rest will not be answered */
}

void sender_link_down(struct sender *s)
{
    if (s->unconfirmed > 0)
        log_warn("unconfirmed",
                 "events=%" PRIu64 " why=\"the link was lost unanswered\"",
                 s->unconfirmed);
    s->unconfirmed = 0;
}

void sender_say_stale(struct sender *s, const struct batch *next)
{
    if (s->stale == 0 ||
        (next && next->records[0].read_ms < s->stale_before_ms))
        return;
    log_warn("stale", "events=%" PRIu64 " why=\"waited too long for Redis\"",
             s->stale);
    s->stale = 0;
}

/* --- beginning and end --- */

void sender_init(struct sender *s, uv_loop_t *loop,
                 const struct destinations *destinations, bool joined,
                 void (*on_again)(void *arg), void *arg)
{
    *s = (struct sender){.destinations = destinations,
                         .joined = joined,
                         .on_again = on_again,
                         .arg = arg};
    uv_timer_init(loop, &s->again);
    s->again.data = s;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct sender *s = handle->data;

    s->on_closed(s->arg);
}

void sender_close(struct sender *s, void (*on_closed)(void *arg))
{
    s->closing = true;
    s->on_closed = on_closed;
    uv_close((uv_handle_t *)&s->again, on_timer_closed);
}

void sender_free(struct sender *s)
{
    encoder_close(&s->encoder);
}
