#include "common/limit/limit_local.h"

void limit_local_decide(struct limit_store *s, const struct limit_check *q,
                        struct outcome *o)
{
    struct limit limits[RULE_CHECK_MAX];

    for (unsigned i = 0; i < q->n; i++)
        limits[i] = q->rules[i]->limit;
    outcome_begin(o, q, OUTCOME_LOCAL);
    o->allowed = limit_store_ask_all(s, q->rules, limits, q->n, q->key,
                                     q->now_us, q->cost, q->mode, o->verdicts);
}

/* An equal share of the limit for each instance, but never nothing. */
static struct limit share_of(const struct rule *rule, unsigned instances)
{
    struct limit share = rule->limit;
    int64_t n = rule->limit.limit / instances;

    if (n < 1)
        n = rule->limit.limit < 1 ? 0 : 1;
    share.limit = n;
    if (rule->algorithm == RULE_GCRA &&
        !limit_make(n, rule->limit.window_us, &share))
        share = rule->limit;
    return share;
}

static struct verdict by_decree(const struct rule *rule, int64_t cost,
                                bool allowed)
{
    struct verdict v = {.allowed = allowed, .limit = rule->limit.limit};

    if (allowed) {
        v.remaining = cost < v.limit ? v.limit - cost : 0;
    } else {
        v.retry_after_ms = 1000; /* when Redis may be back */
        v.reset_ms = rule->limit.window_us / 1000;
    }
    return v;
}

void limit_local_degrade(struct limit_store *s, const struct limit_check *q,
                         unsigned instances, struct span why, struct outcome *o)
{
    const struct rule *local[RULE_CHECK_MAX];
    struct limit limits[RULE_CHECK_MAX];
    struct verdict said[RULE_CHECK_MAX];
    unsigned n_local = 0;
    bool all = true;

    outcome_begin(o, q, OUTCOME_LOCAL);
    o->degraded = true;
    o->why = why;
    for (unsigned i = 0; i < q->n; i++) {
        const struct rule *rule = q->rules[i];
        if (rule->on_error == RULE_LOCAL) {
            local[n_local] = rule;
            limits[n_local++] = share_of(rule, instances);
            continue;
        }
        o->verdicts[i] = by_decree(
            rule, q->cost, rule->on_error == RULE_ALLOW || rule->shadow);
        all = all && o->verdicts[i].allowed;
    }
    /* Denied by decree: look at the others, but charge nothing. */
    if (!limit_store_ask_all(
            s, local, limits, n_local, q->key, q->now_us, q->cost,
            !all && q->mode == LIMIT_CHECK ? LIMIT_PEEK : q->mode, said))
        all = false;
    for (unsigned i = 0, k = 0; i < q->n; i++)
        if (q->rules[i]->on_error == RULE_LOCAL)
            o->verdicts[i] = said[k++];
    o->allowed = all;
}

void limit_local_note(struct limit_store *s, const struct limit_check *q)
{
    for (unsigned i = 0; i < q->n; i++)
        if (q->rules[i]->on_error == RULE_LOCAL)
            (void)limit_store_ask(s, q->rules[i], &q->rules[i]->limit, q->key,
                                  q->now_us, q->cost, q->mode);
}
