/*
 * store.h -- the limits of many keys, in memory, with a bound.
 *
 * For --no-redis, and for rules that go on locally while Redis is away.  A key
 * whose last charge is a whole window old is forgotten a little later.  When
 * max_keys are there, the one of a few that would be forgotten first makes room:
 * its limit begins anew, which is counted.
 *
 * Units       clock_us: any clock that all calls share
 * Ownership   store_new/store_free
 */
#ifndef RATELIMITD_LIMIT_STORE_H
#define RATELIMITD_LIMIT_STORE_H

#include <stddef.h>

#include "common/base/span.h"
#include "ratelimitd/limit/rules.h"

enum { QUESTION_RULES_MAX = 8 };

struct store;

struct store *store_new(size_t max_keys);
void store_free(struct store *s);
size_t store_count(const struct store *s);
uint64_t store_evicted(const struct store *s);

/* `limit` stands in for the rule's own (a share of it, see limiter.h). */
struct verdict store_ask(struct store *s, const struct rule *rule,
                         const struct limit *limit, struct span key,
                         int64_t clock_us, int64_t cost, enum limit_mode mode);
/* Check all, then charge all or none.  True: all allowed. */
bool store_ask_all(struct store *s, const struct rule *const *rules,
                   const struct limit *limits, unsigned n, struct span key,
                   int64_t clock_us, int64_t cost, enum limit_mode mode,
                   struct verdict *verdicts);

#endif
