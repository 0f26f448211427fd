#include "common/app/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/fdflags.h"
#include "common/base/metrics.h"

enum {
    /* One read(2).  What is copied there has to fit the second-level cache
     * beside what it replaces: with twice that it takes a third longer. */
    READ_MAX = 128 * 1024,
    READS_PER_TURN = 4, /* then the rest of the loop has its turn */
    /* Less than a pipe holds: it is empty now, another read would say EAGAIN.
     */
    READ_SHORT = 64 * 1024,
};

/*
 * Two ways to hear that there is something to do: uv_poll for what epoll can
 * watch, and uv_idle, which runs in every turn, for regular files and for
 * lines that waited in the buffer during a pause.  `hold` only keeps the loop
 * alive during a pause: a paused input is not a finished one.
 */
struct input {
    struct line_reader lines;
    struct input_events events;
    void *arg;
    int fd;
    bool polled; /* epoll can watch fd */
    bool polling;
    bool more_likely; /* the last read filled what it could */
    bool paused, closing;
    bool busy;  /* inside pump(): no second one within it */
    bool eof;   /* nothing more will be read */
    bool ended; /* on_end was called */
    int errnum; /* of the read that failed */
    uv_poll_t poll;
    uv_idle_t idle;
    uv_prepare_t hold;
    unsigned open_handles;
};

static struct metric counts[] = {
    {METRIC(COUNTER, "tickwire_input_bytes_total", NULL,
            "Bytes read from input")},
    {METRIC(COUNTER, "tickwire_input_too_long_total", NULL,
            "Input lines above the bound, skipped")},
    {METRIC(COUNTER, "tickwire_input_pauses_total", NULL,
            "Times that reading stopped because what follows was full")},
};
enum { BYTES, TOO_LONG, PAUSES };

static void on_readable(uv_poll_t *handle, int status, int events);
static void on_idle(uv_idle_t *handle);

static void on_hold(uv_prepare_t *handle)
{
    (void)handle;
}

/* libuv takes a watched descriptor out of epoll and puts it back in each time
 * it is started: two system calls that most turns can do without. */
static void listen_for_more(struct input *in, bool on)
{
    if (!in->polled || on == in->polling)
        return;
    in->polling = on;
    if (on)
        uv_poll_start(&in->poll, UV_READABLE, on_readable);
    else
        uv_poll_stop(&in->poll);
}

/* Listen for more, or wait, whichever the state asks for. */
static void rearm(struct input *in)
{
    bool waiting = in->paused && !in->ended;

    if (in->closing)
        return;
    if (waiting)
        uv_prepare_start(&in->hold, on_hold);
    else
        uv_prepare_stop(&in->hold);
    listen_for_more(in, in->polled && !in->eof && !waiting && !in->ended);
    if (waiting || in->ended || in->polling)
        uv_idle_stop(&in->idle);
    else
        uv_idle_start(&in->idle, on_idle);
}

/* Lines whose ends are found by who takes them. */
static bool taken_ahead(struct input *in)
{
    struct span ahead = line_ahead(&in->lines);
    uint64_t number = in->lines.number;
    size_t len;

    if (!in->events.on_ahead || ahead.len == 0)
        return false;
    len = in->events.on_ahead(in->arg, ahead, &number);
    if (len > 0)
        line_taken(&in->lines, len, number - in->lines.number);
    return len > 0;
}

/* Hand out whole lines until there is none, a pause or a close. */
static bool deliver(struct input *in)
{
    struct span line;

    while (!in->paused && !in->closing) {
        if (taken_ahead(in))
            continue;
        switch (line_next(&in->lines, &line)) {
        case LINE_OK:
            in->events.on_line(in->arg, line, in->lines.number);
            break;
        case LINE_TOO_LONG:
            counts[TOO_LONG].value++;
            in->events.on_too_long(in->arg, in->lines.number);
            break;
        case LINE_MORE:
            return true;
        }
    }
    return false;
}

static void drained(struct input *in)
{
    if (!in->closing && in->events.on_drained)
        in->events.on_drained(in->arg);
}

