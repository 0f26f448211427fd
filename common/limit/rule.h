/*
 * rule.h -- a limit with a name, for the keys that fit a pattern.
 *
 * What a check has to know of it: here, in the Redis function and in memory
 * alike.
 */
#pragma once

#include <stddef.h>

#include "common/limit/limit.h"

enum {
    RULE_NAME_MAX = 64,
    RULE_KEY_MAX = 128, /* of the key of a check, and of a pattern */
    RULE_CHECK_MAX = 8, /* rules of one check */
};

enum rule_algorithm { RULE_LOG, RULE_GCRA };
/* What to answer while Redis cannot be asked. */
enum rule_on_error { RULE_ALLOW, RULE_DENY, RULE_LOCAL };

struct rule {
    char name[RULE_NAME_MAX + 1];
    char pattern[RULE_KEY_MAX + 1];
    size_t name_len;
    struct limit limit;
    enum rule_algorithm algorithm;
    enum rule_on_error on_error;
    bool shadow;    /* never denies, but says what it would have denied */
    unsigned group; /* same number, same name; from 0 in order of appearance */
    int line;       /* in the file, for messages */
};
