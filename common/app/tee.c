#include "common/app/tee.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/fdflags.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

enum {
    FLUSH_BYTES = 64 * 1024,
    CHUNK_BYTES = 64 * 1024, /* between looks at the bound */
};

/*
 * Bytes wait in `run` from `sent` on.  `before` and `after` (uv_prepare and
 * uv_check) run on both sides of the loop's wait, so that whatever a callback
 * added leaves in the same turn; they are active only while there is something
 * to do.  `poll` is active only while the reader is slow.
 */
struct tee {
    struct app *app;
    struct bytes run;
    size_t sent;
    size_t untold; /* at its end, not looked at yet */
    void (*on_room)(void *arg);
    void *arg;
    int fd;
    bool polled;  /* epoll can watch fd; else writes never wait */
    bool waiting; /* for writability */
    bool armed;
    bool was_full;
    bool closing;
    bool broken;       /* nothing can be written any more */
    bool break_untold; /* the tool has not heard of it */
    int errnum;        /* why; 0: the reader went away */
    size_t lost;
    uv_poll_t poll;
    uv_prepare_t before;
    uv_check_t after;
    unsigned open_handles;
    void (*done)(void *arg, size_t lost);
    void *done_arg;
};

static struct metric counts[] = {
    {METRIC(COUNTER, "tickwire_output_bytes_total", NULL,
            "Bytes written to output")},
    {METRIC(COUNTER, "tickwire_output_full_total", NULL,
            "Times that the output reached its bound: its reader is slow")},
    {METRIC(COUNTER, "tickwire_output_lost_bytes_total", NULL,
            "Bytes that could not be written: the reader left, or no space")},
};
enum { BYTES, FULL, LOST };

static void on_turn(struct tee *t);

static void on_before(uv_prepare_t *handle)
{
    on_turn(handle->data);
}

static void on_after(uv_check_t *handle)
{
    on_turn(handle->data);
}

static void arm(struct tee *t)
{
    if (t->armed || t->closing)
        return;
    t->armed = true;
    uv_prepare_start(&t->before, on_before);
    uv_check_start(&t->after, on_after);
}

static void disarm(struct tee *t)
{
    t->armed = false;
    uv_prepare_stop(&t->before);
    uv_check_stop(&t->after);
}

static size_t pending(const struct tee *t)
{
    return t->run.len - t->sent;
}

static void forget(struct tee *t)
{
    t->lost += pending(t);
    counts[LOST].value += pending(t);
    bytes_clear(&t->run);
    t->sent = 0;
}

static void on_writable(uv_poll_t *handle, int status, int events);

static void wait_writable(struct tee *t)
{
    if (t->waiting)
        return;
    t->waiting = true;
    uv_poll_start(&t->poll, UV_WRITABLE, on_writable);
}

static void stop_waiting(struct tee *t)
{
    if (!t->waiting)
        return;
    t->waiting = false;
    uv_poll_stop(&t->poll);
}

/* Write until all is out or the reader is slow.  Tells nobody anything. */
static void push(struct tee *t)
{
    while (!t->broken && t->sent < t->run.len) {
        ssize_t n = write(t->fd, t->run.ptr + t->sent, t->run.len - t->sent);
        if (n >= 0) {
            t->sent += (size_t)n;
            counts[BYTES].value += (uint64_t)n;
        } else if (errno == EAGAIN && t->polled) {
            wait_writable(t);
            break;
        } else if (errno != EINTR) {
            t->broken = t->break_untold = true;
            t->errnum = errno == EPIPE ? 0 : errno;
        }
    }
    if (t->broken)
        forget(t);
    if (t->sent == t->run.len) {
        bytes_clear(&t->run);
        t->sent = 0;
        stop_waiting(t);
    } else if (t->sent > t->run.len / 2) {
        bytes_drop(&t->run, t->sent);
        t->sent = 0;
    }
}

