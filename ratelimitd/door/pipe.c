#include "ratelimitd/door/pipe.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/app/input.h"
#include "common/app/line_fault.h"
#include "common/app/tee.h"
#include "common/base/log.h"

/* A question whose answer is not written yet: in a ring, oldest first. */
struct slot {
    struct pipe *pipe;
    bool done;
    bool is_list;
    size_t id_len;
    char id[QUESTION_ID_MAX];
    struct bytes text; /* the answer, once done */
};

struct pipe {
    struct app *app;
    struct pipe_config config;
    struct limiter *limiter;
    struct input *in;
    struct tee *out;
    struct slot *slots;
    unsigned head, count;
    bool paused, ended, closing;
    uint64_t lines;
    void (*on_end)(void *arg);
    void *arg;
    struct question question; /* read from the line at hand */
    bool direct;              /* its answer can go straight out */
};

static bool crowded(const struct pipe *p)
{
    return p->count >= PIPE_OUT_MAX || tee_full(p->out);
}

static void note_load(struct pipe *p)
{
    if (!p->in || p->paused == crowded(p))
        return;
    /* Resume only when half of it is gone. */
    if (p->paused && p->count > PIPE_OUT_MAX / 2)
        return;
    p->paused = !p->paused;
    if (p->paused)
        input_pause(p->in);
    else
        input_resume(p->in);
}

static void finish_if_done(struct pipe *p)
{
    if (p->ended && p->count == 0 && p->on_end) {
        void (*on_end)(void *arg) = p->on_end;
        p->on_end = NULL;
        on_end(p->arg);
    }
}

/* --- answers --- */

static void write_ready(struct pipe *p)
{
    while (p->count > 0 && p->slots[p->head].done) {
        struct slot *s = &p->slots[p->head];
        bytes_add(tee_bytes(p->out), s->text.ptr, s->text.len);
        tee_added(p->out, tee_bytes(p->out)->len - s->text.len);
        bytes_clear(&s->text);
        p->head = (p->head + 1) % PIPE_SLOTS;
        p->count--;
    }
    tee_flush(p->out);
    note_load(p);
    finish_if_done(p);
}

static void on_answer(void *arg, const struct outcome *o)
{
    struct slot *s = arg;

    answer_json(&s->text, span_make(s->id, s->id_len), s->is_list, o);
    s->done = true;
    if (s == &s->pipe->slots[s->pipe->head])
        write_ready(s->pipe);
}

/* Answered within limiter_ask(), with nothing waiting before it. */
static void on_direct_answer(void *arg, const struct outcome *o)
{
    struct slot *s = arg;
    struct pipe *p = s->pipe;
    size_t before;

    if (!p->direct) {
        on_answer(arg, o);
        return;
    }
    before = tee_bytes(p->out)->len;
    answer_json(tee_bytes(p->out), p->question.id, p->question.is_list, o);
    tee_added(p->out, before);
    p->count--; /* the slot was the only one */
}

static void ask(struct pipe *p)
{
    const struct question *q = &p->question;
    struct slot *s = &p->slots[(p->head + p->count) % PIPE_SLOTS];

    assert(p->count < PIPE_SLOTS);
    s->done = false;
    s->is_list = q->is_list;
    s->id_len = q->id.len;
    if (q->id.len > 0)
        memcpy(s->id, q->id.ptr, q->id.len);
    p->direct = p->count++ == 0;
    limiter_ask(p->limiter, q, on_direct_answer, s);
    p->direct = false;
}

/* An answer that is known already, in its turn. */
static void say_error(struct pipe *p, const char *text)
{
    struct slot *s = &p->slots[(p->head + p->count) % PIPE_SLOTS];

    s->done = true;
    answer_error(&s->text, p->question.id, text);
    p->count++;
    write_ready(p);
}

/* --- questions --- */

static void reject(struct pipe *p, uint64_t number, const char *why)
{
    const struct line_fault fault = {.line = number, .why = why};
    struct err err = {0};

    stats.bad_questions.value++;
    say_error(p, why);
    if (line_fault_skip(&fault, p->config.strict, &err))
        return;
    input_pause(p->in);
    p->paused = true;
    app_fail(p->app, &err);
}

/* jansson counts lines within the text: there is only one, and its number is
 * said already. */
static const char *without_line(const char *text)
{
    static const char one[] = "line 1 ";

    return strncmp(text, one, sizeof one - 1) == 0 ? text + sizeof one - 1
                                                   : text;
}

static bool blank(struct span line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t')
            return false;
    return true;
}

static void on_line(void *arg, struct span line, uint64_t number)
{
    struct pipe *p = arg;
    struct err err;

    if (p->app->stopping)
        return;
    if (question_scan(&p->question, line)) {
        ask(p);
    } else if (!blank(line)) {
        err = (struct err){0};
        if (question_read(&p->question, line, &err))
            ask(p);
        else
            reject(p, number, without_line(err.text));
    }
    if (p->in)
        note_load(p);
}

static void on_too_long(void *arg, uint64_t number)
{
    struct pipe *p = arg;

    p->question.id = span_make(NULL, 0);
    if (!p->app->stopping)
        reject(p, number, "the line is too long (--max-line)");
}

static void on_drained(void *arg)
{
    struct pipe *p = arg;

    tee_flush(p->out);
}

static void on_input_end(void *arg, int errnum)
{
    struct pipe *p = arg;
    struct err err = {0};

    input_close(p->in);
    p->in = NULL;
    if (errnum != 0) {
        err_errno(&err, ERR_SYSTEM, errnum, "standard input");
        app_fail(p->app, &err);
        return;
    }
    if (p->config.linger) {
        log_info("input_end", "linger=true");
        return;
    }
    p->ended = true;
    finish_if_done(p);
}

/* --- standard output --- */

static void on_room(void *arg)
{
    note_load(arg);
}

/* --- public --- */

struct pipe *pipe_new(struct app *app, const struct pipe_config *config,
                      struct limiter *limiter, void (*on_end)(void *arg),
                      void *arg, struct err *err)
{
    static const struct input_events in_events = {
        .on_line = on_line,
        .on_too_long = on_too_long,
        .on_drained = on_drained,
        .on_end = on_input_end,
    };
    struct pipe *p = mem_zero(sizeof *p);

    p->app = app;
    p->config = *config;
    p->limiter = limiter;
    p->on_end = on_end;
    p->arg = arg;
    p->slots = mem_zero(PIPE_SLOTS * sizeof *p->slots);
    for (unsigned i = 0; i < PIPE_SLOTS; i++)
        p->slots[i].pipe = p;
    p->out = tee_new(app, STDOUT_FILENO, on_room, p, err);
    if (p->out)
        p->in = input_new(&app->loop, STDIN_FILENO, config->max_line_bytes,
                          &in_events, p, err);
    if (p->in)
        return p;
    tee_close(p->out, NULL, NULL);
    free(p->slots);
    free(p);
    return NULL;
}

void pipe_stop(struct pipe *p)
{
    if (p->in)
        input_close(p->in);
    p->in = NULL;
    p->on_end = NULL;
}

static void on_output_done(void *arg, size_t lost)
{
    struct pipe *p = arg;

    if (lost > 0)
        log_info("answers_lost", "bytes=%zu", lost);
    for (unsigned i = 0; i < PIPE_SLOTS; i++)
        bytes_close(&p->slots[i].text);
    free(p->slots);
    free(p);
}

void pipe_close(struct pipe *p)
{
    assert(p->count == 0);
    tee_close(p->out, on_output_done, p);
}
