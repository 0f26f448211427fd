#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
/* after those */
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/watch.h"

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

struct fixture {
    uv_loop_t loop;
    struct watches *set;
};

/* What was told. */
static struct {
    struct watch *last;
    unsigned calls, closed;
    int status, events;
    struct watch *then_close; /* by the first call */
} told;

static void on_closed(struct watch *w)
{
    told.closed++;
    if (w->fd >= 0)
        close(w->fd);
}

static void on_ready(struct watch *w, int status, int events)
{
    told.last = w;
    told.calls++;
    told.status = status;
    told.events = events;
    if (told.then_close) {
        watch_close(told.then_close, on_closed);
        told.then_close = NULL;
    }
}

static int setup(void **state)
{
    static struct fixture f;

    memset(&told, 0, sizeof told);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_non_null(f.set = watches_new(&f.loop, false));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    watches_unref(f->set);
    for (int i = 0; i < 4; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    return 0;
}

static void pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends),
                     0);
}

/* Two turns: the second shows what is told again. */
static void turns(struct fixture *f)
{
    told.calls = 0;
    told.last = NULL;
    uv_run(&f->loop, UV_RUN_NOWAIT);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void what_is_ready_is_told_until_it_is_taken(void **state)
{
    struct fixture *f = *state;
    static struct watch w;
    char byte;
    int ends[2];

    pair(ends);
    watch_open(&w, f->set, ends[0]);
    assert_true(watch_for(&w, UV_READABLE, on_ready));
    turns(f);
    assert_int_equal(told.calls, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    turns(f);
    assert_int_equal(told.calls, 2);
    assert_ptr_equal(told.last, &w);
    assert_int_equal(told.status, 0);
    assert_int_equal(told.events, UV_READABLE);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    turns(f);
    assert_int_equal(told.calls, 0);
    assert_true(watch_for(&w, UV_READABLE | UV_WRITABLE, on_ready));
    turns(f);
    assert_int_equal(told.events, UV_WRITABLE);
    watch_close(&w, on_closed);
    close(ends[1]);
}

static void what_is_not_watched_for_is_not_told(void **state)
{
    struct fixture *f = *state;
    static struct watch w;
    int ends[2];

    pair(ends);
    watch_open(&w, f->set, ends[0]);
    assert_true(watch_for(&w, UV_READABLE, on_ready));
    assert_true(watch_for(&w, 0, on_ready));
    assert_int_equal(write(ends[1], "x", 1), 1);
    turns(f);
    assert_int_equal(told.calls, 0);
    close(ends[1]); /* not even that */
    turns(f);
    assert_int_equal(told.calls, 0);
    /* What came meanwhile is told as soon as somebody listens. */
    assert_true(watch_for(&w, UV_READABLE, on_ready));
    turns(f);
    assert_int_equal(told.calls, 2);
    assert_int_equal(told.events, UV_READABLE);
    watch_close(&w, on_closed);
}

static void an_end_is_told_to_whoever_writes(void **state)
{
    struct fixture *f = *state;
    static struct watch w;
    char fill[65536] = {0};
    int ends[2];

    pair(ends);
    while (write(ends[0], fill, sizeof fill) > 0) {
    }
    watch_open(&w, f->set, ends[0]);
    assert_true(watch_for(&w, UV_WRITABLE, on_ready));
    turns(f);
    assert_int_equal(told.calls, 0);
    close(ends[1]);
    turns(f);
    assert_true(told.calls > 0);
    assert_true(told.status < 0 || told.events == UV_WRITABLE);
    watch_close(&w, on_closed);
}

static void tcp(int ends[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int l = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(l, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(l, 1), 0);
    assert_int_equal(getsockname(l, (struct sockaddr *)&at, &size), 0);
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(ends[1], (struct sockaddr *)&at, sizeof at), 0);
    ends[0] = accept(l, NULL, NULL);
    assert_true(ends[0] >= 0);
    close(l);
}

static void a_failure_is_told_once_with_its_reason(void **state)
{
    struct fixture *f = *state;
    struct linger now = {.l_onoff = 1};
    static struct watch w;
    int ends[2];

    tcp(ends);
    watch_open(&w, f->set, ends[0]);
    assert_true(watch_for(&w, UV_READABLE, on_ready));
    setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(ends[1]); /* a reset */
    turns(f);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.status, UV_ECONNRESET);
    watch_close(&w, on_closed);
}

static void what_is_closed_hears_nothing_more(void **state)
{
    struct fixture *f = *state;
    static struct watch a, b;
    int x[2], y[2];

    pair(x);
    pair(y);
    watch_open(&a, f->set, x[0]);
    watch_open(&b, f->set, y[0]);
    assert_true(watch_for(&a, UV_READABLE, on_ready));
    assert_true(watch_for(&b, UV_READABLE, on_ready));
    assert_int_equal(write(x[1], "x", 1), 1);
    assert_int_equal(write(y[1], "y", 1), 1);
    told.then_close = &b; /* both were ready */
    told.calls = told.closed = 0;
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(told.calls, 1);
    assert_ptr_equal(told.last, &a);
    assert_int_equal(told.closed, 0); /* not inside the turn */
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(told.closed, 1);
    watch_close(&a, on_closed);
    close(x[1]);
    close(y[1]);
}

/* While the first is told, the second goes, and another gets its number. */
static struct watch old, next;
static int next_peer;

static void on_other(struct watch *w, int status, int events)
{
    told.calls += 100;
    on_ready(w, status, events);
}

static void on_reuse(struct watch *w, int status, int events)
{
    struct watches *set = w->set;
    int fd = old.fd, ends[2];

    on_ready(w, status, events);
    watch_for(w, 0, on_ready);
    watch_close(&old, on_closed);
    close(fd);
    old.fd = -1;
    pair(ends);
    if (ends[0] != fd) {
        assert_int_equal(dup2(ends[0], fd), fd);
        close(ends[0]);
    }
    next_peer = ends[1];
    watch_open(&next, set, fd);
    assert_true(watch_for(&next, UV_READABLE, on_other));
}

static void an_event_does_not_reach_the_next_of_its_number(void **state)
{
    struct fixture *f = *state;
    static struct watch first;
    int x[2], y[2];

    pair(x);
    pair(y);
    watch_open(&first, f->set, x[0]);
    watch_open(&old, f->set, y[0]);
    assert_true(watch_for(&first, UV_READABLE, on_reuse));
    assert_true(watch_for(&old, UV_READABLE, on_ready));
    assert_int_equal(write(x[1], "x", 1), 1);
    assert_int_equal(write(y[1], "y", 1), 1);
    turns(f);
    assert_int_equal(told.calls, 1);
    assert_ptr_equal(told.last, &first);
    assert_int_equal(write(next_peer, "z", 1), 1);
    turns(f);
    assert_ptr_equal(told.last, &next);
    watch_close(&first, on_closed);
    watch_close(&next, on_closed);
    close(x[1]);
    close(y[1]);
    close(next_peer);
}

static void a_watch_that_moves_takes_its_place_along(void **state)
{
    struct fixture *f = *state;
    static struct watch from, to;
    int ends[2];

    pair(ends);
    watch_open(&from, f->set, ends[0]);
    assert_true(watch_for(&from, UV_READABLE, on_other));
    watch_move(&to, &from);
    assert_null(from.set);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(watch_for(&to, UV_READABLE, on_ready));
    turns(f);
    assert_int_equal(told.calls, 2);
    assert_ptr_equal(told.last, &to);
    watch_close(&to, on_closed);
    close(ends[1]);
}

/* Whoever asks the kernel, libuv too, asks here. */
static unsigned n_calls;

int epoll_ctl(int set, int op, int fd, struct epoll_event *e)
{
    n_calls++;
    return (int)syscall(SYS_epoll_ctl, set, op, fd, e);
}

static void each_change_is_one_call_and_the_end_none(void **state)
{
    struct fixture *f = *state;
    static struct watch warm, a, b;
    int ends[2];

    /* The loop has its own to watch, and the set. */
    pair(ends);
    watch_open(&warm, f->set, ends[1]);
    assert_true(watch_for(&warm, UV_READABLE, on_ready));
    turns(f);
    n_calls = 0;
    watch_open(&a, f->set, ends[0]);
    assert_int_equal(n_calls, 0);
    assert_true(watch_for(&a, UV_READABLE, on_ready));
    assert_int_equal(n_calls, 1);
    watch_move(&b, &a);
    assert_true(watch_for(&b, UV_READABLE, on_other));
    turns(f);
    assert_int_equal(n_calls, 1);
    assert_true(watch_for(&b, UV_READABLE | UV_WRITABLE, on_ready));
    assert_int_equal(n_calls, 2);
    watch_close(&b, on_closed);
    turns(f);
    assert_int_equal(told.closed, 1);
    assert_int_equal(n_calls, 2);
    watch_close(&warm, on_closed);
}

static void the_loop_goes_on_while_one_is_watched(void **state)
{
    struct fixture *f = *state;
    struct watches *background = watches_new(&f->loop, true);
    static struct watch w, aside;
    int x[2], y[2];

    pair(x);
    pair(y);
    watch_open(&aside, background, y[0]);
    assert_true(watch_for(&aside, UV_READABLE, on_ready));
    watch_open(&w, f->set, x[0]);
    assert_false(uv_loop_alive(&f->loop));
    assert_true(watch_for(&w, UV_READABLE, on_ready));
    assert_true(uv_loop_alive(&f->loop));
    assert_true(watch_for(&w, 0, on_ready));
    assert_false(uv_loop_alive(&f->loop));
    watch_close(&w, on_closed);
    assert_true(uv_loop_alive(&f->loop));
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(told.closed, 1);
    watch_close(&aside, on_closed);
    watches_unref(background); /* the closing one holds it still */
    close(x[1]);
    close(y[1]);
}

static void what_the_kernel_cannot_watch_is_said(void **state)
{
    struct fixture *f = *state;
    static struct watch w;
    char name[] = "/tmp/watch_test.XXXXXX";
    int fd = mkstemp(name); /* an epoll takes no plain files */

    unlink(name);
    watch_open(&w, f->set, fd);
    assert_false(watch_for(&w, UV_READABLE, on_ready));
    assert_int_equal(errno, EPERM);
    turns(f);
    assert_int_equal(told.calls, 0);
    watch_close(&w, on_closed);
}

static unsigned times[WATCH_READY_MAX + 100];
static struct watch all[WATCH_READY_MAX + 100];

static void on_each(struct watch *w, int status, int events)
{
    on_ready(w, status, events);
    times[w - all]++;
}

static void nobody_is_told_twice_before_all_are_told(void **state)
{
    struct fixture *f = *state;
    enum { N = WATCH_READY_MAX + 100 };
    static int peers[N];

    for (int i = 0; i < N; i++) {
        int ends[2];
        pair(ends);
        peers[i] = ends[1];
        watch_open(&all[i], f->set, ends[0]);
        assert_true(watch_for(&all[i], UV_WRITABLE, on_each));
    }
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(told.calls, WATCH_READY_MAX);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(told.calls, 2 * WATCH_READY_MAX);
    for (int i = 0; i < N; i++) {
        assert_in_range(times[i], 1, 2);
        watch_close(&all[i], on_closed);
        close(peers[i]);
    }
}

static int told_before; /* the loop's own handle was told */

static void on_own(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)events;
    assert_int_equal(status, 0);
    told_before = told.calls;
}

