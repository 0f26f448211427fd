/*
 * report.h -- what came in: counters, and words for what is wrong with a line.
 */
#pragma once

#include "common/event/event.h"
#include "common/json/json_writer.h"

/* Why a line was not accepted, besides enum event_fault. */
enum report_fault {
    REPORT_TOO_LONG = EVENT_FAULTS,
    REPORT_TOO_MANY_NAMES,
    REPORT_FAULTS
};

void report_init(void);
/* A trade that was left out counts as ignored, and by itself. */
void report_accepted(enum event_type type);
/* Counted, but nothing to publish: a feed's heartbeat or control message. */
void report_ignored(void);
/* fault: enum event_fault or enum report_fault. */
void report_bad(unsigned fault);
const char *report_fault_text(unsigned fault);

uint64_t report_lines(void);
uint64_t report_accepted_count(void);
uint64_t report_bad_count(void);
uint64_t report_excluded_count(void);
/* Write the members lines, accepted, bad. */
void report_counts(struct json_writer *json);