static void tell_broken(struct tee *t)
{
    struct err err = {0};

    if (!t->break_untold)
        return;
    t->break_untold = false;
    t->was_full = false;
    if (t->errnum == 0) {
        log_debug("stdout_closed", "then=stop");
        app_stop(t->app); /* the reader has seen enough */
        return;
    }
    err_errno(&err, ERR_OUTPUT, t->errnum, "standard output");
    app_fail(t->app, &err);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct tee *t = handle->data;

    if (--t->open_handles > 0)
        return;
    if (t->polled)
        fdflags_done();
    /* A loss that only the last write met. */
    tell_broken(t);
    if (t->done)
        t->done(t->done_arg, t->lost);
    bytes_close(&t->run);
    free(t);
}

static void close_handles(struct tee *t)
{
    stop_waiting(t);
    uv_close((uv_handle_t *)&t->before, on_handle_closed);
    uv_close((uv_handle_t *)&t->after, on_handle_closed);
    if (t->polled)
        uv_close((uv_handle_t *)&t->poll, on_handle_closed);
}

static void tell(struct tee *t)
{
    if (t->closing) {
        if (t->run.len == 0)
            close_handles(t);
    } else if (t->break_untold) {
        tell_broken(t);
    } else if (t->was_full && pending(t) <= TEE_MAX_BYTES / 2) {
        t->was_full = false;
        if (t->on_room)
            t->on_room(t->arg);
    }
}

static void on_turn(struct tee *t)
{
    disarm(t);
    if (!t->waiting)
        push(t);
    tell(t);
}

static void on_writable(uv_poll_t *handle, int status, int events)
{
    struct tee *t = handle->data;

    (void)status; /* write(2) will say what is wrong */
    (void)events;
    push(t);
    tell(t);
}

void tee_flush(struct tee *t)
{
    if (!t || t->untold == 0)
        return;
    t->untold = 0;
    assert(!t->closing);
    if (t->broken)
        forget(t);
    else if (!t->waiting && pending(t) >= FLUSH_BYTES)
        push(t);
    if (!t->was_full && tee_full(t)) {
        t->was_full = true; /* on_room is owed */
        counts[FULL].value++;
    }
    if (t->run.len > 0 || t->break_untold)
        arm(t);
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
    struct bytes *to = &t->run;
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
    return &t->run;
}

bool tee_added(struct tee *t, size_t before)
{
    return added(t, t->run.len - before);
}

bool tee_full(const struct tee *t)
{
    return pending(t) > TEE_MAX_BYTES;
}

void tee_close(struct tee *t, void (*done)(void *arg, size_t lost), void *arg)
{
    if (!t || t->closing)
        return;
    t->done = done;
    t->done_arg = arg;
    disarm(t);
    t->closing = true;
    if (!t->waiting)
        push(t);
    if (t->run.len == 0)
        close_handles(t);
}

static bool check_open(int fd, struct err *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return err_set(err, ERR_OUTPUT,
                       "standard output: not open for writing");
    return true;
}

struct tee *tee_new(struct app *app, int fd, void (*on_room)(void *arg),
                    void *arg, struct err *err)
{
    struct tee *t;
    int status;

    if (!check_open(fd, err))
        return NULL;
    t = mem_zero(sizeof *t);
    t->fd = fd;
    t->app = app;
    t->on_room = on_room;
    t->arg = arg;
    t->poll.data = t->before.data = t->after.data = t;
    /* As in input.c: keep the old flags before libuv changes them. */
    fdflags_nonblock(fd);
    status = uv_poll_init(&app->loop, &t->poll, fd);
    if (status != 0)
        fdflags_done();
    if (status != 0 && status != UV_EPERM) {
        err_set(err, ERR_SYSTEM, "standard output: %s", uv_strerror(status));
        free(t);
        return NULL;
    }
    t->polled = status == 0;
    uv_prepare_init(&app->loop, &t->before);
    uv_check_init(&app->loop, &t->after);
    t->open_handles = t->polled ? 3 : 2;
    metrics_add_all(counts, sizeof counts / sizeof counts[0]);
    return t;
}
