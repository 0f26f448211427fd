#include "common/base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME) / 1000000;
}

int64_t clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t clock_mono_ns(void)
{
    return (uint64_t)read_clock(CLOCK_MONOTONIC);
}
