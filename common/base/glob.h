/*
 * glob.h -- match text against a pattern in which '*' is any run of bytes.
 *
 * Only the last star is ever tried again, so the worst case is the product of
 * both lengths, not an exponential.
 */
#pragma once

#include "common/base/span.h"

bool glob_match(struct span pattern, struct span text);
