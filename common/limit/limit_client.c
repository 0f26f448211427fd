#include "common/limit/limit_client.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/timeout_queue.h"
#include "common/limit/breaker.h"
#include "common/limit/deny_cache.h"
#include "common/limit/limit_local.h"

/* The loop runs timers before it reads: after a pause of our own the answers may
 * be in the socket already.  So a call that is due gets one look at the sockets
 * more. */
enum { GRACE_MS = 1 };

/* One call of the function.  Lives until its reply came, however late; checks
 * that were decided before are NULL. */
struct call {
    struct timeout timeout; /* first */
    struct limit_client *client;
    unsigned n;
    bool alone; /* one check, not a batch */
    bool again; /* sent a second time, after something was restored */
    struct pending_check *at[LIMIT_CALL_MAX];
};

struct limit_client {
    struct redis_cmd *cmd; /* NULL: not yet, or stopped */
    struct limit_store *store;
    struct limit_client_config config;
    struct limit_client_events events;
    void *arg;
    struct limit_keys keys;
    struct deny_cache *cache;
    struct breaker breaker;
    struct timeout_queue deadlines, grace;
    uv_prepare_t before; /* both sides of the loop's wait, see output.c */
    uv_check_t after;
    struct call *open; /* not sent yet */
    size_t out;
    unsigned epoch, instances;
    bool paused, stopped;
};

static int64_t now_us(void)
{
    return (int64_t)(clock_mono_ns() / 1000);
}

/* --- outcomes --- */

/* Takes the check out of the call. */
static struct pending_check *settle(struct call *call, unsigned i)
{
    struct pending_check *p = call->at[i];

    if (p) {
        call->at[i] = NULL;
        call->client->out--;
    }
    return p;
}

static void degrade(struct limit_client *c, const struct limit_check *q,
                    struct span why, struct outcome *o)
{
    limit_local_degrade(c->store, q, c->instances, why, o);
}

static void fail(struct limit_client *c, struct pending_check *p,
                 struct span why)
{
    struct limit_check q = pending_check_at(p, now_us());
    struct outcome o;

    if (p->probe) /* it said nothing: try another */
        c->breaker.probing = false;
    degrade(c, &q, why, &o);
    p->on_outcome(p, &o);
}

static void fail_all(struct call *call, struct span why)
{
    for (unsigned i = 0; i < call->n; i++) {
        struct pending_check *p = settle(call, i);
        if (p)
            fail(call->client, p, why);
    }
}

static void remember(struct limit_client *c, const struct pending_check *p,
                     const struct limit_check *q, const struct outcome *o)
{
    if (o->allowed && q->mode != LIMIT_PEEK)
        limit_local_note(c->store, q);
    /* A reset takes away what other checks in flight have put there. */
    for (unsigned i = 0; i < q->n && q->mode == LIMIT_RESET; i++)
        deny_cache_drop(c->cache, q->rules[i], q->key);
    if (!o->allowed && q->n == 1 && q->mode == LIMIT_CHECK &&
        p->epoch == c->epoch)
        deny_cache_put(c->cache, q->rules[0], q->key, q->cost, &o->verdicts[0],
                       p->asked_us, q->now_us);
}

/* o: the verdicts, and whether all allow. */
static void succeed(struct limit_client *c, struct pending_check *p,
                    struct outcome *o)
{
    struct limit_check q = pending_check_at(p, now_us());

    breaker_answered(&c->breaker);
    if (c->events.on_answer)
        c->events.on_answer(c->arg, q.now_us - p->asked_us);
    outcome_begin(o, &q, OUTCOME_REDIS);
    remember(c, p, &q, o);
    p->on_outcome(p, o);
}

/* --- deadlines --- */

static void on_grace_over(struct timeout *t)
{
    struct call *call = (struct call *)t;
    struct limit_client *c = call->client;
    bool was_open = c->breaker.open;

    if (c->stopped) {
        fail_all(call, span_str("stopping"));
        return;
    }
    if (c->config.breaker)
        breaker_failed(&c->breaker, now_us() / 1000);
    if (c->events.on_late)
        c->events.on_late(c->arg, c->breaker.open && !was_open);
    fail_all(call, span_str("no answer in time"));
}

static void on_deadline(struct timeout *t)
{
    struct call *call = (struct call *)t;

    timeout_queue_add(&call->client->grace, t, on_grace_over);
}

/* --- what is sent --- */

