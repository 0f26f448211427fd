#include "common/app/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/fdflags.h"
#include "common/base/metrics.h"

enum { FLUSH_BYTES = 64 * 1024 };

/*
 * Bytes wait in `run` from `sent` on.  `before` and `after` (uv_prepare and
 * uv_check) run on both sides of the loop's wait, so that whatever a callback
 * added leaves in the same turn; they are active only while there is something
 * to do.  `poll` is active only while the reader is slow.
 */
struct output {
    struct bytes run;
    size_t sent;
    size_t max_bytes;
    struct output_events events;
    void *arg;
    int fd;
    bool polled;  /* epoll can watch fd; else writes never wait */
    bool waiting; /* for writability */
    bool armed;
    bool was_full;
    bool closing;
    bool broken;       /* nothing can be written any more */
    bool break_untold; /* on_closed is due */
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
    {.name = "tickwire_output_bytes_total", .help = "Bytes written to output"},
    {.name = "tickwire_output_full_total",
     .help = "Times that the output reached its bound: its reader is slow"},
    {.name = "tickwire_output_lost_bytes_total",
     .help = "Bytes that could not be written: the reader left, or no space"},
};
enum { BYTES, FULL, LOST };

static void on_turn(struct output *out);

static void on_before(uv_prepare_t *handle)
{
    on_turn(handle->data);
}

static void on_after(uv_check_t *handle)
{
    on_turn(handle->data);
}

static void arm(struct output *out)
{
    if (out->armed || out->closing)
        return;
    out->armed = true;
    uv_prepare_start(&out->before, on_before);
    uv_check_start(&out->after, on_after);
}

static void disarm(struct output *out)
{
    out->armed = false;
    uv_prepare_stop(&out->before);
    uv_check_stop(&out->after);
}

static void forget(struct output *out)
{
    out->lost += out->run.len - out->sent;
    counts[LOST].value += out->run.len - out->sent;
    bytes_clear(&out->run);
    out->sent = 0;
}

static void on_writable(uv_poll_t *handle, int status, int events);

static void wait_writable(struct output *out)
{
    if (out->waiting)
        return;
    out->waiting = true;
    uv_poll_start(&out->poll, UV_WRITABLE, on_writable);
}

static void stop_waiting(struct output *out)
{
    if (!out->waiting)
        return;
    out->waiting = false;
    uv_poll_stop(&out->poll);
}

/* Write until all is out or the reader is slow.  Tells nobody anything. */
static void push(struct output *out)
{
    while (!out->broken && out->sent < out->run.len) {
        ssize_t n =
            write(out->fd, out->run.ptr + out->sent, out->run.len - out->sent);
        if (n >= 0) {
            out->sent += (size_t)n;
            counts[BYTES].value += (uint64_t)n;
        } else if (errno == EAGAIN && out->polled) {
            wait_writable(out);
            break;
        } else if (errno != EINTR) {
            out->broken = out->break_untold = true;
            out->errnum = errno == EPIPE ? 0 : errno;
        }
    }
    if (out->broken)
        forget(out);
    if (out->sent == out->run.len) {
        bytes_clear(&out->run);
        out->sent = 0;
        stop_waiting(out);
    } else if (out->sent > out->run.len / 2) {
        bytes_drop(&out->run, out->sent);
        out->sent = 0;
    }
}

static size_t pending(const struct output *out)
{
    return out->run.len - out->sent;
}

static void tell_broken(struct output *out)
{
    if (!out->break_untold)
        return;
    out->break_untold = false;
    out->was_full = false;
    out->events.on_closed(out->arg, out->errnum);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct output *out = handle->data;

    if (--out->open_handles > 0)
        return;
    if (out->polled)
        fdflags_done();
    /* A loss that only the last write met. */
    tell_broken(out);
    if (out->done)
        out->done(out->done_arg, out->lost);
    bytes_close(&out->run);
    free(out);
}

static void close_handles(struct output *out)
{
    stop_waiting(out);
    uv_close((uv_handle_t *)&out->before, on_handle_closed);
    uv_close((uv_handle_t *)&out->after, on_handle_closed);
    if (out->polled)
        uv_close((uv_handle_t *)&out->poll, on_handle_closed);
}

static void tell(struct output *out)
{
    if (out->closing) {
        if (out->run.len == 0)
            close_handles(out);
    } else if (out->break_untold) {
        tell_broken(out);
    } else if (out->was_full && pending(out) <= out->max_bytes / 2) {
        out->was_full = false;
        if (out->events.on_room)
            out->events.on_room(out->arg);
    }
}

static void on_turn(struct output *out)
{
    disarm(out);
    if (!out->waiting)
        push(out);
    tell(out);
}

static void on_writable(uv_poll_t *handle, int status, int events)
{
    struct output *out = handle->data;

    (void)status; /* write(2) will say what is wrong */
    (void)events;
    push(out);
    tell(out);
}

struct bytes *output_bytes(struct output *out)
{
    return &out->run;
}

void output_added(struct output *out)
{
    assert(!out->closing);
    if (out->broken)
        forget(out);
    else if (!out->waiting && pending(out) >= FLUSH_BYTES)
        push(out);
    if (!out->was_full && output_full(out)) {
        out->was_full = true; /* on_room is owed */
        counts[FULL].value++;
    }
    if (out->run.len > 0 || out->break_untold)
        arm(out);
}

bool output_full(const struct output *out)
{
    return pending(out) > out->max_bytes;
}

void output_close(struct output *out, void (*done)(void *arg, size_t lost),
                  void *arg)
{
    if (!out || out->closing)
        return;
    out->done = done;
    out->done_arg = arg;
    disarm(out);
    out->closing = true;
    if (!out->waiting)
        push(out);
    if (out->run.len == 0)
        close_handles(out);
}

struct err output_error(int errnum)
{
    struct err err = {0};

    err_errno(&err, ERR_OUTPUT, errnum, "standard output");
    return err;
}

static bool check_open(int fd, struct err *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return err_set(err, ERR_OUTPUT,
                       "standard output: not open for writing");
    return true;
}

struct output *output_new(uv_loop_t *loop, int fd, size_t max_bytes,
                          const struct output_events *events, void *arg,
                          struct err *err)
{
    struct output *out;
    int status;

    if (!check_open(fd, err))
        return NULL;
    out = mem_zero(sizeof *out);
    out->fd = fd;
    out->max_bytes = max_bytes;
    out->events = *events;
    out->arg = arg;
    out->poll.data = out->before.data = out->after.data = out;
    /* As in input.c: keep the old flags before libuv changes them. */
    fdflags_nonblock(fd);
    status = uv_poll_init(loop, &out->poll, fd);
    if (status != 0)
        fdflags_done();
    if (status != 0 && status != UV_EPERM) {
        err_set(err, ERR_SYSTEM, "standard output: %s", uv_strerror(status));
        free(out);
        return NULL;
    }
    out->polled = status == 0;
    uv_prepare_init(loop, &out->before);
    uv_check_init(loop, &out->after);
    out->open_handles = out->polled ? 3 : 2;
    metrics_add_all(counts, sizeof counts / sizeof counts[0]);
    return out;
}
