/*
 * healthcheck.h -- the client behind --healthcheck, for containers.
 *
 * GETs /ready of a running tool and returns the exit status: 0 ready, 1 not
 * (with one line on standard error that says why), 64 where no address is
 * known.  Everything within HEALTHCHECK_MS.  Blocking: nothing else runs.
 */
#pragma once

#include "common/app/option.h"

enum { HEALTHCHECK_MS = 2000 };

/* first: the tool's own address, or NULL for `http`, the value of --http. */
int healthcheck(const struct cli *cli, const char *first, const char *http);
