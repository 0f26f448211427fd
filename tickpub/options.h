/*
 * options.h -- what tickpub can be told; the table is in options.c.
 */
#ifndef TICKPUB_OPTIONS_H
#define TICKPUB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/app/app.h"
#include "common/app/option.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "tickpub/input/pace.h"

enum { SIMULATED_MAX = 1000, ON_FULL_BLOCK = 0, ON_FULL_DROP_OLDEST = 1 };

struct options {
    struct app_options app; /* must be first */
    const char *feed;       /* NULL: native events */
    const char *simulate;   /* symbols, separated by commas */
    double rate;            /* events a second of all simulated symbols */
    int64_t seed;
    const char *start; /* Unix ms: simulated times begin there; NULL: now */
    int64_t count;     /* simulated events; 0: for ever */
    const char *replay;
    const char *speed;
    bool tee, strict, linger, batch, routes;
    int on_full; /* ON_FULL_* */
    int64_t queue_max_bytes;
    int64_t stale_after_ms;
    int64_t price_ttl_ms;
    int64_t max_future_ms;
    int64_t max_symbols;
    int64_t max_line_bytes;
    int64_t shards;
    int64_t journal_max_bytes;
    int64_t stream_max;
    const char *routes_file;
    /* Worked out by options_check(). */
    struct pace pace;
    int64_t start_ns; /* 0: now */
    struct span *symbols;
    unsigned n_symbols;
};

extern const struct cli tickpub_cli;

struct options options_default(void);
/* What no single option can say; fills the members at the end. */
bool options_check(struct options *o, struct err *err);
void options_close(struct options *o);

#endif
