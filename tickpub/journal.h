/*
 * journal.h -- stream entries that Redis has not acknowledged yet, in order.
 *
 * An entry stays here from the moment that it is made until XADD is answered,
 * so that it can be sent again, in the same order, after a lost link.  A
 * retried entry has the same bytes: who reads it twice tells by (src, seq).
 *
 * Pure: the caller sends.  Acknowledged entries are kept for reuse, so that a
 * batch costs no malloc once things have settled.
 *
 * Ownership   entries belong to the journal; journal_close() frees all
 */
#ifndef TICKPUB_JOURNAL_H
#define TICKPUB_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/span.h"

struct journal_entry {
    struct journal_entry *prev, *next;
    void *owner;      /* for the reply callback */
    struct span key;  /* stream, outlives the entry */
    struct bytes run; /* NDJSON, no line feed at the end */
    uint32_t events;
    bool is_shard;  /* journal:{n}, not another stream */
    bool in_flight; /* sent, not answered */
};

struct journal {
    struct journal_entry *head, *tail;
    struct journal_entry *spare;
    unsigned spares;
    size_t bytes;    /* of all entries that are not acknowledged */
    size_t unsent;   /* entries that are not in flight */
    uint64_t events; /* in all entries */
};

void journal_close(struct journal *j);
/* A new entry at the end, not in flight; the caller fills it with
 * journal_append(). */
struct journal_entry *journal_add(struct journal *j, struct span key,
                                  void *owner);
void journal_append(struct journal *j, struct journal_entry *e,
                    struct span payload);
void journal_sent(struct journal *j, struct journal_entry *e);
/* Not answered, or refused for now: it will be sent again. */
void journal_returned(struct journal *j, struct journal_entry *e);
/* Answered, or given up. */
void journal_remove(struct journal *j, struct journal_entry *e);
/* The oldest that is not in flight; NULL: none. */
struct journal_entry *journal_oldest_unsent(const struct journal *j);

#endif
