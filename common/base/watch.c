#include "common/base/watch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bytes.h"

/* By descriptor.  What the kernel tells names both: an event that was on its
 * way when its socket was closed does not reach the next of that number. */
struct place {
    struct watch *watch; /* NULL: free, or closing */
    uint32_t times;      /* it was put into the epoll */
    bool in;             /* it is there */
};

struct watches {
    uv_poll_t poll;   /* of the epoll */
    uv_check_t check; /* tells, once the loop has polled */
    uv_idle_t idle;   /* active while some are closing */
    int fd;
    unsigned refs, handles;
    unsigned n_watched;
    bool background;
    bool due; /* some are ready */
    struct place *places;
    int n_places;
    struct watch *closing, **last;
    struct epoll_event ready[WATCH_READY_MAX];
};

/* --- the set --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct watches *set = handle->data;

    if (--set->handles > 0)
        return;
    close(set->fd);
    free(set->places);
    free(set);
}

void watches_unref(struct watches *set)
{
    if (!set || --set->refs > 0)
        return;
    uv_close((uv_handle_t *)&set->poll, on_handle_closed);
    uv_close((uv_handle_t *)&set->check, on_handle_closed);
    uv_close((uv_handle_t *)&set->idle, on_handle_closed);
}

/* The loop goes on while one is watched. */
static void count(struct watches *set, int before, int after)
{
    if (before == 0 && after != 0) {
        if (set->n_watched++ == 0 && !set->background)
            uv_ref((uv_handle_t *)&set->poll);
    } else if (before != 0 && after == 0) {
        if (--set->n_watched == 0)
            uv_unref((uv_handle_t *)&set->poll);
    }
}

/* --- what is ready --- */

static int failure(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == 0)
        error = EIO;
    return uv_translate_sys_error(error);
}

static void tell(struct watches *set, const struct epoll_event *got)
{
    int fd = (int)(uint32_t)got->data.u64;
    const struct place *p = &set->places[fd];
    struct watch *w = p->watch;
    int events = 0;

    if (!w || p->times != (uint32_t)(got->data.u64 >> 32) || w->events == 0)
        return;
    if (got->events & EPOLLERR) {
        int status = failure(fd);
        watch_for(w, 0, w->on_ready);
        w->on_ready(w, status, 0);
        return;
    }
    if (got->events & EPOLLIN)
        events |= UV_READABLE;
    if (got->events & EPOLLOUT)
        events |= UV_WRITABLE;
    events &= w->events;
    /* Closed both ways: whoever reads or writes finds out. */
    if (events == 0 && (got->events & EPOLLHUP))
        events = w->events;
    if (events != 0)
        w->on_ready(w, 0, events);
}

/* What the loop found ready beside the epoll is not to wait for all of these. */
static void on_epoll(uv_poll_t *poll, int status, int events)
{
    struct watches *set = poll->data;

    (void)status;
    (void)events;
    set->due = true;
}

static void on_check(uv_check_t *check)
{
    struct watches *set = check->data;
    int n;

    if (!set->due)
        return;
    set->due = false;
    n = epoll_wait(set->fd, set->ready, WATCH_READY_MAX, 0);
    for (int i = 0; i < n; i++)
        tell(set, &set->ready[i]);
}

/* --- closing --- */

static void on_idle(uv_idle_t *idle)
{
    struct watches *set = idle->data;
    struct watch *w = set->closing;

    set->closing = NULL;
    set->last = &set->closing;
    uv_idle_stop(idle);
    while (w) {
        struct watch *next = w->next;
        w->on_closed(w);
        watches_unref(set);
        w = next;
    }
}

void watch_close(struct watch *w, watch_closed_fn *on_closed)
{
    struct watches *set = w->set;

    assert(set);
    count(set, w->events, 0);
    set->places[w->fd] = (struct place){.times = set->places[w->fd].times};
    w->set = NULL;
    w->events = 0;
    w->on_closed = on_closed;
    w->next = NULL;
    *set->last = w;
    set->last = &w->next;
    uv_idle_start(&set->idle, on_idle);
}

/* --- watching --- */

static uint32_t flags(int events)
{
    /* Failures are told even of what is watched for nothing, but then once
     * only, and nobody listens. */
    if (events == 0)
        return EPOLLET;
    return (uint32_t)(((events & UV_READABLE) ? EPOLLIN : 0) |
                      ((events & UV_WRITABLE) ? EPOLLOUT : 0));
}

bool watch_for(struct watch *w, int events, watch_fn *on_ready)
{
    struct watches *set = w->set;
    struct place *p = &set->places[w->fd];
    struct epoll_event e = {.events = flags(events)};

    w->on_ready = on_ready;
    if (events == w->events)
        return true;
    if (!p->in)
        p->times++;
    e.data.u64 = (uint64_t)p->times << 32 | (uint32_t)w->fd;
    if (epoll_ctl(set->fd, p->in ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e) !=
        0)
        return false;
    p->in = true;
    count(set, w->events, events);
    w->events = events;
    return true;
}

void watch_open(struct watch *w, struct watches *set, int fd)
{
    *w = (struct watch){.set = set, .fd = fd};
    set->refs++;
    if (fd >= set->n_places) {
        int n = set->n_places < 64 ? 64 : set->n_places;
        while (n <= fd)
            n *= 2;
        set->places = mem_grow(set->places, (size_t)n * sizeof *set->places);
        memset(set->places + set->n_places, 0,
               (size_t)(n - set->n_places) * sizeof *set->places);
        set->n_places = n;
    }
    assert(!set->places[fd].watch);
    set->places[fd].watch = w;
}

void watch_move(struct watch *to, struct watch *from)
{
    *to = *from;
    from->set = NULL;
    to->set->places[to->fd].watch = to;
}

struct watches *watches_new(uv_loop_t *loop, bool background)
{
    struct watches *set = mem_zero(sizeof *set);
    int status;

    set->fd = epoll_create1(EPOLL_CLOEXEC);
    if (set->fd < 0) {
        free(set);
        return NULL;
    }
    status = uv_poll_init(loop, &set->poll, set->fd);
    if (status != 0) {
        close(set->fd);
        free(set);
        errno = -status;
        return NULL;
    }
    uv_check_init(loop, &set->check);
    uv_idle_init(loop, &set->idle);
    set->poll.data = set->check.data = set->idle.data = set;
    set->background = background;
    set->refs = 1;
    set->handles = 3;
    set->last = &set->closing;
    uv_poll_start(&set->poll, UV_READABLE, on_epoll);
    uv_unref((uv_handle_t *)&set->poll);
    uv_check_start(&set->check, on_check);
    uv_unref((uv_handle_t *)&set->check);
    return set;
}
