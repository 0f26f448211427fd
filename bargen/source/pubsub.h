/*
 * pubsub.h -- the source that hears what is said now: {prefix}market_data:*.
 *
 * And {prefix}_excluded:*, where a trade id is used up without a trade.
 *
 * For publishers that write no journal.  What is said while nobody listens is
 * lost: after every interruption the open bars are flagged.  It cannot wait, so
 * a pause means nothing to it.
 */
#pragma once

#include "bargen/source/source.h"
#include "common/redis/redis_config.h"

struct pubsub_config {
    const struct redis_config *redis;
    const char *const *symbols; /* n_symbols 0: all there are */
    unsigned n_symbols;
    struct event_rules rules; /* of events */
};

/* What config points to must outlive it. */
struct source *pubsub_new(const struct source_context *to,
                          const struct pubsub_config *config);
