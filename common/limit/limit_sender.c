#include "common/limit/limit_sender.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/bytes.h"

/* The loop runs timers before it reads: after a pause of our own the answers may
 * be in the socket already.  So a call that is due gets one look at the sockets
 * more. */
enum { GRACE_MS = 1 };

/* One call of the function.  Lives until its reply came, however late; checks
 * that came back before are NULL. */
struct limit_flight {
    struct timeout timeout; /* first */
    struct limit_sender *sender;
    unsigned n;
    bool alone; /* one check, not a batch */
    bool again; /* sent a second time, after something was restored */
    struct pending_check *at[LIMIT_CALL_MAX];
};

/* Takes the check out of the call. */
static struct pending_check *settle(struct limit_flight *call, unsigned i)
{
    struct pending_check *p = call->at[i];

    if (p) {
        call->at[i] = NULL;
        call->sender->out--;
    }
    return p;
}

static void fail_all(struct limit_flight *call, struct span why)
{
    struct limit_sender *s = call->sender;

    for (unsigned i = 0; i < call->n; i++) {
        struct pending_check *p = settle(call, i);
        if (p)
            s->events.on_failed(s->arg, p, why);
    }
}

/* --- deadlines --- */

static void on_grace_over(struct timeout *t)
{
    struct limit_flight *call = (struct limit_flight *)t;
    struct limit_sender *s = call->sender;

    if (s->stopped) {
        fail_all(call, span_str("stopping"));
        return;
    }
    s->events.on_late(s->arg);
    fail_all(call, span_str("no answer in time"));
}

static void on_deadline(struct timeout *t)
{
    struct limit_flight *call = (struct limit_flight *)t;

    timeout_queue_add(&call->sender->grace, t, on_grace_over);
}

/* --- what is sent --- */

static void on_reply(void *arg, const struct redis_reply *reply);

static bool send_again(struct limit_flight *call)
{
    struct limit_sender *s = call->sender;

    if (!s->cmd)
        return false;
    return call->alone ? limit_call_alone(s->cmd, &s->keys, &call->at[0]->check,
                                          on_reply, call)
                       : limit_call_batch(s->cmd, &s->keys, call->at, call->n,
                                          on_reply, call);
}

static void send_call(struct limit_flight *call)
{
    struct limit_sender *s = call->sender;

    if (send_again(call)) {
        timeout_queue_add(&s->deadlines, &call->timeout, on_deadline);
        return;
    }
    fail_all(call, span_str("Redis is not there"));
    free(call);
}

static struct limit_flight *call_new(struct limit_sender *s)
{
    struct limit_flight *call = mem_alloc(sizeof *call);

    call->timeout.next = call->timeout.prev = NULL;
    call->sender = s;
    call->n = 0;
    call->alone = call->again = false;
    return call;
}

static void flush(struct limit_sender *s)
{
    struct limit_flight *call = s->open;

    uv_prepare_stop(&s->before);
    uv_check_stop(&s->after);
    if (!call)
        return;
    s->open = NULL;
    send_call(call);
    if (s->cmd)
        redis_cmd_flush(s->cmd);
}

static void on_before(uv_prepare_t *handle)
{
    flush(handle->data);
}

static void on_after(uv_check_t *handle)
{
    flush(handle->data);
}

static void send_alone(struct limit_sender *s, struct pending_check *p)
{
    struct limit_flight *call = call_new(s);

    call->alone = true;
    call->at[call->n++] = p;
    send_call(call);
}

void limit_sender_send(struct limit_sender *s, struct pending_check *p)
{
    s->out++;
    if (p->check.n > 1 || s->window) {
        /* In its turn behind what was sent before. */
        flush(s);
        send_alone(s, p);
        return;
    }
    if (!s->open) {
        s->open = call_new(s);
        uv_prepare_start(&s->before, on_before);
        uv_check_start(&s->after, on_after);
    }
    s->open->at[s->open->n++] = p;
    if (s->open->n == LIMIT_CALL_MAX)
        flush(s);
}

/* --- what comes back --- */

