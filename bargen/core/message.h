/*
 * message.h -- a bar as the JSON message of docs/messages.md.
 *
 * Prices keep the fraction digits that they came with; vwap has two more and
 * is left out without volume.  "partial", "gap", "fill" appear only when true;
 * `source` (NULL: none) becomes a member of the message.
 */
#pragma once

#include "bargen/core/bar.h"
#include "bargen/core/series.h"
#include "common/base/bytes.h"

/* Appends without a line feed. */
void message_bar(struct bytes *out, struct span symbol,
                 const struct resolution *r, const struct bar *bar,
                 enum bar_issue how, const char *source);
