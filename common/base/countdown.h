/*
 * countdown.h -- the last of several parts to finish calls back.
 *
 *   countdown_start(&c, on_all_done, arg);
 *   countdown_add(&c), part_close(part, countdown_done, &c);   of each part
 *   countdown_done(&c);
 *
 * The start counts as a part of its own, so that parts which finish within
 * their close cannot end it early.
 *
 * Ownership   the caller's; on_zero may free it
 */
#ifndef COMMON_BASE_COUNTDOWN_H
#define COMMON_BASE_COUNTDOWN_H

struct countdown {
    unsigned open;
    void (*on_zero)(void *arg);
    void *arg;
};

void countdown_start(struct countdown *c, void (*on_zero)(void *arg),
                     void *arg);
void countdown_add(struct countdown *c);
/* One part less; a struct countdown, as callbacks are given it. */
void countdown_done(void *countdown);

#endif
