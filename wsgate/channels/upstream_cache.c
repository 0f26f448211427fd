/*
 * What Redis remembers of a channel: asked for until it is there, and used when
 * everything that was published before it has come.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/line.h"
#include "common/base/log.h"
#include "wsgate/channels/upstream_internal.h"

enum {
    FETCHES_MAX = 512, /* under way */
    RETRY_MS = 250,    /* after an answer that means "not now" */
    /* Of values in one turn: a hash may have any number of fields. */
    TURN_VALUES = 512,
    TURN_BYTES = 1 << 20,
};

/* Where an answer stands. */
enum answer { ANSWER_NONE, ANSWER_HERE, ANSWER_AGAIN };

/* One HGETALL, in the order of the commands. */
struct fetch {
    struct fetch *next;
    struct upstream *upstream;
    struct upstream_channel *channel;
    uint64_t connection, batch;
    enum answer answer;
    struct bytes values; /* each: its length, the text, LINE_PAD bytes */
    size_t used;         /* bytes of them */
};

/* --- asking --- */

static void queue(struct upstream *upstream, struct upstream_channel *u)
{
    if (u->fetch != FETCH_NONE)
        return;
    u->refs++;
    u->fetch = FETCH_QUEUED;
    u->next_fetch = NULL;
    if (upstream->queue_tail)
        upstream->queue_tail->next_fetch = u;
    else
        upstream->queue = u;
    upstream->queue_tail = u;
}

static struct upstream_channel *unqueue(struct upstream *upstream)
{
    struct upstream_channel *u = upstream->queue;

    upstream->queue = u->next_fetch;
    if (!upstream->queue)
        upstream->queue_tail = NULL;
    return u;
}

/* What is used in one turn. */
struct budget {
    unsigned values;
    size_t bytes;
};

/* False: that is enough for this turn. */
static bool use_values(struct fetch *f, struct budget *left)
{
    uint32_t len;

    for (; f->used < f->values.len; f->used += len + LINE_PAD) {
        if (left->values == 0 || left->bytes == 0)
            return false;
        memcpy(&len, f->values.ptr + f->used, sizeof len);
        left->values--;
        left->bytes -= len < left->bytes ? len : left->bytes;
        f->used += sizeof len;
        upstream_cached_use(f->upstream, f->channel,
                            span_make(f->values.ptr + f->used, len));
    }
    return true;
}

/* All values have come, and everything that was published before them.  False:
 * the rest has to wait for the next turn. */
static bool use(struct fetch *f, struct budget *left)
{
    struct upstream *upstream = f->upstream;
    struct upstream_channel *u = f->channel;

    if (f->connection != upstream->connection || u->fetch != FETCH_ASKED)
        return true;
    if (f->answer == ANSWER_AGAIN) {
        u->fetch = FETCH_NONE;
        queue(upstream, u);
        return true;
    }
    if (!use_values(f, left))
        return false;
    u->fetch = FETCH_DONE;
    u->fetched = true;
    u->recover = false;
    upstream->settled = true;
    return true;
}

static void on_more(uv_timer_t *t);

static void finish_ready(struct upstream *upstream)
{
    struct budget left = {TURN_VALUES, TURN_BYTES};
    struct fetch *f;

    if (uv_is_active((uv_handle_t *)&upstream->more))
        return; /* in the next turn */
    while ((f = upstream->fetches) && f->answer != ANSWER_NONE &&
           (f->answer == ANSWER_AGAIN || f->batch <= upstream->fence ||
            f->connection != upstream->connection)) {
        if (!use(f, &left)) {
            uv_timer_start(&upstream->more, on_more, 0, 0);
            break;
        }
        upstream->fetches = f->next;
        if (!upstream->fetches)
            upstream->fetches_tail = NULL;
        upstream->n_fetches--;
        upstream_release(upstream, f->channel);
        bytes_close(&f->values);
        free(f);
    }
}

