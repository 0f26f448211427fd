#include "ratelimitd/redis/limit_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

/* One FCALL.  Lives until its reply came, however late; asks that were failed
 * before are NULL. */
struct batch {
    struct asker *asker;
    struct batch *next, **prev; /* among those with asks that still wait */
    unsigned n, waiting;
    int64_t deadline_ms;
    bool again; /* was mended for and asked a second time */
    struct ask *at[ASKER_BATCH];
};

struct asker {
    struct redis_cmd *cmd;
    struct keeper *keeper;
    char base[80]; /* "{prefix}ratelimit:" */
    char rules_key[96];
    int64_t timeout_ms;
    struct asker_events events;
    void *arg;
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_prepare_t before; /* both sides of the loop's wait, see output.c */
    uv_check_t after;
    struct batch *open; /* not sent yet */
    struct batch *first, **last;
    size_t out;
    unsigned open_handles;
    bool looked; /* at the sockets, since the deadline */
    bool closing;
};

static void arm_timer(struct asker *r);

/* --- batches --- */

static struct batch *batch_new(struct asker *r)
{
    struct batch *b = mem_alloc(sizeof *b);

    b->asker = r;
    b->next = NULL;
    b->prev = NULL;
    b->n = b->waiting = 0;
    b->again = false;
    b->deadline_ms = (int64_t)uv_now(r->loop) + r->timeout_ms;
    return b;
}

static void append(struct asker *r, struct batch *b)
{
    b->next = NULL;
    b->prev = r->last;
    *r->last = b;
    r->last = &b->next;
    arm_timer(r);
}

static void unlink_batch(struct asker *r, struct batch *b)
{
    if (!b->prev)
        return;
    *b->prev = b->next;
    if (b->next)
        b->next->prev = b->prev;
    else
        r->last = b->prev;
    b->prev = NULL;
}

/* Takes the ask out of the batch. */
static struct ask *settle(struct batch *b, unsigned i)
{
    struct ask *a = b->at[i];

    if (a) {
        b->at[i] = NULL;
        b->waiting--;
        b->asker->out--;
    }
    return a;
}

static void fail_all(struct batch *b, enum asker_fault fault)
{
    struct asker *r = b->asker;

    for (unsigned i = 0; i < b->n; i++) {
        struct ask *a = settle(b, i);
        if (a)
            r->events.on_failed(r->arg, a, fault);
    }
}

/* --- deadlines --- */

/*
 * The loop runs timers before it reads: after a pause of our own the answers may
 * be in the socket already.  So the first call only asks for another, after one
 * look at the sockets.
 */
static void on_timer(uv_timer_t *timer)
{
    struct asker *r = timer->data;
    int64_t now_ms = (int64_t)uv_now(r->loop);
    struct batch *b, *next;

    r->looked = !r->looked;
    if (r->looked) {
        uv_timer_start(timer, on_timer, 1, 0);
        return;
    }

    for (b = r->first; b; b = next) {
        next = b->next;
        if (b->deadline_ms > now_ms)
            continue;
        unlink_batch(r, b);
        stats.timeouts.value++;
        r->events.on_late(r->arg);
        fail_all(b, ASKER_LATE); /* b is freed when its reply comes */
    }
    arm_timer(r);
}

