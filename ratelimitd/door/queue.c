#include "ratelimitd/door/queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "ratelimitd/door/request.h"

/* One request whose answer is due. */
struct waiter {
    struct queue *queue;
    size_t reply_len;
    char reply[REQUEST_REPLY_MAX];
    size_t id_len;
    char id[QUESTION_ID_MAX];
    bool is_list;
};

struct queue {
    struct redis_cmd *cmd;  /* answers */
    struct redis_cmd *read; /* BLMPOP, which blocks its link */
    struct limiter *limiter;
    char key[96];
    unsigned waiting;
    bool popping;
    bool stopped;
    struct request request; /* the one at hand */
};

static void pop(struct queue *q);

/* --- answers --- */

static void send_reply(struct queue *q, const char *reply, size_t len,
                       const struct bytes *text)
{
    /* The line feed is for pipes. */
    size_t n = text->len > 0 ? text->len - 1 : 0;

    if (!redis_cmd_begin(q->cmd, 3, NULL, NULL))
        return;
    redis_cmd_str(q->cmd, "RPUSH");
    redis_cmd_arg(q->cmd, reply, len);
    redis_cmd_arg(q->cmd, text->ptr, n);
    redis_cmd_begin(q->cmd, 3, NULL, NULL);
    redis_cmd_str(q->cmd, "PEXPIRE");
    redis_cmd_arg(q->cmd, reply, len);
    redis_cmd_int(q->cmd, QUEUE_REPLY_MS);
}

static void on_answer(void *arg, const struct outcome *o)
{
    struct waiter *w = arg;
    struct queue *q = w->queue;
    struct bytes text;

    bytes_init(&text);
    answer_json(&text, span_make(w->id, w->id_len), w->is_list, o);
    send_reply(q, w->reply, w->reply_len, &text);
    bytes_close(&text);
    free(w);
    q->waiting--;
    pop(q);
}

static void reject(struct queue *q, const char *why)
{
    struct bytes text;

    stats.queue_bad.value++;
    log_warn("bad_request", "why=%s", LOG_Q(span_str(why)));
    if (q->request.reply_len == 0)
        return;
    bytes_init(&text);
    answer_error(&text, q->request.question.id, why);
    send_reply(q, q->request.reply, q->request.reply_len, &text);
    bytes_close(&text);
}

/* --- requests --- */

static void take(struct queue *q, struct span text)
{
    struct request *r = &q->request;
    struct err err = {0};
    struct waiter *w;

    stats.queue_requests.value++;
    if (!request_read(r, text, &err)) {
        reject(q, err.text);
        return;
    }
    if (r->expires_ms <= clock_wall_ms()) {
        stats.queue_expired.value++;
        return;
    }
    w = mem_zero(sizeof *w);
    w->queue = q;
    w->reply_len = r->reply_len;
    memcpy(w->reply, r->reply, r->reply_len);
    w->id_len = r->question.id.len;
    if (w->id_len > 0)
        memcpy(w->id, r->question.id.ptr, w->id_len);
    w->is_list = r->question.is_list;
    q->waiting++;
    limiter_ask(q->limiter, &r->question, on_answer, w);
}

/* [key, [element...]] or nil after QUEUE_BLOCK_S. */
static void on_popped(void *arg, const struct redis_reply *reply)
{
    struct queue *q = arg;

    q->popping = false;
    if (!reply)
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        log_error("redis_error", "doing=BLMPOP why=%s", LOG_Q(reply->str));
        return; /* until the next connection: it would be said for ever */
    }
    if (reply->type == REDIS_ARRAY && reply->count == 2)
        for (size_t i = 0; i < reply->item[1].count; i++)
            take(q, reply->item[1].item[i].str);
    pop(q);
}

/* Only when most answers are out: the rest stays for other instances. */
static void pop(struct queue *q)
{
    char block[8];

    if (q->stopped || q->popping || q->waiting > 0)
        return;
    snprintf(block, sizeof block, "%d", QUEUE_BLOCK_S);
    q->popping = redis_cmd_words(q->read, on_popped, q, "BLMPOP", block, "1",
                                 q->key, "LEFT", "COUNT", "64", NULL);
}

static void on_ready(void *arg)
{
    pop(arg);
}

/* --- public --- */

struct queue *queue_new(struct app *app, const struct redis_config *config,
                        struct redis_cmd *cmd, struct limiter *limiter)
{
    static const struct redis_cmd_events events = {.on_ready = on_ready};
    static const struct redis_cmd_limits limits = {.role = "read"};
    struct queue *q = mem_zero(sizeof *q);

    q->cmd = cmd;
    q->limiter = limiter;
    snprintf(q->key, sizeof q->key, "%sratelimit:requests", config->prefix);
    q->read = redis_cmd_new(&app->loop, config, &limits, &events, q);
    return q;
}

void queue_stop(struct queue *q)
{
    q->stopped = true;
    redis_cmd_close(q->read, NULL, NULL);
    q->read = NULL;
}

unsigned queue_waiting(const struct queue *q)
{
    return q->waiting;
}

void queue_free(struct queue *q)
{
    free(q);
}
