/*
 * mock.h -- a source that invents trades, for work on a front end.
 *
 * A random walk per symbol, the same for the same seed.  It begins
 * MOCK_PAST_HOURS before the full hour, so that a chart has something to show,
 * and goes on with a few trades a second.
 */
#pragma once

#include "bargen/source/source.h"

enum { MOCK_PAST_HOURS = 4 };

struct mock_config {
    const char *const *symbols; /* must outlive it */
    unsigned n_symbols;
    uint64_t seed;
};

struct source *mock_new(const struct source_context *to,
                        const struct mock_config *config);
