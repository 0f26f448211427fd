/*
 * option_value.h -- one option's value, from its text.
 *
 * The part that option.c (command line and environment) is built on.
 */
#pragma once

#include "common/app/option.h"

/* Where a value came from, for messages: "--name" or "NAME". */
struct option_origin {
    const char *dashes; /* "--" or "" */
    const char *name;
};

/* Puts it where the row says, within what the row allows. */
bool option_set(const struct option_spec *row, const char *text, void *opts,
                struct option_origin from, struct err *err);
