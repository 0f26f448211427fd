/*
 * answer.h -- an answer as text: a JSON line, or headers of HTTP.
 */
#ifndef RATELIMITD_LIMIT_ANSWER_H
#define RATELIMITD_LIMIT_ANSWER_H

#include "common/base/bytes.h"
#include "ratelimitd/limit/question.h"

enum answer_source {
    ANSWER_REDIS, /* decided by the function */
    ANSWER_LOCAL, /* in this process: --no-redis, or Redis could not be asked */
    ANSWER_CACHE, /* the function said "denied until" less than 1 s ago */
};

struct outcome {
    const char *error; /* NULL; else nothing below holds but n */
    bool bad_rule;     /* error is: no such rule, or none for this key */
    unsigned n;        /* rules that were asked */
    const struct rule *rules[RULE_CHECK_MAX];
    struct verdict verdicts[RULE_CHECK_MAX];
    bool allowed; /* by all */
    enum answer_source source;
    bool degraded; /* Redis was due and could not be asked */
};

/* The verdict that decides: a denied one with the longest wait, else the one
 * with the least remaining. */
unsigned outcome_deciding(const struct outcome *o);

/* One line with its line feed. */
void answer_json(struct bytes *out, struct span id, bool is_list,
                 const struct outcome *o);
void answer_error(struct bytes *out, struct span id, const char *error);
/* Retry-After, RateLimit-Policy and RateLimit, each line ended by CRLF. */
void answer_headers(struct bytes *out, const struct outcome *o);

#endif
