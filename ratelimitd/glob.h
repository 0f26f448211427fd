/*
 * glob.h -- does a text fit a pattern in which `*` is any run of bytes?
 */
#ifndef RATELIMITD_GLOB_H
#define RATELIMITD_GLOB_H

#include "common/span.h"

bool glob_fits(const char *pattern, struct span text);

#endif
