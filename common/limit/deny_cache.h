/*
 * deny_cache.h -- "denied until T" stays true whatever others do.
 *
 * Only a reset or a raised limit could make it false, so an entry lives one
 * second at most.  It answers the same rule, key and cost: a higher cost would be
 * denied too, but for longer than is known here.  A fixed table; a new entry
 * takes the place of an old one.
 *
 * Units       *_us of any monotonic clock that all calls share
 */
#pragma once

#include "common/base/span.h"
#include "common/limit/rule.h"

enum { DENY_CACHE_MAX_US = 1000000, DENY_CACHE_SLOTS = 8192 };

struct deny_cache;

struct deny_cache *deny_cache_new(void);
void deny_cache_free(struct deny_cache *c);

/* v was said between asked_us and now_us. */
void deny_cache_put(struct deny_cache *c, const struct rule *rule,
                    struct span key, int64_t cost, const struct verdict *v,
                    int64_t asked_us, int64_t now_us);
bool deny_cache_get(const struct deny_cache *c, const struct rule *rule,
                    struct span key, int64_t cost, int64_t now_us,
                    struct verdict *out);
void deny_cache_drop(struct deny_cache *c, const struct rule *rule,
                     struct span key);
void deny_cache_clear(struct deny_cache *c); /* rules were changed */
