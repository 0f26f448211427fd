/*
 * json_writer.h -- JSON text written value by value; commas by itself.
 *
 *   struct json_writer w = {.out = &text};
 *   json_write_object(&w, NULL);
 *   json_write_str(&w, "tool", "bargen");
 *   json_write_object_end(&w);               gives {"tool":"bargen"}
 *
 * A key is a literal of the source and goes out as it stands; it is NULL for
 * an element of an array and for the value at the root.  Nesting is the
 * caller's: nothing checks that what was opened is closed.  Text is escaped and
 * must be valid UTF-8.
 *
 * Ownership   a writer is a plain value that borrows `out`; what follows
 *             members that were written before begins with .comma = true
 * Speed       not for what runs once a message: bars, prices, updates, answers
 *             of the rate limit and stamps are put together from fixed pieces
 */
#pragma once

#include "common/base/bytes.h"

struct json_writer {
    struct bytes *out;
    bool comma; /* a value stands before the next one */
};

void json_write_object(struct json_writer *w, const char *key);
void json_write_object_end(struct json_writer *w);
void json_write_array(struct json_writer *w, const char *key);
void json_write_array_end(struct json_writer *w);

void json_write_str(struct json_writer *w, const char *key, const char *text);
void json_write_span(struct json_writer *w, const char *key, struct span text);
void json_write_int(struct json_writer *w, const char *key, int64_t value);
void json_write_uint(struct json_writer *w, const char *key, uint64_t value);
void json_write_bool(struct json_writer *w, const char *key, bool value);
/* At most ten digits: for rates, never for prices. */
void json_write_real(struct json_writer *w, const char *key, double value);
/* A value that is JSON already: a number kept as text, a whole object. */
void json_write_raw(struct json_writer *w, const char *key, struct span json);

/* A string alone, with its quotes. */
void json_quote(struct bytes *out, struct span text);
