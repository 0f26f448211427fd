/*
 * members.h -- who else is there: a sorted set of ids, scored with Redis's clock.
 *
 * Each member gives a sign of life every MEMBERS_BEAT_MS; who has been silent
 * for MEMBERS_SILENT_MS is out.  The clocks of the machines do not matter.
 *
 * Ownership   plain struct; members_init(), nothing to close
 * Errors      an answer that is an error goes to on_refused
 */
#pragma once

#include "common/base/bytes.h"
#include "common/redis/redis_cmd.h"

enum {
    MEMBERS_BEAT_MS = 1000,
    MEMBERS_SILENT_MS = 3000,
    MEMBERS_ID_MAX = 32,
    MEMBERS_KEY_MAX = 256,
};

struct members {
    struct redis_cmd *cmd;
    void (*on_refused)(void *arg, struct span why);
    /* We were silent for too long, or the list is gone. */
    void (*on_out)(void *arg);
    void *arg;
    char key[MEMBERS_KEY_MAX];
    char id[MEMBERS_ID_MAX]; /* ours */
    int64_t now_ms;          /* by the clock of Redis, at the last look */
    int64_t beat_ms;         /* likewise, of our last sign of life */
    int64_t noted_ms;        /* of the last one that was answered */
    unsigned count, rank;    /* with us; our place among them */
    bool stopping;           /* no more signs of life */
};

/* Is one alive that gave its last sign of life at seen_ms?  One of the future
 * was given before the clock was set back: who lives gives another. */
bool members_alive(int64_t seen_ms, int64_t now_ms);
/* Of the answer to TIME, in ms; false: it is none. */
bool members_time(const struct redis_reply *r, int64_t *ms);

/* key and id are copied. */
void members_init(struct members *m, struct redis_cmd *cmd, const char *key,
                  const char *id);
/* Asks who is there, and says that we are, unless the link is down.  The
 * answers come before those to what is asked next. */
bool members_look(struct members *m);
/* A command for the inside of a transaction: no longer a member. */
void members_leave(const struct members *m, struct bytes *out);
