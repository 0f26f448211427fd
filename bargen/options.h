/*
 * options.h -- what bargen can be told; the table is in options.c.
 */
#pragma once

#include "bargen/core/engine.h"
#include "bargen/store/group.h"
#include "common/app/app.h"
#include "common/app/option.h"
#include "common/base/err.h"

enum { SOURCE_JOURNAL, SOURCE_PUBSUB };
enum { FROM_START, FROM_NOW };
enum { OPTIONS_SYMBOLS_MAX = 4096 };

struct options {
    struct app_options app; /* must be first */
    bool stdin_events, stdout_bars, tee, strict;
    int source; /* SOURCE_*, where not stdin_events */
    int from;   /* FROM_*, of the journal, where there is no state */
    const char *resolutions, *symbols;
    int price;     /* enum price_source */
    int time_unit; /* enum event_unit, of standard input */
    const char *throttle;
    const char *throttle_from; /* what named it: an option, or a variable */
    char throttle_text[24];    /* room for the same with its unit */
    int64_t grace_ms, correction_ms, max_future_ms;
    bool final_only, fill, skip_first_partial, allow_negative;
    const char *mock;
    int64_t seed;
    int64_t shards, history_max, max_line_bytes;
    /* Worked out by options_check(). */
    struct resolution widths[ENGINE_RESOLUTIONS_MAX];
    unsigned n_widths;
    char **names; /* of --symbols or --mock */
    unsigned n_names;
    int64_t throttle_ms;
    bool throttle_auto; /* slower where nobody hears */
};

extern const struct cli bargen_cli;

struct options options_default(void);
/* What no single option can say; fills the members at the end. */
bool options_check(struct options *o, struct err *err);
void options_close(struct options *o);

/* "250ms", "1s", or a plain number of milliseconds. */
bool options_interval(const char *text, int64_t *ms);
/* "2", "2.0", "0.5": seconds, as BAR_GENERATOR_INTERVAL has them in deployments
 * that are older than this program; exact to the millisecond.  False: no such
 * number, or more than an hour. */
bool options_seconds(const char *text, int64_t *ms);

/* With whom the work can be shared: what makes bars what they are.  The caller
 * closes it. */
void options_group(const struct options *o, struct group *g);