static struct span text_of(const struct redis_reply *reply)
{
    return reply->type == REDIS_ERROR_REPLY ? reply->str
                                            : span_str("unexpected reply");
}

/* The whole call failed.  Returns how many checks are left to send again. */
static unsigned on_call_failed(struct limit_flight *call,
                               const struct redis_reply *reply)
{
    struct limit_sender *s = call->sender;
    unsigned left = 0;

    if (reply && !call->again &&
        (limit_call_no_function(reply) || limit_call_unknown_rule(reply))) {
        for (unsigned i = 0; i < call->n; i++)
            if (call->at[i])
                call->at[left++] = call->at[i];
        call->n = left;
        if (left > 0 &&
            s->events.on_missing(s->arg, limit_call_unknown_rule(reply)
                                             ? LIMIT_NO_RULES
                                             : LIMIT_NO_FUNCTION))
            return left;
    }
    if (reply)
        s->events.on_error(s->arg, text_of(reply));
    fail_all(call, reply ? text_of(reply) : span_str("Redis went away"));
    return 0;
}

static void take_answer(struct limit_flight *call, unsigned i,
                        const struct redis_reply *reply)
{
    struct limit_sender *s = call->sender;
    struct pending_check *p = settle(call, i);
    struct outcome o;

    if (!p)
        return; /* too late */
    if (limit_call_verdict(reply, &o.verdicts[0])) {
        o.allowed = o.verdicts[0].allowed;
        s->events.on_answer(s->arg, p, &o);
    } else {
        s->events.on_error(s->arg, text_of(reply));
        s->events.on_failed(s->arg, p, text_of(reply));
    }
}

/* The same. */
static unsigned take_answers(struct limit_flight *call,
                             const struct redis_reply *reply)
{
    struct limit_sender *s = call->sender;
    bool can_restore = !call->again;
    unsigned left = 0;

    for (unsigned i = 0; i < call->n; i++) {
        if (call->at[i] && can_restore &&
            limit_call_unknown_rule(&reply->item[i]) &&
            (left > 0 ||
             (can_restore = s->events.on_missing(s->arg, LIMIT_NO_RULES)))) {
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

static unsigned take_reply(struct limit_flight *call,
                           const struct redis_reply *reply)
{
    struct limit_sender *s = call->sender;
    struct pending_check *p = call->at[0];
    struct outcome o;

    if (call->alone && !p)
        return 0; /* too late */
    if (call->alone && reply && limit_call_verdicts(reply, p->check.n, &o)) {
        s->events.on_answer(s->arg, settle(call, 0), &o);
        return 0;
    }
    if (call->alone || !reply || reply->type != REDIS_ARRAY ||
        reply->count != call->n)
        return on_call_failed(call, reply);
    return take_answers(call, reply);
}

static void on_reply(void *arg, const struct redis_reply *reply)
{
    struct limit_flight *call = arg;

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

void limit_sender_init(struct limit_sender *s, uv_loop_t *loop,
                       const char *prefix, int64_t timeout_ms, bool window,
                       const struct limit_sender_events *events, void *arg)
{
    *s = (struct limit_sender){.window = window, .events = *events, .arg = arg};
    limit_keys_init(&s->keys, prefix);
    timeout_queue_init(&s->deadlines, loop, (uint64_t)timeout_ms);
    timeout_queue_init(&s->grace, loop, GRACE_MS);
    uv_prepare_init(loop, &s->before);
    uv_check_init(loop, &s->after);
    s->before.data = s->after.data = s;
}

void limit_sender_stop(struct limit_sender *s)
{
    if (s->stopped)
        return;
    s->stopped = true;
    s->cmd = NULL;
    if (s->open) {
        fail_all(s->open, span_str("stopping"));
        free(s->open);
        s->open = NULL;
    }
    timeout_queue_close(&s->deadlines);
    timeout_queue_close(&s->grace);
    assert(s->out == 0);
    uv_close((uv_handle_t *)&s->before, NULL);
    uv_close((uv_handle_t *)&s->after, NULL);
}
