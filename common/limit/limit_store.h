/*
 * limit_store.h -- the limits of many keys, in memory, with a bound.
 *
 * For a tool without Redis, and for rules that go on locally while Redis is
 * away.  A key whose last charge is a whole window old is forgotten a little later.  When
 * max_keys are there, the one of a few that would be forgotten first makes room:
 * its limit begins anew, which is counted.
 *
 * Units       clock_us: any clock that all calls share
 * Ownership   limit_store_new/limit_store_free
 */
#pragma once

#include "common/base/span.h"
#include "common/limit/rule.h"

struct limit_store;

struct limit_store *limit_store_new(size_t max_keys);
void limit_store_free(struct limit_store *s);
size_t limit_store_count(const struct limit_store *s);
uint64_t limit_store_evicted(const struct limit_store *s);

/* `limit` stands in for the rule's own: a share of it, say. */
struct verdict limit_store_ask(struct limit_store *s, const struct rule *rule,
                               const struct limit *limit, struct span key,
                               int64_t clock_us, int64_t cost,
                               enum limit_mode mode);
/* Check all, then charge all or none.  True: all allowed. */
bool limit_store_ask_all(struct limit_store *s, const struct rule *const *rules,
                         const struct limit *limits, unsigned n,
                         struct span key, int64_t clock_us, int64_t cost,
                         enum limit_mode mode, struct verdict *verdicts);
