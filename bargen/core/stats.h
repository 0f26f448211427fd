/*
 * stats.h -- bargen's metrics: what the engine counts, and its links.
 */
#pragma once

#include "bargen/core/engine.h"
#include "common/json/json_writer.h"

/* e must live until the last page of metrics. */
void stats_init(struct engine *e);
void stats_bad_line(void);
void stats_bad_entry(void); /* a payload from Redis that is no event */
/* Entries of the journal were taken in; the newest was written at entry_ms. */
void stats_journal(uint64_t entries, int64_t lag_ms);
void stats_checkpoint(uint64_t took_us, uint64_t bytes);
void stats_checkpoint_retried(void);
/* A transaction did not run, since a lease had changed. */
void stats_checkpoint_fenced(void);

/* A log line, at most once a minute, when events were dropped since, or trade
 * ids forgotten. */
void stats_log_drops(const struct engine *e, uint64_t now_ms);

/* Members for instance:bargen:{id}. */
void stats_instance(const struct engine *e, struct json_writer *json);