static void on_reply(void *arg, const struct redis_reply *reply);

static bool send_again(struct call *call)
{
    struct limit_client *c = call->client;

    if (!c->cmd)
        return false;
    return call->alone
               ? limit_call_alone(c->cmd, &c->keys, call->at[0], on_reply, call)
               : limit_call_batch(c->cmd, &c->keys, call->at, call->n, on_reply,
                                  call);
}

static void send_call(struct call *call)
{
    struct limit_client *c = call->client;

    if (send_again(call)) {
        timeout_queue_add(&c->deadlines, &call->timeout, on_deadline);
        return;
    }
    fail_all(call, span_str("Redis is not there"));
    free(call);
}

static struct call *call_new(struct limit_client *c)
{
    struct call *call = mem_alloc(sizeof *call);

    call->timeout.next = call->timeout.prev = NULL;
    call->client = c;
    call->n = 0;
    call->alone = call->again = false;
    return call;
}

static void flush(struct limit_client *c)
{
    struct call *call = c->open;

    uv_prepare_stop(&c->before);
    uv_check_stop(&c->after);
    if (!call)
        return;
    c->open = NULL;
    send_call(call);
    if (c->cmd)
        redis_cmd_flush(c->cmd);
}

static void on_before(uv_prepare_t *handle)
{
    flush(handle->data);
}

static void on_after(uv_check_t *handle)
{
    flush(handle->data);
}

static void send_alone(struct limit_client *c, struct pending_check *p)
{
    struct call *call = call_new(c);

    call->alone = true;
    call->at[call->n++] = p;
    send_call(call);
}

void limit_client_send(struct limit_client *c, struct pending_check *p,
                       const struct limit_check *q)
{
    pending_check_fill(p, q);
    p->epoch = c->epoch;
    p->probe = c->breaker.open;
    c->out++;
    if (q->n > 1 || c->config.window) {
        /* In its turn behind what was sent before. */
        flush(c);
        send_alone(c, p);
        return;
    }
    if (!c->open) {
        c->open = call_new(c);
        uv_prepare_start(&c->before, on_before);
        uv_check_start(&c->after, on_after);
    }
    c->open->at[c->open->n++] = p;
    if (c->open->n == LIMIT_CALL_MAX)
        flush(c);
}

/* --- what comes back --- */

static bool restored(struct limit_client *c, enum limit_missing what)
{
    return c->events.on_missing && c->events.on_missing(c->arg, what);
}

static void report(struct limit_client *c, struct span text)
{
    if (c->events.on_error)
        c->events.on_error(c->arg, text);
}

static struct span text_of(const struct redis_reply *reply)
{
    return reply->type == REDIS_ERROR_REPLY ? reply->str
                                            : span_str("unexpected reply");
}

/* The whole call failed.  Returns how many checks are left to send again. */
static unsigned on_call_failed(struct call *call,
                               const struct redis_reply *reply)
{
    struct limit_client *c = call->client;
    unsigned left = 0;

    if (reply && !call->again &&
        (limit_call_no_function(reply) || limit_call_unknown_rule(reply))) {
        for (unsigned i = 0; i < call->n; i++)
            if (call->at[i])
                call->at[left++] = call->at[i];
        call->n = left;
        if (left > 0 &&
            restored(c, limit_call_unknown_rule(reply) ? LIMIT_NO_RULES
                                                       : LIMIT_NO_FUNCTION))
            return left;
    }
    if (reply)
        report(c, text_of(reply));
    fail_all(call, reply ? text_of(reply) : span_str("Redis went away"));
    return 0;
}

static void take_answer(struct call *call, unsigned i,
                        const struct redis_reply *reply)
{
    struct pending_check *p = settle(call, i);
    struct outcome o;

    if (!p)
        return; /* too late */
    if (limit_call_verdict(reply, &o.verdicts[0])) {
        o.allowed = o.verdicts[0].allowed;
        succeed(call->client, p, &o);
    } else {
        report(call->client, text_of(reply));
        fail(call->client, p, text_of(reply));
    }
}

/* The same. */
static unsigned take_answers(struct call *call, const struct redis_reply *reply)
{
    struct limit_client *c = call->client;
    bool can_restore = !call->again;
    unsigned left = 0;

    for (unsigned i = 0; i < call->n; i++) {
        if (call->at[i] && can_restore &&
            limit_call_unknown_rule(&reply->item[i]) &&
            (left > 0 || (can_restore = restored(c, LIMIT_NO_RULES)))) {
            struct pending_check *p = call->at[i];
            call->at[i] = NULL;
            call->at[left++] = p;
            continue;
        }
        take_answer(call, i, &reply->item[i]);
    }
    call->n = left;
    return left;
}

