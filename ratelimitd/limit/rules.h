/*
 * rules.h -- which limit holds for which rule name and key.
 *
 * Lines of one rule name are tried in file order; the first whose pattern fits
 * the key wins ("*" alone fits all; `*` stands for any run of characters).  A
 * name that no line has, or a key that no line fits, is an error for the one who
 * asks, never an allow.
 *
 * Errors      ERR_CONFIG, naming the line and the member
 * Ownership   rules_close() ends everything that rules_find() gave out
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/limit/rule.h"

enum {
    RULE_STARS_MAX = 2,
    RULES_MAX = 1024,
    RULE_LINES_MAX = 64, /* of one name */
    RULE_WINDOW_MAX_S = 31 * 24 * 3600,
};

struct rules {
    struct rule *at;
    unsigned count;
    unsigned groups;
};

/* text: the file; path: for messages. */
bool rules_read(struct rules *rules, struct span text, const char *path,
                struct err *err);
void rules_default(struct rules *rules); /* api and orders, as in the manual */
void rules_close(struct rules *rules);

/* NULL: no such name (*known false), or no line fits the key. */
const struct rule *rules_find(const struct rules *rules, struct span name,
                              struct span key, bool *known);
/* 1 to RULE_NAME_MAX of A-Z a-z 0-9 _ - . */
bool rule_name_ok(struct span name);
/* Can this be (part of) a Redis key?  Why not, for people, else NULL. */
const char *rule_key_fault(struct span key);

const char *rule_algorithm_name(enum rule_algorithm a);
const char *rule_on_error_name(enum rule_on_error e);

/* A group's lines as function.lua reads them, and the reverse: lines of a name
 * are added to rules.  False: they are not such lines; rules stay as they were. */
bool rules_add_text(struct rules *rules, struct span name, struct span text);
void rules_text(const struct rules *rules, unsigned group, struct bytes *out);
/* Name of a group. */
const char *rules_name(const struct rules *rules, unsigned group);
/* Of everything that function.lua is told. */
uint64_t rules_digest(const struct rules *rules);
/* The whole as a table for people. */
void rules_print(const struct rules *rules, struct bytes *out);
