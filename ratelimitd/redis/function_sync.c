#include "ratelimitd/redis/function_sync.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "ratelimitd/redis/function_library.h"
#include "ratelimitd/redis/function_text.h"
#include "ratelimitd/redis/rules_hash.h"

struct function_sync {
    struct redis_cmd *cmd;
    struct function_sync_events events;
    void *arg;
    struct ruleset *set;
    uv_timer_t timer;
    char rules_key[96], instances_key[96];
    char instance[32];
    char told[48]; /* stamp of newer rules that was reported */
    bool follows;
    bool ready;
    bool listed; /* an answer to FUNCTION LIST came, on this connection */
    bool loading, writing; /* on their way */
    bool closing;
    unsigned pending; /* callbacks that are due */
    bool timer_closed;
};

static void free_when_done(struct function_sync *s)
{
    if (!s->closing || s->pending > 0 || !s->timer_closed)
        return;
    ruleset_unref(s->set);
    free(s);
}

/* One command was answered, or will never be. */
static bool answered(struct function_sync *s, const struct redis_reply *reply)
{
    s->pending--;
    if (s->closing)
        free_when_done(s);
    else if (reply)
        return true;
    return false;
}

static void report(struct function_sync *s, const char *doing,
                   const struct redis_reply *reply)
{
    char why[256];

    log_error("redis_error", "doing=%s why=%s", LOG_Q(span_str(doing)),
              LOG_Q(reply->str));
    if (redis_error_of(reply->str) != REDIS_ERR_REFUSED)
        return;
    snprintf(why, sizeof why, "Redis refuses %s: %.*s", doing,
             (int)(reply->str.len > 180 ? 180 : reply->str.len),
             reply->str.ptr);
    s->events.on_refused(s->arg, why);
}

/* --- rules --- */

static void become_ready(struct function_sync *s)
{
    if (s->ready)
        return;
    s->ready = true;
    s->events.on_ready(s->arg);
}

