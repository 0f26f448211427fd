/*
 * options.h -- what the command line and the environment say.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/option.h"

struct options {
    struct app_options app; /* first: see app.h */
    const char *rules;      /* file; NULL: the built-in rules */
    const char *check;      /* RULE of --check RULE KEY */
    const char *key;
    int64_t cost;
    bool check_config;
    bool stdin_on; /* --stdin; without it a pipe or file is read all the same */
    bool linger;
    bool strict;
    bool deny_cache;
    bool queue;
    int http_status; /* index into 403|429 */
    int64_t timeout_ms;
    int64_t max_keys;
    int64_t max_line_bytes;
};

extern const struct cli ratelimitd_cli;

struct options options_default(void);
/* Are questions to be read from standard input? */
bool options_reads_stdin(const struct options *o);
