/*
 * source.h -- where events come from, whatever that is.
 *
 * A source feeds the engine and says when what it had is in there.  It begins
 * with the first source_resume(): nothing is connected or invented before that.
 * Whoever finds the sink full, in any event, pauses it; what cannot wait
 * (Pub/Sub) goes on all the same.
 *
 * Each source has a header with its constructor; whoever holds one does not
 * know which it is.  A new source is a struct source_ops and its constructor.
 *
 * Ownership   source_close() accepts NULL; it may be called in any event but
 *             on_accepted, and no event follows it
 */
#pragma once

#include <uv.h>

#include "bargen/core/engine.h"
#include "common/base/err.h"

struct source_events {
    /* What it had is in the engine: send what is due. */
    void (*on_drained)(void *arg);
    /* What is in Redis can be read, for the first time or again. */
    void (*on_ready)(void *arg);
    /* It could not be, or cannot be any more; refused: by Redis itself. */
    void (*on_down)(void *arg, const char *why, bool refused);
    /* Redis has answered with an error, and will be asked again. */
    void (*on_unreadable)(void *arg, struct span why);
    /* A line is an event, and not in the engine yet.  NULL: not asked for. */
    void (*on_accepted)(void *arg, struct span line);
    /* The input has ended (err is NULL) or failed; only source_close() may
     * follow. */
    void (*on_end)(void *arg, const struct err *err);
};

/* What every source is given; copied. */
struct source_context {
    uv_loop_t *loop;
    struct engine *engine;
    struct source_events events;
    void *arg;
};

/* What a source can do; NULL where there is nothing to do. */
struct source_ops {
    void (*pause)(void *self);
    void (*resume)(void *self);
    void (*shard)(void *self, unsigned shard, bool ours);
    bool (*caught_up)(const void *self);
    const char *(*fault)(const void *self);
    void (*close)(void *self);
};

struct source {
    const struct source_ops *ops;
    void *self;
};

void source_pause(struct source *s);
void source_resume(struct source *s);
/* The shard's events are wanted from now on, or not any more. */
void source_shard(struct source *s, unsigned shard, bool ours);
/* Nothing waits in it, as far as it knows, so the time of day may close bars. */
bool source_caught_up(const struct source *s);
/* Why it cannot be read; NULL: it can. */
const char *source_fault(const struct source *s);
void source_close(struct source *s);
