/*
 * keeper.h -- the function and the rules are in Redis, whatever happens to it.
 *
 * After each connection the function library is looked at, and loaded where it
 * is missing or older; then the rules are written.  Every KEEPER_ALIVE_MS the
 * function itself tells what is there (and how many of us run), so a flush or a
 * restart is mended within that; a check that meets the hole mends it at once.
 * Of several instances with different rules the later reload wins.  An instance
 * without a rules file follows: it takes the rules that are in Redis, and puts its
 * own there only where there are none.
 */
#ifndef RATELIMITD_REDIS_FUNCTION_SYNC_H
#define RATELIMITD_REDIS_FUNCTION_SYNC_H

#include "common/redis/redis_cmd.h"
#include "ratelimitd/limit/ruleset.h"

enum { KEEPER_ALIVE_MS = 2000 };

struct keeper;

struct keeper_events {
    void (*on_ready)(void *arg);
    /* Following: these are the rules from now on. */
    void (*on_rules)(void *arg, struct ruleset *set);
    /* So many of us run. */
    void (*on_instances)(void *arg, unsigned instances);
    /* Redis does not let us: ACL. */
    void (*on_refused)(void *arg, const char *why);
};

struct keeper *keeper_new(uv_loop_t *loop, struct redis_cmd *cmd,
                          const char *prefix, const char *instance,
                          bool follows, const struct keeper_events *events,
                          void *arg);
/* The link's events. */
void keeper_connected(struct keeper *k);
void keeper_disconnected(struct keeper *k);
/* Keeps a reference; writes them at once where it can. */
void keeper_set_rules(struct keeper *k, struct ruleset *set);
/* Following: look at the rules in Redis now. */
void keeper_look(struct keeper *k);
/* A check met a hole.  What is queued after this call finds it mended. */
void keeper_mend_function(struct keeper *k);
void keeper_mend_rules(struct keeper *k);
/* Says that this instance goes; its share is the others'. */
void keeper_sign_off(struct keeper *k);
/* After the link was closed; frees in the close callback. */
void keeper_close(struct keeper *k);

#endif