static unsigned take_reply(struct call *call, const struct redis_reply *reply)
{
    struct pending_check *p = call->at[0];
    struct outcome o;

    if (call->alone && !p)
        return 0; /* too late */
    if (call->alone && reply && limit_call_verdicts(reply, p->n, &o)) {
        succeed(call->client, settle(call, 0), &o);
        return 0;
    }
    if (call->alone || !reply || reply->type != REDIS_ARRAY ||
        reply->count != call->n)
        return on_call_failed(call, reply);
    return take_answers(call, reply);
}

static void on_reply(void *arg, const struct redis_reply *reply)
{
    struct call *call = arg;

    if (take_reply(call, reply) > 0) {
        call->again = true;
        if (send_again(call))
            return; /* by the same deadline */
        fail_all(call, span_str("Redis is not there"));
    }
    timeout_queue_remove(&call->timeout);
    free(call);
}

/* --- public --- */

bool limit_client_ready(const struct limit_client *c)
{
    return c->cmd && redis_cmd_ready(c->cmd) && !c->paused;
}

static bool can_ask(struct limit_client *c, int64_t clock_us)
{
    return limit_client_ready(c) && !redis_cmd_full(c->cmd) &&
           c->out < LIMIT_CLIENT_OUT_MAX &&
           breaker_allows(&c->breaker, clock_us / 1000);
}

bool limit_client_decide(struct limit_client *c, const struct limit_check *q,
                         struct outcome *o)
{
    if (c->config.deny_cache && q->mode == LIMIT_CHECK && q->n == 1 &&
        deny_cache_get(c->cache, q->rules[0], q->key, q->cost, q->now_us,
                       &o->verdicts[0])) {
        outcome_begin(o, q, OUTCOME_CACHE);
        o->allowed = false;
        return true;
    }
    if (can_ask(c, q->now_us))
        return false;
    degrade(c, q, span_str(c->stopped ? "stopping" : "Redis is not there"), o);
    return true;
}

struct limit_client *limit_client_new(uv_loop_t *loop,
                                      struct limit_store *store,
                                      const struct limit_client_config *config,
                                      const struct limit_client_events *events,
                                      void *arg)
{
    struct limit_client *c = mem_zero(sizeof *c);

    c->store = store;
    c->config = *config;
    c->events = *events;
    c->arg = arg;
    c->instances = 1;
    c->cache = deny_cache_new();
    limit_keys_init(&c->keys, config->prefix);
    timeout_queue_init(&c->deadlines, loop, (uint64_t)config->timeout_ms);
    timeout_queue_init(&c->grace, loop, GRACE_MS);
    uv_prepare_init(loop, &c->before);
    uv_check_init(loop, &c->after);
    c->before.data = c->after.data = c;
    return c;
}

void limit_client_connect(struct limit_client *c, struct redis_cmd *cmd)
{
    c->cmd = cmd;
}

void limit_client_pause(struct limit_client *c)
{
    c->paused = true;
    breaker_reset(&c->breaker); /* of this connection */
}

void limit_client_resume(struct limit_client *c)
{
    c->paused = false;
}

void limit_client_share(struct limit_client *c, unsigned instances)
{
    c->instances = instances > 0 ? instances : 1;
}

void limit_client_forget(struct limit_client *c)
{
    c->epoch++;
    deny_cache_clear(c->cache);
}

size_t limit_client_out(const struct limit_client *c)
{
    return c->out;
}

bool limit_client_breaker_open(const struct limit_client *c)
{
    return c->breaker.open;
}

void limit_client_stop(struct limit_client *c)
{
    if (c->stopped)
        return;
    c->stopped = true;
    c->cmd = NULL;
    if (c->open) {
        fail_all(c->open, span_str("stopping"));
        free(c->open);
        c->open = NULL;
    }
    timeout_queue_close(&c->deadlines);
    timeout_queue_close(&c->grace);
    assert(c->out == 0);
    uv_close((uv_handle_t *)&c->before, NULL);
    uv_close((uv_handle_t *)&c->after, NULL);
}

void limit_client_free(struct limit_client *c)
{
    if (!c)
        return;
    deny_cache_free(c->cache);
    free(c);
}
