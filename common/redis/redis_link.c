#include "common/redis/redis_link.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/redis/redis_backoff.h"
#include "common/redis/redis_conn.h"
#include "common/redis/redis_handshake.h"
#include "common/redis/redis_liveness.h"
#include "common/redis/redis_metrics.h"

enum {
    STABLE_MS = 5000, /* ready this long: the next loss starts from n = 0 */
    LATE_MS = 500,    /* a timer this late means that we did not run */
};

struct redis_link {
    uv_loop_t *loop;
    struct redis_config config;
    struct redis_link_events events;
    void *arg;
    char name[96];
    enum redis_state state;
    struct redis_metrics *metrics;
    struct redis_conn *conn;
    unsigned conns; /* opened and not closed yet */
    unsigned first_address;
    struct redis_parser *parser;
    struct redis_handshake handshake;
    struct redis_backoff backoff;
    struct bytes out;
    uv_timer_t timer; /* attempt deadline, retry or liveness, by state */
    uint64_t due_ms;
    uint64_t ready_ms;
    struct redis_liveness liveness;
    /* Writes once per turn.  An idle handle, not a prepare handle: commands
     * queued by another prepare callback would else wait for the next event,
     * as the loop asks idle handles whether it may sleep. */
    uv_idle_t flusher;
    unsigned handles; /* timer and flusher */
    void (*on_done)(void *arg);
    void *done_arg;
};

const char *redis_state_name(enum redis_state s)
{
    static const char *const names[] = {
        [REDIS_RESOLVE] = "resolve",     [REDIS_CONNECT] = "connect",
        [REDIS_HANDSHAKE] = "handshake", [REDIS_READY] = "ready",
        [REDIS_BACKOFF] = "backoff",     [REDIS_CLOSED] = "closed",
    };

    return names[s];
}

static bool alive(const struct redis_link *l)
{
    return l->state != REDIS_CLOSED;
}

/* Whatever happens, something will wake the link up again. */
static void check(const struct redis_link *l)
{
    assert(!alive(l) || uv_is_active((const uv_handle_t *)&l->timer));
    assert(!alive(l) || l->state == REDIS_BACKOFF || l->conn);
}

static void on_timer(uv_timer_t *t);

static void wait_ms(struct redis_link *l, int64_t ms)
{
    l->due_ms = uv_now(l->loop) + (uint64_t)ms;
    uv_timer_start(&l->timer, on_timer, (uint64_t)ms, 0);
}

/* --- losing a connection --- */

static void log_lost(const struct redis_link *l, const char *why, bool refused,
                     bool was_ready, int64_t retry_ms)
{
    if (refused)
        log_error("redis_refused", "role=%s url=%s why=%s", l->events.role,
                  LOG_Q(span_str(l->config.display)), LOG_Q(span_str(why)));
    else if (was_ready || l->backoff.n == 1)
        log_warn("redis_down", "role=%s url=%s why=%s", l->events.role,
                 LOG_Q(span_str(l->config.display)), LOG_Q(span_str(why)));
    log_debug("redis_retry", "role=%s in_ms=%" PRId64 " attempt=%u why=%s",
              l->events.role, retry_ms, l->backoff.n, LOG_Q(span_str(why)));
}

static void lose(struct redis_link *l, const char *reason, bool refused)
{
    bool was_ready = l->state == REDIS_READY;
    uint64_t random = redis_backoff_random();
    int64_t retry_ms;
    char why[256];

    if (!alive(l) || l->state == REDIS_BACKOFF)
        return;
    snprintf(why, sizeof why, "%s", reason);
    if (was_ready)
        l->metrics->drops.value++;
    else
        l->metrics->attempts_failed.value++;
    if (was_ready && uv_now(l->loop) - l->ready_ms >= STABLE_MS)
        l->backoff.n = 0;
    retry_ms = redis_backoff_next(&l->backoff, random);
    if (refused) {
        /* Whoever said no will hardly say yes in a second. */
        int64_t half = l->config.retry_max_ms / 2;
        retry_ms = half + (int64_t)(random % (uint64_t)(half + 1));
    }
    redis_conn_close(l->conn);
    l->conn = NULL;
    bytes_clear(&l->out);
    uv_idle_stop(&l->flusher);
    l->state = REDIS_BACKOFF;
    wait_ms(l, retry_ms);
    check(l);
    log_lost(l, why, refused, was_ready, retry_ms);
    l->events.on_down(l->arg, why, refused);
}

