/*
 * lines.h -- events from standard input.
 *
 * Bad lines are counted, reported with their number and column, and skipped;
 * where it is strict the first one ends the source.  Reading begins in the next
 * turn of the loop, unless it is paused before.
 */
#pragma once

#include "bargen/source/source.h"
#include "common/event/event.h"

struct lines_config {
    int fd;
    size_t line_max_bytes;
    bool strict;
    struct event_rules rules;
};

/* NULL: fd cannot be read. */
struct source *lines_new(const struct source_context *to,
                         const struct lines_config *config, struct err *err);