static void on_more(uv_timer_t *t)
{
    struct upstream *upstream = t->data;

    finish_ready(upstream);
    upstream_flush(upstream);
    upstream_cache_pump(upstream);
}

static void on_retry(uv_timer_t *t)
{
    upstream_cache_pump(t->data);
}

/* A value that no frame can hold is never sent: it is not kept. */
static void note_values(struct fetch *f, const struct redis_reply *reply)
{
    size_t max = framelog_max(&f->upstream->fanout->log);

    f->answer = ANSWER_HERE;
    for (size_t i = 1; i < reply->count; i += 2) {
        struct span value = reply->item[i].str;
        uint32_t len = (uint32_t)value.len;
        if (reply->item[i].type != REDIS_STRING)
            continue;
        if (value.len > max) {
            f->upstream->too_big++;
            log_warn("message_too_big", "channel=last:%s",
                     f->channel->channel.name.ptr);
            continue;
        }
        bytes_add(&f->values, &len, sizeof len);
        bytes_add_span(&f->values, value);
        memset(bytes_reserve(&f->values, LINE_PAD), 0, LINE_PAD);
        f->values.len += LINE_PAD;
    }
}

static void on_cached(void *arg, const struct redis_reply *reply)
{
    struct fetch *f = arg;
    struct upstream *upstream = f->upstream;
    enum redis_error class = REDIS_ERR_OTHER;

    f->answer = ANSWER_AGAIN; /* the link was lost: asked again on the next */
    if (reply && reply->type == REDIS_ERROR_REPLY) {
        class = redis_error_of(reply->str);
        log_warn("cache_unreadable", "channel=%s why=%s",
                 f->channel->channel.name.ptr, LOG_Q(reply->str));
        if (class == REDIS_ERR_REFUSED || class == REDIS_ERR_OTHER)
            f->answer = ANSWER_HERE; /* there is nothing to be had */
        else
            uv_timer_start(&upstream->refetch, on_retry, RETRY_MS, 0);
    } else if (reply && reply->type == REDIS_ARRAY) {
        note_values(f, reply);
    } else if (reply) {
        f->answer = ANSWER_HERE;
    }
    finish_ready(upstream);
    if (reply) { /* nothing may wait in the fanout when a command comes */
        upstream_flush(upstream);
        upstream_cache_pump(upstream);
    }
}

static void hear(struct upstream *upstream, uint64_t batch)
{
    if (batch > upstream->fence)
        upstream->fence = batch;
    finish_ready(upstream);
}

/* The fence was published: nobody heard it where the reply is 0 or an error. */
static void on_fenced(void *arg, const struct redis_reply *reply)
{
    struct fence *fence = arg;
    struct upstream *upstream = fence->upstream;

    if (!reply) {
        for (struct fetch *f = upstream->fetches; f; f = f->next) {
            if (f->batch == fence->batch && f->answer == ANSWER_HERE)
                f->answer = ANSWER_AGAIN;
        }
    } else if (reply->type != REDIS_INTEGER || reply->integer == 0) {
        hear(upstream, fence->batch);
    }
    free(fence);
    finish_ready(upstream);
    if (reply)
        upstream_flush(upstream);
}

static void publish_fence(struct upstream *upstream)
{
    struct span channel = redis_probe_channel(upstream->probe);
    struct fence *fence = mem_alloc(sizeof *fence);
    char text[24];

    *fence = (struct fence){.upstream = upstream, .batch = upstream->batch};
    snprintf(text, sizeof text, "f%" PRIu64, upstream->batch);
    if (redis_cmd_begin(upstream->redis, 3, on_fenced, fence)) {
        redis_cmd_str(upstream->redis, "PUBLISH");
        redis_cmd_arg(upstream->redis, channel.ptr, channel.len);
        redis_cmd_str(upstream->redis, text);
    } else {
        on_fenced(fence, NULL);
    }
}

