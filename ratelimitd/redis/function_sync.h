/*
 * function_sync.h -- keeps the function and the rules in Redis.
 *
 * After each connection the function library is compared with ours, and loaded
 * where it is missing or older; then the rules are written.  Every
 * FUNCTION_SYNC_MS the function itself says which rules it has and how many
 * instances run, so what a flush or a restart took away is back within that
 * time; a check that misses something has it restored at once.
 *
 * Of several instances with different rules the one that loaded its own last
 * wins.  An instance without a rules file follows: it takes the rules that are
 * in Redis, and writes its own only where there are none.
 *
 * Ownership   the link is borrowed; function_sync_close() frees, once the last
 *             answer and the timer's close callback have come
 * Errors      logged; on_refused where Redis lacks a permission (ACL)
 */
#pragma once

#include "common/redis/redis_cmd.h"
#include "ratelimitd/limit/ruleset.h"

enum { FUNCTION_SYNC_MS = 2000 };

struct function_sync;

struct function_sync_events {
    void (*on_ready)(void *arg);
    /* Following: these are the rules from now on (borrowed). */
    void (*on_rules)(void *arg, struct ruleset *set);
    /* How many run. */
    void (*on_instances)(void *arg, unsigned instances);
    void (*on_refused)(void *arg, const char *why);
};

struct function_sync *
function_sync_new(uv_loop_t *loop, struct redis_cmd *cmd, const char *prefix,
                  const char *instance, bool follows,
                  const struct function_sync_events *events, void *arg);
/* The link's events. */
void function_sync_connected(struct function_sync *s);
void function_sync_disconnected(struct function_sync *s);
/* Keeps a reference; writes them at once where it can. */
void function_sync_set_rules(struct function_sync *s, struct ruleset *set);
/* Following: take the rules that are in Redis. */
void function_sync_read_rules(struct function_sync *s);
/* A check found it missing.  What is queued after this call finds it there. */
void function_sync_restore_function(struct function_sync *s);
void function_sync_restore_rules(struct function_sync *s);
/* This instance ends: the others get its share of local limits. */
void function_sync_sign_off(struct function_sync *s);
void function_sync_close(struct function_sync *s);
