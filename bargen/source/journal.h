/*
 * journal.h -- the source that loses nothing: {prefix}journal:{0..n-1}.
 *
 * One blocking XREAD over the shards that are ours (source_shard(); all, where
 * there is no store) on a link of its own, from the cursors in the store.  Whatever was left when it was last read comes before what the
 * time of day says.
 *
 * Before it reads, and after each reconnect, it compares the streams with its
 * cursors.  A journal that was trimmed beyond a cursor, or replaced by another,
 * flags the open bars of that shard.
 */
#pragma once

#include "bargen/source/source.h"
#include "bargen/store/store.h"

enum { JOURNAL_ENTRIES_MAX = 8 }; /* of one shard in one reply */

struct journal_config {
    const struct redis_config *redis;
    struct store *store; /* has the cursors and must be ready before it is read;
                            NULL: none are kept */
    unsigned shards;
    bool from_now; /* where there is no cursor: not from its beginning */
    struct event_rules rules; /* of events */
};

/* What config points to must outlive it. */
struct source *journal_new(const struct source_context *to,
                           const struct journal_config *config);
