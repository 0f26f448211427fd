/*
 * streams.h -- the journal and other streams: XADD until it is answered.
 *
 * What a link loses goes out again, oldest first, when it is back.  What Redis
 * refuses for now (out of memory, loading) holds all entries back for a second;
 * what it refuses for good (a key of another kind) is counted and given up.
 * Each stream keeps its order: of one stream, one entry at a time is in flight.
 *
 * Ownership   embedded in its owner; streams_close() before that is freed
 */
#pragma once

#include <uv.h>

#include "common/redis/redis_cmd.h"
#include "tickpub/publish/batch.h"
#include "tickpub/publish/journal.h"

struct streams_options {
    unsigned shards;
    int64_t journal_max_bytes; /* of all journal:{n} together, about */
    int64_t stream_max;        /* entries of each other stream, about */
    size_t join_max_bytes;     /* entries of shards grow to here, about */
};

struct streams {
    struct streams_options options;
    struct redis_cmd *cmd;
    struct journal journal;
    size_t entry_bytes; /* mean size of the shards' entries */
    bool holding;       /* retry is armed */
    bool closing;
    uv_timer_t retry;
    void (*on_change)(void *arg); /* something was settled or may go out */
    void (*on_closed)(void *arg);
    void *arg;
};

void streams_init(struct streams *s, uv_loop_t *loop,
                  const struct streams_options *options,
                  void (*on_change)(void *arg), void *arg);
/* Of a shard, events join the entry that waits; of other streams, each event is
 * an entry.  Not sent yet. */
void streams_add(struct streams *s, const struct batch *b);
/* The next entry of each stream that has none in flight, as far as the link
 * takes them. */
void streams_send(struct streams *s);
/* A new connection: what was held back may go. */
void streams_link_up(struct streams *s);
/* The oldest entry that is not in flight is forgotten; returns its events, 0
 * where there is none. */
uint64_t streams_drop_oldest(struct streams *s);
/* on_closed(arg) once the struct may be freed; replies must be over by then. */
void streams_close(struct streams *s, void (*on_closed)(void *arg));
/* After that. */
void streams_free(struct streams *s);
