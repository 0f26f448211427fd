#include "ratelimitd/redis/function_sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "ratelimitd/redis/function_text.h"

#define LIBRARY "tickwire_limit"

struct keeper {
    struct redis_cmd *cmd;
    struct keeper_events events;
    void *arg;
    struct ruleset *set;
    uv_timer_t timer;
    char rules_key[96], instances_key[96];
    char instance[32];
    char told[48]; /* stamp of somebody else's rules that was reported */
    bool follows;
    bool ready;
    bool listed; /* an answer to FUNCTION LIST came, on this connection */
    bool loading, writing; /* on their way */
    bool closing;
    unsigned pending; /* callbacks that are due */
    bool timer_closed;
};

static void free_when_done(struct keeper *k)
{
    if (!k->closing || k->pending > 0 || !k->timer_closed)
        return;
    ruleset_unref(k->set);
    free(k);
}

/* One command was answered, or will never be. */
static bool answered(struct keeper *k, const struct redis_reply *reply)
{
    k->pending--;
    if (k->closing)
        free_when_done(k);
    else if (reply)
        return true;
    return false;
}

static void complain(struct keeper *k, const char *doing,
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
    k->events.on_refused(k->arg, why);
}

/* --- rules --- */

static void become_ready(struct keeper *k)
{
    if (k->ready)
        return;
    k->ready = true;
    k->events.on_ready(k->arg);
}

static void on_rules(void *arg, const struct redis_reply *reply)
{
    struct keeper *k = arg;

    k->writing = false;
    if (!answered(k, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        /* With no function there, alive() will see it and begin again. */
        if (redis_error_of(reply->str) != REDIS_ERR_NOSCRIPT)
            complain(k, "writing the rules", reply);
        return;
    }
    /* 0: later ones are there, which alive() will tell more of. */
    become_ready(k);
}

static void write_rules(struct keeper *k)
{
    const struct rules *rules = &k->set->rules;
    struct bytes text;

    if (!redis_cmd_begin(k->cmd, 5 + 2 * rules->groups, on_rules, k))
        return;
    k->pending++;
    k->writing = true;
    redis_cmd_str(k->cmd, "FCALL");
    redis_cmd_str(k->cmd, LIBRARY "_rules");
    redis_cmd_str(k->cmd, "1");
    redis_cmd_str(k->cmd, k->rules_key);
    redis_cmd_str(k->cmd, k->set->stamp);
    bytes_init(&text);
    for (unsigned g = 0; g < rules->groups; g++) {
        bytes_clear(&text);
        rules_text(rules, g, &text);
        redis_cmd_str(k->cmd, rules_name(rules, g));
        redis_cmd_arg(k->cmd, text.ptr, text.len);
    }
    bytes_close(&text);
}

/* HGETALL: names and texts, and the stamp. */
static bool read_hash(const struct redis_reply *reply, struct rules *rules,
                      struct span *stamp)
{
    *stamp = span_make(NULL, 0);
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        struct span name = reply->item[i].str, text = reply->item[i + 1].str;
        if (span_is(name, "@stamp"))
            *stamp = text;
        else if (!rules_add_text(rules, name, text))
            return false;
    }
    return rules->count > 0;
}

