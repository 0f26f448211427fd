/*
 * watch.h -- many sockets watched for one loop, at one system call each.
 *
 * uv_poll (libuv 1.44) tries a socket out in the kernel before it watches it,
 * takes it out before each change and at the end: six calls for a socket that
 * is watched once and closed, two more for each change.  Here an epoll of its
 * own lies below the loop's.  A socket is put in when it is first watched, each
 * change is one call, no change is none, and closing the socket takes it out.
 * The price is one call more in a turn that finds one of these sockets ready.
 *
 * Events      UV_READABLE and UV_WRITABLE, level-triggered; those that are no
 *             longer watched for, or belong to a socket that is closed or moved
 *             meanwhile, are not told.  At most WATCH_READY_MAX are told in a
 *             turn, the others in the next, before those come again.  They are
 *             told in the loop's check phase: after the handles of the loop
 *             itself that became ready in the same turn.
 * Errors      a socket that failed is told once as status < 0, a UV_* code;
 *             watch_for() is false where the kernel has no room (ENOSPC of
 *             fs.epoll.max_user_watches, ENOMEM), which can only be at the
 *             first call for a socket
 * Ownership   a watch is part of its caller's struct and may be freed, or
 *             opened again, when on_closed was called.  The caller closes the
 *             socket, in on_closed at the latest; it may not have been
 *             duplicated.  The watches hold the set.
 * The loop    goes on while a socket is watched for something, or closing
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { WATCH_READY_MAX = 1024 };

struct watches;
struct watch;

typedef void watch_fn(struct watch *w, int status, int events);
typedef void watch_closed_fn(struct watch *w);

struct watch {
    struct watches *set; /* NULL: it is not open */
    watch_fn *on_ready;
    watch_closed_fn *on_closed;
    struct watch *next; /* that is closing, too */
    int fd;
    int events; /* that are watched for */
};

/* NULL with errno: the kernel has no descriptor for it.  background: its
 * sockets do not keep the loop going. */
struct watches *watches_new(uv_loop_t *loop, bool background);
/* No more are opened: it goes when the last of its watches has. */
void watches_unref(struct watches *set);

/* Nothing is watched for yet; the kernel does not know of it. */
void watch_open(struct watch *w, struct watches *set, int fd);
/* 0: for nothing. */
bool watch_for(struct watch *w, int events, watch_fn *on_ready);
/* `to` takes its place, with what is watched for; `from` is not open then.  The
 * next watch_for() says who is told. */
void watch_move(struct watch *to, struct watch *from);
/* Nothing more is told.  on_closed is called in another turn of the loop. */
void watch_close(struct watch *w, watch_closed_fn *on_closed);
