/*
 * fake_clock.h -- time that goes on when a test says so.
 *
 * Takes the place of clock_gettime(2) for libuv and common/base/clock.c; the
 * time of day is the real one.
 */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t fake_mono_ns = INT64_C(1000000000000);

int clock_gettime(clockid_t id, struct timespec *at)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, id, at);
    at->tv_sec = fake_mono_ns / 1000000000;
    at->tv_nsec = fake_mono_ns % 1000000000;
    return 0;
}
