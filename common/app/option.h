/*
 * option.h -- one table feeds the parser, the environment and --help.
 *
 * Order: the default that is in the struct, then the environment, then the
 * flag.  `--name value`, `--name=value`, `-n value`; flags also `--no-name`.
 * Durations need a unit (250ms, 5s, 2m, 1h, 1d), sizes may have one (64KiB,
 * 1MiB). Secrets come by environment or file, never by argv.
 *
 * Environment: an empty value counts as unset; flags read true/false, 1/0,
 * yes/no, on/off; OPT_STRS and OPT_NETWORKS are lists separated by commas,
 * which a flag replaces.
 *
 * OPT_NETWORKS has an optional value, which is attached: `--name=ADDR/N`.
 * `--name` alone is `--name=true`, `--no-name` is `--name=false`
 * (http_network.h says which networks these words mean).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum option_kind {
    OPT_FLAG,        /* bool */
    OPT_STR,         /* const char *, points into argv or environ */
    OPT_INT,         /* int64_t, within [min, max] where max > min */
    OPT_RATE,        /* double, > 0 */
    OPT_DURATION_MS, /* int64_t, within [min, max] where max > min */
    OPT_SIZE,        /* int64_t bytes, within [min, max] where max > min */
    OPT_CHOICE,      /* int, index into `choices`, "block|drop-oldest" */
    OPT_STRS,        /* struct option_strs, may be repeated */
    OPT_NETWORKS,    /* struct http_networks, may be repeated; value optional */
};

enum { OPTION_STRS_MAX = 32, OPTION_ROWS_MAX = 64 /* of each table */ };

struct option_strs {
    const char *at[OPTION_STRS_MAX];
    unsigned count;
};

struct option_spec {
    char letter; /* 0: none */
    const char *name;
    const char *metavar;
    enum option_kind kind;
    size_t offset;
    const char *env;  /* NULL: none */
    const char *help; /* NULL: --help only names it, at its end */
    const char *choices;
    int64_t min, max;
};

/* `table` ends with a row whose name is NULL. */
struct cli {
    const char *tool;
    const char *synopsis;             /* "[options] < events" */
    const char *summary;              /* one sentence */
    const struct option_spec *table;  /* the tool's own */
    const struct option_spec *common; /* app_option_table, or NULL */
    const char *epilog;               /* examples under the options, or NULL */
    /* HOST:PORT that --healthcheck asks; NULL, or returning NULL: --http. */
    const char *(*health_at)(const void *opts);
    /* Fills what other options or the environment decide; NULL: nothing. */
    void (*settle)(void *opts);
};

/* False: err has the usage error (code 64). */
bool option_env(const struct cli *cli, void *opts, struct err *err);
bool option_argv(const struct cli *cli, int argc, char **argv, void *opts,
                 struct err *err);
/* To stdout; the caller checks that it went out. */
void option_help(const struct cli *cli);
/* Likewise: NAME=value of each row that has a variable, as it now is. */
void option_print_env(const struct option_spec *table, const void *opts);

/* Puts the value that the text is where the row says, within what the row
 * allows.  The error does not name the option. */
bool option_set(const struct option_spec *row, const char *text, void *opts,
                struct err *err);

/* For other variables of the environment. */
bool option_flag(const char *text, bool *value); /* true/false, 1/0, ... */
