/*
 * feed_message.h -- the members of one message of a feed.
 *
 * Private to feed*.c.
 */
#pragma once

#include "common/event/event.h"
#include "common/feed/feed_map.h"

enum { FEED_FIELDS_MAX = 32 }; /* further members are not looked at */

struct feed_field {
    struct span key, value; /* value with quotes, where it has them */
};

struct feed_message {
    struct span line;
    struct feed_field field[FEED_FIELDS_MAX];
    unsigned fields;
    /* Most keys have one letter: bit c of `letters` says that field[letter[c]]
     * has it. */
    uint64_t letters[2];
    uint8_t letter[128];
    const char *twice; /* a key that was there before, or NULL */
    bool look_closer;  /* scan_unique() must look for others */
    enum event_fault fault;
    const char *fault_at;
};

/* m->line is one JSON object: its members, or those of what it wraps.  False
 * with fault and fault_at set where it is not. */
bool feed_message_read(const struct feed *f, struct feed_message *m);
const struct feed_field *feed_message_find(const struct feed_message *m,
                                           const char *key);
/* Sets what is wrong and where; always false. */
bool feed_message_bad(struct feed_message *m, const char *at,
                      enum event_fault fault);