static void arm_timer(struct asker *r)
{
    int64_t wait_ms;

    if (!r->first || r->closing || uv_is_active((uv_handle_t *)&r->timer))
        return;
    wait_ms = r->first->deadline_ms - (int64_t)uv_now(r->loop);
    uv_timer_start(&r->timer, on_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

/* --- what is sent --- */

static void add_key(struct asker *r, const struct rule *rule,
                    const struct ask *a)
{
    char text[80 + RULE_NAME_MAX + 1 + RULE_KEY_MAX];
    size_t n = strlen(r->base);

    memcpy(text, r->base, n);
    memcpy(text + n, rule->name, rule->name_len);
    n += rule->name_len;
    text[n++] = ':';
    memcpy(text + n, a->key, a->key_len);
    redis_cmd_arg(r->cmd, text, n + a->key_len);
}

static void on_batch(void *arg, const struct redis_reply *reply);
static void on_many(void *arg, const struct redis_reply *reply);

static bool send_batch(struct asker *r, struct batch *b)
{
    if (!redis_cmd_begin(r->cmd, 4 + 4 * b->n, on_batch, b))
        return false;
    redis_cmd_str(r->cmd, "FCALL");
    redis_cmd_str(r->cmd, "tickwire_limit_batch");
    redis_cmd_int(r->cmd, 1 + (int64_t)b->n);
    redis_cmd_str(r->cmd, r->rules_key);
    for (unsigned i = 0; i < b->n; i++)
        add_key(r, b->at[i]->rules[0], b->at[i]);
    for (unsigned i = 0; i < b->n; i++) {
        const struct ask *a = b->at[i];
        redis_cmd_arg(r->cmd, a->rules[0]->name, a->rules[0]->name_len);
        redis_cmd_int(r->cmd, a->cost);
        redis_cmd_str(r->cmd, limit_mode_name(a->mode));
    }
    return true;
}

/* A question for several rules is a call of its own. */
static bool send_many(struct asker *r, struct batch *b)
{
    const struct ask *a = b->at[0];

    if (!redis_cmd_begin(r->cmd, 5 + 3 * a->n, on_many, b))
        return false;
    redis_cmd_str(r->cmd, "FCALL");
    redis_cmd_str(r->cmd, "tickwire_limit_many");
    redis_cmd_int(r->cmd, 1 + (int64_t)a->n);
    redis_cmd_str(r->cmd, r->rules_key);
    for (unsigned i = 0; i < a->n; i++)
        add_key(r, a->rules[i], a);
    redis_cmd_str(r->cmd, limit_mode_name(a->mode));
    for (unsigned i = 0; i < a->n; i++) {
        redis_cmd_arg(r->cmd, a->rules[i]->name, a->rules[i]->name_len);
        redis_cmd_int(r->cmd, a->cost);
    }
    return true;
}

static void send_or_fail(struct asker *r, struct batch *b)
{
    if (b->n == 1 && b->at[0]->n > 1 ? send_many(r, b) : send_batch(r, b)) {
        append(r, b);
        return;
    }
    fail_all(b, ASKER_LOST);
    free(b);
}

static void flush(struct asker *r)
{
    struct batch *b = r->open;

    uv_prepare_stop(&r->before);
    uv_check_stop(&r->after);
    if (!b)
        return;
    r->open = NULL;
    send_or_fail(r, b);
    redis_cmd_flush(r->cmd);
}

/* --- what comes back --- */

/* [allowed, limit, remaining, retry_after_ms, reset_ms, shadow_over] */
static bool read_verdict(const struct redis_reply *reply, struct verdict *v)
{
    if (reply->type != REDIS_ARRAY || reply->count < 5)
        return false;
    *v = (struct verdict){
        .allowed = reply->item[0].integer != 0,
        .limit = reply->item[1].integer,
        .remaining = reply->item[2].integer,
        .retry_after_ms = reply->item[3].integer,
        .reset_ms = reply->item[4].integer,
        .shadow_over = reply->count > 5 && reply->item[5].integer != 0,
    };
    return true;
}

static bool unknown_rule(const struct redis_reply *reply)
{
    return reply->type == REDIS_ERROR_REPLY &&
           span_is(reply->str, "ERR unknown rule");
}

static void log_fault(const struct redis_reply *reply)
{
    stats.redis_errors.value++;
    if (reply->type == REDIS_ERROR_REPLY)
        log_warn("check_error", "why=%s", LOG_Q(reply->str));
}

/* Asks again, in a batch of its own, what Redis could not answer for want of
 * the function or the rules.  The keeper's commands are ahead in the pipe. */
static void retry(struct batch *b, struct batch **again, unsigned i)
{
    if (!*again) {
        *again = batch_new(b->asker);
        (*again)->again = true;
        (*again)->deadline_ms = b->deadline_ms;
    }
    (*again)->at[(*again)->n++] = b->at[i];
    (*again)->waiting++;
    b->at[i] = NULL;
    b->waiting--;
}

static void mend_and_retry(struct batch *b, const struct redis_reply *reply)
{
    struct batch *again = NULL;

    if (unknown_rule(reply))
        keeper_mend_rules(b->asker->keeper);
    else
        keeper_mend_function(b->asker->keeper);
    for (unsigned i = 0; i < b->n; i++)
        if (b->at[i])
            retry(b, &again, i);
    if (again)
        send_or_fail(b->asker, again);
}

/* The whole call failed. */
static void on_call_failed(struct batch *b, const struct redis_reply *reply)
{
    bool mendable = reply && reply->type == REDIS_ERROR_REPLY &&
                    (redis_error_of(reply->str) == REDIS_ERR_NOSCRIPT ||
                     unknown_rule(reply));

    if (mendable && !b->again && b->waiting > 0) {
        mend_and_retry(b, reply);
        return;
    }
    if (reply)
        log_fault(reply);
    fail_all(b, reply ? ASKER_ERROR : ASKER_LOST);
}

static void take_answer(struct batch *b, unsigned i,
                        const struct redis_reply *reply, struct batch **again)
{
    struct asker *r = b->asker;
    struct verdict v;
    struct ask *a;

    if (!b->at[i])
        return; /* too late */
    if (unknown_rule(reply) && !b->again) {
        if (!*again)
            keeper_mend_rules(r->keeper);
        retry(b, again, i);
        return;
    }
    a = settle(b, i);
    if (read_verdict(reply, &v)) {
        r->events.on_verdicts(r->arg, a, v.allowed, &v);
    } else {
        log_fault(reply);
        r->events.on_failed(r->arg, a, ASKER_ERROR);
    }
}

static void on_batch(void *arg, const struct redis_reply *reply)
{
    struct batch *b = arg, *again = NULL;

    unlink_batch(b->asker, b);
    if (!reply || reply->type != REDIS_ARRAY || reply->count != b->n) {
        on_call_failed(b, reply);
    } else {
        for (unsigned i = 0; i < b->n; i++)
            take_answer(b, i, &reply->item[i], &again);
        if (again)
            send_or_fail(b->asker, again);
    }
    free(b);
}

static void on_many(void *arg, const struct redis_reply *reply)
{
    struct batch *b = arg;
    struct verdict verdicts[RULE_CHECK_MAX];
    struct ask *a = b->at[0];
    bool good =
        reply && reply->type == REDIS_ARRAY && a && reply->count == a->n + 1;

    unlink_batch(b->asker, b);
    for (unsigned i = 0; good && i < a->n; i++)
        good = read_verdict(&reply->item[i + 1], &verdicts[i]);
    if (good) {
        (void)settle(b, 0);
        b->asker->events.on_verdicts(b->asker->arg, a,
                                     reply->item[0].integer != 0, verdicts);
    } else if (a) {
        on_call_failed(b, reply);
    }
    free(b);
}

/* --- public --- */

static void on_before(uv_prepare_t *handle)
{
    flush(handle->data);
}

static void on_after(uv_check_t *handle)
{
    flush(handle->data);
}

struct asker *asker_new(uv_loop_t *loop, struct redis_cmd *cmd,
                        struct keeper *keeper, const char *prefix,
                        int64_t timeout_ms, const struct asker_events *events,
                        void *arg)
{
    struct asker *r = mem_zero(sizeof *r);

    r->loop = loop;
    r->cmd = cmd;
    r->keeper = keeper;
    r->timeout_ms = timeout_ms;
    r->events = *events;
    r->arg = arg;
    r->last = &r->first;
    snprintf(r->base, sizeof r->base, "%sratelimit:", prefix);
    snprintf(r->rules_key, sizeof r->rules_key, "%srules", r->base);
    uv_timer_init(loop, &r->timer);
    uv_prepare_init(loop, &r->before);
    uv_check_init(loop, &r->after);
    r->timer.data = r->before.data = r->after.data = r;
    r->open_handles = 3;
    return r;
}

void asker_send(struct asker *r, struct ask *a)
{
    struct batch *b;

    r->out++;
    if (a->n > 1) {
        /* In its turn behind what was asked before. */
        flush(r);
        b = batch_new(r);
        b->at[b->n++] = a;
        b->waiting++;
        send_or_fail(r, b);
        return;
    }
    if (!r->open) {
        r->open = batch_new(r);
        uv_prepare_start(&r->before, on_before);
        uv_check_start(&r->after, on_after);
    }
    b = r->open;
    b->at[b->n++] = a;
    b->waiting++;
    if (b->n == ASKER_BATCH)
        flush(r);
}

size_t asker_out(const struct asker *r)
{
    return r->out;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct asker *r = handle->data;

    if (--r->open_handles == 0)
        free(r);
}

void asker_close(struct asker *r)
{
    if (!r)
        return;
    r->closing = true;
    if (r->open) {
        fail_all(r->open, ASKER_LOST);
        free(r->open);
        r->open = NULL;
    }
    assert(r->out == 0);
    uv_close((uv_handle_t *)&r->timer, on_handle_closed);
    uv_close((uv_handle_t *)&r->before, on_handle_closed);
    uv_close((uv_handle_t *)&r->after, on_handle_closed);
}
