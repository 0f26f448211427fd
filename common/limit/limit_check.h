/*
 * limit_check.h -- one check of a key against some rules, and what came of it.
 *
 * Ownership   spans and rules are borrowed from whoever asks.  On its way to
 *             Redis a check is a struct pending_check in a struct of theirs,
 *             with copies, as the request is gone by then; the rules must live
 *             until on_outcome
 */
#pragma once

#include "common/base/span.h"
#include "common/limit/rule.h"

struct limit_check {
    const struct rule *const *rules; /* n of them; all must allow */
    unsigned n;
    struct span key; /* up to RULE_KEY_MAX bytes */
    int64_t cost;
    enum limit_mode mode;
    int64_t now_us; /* monotonic */
};

enum outcome_source {
    OUTCOME_REDIS, /* decided by the function */
    OUTCOME_LOCAL, /* in this process: no Redis, or it could not be asked */
    OUTCOME_CACHE, /* the function said "denied until" less than 1 s ago */
};

struct outcome {
    const char *error; /* NULL; else no rule was asked: only this and n hold */
    unsigned n;
    const struct rule *rules[RULE_CHECK_MAX];
    struct verdict verdicts[RULE_CHECK_MAX];
    bool allowed; /* by all */
    enum outcome_source source;
    bool degraded;   /* Redis was due and could not be asked */
    struct span why; /* degraded: for people, the text may be Redis's own */
};

/* Everything but the verdicts and whether all allow. */
static inline void outcome_begin(struct outcome *o, const struct limit_check *q,
                                 enum outcome_source source)
{
    o->error = NULL;
    o->n = q->n;
    for (unsigned i = 0; i < q->n; i++)
        o->rules[i] = q->rules[i];
    o->source = source;
    o->degraded = false;
}

struct pending_check {
    struct limit_check check; /* of what follows; now_us: when it was asked */
    const struct rule *rules[RULE_CHECK_MAX];
    char key[RULE_KEY_MAX];
    unsigned epoch; /* of the rules, see limit_client_forget() */
    bool probe;     /* let through by an open breaker */
    void (*on_outcome)(struct pending_check *p, const struct outcome *o);
};

static inline void pending_check_fill(struct pending_check *p,
                                      const struct limit_check *q)
{
    p->check = *q;
    for (unsigned i = 0; i < q->n; i++)
        p->rules[i] = q->rules[i];
    memcpy(p->key, q->key.ptr, q->key.len);
    p->check.rules = p->rules;
    p->check.key.ptr = p->key;
}