static void ask(struct upstream *upstream, struct upstream_channel *u)
{
    struct fetch *f = mem_zero(sizeof *f);
    struct span key;

    *f = (struct fetch){.upstream = upstream,
                        .channel = u,
                        .connection = upstream->connection,
                        .batch = upstream->batch};
    if (upstream->fetches_tail)
        upstream->fetches_tail->next = f;
    else
        upstream->fetches = f;
    upstream->fetches_tail = f;
    upstream->n_fetches++;
    u->fetch = FETCH_ASKED;
    key = upstream_prefixed(upstream, "last:", u->channel.name);
    if (redis_cmd_begin(upstream->redis, 2, on_cached, f)) {
        redis_cmd_str(upstream->redis, "HGETALL");
        redis_cmd_arg(upstream->redis, key.ptr, key.len);
    } else {
        f->answer = ANSWER_AGAIN;
    }
}

/* The fence comes in, or never will: Redis refuses our own channel. */
static bool can_fence(const struct upstream *upstream)
{
    struct span channel = redis_probe_channel(upstream->probe);

    return redis_sub_confirmed(upstream->sub, channel, false) ||
           redis_sub_refused(upstream->sub, channel, false, NULL);
}

void upstream_cache_pump(struct upstream *upstream)
{
    bool any = false;

    if (!upstream->queue || !upstream->redis || !upstream->probe ||
        uv_is_active((uv_handle_t *)&upstream->refetch) || !can_fence(upstream))
        return;
    while (upstream->queue && upstream->n_fetches < FETCHES_MAX &&
           redis_cmd_ready(upstream->redis) &&
           !redis_cmd_full(upstream->redis)) {
        if (!any)
            upstream->batch++;
        any = true;
        ask(upstream, unqueue(upstream));
    }
    if (!any)
        return;
    publish_fence(upstream);
    redis_cmd_flush(upstream->redis);
}

void upstream_cache_want(struct upstream *upstream, struct upstream_channel *u)
{
    queue(upstream, u);
}

bool upstream_cache_heard(struct upstream *upstream, struct span payload)
{
    uint64_t batch = 0;

    if (payload.len < 2 || payload.ptr[0] != 'f')
        return false;
    for (size_t i = 1; i < payload.len; i++) {
        if (payload.ptr[i] < '0' || payload.ptr[i] > '9')
            return false;
        batch = batch * 10 + (uint64_t)(payload.ptr[i] - '0');
    }
    /* Ours are numbered as they are asked: others can say what they like. */
    if (batch <= upstream->batch)
        hear(upstream, batch);
    return true;
}

/* --- the link --- */

static void lose(void *arg, struct node *n)
{
    struct upstream *upstream = arg;
    struct upstream_channel *u =
        upstream_channel_of(node_of(struct channel, node, n));

    if (upstream_covered_from(upstream, u) != UINT64_MAX) {
        u->recover = upstream->recovers = true;
        upstream_cached_note_newest(upstream, u);
    }
    if (u->fetch != FETCH_QUEUED) /* those are let go below */
        u->fetch = FETCH_NONE;
}

void upstream_cache_lost(struct upstream *upstream)
{
    table_each(&upstream->channels.by_name, lose, upstream);
    while (upstream->queue) {
        struct upstream_channel *u = unqueue(upstream);
        u->fetch = FETCH_NONE;
        upstream_release(upstream, u);
    }
    upstream->connection++;
    finish_ready(upstream);
}

static void forget(void *arg, struct node *n)
{
    (void)arg;
    upstream_taken_forget(
        upstream_channel_of(node_of(struct channel, node, n)));
}

void upstream_cache_close(struct upstream *upstream)
{
    table_each(&upstream->channels.by_name, forget, NULL);
    /* Some may have waited for a fence until the end. */
    while (upstream->fetches) {
        struct fetch *f = upstream->fetches;
        upstream->fetches = f->next;
        bytes_close(&f->values);
        free(f);
    }
    bytes_close(&upstream->scratch);
}

uint64_t upstream_fills(const struct upstream *upstream)
{
    return upstream->fills;
}