static void on_hash(void *arg, const struct redis_reply *reply)
{
    struct keeper *k = arg;
    struct rules rules = {0};
    struct span stamp;
    struct ruleset *set;

    if (!answered(k, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        complain(k, "reading the rules", reply);
        return;
    }
    if (reply->count == 0) {
        write_rules(k);
        return;
    }
    if (read_hash(reply, &rules, &stamp)) {
        set = ruleset_of(&rules, stamp);
        k->events.on_rules(k->arg, set);
        ruleset_unref(k->set);
        k->set = set;
        log_info("rules_taken", "count=%u", set->rules.count);
    } else {
        rules_close(&rules);
        log_error("rules_unreadable", "key=%s", k->rules_key);
    }
    become_ready(k);
}

void keeper_look(struct keeper *k)
{
    if (redis_cmd_words(k->cmd, on_hash, k, "HGETALL", k->rules_key, NULL))
        k->pending++;
}

/* --- the function --- */

static void on_loaded(void *arg, const struct redis_reply *reply)
{
    struct keeper *k = arg;

    k->loading = false;
    if (!answered(k, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY)
        complain(k, "FUNCTION LOAD", reply);
    else
        log_info("function_loaded", "library=%s", LIBRARY);
}

static void load_function(struct keeper *k)
{
    if (!redis_cmd_begin(k->cmd, 4, on_loaded, k))
        return;
    k->pending++;
    k->loading = true;
    redis_cmd_str(k->cmd, "FUNCTION");
    redis_cmd_str(k->cmd, "LOAD");
    redis_cmd_str(k->cmd, "REPLACE");
    redis_cmd_arg(k->cmd, function_text, function_text_len);
}

/* "local VERSION = N" */
static long version_of(struct span code)
{
    static const char mark[] = "local VERSION = ";
    const char *at =
        code.len ? memmem(code.ptr, code.len, mark, sizeof mark - 1) : NULL;
    long n = 0;

    if (!at)
        return 0;
    for (at += sizeof mark - 1;
         at < code.ptr + code.len && *at >= '0' && *at <= '9' && n < 1000000;
         at++)
        n = n * 10 + (*at - '0');
    return n;
}

/* [[library_name, .., .., library_code, TEXT]] or [] */
static struct span library_code(const struct redis_reply *reply)
{
    if (reply->type != REDIS_ARRAY || reply->count == 0 ||
        reply->item[0].type != REDIS_ARRAY)
        return span_make(NULL, 0);
    reply = &reply->item[0];
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        if (span_is(reply->item[i].str, "library_code"))
            return reply->item[i + 1].str;
    return span_make(NULL, 0);
}

static void on_listed(void *arg, const struct redis_reply *reply)
{
    struct keeper *k = arg;
    struct span ours = span_make(function_text, function_text_len), theirs;

    if (!answered(k, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        complain(k, "FUNCTION LIST", reply);
        return;
    }
    k->listed = true;
    theirs = library_code(reply);
    if (version_of(theirs) > version_of(ours))
        log_warn("function_newer", "version=%ld ours=%ld", version_of(theirs),
                 version_of(ours));
    else if (!span_eq(ours, theirs))
        load_function(k);
    if (k->follows)
        keeper_look(k);
    else
        write_rules(k);
}

static void list_function(struct keeper *k)
{
    static const char library[] = LIBRARY;

    if (redis_cmd_words(k->cmd, on_listed, k, "FUNCTION", "LIST", "LIBRARYNAME",
                        library, "WITHCODE", NULL))
        k->pending++;
}

/* --- alive --- */

static bool earlier(struct span a, const char *b)
{
    char text[48];

    snprintf(text, sizeof text, "%.*s", (int)(a.len < 47 ? a.len : 47), a.ptr);
    return strtoll(text, NULL, 10) < strtoll(b, NULL, 10);
}

static void note_stamp(struct keeper *k, struct span stamp)
{
    if (ruleset_same(k->set, stamp))
        return;
    if (stamp.len > 0 && k->follows) {
        keeper_look(k);
        return;
    }
    if (stamp.len == 0 || earlier(stamp, k->set->stamp)) {
        log_info("rules_restored", "why=\"%s\"",
                 stamp.len ? "older ones were there" : "they were gone");
        write_rules(k);
    } else if (!span_is(stamp, k->told)) {
        snprintf(k->told, sizeof k->told, "%.*s",
                 (int)(stamp.len < 47 ? stamp.len : 47), stamp.ptr);
        log_warn("rules_newer",
                 "stamp=\"%s\" why=\"another instance has "
                 "rules that were loaded later\"",
                 k->told);
    }
}

static void on_alive(void *arg, const struct redis_reply *reply)
{
    struct keeper *k = arg;

    if (!answered(k, reply))
        return;
    if (reply->type == REDIS_ERROR_REPLY) {
        if (redis_error_of(reply->str) == REDIS_ERR_NOSCRIPT)
            keeper_mend_function(k);
        else
            complain(k, "FCALL", reply);
        return;
    }
    if (reply->type != REDIS_ARRAY || reply->count < 3)
        return;
    k->events.on_instances(k->arg, (unsigned)reply->item[2].integer);
    note_stamp(k, reply->item[1].str);
}

static void on_timer(uv_timer_t *timer)
{
    static const char alive[] = LIBRARY "_alive";
    struct keeper *k = timer->data;

    if (!redis_cmd_ready(k->cmd) || k->pending > 0)
        return;
    if (!k->listed)
        list_function(k);
    else if (redis_cmd_words(k->cmd, on_alive, k, "FCALL", alive, "2",
                             k->rules_key, k->instances_key, k->instance, NULL))
        k->pending++;
}

/* --- public --- */

struct keeper *keeper_new(uv_loop_t *loop, struct redis_cmd *cmd,
                          const char *prefix, const char *instance,
                          bool follows, const struct keeper_events *events,
                          void *arg)
{
    struct keeper *k = mem_zero(sizeof *k);

    k->cmd = cmd;
    k->follows = follows;
    k->events = *events;
    k->arg = arg;
    snprintf(k->rules_key, sizeof k->rules_key, "%sratelimit:rules", prefix);
    snprintf(k->instances_key, sizeof k->instances_key, "%sratelimit:instances",
             prefix);
    snprintf(k->instance, sizeof k->instance, "%s", instance);
    uv_timer_init(loop, &k->timer);
    k->timer.data = k;
    uv_timer_start(&k->timer, on_timer, KEEPER_ALIVE_MS, KEEPER_ALIVE_MS);
    return k;
}

void keeper_connected(struct keeper *k)
{
    k->listed = false;
    list_function(k);
    /* Seen by the others before the first limit is shared out. */
    uv_timer_start(&k->timer, on_timer, 100, KEEPER_ALIVE_MS);
}

void keeper_disconnected(struct keeper *k)
{
    k->ready = false;
}

void keeper_set_rules(struct keeper *k, struct ruleset *set)
{
    ruleset_unref(k->set);
    k->set = ruleset_ref(set);
    if (k->ready)
        write_rules(k);
}

void keeper_mend_function(struct keeper *k)
{
    if (k->loading)
        return;
    log_warn("function_missing", "library=%s", LIBRARY);
    load_function(k);
    write_rules(k);
}

void keeper_mend_rules(struct keeper *k)
{
    if (k->writing)
        return;
    log_warn("rules_missing", "key=%s", k->rules_key);
    write_rules(k);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct keeper *k = handle->data;

    k->timer_closed = true;
    free_when_done(k);
}

void keeper_sign_off(struct keeper *k)
{
    uv_timer_stop(&k->timer);
    (void)redis_cmd_words(k->cmd, NULL, NULL, "ZREM", k->instances_key,
                          k->instance, NULL);
    redis_cmd_flush(k->cmd);
}

void keeper_close(struct keeper *k)
{
    if (!k)
        return;
    k->closing = true;
    uv_close((uv_handle_t *)&k->timer, on_timer_closed);
}