/* Whatever became ready first. */
static void the_loops_own_handles_come_first(void **state)
{
    struct fixture *f = *state;
    static struct watch w;
    static uv_poll_t own;
    int ends[2], own_ends[2];

    pair(ends);
    pair(own_ends);
    watch_open(&w, f->set, ends[0]);
    assert_true(watch_for(&w, UV_READABLE, on_ready));
    assert_int_equal(uv_poll_init(&f->loop, &own, own_ends[0]), 0);
    uv_poll_start(&own, UV_READABLE, on_own);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(write(own_ends[1], "x", 1), 1);
    told_before = -1;
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told_before, 0);
    uv_close((uv_handle_t *)&own, NULL);
    watch_close(&w, on_closed);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    close(ends[1]);
    close(own_ends[0]);
    close(own_ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_ready_is_told_until_it_is_taken),
        T(what_is_not_watched_for_is_not_told),
        T(an_end_is_told_to_whoever_writes),
        T(a_failure_is_told_once_with_its_reason),
        T(what_is_closed_hears_nothing_more),
        T(an_event_does_not_reach_the_next_of_its_number),
        T(a_watch_that_moves_takes_its_place_along),
        T(each_change_is_one_call_and_the_end_none),
        T(the_loop_goes_on_while_one_is_watched),
        T(what_the_kernel_cannot_watch_is_said),
        T(nobody_is_told_twice_before_all_are_told),
        T(the_loops_own_handles_come_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
