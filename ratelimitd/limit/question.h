/*
 * question.h -- one question: may this key do that now?
 *
 *   {"id":1,"rule":"api","key":"alice","cost":1,"mode":"peek"}
 *   {"id":"x","rules":["api","orders"],"key":"alice"}
 *
 * `id` is echoed as it was written; cost is 1 and mode "check" where absent.
 * The usual shape is scanned in place; any other valid JSON is read with
 * jansson, with the same outcome.
 *
 * Ownership   spans point into the line, or into the question's own store
 */
#pragma once

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/json/json.h"
#include "ratelimitd/limit/rules.h"

enum { QUESTION_ID_MAX = 66 /* 64 bytes and quotes */ };

struct question {
    struct span id; /* as written, quotes included; empty where absent */
    struct span rules[RULE_CHECK_MAX];
    unsigned n_rules;
    bool is_list; /* "rules" was given */
    struct span key;
    int64_t cost;
    enum limit_mode mode;
    char store[QUESTION_ID_MAX + RULE_CHECK_MAX * RULE_NAME_MAX + RULE_KEY_MAX +
               32];
};

/* False: err says why (with line and column where it is not JSON); the id is
 * set if it could be read. */
bool question_read(struct question *q, struct span line, struct err *err);
/* From a JSON value; everything is copied to the store.  others: further names
 * that may be there, ended by NULL. */
bool question_from(struct question *q, const json_value *root,
                   const char *const *others, struct err *err);
/* The usual shape only; false: try the long way.  For tests. */
bool question_scan(struct question *q, struct span line);
bool question_mode(struct span name, enum limit_mode *mode);
