/*
 * rule_of.h -- a rule for a test: one name, all keys.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "common/limit/rule.h"

static inline struct rule rule_of(const char *name, int64_t limit,
                                  int64_t window_us,
                                  enum rule_algorithm algorithm)
{
    struct rule r = {
        .pattern = "*", .algorithm = algorithm, .name_len = strlen(name)};

    snprintf(r.name, sizeof r.name, "%s", name);
    assert_true(limit_make(limit, window_us, &r.limit));
    return r;
}
