/*
 * journal.h -- the source that loses nothing: {prefix}journal:{0..n-1}.
 *
 * One blocking XREAD over all shards on a link of its own, from the cursors in
 * the store.  The time of day closes bars only while it has caught up: what
 * lies in the journal comes first.
 *
 * A journal that was trimmed beyond a cursor, or replaced by another, flags the
 * open bars of that shard.
 */
#ifndef BARGEN_SOURCE_JOURNAL_H
#define BARGEN_SOURCE_JOURNAL_H

#include <stdbool.h>

struct bargen;
struct journal;

struct journal *journal_new(struct bargen *b);
/* The store is ready, or has room again. */
void journal_go_on(struct journal *j);
bool journal_ready(const struct journal *j);
/* Nothing was left when it was last read. */
bool journal_caught_up(const struct journal *j);
void journal_close(struct journal *j);

#endif