/* --- liveness --- */

static void send_ping(struct redis_link *l)
{
    resp_array(&l->out, 1);
    resp_bulk_str(&l->out, "PING");
    l->metrics->pings.value++;
    l->events.on_ping(l->arg);
    redis_link_queued(l);
}

/* Reads only note the time; the timer looks when the earliest possible moment
 * has come, so that a busy link never touches its timer. */
static void watch(struct redis_link *l)
{
    uint64_t now = uv_now(l->loop);

    switch (redis_liveness_step(&l->liveness, now)) {
    case REDIS_LIVENESS_GONE:
        lose(l, "no answer to PING", false);
        return;
    case REDIS_LIVENESS_PING:
        send_ping(l);
        break;
    case REDIS_LIVENESS_WAIT:
        break;
    }
    wait_ms(l, (int64_t)redis_liveness_due(&l->liveness, now));
}

/* --- ready and its replies --- */

static void become_ready(struct redis_link *l)
{
    l->state = REDIS_READY;
    l->ready_ms = uv_now(l->loop);
    redis_liveness_begin(&l->liveness, l->ready_ms);
    l->metrics->connects.value++;
    wait_ms(l, l->config.idle_ping_ms);
    check(l);
    log_info("redis_ready", "role=%s url=%s", l->events.role,
             LOG_Q(span_str(l->config.display)));
    l->events.on_ready(l->arg);
}

static bool on_handshake_reply(struct redis_link *l,
                               const struct redis_reply *r)
{
    enum redis_handshake_result result =
        redis_handshake_reply(&l->handshake, r);

    if (result == REDIS_HANDSHAKE_MORE)
        return true;
    if (result == REDIS_HANDSHAKE_DONE)
        become_ready(l);
    else
        lose(l, l->handshake.why, result == REDIS_HANDSHAKE_REFUSED);
    return l->state == REDIS_READY;
}

static bool on_reply(void *arg, const struct redis_reply *r)
{
    struct redis_link *l = arg;

    if (l->state == REDIS_READY) {
        bool go_on = l->events.on_reply(l->arg, r);
        return l->state == REDIS_READY && go_on;
    }
    return l->state == REDIS_HANDSHAKE && on_handshake_reply(l, r);
}

static void on_bytes(void *arg, const char *data, size_t len)
{
    struct redis_link *l = arg;
    const char *why = "";

    l->metrics->bytes_in.value += len;
    if (l->state == REDIS_READY &&
        redis_liveness_heard(&l->liveness, uv_now(l->loop)))
        wait_ms(l, l->config.idle_ping_ms);
    if (!redis_parser_feed(l->parser, data, len, on_reply, l, &why))
        lose(l, why, false);
    else if (l->state == REDIS_READY && l->events.on_drained)
        l->events.on_drained(l->arg);
}

/* --- one attempt --- */

static void on_resolved(void *arg)
{
    struct redis_link *l = arg;

    l->state = REDIS_CONNECT;
    check(l);
}

static void on_open(void *arg)
{
    struct redis_link *l = arg;

    l->state = REDIS_HANDSHAKE;
    redis_handshake_begin(&l->handshake, &l->config, l->name, &l->out);
    l->metrics->bytes_out.value += l->out.len;
    redis_conn_write(l->conn, &l->out);
    check(l);
}

static void on_lost(void *arg, const char *why)
{
    lose(arg, why, false);
}

static void on_written(void *arg)
{
    struct redis_link *l = arg;

    redis_link_flush(l);
    if (l->state == REDIS_READY && l->events.on_room)
        l->events.on_room(l->arg);
}

static void free_if_closed(struct redis_link *l)
{
    void (*on_done)(void *arg) = l->on_done;
    void *done_arg = l->done_arg;

    if (alive(l) || l->conns > 0 || l->handles > 0)
        return;
    redis_parser_free(l->parser);
    bytes_close(&l->out);
    free(l);
    if (on_done)
        on_done(done_arg);
}

static void on_conn_closed(void *arg)
{
    struct redis_link *l = arg;

    l->conns--;
    free_if_closed(l);
}