/* The end was read and every whole line is out: the last one, then on_end. */
static void finish(struct input *in)
{
    struct span line;

    if (line_rest(&in->lines, &line)) {
        in->events.on_line(in->arg, line, in->lines.number);
        drained(in);
        /* A pause asked for by that line puts the end off as well. */
        if (in->paused || in->closing)
            return;
    }
    in->ended = true;
    in->events.on_end(in->arg, in->errnum);
}

/* One read(2); false: there is no more for now. */
static bool fill(struct input *in)
{
    size_t room;
    char *to = line_space(&in->lines, &room);
    ssize_t n;

    if (room > READ_MAX)
        room = READ_MAX;
    do
        n = read(in->fd, to, room);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        line_filled(&in->lines, (size_t)n);
        counts[BYTES].value += (uint64_t)n;
        in->more_likely = n >= READ_SHORT;
        return true;
    }
    if (n < 0 && errno == EAGAIN)
        return false;
    in->eof = true;
    in->errnum = n < 0 ? errno : 0;
    return false;
}

static void pump(struct input *in)
{
    if (in->busy)
        return;
    in->busy = true;
    if (deliver(in)) {
        for (int i = 0; i < READS_PER_TURN; i++) {
            bool whole;
            if (in->eof || !fill(in))
                break;
            whole = deliver(in);
            drained(in);
            if (!whole || !in->more_likely || in->paused || in->closing)
                break;
        }
    } else {
        drained(in);
    }
    if (in->eof && !in->ended && !in->paused && !in->closing)
        finish(in);
    in->busy = false;
    rearm(in);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)status; /* read(2) will say what is wrong */
    (void)events;
    pump(handle->data);
}

static void on_idle(uv_idle_t *handle)
{
    pump(handle->data);
}

void input_pause(struct input *in)
{
    if (in->paused)
        return;
    in->paused = true;
    counts[PAUSES].value++;
    rearm(in);
}

void input_resume(struct input *in)
{
    if (!in->paused)
        return;
    in->paused = false;
    if (in->closing || in->ended)
        return;
    /* From the loop, not from here: the caller may be deep in something. */
    uv_prepare_stop(&in->hold);
    uv_idle_start(&in->idle, on_idle);
}

static void on_closed(uv_handle_t *handle)
{
    struct input *in = handle->data;

    if (--in->open_handles > 0)
        return;
    if (in->polled)
        fdflags_done();
    line_close(&in->lines);
    free(in);
}

void input_close(struct input *in)
{
    if (!in || in->closing)
        return;
    in->closing = true;
    uv_close((uv_handle_t *)&in->idle, on_closed);
    uv_close((uv_handle_t *)&in->hold, on_closed);
    if (in->polled)
        uv_close((uv_handle_t *)&in->poll, on_closed);
}

/* Closed by whoever started us: app.c put an unreadable /dev/null there, so
 * that no socket of ours takes the number. */
static bool check_open(int fd, struct err *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
        return err_set(err, ERR_SYSTEM, "%s: not open for reading",
                       fd == STDIN_FILENO ? "standard input" : "input");
    return true;
}

struct input *input_new(uv_loop_t *loop, int fd, size_t max_line,
                        const struct input_events *events, void *arg,
                        struct err *err)
{
    struct input *in;
    int status;

    if (!check_open(fd, err))
        return NULL;
    in = mem_zero(sizeof *in);
    in->fd = fd;
    in->events = *events;
    in->arg = arg;
    in->poll.data = in->idle.data = in->hold.data = in;
    /* First: libuv sets O_NONBLOCK itself, and what was there would be lost.
     * epoll refuses regular files and /dev/null with EPERM: they are always
     * ready, and need no flag. */
    fdflags_nonblock(fd);
    status = uv_poll_init(loop, &in->poll, fd);
    if (status != 0)
        fdflags_done();
    if (status != 0 && status != UV_EPERM) {
        err_set(err, ERR_SYSTEM, "standard input: %s", uv_strerror(status));
        free(in);
        return NULL;
    }
    in->polled = status == 0;
    uv_idle_init(loop, &in->idle);
    uv_prepare_init(loop, &in->hold);
    in->open_handles = in->polled ? 3 : 2;
    line_init(&in->lines, READ_MAX, max_line);
    metrics_add_all(counts, sizeof counts / sizeof counts[0]);
    rearm(in);
    return in;
}
