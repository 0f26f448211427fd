/*
 * limit_sender.h -- checks on their way to the limiter in Redis, and back in time.
 *
 * What is sent in one loop turn goes out as one call for up to LIMIT_CALL_MAX
 * checks; a check of several rules, or one that asks for the window, is a call
 * of its own.  A check without an answer by the deadline fails; the answer that
 * comes later is forgotten (it may have charged).
 *
 * Ownership   the link is borrowed, and closed before the struct is freed; each
 *             check that is sent comes back exactly once
 */
#pragma once

#include "common/base/timeout_queue.h"
#include "common/limit/limit_call.h"

enum limit_missing { LIMIT_NO_FUNCTION, LIMIT_NO_RULES };

struct limit_sender_events {
    /* o: the verdicts, and whether all allow. */
    void (*on_answer)(void *arg, struct pending_check *p, struct outcome *o);
    void (*on_failed)(void *arg, struct pending_check *p, struct span why);
    /* Once per call that has no answer in time, before its checks fail. */
    void (*on_late)(void *arg);
    void (*on_error)(void *arg, struct span text);
    /* True: what is sent from now on finds it restored, so the checks that
     * missed it are sent again, once. */
    bool (*on_missing)(void *arg, enum limit_missing what);
};

struct limit_sender {
    struct redis_cmd *cmd; /* NULL: not yet, or stopped */
    struct limit_keys keys;
    bool window; /* ask for it */
    bool stopped;
    struct limit_sender_events events;
    void *arg;
    struct timeout_queue deadlines, grace;
    uv_prepare_t before; /* both sides of the loop's wait, see tee.c */
    uv_check_t after;
    struct limit_flight *open; /* not sent yet */
    size_t out;                /* checks on their way */
};

void limit_sender_init(struct limit_sender *s, uv_loop_t *loop,
                       const char *prefix, int64_t timeout_ms, bool window,
                       const struct limit_sender_events *events, void *arg);
void limit_sender_send(struct limit_sender *s, struct pending_check *p);
/* What is on its way fails; closes the handles. */
void limit_sender_stop(struct limit_sender *s);