static void on_rules(void *arg, const struct redis_reply *reply)
{
    struct function_sync *s = arg;

    s->writing = false;
    if (!answered(s, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        /* Without the function the next on_alive() sees it and begins anew. */
        if (redis_error_of(reply->str) != REDIS_ERR_NOSCRIPT)
            report(s, "writing the rules", reply);
        return;
    }
    /* 0: later ones are there, which on_alive() reports. */
    become_ready(s);
}

static void write_rules(struct function_sync *s)
{
    if (!rules_hash_write(s->cmd, s->rules_key, s->set, on_rules, s))
        return;
    s->pending++;
    s->writing = true;
}

static void on_hash(void *arg, const struct redis_reply *reply)
{
    struct function_sync *s = arg;
    struct ruleset *set;

    if (!answered(s, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        report(s, "reading the rules", reply);
        return;
    }
    if (reply->count == 0) {
        write_rules(s);
        return;
    }
    set = rules_hash_read(reply);
    if (set) {
        s->events.on_rules(s->arg, set);
        ruleset_unref(s->set);
        s->set = set;
        log_info("rules_taken", "count=%u", set->rules.count);
    } else {
        log_error("rules_unreadable", "key=%s", s->rules_key);
    }
    become_ready(s);
}

void function_sync_read_rules(struct function_sync *s)
{
    if (redis_cmd_words(s->cmd, on_hash, s, "HGETALL", s->rules_key, NULL))
        s->pending++;
}

/* --- the function --- */

static void on_loaded(void *arg, const struct redis_reply *reply)
{
    struct function_sync *s = arg;

    s->loading = false;
    if (!answered(s, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY)
        report(s, "FUNCTION LOAD", reply);
    else
        log_info("function_loaded", "library=%s", FUNCTION_LIBRARY);
}

static void load_function(struct function_sync *s)
{
    if (!redis_cmd_begin(s->cmd, 4, on_loaded, s))
        return;
    s->pending++;
    s->loading = true;
    redis_cmd_str(s->cmd, "FUNCTION");
    redis_cmd_str(s->cmd, "LOAD");
    redis_cmd_str(s->cmd, "REPLACE");
    redis_cmd_arg(s->cmd, function_text, function_text_len);
}

static void on_listed(void *arg, const struct redis_reply *reply)
{
    struct function_sync *s = arg;
    struct span ours = span_make(function_text, function_text_len), theirs;

    if (!answered(s, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        report(s, "FUNCTION LIST", reply);
        return;
    }
    s->listed = true;
    theirs = function_library_code(reply);
    switch (function_library_state(theirs, ours)) {
    case FUNCTION_NEWER:
        log_warn("function_newer", "version=%ld ours=%ld",
                 function_library_version(theirs),
                 function_library_version(ours));
        break;
    case FUNCTION_STALE:
        load_function(s);
        break;
    case FUNCTION_SAME:
        break;
    }
    if (s->follows)
        function_sync_read_rules(s);
    else
        write_rules(s);
}

static void list_function(struct function_sync *s)
{
    static const char library[] = FUNCTION_LIBRARY;

    if (redis_cmd_words(s->cmd, on_listed, s, "FUNCTION", "LIST", "LIBRARYNAME",
                        library, "WITHCODE", NULL))
        s->pending++;
}

/* --- alive --- */

static void note_stamp(struct function_sync *s, struct span stamp)
{
    if (ruleset_same(s->set, stamp))
        return;
    if (stamp.len > 0 && s->follows) {
        function_sync_read_rules(s);
        return;
    }
    if (stamp.len == 0 || rules_hash_earlier(stamp, s->set->stamp)) {
        log_info("rules_restored", "why=\"%s\"",
                 stamp.len ? "older ones were there" : "they were gone");
        write_rules(s);
    } else if (!span_is(stamp, s->told)) {
        snprintf(s->told, sizeof s->told, "%.*s",
                 (int)(stamp.len < 47 ? stamp.len : 47), stamp.ptr);
        log_warn("rules_newer",
                 "stamp=%s why=\"another instance has "
                 "rules that were loaded later\"",
                 LOG_Q(span_str(s->told)));
    }
}

static void on_alive(void *arg, const struct redis_reply *reply)
{
    struct function_sync *s = arg;

    if (!answered(s, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        if (redis_error_of(reply->str) == REDIS_ERR_NOSCRIPT)
            function_sync_restore_function(s);
        else
            report(s, "FCALL", reply);
        return;
    }
    if (reply->type != REDIS_ARRAY || reply->count < 3)
        return;
    s->events.on_instances(s->arg, (unsigned)reply->item[2].integer);
    note_stamp(s, reply->item[1].str);
}

static void on_timer(uv_timer_t *timer)
{
    static const char alive[] = FUNCTION_LIBRARY "_alive";
    struct function_sync *s = timer->data;

    if (!redis_cmd_ready(s->cmd) || s->pending > 0)
        return;
    if (!s->listed)
        list_function(s);
    else if (redis_cmd_words(s->cmd, on_alive, s, "FCALL", alive, "2",
                             s->rules_key, s->instances_key, s->instance, NULL))
        s->pending++;
}

/* --- public --- */

struct function_sync *
function_sync_new(uv_loop_t *loop, struct redis_cmd *cmd, const char *prefix,
                  const char *instance, bool follows,
                  const struct function_sync_events *events, void *arg)
{
    struct function_sync *s = mem_zero(sizeof *s);

    s->cmd = cmd;
    s->follows = follows;
    s->events = *events;
    s->arg = arg;
    snprintf(s->rules_key, sizeof s->rules_key, "%sratelimit:rules", prefix);
    snprintf(s->instances_key, sizeof s->instances_key, "%sratelimit:instances",
             prefix);
    snprintf(s->instance, sizeof s->instance, "%s", instance);
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, on_timer, FUNCTION_SYNC_MS, FUNCTION_SYNC_MS);
    return s;
}

void function_sync_connected(struct function_sync *s)
{
    s->listed = false;
    list_function(s);
    /* Seen by the others before the first limit is shared out. */
    uv_timer_start(&s->timer, on_timer, 100, FUNCTION_SYNC_MS);
}

void function_sync_disconnected(struct function_sync *s)
{
    s->ready = false;
}

void function_sync_set_rules(struct function_sync *s, struct ruleset *set)
{
    ruleset_unref(s->set);
    s->set = ruleset_ref(set);
    if (s->ready)
        write_rules(s);
}

void function_sync_restore_function(struct function_sync *s)
{
    if (s->loading)
        return;
    log_warn("function_missing", "library=%s", FUNCTION_LIBRARY);
    load_function(s);
    write_rules(s);
}

void function_sync_restore_rules(struct function_sync *s)
{
    if (s->writing)
        return;
    log_warn("rules_missing", "key=%s", s->rules_key);
    write_rules(s);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct function_sync *s = handle->data;

    s->timer_closed = true;
    free_when_done(s);
}

void function_sync_sign_off(struct function_sync *s)
{
    uv_timer_stop(&s->timer);
    (void)redis_cmd_words(s->cmd, NULL, NULL, "ZREM", s->instances_key,
                          s->instance, NULL);
    redis_cmd_flush(s->cmd);
}

void function_sync_close(struct function_sync *s)
{
    if (!s)
        return;
    s->closing = true;
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}
