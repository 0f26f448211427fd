/*
 * quantity.h -- durations and sizes as people write them: 250ms, 64KiB.
 *
 * A whole number and its unit, nothing before, between or after.  Durations
 * need a unit (ms s m h d; plain 0 is allowed), sizes may have one (B K KiB M
 * MiB G GiB kB MB GB).  False: neither, or more than int64_t holds; the result
 * is then left alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool quantity_duration(const char *text, int64_t *ms);
bool quantity_size(const char *text, int64_t *bytes);
