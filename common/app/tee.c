#include "common/app/tee.h"

#include <stdlib.h>
#include <string.h>

#include "common/app/output.h"
#include "common/base/log.h"

enum { CHUNK_BYTES = 64 * 1024 }; /* between looks at the bound */

struct tee {
    struct app *app;
    struct output *out;
    struct bytes *to; /* the output's */
    size_t untold;    /* bytes in it that output_added() was not told of */
    void (*on_room)(void *arg);
    void *arg;
    void (*done)(void *arg, size_t lost);
    void *done_arg;
};

static void on_room(void *arg)
{
    struct tee *t = arg;

    if (t->on_room)
        t->on_room(t->arg);
}

static void on_closed(void *arg, int errnum)
{
    struct tee *t = arg;
    struct err err = output_error(errnum);

    if (errnum != 0) {
        app_fail(t->app, &err);
        return;
    }
    log_debug("stdout_closed", "then=stop");
    app_stop(t->app); /* the reader has seen enough */
}

struct tee *tee_new(struct app *app, int fd, void (*room)(void *arg), void *arg,
                    struct err *err)
{
    static const struct output_events events = {on_room, on_closed};
    struct tee *t = mem_zero(sizeof *t);

    *t = (struct tee){.app = app, .on_room = room, .arg = arg};
    t->out = output_new(&app->loop, fd, TEE_MAX_BYTES, &events, t, err);
    if (!t->out) {
        free(t);
        return NULL;
    }
    t->to = output_bytes(t->out);
    return t;
}

void tee_flush(struct tee *t)
{
    if (!t || t->untold == 0)
        return;
    t->untold = 0;
    output_added(t->out);
}

static bool added(struct tee *t, size_t n)
{
    t->untold += n;
    if (t->untold < CHUNK_BYTES)
        return false;
    tee_flush(t);
    return true;
}

/* Of every line: the buffer is grown once in a while, so that is not asked of
 * another file. */
bool tee_line(struct tee *t, struct span line)
{
    struct bytes *to = t->to;
    char *at;

    if (to->cap - to->len <= line.len)
        bytes_reserve(to, line.len + 1);
    at = to->ptr + to->len;
    memcpy(at, line.ptr, line.len);
    at[line.len] = '\n';
    to->len += line.len + 1;
    return added(t, line.len + 1);
}

struct bytes *tee_bytes(struct tee *t)
{
    return t->to;
}

bool tee_added(struct tee *t, size_t before)
{
    return added(t, t->to->len - before);
}

bool tee_full(const struct tee *t)
{
    return output_full(t->out);
}

static void on_written(void *arg, size_t lost)
{
    struct tee *t = arg;

    if (t->done)
        t->done(t->done_arg, lost);
    free(t);
}

void tee_close(struct tee *t, void (*done)(void *arg, size_t lost), void *arg)
{
    if (!t)
        return;
    tee_flush(t);
    t->done = done;
    t->done_arg = arg;
    output_close(t->out, on_written, t);
}
