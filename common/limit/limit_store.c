#include "common/limit/limit_store.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/hash.h"
#include "common/base/table.h"
#include "common/limit/limit_gcra.h"
#include "common/limit/limit_log.h"

enum {
    SWEEP_STEP = 2,  /* buckets looked through for each new key */
    EVICT_LOOK = 64, /* buckets looked through for a victim */
};

struct entry {
    struct node node;
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
    struct table entries;
    size_t max_keys;
    size_t swept; /* buckets */
    uint64_t evicted;
};

static struct entry *entry_of(struct node *n)
{
    return n ? node_of(struct entry, node, n) : NULL;
}

struct limit_store *limit_store_new(size_t max_keys)
{
    struct limit_store *s = mem_zero(sizeof *s);

    s->max_keys = max_keys;
    table_init(&s->entries, NULL);
    return s;
}

static void free_entry(void *unused, struct node *n)
{
    struct entry *e = entry_of(n);

    (void)unused;
    if (e->algorithm == RULE_LOG)
        limit_log_close(&e->of.log);
    free(e);
}

static void drop(struct limit_store *s, struct entry *e)
{
    table_remove(&s->entries, &e->node);
    free_entry(NULL, &e->node);
}

void limit_store_free(struct limit_store *s)
{
    if (!s)
        return;
    table_each(&s->entries, free_entry, NULL);
    table_close(&s->entries);
    free(s);
}

size_t limit_store_count(const struct limit_store *s)
{
    return s->entries.count;
}

uint64_t limit_store_evicted(const struct limit_store *s)
{
    return s->evicted;
}

static struct entry *find(const struct limit_store *s, const struct rule *rule,
                          struct span key, uint64_t hash)
{
    struct entry *e = entry_of(table_first(&s->entries, hash));

    while (e && (e->name_len != rule->name_len || e->key_len != key.len ||
                 memcmp(e->text, rule->name, rule->name_len) != 0 ||
                 memcmp(e->text + e->name_len, key.ptr, key.len) != 0))
        e = entry_of(table_next(&e->node));
    return e;
}

struct sweep {
    struct limit_store *store;
    int64_t clock_us;
    struct entry *first; /* the one that would be forgotten first */
};

static void look(void *arg, struct node *n)
{
    struct sweep *sweep = arg;
    struct entry *e = entry_of(n);

    if (e->forget_us <= sweep->clock_us)
        drop(sweep->store, e);
    else if (!sweep->first || e->forget_us < sweep->first->forget_us)
        sweep->first = e;
}

/* Look through the next few buckets; forget what is old. */
static struct entry *sweep(struct limit_store *s, size_t buckets,
                           int64_t clock_us)
{
    struct sweep sweep = {s, clock_us, NULL};

    table_walk(&s->entries, &s->swept, buckets, look, &sweep);
    return sweep.first;
}

static void make_room(struct limit_store *s, int64_t clock_us)
{
    (void)sweep(s, SWEEP_STEP, clock_us);
    while (s->entries.count >= s->max_keys) {
        struct entry *victim = sweep(s, EVICT_LOOK, clock_us);

        if (victim && s->entries.count >= s->max_keys) {
            drop(s, victim);
            s->evicted++;
        }
    }
}

static struct entry *add(struct limit_store *s, const struct rule *rule,
                         struct span key, uint64_t hash, int64_t clock_us)
{
    struct entry *e;

    make_room(s, clock_us);
    e = mem_zero(sizeof *e + rule->name_len + key.len);
    e->algorithm = rule->algorithm;
    e->name_len = rule->name_len;
    e->key_len = key.len;
    memcpy(e->text, rule->name, rule->name_len);
    memcpy(e->text + rule->name_len, key.ptr, key.len);
    table_put(&s->entries, &e->node, hash);
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
    struct entry *e = find(s, rule, key, hash);
    struct verdict v;

    /* The rule's algorithm was changed: begin anew, as the function does. */
    if (e && (mode == LIMIT_RESET || e->algorithm != rule->algorithm)) {
        if (mode != LIMIT_PEEK)
            drop(s, e);
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
