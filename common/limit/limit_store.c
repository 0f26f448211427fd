#include "common/limit/limit_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/hash.h"
#include "common/limit/limit_gcra.h"
#include "common/limit/limit_log.h"

enum {
    BUCKETS_FIRST = 1024,
    SWEEP_STEP = 2,  /* buckets looked through for each new key */
    EVICT_LOOK = 64, /* buckets looked through for a victim */
};

struct entry {
    struct entry *next;
    uint64_t hash;
    int64_t forget_us; /* from then on it says nothing any more */
    enum rule_algorithm algorithm;
    union {
        struct limit_log log;
        struct limit_gcra gcra;
    } of;
    size_t name_len, key_len;
    char text[]; /* rule name, then key */
};

struct limit_store {
    struct entry **buckets;
    size_t n_buckets; /* a power of two */
    size_t count, max_keys;
    size_t sweep; /* the next bucket to look through */
    uint64_t evicted;
};

struct limit_store *limit_store_new(size_t max_keys)
{
    struct limit_store *s = mem_zero(sizeof *s);

    s->max_keys = max_keys;
    s->n_buckets = BUCKETS_FIRST;
    s->buckets = mem_zero(s->n_buckets * sizeof(struct entry *));
    return s;
}

static void drop(struct limit_store *s, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    if (e->algorithm == RULE_LOG)
        limit_log_close(&e->of.log);
    free(e);
    s->count--;
}

void limit_store_free(struct limit_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_buckets; i++)
        while (s->buckets[i])
            drop(s, &s->buckets[i]);
    free(s->buckets);
    free(s);
}

size_t limit_store_count(const struct limit_store *s)
{
    return s->count;
}

uint64_t limit_store_evicted(const struct limit_store *s)
{
    return s->evicted;
}

static struct entry **find(struct limit_store *s, const struct rule *rule,
                           struct span key, uint64_t hash)
{
    struct entry **at = &s->buckets[hash & (s->n_buckets - 1)];

    for (; *at; at = &(*at)->next) {
        const struct entry *e = *at;
        if (e->hash == hash && e->name_len == rule->name_len &&
            e->key_len == key.len &&
            memcmp(e->text, rule->name, rule->name_len) == 0 &&
            memcmp(e->text + e->name_len, key.ptr, key.len) == 0)
            break;
    }
    return at;
}

static void grow(struct limit_store *s)
{
    size_t n = s->n_buckets * 2;
    struct entry **buckets = mem_zero(n * sizeof(struct entry *));

    for (size_t i = 0; i < s->n_buckets; i++) {
        for (struct entry *e = s->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = buckets[e->hash & (n - 1)];
            buckets[e->hash & (n - 1)] = e;
        }
    }
    free(s->buckets);
    s->buckets = buckets;
    s->n_buckets = n;
}

/* Look through the next n buckets; forget what is old.  Returns where the entry
 * that would be forgotten first was seen. */
static struct entry **sweep(struct limit_store *s, unsigned n, int64_t clock_us)
{
    struct entry **first = NULL;

    for (unsigned i = 0; i < n; i++) {
        struct entry **at = &s->buckets[s->sweep++ & (s->n_buckets - 1)];
        while (*at) {
            if ((*at)->forget_us <= clock_us) {
                drop(s, at);
                continue;
            }
            if (!first || (*at)->forget_us < (*first)->forget_us)
                first = at;
            at = &(*at)->next;
        }
    }
    return first;
}

static void make_room(struct limit_store *s, int64_t clock_us)
{
    (void)sweep(s, SWEEP_STEP, clock_us);
    while (s->count >= s->max_keys) {
        struct entry **victim = sweep(s, EVICT_LOOK, clock_us);
        if (victim && s->count >= s->max_keys) {
            drop(s, victim);
            s->evicted++;
        }
    }
    if (s->count >= s->n_buckets)
        grow(s);
}

static struct entry *add(struct limit_store *s, const struct rule *rule,
                         struct span key, uint64_t hash, int64_t clock_us)
{
    struct entry *e, **bucket;

    make_room(s, clock_us);
    e = mem_zero(sizeof *e + rule->name_len + key.len);
    e->hash = hash;
    e->algorithm = rule->algorithm;
    e->name_len = rule->name_len;
    e->key_len = key.len;
    memcpy(e->text, rule->name, rule->name_len);
    memcpy(e->text + rule->name_len, key.ptr, key.len);
    bucket = &s->buckets[hash & (s->n_buckets - 1)];
    e->next = *bucket;
    *bucket = e;
    s->count++;
    return e;
}

static struct verdict ask(struct entry *e, const struct limit *limit,
                          int64_t clock_us, int64_t cost, enum limit_mode mode)
{
    return e->algorithm == RULE_LOG
               ? limit_log_ask(&e->of.log, limit, clock_us, cost, mode)
               : limit_gcra_ask(&e->of.gcra, limit, clock_us, cost, mode);
}

/* What an entry that does not exist would answer. */
static struct verdict ask_nothing(const struct rule *rule,
                                  const struct limit *limit, int64_t clock_us,
                                  int64_t cost)
{
    struct entry none = {.algorithm = rule->algorithm};

    return ask(&none, limit, clock_us, cost, LIMIT_PEEK);
}

struct verdict limit_store_ask(struct limit_store *s, const struct rule *rule,
                               const struct limit *limit, struct span key,
                               int64_t clock_us, int64_t cost,
                               enum limit_mode mode)
{
    uint64_t hash = hash_pair(span_make(rule->name, rule->name_len), key);
    struct entry **at = find(s, rule, key, hash), *e = *at;
    struct verdict v;

    /* The rule's algorithm was changed: begin anew, as the function does. */
    if (e && (mode == LIMIT_RESET || e->algorithm != rule->algorithm)) {
        if (mode != LIMIT_PEEK)
            drop(s, at);
        e = NULL;
    }
    if (mode == LIMIT_RESET)
        return (struct verdict){
            .allowed = true, .limit = limit->limit, .remaining = limit->limit};
    if (!e) {
        v = ask_nothing(rule, limit, clock_us, cost);
        /* Denied checks write nothing. */
        if (v.allowed && mode == LIMIT_CHECK && cost > 0)
            e = add(s, rule, key, hash, clock_us);
    }
    if (e) {
        v = ask(e, limit, clock_us, cost, mode);
        if (v.allowed && mode == LIMIT_CHECK && cost > 0)
            e->forget_us = clock_us + limit->window_us;
    }
    if (!v.allowed && rule->shadow) {
        v.allowed = v.shadow_over = true;
        v.retry_after_ms = 0;
    }
    return v;
}

bool limit_store_ask_all(struct limit_store *s, const struct rule *const *rules,
                         const struct limit *limits, unsigned n,
                         struct span key, int64_t clock_us, int64_t cost,
                         enum limit_mode mode, struct verdict *verdicts)
{
    bool all = true;

    for (unsigned i = 0; i < n; i++) {
        verdicts[i] =
            limit_store_ask(s, rules[i], &limits[i], key, clock_us, cost,
                            mode == LIMIT_CHECK ? LIMIT_PEEK : mode);
        all = all && verdicts[i].allowed;
    }
    for (unsigned i = 0; i < n && all && mode == LIMIT_CHECK; i++)
        verdicts[i] = limit_store_ask(s, rules[i], &limits[i], key, clock_us,
                                      cost, LIMIT_CHECK);
    return all;
}
