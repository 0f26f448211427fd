#include "ratelimitd/redis/pending_check.h"

#include <stdlib.h>

struct ask *ask_new(struct ruleset *set, const struct rule *const *rules,
                    unsigned n, const struct question *q, int64_t now_us,
                    limiter_fn *fn, void *arg)
{
    struct ask *a = mem_alloc(sizeof *a);

    a->set = ruleset_ref(set);
    a->n = n;
    for (unsigned i = 0; i < n; i++)
        a->rules[i] = rules[i];
    memcpy(a->key, q->key.ptr, q->key.len);
    a->key_len = q->key.len;
    a->cost = q->cost;
    a->mode = q->mode;
    a->asked_us = now_us;
    a->probe = false;
    a->fn = fn;
    a->arg = arg;
    return a;
}

void ask_free(struct ask *a)
{
    ruleset_unref(a->set);
    free(a);
}
