/*
 * journal.h -- stream entries that Redis has not acknowledged yet, in order.
 *
 * An entry stays here from the moment that it is made until XADD is answered,
 * so that it can be sent again, in the same order, after a lost link.  A
 * retried entry has the same bytes: who reads it twice tells by (src, seq).
 *
 * Of one stream, one entry at a time is in flight: Redis may refuse an entry
 * and take the next one a moment later, and what it took cannot be put behind.
 * What waits meanwhile is joined, so that a stream takes as much as before.
 *
 * Pure: the caller sends.  Acknowledged entries are kept for reuse, so that a
 * batch costs no malloc once things have settled.
 *
 * Ownership   entries belong to the journal; journal_close() frees all
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"

struct journal_entry;

/* One stream; zeroed, with its key, before the first entry. */
struct journal_stream {
    struct span key;
    bool joins; /* an entry may hold several events */
    bool in_flight, listed;
    struct journal_entry *first, *last;
    struct journal_stream *next; /* of those that may have something to send */
};

struct journal_entry {
    struct journal_entry *prev, *next; /* of all streams */
    struct journal_entry *after;       /* of its stream */
    struct journal_stream *stream;
    void *owner;      /* for the reply callback */
    struct bytes run; /* NDJSON, no line feed at the end */
    uint32_t events;
    bool in_flight; /* sent, not answered */
    bool tried;     /* sent before: its bytes must stay */
};

struct journal {
    struct journal_entry *head, *tail;
    struct journal_entry *spare;
    unsigned spares;
    struct journal_stream *due, *due_last; /* may have something to send */
    size_t join_max_bytes; /* entries above take no further event */
    size_t bytes;          /* of all entries that are not acknowledged */
    size_t unsent;         /* entries that are not in flight */
    uint64_t events;       /* in all entries */
};

void journal_close(struct journal *j);
/* A new entry at the end of its stream, not in flight; the caller fills it with
 * journal_append(). */
struct journal_entry *journal_add(struct journal *j, struct journal_stream *s,
                                  void *owner);
/* The entry that the stream's next event goes to: a new one, or the last one
 * where the stream joins and that was never sent. */
struct journal_entry *journal_open(struct journal *j, struct journal_stream *s,
                                   void *owner);
void journal_append(struct journal *j, struct journal_entry *e,
                    struct span payload);
void journal_sent(struct journal *j, struct journal_entry *e);
/* Not answered, or refused for now: it will be sent again, before the others of
 * its stream. */
void journal_returned(struct journal *j, struct journal_entry *e);
/* Answered, or given up. */
void journal_remove(struct journal *j, struct journal_entry *e);
/* The first entry of a stream that has none in flight; NULL: none.  Streams
 * take turns. */
struct journal_entry *journal_due(struct journal *j);
/* The oldest that is not in flight; NULL: none. */
struct journal_entry *journal_oldest_unsent(const struct journal *j);
