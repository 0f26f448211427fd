/*
 * answer.h -- an answer as text: a JSON line, or headers of HTTP.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/limit/limit_check.h"
#include "ratelimitd/limit/question.h"

/* The verdict that decides: a denied one with the longest wait, else the one
 * with the least remaining. */
unsigned outcome_deciding(const struct outcome *o);

/* One line with its line feed. */
void answer_json(struct bytes *out, struct span id, bool is_list,
                 const struct outcome *o);
void answer_error(struct bytes *out, struct span id, const char *error);
/* Retry-After, RateLimit-Policy and RateLimit, each line ended by CRLF. */
void answer_headers(struct bytes *out, const struct outcome *o);
