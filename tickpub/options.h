/*
 * options.h -- what tickpub can be told; the table is in options.c.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/option.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "tickpub/input/reader.h"
#include "tickpub/publish/publisher.h"

enum { SIMULATED_MAX = 1000, ON_FULL_BLOCK = 0, ON_FULL_DROP_OLDEST = 1 };

struct options {
    struct app_options app; /* must be first */
    struct reader_options reader;
    struct source_simulation simulation;
    struct publisher_options publish; /* less src */
    const char *simulate;             /* symbols, separated by commas */
    const char *start; /* Unix ms: simulated times begin there; NULL: now */
    const char *speed;
    bool tee, strict, linger, routes;
    int on_full;   /* ON_FULL_* */
    int time_unit; /* enum event_unit */
    const char *routes_file;
    struct span *symbols; /* of simulation */
};

extern const struct cli tickpub_cli;

struct options options_default(void);
/* What no single option can say; fills what depends on several. */
bool options_check(struct options *o, struct err *err);
void options_close(struct options *o);
