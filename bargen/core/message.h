/*
 * message.h -- a bar as the JSON message of docs/messages.md.
 *
 * {"type":"bar","symbol":"AAPL","resolution":"1","bar":{"time":1697097600000,
 *  "open":150.0,"high":151.0,"low":149.5,"close":150.5,"volume":1000000,
 *  "count":812,"vwap":150.31,"end":1697097660000,"final":true,"rev":0}}
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
