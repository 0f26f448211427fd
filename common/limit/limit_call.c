#include "common/limit/limit_call.h"

#include <stdio.h>

void limit_keys_init(struct limit_keys *k, const char *prefix)
{
    snprintf(k->head, sizeof k->head, "%sratelimit:", prefix);
    snprintf(k->rules, sizeof k->rules, "%srules", k->head);
}

/* --- what is sent --- */

static void add_key(struct redis_cmd *cmd, const struct limit_keys *keys,
                    const struct rule *rule, struct span key)
{
    char text[sizeof keys->head + RULE_NAME_MAX + 1 + RULE_KEY_MAX];
    size_t n = strlen(keys->head);

    memcpy(text, keys->head, n);
    memcpy(text + n, rule->name, rule->name_len);
    n += rule->name_len;
    text[n++] = ':';
    memcpy(text + n, key.ptr, key.len);
    redis_cmd_arg(cmd, text, n + key.len);
}

bool limit_call_batch(struct redis_cmd *cmd, const struct limit_keys *keys,
                      struct pending_check *const *checks, unsigned n,
                      redis_reply_fn *fn, void *arg)
{
    if (!redis_cmd_begin(cmd, 4 + 4 * n, fn, arg))
        return false;
    redis_cmd_str(cmd, "FCALL");
    redis_cmd_str(cmd, "tickwire_limit_batch");
    redis_cmd_int(cmd, 1 + (int64_t)n);
    redis_cmd_str(cmd, keys->rules);
    for (unsigned i = 0; i < n; i++)
        add_key(cmd, keys, checks[i]->rules[0], checks[i]->check.key);
    for (unsigned i = 0; i < n; i++) {
        const struct limit_check *p = &checks[i]->check;
        redis_cmd_arg(cmd, p->rules[0]->name, p->rules[0]->name_len);
        redis_cmd_int(cmd, p->cost);
        redis_cmd_str(cmd, limit_mode_name(p->mode));
    }
    return true;
}

static bool call_many(struct redis_cmd *cmd, const struct limit_keys *keys,
                      const struct limit_check *p, redis_reply_fn *fn,
                      void *arg)
{
    if (!redis_cmd_begin(cmd, 5 + 3 * p->n, fn, arg))
        return false;
    redis_cmd_str(cmd, "FCALL");
    redis_cmd_str(cmd, "tickwire_limit_many");
    redis_cmd_int(cmd, 1 + (int64_t)p->n);
    redis_cmd_str(cmd, keys->rules);
    for (unsigned i = 0; i < p->n; i++)
        add_key(cmd, keys, p->rules[i], p->key);
    redis_cmd_str(cmd, limit_mode_name(p->mode));
    for (unsigned i = 0; i < p->n; i++) {
        redis_cmd_arg(cmd, p->rules[i]->name, p->rules[i]->name_len);
        redis_cmd_int(cmd, p->cost);
    }
    return true;
}

static bool call_one(struct redis_cmd *cmd, const struct limit_keys *keys,
                     const struct limit_check *p, redis_reply_fn *fn, void *arg)
{
    const struct rule *rule = p->rules[0];

    if (!redis_cmd_begin(cmd, 9, fn, arg))
        return false;
    redis_cmd_str(cmd, "FCALL");
    redis_cmd_str(cmd, "tickwire_limit");
    redis_cmd_str(cmd, "2");
    redis_cmd_str(cmd, keys->rules);
    add_key(cmd, keys, rule, p->key);
    redis_cmd_arg(cmd, rule->name, rule->name_len);
    redis_cmd_int(cmd, p->cost);
    redis_cmd_str(cmd, limit_mode_name(p->mode));
    redis_cmd_str(cmd, "window");
    return true;
}

bool limit_call_alone(struct redis_cmd *cmd, const struct limit_keys *keys,
                      const struct limit_check *p, redis_reply_fn *fn,
                      void *arg)
{
    return p->n == 1 ? call_one(cmd, keys, p, fn, arg)
                     : call_many(cmd, keys, p, fn, arg);
}

/* --- what comes back --- */

bool limit_call_verdict(const struct redis_reply *reply, struct verdict *v)
{
    if (reply->type != REDIS_ARRAY || reply->count < 5)
        return false;
    for (size_t i = 0; i < reply->count && i < 7; i++)
        if (reply->item[i].type != REDIS_INTEGER)
            return false;
    *v = (struct verdict){
        .allowed = reply->item[0].integer != 0,
        .limit = reply->item[1].integer,
        .remaining = reply->item[2].integer,
        .retry_after_ms = reply->item[3].integer,
        .reset_ms = reply->item[4].integer,
        .shadow_over = reply->count > 5 && reply->item[5].integer != 0,
        .window_ms = reply->count > 6 ? reply->item[6].integer : 0,
    };
    return true;
}

bool limit_call_verdicts(const struct redis_reply *reply, unsigned n,
                         struct outcome *o)
{
    if (n == 1) {
        if (!limit_call_verdict(reply, &o->verdicts[0]))
            return false;
        o->allowed = o->verdicts[0].allowed;
        return true;
    }
    if (reply->type != REDIS_ARRAY || reply->count != n + 1)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!limit_call_verdict(&reply->item[i + 1], &o->verdicts[i]))
            return false;
    o->allowed = reply->item[0].integer != 0;
    return true;
}

bool limit_call_unknown_rule(const struct redis_reply *reply)
{
    return reply->type == REDIS_ERROR_REPLY &&
           span_is(reply->str, "ERR unknown rule");
}

bool limit_call_no_function(const struct redis_reply *reply)
{
    return reply->type == REDIS_ERROR_REPLY &&
           redis_error_of(reply->str) == REDIS_ERR_NOSCRIPT;
}
