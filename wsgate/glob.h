/*
 * glob.h -- match text against a pattern in which '*' is any run of bytes.
 */
#ifndef WSGATE_GLOB_H
#define WSGATE_GLOB_H

#include <stdbool.h>

#include "common/span.h"

bool glob_match(struct span pattern, struct span text);

#endif
