#include "common/limit/deny_cache.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/hash.h"

struct slot {
    uint64_t hash;
    int64_t until_us; /* valid before; 0: empty */
    int64_t said_us;  /* the verdict's times count from here */
    int64_t cost;
    struct verdict verdict;
    unsigned group;
    unsigned key_len;
    char key[RULE_KEY_MAX];
};

struct deny_cache {
    struct slot slots[DENY_CACHE_SLOTS];
};

struct deny_cache *deny_cache_new(void)
{
    return mem_zero(sizeof(struct deny_cache));
}

void deny_cache_free(struct deny_cache *c)
{
    free(c);
}

static uint64_t hash_of(const struct rule *rule, struct span key)
{
    return hash_pair(span_make(rule->name, rule->name_len), key);
}

static bool holds(const struct slot *s, uint64_t hash, const struct rule *rule,
                  struct span key)
{
    return s->until_us != 0 && s->hash == hash && s->group == rule->group &&
           s->key_len == key.len && memcmp(s->key, key.ptr, key.len) == 0;
}

void deny_cache_put(struct deny_cache *c, const struct rule *rule,
                    struct span key, int64_t cost, const struct verdict *v,
                    int64_t asked_us, int64_t now_us)
{
    uint64_t hash = hash_of(rule, key);
    struct slot *s = &c->slots[hash % DENY_CACHE_SLOTS];
    int64_t until_us = now_us + DENY_CACHE_MAX_US;

    if (v->allowed || key.len > RULE_KEY_MAX)
        return;
    /* Counted from the question: it was decided no earlier, so the first who
     * could be admitted is not turned away here. */
    if (v->retry_after_ms != LIMIT_NEVER &&
        asked_us + (v->retry_after_ms - 1) * 1000 < until_us)
        until_us = asked_us + (v->retry_after_ms - 1) * 1000;
    if (until_us <= now_us)
        return;
    *s = (struct slot){.hash = hash,
                       .until_us = until_us,
                       .said_us = now_us,
                       .cost = cost,
                       .verdict = *v,
                       .group = rule->group,
                       .key_len = (unsigned)key.len};
    memcpy(s->key, key.ptr, key.len);
}

static int64_t less(int64_t ms, int64_t passed_us)
{
    int64_t left_us = ms * 1000 - passed_us;

    return left_us <= 0 ? 0 : limit_us_to_ms(left_us);
}

bool deny_cache_get(const struct deny_cache *c, const struct rule *rule,
                    struct span key, int64_t cost, int64_t now_us,
                    struct verdict *out)
{
    uint64_t hash = hash_of(rule, key);
    const struct slot *s = &c->slots[hash % DENY_CACHE_SLOTS];

    if (!holds(s, hash, rule, key) || s->cost != cost || now_us >= s->until_us)
        return false;
    *out = s->verdict;
    if (out->retry_after_ms != LIMIT_NEVER)
        out->retry_after_ms = less(out->retry_after_ms, now_us - s->said_us);
    out->reset_ms = less(out->reset_ms, now_us - s->said_us);
    return true;
}

void deny_cache_drop(struct deny_cache *c, const struct rule *rule,
                     struct span key)
{
    uint64_t hash = hash_of(rule, key);
    struct slot *s = &c->slots[hash % DENY_CACHE_SLOTS];

    if (holds(s, hash, rule, key))
        s->until_us = 0;
}

void deny_cache_clear(struct deny_cache *c)
{
    memset(c, 0, sizeof *c);
}
