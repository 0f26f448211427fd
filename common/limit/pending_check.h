/*
 * pending_check.h -- a check while it is on its way to Redis and back.
 *
 * Part of a struct of whoever asks; a copy, as the request is gone by then.  The
 * rules must live until on_outcome.
 */
#pragma once

#include "common/limit/limit_check.h"

struct pending_check {
    const struct rule *rules[RULE_CHECK_MAX];
    unsigned n;
    unsigned epoch; /* of the rules, see limit_client_forget() */
    char key[RULE_KEY_MAX];
    size_t key_len;
    int64_t cost;
    enum limit_mode mode;
    int64_t asked_us;
    bool probe; /* let through by an open breaker */
    void (*on_outcome)(struct pending_check *p, const struct outcome *o);
};

static inline void pending_check_fill(struct pending_check *p,
                                      const struct limit_check *q)
{
    p->n = q->n;
    for (unsigned i = 0; i < q->n; i++)
        p->rules[i] = q->rules[i];
    memcpy(p->key, q->key.ptr, q->key.len);
    p->key_len = q->key.len;
    p->cost = q->cost;
    p->mode = q->mode;
    p->asked_us = q->now_us;
}

/* The check again, some time later. */
static inline struct limit_check pending_check_at(const struct pending_check *p,
                                                  int64_t now_us)
{
    return (struct limit_check){.rules = p->rules,
                                .n = p->n,
                                .key = span_make(p->key, p->key_len),
                                .cost = p->cost,
                                .mode = p->mode,
                                .now_us = now_us};
}