static void attempt(struct redis_link *l)
{
    static const struct redis_conn_events events = {
        .on_resolved = on_resolved,
        .on_open = on_open,
        .on_bytes = on_bytes,
        .on_written = on_written,
        .on_lost = on_lost,
        .on_closed = on_conn_closed,
    };

    redis_parser_reset(l->parser);
    bytes_clear(&l->out);
    l->conns++;
    l->conn = redis_conn_new(l->loop, &l->config, l->first_address, &events, l);
    l->state = redis_conn_resolving(l->conn) ? REDIS_RESOLVE : REDIS_CONNECT;
    wait_ms(l, l->config.connect_timeout_ms);
    check(l);
}

static void on_attempt_timeout(struct redis_link *l)
{
    char why[80];

    snprintf(why, sizeof why, "no answer within %" PRId64 " ms (%s)",
             l->config.connect_timeout_ms, redis_state_name(l->state));
    /* Of several addresses this one may be a hole. */
    l->first_address++;
    lose(l, why, false);
}

static void on_timer(uv_timer_t *t)
{
    struct redis_link *l = t->data;
    uint64_t now = uv_now(l->loop);

    if (l->state == REDIS_BACKOFF) {
        attempt(l);
        return;
    }
    if (now - l->due_ms > LATE_MS) {
        /* We were stopped, not Redis: its bytes may lie in the socket. */
        wait_ms(l, LATE_MS);
        return;
    }
    if (l->state == REDIS_READY)
        watch(l);
    else
        on_attempt_timeout(l);
    check(l);
}

/* --- the owner's side --- */

static void on_flush(uv_idle_t *h)
{
    struct redis_link *l = h->data;

    uv_idle_stop(h);
    if (l->state == REDIS_READY && l->events.on_flush)
        l->events.on_flush(l->arg);
    redis_link_flush(l);
}

struct redis_link *redis_link_new(uv_loop_t *loop,
                                  const struct redis_config *config,
                                  const struct redis_link_events *events,
                                  void *arg)
{
    struct redis_link *l = mem_zero(sizeof *l);

    l->loop = loop;
    l->config = *config;
    l->liveness.idle_ms = (uint64_t)l->config.idle_ping_ms;
    l->liveness.patience_ms = (uint64_t)l->config.pong_timeout_ms;
    l->events = *events;
    l->arg = arg;
    if (config->client_name[0] != '\0')
        snprintf(l->name, sizeof l->name, "%s:%s", config->client_name,
                 events->role);
    l->metrics = redis_metrics_of(events->role);
    l->parser = redis_parser_new();
    l->backoff = (struct redis_backoff){.base_ms = l->config.retry_base_ms,
                                        .max_ms = l->config.retry_max_ms,
                                        .steps = l->config.max_retries};
    uv_timer_init(loop, &l->timer);
    uv_idle_init(loop, &l->flusher);
    l->timer.data = l;
    l->flusher.data = l;
    l->handles = 2;
    /* The first attempt is made by the timer too, so that no callback runs
     * before the caller has its pointer. */
    l->state = REDIS_BACKOFF;
    wait_ms(l, 0);
    return l;
}

enum redis_state redis_link_state(const struct redis_link *l)
{
    return l->state;
}

struct bytes *redis_link_out(struct redis_link *l)
{
    return &l->out;
}

void redis_link_queued(struct redis_link *l)
{
    if (l->state == REDIS_READY && !uv_is_active((uv_handle_t *)&l->flusher))
        uv_idle_start(&l->flusher, on_flush);
}

void redis_link_flush(struct redis_link *l)
{
    size_t before = redis_link_unsent(l);

    if (!l->conn || before == 0)
        return;
    redis_conn_write(l->conn, &l->out);
    l->metrics->bytes_out.value += before - redis_link_unsent(l);
}

size_t redis_link_unsent(const struct redis_link *l)
{
    return l->out.len + (l->conn ? redis_conn_unsent(l->conn) : 0);
}

void redis_link_drop(struct redis_link *l, const char *why)
{
    lose(l, why, false);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct redis_link *l = h->data;

    l->handles--;
    free_if_closed(l);
}

void redis_link_close(struct redis_link *l, void (*done)(void *arg), void *arg)
{
    if (!alive(l))
        return;
    /* A last DEL or PUBLISH gets its chance, but is not waited for. */
    if (l->state == REDIS_READY)
        redis_link_flush(l);
    l->state = REDIS_CLOSED;
    l->on_done = done;
    l->done_arg = arg;
    redis_conn_close(l->conn);
    l->conn = NULL;
    uv_close((uv_handle_t *)&l->timer, on_handle_closed);
    uv_close((uv_handle_t *)&l->flusher, on_handle_closed);
}
