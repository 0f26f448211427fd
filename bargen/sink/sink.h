/*
 * sink.h -- where bars go, and when: standard output, or the store in Redis.
 *
 * Final bars leave when they are issued; open ones when a bar was started or
 * issued meanwhile, else --throttle after the last time.  The time of day
 * closes bars here, while nothing older waits in the source.
 *
 * Ownership   sink_to_output() or sink_to_store(), then sink_close(); struct
 *             sink must outlive the loop
 */
#pragma once

#include "bargen/core/engine.h"
#include "bargen/core/wallwatch.h"
#include "bargen/store/store.h"
#include "common/app/tee.h"

struct sink_config {
    uv_loop_t *loop;
    struct store_options store; /* for an output too, as far as it has that */
    bool (*caught_up)(const void *arg); /* the time of day may close bars */
    void *arg;                          /* of the events too */
};

struct sink {
    struct sink_config config;
    struct engine *engine;
    struct tee *out;     /* lines may be copied to it, before their bars */
    uint64_t updated_ms; /* monotonic, of the last updates to out */
    struct store *store;
    uv_timer_t timer; /* bars to close, updates to send */
    struct wallwatch wallwatch;
    bool finishing;
    void (*on_finished)(void *arg);
    void *finished_arg;
};

/* out is the sink's from now on. */
void sink_to_output(struct sink *s, const struct sink_config *config,
                    struct tee *out);
void sink_to_store(struct sink *s, const struct sink_config *config,
                   const struct store_events *events);

/* From the engine. */
void sink_bar(struct sink *s, struct symbol *sym, const struct resolution *r,
              const struct bar *bar, enum bar_issue how);
/* Is it so far behind that the source should wait? */
bool sink_full(const struct sink *s);
/* What has come is in the engine: send what is due. */
void sink_flush(struct sink *s);
/* Send everything, nothing more will come; done(arg) when it has arrived. */
void sink_finish(struct sink *s, void (*done)(void *arg), void *arg);
void sink_close(struct sink *s);
