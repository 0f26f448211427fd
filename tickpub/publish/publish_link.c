#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "tickpub/publish/publish_internal.h"
#include "tickpub/publish/publish_metrics.h"

enum {
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

/* --- the link --- */

static void on_streams_change(void *arg)
{
    struct publisher *p = arg;

    /* Entries that were held back, or room for more of them. */
    if (p->streams.journal.unsent > 0 && redis_cmd_ready(p->cmd))
        streams_send(&p->streams);
    publish_settle(p);
}

static void write_again(struct publisher *p, uint64_t from)
{
    uv_timer_stop(&p->again);
    encoder_again(&p->encoder, &p->destinations,
                  p->again_from > 0 ? p->again_from : from);
    p->again_from = 0;
    p->marked = false;
}

void publish_again(uv_timer_t *timer)
{
    struct publisher *p = timer->data;

    if (!redis_cmd_ready(p->cmd) || p->closing > 0)
        return;
    write_again(p, p->again_from);
    publish_waiting(p);
    publish_settle(p);
}

static void on_ready(void *arg)
{
    struct publisher *p = arg;
    uint64_t now_ms = uv_now(p->loop);
    uint64_t stale_ms = (uint64_t)p->options.stale_after_ms;

    p->link++;
    p->stale_before_ms = now_ms > stale_ms ? now_ms - stale_ms : 0;
    write_again(p, p->answered + 1);
    p->answered = p->encoder.before; /* the rest will not be answered */
    streams_link_up(&p->streams);
    publish_metrics[PUBLISH_CONNECTED].value = 1;
    p->events.on_ready(p->arg);
    publish_waiting(p);
    publish_settle(p);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct publisher *p = arg;

    publish_metrics[PUBLISH_CONNECTED].value = 0;
    if (p->unconfirmed > 0)
        log_warn("unconfirmed",
                 "events=%" PRIu64 " why=\"the link was lost unanswered\"",
                 p->unconfirmed);
    p->unconfirmed = 0;
    p->events.on_down(p->arg, why, refused);
    publish_note_room(p); /* without a link the whole queue may fill */
}

static void on_room(void *arg)
{
    struct publisher *p = arg;

    publish_waiting(p);
    publish_settle(p);
}

void publish_error(void *arg, struct span text)
{
    (void)arg;
    publish_metrics[PUBLISH_ERRORS].value++;
    log_warn("redis_error", "why=%s", LOG_Q(text));
}

/* --- beginning and end --- */

struct publisher *publisher_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct publish_options *options,
                                const struct route_table *routes,
                                const struct publish_events *events, void *arg)
{
    struct publisher *p = mem_zero(sizeof *p);
    size_t batch_max = (size_t)options->queue_max_bytes / 4;
    struct redis_cmd_limits limits = {.max_in_flight = IN_FLIGHT_MAX,
                                      .max_unsent = UNSENT_MAX_BYTES};
    struct redis_cmd_events cmd_events = {.on_ready = on_ready,
                                          .on_down = on_down,
                                          .on_room = on_room,
                                          .on_error = publish_error};
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
    uv_timer_init(loop, &p->again);
    p->again.data = p;
    publish_metrics_add();
    p->cmd = redis_cmd_new(loop, config, &limits, &cmd_events, p);
    p->streams.cmd = p->cmd;
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
    encoder_close(&p->encoder);
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

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

void publisher_close(struct publisher *p, void (*done)(void *arg), void *arg)
{
    p->on_closed = done;
    p->closed_arg = arg;
    p->closing = 3;
    uv_close((uv_handle_t *)&p->again, on_timer_closed);
    streams_close(&p->streams, on_part_closed);
    redis_cmd_close(p->cmd, on_part_closed, p);
}
