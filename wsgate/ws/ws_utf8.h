/*
 * ws_utf8.h -- is a text UTF-8, also one of which more is to come.
 *
 * Pure.  A text that grows is read once: whoever keeps it keeps how much of it
 * is known to be good, too.
 *
 * Source      RFC 3629 3; RFC 6455 8.1: who finds a fault closes with 1007
 */
#pragma once

#include "common/base/span.h"

bool ws_utf8_ok(struct span text);

/* The beginning of a text, of which *good bytes are whole characters already:
 * brings *good forward.  False where nothing that may follow makes it UTF-8.
 * The text is complete when true was returned and *good is its length. */
bool ws_utf8_begins(struct span text, size_t *good);
