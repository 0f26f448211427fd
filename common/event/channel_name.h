/*
 * channel_name.h -- the names that clients may use for channels, in one form.
 *
 * A name is parts with colons between them.  A * stands for one whole part, the
 * first excepted; a bare `family:*` stands for all the rest.  Under `bars:` the
 * last part is the resolution, or * for each of them, and all before it the
 * symbol, or *: bars:*:5, bars:AAPL:*, bars:*:* and bars:* are patterns.
 *
 * Of several spellings one is canonical, and Redis, the gateway's tables and
 * the messages that clients get know no other: bars:AAPL:1D is bars:AAPL:D.
 *
 * Pure.  The functions below channel_name_read() take canonical names; with
 * others they are memory-safe and say what the rules above say.
 *
 * Units       names come without the prefix of the keys
 * Errors      *why is one static sentence, for whoever asked
 * Limits      ROUTE_NAME_MAX bytes
 */
#pragma once

#include "common/base/bytes.h"

/* Puts the canonical name into *canonical, in place of what was there.  False:
 * it is no name; *canonical is empty then, and *why says what is wrong. */
bool channel_name_read(struct span in, struct bytes *canonical,
                       const char **why);
/* Does name have the one spelling that is used, and no *? */
bool channel_name_is_canonical(struct span name);

/* Can it be a symbol, an account, a user: 1 to EVENT_NAME_MAX letters? */
bool channel_name_part_ok(struct span part);

bool channel_name_is_pattern(struct span name);
/* The first part with its colon, "bars:"; the whole of a name of one part. */
struct span channel_name_family(struct span name);
/* A pattern, or a name, against a name. */
bool channel_name_matches(struct span pattern, struct span name);
