/*
 * healthcheck.h -- the client behind --healthcheck, for containers.
 *
 * GETs /ready of a running tool and returns the exit status: 0 ready, 1 not
 * (with one line on standard error that says why), 64 and an error where no
 * address is known.  Everything within HEALTHCHECK_MS.  Blocking: nothing else
 * runs.
 */
#pragma once

#include "common/app/option.h"

enum { HEALTHCHECK_MS = 2000 };

/* at: HOST:PORT, or NULL where none is known. */
int healthcheck(const struct cli *cli, const char *at, struct err *err);
