/*
 * limit_client.h -- asks the limiter in Redis, and answers in time without it.
 *
 * Order: a denial that is remembered (deny_cache.h); the Redis function; and
 * where that cannot be asked, or does not answer in time, what each rule's
 * on_error says.
 *
 * How checks travel and when they are late is limit_sender.h's.
 *
 * Ownership   the store and the link are borrowed; limit_client_stop() closes
 *             the handles, and limit_client_free() comes after the loop ended
 *             and the link was closed
 * Bounds      LIMIT_CLIENT_OUT_MAX checks on their way, the rest is decided
 *             here
 */
#pragma once

#include "common/limit/limit_sender.h"
#include "common/limit/limit_store.h"

enum { LIMIT_CLIENT_OUT_MAX = 8192 };

struct limit_client_config {
    const char *prefix;
    int64_t timeout_ms; /* for Redis to answer */
    bool deny_cache;    /* remember denials */
    bool breaker;       /* ask less while Redis is too slow (breaker.h) */
    bool window;        /* ask for the rule's window, too */
    /* Local limits are those of the rules in Redis, or shares of them: what it
     * allows here counts against them. */
    bool count_allowed;
};

/* Each may be NULL. */
struct limit_client_events {
    /* Once per call that was not answered in time, before its checks are
     * decided here.  opened: the breaker did, for it. */
    void (*on_late)(void *arg, bool opened);
    /* Redis answered a check: after so long. */
    void (*on_answer)(void *arg, int64_t took_us);
    void (*on_error)(void *arg, struct span text);
    /* See limit_sender.h; NULL: false. */
    bool (*on_missing)(void *arg, enum limit_missing what);
};

struct limit_client;

struct limit_client *limit_client_new(uv_loop_t *loop,
                                      struct limit_store *store,
                                      const struct limit_client_config *config,
                                      const struct limit_client_events *events,
                                      void *arg);
/* Until then all is decided here. */
void limit_client_connect(struct limit_client *c, struct redis_cmd *cmd);

/* True: *o is the outcome.  False: Redis has to be asked, so
 * limit_client_send() must follow. */
bool limit_client_decide(struct limit_client *c, const struct limit_check *q,
                         struct outcome *o);
/* p->on_outcome is called once, now or later, and may free p. */
void limit_client_send(struct limit_client *c, struct pending_check *p,
                       const struct limit_check *q);

/* Whoever keeps the function in Redis does not know it there: ask nothing. */
void limit_client_pause(struct limit_client *c);
void limit_client_resume(struct limit_client *c);
/* How many share the local limits (1). */
void limit_client_share(struct limit_client *c, unsigned instances);
/* The rules were changed: denials by the old ones are forgotten. */
void limit_client_forget(struct limit_client *c);

size_t limit_client_out(const struct limit_client *c); /* on their way */
/* Redis would be asked, were it not for the breaker. */
bool limit_client_ready(const struct limit_client *c);
bool limit_client_breaker_open(const struct limit_client *c);
/* What is on its way, and what comes later, is decided here. */
void limit_client_stop(struct limit_client *c);
void limit_client_free(struct limit_client *c);
