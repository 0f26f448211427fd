/*
 * clock.h -- the time of day and a clock that never goes back.
 */
#pragma once

#include <stdint.h>

int64_t clock_wall_ms(void); /* Unix milliseconds */
int64_t clock_wall_ns(void);
uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC */
static inline uint64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}
